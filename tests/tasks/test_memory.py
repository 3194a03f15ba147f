"""Memory that is used again once nobody holds what was there."""

from __future__ import annotations

import torch
from torch import nn

from tasks.memory import PLACES, Reused

CPU = torch.device("cpu")


def test_memory_that_nobody_holds_is_used_again() -> None:
    memory = Reused()
    first = memory.empty(4, 5, device=CPU)
    place = first.data_ptr()
    assert first.shape == (4, 5)
    assert first.dtype == torch.float32
    del first
    assert memory.empty(5, 4, device=CPU).data_ptr() == place


def test_memory_that_a_view_holds_is_not() -> None:
    memory = Reused()
    corner = memory.empty(4, 5, device=CPU).fill_(1.0)[:1, :1].t()
    others = [memory.empty(4, 5, device=CPU).fill_(2.0) for _ in range(5)]
    assert len({other.data_ptr() for other in others}) == 5
    assert corner.item() == 1.0


def test_memory_that_a_graph_holds_is_not() -> None:
    memory, linear = Reused(), nn.Linear(5, 1, bias=False)
    output = linear(memory.empty(4, 5, device=CPU).fill_(1.0))
    for _ in range(3):
        memory.empty(4, 5, device=CPU).fill_(2.0)
    output.sum().backward()
    assert linear.weight.grad.tolist() == [[4.0] * 5]


def test_a_loop_that_holds_one_batch_while_it_asks_for_the_next_needs_two_places() -> None:
    memory, places = Reused(), set()
    batch = None
    for _ in range(10):
        batch = memory.empty(1000, device=CPU)
        places.add(batch.data_ptr())
    assert len(places) == PLACES == 2


def test_another_size_takes_the_place_of_what_is_free() -> None:
    memory = Reused()
    memory.empty(10, device=CPU)
    held = memory.empty(20, device=CPU).fill_(1.0)
    assert memory.empty(30, device=CPU).shape == (30,)
    assert sorted(len(block) for block in memory._blocks) == [20, 30]
    assert held.sum() == 20


def test_other_devices_have_allocators_of_their_own() -> None:
    assert Reused().empty(2, 3, device=torch.device("meta")).device.type == "meta"
