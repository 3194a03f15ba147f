"""UnICORNN against the equations of the paper, written down once more, and against their adjoint."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from architectures import UnICORNN, UnICORNNCell
from architectures.unicornn import ARCHITECTURE, unicornn_eager

L, N, H_IN, H = 60, 4, 3, 6

SETTINGS = [  # dt by layer and alpha of the published runs
    pytest.param([0.19, 0.19, 0.19], 30.65, id="psmnist"),
    pytest.param([0.011, 0.011, 0.011], 9.0, id="respiratory rate"),
    pytest.param([6.6e-3, 0.205], 0.0, id="imdb"),
    pytest.param([2.81e-5, 3.43e-2], 0.0, id="eigenworms"),
]


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def relative_error(actual: Tensor, expected: Tensor) -> float:
    return ((actual - expected).abs().max() / expected.abs().max()).item()


def reference(input, weight, bias, w, c, y, z, dt, alpha):
    """One layer, step by step, with the sigmoid in the form of the paper."""
    positions = []
    for u in input:
        s = dt * (0.5 + 0.5 * torch.tanh(c / 2))
        z = z - s * (torch.tanh(w * y + u @ weight.T + bias) + alpha * y)
        y = y + s * z
        positions.append(y)
    return torch.stack(positions), y, z


@pytest.mark.parametrize(("dt", "alpha"), SETTINGS)
def test_outputs_and_gradients(dt, alpha):
    num_layers = len(dt)
    torch.manual_seed(3)
    layer = UnICORNN(H_IN, H, num_layers, dt=dt, alpha=alpha, dtype=torch.float64)
    for cell in layer.cells:
        nn.init.normal_(cell.i2h.bias)
        nn.init.normal_(cell.c)
    input, y0, z0 = (random(*shape, seed=k) for k, shape in enumerate([(L, N, H_IN)] + [(num_layers, N, H)] * 2))
    weights = [random(*shape, seed=9 + k) for k, shape in enumerate([(L, N, H)] + [(num_layers, N, H)] * 2)]

    def results(run):
        leaves = [tensor.clone().requires_grad_() for tensor in (input, y0, z0)]
        outputs = run(*leaves)
        loss = sum((weight * output).sum() for weight, output in zip(weights, outputs, strict=True))
        return [*outputs, *torch.autograd.grad(loss, [*leaves, *layer.parameters()])]

    def by_reference(sequence, y, z):
        final = []
        for cell, step, y_layer, z_layer in zip(layer.cells, dt, y, z, strict=True):
            parameters = (cell.i2h.weight, cell.i2h.bias, cell.w, cell.c)
            sequence, *state = reference(sequence, *parameters, y_layer, z_layer, step, alpha)
            final.append(state)
        ys, zs = zip(*final, strict=True)
        return sequence, torch.stack(ys), torch.stack(zs)

    def by_layer(sequence, y, z):
        output, state = layer(sequence, (y, z))
        return output, *state

    actual, expected = results(by_layer), results(by_reference)
    assert len(actual) == 6 + 4 * num_layers
    assert all(relative_error(a, e) < 1e-12 for a, e in zip(actual, expected, strict=True))


@pytest.mark.parametrize(("dt", "alpha"), [(0.19, 30.65), (0.205, 0.0)])
def test_gradients_equal_the_analytic_adjoint(dt, alpha):
    """The backward recurrence worked out by hand, as a fast backend would run it."""
    drive, w, c = random(L, N, H, seed=0), random(H, seed=1), random(H, seed=2)
    y0, z0 = random(N, H, seed=3), random(N, H, seed=4)
    leaves = [tensor.requires_grad_() for tensor in (drive, w, c, y0, z0)]
    output, (y_final, z_final) = unicornn_eager(drive, w, dt * torch.sigmoid(c), None, (y0, z0), alpha)
    outside, y_bar, z_bar = random(L, N, H, seed=5), random(N, H, seed=6), random(N, H, seed=7)
    expected = torch.autograd.grad((output, y_final, z_final), leaves, (outside, y_bar, z_bar))

    with torch.no_grad():
        s = dt * torch.sigmoid(c)
        y, z = y_final.clone(), z_final.clone()
        drive_bar, w_bar, s_bar = torch.zeros_like(drive), torch.zeros_like(y), torch.zeros_like(y)
        for n in reversed(range(L)):
            y_bar = y_bar + outside[n]
            y_before = output[n - 1] if n > 0 else y0
            force = torch.tanh(w * y_before + drive[n])
            z_bar = z_bar + s * y_bar
            delta = -s * z_bar * (1 - force**2)
            s_bar += y_bar * z - z_bar * (force + alpha * y_before)
            w_bar += delta * y_before
            drive_bar[n] = delta
            y_bar = y_bar + w * delta - s * alpha * z_bar
            z = z + s * (force + alpha * y_before)
        c_bar = dt * torch.sigmoid(c) * (1 - torch.sigmoid(c)) * s_bar.sum(0)
        adjoint = [drive_bar, w_bar.sum(0), c_bar, y_bar, z_bar]

    assert relative_error(z, z0) < 1e-10  # the step can be undone, and the adjoint above did
    assert all(relative_error(a, e) < 1e-10 for a, e in zip(adjoint, expected, strict=True))


def test_gradient_of_c_stays_finite_where_the_sigmoid_underflows():
    c = torch.tensor([-200.0, 0.0, 200.0], requires_grad=True)
    zeros = torch.zeros(1, 3)
    output, _ = unicornn_eager(torch.ones(5, 1, 3), torch.ones(3), 0.1 * torch.sigmoid(c), None, (zeros, zeros), 1.0)
    output.sum().backward()
    assert torch.isfinite(c.grad).all()
    assert c.grad[1] != 0


def test_initialisation_of_the_reference():
    torch.manual_seed(0)
    layer = UnICORNN(100, 400, 2, dt=0.1, alpha=1.0)
    for cell, fan_in in zip(layer.cells, (100, 400), strict=True):
        bound = math.sqrt(2 / (1 + 8**2)) * math.sqrt(3 / fan_in)
        assert 0.99 * bound < cell.i2h.weight.abs().max() <= bound
        assert torch.equal(cell.i2h.bias, torch.zeros(400))
        assert 0 <= cell.w.min() < 0.02
        assert 0.98 < cell.w.max() < 1
        assert -0.1 <= cell.c.min() < -0.098
        assert 0.098 < cell.c.max() <= 0.1


def test_initialisation_of_the_read_out():
    torch.manual_seed(0)
    head = nn.Linear(200, 500)
    ARCHITECTURE.initialise_head(head)
    assert torch.equal(head.bias, torch.zeros(500))
    assert head.weight.std().item() == pytest.approx(math.sqrt(2 / 200), rel=0.02)
    ARCHITECTURE.initialise_head(nn.Linear(3, 4, bias=False))


def dropped(training: bool, num_layers: int = 1) -> tuple[Tensor, Tensor]:
    """Output with dropout 0.4 over output without, and the final states' difference."""
    torch.manual_seed(0)
    layer = UnICORNN(H_IN, 50, num_layers, dt=0.3, alpha=1.0, dropout=0.4, dtype=torch.float64)
    input = random(L, N, H_IN, seed=1)
    output, state = layer.train(training)(input)
    plain, plain_state = layer.eval()(input)
    assert plain.abs().min() > 0
    return output / plain, torch.stack(state) - torch.stack(plain_state)


def test_dropout_has_one_mask_over_time_for_each_sequence_after_the_last_layer_too():
    ratio, difference = dropped(training=True)
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), rtol=1e-12, atol=0)
    kept = ratio[0] != 0
    torch.testing.assert_close(ratio[0][kept], torch.full_like(ratio[0][kept], 1 / 0.6), rtol=1e-12, atol=0)
    assert 0.5 < kept.double().mean() < 0.7  # 200 units, each kept with probability 0.6
    assert not torch.equal(kept[0], kept[1])
    assert torch.equal(difference, torch.zeros_like(difference))  # the state is what the recurrence left


def test_dropout_follows_every_layer():
    _, difference = dropped(training=True, num_layers=2)
    assert torch.equal(difference[:, 0], torch.zeros_like(difference[:, 0]))
    assert (difference[:, 1] != 0).any()


def test_dropout_rests_in_evaluation():
    ratio, _ = dropped(training=False, num_layers=2)
    assert torch.equal(ratio, torch.ones_like(ratio))


def test_dropout_of_everything():
    layer = UnICORNN(H_IN, H, dt=0.1, alpha=1.0, dropout=1.0)
    output, _ = layer(torch.rand(L, N, H_IN))
    assert torch.equal(output, torch.zeros(L, N, H))


@pytest.mark.parametrize("batch", [(N,), ()], ids=["batched", "unbatched"])
def test_cell_steps_equal_the_layer(batch):
    layer = UnICORNN(H_IN, H, dt=0.1, alpha=2.0, dtype=torch.float64)
    input = random(L, *batch, H_IN, seed=1)
    output, (y, z) = layer(input)
    state = None
    for u, expected in zip(input, output, strict=True):
        state = layer.cells[0](u, state)
        torch.testing.assert_close(state[0], expected, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(state, (y[0], z[0]), rtol=1e-12, atol=1e-14)


def test_dt_is_one_number_or_one_for_each_layer():
    assert [cell.dt for cell in UnICORNN(H_IN, H, 3, dt=0.2, alpha=1.0).cells] == [0.2, 0.2, 0.2]
    assert [cell.dt for cell in UnICORNN(H_IN, H, 3, dt=(0.1, 0.2, 0.3), alpha=1.0).cells] == [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("keywords", "complaint"),
    [
        ({"dt": -0.1, "alpha": 1.0}, "dt must be positive, got -0.1"),
        ({"dt": [0.1, 0.0], "alpha": 1.0}, r"dt must be positive, got 0\.0"),
        ({"dt": [0.1], "alpha": 1.0}, "dt must be one number or one for each of the 2 layers, got 1"),
        ({"dt": 0.1, "alpha": -1.0}, "alpha must not be negative, got -1.0"),
        ({"dt": 0.1, "alpha": 1.0, "dropout": 1.5}, "dropout must be a probability between 0 and 1, got 1.5"),
    ],
    ids=str,
)
def test_arguments_that_cannot_be(keywords, complaint):
    with pytest.raises(ValueError, match=f"^{complaint}$"):
        UnICORNN(H_IN, H, 2, **keywords)


def test_dt_and_alpha_are_required():
    with pytest.raises(TypeError, match="dt"):
        UnICORNN(H_IN, H, alpha=1.0)
    with pytest.raises(TypeError, match="alpha"):
        UnICORNN(H_IN, H, dt=0.1)


@pytest.mark.parametrize("alpha", [0.0, 1.0, 30.65])
@pytest.mark.parametrize("factor", [0.98, 1.02], ids=["below", "above"])
def test_constraint_is_where_the_worst_initial_unit_explodes(alpha, factor):
    limit = 2 / math.sqrt(alpha + 1) / torch.sigmoid(torch.tensor(0.1, dtype=torch.float64)).item()
    hyper = {"dt": factor * limit, "alpha": alpha}
    complaint = ARCHITECTURE.constraint(hyper)

    cell = UnICORNNCell(1, 1, **hyper, dtype=torch.float64)
    for parameter, value in ((cell.i2h.weight, 0.0), (cell.w, 1.0), (cell.c, 0.1)):
        nn.init.constant_(parameter, value)
    small = torch.full((1, 1), 1e-9, dtype=torch.float64)  # small enough for tanh to be its argument
    with torch.no_grad():
        output, _ = cell.unroll(torch.zeros(60, 1, 1, dtype=torch.float64), (small, small))
    if factor < 1:
        assert complaint is None
        assert output.abs().max() < 1e-6
    else:
        assert complaint is not None
        assert complaint.startswith("the step is unstable: ")
        assert output.abs().max() > 1e-5


def test_constraint_looks_at_the_largest_step():
    assert ARCHITECTURE.constraint({"dt": [0.1, 0.2], "alpha": 30.65}) is None
    assert "dt = 0.9," in ARCHITECTURE.constraint({"dt": [0.1, 0.9], "alpha": 30.65})


@pytest.mark.parametrize(("dt", "alpha"), SETTINGS)
def test_published_settings_pass_the_constraint(dt, alpha):
    assert ARCHITECTURE.constraint({"dt": dt, "alpha": alpha}) is None
