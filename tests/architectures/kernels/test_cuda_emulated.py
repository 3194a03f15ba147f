"""The CUDA source of the elementwise recurrences, compiled for the host, with grid and blocks as loops.

What runs is the source of the kernels, their launch geometry, the arguments and strides as Python hands them over, and
the operators around them; against plain PyTorch in float64. What doesn't run is a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from architectures import kernels
from architectures.indrnn import indrnn_eager
from architectures.kernels import accuracy, cuda, elementwise, library
from architectures.kernels.cuda import sweeps
from architectures.kernels.cuda.geometry import blocks, by_segments
from architectures.sru import sru_eager
from architectures.unicornn import unicornn_eager

USABLE, TOLD = library.state()
pytestmark = pytest.mark.skipif(not USABLE, reason=TOLD)  # where that can be built, a host compiler is there

FORMS: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]] = {
    "unicornn": (cuda.unicornn, unicornn_eager, (2.0,)),
    "indrnn relu": (cuda.indrnn, indrnn_eager, ("relu",)),
    "indrnn tanh": (cuda.indrnn, indrnn_eager, ("tanh",)),
    "sru identity": (cuda.sru, sru_eager, ("identity",)),
    "sru tanh": (cuda.sru, sru_eager, ("tanh",)),
    "sru relu": (cuda.sru, sru_eager, ("relu",)),
}
EPS = {torch.float32: 2.0**-23, torch.float64: 2.0**-52, torch.bfloat16: 2.0**-7}
SETTINGS = [setting for setting in accuracy.SETTINGS if setting.operation == "unicornn"]


class Emulated(torch.autograd.Function):
    """The operator, as torch would call the CUDA kernels of it."""

    @staticmethod
    def forward(ctx, *inputs):
        output = sweeps.forward(*inputs)
        elementwise._remember(ctx, inputs, output)
        return output

    @staticmethod
    def backward(ctx, *gradients):
        return elementwise._gradients(ctx, *gradients)


@pytest.fixture
def guarded(poisoned, monkeypatch):
    monkeypatch.setattr(elementwise, "_empty", poisoned)
    return poisoned


@pytest.fixture
def gpu(launches, monkeypatch):
    monkeypatch.setattr(sweeps, "launch", launches)
    monkeypatch.setattr(sweeps, "multiprocessors", lambda device: launches.multiprocessors)
    monkeypatch.setattr(sweeps, "by_segments", lambda *sizes: launches.segments)
    monkeypatch.setattr(sweeps, "by_newton", lambda *sizes: launches.newton)
    monkeypatch.setattr(torch.ops.harness, "sweep", Emulated.apply)
    monkeypatch.setattr(torch.ops.harness, "sweep_backward", sweeps.backward)
    return launches


def inputs(form: str, length: int, batch: int, width: int, dtype: torch.dtype, seed: int = 0) -> list[Tensor]:
    """What the operation takes, state and all; every recurrence is stable at these weights."""
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64).to(dtype)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=random, dtype=torch.float64).to(dtype)

    state, drive = normal(batch, width), normal(length, batch, width)
    if form == "unicornn":
        return [drive, uniform(width), (0.01 + 0.1 * uniform(width)), normal(width), state, normal(batch, width)]
    if form.startswith("indrnn"):
        return [drive, 1.8 * uniform(width) - 0.9, normal(width), state]
    return [normal(length, batch, 3 * width), drive, normal(2, width) / 2, normal(2, width), state]


def results(function: Callable[..., Any], form: str, tensors: list[Tensor], **keywords: Any) -> list[Tensor]:
    """Output, final states, and the gradients of all inputs for random gradients of output and final states."""
    tensors = [tensor.detach().requires_grad_() for tensor in tensors]
    constants = FORMS[form][2]
    if form == "unicornn":
        output, final = function(*tensors[:4], (tensors[4], tensors[5]), *constants, **keywords)
        found = [output, *final]
    else:
        found = list(function(*tensors, *constants, **keywords))
    random = torch.Generator().manual_seed(99)
    outside = [torch.randn(part.shape, generator=random, dtype=torch.float64).to(part) for part in found]
    return [*(part.detach() for part in found), *torch.autograd.grad(found, tensors, outside)]


def off(actual: list[Tensor], exact: list[Tensor]) -> float:
    """The largest error, relative to the largest value of each tensor or to 1; infinite where anything is NaN."""
    errors = [0.0]
    for a, e in zip(actual, exact, strict=True):
        assert a.shape == e.shape
        if e.numel():
            errors.append(float((a.double() - e).abs().max() / max(float(e.abs().max()), 1.0)))
    return max(errors) if all(error == error for error in errors) else float("inf")


@pytest.mark.parametrize("memory", ["high", "low"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("size", [(1, 1, 1), (3, 2, 5), (16, 1, 33), (67, 3, 5), (129, 2, 65), (200, 33, 3), (5, 0, 4)])
@pytest.mark.parametrize("form", FORMS)
def test_odd_sizes(form, size, dtype, memory, gpu, guarded):
    given = inputs(form, *size, dtype)
    exact = results(FORMS[form][1], form, [tensor.double() for tensor in given])
    found = results(FORMS[form][0], form, given, memory=memory)
    assert off(found, exact) <= 32 * EPS[dtype]
    assert guarded.untouched()
    assert kernels.counts()[form.split()[0], "cuda"] == 1
    names = [name for name, _ in gpu.seen]
    expected = ["forward", "backward_low" if memory == "low" else "backward", "add_rows"] if size[1] else []
    assert names == expected + ["add_rows"] * (size[1] > 32)


SEGMENTS = ["segment_maps", "segment_ends", "segment_backward"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("size", [(1, 1, 1), (64, 2, 5), (67, 3, 5), (129, 1, 33), (320, 7, 9), (70, 0, 4)])
@pytest.mark.parametrize("form", FORMS)
def test_backward_by_segments(form, size, dtype, gpu, guarded):
    gpu.segments = True
    given = inputs(form, *size, dtype)
    exact = results(FORMS[form][1], form, [tensor.double() for tensor in given])
    assert off(results(FORMS[form][0], form, given), exact) <= 32 * EPS[dtype]
    assert guarded.untouched()
    assert [name for name, _ in gpu.seen if name != "add_rows"] == (["forward", *SEGMENTS] if size[1] else [])


@pytest.mark.parametrize("segments", [False, True], ids=["one sweep", "by segments"])
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.title)
def test_no_further_off_than_plain_pytorch(setting, segments, gpu, monkeypatch):
    """At most: every division of the GPU may add two units in the last place, which the host's don't."""
    gpu.segments = segments
    monkeypatch.setitem(accuracy.COMPILED, "unicornn", cuda.unicornn)
    length, _, width = setting.sizes
    small = accuracy.Setting(setting.title, setting.operation, (length, 1, min(width, 24)), setting.constants)
    eager, ours = accuracy.errors(small)
    few = 4 * EPS[torch.float32]  # below it both are as good as float32 is
    assert {name: error for name, error in ours.items() if not error <= max(eager[name], few)} == {}


@pytest.mark.parametrize("form", FORMS)
def test_memory_low_gives_the_same_bits(form, gpu):
    given = inputs(form, 131, 3, 21, torch.float32)
    high, low = (results(FORMS[form][0], form, given, memory=memory) for memory in ("high", "low"))
    assert all(torch.equal(a, b) for a, b in zip(high, low, strict=True))


@pytest.mark.parametrize("segments", [False, True], ids=["one sweep", "by segments"])
@pytest.mark.parametrize("form", FORMS)
def test_bits_do_not_depend_on_the_geometry_or_the_order_of_threads(form, segments, gpu):
    gpu.segments = segments
    given = inputs(form, 70, 40, 9, torch.float32)
    found = []
    for gpu.multiprocessors, gpu.reversed in ((1, False), (132, False), (132, True)):
        found.append(results(FORMS[form][0], form, given))
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("view", ["batch first", "columns apart"])
@pytest.mark.parametrize("form", ["unicornn", "sru tanh"])
def test_views(form, view, gpu):
    stream, *rest = given = inputs(form, 70, 3, 21, torch.float32)
    if view == "batch first":
        seen = stream.transpose(0, 1).contiguous().transpose(0, 1)
    else:
        seen = torch.zeros(*stream.shape[:2], 2 * stream.shape[2])[..., ::2].copy_(stream)
    assert not seen.is_contiguous()
    first, second = (results(FORMS[form][0], form, [one, *rest]) for one in (seen, stream))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True)), given[0].shape


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("form", ["unicornn", "indrnn tanh", "sru identity"])
def test_only_one_of_the_results_is_used(form, which, gpu):
    def gradients(function: Callable[..., Any]) -> list[Tensor]:
        given = [tensor.requires_grad_() for tensor in inputs(form, 66, 2, 5, torch.float64)]
        state = [(given[4], given[5])] if form == "unicornn" else given[4 if form.startswith("sru") else 3 :]
        output, final = function(*given[: 4 if form != "indrnn tanh" else 3], *state, *FORMS[form][2])
        used = output if which == 0 else final[0] if form == "unicornn" else final
        return list(torch.autograd.grad((used**2).sum(), given, allow_unused=True, materialize_grads=True))

    assert off(gradients(FORMS[form][0]), gradients(FORMS[form][1])) <= 64 * EPS[torch.float64]


@pytest.mark.parametrize("form", ["unicornn", "indrnn relu", "sru identity"])
def test_bfloat16_in_memory_with_a_state_in_float32(form, gpu, guarded):
    """The output is the exact one, rounded once: no rounding goes on from step to step."""
    given = inputs(form, 200, 3, 17, torch.bfloat16)
    exact = results(FORMS[form][1], form, [tensor.double() for tensor in given])
    found = results(FORMS[form][0], form, given)
    assert all(part.dtype == torch.bfloat16 for part in found)
    assert guarded.untouched()
    assert off(found[:1], exact[:1]) <= 0.5 * EPS[torch.bfloat16]
    assert off(found, exact) <= 4 * EPS[torch.bfloat16]


@pytest.mark.parametrize("form", ["unicornn", "indrnn relu"])
def test_an_input_in_bfloat16_among_float32_is_read_as_it_is(form, gpu):
    """As under autocast: only the gradient of that input is rounded."""
    given = inputs(form, 70, 3, 17, torch.float32)
    given[0] = given[0].bfloat16()
    found = results(FORMS[form][0], form, given)
    exact = results(FORMS[form][1], form, [tensor.double() for tensor in given])
    place = len(found) - len(given)
    assert found[place].dtype == torch.bfloat16
    assert off([found.pop(place)], [exact.pop(place)]) <= 0.5 * EPS[torch.bfloat16]
    assert off(found, exact) <= 32 * EPS[torch.float32]
    assert all(part.dtype == torch.float32 for part in found)


def test_nan_and_infinity_stay_what_they_are_in_bfloat16(gpu):
    drive = torch.tensor([float("nan"), float("inf"), 1.0], dtype=torch.bfloat16).view(1, 1, 3)
    zero = torch.zeros(3, dtype=torch.bfloat16)
    output, _ = cuda.indrnn(drive, zero, None, zero.view(1, 3), "relu")
    assert output.view(-1).tolist()[1:] == [float("inf"), 1.0]
    assert output.view(-1)[0].isnan()


@pytest.mark.parametrize("rows", [1, 31, 32, 33, 1024, 1025, 40000])
def test_sums_over_the_batch(rows, gpu):
    random = torch.Generator().manual_seed(0)
    sums = torch.randn(3, rows, 2, generator=random)
    into = torch.full((3, 2), float("nan"))
    kind = cuda.sweeps.variant("unicornn", 1.0, *[torch.float32] * 3, False)
    sweeps._add_up(kind, sums, into)
    scale = sums.double().abs().sum(1)
    assert bool(((into.double() - sums.double().sum(1)).abs() <= 2 * EPS[torch.float32] * scale / rows**0.5).all())


@pytest.mark.parametrize("multiprocessors", [1, 40, 132])
@pytest.mark.parametrize("chains", [1, 32, 33, 256, 8192, 100_000, 5_000_000])
def test_geometry(chains, multiprocessors):
    grid, threads = blocks(chains, multiprocessors)
    assert (grid - 1) * threads < chains <= grid * threads
    assert threads % 32 == 0
    assert 32 <= threads <= 256
    assert grid >= 2 * multiprocessors or threads == 32


def test_few_chains_and_long_sequences_are_cut_into_segments():
    assert by_segments(256, 281, 132)  # EigenWorms on an H100
    assert by_segments(8192, 13, 132)  # psMNIST
    assert not by_segments(32 * 1024, 13, 132)
    assert not by_segments(256, 3, 132)


def test_too_large_for_32_bits_is_refused():
    with pytest.raises(ValueError, match="at most 2,147,483,647 steps"):
        sweeps._check(torch.empty(1).expand(2**31), torch.zeros(1, 1, 1))


def test_a_sequence_without_a_step_is_refused_by_the_operators(gpu):
    """The kernels would read before the first step."""
    empty, weight, initial = torch.zeros(0, 2, 3), torch.zeros(3, 3), torch.zeros(2, 2, 3)
    with pytest.raises(ValueError, match="at least one step, got one of none"):
        sweeps.forward("unicornn", empty, None, weight, initial, 1.0, elementwise.EVERYTHING, None, False)
    given = (empty, None, weight, initial, empty, torch.zeros(0), initial, 1.0, None, None, None, False)
    with pytest.raises(ValueError, match="at least one step, got one of none"):
        sweeps.backward("unicornn", *given)
    assert gpu.seen == []


@pytest.mark.parametrize("form", ["unicornn", "sru tanh"])
def test_plain_calls_go_past_the_operators(form, gpu, monkeypatch):
    given = inputs(form, 5, 2, 3, torch.float64)
    expected = results(FORMS[form][1], form, given)

    def layered(*_):
        pytest.fail("the layers of torch around the operator take a tenth of a millisecond")

    for name in ("sweep", "sweep_backward"):
        monkeypatch.setattr(torch.ops.harness, name, layered)
    assert off(results(FORMS[form][0], form, given), expected) <= 32 * EPS[torch.float64]
    with torch.no_grad():
        state = [(given[4], given[5])] if form == "unicornn" else given[4:]
        FORMS[form][0](*given[:4], *state, *FORMS[form][2])
