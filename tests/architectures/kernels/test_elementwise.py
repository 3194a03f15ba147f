"""The compiled elementwise recurrences against plain PyTorch in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from architectures import SRU, IndRNN, UnICORNN, kernels
from architectures.indrnn import indrnn_eager
from architectures.kernels import accuracy, elementwise, library
from architectures.sru import sru_eager
from architectures.unicornn import unicornn_eager

USABLE, TOLD = library.state()
pytestmark = pytest.mark.skipif(not USABLE, reason=TOLD)

FORMS: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]] = {
    "unicornn": (elementwise.unicornn, unicornn_eager, (2.0,)),
    "indrnn relu": (elementwise.indrnn, indrnn_eager, ("relu",)),
    "indrnn tanh": (elementwise.indrnn, indrnn_eager, ("tanh",)),
    "sru identity": (elementwise.sru, sru_eager, ("identity",)),
    "sru tanh": (elementwise.sru, sru_eager, ("tanh",)),
    "sru relu": (elementwise.sru, sru_eager, ("relu",)),
}
EPS = {torch.float32: 2.0**-23, torch.float64: 2.0**-52}
# By length: how many units in the last place float32 and float64 may be off. The oracle itself computes in float64, and
# its sums over time are plain ones; for float32 it is exact.
UNITS = {1: (16, 16), 129: (16, 24), 784: (16, 128), 17984: (16, 256)}


def inputs(form: str, length: int, batch: int, width: int, dtype: torch.dtype, seed: int) -> list[Tensor]:
    """What the operation takes, state and all; every recurrence is stable at these weights."""
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64).to(dtype)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=random, dtype=torch.float64).to(dtype)

    state, drive = normal(batch, width), normal(length, batch, width)
    if form == "unicornn":
        s = (0.01 + 0.1 * uniform(width)) / max(1, length / 784)  # long sequences take small steps, or chaos sets in
        return [drive, uniform(width), s, normal(width), state, normal(batch, width)]
    if form.startswith("indrnn"):
        return [drive, 1.8 * uniform(width) - 0.9, normal(width), state]
    return [normal(length, batch, 3 * width), drive, normal(2, width) / 2, normal(2, width), state]


def call(function: Callable[..., Any], form: str, tensors: list[Tensor], **keywords: Any) -> tuple[Tensor, ...]:
    """Output and final states."""
    constants = FORMS[form][2]
    if form == "unicornn":
        output, final = function(*tensors[:4], (tensors[4], tensors[5]), *constants, **keywords)
        return output, *final
    return function(*tensors, *constants, **keywords)


def results(function: Callable[..., Any], form: str, tensors: list[Tensor], **keywords: Any) -> list[Tensor]:
    """Output, final states, and the gradients of all inputs for random gradients of output and final states."""
    tensors = [tensor.detach().requires_grad_() for tensor in tensors]
    found = call(function, form, tensors, **keywords)
    random = torch.Generator().manual_seed(99)
    outside = [torch.randn(part.shape, generator=random, dtype=torch.float64).to(part) for part in found]
    gradients = torch.autograd.grad(found, tensors, outside)
    return [*(part.detach() for part in found), *gradients]


def off(actual: list[Tensor], exact: list[Tensor]) -> float:
    """The largest error, relative to the largest value of each tensor; infinite where anything is NaN."""
    errors = [0.0]
    for a, e in zip(actual, exact, strict=True):
        assert a.shape == e.shape
        if e.numel():
            errors.append(float((a.double() - e).abs().max() / (e.abs().max() or 1)))
    return max(errors) if all(error == error for error in errors) else float("inf")


@pytest.fixture
def poisoned(monkeypatch):
    """Outputs hold NaN until the kernel writes them."""
    plain = elementwise._empty
    monkeypatch.setattr(elementwise, "_empty", lambda *shape, **kind: plain(*shape, **kind).fill_(float("nan")))


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("memory", ["high", "low"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("length", UNITS)
@pytest.mark.parametrize("form", FORMS)
def test_tolerance(form, length, dtype, memory):
    compiled, oracle, _ = FORMS[form]
    batch, width = (1, 3) if length == 17984 else (2, 19)
    for seed in range(1 if length == 17984 else 3):
        given = inputs(form, length, batch, width, dtype, seed)
        exact = results(oracle, form, [tensor.double() for tensor in given])
        limit = UNITS[length][dtype == torch.float64] * EPS[dtype]
        assert off(results(compiled, form, given, memory=memory), exact) <= limit


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(("batch", "width"), [(1, 1), (3, 5), (1, 64), (2, 63), (5, 65), (1, 300), (33, 16), (0, 4)])
@pytest.mark.parametrize("form", FORMS)
def test_odd_sizes(form, batch, width):
    compiled, oracle, _ = FORMS[form]
    given = inputs(form, 67, batch, width, torch.float64, 0)
    assert off(results(compiled, form, given), results(oracle, form, given)) <= UNITS[129][1] * EPS[torch.float64]


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("width", [128, 129])
@pytest.mark.parametrize("form", ["unicornn", "indrnn tanh", "sru identity"])
def test_tensors_larger_than_the_caches(form, width):
    """They are written past the caches where rows begin at a cache line, as they do at every or every second step."""
    compiled, oracle, _ = FORMS[form]
    given = inputs(form, 1100, 8, width, torch.float32, 0)
    assert given[-1].numel() * 1100 * 4 > 4 << 20
    exact = results(oracle, form, [tensor.double() for tensor in given])
    torch.set_num_threads(2)
    assert off(results(compiled, form, given), exact) <= UNITS[784][0] * EPS[torch.float32]


@pytest.mark.parametrize("form", FORMS)
def test_gradcheck(form):
    compiled = FORMS[form][0]
    given = [tensor.requires_grad_() for tensor in inputs(form, 5, 2, 3, torch.float64, 0)]
    assert torch.autograd.gradcheck(lambda *tensors: call(compiled, form, list(tensors)), given)


@pytest.mark.parametrize("setting", accuracy.SETTINGS[:6], ids=lambda setting: setting.title)
def test_no_further_off_than_plain_pytorch(setting):
    length, _, width = setting.sizes
    small = accuracy.Setting(setting.title, setting.operation, (length, 1, min(width, 24)), setting.constants)
    eager, compiled = accuracy.errors(small)
    few = 4 * EPS[torch.float32]  # below it both are as good as float32 is
    assert {name: error for name, error in compiled.items() if not error <= max(eager[name], few)} == {}


@pytest.mark.parametrize("view", ["batch first", "columns apart"])
@pytest.mark.parametrize("form", FORMS)
def test_views(form, view):
    compiled = FORMS[form][0]
    stream, *rest = given = inputs(form, 70, 3, 21, torch.float64, 0)
    if view == "batch first":
        seen = stream.transpose(0, 1).contiguous().transpose(0, 1)
    else:
        seen = torch.zeros(*stream.shape[:2], 2 * stream.shape[2], dtype=stream.dtype)[..., ::2].copy_(stream)
    assert not seen.is_contiguous()
    assert off(results(compiled, form, [seen, *rest]), results(compiled, form, given)) <= 4 * EPS[torch.float64]


def test_an_expanded_gradient():
    given = [tensor.requires_grad_() for tensor in inputs("unicornn", 9, 2, 3, torch.float64, 0)]
    compiled, eager = (call(form, "unicornn", given)[0] for form in FORMS["unicornn"][:2])
    found, expected = (torch.autograd.grad(output.sum(), given) for output in (compiled, eager))
    assert off(list(found), list(expected)) <= UNITS[129][1] * EPS[torch.float64]


@pytest.mark.parametrize("which", ["output", "final"])
@pytest.mark.parametrize("form", FORMS)
def test_only_one_of_the_results_is_used(form, which):
    given = [tensor.requires_grad_() for tensor in inputs(form, 66, 2, 5, torch.float64, 0)]
    gradients = []
    for function in FORMS[form][:2]:
        found = call(function, form, given)
        used = found[0] if which == "output" else found[-1]
        gradients.append(torch.autograd.grad((used**2).sum(), given, allow_unused=True, materialize_grads=True))
    # Where a tanh is near 1 both forms lose digits of its slope, each its own.
    assert off(list(gradients[0]), list(gradients[1])) <= 128 * EPS[torch.float64]


def test_an_input_without_gradient():
    drive, w, s, bias, y, z = inputs("unicornn", 9, 2, 3, torch.float64, 0)
    output, _ = elementwise.unicornn(drive, w.requires_grad_(), s, bias, (y, z), 1.0)
    output.sum().backward()
    assert w.grad is not None
    assert drive.grad is None


@pytest.mark.parametrize("memory", ["high", "low"])
@pytest.mark.parametrize("form", FORMS)
def test_bits_do_not_depend_on_threads_or_runs(form, memory):
    given = inputs(form, 131, 7, 129, torch.float32, 0)
    found = []
    for threads in (1, 2, 3, 8, 1):
        torch.set_num_threads(threads)
        found.append(results(FORMS[form][0], form, given, memory=memory))
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("form", FORMS)
def test_memory_low_gives_the_same_bits(form):
    given = inputs(form, 131, 3, 21, torch.float32, 0)
    high, low = (results(FORMS[form][0], form, given, memory=memory) for memory in ("high", "low"))
    assert all(torch.equal(a, b) for a, b in zip(high, low, strict=True))


def saved(output: Tensor) -> int:
    """Elements that the recurrence behind `output` keeps for its backward pass."""
    node = output.grad_fn
    while not hasattr(node, "saved_tensors"):
        node = node.next_functions[0][0]
    return sum(tensor.numel() for tensor in node.saved_tensors if tensor is not None)


@pytest.mark.parametrize("form", FORMS)
def test_memory_low_keeps_less(form):
    tensors = [tensor.requires_grad_() for tensor in inputs(form, 640, 2, 8, torch.float32, 0)]
    high, low = (saved(call(FORMS[form][0], form, tensors, memory=memory)[0]) for memory in ("high", "low"))
    assert high - low == 640 * 2 * 8


def test_nothing_is_kept_where_no_gradient_is_wanted(monkeypatch):
    kept = []
    plain = elementwise._left
    monkeypatch.setattr(elementwise, "_left", lambda *given: kept.append(plain(*given)) or kept[-1])
    elementwise.sru(*inputs("sru identity", 640, 2, 8, torch.float32, 0), "identity")
    assert [tensor.numel() for tensor in kept[0]] == [640 * 2 * 8, 0, 0, 2 * 8]


def test_nan_and_infinity_come_through():
    drive, w, s, bias, y, z = inputs("unicornn", 5, 1, 4, torch.float32, 0)
    drive[2, 0, 1], drive[2, 0, 2] = float("nan"), float("inf")
    output, _ = elementwise.unicornn(drive, w, s, bias, (y, z), 1.0)
    assert output[2:, 0, 1].isnan().all()
    assert not output[:, 0, [0, 2, 3]].isnan().any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_tanh_and_sigmoid_are_good_to_the_last_places(dtype):
    x = torch.cat([torch.linspace(-30, 30, 20001), torch.logspace(-30, 1, 5001), torch.tensor([-1e30, 1e30])]).to(dtype)
    zero, one = torch.zeros(1, len(x), dtype=dtype), torch.ones(len(x), dtype=dtype)
    # With s = 1 and all else zero, the first step of UnICORNN is y = -tanh(x).
    tanh = -elementwise.unicornn(x.view(1, 1, -1), zero[0], one, None, (zero, zero), 0.0)[0].view(-1)
    # From c = 1, without a candidate, the first step of SRU is c = sigmoid(x).
    gates = torch.cat([zero[0], x, zero[0]]).view(1, 1, -1)
    start = one.view(1, -1)
    sigmoid = elementwise.sru(gates, zero.unsqueeze(0), zero.expand(2, -1), None, start, "identity")[1].view(-1)
    # The gradient of that y is the slope of tanh, with its digits where 1 - tanh(x)^2 would have lost them.
    drive = x.view(1, 1, -1).clone().requires_grad_()
    elementwise.unicornn(drive, zero[0], one, None, (zero, zero), 0.0)[0].sum().backward()
    slope, exact_slope = -drive.grad.view(-1), 1 / torch.cosh(x.double()) ** 2
    seen = exact_slope > EPS[dtype] ** 2
    seen &= x.abs() < (10 if dtype == torch.float32 else 22)
    assert float(((slope.double() - exact_slope) / exact_slope)[seen].abs().max()) <= 8 * EPS[dtype]
    assert not slope[x.abs() > 25].any()
    for found, exact in ((tanh, torch.tanh(x.double())), (sigmoid, torch.sigmoid(x.double()))):
        assert float(((found.double() - exact) / exact)[exact.abs() > 1e-37].abs().max()) <= 4 * EPS[dtype]


LAYERS = [
    pytest.param(lambda **k: UnICORNN(3, 5, 2, dt=0.2, alpha=1.0, **k), "unicornn", id="unicornn"),
    pytest.param(lambda **k: IndRNN(3, 5, 2, **k), "indrnn", id="indrnn"),
    pytest.param(lambda **k: SRU(3, 5, 2, **k), "sru", id="sru"),
]


@pytest.mark.parametrize(("layer", "name"), LAYERS)
def test_the_compiled_form_is_the_one_that_runs(layer, name):
    layer()(torch.zeros(4, 2, 3))
    assert kernels.counts() == {(name, "cpu"): 2}


@pytest.mark.parametrize(("layer", "name"), LAYERS)
def test_eager_can_be_forced_and_agrees(layer, name):
    torch.manual_seed(0)
    compiled = layer(dtype=torch.float64)
    eager = layer(dtype=torch.float64, backend="eager")
    eager.load_state_dict(compiled.state_dict())
    input = torch.randn(9, 2, 3, dtype=torch.float64)
    expected = eager(input)[0]
    assert kernels.counts() == {(name, "eager"): 2}
    torch.testing.assert_close(compiled(input)[0], expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("layer", "name"), LAYERS)
def test_inside_a_compiled_model(layer, name):
    torch.manual_seed(0)
    model = layer()
    input = torch.randn(9, 2, 3)
    expected = model(input)[0]
    expected.sum().backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    kernels.reset()
    output = torch.compile(model, backend="aot_eager", fullgraph=True)(input)[0]
    output.sum().backward()
    assert kernels.counts() == {(name, "cpu"): 2}
    assert torch.equal(output, expected)
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), gradients, strict=True))


@pytest.mark.parametrize(("layer", "name"), LAYERS)
def test_autocast_computes_in_float32(layer, name):
    model = layer()
    with torch.autocast("cpu", torch.bfloat16):
        output, _ = model(torch.randn(9, 2, 3))
    assert output.dtype == torch.float32
    output.sum().backward()
    assert all(parameter.grad.dtype == torch.float32 for parameter in model.parameters())
    assert kernels.counts() == {(name, "cpu"): 2}


@pytest.mark.parametrize(("layer", "name"), LAYERS)
def test_autocast_leaves_float64_alone(layer, name):
    model, input = layer(dtype=torch.float64), torch.randn(9, 2, 3, dtype=torch.float64)
    expected = model(input)[0]
    with torch.autocast("cpu", torch.bfloat16):
        output, _ = model(input)
    assert torch.equal(output, expected)
    assert kernels.counts() == {(name, "cpu"): 4}


@pytest.mark.parametrize(("layer", "name"), LAYERS)
def test_torch_func_grad(layer, name):
    model = layer(dtype=torch.float64)
    input = torch.randn(6, 2, 3, dtype=torch.float64)

    def loss(parameters: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(model, parameters, (input,))[0].square().sum()

    found = torch.func.grad(loss)({name: parameter.detach() for name, parameter in model.named_parameters()})
    assert kernels.counts() == {(name, "eager"): 2}
    loss(dict(model.named_parameters())).backward()
    for key, parameter in model.named_parameters():
        torch.testing.assert_close(found[key], parameter.grad, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("operator", [False, True], ids=["called alone", "as an operator"])
def test_second_derivatives_are_those_of_plain_pytorch(form, operator, monkeypatch):
    if operator:
        monkeypatch.setattr(elementwise, "plain", lambda *_: False)
    found = []
    for function in FORMS[form][:2]:
        given = [tensor.requires_grad_() for tensor in inputs(form, 4, 2, 3, torch.float64, 0)]
        output, *finals = call(function, form, given)
        first = torch.autograd.grad(output.square().sum() + finals[-1].sum(), given, create_graph=True)
        sum(gradient.square().sum() for gradient in first).backward()
        found.append([*first, *(tensor.grad for tensor in given)])
    torch.testing.assert_close(found[0], found[1], rtol=1e-10, atol=1e-12)
    name = form.split()[0]
    assert kernels.counts() == {(name, "cpu"): 1, (name, "eager"): 1}, "the oracle is called alone, and counts nothing"


@pytest.mark.parametrize(("layer", "name"), LAYERS)
def test_the_layers_pass_memory_on(layer, name):
    input = torch.randn(70, 1, 3)
    kept = [saved(layer(memory=memory)(input)[0]) for memory in ("high", "low")]
    assert kept[0] - kept[1] == 70 * 5
    with pytest.raises(ValueError, match="memory must be 'high' or 'low', got 'lots'"):
        layer(memory="lots")


def test_half_precision_goes_to_plain_pytorch():
    layer = UnICORNN(1, 2, dt=0.1, alpha=1.0, dtype=torch.bfloat16)
    layer(torch.zeros(3, 1, 1, dtype=torch.bfloat16))
    assert kernels.counts() == {("unicornn", "eager"): 1}
