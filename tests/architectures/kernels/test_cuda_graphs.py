"""What is replayed instead of launched: which graphs are kept, dropped and refused; a stand-in for those of CUDA."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from architectures.kernels.cuda import graphs
from architectures.kernels.cuda.graphs import Cache, Refused, Stretch, pieces, possible


class Listed:
    """In place of a CUDA graph: the work, done again at every replay; `made` counts them."""

    made = 0

    def __init__(self, work: Callable[[], None], side: object) -> None:
        type(self).made += 1
        work()
        self.replay = work


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch):
    monkeypatch.setattr(Listed, "made", 0)
    monkeypatch.setattr(graphs, "Graph", Listed)
    monkeypatch.setattr(graphs, "_side", lambda: None)
    monkeypatch.delenv(graphs.SWITCH, raising=False)


def doubling(buffers: Mapping[str, Tensor], count: int) -> None:
    """Every step doubles what is carried, and leaves it."""
    for t in range(count):
        buffers["carried"].mul_(2)
        buffers["output"][t] = buffers["carried"]


def stretch(steps: graphs.Steps = doubling) -> Stretch:
    buffers = {"carried": torch.ones(()), "output": torch.zeros(graphs.LONGEST)}
    return Stretch(buffers, ("carried", "output"), steps)


@pytest.mark.parametrize("length", [0, 1, 2, 63, 64, 65, 784, 17_984])
def test_pieces_cover_every_step_once_with_few_sizes(length):
    found = list(pieces(length))
    assert [first for first, _ in found] == [sum(count for _, count in found[:place]) for place in range(len(found))]
    assert sum(count for _, count in found) == length
    assert {count for _, count in found} <= {1, 2, 4, 8, 16, 32, 64}
    assert len(found) <= length // 64 + 6


def test_recording_leaves_no_trace():
    one = stretch()
    one.replay(3)
    assert one.buffers["carried"] == 8
    assert one.buffers["output"][:4].tolist() == [2, 4, 8, 0]
    one.replay(3)
    one.replay(1)
    assert one.buffers["carried"] == 128
    assert Listed.made == 2  # one for each number of steps


def test_what_is_not_a_number_may_be_replayed():
    one = stretch()
    one.buffers["carried"].fill_(float("nan"))
    one.replay(2)
    assert one.buffers["output"][:2].isnan().all()


def test_a_graph_that_computes_otherwise_is_refused():
    calls = []

    def changing(buffers: Mapping[str, Tensor], count: int) -> None:
        calls.append(count)
        buffers["output"].fill_(len(calls))

    with pytest.raises(Refused, match="gave other results"):
        stretch(changing).replay(1)


def test_what_cannot_be_recorded_is_refused_once_with_a_warning(monkeypatch):
    class Broken:
        def __init__(self, work, side):
            raise RuntimeError("operation not permitted\nwhen stream is capturing")

    monkeypatch.setattr(graphs, "Graph", Broken)
    cache = Cache()
    with (
        pytest.warns(RuntimeWarning, match="recorded: operation not permitted when stream is capturing; the steps"),
        pytest.raises(Refused),
        cache.stretch("key", 4, stretch) as one,
    ):
        one.replay(1)
    assert len(cache) == 0
    with pytest.raises(Refused), cache.stretch("key", 4, stretch):
        pytest.fail("it was refused before")
    with cache.stretch("another", 4, stretch):
        assert "another" in cache
    cache.clear()
    with cache.stretch("key", 4, stretch):
        assert "key" in cache


def test_no_memory_is_a_refusal():
    def build() -> Stretch:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with (
        pytest.warns(RuntimeWarning, match="finds no memory"),
        pytest.raises(Refused),
        Cache().stretch("key", 4, build),
    ):
        pytest.fail("there is none")


def test_those_used_least_lately_are_dropped_and_not_while_they_run(monkeypatch):
    size, waited = graphs.bytes_of(stretch().buffers), []
    cache = Cache(memory=2 * size + 1)
    monkeypatch.setattr(graphs, "_synchronize", lambda dropped: waited.append(len(cache)))
    for key in ("a", "b", "a", "c"):
        with cache.stretch(key, size, stretch):
            pass
    assert [key in cache for key in "abc"] == [True, False, True]
    assert cache.bytes() == 2 * size
    assert waited == [2]


def test_a_graph_is_dropped_when_its_device_is_idle(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    place = torch.device("cuda:1")
    graphs._synchronize(SimpleNamespace(device=lambda: place))
    graphs._synchronize(stretch())  # on the CPU there is nothing to wait for
    assert waited == [place]


def test_one_side_stream_and_one_pool_for_every_stream_of_a_device(monkeypatch):
    monkeypatch.undo()
    place, handles = SimpleNamespace(device=0, stream=7), iter(range(9))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: place.device)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: SimpleNamespace(cuda_stream=place.stream))
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: SimpleNamespace(device=device))
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, next(handles)))
    graphs._side_of.cache_clear()
    first = graphs._side()
    assert graphs._side() is first
    place.stream = 8
    assert graphs._side().pool != first.pool
    place.device, place.stream = 1, 7
    assert graphs._side().stream.device == 1
    graphs._side_of.cache_clear()


def test_there_are_not_too_many():
    cache = Cache(most=3)
    for key in range(10):
        with cache.stretch(key, 1, stretch):
            pass
    assert [key for key in range(10) if key in cache] == [7, 8, 9]


def test_what_would_not_fit_is_launched_without_a_word(recwarn):
    cache = Cache(memory=100)
    with pytest.raises(Refused), cache.stretch("key", 101, stretch):
        pytest.fail("it does not fit")
    assert not recwarn.list


def test_another_error_passes_through():
    cache = Cache()
    with pytest.raises(ZeroDivisionError), cache.stretch("key", 4, stretch):
        raise ZeroDivisionError
    assert "key" in cache


@pytest.mark.parametrize(("switch", "expected"), [(None, True), ("", True), ("1", True), ("0", False)])
def test_the_switch(switch, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    if switch is not None:
        monkeypatch.setenv(graphs.SWITCH, switch)
    assert possible(torch.device("cuda:0")) == expected
    assert not possible(torch.device("cpu"))


def test_another_word_is_refused(monkeypatch):
    monkeypatch.setenv(graphs.SWITCH, "off")
    with pytest.raises(ValueError, match="HARNESS_CUDA_GRAPHS must be 0 or 1, got 'off'"):
        possible(torch.device("cuda:0"))


def test_within_a_capture_the_steps_are_launched_into_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    assert not possible(torch.device("cuda:0"))


def test_a_graph_is_captured_on_a_side_stream_after_the_work_was_done_once(monkeypatch):
    monkeypatch.undo()
    told: list[object] = []

    @contextmanager
    def within(stream):
        told.append(f"into {stream.name}")
        yield
        told.append(f"out of {stream.name}")

    def captured(work, stream, pool):
        told.append(("captured", stream.name, pool))
        return SimpleNamespace(replay=lambda: told.append("replay")), work()

    current = SimpleNamespace(wait_stream=lambda stream: told.append(("current waits for", stream.name)))
    side = graphs.Side(SimpleNamespace(name="side", wait_stream=lambda stream: told.append("side waits")), (0, 3))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: current)
    monkeypatch.setattr(torch.cuda, "stream", within)
    monkeypatch.setattr(graphs, "capture", captured)
    graphs.Graph(lambda: told.append("work"), side).replay()
    once = ["side waits", "into side", "work", "out of side", ("current waits for", "side")]
    assert told == [*once, ("captured", "side", (0, 3)), "work", "replay"]


@pytest.mark.parametrize(
    ("length", "captures", "refused"), [(4096, True, False), (4097, True, True), (17_984, False, False)]
)
def test_a_graph_of_the_caller_takes_so_many_steps(length, captures, refused, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: captures)
    if refused:
        with pytest.raises(RuntimeError, match="at most 4,096 steps of coRNN, and this sequence has 4,097"):
            graphs.check_captured(torch.device("cuda:0"), length)
    else:
        graphs.check_captured(torch.device("cuda:0"), length)
