"""Subnormal numbers are zero in every kind of thread that computes, and only inside the scope."""

from __future__ import annotations

import threading
import warnings

import numpy
import pytest
import torch
from torch import Tensor, nn

from architectures import SRU, CoRNN, IndRNN, UnICORNN
from architectures.kernels import library, subnormals, team
from architectures.kernels.subnormals import flushed, measured

USABLE, REASON = library.state()
THREADS = 2
SHAPE = 40, 64, 128
"""(L, N, H), large enough that torch and the compiled recurrences give every thread a part."""


@pytest.fixture(autouse=True)
def _a_pool_of_threads_exists():
    """Threads that were born before the scope begins: the ones that a switch of the calling thread does not reach."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    torch.randn(1 << 20).mul_(2)
    if team.parallel() is None:
        pytest.skip("the OpenMP runtime of this torch cannot be found")
    yield
    torch.set_num_threads(before)


def subnormal(*shape: int) -> Tensor:
    return torch.full(shape, 1000, dtype=torch.int32).view(torch.float32)  # 1.4e-42


def kept(values: Tensor) -> int:
    """How many numbers are not zero, whatever the calling thread makes of subnormals."""
    return int(values.detach().contiguous().view(torch.int32).bitwise_and(0x7FFFFFFF).count_nonzero())


def elementwise() -> Tensor:
    return subnormal(1 << 20) * 0.5


def matrix_product() -> Tensor:
    return subnormal(512, 512) @ torch.eye(512)


def gradient() -> Tensor:
    inputs = torch.ones(1 << 20, requires_grad=True)
    (inputs * 0.5).backward(subnormal(1 << 20))
    return inputs.grad


def linear_gradient() -> Tensor:
    layer = nn.Linear(512, 512)
    layer(torch.ones(512, 512)).backward(subnormal(512, 512))
    return layer.weight.grad


def in_another_thread() -> Tensor:
    found: list[Tensor] = []
    thread = threading.Thread(target=lambda: found.append(elementwise()))
    thread.start()
    thread.join()
    return found[0]


WORK = [elementwise, matrix_product, gradient, linear_gradient, in_another_thread]


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_what_torch_computes_is_zero_in_the_scope_and_only_there(work):
    assert kept(work()), "the scope would have nothing to flush"
    with flushed() as found:
        assert found == "flushed"
        assert kept(work()) == 0
    assert kept(work())


@pytest.mark.skipif(not USABLE, reason=REASON)
@pytest.mark.parametrize(
    ("layer", "hyper"), [(IndRNN, {}), (SRU, {}), (UnICORNN, {"dt": 0.1, "alpha": 1.0}), (CoRNN, {"dt": 0.1})]
)
def test_the_compiled_recurrences_keep_no_subnormal(layer, hyper):
    """Forward from subnormal inputs, and backward from subnormal gradients: outputs and gradients of all sizes."""

    def gradients() -> list[Tensor]:
        torch.manual_seed(0)
        made = layer(SHAPE[2], SHAPE[2], backend="cpu", **hyper)
        inputs = torch.randn(SHAPE, requires_grad=True)
        made(inputs)[0].backward(subnormal(*SHAPE))
        return [inputs.grad, *(one.grad for one in made.parameters() if one.grad is not None)]

    assert sum(map(kept, gradients())), "the scope would have nothing to flush"
    with flushed():
        assert sum(map(kept, gradients())) == 0


def test_a_switch_of_the_calling_thread_alone_is_seen_as_mixed():
    """Why the OpenMP threads are switched one by one."""
    torch.set_flush_denormal(True)
    try:
        assert measured() == "mixed"
    finally:
        torch.set_flush_denormal(False)
    assert measured() == "kept"


def test_scopes_within_scopes_end_as_they_began():
    with flushed():
        with flushed(False) as found:
            assert found == "kept"
        assert measured() == "flushed"
        with pytest.raises(RuntimeError), flushed():
            raise RuntimeError
        assert measured() == "flushed"
    assert measured() == "kept"


def test_numpy_does_not_complain_of_its_smallest_subnormal():
    numpy.finfo.__dict__["_finfo_cache"].clear()
    subnormals._ask_numpy_first.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with flushed():
            assert numpy.finfo(numpy.float32).smallest_subnormal == numpy.float32(1e-45)
            assert numpy.finfo(numpy.float64).bits == 64


def test_results_are_the_same_bit_for_bit_each_time():
    def train() -> list[Tensor]:
        torch.manual_seed(0)
        layer = nn.LSTM(1, 16)
        layer(torch.randn(300, 64, 1))[0][-1].sum().backward()
        return [one.grad for one in layer.parameters()]

    with flushed():
        assert all(map(torch.equal, train(), train()))
