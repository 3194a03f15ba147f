"""How much work a recurrent layer is: what it must at least move and calculate, however fast it is written.

The plan of computation is the same for every layer here: linear maps of the input for all steps at once, then the
recurrence. Every tensor counts once for each time that this plan reads or writes it, as if nothing of it stayed in a
cache; weights, which do stay there, count nothing. An addition, a multiplication and a function such as tanh each count
as one operation.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """What one pass over a sequence does at least."""

    numbers: int
    """Numbers read from memory or written to it; times the bytes of one they are the traffic."""

    operations: int
    """Operations on floating-point numbers."""

    def __add__(self, other: Work) -> Work:
        return Work(self.numbers + other.numbers, self.operations + other.operations)


@dataclass(frozen=True)
class Cost:
    """The work of both passes; the backward one gives the gradients of all weights, but not that of the input."""

    forward: Work
    backward: Work

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.forward + other.forward, self.backward + other.backward)


@dataclass(frozen=True)
class PerStep:
    """The work of a stack of equal layers, from what one unit of one layer does at one step.

    Called with the sizes L, N, H_in, H and the number of layers, it is the ``cost`` of an
    :class:`~architectures.descriptor.Architecture`.
    """

    maps: int
    """Linear maps of the input, each from H_in to H."""

    forward: tuple[int, int]
    """(numbers, operations) of the recurrence of one unit, the products with matrices left out. Numbers are those that
    it reads, such as the results of the maps, and those that it writes, such as the output."""

    backward: tuple[int, int]
    """The same for its gradients: it reads the gradient of the output and what the forward pass left, and writes the
    gradient of the results of the maps."""

    recurrent: int = 0
    """Products of the state with an (H, H) matrix at each step."""

    def __call__(self, length: int, batch: int, input_size: int, hidden_size: int, num_layers: int = 1) -> Cost:
        """The work of all layers at these sizes; the first reads `input_size` features, the others `hidden_size`."""
        first = self._layer(length * batch, input_size, hidden_size, input_gradient=False)
        upper = self._layer(length * batch, hidden_size, hidden_size, input_gradient=True)
        return sum((upper for _ in range(num_layers - 1)), first)

    def _layer(self, rows: int, width: int, size: int, input_gradient: bool) -> Cost:
        """The work of one layer on `rows` = L x N inputs of `width` features."""
        units, mapped = rows * size, rows * size * self.maps
        product, recurrent = 2 * mapped * width, 2 * units * size * self.recurrent
        forward = Work(
            rows * width + mapped + units * self.forward[0], product + mapped + recurrent + units * self.forward[1]
        )
        # The gradient of the maps' results is read with the input for the weights, and alone for the input's gradient.
        operations = product + mapped + 2 * recurrent + units * self.backward[1]
        backward = Work(rows * width + mapped + units * self.backward[0], operations)
        if input_gradient:
            backward += Work(rows * width + mapped, product)
        return Cost(forward, backward)
