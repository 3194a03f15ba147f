"""LSTM and GRU are torch's, but for the forget bias."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from architectures import GRU, LSTM

H_IN, H, LAYERS = 3, 40, 2
BOTH = pytest.mark.parametrize(("ours", "torchs"), [(LSTM, nn.LSTM), (GRU, nn.GRU)], ids=["lstm", "gru"])
KEEP, INPUT = 1, 0  # blocks of H rows: (i, f, g, o) in an LSTM, (r, z, n) in a GRU


def gate_bias(layer: nn.RNNBase, number: int, gate: int) -> torch.Tensor:
    """The bias that the gate really has: the sum of torch's two."""
    rows = slice(gate * H, (gate + 1) * H)
    return getattr(layer, f"bias_ih_l{number}")[rows] + getattr(layer, f"bias_hh_l{number}")[rows]


@BOTH
def test_forget_bias_0_is_the_layer_of_torch(ours, torchs):
    torch.manual_seed(1)
    layer = ours(H_IN, H, LAYERS)
    torch.manual_seed(1)
    expected = torchs(H_IN, H, LAYERS)
    assert list(layer.state_dict()) == list(expected.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(layer.parameters(), expected.parameters(), strict=True))
    input = torch.rand(9, 4, H_IN)
    assert torch.equal(layer(input)[0], expected(input)[0])


@BOTH
@pytest.mark.parametrize("again", [False, True], ids=["constructed", "reset"])
@pytest.mark.parametrize("forget_bias", [1, "chrono"])
def test_only_the_gates_in_question_differ_from_torch(ours, torchs, forget_bias, again):
    torch.manual_seed(1)
    expected = torchs(H_IN, H, LAYERS)
    torch.manual_seed(1)
    layer = ours(H_IN, H, LAYERS, forget_bias=forget_bias, chrono_length=100)
    if again:
        torch.manual_seed(1)
        layer.reset_parameters()
    changed = {KEEP} if ours is GRU or forget_bias == 1 else {KEEP, INPUT}
    for (name, a), b in zip(layer.named_parameters(), expected.parameters(), strict=True):
        for gate, (ours_gate, torchs_gate) in enumerate(zip(a.split(H), b.split(H), strict=True)):
            assert torch.equal(ours_gate, torchs_gate) != ("bias" in name and gate in changed), (name, gate)


@BOTH
def test_forget_bias_1_is_exactly_1(ours, torchs):
    layer = ours(H_IN, H, LAYERS, forget_bias=1)
    for number in range(LAYERS):
        assert torch.equal(gate_bias(layer, number, KEEP), torch.ones(H))


@BOTH
def test_chrono_spreads_the_memory_over_the_length(ours, torchs):
    torch.manual_seed(0)
    layer = ours(H_IN, H, LAYERS, forget_bias="chrono", chrono_length=100)
    for number in range(LAYERS):
        steps = gate_bias(layer, number, KEEP).exp()
        assert 1 <= steps.min() < 20
        assert 80 < steps.max() <= 99 * (1 + 1e-6)
        if ours is LSTM:
            assert torch.equal(gate_bias(layer, number, INPUT), -gate_bias(layer, number, KEEP))


@BOTH
@pytest.mark.parametrize("forget_bias", [1, "chrono"])
def test_the_gate_keeps_what_its_bias_says(ours, torchs, forget_bias):
    """With all else zero, a unit decays by the sigmoid of its forget bias at every step."""
    layer = ours(H_IN, H, forget_bias=forget_bias, chrono_length=50, dtype=torch.float64)
    kept = torch.sigmoid(gate_bias(layer, 0, KEEP)).detach()
    for name, parameter in layer.named_parameters():
        for gate, rows in enumerate(parameter.detach().split(H)):
            if not ("bias" in name and gate == KEEP):
                rows.zero_()
    start = torch.ones(1, 1, H, dtype=torch.float64)
    _, state = layer(torch.zeros(10, 1, H_IN, dtype=torch.float64), (start, start) if ours is LSTM else start)
    memory = state[1] if ours is LSTM else state
    torch.testing.assert_close(memory[0, 0], kept**10, rtol=1e-12, atol=0)


def test_a_unit_with_forget_bias_1_keeps_73_percent():
    assert 1 / (1 + math.exp(-1)) == pytest.approx(0.73, abs=0.005)


@BOTH
@pytest.mark.parametrize(
    ("keywords", "complaint"),
    [
        ({"forget_bias": 2}, "forget_bias must be 0, 1 or 'chrono', got 2"),
        ({"forget_bias": "chrono"}, "forget_bias='chrono' needs chrono_length, .*, got None"),
        ({"forget_bias": "chrono", "chrono_length": 1}, "forget_bias='chrono' needs chrono_length, .*, got 1"),
        ({"forget_bias": 1, "bias": False}, "forget_bias=1 needs bias=True"),
        ({"dropout": -0.5}, "dropout must be a probability between 0 and 1, got -0.5"),
    ],
    ids=str,
)
def test_arguments_that_cannot_be(ours, torchs, keywords, complaint):
    with pytest.raises(ValueError, match=f"^{complaint}$"):
        ours(H_IN, H, **keywords)


@BOTH
def test_packed_sequences_work_as_in_torch(ours, torchs):
    layer = ours(H_IN, H)
    packed = pack_sequence([torch.rand(5, H_IN), torch.rand(2, H_IN)])
    output, _ = layer(packed)
    assert isinstance(output, PackedSequence)
    assert output.data.shape == (7, H)


@BOTH
def test_representation_tells_the_chrono_length(ours, torchs):
    assert "forget_bias='chrono', chrono_length=30" in repr(ours(3, 4, forget_bias="chrono", chrono_length=30))
    assert "forget_bias" not in repr(ours(3, 4))
