"""IndRNN against the equations of the paper, written down once more, and against their adjoint."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from architectures import IndRNN, IndRNNCell
from architectures.indrnn import ARCHITECTURE, indrnn_eager

L, N, H_IN, H = 60, 4, 3, 6
BOTH = pytest.mark.parametrize("activation", ["relu", "tanh"])


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def relative_error(actual: Tensor, expected: Tensor) -> float:
    return ((actual - expected).abs().max() / expected.abs().max()).item()


def reference(input, weight, bias, u, h, activation):
    """One layer, step by step."""
    states = []
    for x in input:
        h = x @ weight.T + u * h + bias
        h = torch.clamp(h, min=0) if activation == "relu" else torch.tanh(h)
        states.append(h)
    return torch.stack(states), h


@BOTH
def test_outputs_and_gradients(activation):
    torch.manual_seed(3)
    layer = IndRNN(H_IN, H, 2, activation=activation, backend="eager", dtype=torch.float64)
    for cell in layer.cells:
        nn.init.normal_(cell.i2h.bias)
        nn.init.uniform_(cell.u, -1, 1)
    input, h0 = random(L, N, H_IN, seed=0), random(2, N, H, seed=1)
    weights = [random(L, N, H, seed=9), random(2, N, H, seed=10)]

    def results(run):
        leaves = [tensor.clone().requires_grad_() for tensor in (input, h0)]
        outputs = run(*leaves)
        loss = sum((weight * output).sum() for weight, output in zip(weights, outputs, strict=True))
        return [*outputs, *torch.autograd.grad(loss, [*leaves, *layer.parameters()])]

    def by_reference(sequence, h):
        final = []
        for cell, h_layer in zip(layer.cells, h, strict=True):
            sequence, last = reference(sequence, cell.i2h.weight, cell.i2h.bias, cell.u, h_layer, activation)
            final.append(last)
        return sequence, torch.stack(final)

    actual, expected = results(layer), results(by_reference)
    assert len(actual) == 4 + 3 * 2
    assert all(relative_error(a, e) < 1e-12 for a, e in zip(actual, expected, strict=True))


@BOTH
def test_gradients_equal_the_analytic_adjoint(activation):
    """The backward recurrence worked out by hand, as a fast backend would run it: it needs the output alone."""
    drive, u = random(L, N, H, seed=0), random(H, seed=1).clamp(-1, 1)
    bias, h0 = random(H, seed=2), random(N, H, seed=3)
    leaves = [tensor.requires_grad_() for tensor in (drive, u, bias, h0)]
    output, final = indrnn_eager(drive, u, bias, h0, activation)
    outside, h_bar = random(L, N, H, seed=5), random(N, H, seed=6)
    expected = torch.autograd.grad((output, final), leaves, (outside, h_bar))

    with torch.no_grad():
        drive_bar, u_bar = torch.zeros_like(drive), torch.zeros_like(h0)
        for n in reversed(range(L)):
            slope = (output[n] > 0).double() if activation == "relu" else 1 - output[n] ** 2
            drive_bar[n] = slope * (h_bar + outside[n])
            u_bar += drive_bar[n] * (output[n - 1] if n > 0 else h0)
            h_bar = u * drive_bar[n]
    adjoint = [drive_bar, u_bar.sum(0), drive_bar.sum((0, 1)), h_bar]
    assert all(relative_error(a, e) < 1e-12 for a, e in zip(adjoint, expected, strict=True))


def test_initialisation_of_the_authors():
    torch.manual_seed(0)
    bound = 5 ** (1 / 100)
    layer = IndRNN(100, 400, 2, bound=bound, long_memory=True)
    for cell, fan_in in zip(layer.cells, (100, 400), strict=True):
        reach = math.sqrt(2 / (1 + 8**2)) * math.sqrt(3 / fan_in)
        assert 0.99 * reach < cell.i2h.weight.abs().max() <= reach
        assert torch.equal(cell.i2h.bias, torch.zeros(400))
    first, last = (cell.u for cell in layer.cells)
    assert 0 <= first.min() < 0.02
    assert 0.98 < first.max() <= 1
    width = bound - 1 / bound
    assert 1 / bound <= last.min() < 1 / bound + 0.02 * width
    assert bound - 0.02 * width < last.max() <= bound


@pytest.mark.parametrize(("bound", "largest"), [(9.0, 1.0), (0.5, 0.5)])
def test_recurrent_weights_start_below_1_and_the_bound(bound, largest):
    torch.manual_seed(0)
    u = IndRNNCell(1, 1000, bound=bound).u
    assert 0 <= u.min() < 0.01
    assert 0.99 * largest < u.max() <= largest


@pytest.mark.parametrize("bound", [0.5, 1.0])
def test_long_memory_up_to_the_weight_1_is_the_bound(bound):
    assert torch.equal(IndRNNCell(1, 5, bound=bound, long_memory=True).u, torch.full((5,), bound))


def with_weights(u: list[float], bound: float) -> IndRNN:
    layer = IndRNN(1, len(u), bound=bound, dtype=torch.float64)
    with torch.no_grad():
        layer.cells[0].u.copy_(torch.tensor(u))
    return layer


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_weights_beyond_the_bound_are_set_back_before_they_are_used(training):
    layer, expected = with_weights([3.0, -2.0, 0.5], 1.5).train(training), with_weights([1.5, -1.5, 0.5], 9.0)
    expected.cells[0].i2h.load_state_dict(layer.cells[0].i2h.state_dict())
    input = random(L, N, 1, seed=0)
    assert torch.equal(layer(input)[0], expected(input)[0])
    assert layer.cells[0].u.tolist() == [1.5, -1.5, 0.5]


def test_a_weight_at_the_bound_can_come_back():
    """The bound is a projection: a clamp in the graph would take the gradient away."""
    layer = with_weights([1.0], 1.0)
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.01)
    nn.init.ones_(layer.cells[0].i2h.weight)
    for direction in (-1, 1):  # the first step pushes the weight beyond the bound, the second pulls it back
        optimiser.zero_grad()
        (direction * layer(torch.ones(5, 1, 1, dtype=torch.float64))[0].sum()).backward()
        optimiser.step()
        assert (layer.cells[0].u.item() > 1) == (direction < 0)


def test_two_calls_before_one_backward():
    """The bound is kept without a change that autograd would take for one."""
    layer = with_weights([0.9, -0.3], 1.0)
    input = random(L, N, 1, seed=0)
    output, _ = layer(input)
    output.sum().backward()
    expected = layer.cells[0].u.grad.clone()
    layer.zero_grad()
    first, between = layer(input[:4])
    second, _ = layer(input[4:], between)
    (first.sum() + second.sum()).backward()
    torch.testing.assert_close(layer.cells[0].u.grad, expected, rtol=1e-12, atol=0)


def test_parameters_from_outside_are_used_as_they_are():
    layer, outside = with_weights([0.5], 1.0), torch.tensor([2.0], dtype=torch.float64)
    input = torch.ones(3, 1, 1, dtype=torch.float64)
    output, _ = torch.func.functional_call(layer, {"cells.0.u": outside}, (input,))
    drive = layer.cells[0].i2h(input[:1])
    torch.testing.assert_close(output[1], torch.relu(drive[0] + 2 * torch.relu(drive[0])), rtol=1e-12, atol=0)
    assert outside.item() == 2


def normalised(batch_norm, **keywords) -> tuple[IndRNN, IndRNN]:
    """A layer with normalisation and one without, with the same weights."""
    layers = []
    for choice in (batch_norm, "none"):
        torch.manual_seed(1)
        layers.append(IndRNN(H_IN, H, activation="tanh", batch_norm=choice, dtype=torch.float64, **keywords))
    return layers[0], layers[1]


def test_normalisation_after_the_recurrence_is_over_all_steps_of_all_sequences():
    layer, plain = normalised("after")
    input = random(L, N, H_IN, seed=1)
    output, state = layer(input)
    expected, expected_state = plain(input)
    assert torch.equal(state, expected_state)
    centred = (expected - expected.mean((0, 1))) / (expected.var((0, 1), correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(output, centred, rtol=1e-11, atol=1e-12)


def test_normalisation_before_the_recurrence_is_of_the_drive():
    layer, plain = normalised("before")
    input = random(L, N, H_IN, seed=1)
    drive = plain.cells[0].i2h(input)
    drive = (drive - drive.mean((0, 1))) / (drive.var((0, 1), correction=0) + 1e-5).sqrt()
    zeros = torch.zeros(N, H, dtype=torch.float64)
    expected, final = indrnn_eager(drive, plain.cells[0].u, None, zeros, "tanh")
    output, state = layer(input)
    torch.testing.assert_close(output, expected, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(state[0], final, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("batch_norm", ["before", "after"])
def test_normalisation_in_evaluation_does_not_look_at_the_batch(batch_norm):
    layer, _ = normalised(batch_norm)
    input = random(L, N, H_IN, seed=1)
    for _ in range(3):
        layer(input)  # the running statistics are no longer those they started from
    whole = layer.eval()(input)[0]
    torch.testing.assert_close(layer(input[:, 2:3])[0], whole[:, 2:3], rtol=1e-12, atol=1e-13)
    first, between = layer(input[:7])
    torch.testing.assert_close(torch.cat((first, layer(input[7:], between)[0])), whole, rtol=1e-12, atol=1e-13)
    other, _ = normalised(batch_norm)
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other.eval()(input)[0], whole)


def dropped(training: bool, num_layers: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Output with dropout 0.4, output without, and the final states' difference."""
    torch.manual_seed(0)
    layer = IndRNN(H_IN, 50, num_layers, activation="tanh", dropout=0.4, dtype=torch.float64)
    input = random(L, N, H_IN, seed=1)
    output, state = layer.train(training)(input)
    plain, plain_state = layer.eval()(input)
    return output, plain, state - plain_state


def test_dropout_has_one_mask_over_time_for_each_sequence_after_the_last_layer_too():
    output, plain, difference = dropped(training=True)
    ratio = output / plain
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), rtol=1e-12, atol=0)
    kept = ratio[0] != 0
    torch.testing.assert_close(ratio[0][kept], torch.full_like(ratio[0][kept], 1 / 0.6), rtol=1e-12, atol=0)
    assert 0.5 < kept.double().mean() < 0.7  # 200 units, each kept with probability 0.6
    assert not torch.equal(kept[0], kept[1])
    assert torch.equal(difference, torch.zeros_like(difference))  # the state is what the recurrence left


def test_dropout_follows_every_layer():
    _, _, difference = dropped(training=True, num_layers=2)
    assert torch.equal(difference[0], torch.zeros_like(difference[0]))
    assert (difference[1] != 0).any()


def test_dropout_rests_in_evaluation():
    output, plain, _ = dropped(training=False, num_layers=2)
    assert torch.equal(output, plain)


@pytest.mark.parametrize("batch", [(N,), ()], ids=["batched", "unbatched"])
def test_cell_steps_equal_the_layer(batch):
    layer = IndRNN(H_IN, H, dtype=torch.float64)
    input = random(L, *batch, H_IN, seed=1)
    output, final = layer(input)
    state = None
    for x, expected in zip(input, output, strict=True):
        state = layer.cells[0](x, state)
        torch.testing.assert_close(state, expected, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(state, final[0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("keywords", "complaint"),
    [
        ({"activation": "gelu"}, "activation must be 'relu' or 'tanh', got 'gelu'"),
        ({"bound": 0.0}, r"bound must be positive, got 0\.0"),
        ({"bound": math.nan}, "bound must be positive, got nan"),
        ({"batch_norm": "during"}, "batch_norm must be 'none', 'before' or 'after', got 'during'"),
        ({"dropout": 1.5}, r"dropout must be a probability between 0 and 1, got 1\.5"),
    ],
    ids=str,
)
def test_arguments_that_cannot_be(keywords, complaint):
    with pytest.raises(ValueError, match=f"^{complaint}$"):
        IndRNN(H_IN, H, 2, **keywords)


def test_initialisation_of_the_read_out():
    torch.manual_seed(0)
    head = nn.Linear(200, 500)
    ARCHITECTURE.initialise_head(head)
    assert torch.equal(head.bias, torch.zeros(500))
    assert head.weight.std().item() == pytest.approx(math.sqrt(2 / 200), rel=0.02)


def test_a_gradient_of_the_input_by_torch_func_sees_the_bound():
    layer, input = IndRNN(2, 3, bound=0.5), torch.randn(6, 1, 2)
    with torch.no_grad():
        layer.cells[0].u.fill_(0.9)
    found = torch.func.grad(lambda input: layer(input)[0].sum())(input)
    input.requires_grad_()
    layer(input)[0].sum().backward()  # sets u back onto the bound
    torch.testing.assert_close(found, input.grad)
