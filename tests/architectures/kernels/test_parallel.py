"""UnICORNN parallel in time against plain PyTorch in float64, at any size, through the layer and through torch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from architectures import UnICORNN, kernels
from architectures.kernels import accuracy, parallel
from architectures.kernels.parallel import measure, newton
from architectures.kernels.parallel.operation import STEP_BY_STEP
from architectures.unicornn import unicornn_eager

EPS = {torch.float32: 2.0**-23, torch.float64: 2.0**-52}
SIZES = [(1, 1, 1), (2, 3, 5), (17, 1, 1), (64, 2, 3), (65, 0, 4), (255, 1, 7), (256, 2, 2), (257, 3, 1), (600, 2, 9)]


def inputs(length: int, batch: int, width: int, dtype: torch.dtype = torch.float64, dt: float = 0.1) -> list[Tensor]:
    """Drive, w, s, bias, y and z."""
    random = torch.Generator().manual_seed(length + 10 * width)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64).to(dtype)

    w, s = normal(width), dt * (0.1 + torch.rand(width, generator=random, dtype=torch.float64)).to(dtype)
    return [normal(length, batch, width), w, s, normal(width), normal(batch, width), normal(batch, width)]


def results(function: Any, tensors: list[Tensor], alpha: float = 2.0) -> list[Tensor]:
    """Output, final states and all gradients, for random gradients of output and final states."""
    tensors = [tensor.detach().requires_grad_() for tensor in tensors]
    output, final = function(*tensors[:4], (tensors[4], tensors[5]), alpha)
    found = (output, *final)
    random = torch.Generator().manual_seed(99)
    outside = [torch.randn(part.shape, generator=random, dtype=torch.float64).to(part) for part in found]
    return [*(part.detach() for part in found), *torch.autograd.grad(found, tensors, outside)]


def off(actual: list[Tensor], exact: list[Tensor]) -> float:
    """The largest error, relative to the largest value of each tensor; infinite where anything is NaN."""
    errors = [0.0]
    for a, e in zip(actual, exact, strict=True):
        assert a.shape == e.shape
        if e.numel():
            errors.append(float((a.double() - e).abs().max() / (e.abs().max() or 1)))
    return max(errors) if all(error == error for error in errors) else float("inf")


@pytest.mark.parametrize("dtype", EPS, ids=["float32", "float64"])
@pytest.mark.parametrize(("length", "batch", "width"), SIZES)
def test_any_size(length, batch, width, dtype):
    given = inputs(length, batch, width, dtype)
    exact = results(unicornn_eager, [tensor.double() for tensor in given])
    assert off(results(parallel.unicornn, given), exact) <= 64 * EPS[dtype]
    assert kernels.counts() == {("unicornn", "parallel"): 1}


@pytest.mark.parametrize("alpha", [0.0, 30.65])
def test_gradcheck(alpha):
    given = [tensor.requires_grad_() for tensor in inputs(21, 2, 3)]

    def operation(*tensors: Tensor) -> tuple[Tensor, ...]:
        output, final = parallel.unicornn(*tensors[:4], (tensors[4], tensors[5]), alpha)
        return output, *final

    assert torch.autograd.gradcheck(operation, given)


def small(setting: accuracy.Setting) -> accuracy.Setting:
    length, batch, width = setting.sizes
    return accuracy.Setting(setting.title, "unicornn", (length, min(batch, 2), min(width, 16)), setting.constants)


@pytest.mark.parametrize("setting", measure.PUBLISHED, ids=lambda setting: setting.title)
def test_published_settings_in_float32(setting):
    """At most twice as far off as plain PyTorch is in float32, in the output and in every gradient."""
    setting = small(setting)
    eager, found = accuracy.compare(
        setting, accuracy.inputs(setting, 1), (accuracy.ORACLES, {"unicornn": parallel.unicornn})
    )
    few = 4 * EPS[torch.float32]
    assert {name: error for name, error in found.items() if not error <= max(2 * eager[name], few)} == {}
    assert kernels.counts()["unicornn", "parallel"] == 1
    assert (STEP_BY_STEP, "eager") not in kernels.counts()


@pytest.mark.parametrize("setting", measure.PUBLISHED, ids=lambda setting: setting.title)
def test_published_settings_in_float64(setting):
    setting = small(setting)
    given = accuracy.inputs(setting, 2)
    exact, found = (
        accuracy.results(form, setting, given) for form in (accuracy.ORACLES, {"unicornn": parallel.unicornn})
    )
    assert exact.keys() == found.keys() == {"output", "drive", "w", "s", "bias", "y", "z"}
    assert off(list(found.values()), list(exact.values())) <= 2e-12  # EigenWorms, layer 2: chaos begins
    assert (STEP_BY_STEP, "eager") not in kernels.counts()


@pytest.mark.parametrize("dt", [0.8, 1.6])
def test_large_steps_in_float32(dt):
    """Up to seven eighths of the largest stable step the equations have few digits to spare."""
    setting = accuracy.Setting("large steps", "unicornn", (64, 16, 64), (dt, 4.0))
    eager, found = accuracy.compare(
        setting, accuracy.inputs(setting, 0), (accuracy.ORACLES, {"unicornn": parallel.unicornn})
    )
    assert {name: error for name, error in found.items() if not error <= 2 * eager[name]} == {}


def test_alpha_keeps_all_its_digits():
    """Rounded to float32, it would turn the phase of every oscillator, by more at every step."""
    given = inputs(4000, 1, 8, torch.float32)
    given[0] *= 0.1
    alpha = float(torch.tensor(100.0).nextafter(torch.tensor(101.0))) + 3.5e-6  # between two numbers of float32
    exact = results(unicornn_eager, [tensor.double() for tensor in given], alpha)
    assert off(results(parallel.unicornn, given, alpha), exact) <= 16 * EPS[torch.float32]


def test_a_chain_does_not_depend_on_the_others():
    given = inputs(300, 3, 4, torch.float32)
    whole = results(parallel.unicornn, given)
    given[0], given[4], given[5] = (tensor[..., 1:2, :] for tensor in (given[0], given[4], given[5]))
    assert torch.equal(results(parallel.unicornn, given)[0], whole[0][:, 1:2])


@pytest.mark.parametrize("which", ["output", "final"])
def test_only_one_of_the_results_is_used(which):
    given = [tensor.requires_grad_() for tensor in inputs(70, 2, 3)]
    gradients = []
    for function in (parallel.unicornn, unicornn_eager):
        output, (_, z) = function(*given[:4], (given[4], given[5]), 1.0)
        used = output if which == "output" else z
        gradients.append(torch.autograd.grad((used**2).sum(), given, allow_unused=True, materialize_grads=True))
    assert off(list(gradients[0]), list(gradients[1])) <= 128 * EPS[torch.float64]


def test_views_and_expanded_gradients():
    given = inputs(70, 3, 5)
    expected = results(parallel.unicornn, given)
    seen = given[0].transpose(0, 1).contiguous().transpose(0, 1)
    assert not seen.is_contiguous()
    assert off(results(parallel.unicornn, [seen, *given[1:]]), expected) <= 4 * EPS[torch.float64]
    found = []
    for function in (parallel.unicornn, unicornn_eager):
        tensors = [tensor.detach().requires_grad_() for tensor in given]
        function(*tensors[:4], (tensors[4], tensors[5]), 1.0)[0].sum().backward()
        found.append([tensor.grad for tensor in tensors])
    assert off(*found) <= 64 * EPS[torch.float64]


def test_longer_than_what_is_scanned_at_once(monkeypatch):
    given = inputs(600, 2, 3)
    expected = results(parallel.unicornn, given)
    monkeypatch.setattr(parallel.adjoint, "AT_ONCE", 64 * 6)
    assert off(results(parallel.unicornn, given), expected) <= 32 * EPS[torch.float64]


@pytest.mark.parametrize("w", [0.0, 0.5])
def test_the_layer_runs_it_only_when_asked(w, monkeypatch):
    layer = UnICORNN(3, 5, 2, dt=0.2, alpha=1.0)
    torch.nn.init.constant_(layer.cells[0].w, w)
    input = torch.randn(40, 2, 3)
    expected = layer(input)[0]
    assert ("unicornn", "parallel") not in kernels.counts()
    kernels.reset()
    monkeypatch.setenv("HARNESS_BACKEND", "parallel")
    torch.testing.assert_close(layer(input)[0], expected)
    assert kernels.counts() == {("unicornn", "parallel"): 2}


def test_compiled_into_one_graph():
    layer = UnICORNN(3, 5, dt=0.2, alpha=1.0, backend="parallel")
    input = torch.randn(70, 2, 3)
    expected = layer(input)[0]
    expected.sum().backward()
    gradient = layer.cells[0].c.grad.clone()
    layer.zero_grad()
    kernels.reset()
    found = torch.compile(layer, backend="aot_eager", fullgraph=True)(input)[0]
    found.sum().backward()
    assert kernels.counts() == {("unicornn", "parallel"): 1}
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(layer.cells[0].c.grad, gradient)


def test_operators_are_as_torch_wants_them():
    drive, w, s, bias, y, z = inputs(70, 2, 3)
    weight, initial = torch.stack([w, s, bias]), torch.stack([y, z])
    tensors = [tensor.requires_grad_() for tensor in (drive, weight, initial)]
    torch.library.opcheck(torch.ops.harness.parallel_unicornn.default, (*tensors, 1.0))


@pytest.mark.parametrize("dtype", EPS, ids=["float32", "float64"])
def test_autocast_computes_in_float32_and_leaves_float64(dtype):
    layer = UnICORNN(3, 5, dt=0.2, alpha=1.0, backend="parallel", dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16):
        output, (y, z) = layer(torch.randn(40, 2, 3, dtype=dtype))
    assert (output.dtype, y.dtype, z.dtype) == (dtype,) * 3
    output.sum().backward()
    assert layer.cells[0].w.grad.dtype == dtype


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", EPS, ids=["float32", "float64"])
def test_on_a_gpu(dtype):
    given = inputs(600, 2, 9, dtype)
    exact = results(unicornn_eager, [tensor.double() for tensor in given])
    found = results(parallel.unicornn, [tensor.cuda() for tensor in given])
    assert all(tensor.is_cuda for tensor in found)
    assert off([tensor.cpu() for tensor in found], exact) <= 64 * EPS[dtype]


def test_half_precision_is_refused():
    layer = UnICORNN(3, 5, dt=0.2, alpha=1.0, backend="parallel", dtype=torch.bfloat16)
    with pytest.raises(ValueError, match="^unicornn has no backend 'parallel' here: use eager$"):
        layer(torch.randn(40, 2, 3, dtype=torch.bfloat16))


def test_no_second_derivatives():
    given = [tensor.requires_grad_() for tensor in inputs(9, 1, 2)]
    output, _ = parallel.unicornn(*given[:4], (given[4], given[5]), 1.0)
    (first,) = torch.autograd.grad(output.square().sum(), given[0], create_graph=True)
    with pytest.raises(NotImplementedError, match="no second derivatives: use backend='eager'"):
        first.sum().backward()


def test_what_is_kept_is_every_64th_velocity():
    drive, w, s, bias, y, z = inputs(300, 2, 3)
    _, velocities, _, _ = newton.forward(drive, torch.stack([w, s, bias]), torch.stack([y, z]), 2.0, chunk=48)
    for number, velocity in enumerate(velocities):
        steps = 64 * number
        expected = unicornn_eager(drive[:steps], w, s, bias, (y, z), 2.0)[1][1] if steps else z
        torch.testing.assert_close(velocity, expected, rtol=1e-12, atol=1e-12)
    assert len(velocities) == 5
