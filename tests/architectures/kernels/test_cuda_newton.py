"""UnICORNN's sweep forward that is parallel in time, on the host: a warp as a loop over its lanes."""

import pytest
import torch

from architectures.kernels import accuracy, cuda, library
from architectures.kernels.cuda import sweeps
from architectures.kernels.cuda.geometry import by_newton
from architectures.unicornn import unicornn_eager

from .test_cuda_emulated import EPS, SETTINGS, gpu, guarded, inputs, off, results

__all__ = ["gpu", "guarded"]

USABLE, TOLD = library.state()
pytestmark = pytest.mark.skipif(not USABLE, reason=TOLD)  # where that can be built, a host compiler is there


@pytest.fixture
def newton(gpu):
    gpu.newton = True
    return gpu


@pytest.mark.parametrize("memory", ["high", "low"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("size", [(1, 1, 1), (31, 2, 5), (64, 1, 33), (67, 3, 5), (300, 2, 9), (70, 0, 4)])
def test_odd_sizes(size, dtype, memory, newton, guarded):
    given = inputs("unicornn", *size, dtype)
    exact = results(unicornn_eager, "unicornn", [tensor.double() for tensor in given])
    assert off(results(cuda.unicornn, "unicornn", given, memory=memory), exact) <= 32 * EPS[dtype]
    assert guarded.untouched()
    assert [name for name, _ in newton.seen if "forward" in name] == (["forward_newton"] if size[1] else [])


@pytest.mark.parametrize(("segments", "times"), [(False, 1), (True, 2)], ids=["one sweep back", "segments back"])
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.title)
def test_no_further_off_than_plain_pytorch(setting, segments, times, newton, monkeypatch):
    """Parallel in time both forward and backward, at most twice as far; mostly it is ten times nearer."""
    newton.segments = segments
    monkeypatch.setitem(accuracy.COMPILED, "unicornn", cuda.unicornn)
    length, _, width = setting.sizes
    small = accuracy.Setting(setting.title, setting.operation, (length, 1, min(width, 24)), setting.constants)
    eager, ours = accuracy.errors(small)
    few = 4 * EPS[torch.float32]  # below it both are as good as float32 is
    assert {name: error for name, error in ours.items() if not error <= times * max(eager[name], few)} == {}
    assert "forward_newton" in [name for name, _ in newton.seen]


def oscillators(length, w, s, dtype=torch.float64):
    """Drive, w, s, bias and states of four units in two sequences, with all weights alike."""
    random = torch.Generator().manual_seed(1)
    drive = torch.randn(length, 2, 4, generator=random, dtype=dtype)
    state = [torch.randn(2, 4, generator=random, dtype=dtype) for _ in range(2)]
    return [
        drive,
        torch.full((4,), w, dtype=dtype),
        torch.full((4,), s, dtype=dtype),
        torch.zeros(4, dtype=dtype),
        *state,
    ]


@pytest.mark.parametrize(("w", "s"), [(0.5, 0.01), (0.5, 0.5), (0.5, 1.0), (40.0, 0.3), (-1.5, 0.2), (0.0, 0.1)])
def test_every_length_of_a_chunk_and_those_that_do_not_converge(w, s, newton):
    """From 256 steps at once down to 32, of which the stiffest are taken step by step."""
    given = oscillators(300, w, s)
    exact, found = (results(form, "unicornn", given)[:3] for form in (unicornn_eager, cuda.unicornn))
    assert off(found, exact) <= 1e-9


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_stays_in_its_chain_and_begins_where_it_begins(bad, newton):
    given = oscillators(100, 0.5, 0.1, torch.float32)
    given[0][40, 1, 2] = bad
    exact, found = (results(form, "unicornn", given)[0] for form in (unicornn_eager, cuda.unicornn))
    assert torch.equal(found.isfinite(), exact.isfinite())


def test_bits_do_not_depend_on_the_geometry_or_the_order_of_threads(newton):
    given, found = inputs("unicornn", 300, 4, 9, torch.float32), []
    for newton.multiprocessors, newton.reversed in ((1, False), (132, False), (132, True)):
        found.append(results(cuda.unicornn, "unicornn", given))
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_bfloat16_in_memory_with_a_state_in_float32(newton, guarded):
    given = inputs("unicornn", 200, 3, 17, torch.bfloat16)
    exact = results(unicornn_eager, "unicornn", [tensor.double() for tensor in given])
    found = results(cuda.unicornn, "unicornn", given)
    assert guarded.untouched()
    assert off(found[:1], exact[:1]) <= 0.51 * EPS[torch.bfloat16]


def test_it_is_chosen_where_chains_are_few():
    assert by_newton(256, 17_984, 132)  # EigenWorms on an H100
    assert not by_newton(8192, 784, 132)  # psMNIST
    assert not by_newton(256, 20, 132)
    assert sweeps.by_newton is by_newton
