"""How LSTM and GRU are computed: the oracle, torch's paths by their names, and chunks that change nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence
from torch.profiler import ProfilerActivity, profile

from architectures import GRU, LSTM, gated_paths, kernels
from architectures.gru import gru_eager
from architectures.lstm import lstm_eager

L, N, H_IN, H, LAYERS = 11, 4, 3, 5, 2
BOTH = pytest.mark.parametrize(("ours", "torchs"), [(LSTM, nn.LSTM), (GRU, nn.GRU)], ids=["lstm", "gru"])
OURS = pytest.mark.parametrize("ours", [LSTM, GRU], ids=["lstm", "gru"])


@pytest.fixture
def short_chunks(monkeypatch) -> Iterator[None]:
    """Chunks of 3 steps at most."""
    monkeypatch.setattr(gated_paths, "BLOCK", 0)
    monkeypatch.setattr(gated_paths, "FEWEST", 3)
    yield
    assert any("in chunks" in operation for operation, _ in kernels.counts()), "what was tested did not run"


def numbers(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def everything(layer: nn.RNNBase, input: Tensor, hx) -> list[Tensor]:
    """Output, final states and the gradients of input, initial states and parameters, of a sum that weighs each."""
    parts = () if hx is None else (hx,) if isinstance(hx, Tensor) else hx
    leaves = [tensor.clone().requires_grad_() for tensor in (input, *parts)]
    start = None if hx is None else leaves[1] if isinstance(hx, Tensor) else tuple(leaves[1:])
    output, final = layer(leaves[0], start)
    results = [output, *((final,) if isinstance(final, Tensor) else final)]
    loss = sum((part * numbers(*part.shape, seed=9 + k)).sum() for k, part in enumerate(results))
    return results + list(torch.autograd.grad(loss, [*leaves, *layer.parameters()]))


def agree(actual: list[Tensor], expected: list[Tensor]) -> None:
    """Equal up to the order in which sums were taken, relative to the largest number of each tensor."""
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12 * max(1.0, float(b.detach().abs().max())))


def twins(ours, torchs, **keywords) -> tuple[nn.RNNBase, nn.RNNBase]:
    """Our layer and torch's with the same weights, in float64."""
    keywords = {"num_layers": LAYERS, "batch_first": False, **keywords}
    layer = ours(H_IN, H, dtype=torch.float64, **keywords)
    keywords.pop("backend", None)
    expected = torchs(H_IN, H, dtype=torch.float64, **keywords)
    expected.load_state_dict(layer.state_dict())
    return layer, expected


def cases(ours):
    """Input, state and keywords of every shape that torch takes."""
    for batch_first in (False, True):
        for batch in ((), (N,)):
            for given in (False, True):
                shape = (N, L, H_IN) if batch and batch_first else (L, *batch, H_IN)
                states = tuple(numbers(LAYERS, *batch, H, seed=2 + k) for k in range(2 if ours is LSTM else 1))
                hx = (states if ours is LSTM else states[0]) if given else None
                yield numbers(*shape), hx, {"batch_first": batch_first}


@BOTH
def test_chunks_change_nothing(ours, torchs, short_chunks):
    for input, hx, keywords in cases(ours):
        layer, expected = twins(ours, torchs, **keywords)
        agree(everything(layer, input, hx), everything(expected, input, hx))


@BOTH
def test_chunks_of_a_long_sequence_change_nothing(ours, torchs, monkeypatch):
    monkeypatch.setattr(gated_paths, "BLOCK", 2**17)
    layer, expected = twins(ours, torchs)
    input, state = numbers(1200, 2, H_IN), numbers(LAYERS, 2, H)
    hx = (state, -state) if ours is LSTM else state
    agree(everything(layer, input, hx), everything(expected, input, hx))
    assert kernels.counts() == {(f"{ours.__name__.lower()} (native, in chunks)", "torch"): 1}


def test_chunks_of_onednn_differ_by_rounding(short_chunks):
    layer, expected = LSTM(H_IN, H, LAYERS), nn.LSTM(H_IN, H, LAYERS)
    expected.load_state_dict(layer.state_dict())
    input, state = numbers(L, N, H_IN).float(), numbers(LAYERS, N, H).float()
    for a, b in zip(
        everything(layer, input, (state, -state)), everything(expected, input, (state, -state)), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6 * max(1.0, float(b.detach().abs().max())))


@BOTH
def test_the_oracle_is_the_layer_of_torch(ours, torchs):
    for input, hx, keywords in cases(ours):
        layer, expected = twins(ours, torchs, backend="eager", **keywords)
        agree(everything(layer, input, hx), everything(expected, input, hx))
    layer, expected = twins(ours, torchs, backend="eager", bias=False)
    agree(everything(layer, input, None), everything(expected, input, None))
    assert {backend for _, backend in kernels.counts()} == {"eager"}


@BOTH
@pytest.mark.parametrize("backend", ["eager", "torch"])
def test_dropout_is_between_the_layers_when_training(ours, torchs, backend):
    """With everything dropped nothing is random, so the places of the dropout show."""
    layer, expected = twins(ours, torchs, backend=backend, dropout=1.0)
    input = numbers(L, N, H_IN)
    trained = everything(layer, input, None)
    agree(trained, everything(expected, input, None))
    agree(everything(layer.eval(), input, None), everything(expected.eval(), input, None))
    assert not torch.equal(layer(input)[0], trained[0])


@OURS
def test_dropout_in_the_oracle_is_drawn_anew_for_every_step_and_unit(ours):
    layer = ours(H_IN, 40, 2, dropout=0.5, backend="eager")
    seen = []
    recurrence = layer._unroll
    layer._unroll = lambda number, input, state: (seen.append(input), recurrence(number, input, state))[1]
    layer(torch.ones(6, 3, H_IN))
    dropped = seen[1] == 0
    assert 0.4 < dropped.double().mean() < 0.6
    assert not torch.equal(dropped[0], dropped[1])


def lstm_flat(drive: Tensor, weight: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
    output, final = lstm_eager(drive, weight, (h, c))
    return output, *final


@pytest.mark.parametrize(
    ("oracle", "shapes"),
    [(lstm_flat, ((3, 2, 8), (8, 2), (2, 2), (2, 2))), (gru_eager, ((3, 2, 6), (6, 2), (6,), (2, 2)))],
    ids=["lstm", "gru"],
)
def test_gradients_of_the_oracles(oracle, shapes):
    inputs = [numbers(*shape, seed=number).requires_grad_() for number, shape in enumerate(shapes)]
    assert torch.autograd.gradcheck(oracle, inputs)


def which_of_torchs(layer, input) -> str:
    """The path of torch that really ran, from its profiler; "packed" leaves it open."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        layer(input)
    return "oneDNN" if any("mkldnn_rnn" in event.key for event in seen.key_averages()) else "native"


@OURS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("how", ["train", "no_grad", "autocast", "without oneDNN"])
@pytest.mark.filterwarnings("ignore:TF32 acceleration:UserWarning")
def test_the_name_tells_which_of_torchs_paths_ran(ours, dtype, how):
    layer, input = ours(H_IN, H, dtype=dtype), torch.ones(L, N, H_IN, dtype=dtype)
    with (
        torch.set_grad_enabled(how != "no_grad"),
        torch.autocast("cpu", torch.bfloat16, enabled=how == "autocast"),
        torch.backends.mkldnn.flags(enabled=False) if how == "without oneDNN" else nullcontext(),
    ):
        path = which_of_torchs(layer, input)
    assert kernels.counts() == {(f"{ours.__name__.lower()} ({path})", "torch"): 1}


@OURS
def test_packed_sequences_go_straight_through(ours, monkeypatch):
    monkeypatch.setattr(gated_paths, "BLOCK", 0)
    packed = pack_sequence([torch.rand(9, H_IN), torch.rand(7, H_IN)])
    output, _ = ours(H_IN, H)(packed)
    assert isinstance(output, PackedSequence)
    name = ours.__name__.lower()
    assert kernels.counts() == {(f"{name} (packed)", "torch"): 1}
    with pytest.raises(ValueError, match=f"^{name} has no backend 'eager' here: use torch$"):
        ours(H_IN, H, backend="eager")(packed)
    monkeypatch.setenv("HARNESS_BACKEND", "eager")  # which speaks to all, and so is no reason to refuse
    ours(H_IN, H)(packed)


@pytest.mark.parametrize(
    ("ours", "shape", "hidden", "number"),
    [
        (LSTM, (784, 8), 32, 1),
        (LSTM, (4096, 8), 32, 1),
        (LSTM, (4097, 8), 32, 2),
        (LSTM, (17_984, 8), 32, 5),
        (LSTM, (784, 32), 128, 4),
        (LSTM, (784, 100), 104, 8),
        (GRU, (784, 100), 104, 6),
        (LSTM, (128, 10_000), 512, 4),
        (LSTM, (17_984, 0), 32, 1),
    ],
    ids=str,
)
def test_number_of_chunks(ours, shape, hidden, number):
    layer, input = ours(1, hidden), torch.empty(*shape, 1)
    assert gated_paths.chunks(layer, input) == number
    layer.batch_first = True
    assert gated_paths.chunks(layer, input.transpose(0, 1)) == number
    assert gated_paths.chunks(layer, input.to("meta")) == 1, "other devices than the CPU run the whole sequence"


@OURS
def test_bfloat16_and_autocast_in_chunks(ours, short_chunks):
    layer, input = ours(H_IN, H, LAYERS), numbers(L, N, H_IN, dtype=torch.float32)
    expected = layer(input)[0]
    with torch.autocast("cpu", torch.bfloat16):
        output, _ = layer(input)
    output.float().sum().backward()
    torch.testing.assert_close(output.float(), expected, rtol=0, atol=0.03)  # a few roundings to 8 bits each step
    output, _ = layer.bfloat16()(input.bfloat16())
    output.float().sum().backward()
    torch.testing.assert_close(output.float(), expected, rtol=0, atol=0.05)


@OURS
@pytest.mark.parametrize("backend", ["eager", "torch"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_autocast_never_fails(ours, backend, dtype):
    layer, input = ours(H_IN, H, LAYERS, backend=backend), numbers(L, N, H_IN, dtype=torch.float32)
    expected = layer(input)[0]
    with torch.autocast("cpu", dtype):
        output, _ = layer(input)
    output.float().sum().backward()
    torch.testing.assert_close(output.float(), expected, rtol=0, atol=0.03)


def test_autocast_on_a_processor_without_bfloat16():
    """There torch fails in its own LSTM; oneDNN can be told to do without what such a processor lacks."""
    script = (
        "import torch; from architectures import LSTM\n"
        "with torch.autocast('cpu', torch.bfloat16): output, _ = LSTM(2, 3)(torch.ones(4, 1, 2))\n"
        "output.float().sum().backward()"
    )
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@OURS
def test_a_seed_decides_what_is_dropped_in_chunks(ours, short_chunks):
    layer, input = ours(H_IN, H, LAYERS, dropout=0.5), numbers(L, N, H_IN, dtype=torch.float32)
    outputs = []
    for _ in range(2):
        torch.manual_seed(3)
        outputs.append(layer(input)[0])
    assert torch.equal(*outputs)
    assert not torch.equal(layer(input)[0], outputs[0])
