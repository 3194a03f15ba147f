"""The compiled coRNN against its readable form in float64."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from architectures import CoRNN, kernels
from architectures.cornn import cornn_eager
from architectures.kernels import cornn as compiled
from architectures.kernels import library

USABLE, REASON = library.state()
pytestmark = pytest.mark.skipif(not USABLE, reason=REASON)

DAMPINGS = ("explicit", "implicit")
PUBLISHED = {"psmnist": (0.076, 0.4, 8.0), "smnist": (0.042, 2.7, 4.7), "adding": (0.06, 66.0, 15.0)}
PSMNIST = PUBLISHED["psmnist"]
NAMES = ("output", "final y", "final z", "drive", "weight", "y0", "z0")

# Shapes (L, N, H), and how far the outputs and gradients in float32 and float64 may be off, relative to the largest.
TOLERANCES = {
    (1, 1, 1): (5e-7, 1e-15),
    (1, 17, 33): (1e-6, 2e-15),
    (7, 3, 3): (1e-6, 2e-15),
    (33, 17, 33): (1e-6, 2e-15),
    (9, 65, 70): (1e-6, 2e-15),
    (3, 300, 5): (1e-6, 2e-15),
    (784, 5, 17): (4e-6, 8e-15),
    (5000, 2, 3): (4e-6, 8e-15),
    (17984, 1, 2): (4e-6, 2e-14),
}


@pytest.fixture(autouse=True)
def _poisoned(monkeypatch):
    """What the compiled code leaves unwritten, or reads before it wrote it, is NaN."""
    empty = compiled._empty

    def poisoned(*shape, **kind) -> Tensor:
        tensor = empty(*shape, **kind)
        if type(tensor) is Tensor:
            tensor.fill_(float("nan") if tensor.is_floating_point() else 0xFF)
        return tensor

    monkeypatch.setattr(compiled, "_empty", poisoned)


@pytest.fixture
def threads():
    """Sets the number of threads, and puts it back."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def arguments(length: int, batch: int, units: int, seed: int = 0) -> list[Tensor]:
    """Drive, weight (as ``nn.Linear`` starts) and initial states; float64, but of values that float32 holds."""
    generator = torch.Generator().manual_seed(seed)
    drive, y0, z0 = (
        torch.randn(*shape, generator=generator) for shape in ((length, batch, units), *[(batch, units)] * 2)
    )
    weight = (2 * torch.rand(units, 2 * units, generator=generator) - 1) * (2 * units) ** -0.5
    return [tensor.double() for tensor in (drive, weight, y0, z0)]


def gradients_of(length: int, batch: int, units: int) -> list[Tensor]:
    """Gradients of the output and the final states."""
    drive, _, y0, z0 = arguments(length, batch, units, seed=99)
    return [drive, y0, z0]


def results(implementation, tensors, outer, dtype=torch.float64, setting=PSMNIST, damping="explicit") -> list[Tensor]:
    """Output, final y and z and the four gradients."""
    tensors = [tensor.to(dtype).requires_grad_() for tensor in tensors]
    drive, weight, y0, z0 = tensors
    output, (y, z) = implementation(drive, weight, (y0, z0), *setting, damping)
    given = torch.autograd.grad((output, y, z), tensors, [tensor.to(dtype) for tensor in outer])
    return [tensor.detach() for tensor in (output, y, z, *given)]


def errors(actual: list[Tensor], expected: list[Tensor]) -> dict[str, float]:
    """The largest errors, relative to the largest values; infinite where anything is NaN, which `max` would pass by."""
    pairs = zip(NAMES, actual, expected, strict=True)
    found = {name: ((a.double() - e).abs().max() / e.abs().max()).item() for name, a, e in pairs}
    return {name: error if error == error else float("inf") for name, error in found.items()}


def test_an_error_that_is_not_a_number_is_one():
    right = [torch.ones(2)] * len(NAMES)
    assert max(errors([*right[:-1], torch.tensor([1.0, float("nan")])], right).values()) == float("inf")


@pytest.mark.parametrize("damping", DAMPINGS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("shape", TOLERANCES, ids=str)
def test_agrees_with_the_oracle(shape, dtype, damping):
    tolerance = TOLERANCES[shape][0 if dtype == torch.float32 else 1]
    for seed in range(3):
        tensors, outer = arguments(*shape, seed), gradients_of(*shape)
        found = results(compiled.cornn, tensors, outer, dtype, damping=damping)
        off = errors(found, results(cornn_eager, tensors, outer, damping=damping))
        assert max(off.values()) <= tolerance, off
    assert kernels.counts() == {("cornn", "cpu"): 3}


@pytest.mark.parametrize("damping", DAMPINGS)
@pytest.mark.parametrize("setting", PUBLISHED)
def test_float32_is_as_exact_as_the_readable_form_in_float32(setting, damping):
    """Rounding is a matter of luck, so it is the errors of a few seeds that are compared, each summed up."""
    shape, ours, theirs = (784, 9, 48), dict.fromkeys(NAMES, 0.0), dict.fromkeys(NAMES, 0.0)
    for seed in range(4):
        tensors, outer = arguments(*shape, seed), gradients_of(*shape)
        found = partial(results, tensors=tensors, outer=outer, setting=PUBLISHED[setting], damping=damping)
        exact = found(cornn_eager)
        for total, implementation in ((ours, compiled.cornn), (theirs, cornn_eager)):
            for name, error in errors(found(implementation, dtype=torch.float32), exact).items():
                total[name] += error
    assert max(ours.values()) <= 1.25 * max(theirs.values())
    assert all(ours[name] <= 2 * theirs[name] for name in NAMES), (ours, theirs)


@pytest.mark.parametrize("damping", DAMPINGS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 3, 5), (3, 1, 17)], ids=str)
def test_gradcheck(shape, damping):
    tensors = [tensor.requires_grad_() for tensor in arguments(*shape)]

    def outputs(drive, weight, y0, z0):
        output, (y, z) = compiled.cornn(drive, weight, (y0, z0), 0.3, 0.7, 1.1, damping)
        return output, y, z

    assert torch.autograd.gradcheck(outputs, tensors)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("shape", [(11, 120, 70), (7, 1, 33), (5, 7, 64), (2, 300, 40)], ids=str)
def test_same_bits_in_every_run_and_with_every_number_of_threads(shape, dtype, threads):
    found = []
    for number in (1, 1, 2, 3, 8):
        threads(number)
        found.append(results(compiled.cornn, arguments(*shape), gradients_of(*shape), dtype))
    for others in found[1:]:
        assert all(torch.equal(one, other) for one, other in zip(found[0], others, strict=True))


def test_a_sequence_is_computed_alike_whatever_else_is_in_the_batch():
    drive, weight, y0, z0 = (tensor.float() for tensor in arguments(20, 31, 48))
    together = compiled.cornn(drive, weight, (y0, z0), *PSMNIST, "explicit")[0]
    for n in (0, 13, 30):
        own = slice(n, n + 1)
        alone = compiled.cornn(drive[:, own], weight, (y0[own], z0[own]), *PSMNIST, "explicit")[0]
        assert torch.equal(together[:, own], alone)


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(lambda tensor: tensor.mT.contiguous().mT, id="columns side by side"),
        pytest.param(
            lambda tensor: torch.cat((tensor, tensor), -1)[..., tensor.shape[-1] :], id="columns of a wider one"
        ),
        pytest.param(lambda tensor: tensor.repeat_interleave(2, -1)[..., ::2], id="every second column"),
        pytest.param(lambda tensor: tensor.transpose(0, -2).contiguous().transpose(0, -2), id="batch first"),
        pytest.param(lambda tensor: tensor[..., :1].expand_as(tensor), id="expanded"),
        pytest.param(lambda tensor: tensor[..., :1, :].expand_as(tensor), id="expanded over the batch"),
    ],
)
def test_views(view):
    """Inputs and the gradients that come back need not be contiguous."""
    tensors, outer = arguments(6, 5, 7), gradients_of(6, 5, 7)
    tensors, outer = [view(tensor) for tensor in tensors], [view(tensor) for tensor in outer]
    assert not any(tensor.is_contiguous() for tensor in tensors[:1])
    off = errors(results(compiled.cornn, tensors, outer), results(cornn_eager, tensors, outer))
    assert max(off.values()) <= 2e-15, off


@pytest.mark.parametrize("used", [(0,), (1,), (2,), (1, 2)], ids=["output", "final y", "final z", "final y and z"])
def test_gradients_where_only_some_results_are_used(used):
    found = []
    for implementation in (compiled.cornn, cornn_eager):
        tensors = [tensor.requires_grad_() for tensor in arguments(5, 3, 4)]
        output, state = implementation(tensors[0], tensors[1], (tensors[2], tensors[3]), *PSMNIST, "explicit")
        sum((output, *state)[which].square().sum() for which in used).backward()
        found.append([tensor.grad for tensor in tensors])
    for actual, expected in zip(*found, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("needed", range(4), ids=NAMES[3:])
def test_gradient_of_one_input_alone(needed):
    found = []
    for implementation in (compiled.cornn, cornn_eager):
        tensors = arguments(5, 3, 4)
        tensors[needed].requires_grad_()
        output, (y, z) = implementation(tensors[0], tensors[1], (tensors[2], tensors[3]), *PSMNIST, "implicit")
        (output.sum() + y.prod() + z.sum()).backward()
        assert [tensor.grad is not None for tensor in tensors] == [which == needed for which in range(4)]
        found.append(tensors[needed].grad)
    torch.testing.assert_close(*found, rtol=1e-13, atol=1e-15)


def test_without_gradients_nothing_is_kept_for_them():
    drive, weight, y0, z0 = arguments(5, 3, 4)
    expected = cornn_eager(drive, weight, (y0, z0), *PSMNIST, "explicit")[0]
    weight.requires_grad_()
    with torch.no_grad():
        output, _ = compiled.cornn(drive, weight, (y0, z0), *PSMNIST, "explicit")
    assert not output.requires_grad
    torch.testing.assert_close(output, expected, rtol=1e-13, atol=1e-15)
    *_, force = torch.ops.harness.cornn(drive, weight, y0, z0, *PSMNIST, False, False)
    assert force.numel() == 0


def test_empty_batch():
    off = results(compiled.cornn, arguments(5, 0, 4), gradients_of(5, 0, 4))
    assert off[0].shape == (5, 0, 4)
    assert torch.equal(off[4], torch.zeros(4, 8, dtype=torch.float64))


def test_operators_keep_the_rules_of_torch():
    drive, weight, y0, z0 = (tensor.requires_grad_() for tensor in arguments(3, 2, 4))
    checks = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_static")
    for keep in (True, False):
        sample = (drive, weight, y0, z0, *PSMNIST, True, keep)
        torch.library.opcheck(torch.ops.harness.cornn.default, sample, test_utils=checks if keep else checks[::2])


def test_no_second_derivatives():
    tensors = [tensor.requires_grad_() for tensor in arguments(3, 2, 4)]
    output, _ = compiled.cornn(tensors[0], tensors[1], (tensors[2], tensors[3]), *PSMNIST, "explicit")
    (first,) = torch.autograd.grad(output.square().sum(), tensors[1], create_graph=True)
    with pytest.raises(NotImplementedError, match="no second derivatives: use backend='eager'"):
        first.sum().backward()


class Model(torch.nn.Module):
    """Something around a layer."""

    def __init__(self, backend: str | None = None) -> None:
        super().__init__()
        self.layer = CoRNN(3, 6, dt=0.1, backend=backend)

    def forward(self, input: Tensor) -> Tensor:
        return torch.relu(self.layer(input)[0]).mean(0)


def model_and_input(backend: str | None = None) -> tuple[Model, Tensor]:
    torch.manual_seed(5)
    return Model(backend), torch.randn(7, 4, 3)


def test_the_layer_runs_compiled_and_eager():
    found = {}
    for backend in ("cpu", "eager"):
        model, input = model_and_input(backend)
        model(input).sum().backward()
        found[backend] = model.layer.cells[0].i2h.weight.grad
    assert kernels.counts() == {("cornn", "cpu"): 1, ("cornn", "eager"): 1}
    torch.testing.assert_close(found["cpu"], found["eager"])


def test_best_backend_of_a_layer():
    model, input = model_and_input()
    model(input)
    assert kernels.counts() == {("cornn", "cpu"): 1}
    model.bfloat16()(input.bfloat16())
    assert kernels.counts() == {("cornn", "cpu"): 1, ("cornn", "eager"): 1}


def test_without_a_library_it_runs_eager(monkeypatch):
    monkeypatch.setattr(library, "load", lambda: None)
    model, input = model_and_input()
    model(input)
    assert kernels.counts() == {("cornn", "eager"): 1}


def test_within_a_compiled_model(monkeypatch):
    torch.compiler.reset()
    model, input = model_and_input()
    expected = model(input)
    expected.sum().backward()
    gradient = model.layer.cells[0].i2h.weight.grad.clone()
    model.zero_grad()
    kernels.reset()
    whole = torch.compile(model, backend="aot_eager", fullgraph=True)
    for _ in range(2):
        found = whole(input)
    found.sum().backward()
    assert kernels.counts() == {("cornn", "cpu"): 2}  # at every call, not only while it was compiled
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(model.layer.cells[0].i2h.weight.grad, gradient)


def test_autocast_computes_in_float32():
    model, input = model_and_input()
    expected = model(input)
    with torch.autocast("cpu", torch.bfloat16):
        output, (y, z) = model.layer(input)
    assert (output.dtype, y.dtype, z.dtype) == (torch.float32,) * 3
    output.sum().backward()
    assert model.layer.cells[0].i2h.weight.grad.dtype == torch.float32
    torch.testing.assert_close(torch.relu(output).mean(0), expected, rtol=0, atol=2**-8)  # the drive is bfloat16
    assert kernels.counts() == {("cornn", "cpu"): 2}


def test_autocast_leaves_float64_alone():
    model, input = model_and_input()
    model, input = model.double(), input.detach().double()
    expected = model.layer(input)[0]
    with torch.autocast("cpu", torch.bfloat16):
        output, _ = model.layer(input)
    assert torch.equal(output, expected)
    assert kernels.counts() == {("cornn", "cpu"): 2}


def test_transforms_of_torch_func_get_plain_pytorch():
    model, input = model_and_input()
    parameters = dict(model.named_parameters())

    def loss(parameters) -> Tensor:
        return torch.func.functional_call(model, parameters, (input,)).square().sum()

    found = torch.func.grad(loss)(parameters)
    assert kernels.counts() == {("cornn", "eager"): 1}
    loss(parameters).backward()
    assert kernels.counts() == {("cornn", "eager"): 1, ("cornn", "cpu"): 1}
    for name, parameter in parameters.items():
        torch.testing.assert_close(found[name], parameter.grad)
