"""What recurrent layers written here share: a cell, and a stack of cells with the contract of ``torch.nn.LSTM``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, ClassVar, Generic, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from architectures import checks, kernels

State = tuple[Tensor, Tensor]
"""(y, z): the positions, which are the output, and the velocities."""

S = TypeVar("S", bound=Tensor | State)
"""The state of a recurrence: one bare tensor, as in ``torch.nn.GRU``, or a pair, as in ``torch.nn.LSTM``."""


class Cell(nn.Module, Generic[S]):
    """One layer of a recurrence. Calling it takes one step; :meth:`unroll` runs over a whole sequence."""

    state_names: ClassVar[tuple[str, ...]] = ("y", "z")
    """The names of the tensors of the state, in order."""
    fast_math: bool = False
    """Whether a GPU may approximate tanh and the sigmoid; other backends compute them as always."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        checks.count("input_size", input_size)
        checks.count("hidden_size", hidden_size)
        self.input_size = input_size
        self.hidden_size = hidden_size

    def unroll(self, input: Tensor, state: S, backend: str | None = None) -> tuple[Tensor, S]:
        """Run over `input` (L, N, H_in) from `state`, tensors (N, H): the output (L, N, H) and the final state."""
        raise NotImplementedError

    def last(self, output: Tensor, state: S) -> Tensor:
        """The last output (N, H) of an `output` (L, N, H), from the final state where it is part of that.

        Then the gradient of the output of all other steps, which is zero, is neither made nor read.
        """
        return output[-1]

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        raise NotImplementedError

    def forward(self, input: Tensor, hx: S | None = None) -> Any:
        """One step, with the contract of ``torch.nn.LSTMCell``.

        `input` is (N, H_in) or (H_in), `hx` a state of tensors (N, H) or (H), zeros when left out; returns the new
        state in the same shape. Raises ``ValueError`` for other shapes.
        """
        return self.step(input, hx)[1]

    def step(self, input: Tensor, hx: S | None = None) -> tuple[Tensor, S]:
        """The output of one step, of the shape of a state's tensors, beside what :meth:`forward` returns."""
        name, weight = type(self).__name__, next(self.parameters())
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

    def forward(self, input: Tensor, hx: S | None = None) -> tuple[Tensor, S]:
        """Run over a sequence: the output of the last layer and the final state of every layer.

        `input` is (L, N, H_in), (N, L, H_in) with ``batch_first``, or (L, H_in) for a single sequence; the output has
        the same shape with H in place of H_in. The state, one tensor or a pair as the class says, has tensors
        (num_layers, N, H), or (num_layers, H) for a single sequence; the initial one is zeros when `hx` is left out.
        Raises ``ValueError`` for other shapes, another dtype than the weights' and sequences without a step.
        """
        name, weight = type(self).__name__, next(self.parameters())
        checks.sequence(name, input, self.input_size, self.batch_first)
        batch = (input.shape[0 if self.batch_first else 1],) if input.dim() == 3 else ()
        first = cast("Cell[S]", self.cells[0])
        state = _initial_state(first, name, hx, (self.num_layers, *batch, self.hidden_size), weight)
        checks.same_dtype(name, weight, input, *_tensors(state))

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
        weight, top = next(self.parameters()), cast("Cell[S]", self.cells[-1])
        checks.same_dtype(type(self).__name__, weight, input)
        shape = (self.num_layers, input.shape[1], self.hidden_size)
        state = _initial_state(top, type(self).__name__, None, shape, weight)
        for number, cell in enumerate(self.cells):
            own = _each(itemgetter(number), state)
            output, own = cast("Cell[S]", cell).unroll(input, own, self.backend)
            if cell is not top:
                input = self.after_layer(output)
        return self.after_layer(top.last(output, own).unsqueeze(0)).squeeze(0)

    def after_layer(self, output: Tensor) -> Tensor:
        """What happens to the output (L, N, H) of every layer before the next one, or the caller, reads it: nothing."""
        return output

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

    def _run(self, sequence: Tensor, initial: S) -> tuple[Tensor, S]:
        """:meth:`forward` for an input (L, N, H_in) and a state of tensors (num_layers, N, H)."""
        final: list[S] = []
        for number, cell in enumerate(self.cells):
            own = _each(itemgetter(number), initial)
            sequence, state = cast("Cell[S]", cell).unroll(sequence, own, self.backend)
            sequence = self.after_layer(sequence)
            final.append(state)
        return sequence, _each(lambda *layers: torch.stack(layers), *final)


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
