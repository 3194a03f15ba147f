"""Where ``torch.nn.LSTM`` can be used, each layer can: the uses, one a function, and what is not so, with its reason.

    python tests/architectures/test_drop_in.py

prints all of it as a table, uses as rows and layers as columns.
"""

from __future__ import annotations

import copy
import functools
import io
import pickle
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence
from torch.utils.checkpoint import checkpoint

from architectures import GRU, LSTM, SRU, CoRNN, IndRNN, UnICORNN

L, N, H_IN, H, LAYERS = 5, 3, 3, 4, 2
Make = Callable[..., Any]
Use = Callable[[Make], None]

MAKE: dict[str, Make] = {
    "torch.nn.LSTM": functools.partial(nn.LSTM, H_IN, H, LAYERS),
    "lstm": functools.partial(LSTM, H_IN, H, LAYERS),
    "gru": functools.partial(GRU, H_IN, H, LAYERS),
    "cornn": functools.partial(CoRNN, H_IN, H, LAYERS, dt=0.1),
    "unicornn": functools.partial(UnICORNN, H_IN, H, LAYERS, dt=0.1, alpha=1.0),
    "indrnn": functools.partial(IndRNN, H_IN, H, LAYERS, activation="tanh"),  # ReLU may leave nothing to learn
    "sru": functools.partial(SRU, H_IN, H, LAYERS),
}
OURS = [name for name in MAKE if name != "torch.nn.LSTM"]

TWICE = "what its second derivatives need is not kept, which would take half as much memory again: backend='eager'"
WHOLE = (
    "torch.fx takes modules of torch.nn alone as one piece: a Tracer whose is_leaf_module says so for this layer too"
)
ORDER = "complex numbers have no order, which the bound of its weights needs"
REASONS = {
    ("double_backward", "cornn"): TWICE,
    ("hessian_vector_product", "cornn"): TWICE,
    ("complex_numbers", "indrnn"): ORDER,
    **{("fx_symbolic_trace", name): WHOLE for name in OURS},
}
"""(use, layer): why it is not so. ``proj_size`` and ``bidirectional`` are other networks, which no layer has."""

USES: dict[str, Use] = {}


def use(function: Use) -> Use:
    USES[function.__name__] = function
    return function


def sequences(dtype: torch.dtype = torch.float32, *shape: int) -> Tensor:
    return torch.randn(shape or (L, N, H_IN), generator=torch.Generator().manual_seed(1)).to(dtype)


def parts(state: Any) -> tuple[Tensor, ...]:
    return (state,) if isinstance(state, Tensor) else tuple(state)


def same(found: Any, expected: Any, **tolerance: float) -> None:
    torch.testing.assert_close(found, expected, **tolerance)


def matrices(layer: nn.Module) -> list[tuple[nn.Module, str]]:
    """All weights that are matrices, each as a module and a name."""
    return [
        (module, name)
        for module in layer.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if parameter.dim() == 2 and name != "v"
    ]


def gradients(layer: nn.Module) -> list[Tensor]:
    return [parameter.grad.clone() for parameter in layer.parameters() if parameter.grad is not None]


def trains(layer: nn.Module, input: Tensor | None = None) -> None:
    """Two steps; after each of them the output has changed."""
    input = sequences() if input is None else input
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.01)
    for _ in range(2):
        optimiser.zero_grad()
        before = layer(input)[0]
        before.square().sum().backward()
        optimiser.step()
        assert not torch.equal(layer(input)[0], before)


def checkpointed(make: Make, reentrant: bool) -> None:
    layer, input = make(), sequences().requires_grad_()
    layer(input)[0].sum().backward()
    expected = [*gradients(layer), input.grad]
    layer.zero_grad()
    input.grad = None
    checkpoint(lambda x: layer(x)[0], input, use_reentrant=reentrant).sum().backward()
    same([*gradients(layer), input.grad], expected)


@use
def checkpoint_without_reentry(make: Make) -> None:
    checkpointed(make, False)


@use
def checkpoint_with_reentry(make: Make) -> None:
    checkpointed(make, True)


def replica(module: nn.Module) -> Any:
    """What ``nn.DataParallel`` puts on each device: weights that are attributes, and no parameters."""
    made: Any = module._replicate_for_data_parallel()
    made._former_parameters = OrderedDict()
    for name, child in module._modules.items():
        setattr(made, name, None if child is None else replica(child))
    for name, parameter in module._parameters.items():
        if parameter is not None:
            made._former_parameters[name] = parameter.view_as(parameter)
            setattr(made, name, made._former_parameters[name])
    return made


@use
def data_parallel_replica(make: Make) -> None:
    layer = make()
    output = replica(layer)(sequences())[0]
    same(output, layer(sequences())[0])
    output.sum().backward()
    assert gradients(layer)


@use
def pruned(make: Make) -> None:
    layer = make()
    for module, name in matrices(layer):
        prune.l1_unstructured(module, name, amount=0.5)
    trains(layer)


@use
def weight_norm_by_hook(make: Make) -> None:
    layer = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        for module, name in matrices(layer):
            nn.utils.weight_norm(module, name)
    trains(layer)


@use
def weight_norm_by_parametrization(make: Make) -> None:
    layer = make()
    for module, name in matrices(layer):
        parametrizations.weight_norm(module, name)
    trains(layer)


@use
def spectral_norm_by_hook(make: Make) -> None:
    layer = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        for module, name in matrices(layer):
            nn.utils.spectral_norm(module, name)
    trains(layer)


class _Doubled(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return 2 * weight


@use
def parametrized(make: Make) -> None:
    layer, expected = make(), make()
    expected.load_state_dict(layer.state_dict())
    with torch.no_grad():
        for module, name in matrices(expected):
            getattr(module, name).mul_(2)
    for module, name in matrices(layer):
        parametrize.register_parametrization(module, name, _Doubled())
    same(layer(sequences())[0], expected(sequences())[0])
    trains(layer)


@use
def deep_copy_and_pickle(make: Make) -> None:
    layer = make()
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(other(sequences())[0], layer(sequences())[0])


@use
def state_dicts(make: Make) -> None:
    layer, file = make(), io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    stored = torch.load(file, weights_only=True)
    for assign in (False, True):
        other = make()
        other.load_state_dict(stored, strict=True, assign=assign)
        assert torch.equal(other(sequences())[0], layer(sequences())[0])
    with pytest.raises(RuntimeError, match="Missing key"):
        other.load_state_dict({}, strict=True)
    assert [name for name, _ in other.named_parameters()] == [name for name, _ in layer.named_parameters()]


def in_dtype(make: Make, dtype: torch.dtype) -> None:
    layer = make().to(dtype)
    output, state = layer(sequences(dtype))
    assert {part.dtype for part in (output, *parts(state))} == {dtype}
    output.sum().backward()


@use
def double_precision(make: Make) -> None:
    in_dtype(make, torch.float64)


@use
def half_precision(make: Make) -> None:
    in_dtype(make, torch.float16)


@use
def bfloat16(make: Make) -> None:
    in_dtype(make, torch.bfloat16)


@use
def complex_numbers(make: Make) -> None:
    layer = make().to(torch.complex64)
    assert layer(sequences(torch.complex64))[0].dtype == torch.complex64


@use
def meta_device(make: Make) -> None:
    layer = make(device="meta")
    layer.to_empty(device="cpu").reset_parameters()
    assert layer(sequences())[0].isfinite().all()


@use
def functional_call(make: Make) -> None:
    layer, other = make(), make()
    found = torch.func.functional_call(layer, dict(other.named_parameters()), (sequences(),))[0]
    assert torch.equal(found, other(sequences())[0])


@use
def vmap(make: Make) -> None:
    layer, input = make(), sequences(torch.float32, 2, L, N, H_IN)
    same(torch.vmap(lambda x: layer(x)[0])(input)[1], layer(input[1])[0])


@use
def jacobian_in_reverse(make: Make) -> None:
    layer = make(dtype=torch.float64)
    torch.func.jacrev(lambda x: layer(x)[0])(sequences(torch.float64))


@use
def jacobian_forward(make: Make) -> None:
    layer, input = make(dtype=torch.float64), sequences(torch.float64)
    found = torch.func.jacfwd(lambda x: layer(x)[0])(input)
    same(found, torch.func.jacrev(lambda x: layer(x)[0])(input))


@use
def forward_mode(make: Make) -> None:
    layer, input = make(dtype=torch.float64).requires_grad_(False), sequences(torch.float64)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(input, input)
        found = torch.autograd.forward_ad.unpack_dual(layer(dual)[0]).tangent
    same(found, torch.func.jvp(lambda x: layer(x)[0], (input,), (input,))[1])


@use
def double_backward(make: Make) -> None:
    layer = make(dtype=torch.float64)
    input = sequences(torch.float64, 3, 1, H_IN).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda x: layer(x)[0], input)


@use
def hessian_vector_product(make: Make) -> None:
    layer, input = make(dtype=torch.float64), sequences(torch.float64)
    torch.autograd.functional.hvp(lambda x: layer(x)[0].square().sum(), input, input)


@use
def torch_compile(make: Make) -> None:
    torch._dynamo.reset()
    layer = make()
    compiled = torch.compile(layer, backend="aot_eager")
    same(compiled(sequences())[0], layer(sequences())[0])
    compiled(sequences())[0].sum().backward()
    assert gradients(layer)


@use
def torch_export(make: Make) -> None:
    layer = make().eval()
    found = torch.export.export(layer, (sequences(),)).module()(sequences())
    same(found[0], layer(sequences())[0], rtol=1e-5, atol=1e-6)


@use
def torch_export_of_any_batch(make: Make) -> None:
    layer, batch = make().eval(), torch.export.Dim("batch", min=1, max=99)
    exported = torch.export.export(layer, (sequences(),), dynamic_shapes=({1: batch},)).module()
    for size in (1, 7):
        input = sequences(torch.float32, L, size, H_IN)
        same(exported(input)[0], layer(input)[0], rtol=1e-5, atol=1e-6)


@use
def trained_after_torch_export(make: Make) -> None:
    trains(torch.export.export(make(), (sequences(),)).module())


@use
def jit_trace(make: Make) -> None:
    layer, file = make().eval(), io.BytesIO()
    torch.jit.save(torch.jit.trace(layer, (sequences(),)), file)
    assert b"harness" not in file.getvalue(), "an operator of ours, which other programs have not got"
    file.seek(0)
    same(torch.jit.load(file)(sequences())[0], layer(sequences())[0], rtol=1e-5, atol=1e-6)


@use
def fx_symbolic_trace(make: Make) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = make()

        def forward(self, input: Tensor) -> Tensor:
            return self.layer(input)[0]

    torch.fx.symbolic_trace(Model())(sequences())


@use
def dynamic_quantisation_beside_it(make: Make) -> None:
    model = nn.ModuleDict({"layer": make(), "head": nn.Linear(H, 2)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantised: Any = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    same(quantised["layer"](sequences())[0], model["layer"](sequences())[0])


@use
def strided_input(make: Make) -> None:
    layer, wide = make(), sequences(torch.float32, N, L, 2 * H_IN).transpose(0, 1)[..., ::2]
    assert not wide.is_contiguous()
    same(layer(wide)[0], layer(wide.contiguous())[0])


@use
def unbatched(make: Make) -> None:
    layer, input = make(), sequences()
    output, state = layer(input[:, 1])
    same(output, layer(input)[0][:, 1])
    assert {part.shape for part in parts(state)} == {(LAYERS, H)}


@use
def batch_first(make: Make) -> None:
    layer, other = make(), make(batch_first=True)
    other.load_state_dict(layer.state_dict())
    same(other(sequences().transpose(0, 1))[0], layer(sequences())[0].transpose(0, 1))


@use
def empty_batch(make: Make) -> None:
    layer = make()
    output, _ = layer(sequences()[:, :0])
    assert output.shape == (L, 0, H)
    output.sum().backward()


@use
def one_step_after_another(make: Make) -> None:
    layer, state, steps = make(), None, []
    with torch.inference_mode():
        for step in sequences().split(1):
            output, state = layer(step, state)
            steps.append(output)
        same(torch.cat(steps), layer(sequences())[0], rtol=1e-5, atol=1e-6)


@use
def keywords_and_an_initial_state(make: Make) -> None:
    layer = make()
    _, state = layer(input=sequences(), hx=None)
    assert not torch.equal(layer(input=sequences(), hx=state)[0], layer(sequences())[0])


@use
def frozen_parameters(make: Make) -> None:
    layer, input = make(), sequences().requires_grad_()
    next(layer.parameters()).requires_grad_(False)
    layer(input)[0].sum().backward()
    assert next(layer.parameters()).grad is None
    assert input.grad is not None
    assert len(gradients(layer)) == len(list(layer.parameters())) - 1


@use
def without_gradients(make: Make) -> None:
    layer = make()
    expected = layer(sequences())[0]
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            output = layer(sequences())[0]
        assert not output.requires_grad
        same(output, expected)


@use
def autocast(make: Make) -> None:
    layer = make()
    with torch.autocast("cpu", torch.bfloat16):
        output, _ = layer(sequences())
    output.float().sum().backward()
    assert {gradient.dtype for gradient in gradients(layer)} == {torch.float32}


@use
def hooks(make: Make) -> None:
    layer, seen = make(), []
    for module in layer.modules():
        if not isinstance(module, nn.ModuleList):
            module.register_forward_pre_hook(lambda module, _: seen.append(("before", module)))
            module.register_forward_hook(lambda module, *_: seen.append(("after", module)))
    layer.register_full_backward_hook(lambda module, *_: seen.append(("backward", module)))
    layer(sequences().requires_grad_())[0].sum().backward()
    for when in ("before", "after"):
        called = {module for what, module in seen if what == when}
        assert called == {module for module in layer.modules() if not isinstance(module, nn.ModuleList)}
    assert ("backward", layer) in seen


@use
def shared_memory(make: Make) -> None:
    layer = make().share_memory()
    assert all(parameter.is_shared() for parameter in layer.parameters())
    layer(sequences())[0].sum().backward()


@use
def flatten_parameters(make: Make) -> None:
    layer = make()
    layer.flatten_parameters()
    assert layer(sequences())[0].shape == (L, N, H)


@use
def representation(make: Make) -> None:
    shown = repr(make(batch_first=True))
    assert f"{H_IN}, {H}" in shown
    assert "num_layers=2" in shown
    assert "batch_first=True" in shown


def packed_equals_alone(make: Make, enforce_sorted: bool, given: bool) -> None:
    layer, alone = make(dtype=torch.float64), [sequences(torch.float64, length, H_IN) for length in (2, 5, 1, 5)]
    if enforce_sorted:
        alone.sort(key=len, reverse=True)
    hx, single = None, [None] * len(alone)
    if given:
        with torch.no_grad():
            _, hx = layer(sequences(torch.float64, L, len(alone), H_IN))
        single = [hx[:, n] if isinstance(hx, Tensor) else tuple(part[:, n] for part in hx) for n in range(len(alone))]
    input = pack_sequence(alone, enforce_sorted=enforce_sorted)
    output, state = layer(input, hx)
    assert isinstance(output, PackedSequence)
    assert torch.equal(output.batch_sizes, input.batch_sizes)
    padded, lengths = pad_packed_sequence(output)
    assert lengths.tolist() == [len(sequence) for sequence in alone]
    for number, sequence in enumerate(alone):
        expected, final = layer(sequence, single[number])
        same(padded[: len(sequence), number], expected)
        same([part[:, number] for part in parts(state)], list(parts(final)))
    padded.sum().backward()
    found = gradients(layer)
    layer.zero_grad()
    sum(layer(sequence, start)[0].sum() for sequence, start in zip(alone, single, strict=True)).backward()
    same(found, gradients(layer))


@use
def packed_sequences(make: Make) -> None:
    packed_equals_alone(make, enforce_sorted=False, given=False)


@use
def packed_sequences_sorted_with_a_state(make: Make) -> None:
    packed_equals_alone(make, enforce_sorted=True, given=True)


@use
def packed_batch_first(make: Make) -> None:
    layer = make(batch_first=True)
    padded = sequences(torch.float32, N, L, H_IN)
    output, _ = layer(pack_padded_sequence(padded, torch.tensor([2, 5, 3]), batch_first=True, enforce_sorted=False))
    same(pad_packed_sequence(output, batch_first=True)[0][1], layer(padded)[0][1])


@use
def averaged_model(make: Make) -> None:
    layer = make()
    averaged = torch.optim.swa_utils.AveragedModel(layer, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.5))
    averaged.update_parameters(layer)
    same(averaged(sequences())[0], layer(sequences())[0])


@use
def foreach_optimiser(make: Make) -> None:
    layers = make(), make()
    layers[1].load_state_dict(layers[0].state_dict())
    for layer, foreach in zip(layers, (False, True), strict=True):
        optimiser = torch.optim.Adam(layer.parameters(), foreach=foreach)
        layer(sequences())[0].sum().backward()
        optimiser.step()
    same(list(layers[0].parameters()), list(layers[1].parameters()))


@use
def tied_weights(make: Make) -> None:
    layers = make(), make()
    for own, others in zip(layers[0].modules(), layers[1].modules(), strict=True):
        for name in dict(own.named_parameters(recurse=False)):
            setattr(others, name, getattr(own, name))
    assert torch.equal(layers[0](sequences())[0], layers[1](sequences())[0])
    layers[1](sequences())[0].sum().backward()
    assert len(gradients(layers[0])) == len(list(layers[1].parameters()))


@use
def deterministic_algorithms(make: Make) -> None:
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        layer = make()
        layer(sequences())[0].sum().backward()
        layer(pack_sequence([sequences()[:, 0], sequences()[:2, 1]]))[0].data.sum().backward()
    finally:
        torch.use_deterministic_algorithms(before)


@functools.cache
def torch_can(name: str) -> bool:
    """Whether ``torch.nn.LSTM`` passes a use."""
    return verdict(name, "torch.nn.LSTM") is None


def verdict(name: str, layer: str) -> Exception | None:
    """What keeps a layer from a use, if anything does."""
    torch.manual_seed(0)
    try:
        USES[name](MAKE[layer])
    except Exception as failure:
        return failure
    return None


@pytest.mark.parametrize("layer", OURS)
@pytest.mark.parametrize("name", USES)
def test_each_layer_can_be_used_wherever_the_lstm_of_torch_can(name, layer):
    if not torch_can(name):
        pytest.skip(f"torch.nn.LSTM itself cannot: {name}")
    failure = verdict(name, layer)
    if (name, layer) in REASONS:
        assert failure is not None, "no longer true: take it out of REASONS"
    elif failure is not None:
        raise failure


@pytest.mark.parametrize("layer", OURS)
@pytest.mark.parametrize("number", [np.int64, np.int32, np.uint8])
def test_sizes_of_numpy(layer, number):
    made = MAKE[layer].func(number(3), number(4), number(2), **MAKE[layer].keywords)
    assert [type(size) for size in (made.input_size, made.hidden_size, made.num_layers)] == [int] * 3
    assert made(sequences())[0].shape == (L, N, H)


@pytest.mark.parametrize(
    ("make", "keywords"),
    [
        (CoRNN, {"dt": 0.125, "gamma": 2, "epsilon": 0.5}),
        (UnICORNN, {"dt": 0.125, "alpha": 2, "dropout": 0.5}),
        (IndRNN, {"bound": 0.5, "dropout": 0.5}),
        (SRU, {"forget_bias": 2, "highway_bias": -1, "dropout": 0.5, "input_dropout": 0.25}),
        (LSTM, {"dropout": 0.5}),
        (GRU, {"dropout": 0.5}),
    ],
)
def test_hyper_parameters_of_numpy(make, keywords):
    outputs = []
    for kind in (lambda value: value, np.float32):
        torch.manual_seed(0)
        layer = make(3, 4, 2, **{name: kind(value) for name, value in keywords.items()})
        outputs.append(layer(sequences())[0])
    assert torch.equal(*outputs)


def test_steps_of_each_layer_in_an_array():
    layer = UnICORNN(3, 4, 2, dt=np.array([0.5, 0.25]), alpha=1.0)
    assert [cell.dt for cell in layer.cells] == [0.5, 0.25]


def test_the_bound_holds_for_a_weight_that_a_hook_makes():
    """Its gradient is that of the projection, as that of the parameter is."""
    plain, pruned_one = IndRNN(3, 4, bound=0.5), IndRNN(3, 4, bound=0.5)
    pruned_one.load_state_dict(plain.state_dict())
    prune.identity(pruned_one.cells[0], "u")
    with torch.no_grad():
        plain.cells[0].u.fill_(2.0)
        pruned_one.cells[0].u_orig.fill_(2.0)
    found, expected = pruned_one(sequences())[0], plain(sequences())[0]
    assert torch.equal(found, expected)
    found.sum().backward()
    expected.sum().backward()
    same(pruned_one.cells[0].u_orig.grad, plain.cells[0].u.grad)


@pytest.mark.parametrize("place", ["before", "after"])
def test_normalisation_of_packed_sequences_counts_no_padding(place):
    layer = IndRNN(H_IN, H, batch_norm=place, dtype=torch.float64)
    alone = [sequences(torch.float64, 2, H_IN), sequences(torch.float64, 5, H_IN) + 1]
    output, _ = layer(pack_sequence(alone, enforce_sorted=False))
    if place == "after":
        same(output.data.mean(0), torch.zeros(H, dtype=torch.float64), rtol=0, atol=1e-12)
    padded = pad_packed_sequence(output)[0]
    assert torch.equal(padded[2:, 0], torch.zeros(3, H, dtype=torch.float64))
    rows = torch.cat(alone)
    assert layer.cells[0].norm.num_batches_tracked == 1
    if place == "before":
        drive = layer.cells[0].i2h(rows)
        same(layer.cells[0].norm.running_mean, 0.1 * drive.mean(0).detach())


def test_packed_sequences_that_do_not_fit():
    layer = CoRNN(H_IN, H, dt=0.1)
    with pytest.raises(ValueError, match="^CoRNN: expected input_size = 3 features in the input, got 2$"):
        layer(pack_sequence([torch.zeros(4, 2)]))
    with pytest.raises(ValueError, match=r"^CoRNN: expected packed sequences of shape \(L, H_in\), got 1D instead$"):
        layer(pack_sequence([torch.zeros(4)]))


def table() -> str:
    """All uses and layers: yes, the name of the exception, or that of torch's own layer."""
    width = max(map(len, USES)) + 1
    lines = [" " * width + "".join(f"{name:>15}" for name in MAKE)]
    for name in USES:
        found = [verdict(name, layer) for layer in MAKE]
        cells = ["yes" if failure is None else type(failure).__name__[:14] for failure in found]
        lines.append(f"{name:{width}}" + "".join(f"{cell:>15}" for cell in cells))
    return "\n".join(lines)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(table())
    for (what, layer_name), why in REASONS.items():
        print(f"{what}, {layer_name}: {why}", file=sys.stderr)
