"""What recurrences with two states (y, z) share: a cell, and their stack with the contract of ``torch.nn.LSTM``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from architectures import checks, kernels

State = tuple[Tensor, Tensor]
"""(y, z): the positions, which are the output, and the velocities."""


class TwoStateCell(nn.Module):
    """A recurrence with the states (y, z). Calling it takes one step; :meth:`unroll` runs over a whole sequence."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        checks.count("input_size", input_size)
        checks.count("hidden_size", hidden_size)
        self.input_size = input_size
        self.hidden_size = hidden_size

    def unroll(self, input: Tensor, state: State, backend: str | None = None) -> tuple[Tensor, State]:
        """Run over `input` (L, N, H_in) from `state`, two tensors (N, H): the output (L, N, H) and the final state."""
        raise NotImplementedError

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        raise NotImplementedError

    def forward(self, input: Tensor, hx: State | None = None) -> State:
        """One step, with the contract of ``torch.nn.LSTMCell``.

        `input` is (N, H_in) or (H_in), `hx` two tensors (N, H) or (H), zeros when left out; returns the new (y, z) of
        the same shape. Raises ``ValueError`` for other shapes.
        """
        name, weight = type(self).__name__, next(self.parameters())
        checks.step(name, input, self.input_size)
        y, z = _initial_state(name, hx, (*input.shape[:-1], self.hidden_size), weight)
        checks.same_dtype(name, weight, input, y, z)
        if input.dim() == 1:
            y, z = self(input.unsqueeze(0), (y.unsqueeze(0), z.unsqueeze(0)))
            return y.squeeze(0), z.squeeze(0)
        return self.unroll(input.unsqueeze(0), (y, z))[1]


class TwoStateStack(nn.Module):
    """Cells on top of each other, with the arguments, shapes and state dicts of a ``torch.nn.LSTM``.

    `cells` are in the order of the layers: the first reads ``input_size`` features, the others ``hidden_size``.
    """

    def __init__(self, cells: Sequence[TwoStateCell], batch_first: bool, backend: str | None) -> None:
        super().__init__()
        kernels.known("backend", backend)
        self.input_size = cells[0].input_size
        self.hidden_size = cells[0].hidden_size
        self.num_layers = len(cells)
        self.batch_first = batch_first
        self.backend = backend
        self.cells = nn.ModuleList(cells)

    def forward(self, input: Tensor, hx: State | None = None) -> tuple[Tensor, State]:
        """Run over a sequence: the output of the last layer and the final state (y, z) of every layer.

        `input` is (L, N, H_in), (N, L, H_in) with ``batch_first``, or (L, H_in) for a single sequence; the output has
        the same shape with H in place of H_in. Each of the two initial states, zeros when `hx` is left out, and of
        the two final ones is (num_layers, N, H), or (num_layers, H) for a single sequence.
        Raises ``ValueError`` for other shapes, another dtype than the weights' and sequences without a step.
        """
        name, weight = type(self).__name__, next(self.parameters())
        checks.sequence(name, input, self.input_size, self.batch_first)
        batch = (input.shape[0 if self.batch_first else 1],) if input.dim() == 3 else ()
        y, z = _initial_state(name, hx, (self.num_layers, *batch, self.hidden_size), weight)
        checks.same_dtype(name, weight, input, y, z)

        if input.dim() == 2:
            output, (y, z) = self._run(input.unsqueeze(1), (y.unsqueeze(1), z.unsqueeze(1)))
            return output.squeeze(1), (y.squeeze(1), z.squeeze(1))
        if self.batch_first:
            output, state = self._run(input.transpose(0, 1), (y, z))
            return output.transpose(0, 1), state
        return self._run(input, (y, z))

    def after_layer(self, output: Tensor) -> Tensor:
        """What happens to the output (L, N, H) of every layer before the next one, or the caller, reads it: nothing."""
        return output

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for cell in self.cells:
            cast(TwoStateCell, cell).reset_parameters()

    def extra_repr(self) -> str:
        """The arguments that the representations of the cells do not show."""
        shown = f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}"
        if self.batch_first:
            shown += ", batch_first=True"
        if self.backend is not None:
            shown += f", backend={self.backend!r}"
        return shown

    def _run(self, sequence: Tensor, initial: State) -> tuple[Tensor, State]:
        """:meth:`forward` for an input (L, N, H_in) and states (num_layers, N, H)."""
        final: list[State] = []
        for cell, y, z in zip(self.cells, *initial, strict=True):
            sequence, state = cast(TwoStateCell, cell).unroll(sequence, (y, z), self.backend)
            sequence = self.after_layer(sequence)
            final.append(state)
        ys, zs = zip(*final, strict=True)
        return sequence, (torch.stack(ys), torch.stack(zs))


def _initial_state(layer: str, hx: State | None, shape: tuple[int, ...], weight: Tensor) -> State:
    """`hx` once it is known to fit, or zeros like `weight`."""
    if hx is None:
        zeros = weight.new_zeros(shape)
        return zeros, zeros
    checks.state(layer, ("y", "z"), hx, shape)
    return hx
