"""The elementwise recurrences on a GPU: accuracy, streams, graphs, compilers, autocast, devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from architectures import SRU, IndRNN, UnICORNN, kernels
from architectures.indrnn import indrnn_eager
from architectures.kernels import cuda, library
from architectures.kernels.cuda import selfcheck, sweeps, verdicts
from architectures.kernels.cuda.variants import COUPLED, STEPS, Variant
from architectures.sru import sru_eager
from architectures.unicornn import unicornn_eager

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU that this torch can use"),
]

FORMS: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]] = {
    "unicornn": (cuda.unicornn, unicornn_eager, (2.0,)),
    "indrnn relu": (cuda.indrnn, indrnn_eager, ("relu",)),
    "indrnn tanh": (cuda.indrnn, indrnn_eager, ("tanh",)),
    "sru identity": (cuda.sru, sru_eager, ("identity",)),
    "sru tanh": (cuda.sru, sru_eager, ("tanh",)),
    "sru relu": (cuda.sru, sru_eager, ("relu",)),
}
EPS = {torch.float32: 2.0**-23, torch.float64: 2.0**-52, torch.bfloat16: 2.0**-7}
SETTINGS = {  # published: L, N, H, dt, alpha
    "psMNIST": (784, 32, 256, 0.19, 30.65),
    "noise-padded CIFAR-10": (1000, 30, 128, 0.126, 13.0),
    "respiratory rate": (4000, 32, 128, 0.011, 9.0),
    "heart rate": (4000, 32, 128, 0.046, 10.0),
    "EigenWorms, layer 1": (17984, 8, 32, 2.81e-5, 0.0),
    "EigenWorms, layer 2": (17984, 8, 32, 3.43e-2, 0.0),
}


def inputs(form: str, length: int, batch: int, width: int, dtype: torch.dtype, device: str = "cuda") -> list[Tensor]:
    """What the operation takes, state and all."""
    random = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64).to(device, dtype)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=random, dtype=torch.float64).to(device, dtype)

    state, drive = normal(batch, width), normal(length, batch, width)
    if form == "unicornn":
        return [drive, uniform(width), 0.01 + 0.1 * uniform(width), normal(width), state, normal(batch, width)]
    if form.startswith("indrnn"):
        return [drive, 1.8 * uniform(width) - 0.9, normal(width), state]
    return [normal(length, batch, 3 * width), drive, normal(2, width) / 2, normal(2, width), state]


def call(function: Callable[..., Any], form: str, tensors: list[Tensor], **keywords: Any) -> list[Tensor]:
    """Output and final states."""
    if form == "unicornn":
        output, final = function(*tensors[:4], (tensors[4], tensors[5]), *FORMS[form][2], **keywords)
        return [output, *final]
    return list(function(*tensors, *FORMS[form][2], **keywords))


def results(function: Callable[..., Any], form: str, tensors: list[Tensor], **keywords: Any) -> list[Tensor]:
    """Output, final states, and the gradients of all inputs for random gradients of output and final states."""
    tensors = [tensor.detach().requires_grad_() for tensor in tensors]
    found = call(function, form, tensors, **keywords)
    random = torch.Generator().manual_seed(99)
    outside = [torch.randn(part.shape, generator=random, dtype=torch.float64).to(part) for part in found]
    return [*(part.detach() for part in found), *torch.autograd.grad(found, tensors, outside)]


def off(actual: list[Tensor], exact: list[Tensor]) -> float:
    """The largest error, relative to the largest value of each tensor or to 1; infinite where anything is NaN."""
    errors = [
        float((a.double() - e).abs().max() / max(1.0, float(e.abs().max()))) for a, e in zip(actual, exact, strict=True)
    ]
    return max(errors) if all(error == error for error in errors) else float("inf")


@pytest.mark.parametrize("memory", ["high", "low"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("size", [(1, 1, 1), (67, 3, 5), (129, 2, 65), (200, 33, 3), (784, 5, 300)])
@pytest.mark.parametrize("form", FORMS)
def test_tolerance(form, size, dtype, memory):
    given = inputs(form, *size, dtype)
    exact = results(FORMS[form][1], form, [tensor.double() for tensor in given])
    assert (
        off(results(FORMS[form][0], form, given, memory=memory), exact) <= (64 if size[0] < 300 else 256) * EPS[dtype]
    )
    assert kernels.counts() == {(form.split()[0], "cuda"): 1}


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_further_off_than_plain_pytorch(setting):
    length, batch, width, dt, alpha = SETTINGS[setting]
    random = torch.Generator().manual_seed(0)
    x, outside = (torch.randn(length, batch, width, generator=random) for _ in range(2))
    w, c = torch.rand(width, generator=random), 0.2 * torch.rand(width, generator=random) - 0.1
    zero = torch.zeros(batch, width)
    single = [part.cuda() for part in (x, w, dt * torch.sigmoid(c), torch.zeros(width), zero, zero.clone())]

    def gradients(function: Callable[..., Any], dtype: torch.dtype) -> list[Tensor]:
        given = [part.to(dtype).requires_grad_() for part in single]
        output = function(*given[:4], (given[4], given[5]), alpha)[0]
        return [output.detach(), *torch.autograd.grad(output, given, outside.to(output))]

    exact = gradients(unicornn_eager, torch.float64)
    pairs = zip(exact, gradients(unicornn_eager, torch.float32), gradients(cuda.unicornn, torch.float32), strict=True)
    for wanted, eager, ours in pairs:
        scale = float(wanted.abs().max())
        eager_off, ours_off = (float((part.double() - wanted).abs().max()) / scale for part in (eager, ours))
        assert ours_off <= max(2 * eager_off, 8 * EPS[torch.float32])


@pytest.mark.parametrize("form", ["unicornn", "indrnn relu", "sru identity"])
def test_bfloat16_in_memory(form):
    given = inputs(form, 200, 3, 17, torch.bfloat16)
    exact = results(FORMS[form][1], form, [tensor.double() for tensor in given])
    found = results(FORMS[form][0], form, given)
    assert all(part.dtype == torch.bfloat16 for part in found)
    assert off(found, exact) <= 4 * EPS[torch.bfloat16]


@pytest.mark.parametrize("form", FORMS)
def test_the_same_bits_at_every_launch(form):
    given = inputs(form, 300, 40, 64, torch.float32)
    first, *others = (results(FORMS[form][0], form, given) for _ in range(5))
    for other in others:
        assert all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("newton", [True, False], ids=["newton", "one sweep"])
@pytest.mark.parametrize("setting", ["EigenWorms, layer 1", "EigenWorms, layer 2", "respiratory rate"])
def test_forward_parallel_in_time(setting, newton, monkeypatch):
    """A warp a chain through chunks of steps, beside one thread through all: both as exact as plain PyTorch."""
    length, batch, _, dt, alpha = SETTINGS[setting]
    given = inputs("unicornn", length, min(batch, 8), 32, torch.float32)
    given[2] = dt * torch.sigmoid(given[2])
    monkeypatch.setattr(sweeps, "by_newton", lambda *sizes: newton)
    state = given[4], given[5]
    exact, _ = unicornn_eager(*(part.double() for part in given[:4]), (state[0].double(), state[1].double()), alpha)
    plain, _ = unicornn_eager(*given[:4], state, alpha)
    found, _ = cuda.unicornn(*given[:4], state, alpha)
    assert off([found], [exact]) <= max(off([plain], [exact]), 4 * EPS[torch.float32])


def test_fast_math_is_near_and_not_the_same():
    given = inputs("unicornn", 100, 3, 64, torch.float32)
    plain, fast = (results(cuda.unicornn, "unicornn", given, fast_math=fast) for fast in (False, True))
    assert not torch.equal(plain[0], fast[0])
    assert off(fast[:1], [plain[0].double()]) < 1e-2


def test_on_a_side_stream():
    """The input is late on the side stream: a launch on another one would read zeros."""
    given = inputs("unicornn", 100, 8, 64, torch.float32)
    expected = call(cuda.unicornn, "unicornn", given)
    late = [torch.zeros_like(part) for part in given]
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(50_000_000)
        for part, value in zip(late, given, strict=True):
            part.copy_(value)
        found = call(cuda.unicornn, "unicornn", late)
    stream.synchronize()
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("form", FORMS)
def test_in_a_cuda_graph(form):
    given = [part.requires_grad_() for part in inputs(form, 70, 4, 33, torch.float32)]

    def both() -> list[Tensor]:
        output = call(FORMS[form][0], form, given)[0]
        return [output, *torch.autograd.grad(output.square().sum(), given)]

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        both()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = both()
    with torch.no_grad():
        given[0].normal_()
    graph.replay()
    found = [part.detach().clone() for part in captured]
    assert all(torch.equal(a, b) for a, b in zip(found, both(), strict=True))


LAYERS = [
    pytest.param(lambda: UnICORNN(3, 5, 2, dt=0.2, alpha=1.0), id="unicornn"),
    pytest.param(lambda: IndRNN(3, 5, 2), id="indrnn"),
    pytest.param(lambda: SRU(3, 5, 2), id="sru"),
]


@pytest.mark.parametrize("layer", LAYERS)
def test_layers_take_it_by_themselves(layer):
    model = layer().cuda()
    output, _ = model(torch.randn(9, 2, 3, device="cuda"))
    output.sum().backward()
    assert {backend for _, backend in kernels.counts()} == {"cuda"}
    kernels.reset()
    compiled = torch.compile(model, fullgraph=True)(torch.ones(9, 2, 3, device="cuda"))[0]
    torch.testing.assert_close(compiled, model(torch.ones(9, 2, 3, device="cuda"))[0])
    assert {backend for _, backend in kernels.counts()} == {"cuda"}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast(dtype):
    model = IndRNN(3, 5, 2).cuda()
    with torch.autocast("cuda", dtype):
        output, _ = model(torch.randn(9, 2, 3, device="cuda"))
    assert output.dtype == torch.float32
    output.sum().backward()
    assert all(parameter.grad.dtype == torch.float32 for parameter in model.parameters())
    assert kernels.counts() == {("indrnn", "cuda"): 2}


@pytest.mark.parametrize("types", [(torch.float32,) * 3, (torch.float64,) * 3, (torch.float32, *[torch.bfloat16] * 2)])
@pytest.mark.parametrize("step", [*STEPS.values(), COUPLED])
def test_all_kernels_prove_themselves(step, types, tmp_path, monkeypatch):
    """Waits for a GPU: every kernel by every route agrees with plain PyTorch."""
    monkeypatch.setattr(library, "folder_of_cache", lambda: tmp_path)
    selfcheck.forget()
    assert selfcheck.passed(Variant(step, *types), 0)
    assert [one for one in verdicts.listed() if one[3] is not None] == []


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there are not two GPUs")
def test_two_devices_in_one_process():
    found = [
        results(cuda.unicornn, "unicornn", inputs("unicornn", 70, 3, 9, torch.float32, f"cuda:{n}")) for n in (0, 1, 0)
    ]
    for other in found[1:]:
        assert all(torch.equal(a.cpu(), b.cpu()) for a, b in zip(found[0], other, strict=True))
