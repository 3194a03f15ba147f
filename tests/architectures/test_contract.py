"""What every architecture promises, in the words of ``torch.nn.LSTM``."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

L, N = 11, 4


def sequence(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def random_state(layer: Any, batch: tuple[int, ...] = (N,)) -> Any:
    """A state that fits `layer`, far from zero; its structure is the one the layer itself returns."""
    shape = (layer.num_layers, *batch, layer.hidden_size)
    _, own = layer(sequence(1, *batch, layer.input_size))
    if isinstance(own, Tensor):
        return sequence(*shape, seed=2)
    return tuple(sequence(*shape, seed=2 + k) - 0.5 for k in range(len(own)))


def agree(actual: Tensor, expected: Tensor) -> None:
    """Equal up to the order in which sums were taken."""
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-13)


def test_shapes_of_batched_input(build, states):
    layer = build()
    output, state = layer(sequence(L, N, 3))
    assert output.shape == (L, N, 5)
    assert [part.shape for part in states(state)] == [(2, N, 5)] * len(states(state))


@pytest.mark.parametrize("given", [False, True], ids=["zero state", "given state"])
def test_batch_first_only_transposes(build, states, given):
    input, layer, transposed = sequence(L, N, 3), build(), build(batch_first=True)
    hx = random_state(layer) if given else None
    output, state = layer(input, hx)
    other, other_state = transposed(input.transpose(0, 1), hx)
    agree(other.transpose(0, 1), output)
    for a, b in zip(states(other_state), states(state), strict=True):
        agree(a, b)


@pytest.mark.parametrize("batch_first", [False, True])
def test_unbatched_input_is_a_batch_of_one(build, states, batch_first):
    input, layer = sequence(L, 3), build(batch_first=batch_first)
    hx = random_state(build(), batch=())
    output, state = layer(input, hx)
    batched = tuple(part.unsqueeze(1) for part in states(hx))
    expected, expected_state = build()(input.unsqueeze(1), batched if len(batched) > 1 else batched[0])
    assert output.shape == (L, 5)
    agree(output, expected.squeeze(1))
    for a, b in zip(states(state), states(expected_state), strict=True):
        assert a.shape == (2, 5)
        agree(a, b.squeeze(1))


def test_a_missing_state_is_zero(build, states):
    input, layer = sequence(L, N, 3), build()
    zeros = tuple(torch.zeros_like(part) for part in states(random_state(layer)))
    output, _ = layer(input)
    expected, _ = layer(input, zeros if len(zeros) > 1 else zeros[0])
    assert torch.equal(output, expected)


def test_two_pieces_equal_the_whole(build, states):
    input, layer = sequence(L, N, 3), build()
    output, state = layer(input)
    first, between = layer(input[:4])
    second, final = layer(input[4:], between)
    agree(torch.cat((first, second)), output)
    for a, b in zip(states(final), states(state), strict=True):
        agree(a, b)


def test_final_state_of_the_last_layer_holds_the_last_output(build, states, architecture):
    # The output of an SRU is a mixture of its state and its input: all state once the highway is shut.
    keywords = {"highway_bias": 50.0, "rescale": False} if "highway_bias" in architecture.defaults else {}
    output, state = build(**keywords)(sequence(L, N, 3))
    agree(states(state)[0][-1], output[-1])


def test_sequences_of_a_batch_do_not_see_each_other(build):
    input, layer = sequence(L, N, 3), build()
    alone, _ = layer(input[:, 2:3])
    agree(layer(input)[0][:, 2:3], alone)


def test_input_may_be_any_view(build):
    wide = sequence(L, N, 6)[..., ::2].flip(0).transpose(0, 1).transpose(0, 1)
    layer = build()
    agree(layer(wide)[0], layer(wide.contiguous())[0])


@pytest.mark.parametrize("shape", [(1, N, 3), (L, 1, 3), (1, 3)], ids=str)
def test_single_steps_and_single_sequences(build, shape):
    assert build()(sequence(*shape))[0].shape == (*shape[:-1], 5)


def test_gradients_of_input_initial_state_and_parameters(build, states):
    layer = build()
    names = [name for name, _ in layer.named_parameters()]
    start = states(random_state(layer, batch=(2,)))
    inputs = (sequence(4, 2, 3), *start, *(parameter.detach() for parameter in layer.parameters()))

    def call(input: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        hx, parameters = rest[: len(start)], dict(zip(names, rest[len(start) :], strict=True))
        arguments = (input, hx if len(hx) > 1 else hx[0])
        output, state = torch.func.functional_call(layer, parameters, arguments)
        return output, *states(state)

    assert torch.autograd.gradcheck(call, [tensor.clone().requires_grad_() for tensor in inputs])


def test_an_empty_batch_gives_an_empty_output_and_zero_gradients(build, states):
    layer = build()
    output, state = layer(torch.zeros(L, 0, 3, dtype=torch.float64))
    assert output.shape == (L, 0, 5)
    assert all(part.shape == (2, 0, 5) for part in states(state))
    output.sum().backward()
    assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in layer.parameters())


def test_state_dict_round_trip(build):
    input, layer = sequence(L, N, 3), build()
    other = build()
    other.reset_parameters()
    assert not torch.equal(other(input)[0], layer(input)[0])
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other(input)[0], layer(input)[0])
    assert torch.equal(copy.deepcopy(layer)(input)[0], layer(input)[0])


def test_the_seed_decides_everything(build):
    input, first, second = sequence(L, N, 3), build(), build()
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    torch.manual_seed(7)
    second.reset_parameters()
    torch.manual_seed(7)
    first.reset_parameters()
    assert torch.equal(first(input)[0], second(input)[0])


def test_layer_without_bias(build, architecture):
    keywords = {"forget_bias": 0} if "forget_bias" in architecture.defaults else {}
    layer = build(bias=False, **keywords)
    assert not any("bias" in name for name, _ in layer.named_parameters())
    assert layer(sequence(L, N, 3))[0].shape == (L, N, 5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_dtype_and_device_of_the_construction(build, states, dtype):
    layer = build(device="meta", dtype=dtype)
    assert {(p.device.type, p.dtype) for p in layer.parameters()} == {("meta", dtype)}
    output, state = layer(torch.zeros(L, N, 3, device="meta", dtype=dtype))
    assert {part.dtype for part in (output, *states(state))} == {dtype}
    assert output.shape == (L, N, 5)


def test_layer_moves_to_another_dtype(build):
    layer = build()
    expected = layer(sequence(L, N, 3))[0]
    actual = layer.float()(sequence(L, N, 3).float())[0]
    assert actual.dtype == torch.float32
    torch.testing.assert_close(actual.double(), expected, rtol=1e-5, atol=1e-6)


def test_autocast(build):
    layer = build(dtype=torch.float32)
    expected = layer(sequence(L, N, 3).float())[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = layer(sequence(L, N, 3).float())[0]
    torch.testing.assert_close(actual.float(), expected, rtol=0, atol=0.02)  # a few roundings to 8 bits each step


def test_representation_names_the_hyper_parameters(build, architecture):
    shown = repr(build(batch_first=True))
    assert "batch_first=True" in shown
    for name, value in architecture.defaults.items():
        if name not in ("hidden_size", "num_layers", "dropout", "batch_norm"):
            assert f"{name}={value}" in shown


@pytest.mark.parametrize(
    ("shape", "batch_first", "complaint"),
    [
        ((L,), False, r"expected the input to be \(L, H_in\) or \(L, N, H_in\), got 1D instead"),
        ((L, N, 3, 1), True, r"expected the input to be \(L, H_in\) or \(N, L, H_in\), got 4D instead"),
        ((L, N, 4), False, "expected input_size = 3 features in the input, got 4"),
        ((L, 4), False, "expected input_size = 3 features in the input, got 4"),
        ((0, N, 3), False, "expected at least one time step"),
        ((N, 0, 3), True, "expected at least one time step"),
        ((0, 3), True, "expected at least one time step"),
    ],
    ids=str,
)
def test_inputs_that_do_not_fit(build, shape, batch_first, complaint):
    layer = build(batch_first=batch_first)
    with pytest.raises(ValueError, match=f"^{type(layer).__name__}: {complaint}"):
        layer(torch.zeros(shape, dtype=torch.float64))


def test_input_of_another_dtype(build):
    with pytest.raises(ValueError, match="dtype"):
        build()(torch.zeros(L, N, 3))


@pytest.mark.parametrize("shape", [(2, N, 4), (1, N, 5), (2, N + 1, 5), (2, 5)], ids=str)
def test_initial_states_that_do_not_fit(build, states, shape):
    layer = build()
    parts = len(states(random_state(layer)))
    wrong = torch.zeros(shape, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"expected the initial state \w to have shape \(2, 4, 5\), got \("):
        layer(sequence(L, N, 3), (wrong,) * parts if parts > 1 else wrong)
    with pytest.raises(ValueError, match=r"to have shape \(2, 5\)"):
        layer(sequence(L, 3), (wrong.unsqueeze(0),) * parts if parts > 1 else wrong.unsqueeze(0))


def test_initial_state_of_another_structure(build, states):
    layer = build()
    state = states(random_state(layer))
    wrong = (state[0], None) if len(state) > 1 else (state[0], state[0])
    with pytest.raises(ValueError, match="expected the initial state"):
        layer(sequence(L, N, 3), wrong)
    if len(state) > 1:
        with pytest.raises(ValueError, match=r"to be the pair \(\w, \w\)"):
            layer(sequence(L, N, 3), state[0])


@pytest.mark.parametrize(
    ("keywords", "complaint"),
    [
        ({"input_size": 0}, "input_size must be a whole number above 0, got 0"),
        ({"hidden_size": -5}, "hidden_size must be a whole number above 0, got -5"),
        ({"hidden_size": 2.5}, "hidden_size must be a whole number above 0, got 2.5"),
        ({"num_layers": 0}, "num_layers must be a whole number above 0, got 0"),
        ({"backend": "abacus"}, "backend must be eager, cpu, cuda, parallel or torch, got 'abacus'"),
    ],
    ids=str,
)
def test_arguments_that_cannot_be(build, keywords, complaint):
    with pytest.raises(ValueError, match=f"^{complaint}$"):
        build(**keywords)
