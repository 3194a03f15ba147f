"""What recurrent layers written here share: a cell, and a stack of cells with the contract of ``torch.nn.LSTM``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from architectures import checks, kernels

State = tuple[Tensor, Tensor]
"""(y, z): the positions, which are the output, and the velocities."""

S = TypeVar("S", bound=Tensor | State)
"""The state of a recurrence: one bare tensor, as in ``torch.nn.GRU``, or a pair, as in ``torch.nn.LSTM``."""


class Unroll(NamedTuple):
    """Asks a cell for a whole sequence: the other arguments of :meth:`Cell.unroll`."""

    backend: str | None
    batch_sizes: list[int] | None


class Cell(nn.Module, Generic[S]):
    """One layer of a recurrence. Calling it takes one step; :meth:`unroll` runs over a whole sequence.

    A stack calls its cells, and a cell its linear map, as modules: hooks of them run, such as those that make a weight
    anew for ``torch.nn.utils.prune``, ``weight_norm`` and ``spectral_norm``.
    """

    state_names: ClassVar[tuple[str, ...]] = ("y", "z")
    """The names of the tensors of the state, in order."""
    weight_name: ClassVar[str] = "i2h.weight"
    """The path of a weight that every cell has."""
    fast_math: bool = False
    """Whether a GPU may approximate tanh and the sigmoid; other backends compute them as always."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = checks.count("input_size", input_size)
        self.hidden_size = checks.count("hidden_size", hidden_size)

    def unroll(
        self, input: Tensor, state: S, backend: str | None = None, batch_sizes: list[int] | None = None
    ) -> tuple[Tensor, S]:
        """Run over `input` (L, N, H_in) from `state`, tensors (N, H): the output (L, N, H) and the final state.

        `batch_sizes` are those of a ``PackedSequence``, how many of the sequences, longest first, have each step. The
        final state is then that of the last step of each; of what follows it, the output is not to be read.
        """
        raise NotImplementedError

    def last(self, output: Tensor, state: S) -> Tensor:
        """The last output (N, H) of an `output` (L, N, H), from the final state where it is part of that.

        Then the gradient of the output of all other steps, which is zero, is neither made nor read.
        """
        return output[-1]

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        raise NotImplementedError

    def forward(self, input: Tensor, hx: S | None = None, unroll: Unroll | None = None) -> Any:
        """One step, with the contract of ``torch.nn.LSTMCell``.

        `input` is (N, H_in) or (H_in), `hx` a state of tensors (N, H) or (H), zeros when left out; returns the new
        state in the same shape. Raises ``ValueError`` for other shapes. A stack gives `unroll` instead, and gets what
        :meth:`unroll` returns.
        """
        return self.step(input, hx)[1] if unroll is None else self.unroll(input, cast("S", hx), *unroll)

    def step(self, input: Tensor, hx: S | None = None) -> tuple[Tensor, S]:
        """The output of one step, of the shape of a state's tensors, beside what :meth:`forward` returns."""
        name, weight = type(self).__name__, checks.weight_of(self, self.weight_name)
        checks.step(name, input, self.input_size)
        state = _initial_state(self, name, hx, (*input.shape[:-1], self.hidden_size), weight)
        checks.same_dtype(name, weight, input, *_tensors(state))
        if input.dim() == 1:
            output, state = self.step(input.unsqueeze(0), _each(lambda part: part.unsqueeze(0), state))
            return output.squeeze(0), _each(lambda part: part.squeeze(0), state)
        output, state = self.unroll(input.unsqueeze(0), state)
        return output.squeeze(0), state


class Stack(nn.Module, Generic[S]):
    """Cells on top of each other, with the arguments, shapes and state dicts of a ``torch.nn.LSTM``.

    `cells` are in the order of the layers: the first reads ``input_size`` features, the others ``hidden_size``. With
    `fast_math` a GPU may approximate tanh and the sigmoid (:mod:`architectures.kernels.cuda`): a hyper-parameter, as it
    changes results.
    """

    def __init__(
        self, cells: Sequence[Cell[S]], batch_first: bool, backend: str | None, fast_math: bool | None = None
    ) -> None:
        super().__init__()
        kernels.known("backend", backend)
        self.input_size = cells[0].input_size
        self.hidden_size = cells[0].hidden_size
        self.num_layers = len(cells)
        self.batch_first = batch_first
        self.backend = backend
        self.fast_math = bool(fast_math)
        for cell in cells:
            cell.fast_math = self.fast_math
        self.cells = nn.ModuleList(cells)

    def forward(self, input: Any, hx: S | None = None) -> tuple[Any, S]:
        """Run over a sequence: the output of the last layer and the final state of every layer.

        `input` is (L, N, H_in), (N, L, H_in) with ``batch_first``, or (L, H_in) for a single sequence; the output has
        the same shape with H in place of H_in. Sequences of different lengths come as a ``PackedSequence``, as does
        then the output, and the final state is that of the last step of each. The state, one tensor or a pair as the
        class says, has tensors (num_layers, N, H), or (num_layers, H) for a single sequence; the initial one is zeros
        when `hx` is left out.
        Raises ``ValueError`` for other shapes, another dtype than the weights' and sequences without a step.
        """
        if isinstance(input, PackedSequence):
            return self._packed(input, hx)
        checks.sequence(type(self).__name__, input, self.input_size, self.batch_first)
        batch = (input.shape[0 if self.batch_first else 1],) if input.dim() == 3 else ()
        state = self._initial(input, hx, batch)

        if input.dim() == 2:
            output, state = self._run(input.unsqueeze(1), _each(lambda part: part.unsqueeze(1), state))
            return output.squeeze(1), _each(lambda part: part.squeeze(1), state)
        if self.batch_first:
            output, state = self._run(input.transpose(0, 1), state)
            return output.transpose(0, 1), state
        return self._run(input, state)

    def last_output(self, input: Tensor) -> Tensor:
        """What a classifier reads: the output (N, H) of the last layer at the last step of `input` (L, N, H_in).

        It is ``forward(input)[0][-1]``, as are its gradients, to the bit; but the gradient of the output of all other
        steps, which is zero, takes neither time nor memory. Needs ``batch_first=False``; see :meth:`forward`.
        """
        checks.sequence(type(self).__name__, input, self.input_size, self.batch_first)
        if self.batch_first or input.dim() != 3:
            raise ValueError(f"last_output is for inputs (L, N, {self.input_size}) without batch_first")
        top, state = cast("Cell[S]", self.cells[-1]), self._initial(input, None, (input.shape[1],))
        for number, cell in enumerate(self.cells):
            output, own = cell(input, _each(itemgetter(number), state), Unroll(self.backend, None))
            if cell is not top:
                input = self.after_layer(output)
        return self.after_layer(top.last(output, own).unsqueeze(0)).squeeze(0)

    def after_layer(self, output: Tensor) -> Tensor:
        """What happens to the output (L, N, H) of every layer before the next one, or the caller, reads it: nothing."""
        return output

    def flatten_parameters(self) -> None:
        """Do nothing: for code that calls it on a ``torch.nn.LSTM``, whose weights on a GPU lie in one piece."""

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for cell in self.cells:
            cast("Cell[S]", cell).reset_parameters()

    def extra_repr(self) -> str:
        """The arguments that the representations of the cells do not show."""
        shown = f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}"
        if self.batch_first:
            shown += ", batch_first=True"
        if self.backend is not None:
            shown += f", backend={self.backend!r}"
        if self.fast_math:
            shown += ", fast_math=True"
        return shown

    def _initial(self, input: Tensor, hx: S | None, batch: tuple[int, ...]) -> S:
        """The initial state: `hx` once it is known to fit, or zeros."""
        name, first = type(self).__name__, cast("Cell[S]", self.cells[0])
        weight = checks.weight_of(self, f"cells.0.{first.weight_name}")
        state = _initial_state(first, name, hx, (self.num_layers, *batch, self.hidden_size), weight)
        checks.same_dtype(name, weight, input, *_tensors(state))
        return state

    def _packed(self, input: PackedSequence, hx: S | None) -> tuple[PackedSequence, S]:
        """:meth:`forward` for sequences of different lengths, whose rows are laid out with room at the ends."""
        data, sizes, order, back = input
        checks.packed(type(self).__name__, data, self.input_size)
        batch_sizes: list[int] = sizes.tolist()
        state = self._initial(data, hx, (batch_sizes[0],))
        if hx is not None and order is not None:
            state = _each(lambda part: part.index_select(1, order), state)
        rows = rows_of(batch_sizes, data.device)
        output, final = self._run(scattered(data, rows, (len(batch_sizes), batch_sizes[0])), state, batch_sizes)
        if back is not None:
            final = _each(lambda part: part.index_select(1, back), final)
        return PackedSequence(output.flatten(0, 1)[rows], sizes, order, back), final

    def _run(self, sequence: Tensor, initial: S, batch_sizes: list[int] | None = None) -> tuple[Tensor, S]:
        """:meth:`forward` for an input (L, N, H_in) and a state of tensors (num_layers, N, H)."""
        final: list[S] = []
        for number, cell in enumerate(self.cells):
            sequence, state = cell(sequence, _each(itemgetter(number), initial), Unroll(self.backend, batch_sizes))
            sequence = self.after_layer(sequence)
            final.append(state)
        return sequence, _each(lambda *layers: torch.stack(layers), *final)


def over_time(
    step: Callable[..., tuple[Any, Tensor]], state: S, streams: tuple[Tensor, ...], constants: tuple[Tensor, ...] = ()
) -> tuple[Tensor | list[Tensor], S]:
    """Take `step` through time: what it gives at every step, for :func:`together`, and the final state.

    `step` takes the state, the slice (N, ...) of each of the `streams` (L, N, ...) and the `constants`, and returns the
    new state and its output. All tensors that it reads must be among its arguments: for ``torch.export`` the steps
    become one operator of torch, which takes sequences of any length.
    """
    if torch.compiler.is_exporting() and not torch.compiler.is_dynamo_compiling():  # a strict export unrolls the steps
        return _scanned(step, state, streams, constants)
    found = []
    # Indexing the streams by time instead of unbind would make the backward pass quadratic in L.
    for slices in zip(*(stream.unbind(0) for stream in streams), strict=True):
        state, output = step(state, *slices, *constants)
        found.append(output)
    return found, state


def _scanned(
    step: Callable[..., tuple[Any, Tensor]], state: Any, streams: tuple[Tensor, ...], constants: tuple[Tensor, ...]
) -> tuple[Tensor, Any]:
    """:func:`over_time` as torch's operator ``scan``, which has no public name yet."""
    from torch._higher_order_ops.scan import scan_op

    # The operator takes no tensor twice: a zero state is one for y and z, and an output often is the state itself.
    bare, first = isinstance(state, Tensor), tuple(part.clone() for part in _tensors(state))

    def flat(*tensors: Tensor) -> tuple[Tensor, ...]:
        before, others = tensors[: len(first)], tensors[len(first) :]
        after, output = step(before[0] if bare else before, *others)
        return *_tensors(after), output.clone()

    *after, outputs = scan_op(flat, first, streams, constants)
    return outputs, after[0] if bare else tuple(after)


def together(steps: Tensor | list[Tensor], before: Tensor | None = None) -> Tensor:
    """The tensors of all `steps` as one (L, N, H), or, with the one `before` the first, those before each step."""
    if isinstance(steps, Tensor):
        return steps if before is None else torch.cat((before.unsqueeze(0), steps))[:-1]
    return torch.stack(steps if before is None else [before, *steps[:-1]])


def by_lengths(
    run: Callable[..., tuple[Tensor, S]], batch_sizes: list[int] | None, state: S, *streams: Tensor
) -> tuple[Tensor, S]:
    """`run` over `streams` (L, N, ...) from `state`, tensors (N, H): in one call, or in one for each batch size.

    Without `batch_sizes` every sequence has every step, else only as many as it says, see :meth:`Cell.unroll`; the
    output is 0 at the steps that a sequence does not have.
    """
    if batch_sizes is None:
        return run(state, *streams)
    outputs: list[Tensor] = []
    ended: list[S] = []
    batch, first = batch_sizes[0], 0
    for size, equal in groupby(batch_sizes):
        last = first + len(list(equal))
        if outputs:
            ended.append(_each(lambda part: part[size:], state))  # noqa: B023
            state = _each(lambda part: part[:size], state)  # noqa: B023
        output, state = run(state, *(stream[first:last, :size] for stream in streams))
        outputs.append(F.pad(output, (0, 0, 0, batch - size)))
        first = last
    return torch.cat(outputs), _each(lambda *parts: torch.cat(parts), state, *reversed(ended))


def rows_of(batch_sizes: list[int], device: torch.device) -> Tensor:
    """Which rows of a flattened (L, N) are steps of a ``PackedSequence``, in the order of its data."""
    batch = batch_sizes[0]
    return torch.tensor([t * batch + n for t, size in enumerate(batch_sizes) for n in range(size)], device=device)


def scattered(data: Tensor, rows: Tensor, shape: Sequence[int]) -> Tensor:
    """`data` (rows, F) laid out as (L, N, F), with zeros where there are no `rows`."""
    length, batch = shape
    return data.new_zeros(length * batch, data.shape[1]).index_copy(0, rows, data).view(length, batch, -1)


def mask_over_time(output: Tensor, dropout: float) -> Tensor:
    """Factors (N, H) for `output` (L, N, H): 0 with probability `dropout`, else 1 / (1 - dropout).

    One mask for all steps of a sequence: Gal and Ghahramani, "A Theoretically Grounded Application of Dropout in
    Recurrent Neural Networks", NeurIPS 2016, https://arxiv.org/abs/1512.05287.
    """
    return F.dropout(output.new_ones(output.shape[1:]), dropout)


def _tensors(state: Any) -> tuple[Tensor, ...]:
    return (state,) if isinstance(state, Tensor) else state


def _each(function: Callable[..., Tensor], *states: Any) -> Any:
    """`function` of the tensors of equal name of some states, in the structure of a state."""
    if isinstance(states[0], Tensor):
        return function(*states)
    return tuple(function(*parts) for parts in zip(*states, strict=True))


def _initial_state(cell: Cell[S], layer: str, hx: S | None, shape: tuple[int, ...], weight: Tensor) -> S:
    """`hx` once it is known to fit, or zeros like `weight`; `layer` is who complains of one that does not."""
    if hx is None:
        zeros = weight.new_zeros(shape)
        return cast("S", zeros if len(cell.state_names) == 1 else (zeros,) * len(cell.state_names))
    checks.state(layer, cell.state_names, hx, shape)
    return hx
