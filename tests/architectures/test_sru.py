"""SRU against the equations of the paper, written down once more, and against their adjoint."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from architectures import SRU, SRUCell
from architectures.sru import sru_eager

L, N, H_IN, H = 60, 4, 3, 6
EAGER = {"backend": "eager", "dtype": torch.float64}
EACH = pytest.mark.parametrize("activation", ["identity", "tanh", "relu"])
ACT = {"identity": lambda c: c, "tanh": torch.tanh, "relu": lambda c: torch.clamp(c, min=0)}


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def relative_error(actual: Tensor, expected: Tensor) -> float:
    return ((actual - expected).abs().max() / expected.abs().max()).item()


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-x))


def reference(cell, input, c, activation, mask=1.0):
    """One layer, step by step, the dropout mask where the authors' code has it."""
    maps = cell.weight.split(H)
    bf, br = cell.bias.split(H)
    scale = math.sqrt(1 + 2 * math.exp(cell.highway_bias)) if cell.rescale else 1.0
    outputs = []
    for x in input:
        highway = x @ maps[3].T if len(maps) == 4 else scale * x
        f = sigmoid(x @ maps[1].T + cell.v[0] * c + bf)
        r = sigmoid(x @ maps[2].T + cell.v[1] * c + br)
        c = f * c + (1 - f) * (x @ maps[0].T)
        outputs.append(mask * r * ACT[activation](c) + (1 - mask * r) * highway)
    return torch.stack(outputs), c


@EACH
@pytest.mark.parametrize("rescale", [True, False])
def test_outputs_and_gradients(activation, rescale):
    torch.manual_seed(3)
    layer = SRU(H_IN, H, 2, activation=activation, highway_bias=-1.0, rescale=rescale, **EAGER)
    for cell in layer.cells:
        nn.init.normal_(cell.bias)
    input, c0 = random(L, N, H_IN, seed=0), random(2, N, H, seed=1)
    weights = [random(L, N, H, seed=9), random(2, N, H, seed=10)]

    def results(run):
        leaves = [tensor.clone().requires_grad_() for tensor in (input, c0)]
        outputs = run(*leaves)
        loss = sum((weight * output).sum() for weight, output in zip(weights, outputs, strict=True))
        return [*outputs, *torch.autograd.grad(loss, [*leaves, *layer.parameters()])]

    def by_reference(sequence, c):
        final = []
        for cell, c_layer in zip(layer.cells, c, strict=True):
            sequence, last = reference(cell, sequence, c_layer, activation)
            final.append(last)
        return sequence, torch.stack(final)

    actual, expected = results(layer), results(by_reference)
    assert len(actual) == 4 + 3 * 2
    assert all(relative_error(a, e) < 1e-12 for a, e in zip(actual, expected, strict=True))


@EACH
def test_gradients_equal_the_analytic_adjoint(activation):
    """The backward recurrence worked out by hand, as a fast backend would run it."""
    gates, skip = random(L, N, 3 * H, seed=0), random(L, N, H, seed=1)
    v, bias, c0 = random(2, H, seed=2), random(2, H, seed=3), random(N, H, seed=4)
    leaves = [tensor.requires_grad_() for tensor in (gates, skip, v, bias, c0)]
    output, final = sru_eager(gates, skip, v, bias, c0, activation)
    outside, c_bar = random(L, N, H, seed=5), random(N, H, seed=6)
    expected = torch.autograd.grad((output, final), leaves, (outside, c_bar))

    with torch.no_grad():
        gates = gates + torch.cat((torch.zeros(H), bias.flatten()))
        states = [c0]
        for gate in gates:
            candidate, forget, _ = gate.chunk(3, dim=-1)
            f = sigmoid(forget + v[0] * states[-1])
            states.append(f * states[-1] + (1 - f) * candidate)
        gates_bar, skip_bar, v_bar = torch.zeros_like(gates), torch.zeros_like(skip), torch.zeros(2, N, H).double()
        for n in reversed(range(L)):
            c, c_new = states[n], states[n + 1]
            candidate, forget, reset = gates[n].chunk(3, dim=-1)
            f, r, g = sigmoid(forget + v[0] * c), sigmoid(reset + v[1] * c), ACT[activation](c_new)
            slope = {"identity": torch.ones_like(g), "tanh": 1 - g**2, "relu": (c_new > 0).double()}[activation]
            skip_bar[n] = (1 - r) * outside[n]
            reset_bar = outside[n] * (g - skip[n]) * r * (1 - r)
            c_bar = c_bar + outside[n] * r * slope
            forget_bar = c_bar * (c - candidate) * f * (1 - f)
            gates_bar[n] = torch.cat((c_bar * (1 - f), forget_bar, reset_bar), dim=-1)
            v_bar += torch.stack((forget_bar, reset_bar)) * c
            c_bar = c_bar * f + v[0] * forget_bar + v[1] * reset_bar
    bias_bar = gates_bar[..., H:].sum((0, 1)).view(2, H)
    adjoint = [gates_bar, skip_bar, v_bar.sum(1), bias_bar, c_bar]
    assert relative_error(states[-1], final) < 1e-12
    assert all(relative_error(a, e) < 1e-12 for a, e in zip(adjoint, expected, strict=True))


@pytest.mark.parametrize(("rescale", "scale"), [(True, math.sqrt(1 + 2 * math.exp(-2))), (False, 1.0)])
def test_initialisation_of_the_authors(rescale, scale):
    torch.manual_seed(0)
    size = 400
    settings = {"forget_bias": 1.5, "highway_bias": -2.0, "dropout": 0.3, "input_dropout": 0.2, "rescale": rescale}
    layer = SRU(100, size, 2, **settings)
    for cell, fan_in, dropout in zip(layer.cells, (100, 400), (0.3, 0.0), strict=True):
        maps = cell.weight.split(size)
        factors = [math.sqrt(1 - dropout), math.sqrt(0.5), math.sqrt(0.5), scale][: len(maps)]
        assert len(maps) == (4 if fan_in == 100 else 3)
        for block, factor in zip(maps, factors, strict=True):
            reach = factor * math.sqrt(1 - 0.2) * math.sqrt(3 / fan_in)
            assert 0.999 * reach < block.abs().max() <= reach * (1 + 1e-6)
        assert 0.98 * math.sqrt(1.5) < cell.v.abs().max() <= math.sqrt(1.5)
        assert torch.equal(cell.bias, torch.tensor([1.5] * size + [-2.0] * size))


def test_outputs_of_many_layers_keep_their_variance_only_when_rescaled():
    """What the scale of the highway is for, as in section 3 of the paper."""
    deviations = []
    for rescale in (True, False):
        torch.manual_seed(0)
        layer = SRU(100, 100, 12, rescale=rescale)
        deviations.append(layer(torch.randn(40, 20, 100))[0].std().item())
    assert 0.5 < deviations[0] < 2
    assert deviations[1] < 0.25


def test_a_shut_highway_leaves_the_activation_of_the_state():
    torch.manual_seed(0)
    layer = SRU(H_IN, H, activation="tanh", highway_bias=50.0, rescale=False, dtype=torch.float64)
    output, c = layer(random(L, N, H_IN, seed=0))
    torch.testing.assert_close(output[-1], torch.tanh(c[0]), rtol=1e-12, atol=1e-14)


def test_dropout_has_one_mask_over_time_and_spares_the_highway():
    torch.manual_seed(0)
    layer = SRU(H_IN, H, 2, dropout=0.4, dtype=torch.float64)
    input, zeros = random(L, N, H_IN, seed=1), torch.zeros(N, H, dtype=torch.float64)
    torch.manual_seed(5)
    output, _ = layer(input)
    torch.manual_seed(5)
    mask = nn.functional.dropout(torch.ones(N, H, dtype=torch.float64), 0.4)
    assert 0 < (mask == 0).sum() < mask.numel()
    below, _ = reference(layer.cells[0], input, zeros, "identity", mask)
    expected, _ = reference(layer.cells[1], below, zeros, "identity")  # none after the last layer
    torch.testing.assert_close(output, expected, rtol=1e-11, atol=1e-12)


def test_input_dropout_has_one_mask_over_time_and_spares_the_plain_highway():
    torch.manual_seed(0)
    layer = SRU(H, H, input_dropout=0.4, highway_bias=-50.0, dtype=torch.float64)  # h is all highway, and a is 1
    input = random(L, N, H, seed=1)
    torch.manual_seed(5)
    output, c = layer(input)
    torch.testing.assert_close(output, input, rtol=1e-12, atol=1e-12)
    torch.manual_seed(5)
    mask = nn.functional.dropout(torch.ones(N, H, dtype=torch.float64), 0.4)
    torch.testing.assert_close(c, layer.eval()(mask * input)[1], rtol=1e-12, atol=1e-13)


def test_dropout_rests_in_evaluation():
    torch.manual_seed(0)
    layer = SRU(H_IN, H, 2, dropout=0.4, input_dropout=0.4, dtype=torch.float64).eval()
    input = random(L, N, H_IN, seed=1)
    once, again = layer(input)[0], layer(input)[0]
    assert torch.equal(once, again)
    assert not torch.equal(once, layer.train()(input)[0])


@pytest.mark.parametrize("batch", [(N,), ()], ids=["batched", "unbatched"])
def test_cell_steps_equal_the_layer(batch):
    layer = SRU(H_IN, H, dtype=torch.float64)
    input = random(L, *batch, H_IN, seed=1)
    output, final = layer(input)
    c = None
    for x, expected in zip(input, output, strict=True):
        h, c = layer.cells[0](x, c)
        torch.testing.assert_close(h, expected, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(c, final[0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("keywords", "complaint"),
    [
        ({"activation": "gelu"}, "activation must be 'identity', 'tanh' or 'relu', got 'gelu'"),
        ({"dropout": 1.5}, r"dropout must be a probability between 0 and 1, got 1\.5"),
        ({"input_dropout": -1.0}, r"input_dropout must be a probability between 0 and 1, got -1\.0"),
        ({"highway_bias": math.nan}, "highway_bias must be a number between -100 and 100, got nan"),
        ({"forget_bias": 1e9}, r"forget_bias must be a number between -100 and 100, got 1000000000\.0"),
        ({"highway_bias": -2.0, "bias": False}, r"highway_bias=-2\.0 needs bias=True"),
        ({"forget_bias": 1.0, "bias": False}, r"forget_bias=1\.0 needs bias=True"),
    ],
    ids=str,
)
def test_arguments_that_cannot_be(keywords, complaint):
    with pytest.raises(ValueError, match=f"^{complaint}$"):
        SRU(H_IN, H, 2, **keywords)


def test_the_fourth_map_is_there_where_the_sizes_differ():
    assert SRUCell(5, 5).weight.shape == (15, 5)
    assert SRUCell(4, 5).weight.shape == (20, 4)
