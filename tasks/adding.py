"""The adding problem: two marked numbers in a long sequence, and their sum to be told at its end."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from tasks.base import Batch, Data, Splits, Task
from tasks.sources import Sources


class Adding(Task):
    """Add the two marked numbers of a sequence; the training data never repeat.

    Inputs (L, N, 2) are a number, uniform in [0, 1), and a marker, 0 or 1. One marker lies anywhere in the first half,
    steps [0, L // 2), the other anywhere in the second, [L // 2, L): of an odd length the second half is the longer.
    The constant answer 1 has a mean squared error of 1/6.
    """

    name = "adding"
    title = "Adding problem"
    kind = "regression"
    metric = "mse"
    protocol = (
        "As in the coRNN code: fresh data for every step of 50 sequences, and the test error every 100 steps, so an "
        "interval is 5000 training samples. There the test set is 1000 fresh samples each time; here 1000 frozen ones "
        "select the weights and another 1000 test them."
    )
    source = "Generated: training data by the generator of each batch, the frozen parts by numpy's RandomState."
    licence = "none: generated numbers"
    citation = "S. Hochreiter, J. Schmidhuber: Long short-term memory. Neural Computation 9(8), 1997."
    url = "https://doi.org/10.1162/neco.1997.9.8.1735"

    input_size = 2
    output_size = 1
    interval: ClassVar[int] = 5000
    """Training samples between two evaluations."""
    held_out: ClassVar[int] = 1000
    """Samples of the frozen validation split, and of the test split."""

    def __init__(self, length: int = 100) -> None:
        if length < 2:
            raise ValueError(f"length must be at least 2, a step for each marker, got {length}")
        self.length: int = length

    @property
    def chance(self) -> float:
        """Mean squared error of the constant answer 1: the variance of the sum of two uniform numbers."""
        return 1 / 6

    def load(self, sources: Sources) -> Splits:
        """An empty training split to be filled by each batch, and the frozen validation and test splits."""
        nothing = torch.empty(self.interval, 0)
        train = Data(nothing, nothing, fresh=True)
        return Splits.of(train, self._frozen(seed=0), self._frozen(seed=1))

    def batch(self, data: Data, index: Tensor, generator: torch.Generator | None = None) -> Batch:
        """The frozen samples at `index`; of fresh data as many new ones, ``ValueError`` without a `generator`."""
        if not data.fresh:
            return super().batch(data, index)
        if generator is None:
            raise ValueError("fresh samples of the adding problem need a generator to be drawn from")
        n, half, device = len(index), self.length // 2, data.inputs.device
        values = torch.rand(self.length, n, generator=generator)
        first = torch.randint(0, half, (n,), generator=generator)
        second = torch.randint(half, self.length, (n,), generator=generator)
        inputs, targets = marked(values, first, second)
        return Batch(inputs.to(device), targets.to(device))

    def _frozen(self, seed: int) -> Data:
        """Samples as the old generator of numpy draws them, which is promised never to change."""
        random, n, half = np.random.RandomState(seed), self.held_out, self.length // 2
        # Multiples of 2**-24, as torch draws them: float32 holds each exactly and none is rounded up to 1.
        values = np.floor(random.random_sample((self.length, n)) * 2**24) / 2**24
        first = random.randint(0, half, n, dtype=np.int64)
        second = random.randint(half, self.length, n, dtype=np.int64)
        inputs, targets = marked(torch.from_numpy(values).float(), torch.from_numpy(first), torch.from_numpy(second))
        return Data(inputs.transpose(0, 1).contiguous(), targets)


def marked(values: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs (L, N, 2) and targets (N, 1) from `values` (L, N) and the two marked steps (N,) of each sequence."""
    column = torch.arange(values.shape[1])
    markers = torch.zeros_like(values)
    markers[first, column] = 1
    markers[second, column] = 1
    targets = values[first, column] + values[second, column]
    return torch.stack((values, markers), dim=-1), targets.unsqueeze(-1)
