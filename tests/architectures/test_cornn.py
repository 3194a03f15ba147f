"""coRNN against the equations of the paper, written down once more."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from architectures import CoRNN, CoRNNCell
from architectures.cornn import ARCHITECTURE

L, N, H_IN, H = 60, 4, 3, 6

SETTINGS = [  # dt, gamma, epsilon of the published runs
    pytest.param(0.076, 0.4, 8.0, id="psmnist"),
    pytest.param(0.042, 2.7, 4.7, id="smnist"),
    pytest.param(0.06, 66.0, 15.0, id="adding"),
]


def reference(input: Tensor, i2h: nn.Linear, y: Tensor, z: Tensor, dt, gamma, epsilon, damping):
    """One linear map over the columns (u, z, y), step by step."""
    positions = []
    for u in input:
        force = torch.tanh(i2h(torch.cat((u, z, y), dim=1)))
        if damping == "implicit":
            z = (z + dt * (force - gamma * y)) / (1 + dt * epsilon)
        else:
            z = z + dt * (force - gamma * y - epsilon * z)
        y = y + dt * z
        positions.append(y)
    return torch.stack(positions), y, z


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def relative_error(actual: Tensor, expected: Tensor) -> float:
    return ((actual - expected).abs().max() / expected.abs().max()).item()


def linear_maps(num_layers: int, bias: bool = True) -> list[nn.Linear]:
    """``i2h`` as the cell of the paper's code has it, one for each layer, with a bias that matters."""
    torch.manual_seed(3)
    sizes = [H_IN] + [H] * (num_layers - 1)
    return [nn.Linear(size + 2 * H, H, bias=bias, dtype=torch.float64) for size in sizes]


@pytest.mark.parametrize("damping", ["explicit", "implicit"])
@pytest.mark.parametrize(("dt", "gamma", "epsilon"), SETTINGS)
@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_outputs_and_gradients_with_the_weights_of_the_reference(dt, gamma, epsilon, damping, num_layers, bias):
    maps = linear_maps(num_layers, bias)
    layer = CoRNN(
        H_IN, H, num_layers, dt=dt, gamma=gamma, epsilon=epsilon, damping=damping, bias=bias, dtype=torch.float64
    )
    for cell, i2h in zip(layer.cells, maps, strict=True):
        cell.i2h.load_state_dict(i2h.state_dict())
    input, y0, z0 = (random(*shape, seed=k) for k, shape in enumerate([(L, N, H_IN)] + [(num_layers, N, H)] * 2))
    weights = [random(*shape, seed=9 + k) for k, shape in enumerate([(L, N, H)] + [(num_layers, N, H)] * 2)]

    def results(run, parameters):
        leaves = [tensor.clone().requires_grad_() for tensor in (input, y0, z0)]
        outputs = run(*leaves)
        loss = sum((weight * output).sum() for weight, output in zip(weights, outputs, strict=True))
        return [*outputs, *torch.autograd.grad(loss, [*leaves, *parameters])]

    def by_reference(sequence, y, z):
        final = []
        for i2h, y_layer, z_layer in zip(maps, y, z, strict=True):
            sequence, *state = reference(sequence, i2h, y_layer, z_layer, dt, gamma, epsilon, damping)
            final.append(state)
        ys, zs = zip(*final, strict=True)
        return sequence, torch.stack(ys), torch.stack(zs)

    def by_layer(sequence, y, z):
        output, state = layer(sequence, (y, z))
        return output, *state

    expected = results(by_reference, [p for i2h in maps for p in i2h.parameters()])
    actual = results(by_layer, layer.parameters())
    assert len(actual) == 6 + num_layers * (1 + bias)
    assert max(relative_error(a, e) for a, e in zip(actual, expected, strict=True)) < 1e-12


def test_state_dict_of_the_reference_cell_loads_unchanged():
    (i2h,) = linear_maps(1)
    cell = CoRNNCell(H_IN, H, dt=0.1, dtype=torch.float64)
    cell.load_state_dict({"i2h.weight": i2h.weight, "i2h.bias": i2h.bias})
    assert torch.equal(cell.i2h.weight, i2h.weight)


def test_initialisation_is_that_of_a_linear_map():
    torch.manual_seed(5)
    i2h = nn.Linear(H_IN + 2 * H, H)
    torch.manual_seed(5)
    layer = CoRNN(H_IN, H, dt=0.1)
    assert torch.equal(layer.cells[0].i2h.weight, i2h.weight)
    assert torch.equal(layer.cells[0].i2h.bias, i2h.bias)


@pytest.mark.parametrize("batch", [(N,), ()], ids=["batched", "unbatched"])
def test_cell_steps_equal_the_layer(batch):
    layer = CoRNN(H_IN, H, dt=0.1, epsilon=3.0, dtype=torch.float64)
    input = random(L, *batch, H_IN, seed=1)
    output, (y, z) = layer(input)
    state = None
    for u, expected in zip(input, output, strict=True):
        state = layer.cells[0](u, state)
        torch.testing.assert_close(state[0], expected, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(state, (y[0], z[0]), rtol=1e-12, atol=1e-14)


def test_cell_refuses_what_does_not_fit():
    cell = CoRNNCell(H_IN, H, dt=0.1)
    with pytest.raises(ValueError, match=r"CoRNNCell: expected the input to be \(H_in\) or \(N, H_in\), got 3D"):
        cell(torch.zeros(L, N, H_IN))
    with pytest.raises(ValueError, match="CoRNNCell: expected input_size = 3 features"):
        cell(torch.zeros(N, 2))
    with pytest.raises(ValueError, match=r"initial state z to have shape \(4, 6\), got \(4, 5\)"):
        cell(torch.zeros(N, H_IN), (torch.zeros(N, H), torch.zeros(N, H - 1)))


@pytest.mark.parametrize(
    ("keywords", "complaint"),
    [
        ({"dt": -0.1}, "dt must be positive, got -0.1"),
        ({"dt": 0.0}, "dt must be positive, got 0.0"),
        ({"dt": math.nan}, "dt must be positive, got nan"),
        ({"dt": 0.1, "gamma": -1.0}, "gamma must not be negative, got -1.0"),
        ({"dt": 0.1, "epsilon": math.inf}, "epsilon must not be negative, got inf"),
        ({"dt": 0.1, "damping": "none"}, "damping must be 'explicit' or 'implicit', got 'none'"),
    ],
    ids=str,
)
def test_arguments_that_cannot_be(keywords, complaint):
    with pytest.raises(ValueError, match=f"^{complaint}$"):
        CoRNN(H_IN, H, **keywords)


def test_dt_is_required():
    with pytest.raises(TypeError, match="dt"):
        CoRNN(H_IN, H)


@pytest.mark.parametrize("damping", ["explicit", "implicit"])
@pytest.mark.parametrize(("gamma", "epsilon"), [(1.0, 1.0), (66.0, 15.0), (0.4, 8.0)])
@pytest.mark.parametrize("factor", [0.98, 1.02], ids=["below", "above"])
def test_constraint_is_where_the_oscillators_explode(damping, gamma, epsilon, factor):
    sign = 1 if damping == "implicit" else -1
    limit = (sign * epsilon + math.sqrt(epsilon**2 + 4 * gamma)) / gamma  # dt^2 gamma - sign 2 dt epsilon = 4
    hyper = {"dt": factor * limit, "gamma": gamma, "epsilon": epsilon, "damping": damping}
    complaint = ARCHITECTURE.constraint(hyper)

    layer = CoRNN(1, 1, **hyper, dtype=torch.float64)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)  # no force: what is left is the spring and the damping
    one = torch.ones(1, 1, 1, dtype=torch.float64)
    with torch.no_grad():
        output, _ = layer(torch.zeros(2000, 1, 1, dtype=torch.float64), (one, one))
    if factor < 1:
        assert complaint is None
        assert output[-1].abs().item() < 1e-3
    else:
        assert complaint is not None
        assert complaint.startswith("the step is unstable: ")
        assert output[-1].abs().item() > 1e3


@pytest.mark.parametrize(("dt", "gamma", "epsilon"), SETTINGS)
def test_published_settings_pass_the_constraint(dt, gamma, epsilon):
    assert ARCHITECTURE.constraint({"dt": dt, "gamma": gamma, "epsilon": epsilon}) is None


@pytest.mark.parametrize("maps", [None, 1, 2, 3])
def test_every_map_is_initialised_within_its_own_fan_in(maps):
    torch.manual_seed(0)
    cell = CoRNNCell(4, 50, dt=0.1, maps=maps)
    u, z, y = cell.i2h.weight.split([4, 50, 50], dim=1)
    bounds = {None: (104, 104, 104), 1: (104, 104, 104), 2: (4, 100, 100), 3: (4, 50, 50)}[maps]
    for block, fan_in in zip((u, z, y), bounds, strict=True):
        assert 0.97 * fan_in**-0.5 < block.abs().max() <= fan_in**-0.5, "200 draws or more come near the bound"
    assert 0.85 * bounds[0] ** -0.5 < cell.i2h.bias.abs().max() <= bounds[0] ** -0.5, "the bias is the input map's"


def test_another_number_of_maps_is_refused():
    with pytest.raises(ValueError, match="maps must be 1, 2 or 3, got 4"):
        CoRNN(1, 2, dt=0.1, maps=4)


def test_maps_work_without_a_bias():
    assert CoRNNCell(4, 5, dt=0.1, maps=3, bias=False).i2h.bias is None
