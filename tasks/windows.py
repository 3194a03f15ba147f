"""Sequences that are stretches of one long stream: windows of a recording, texts of a corpus."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from tasks.base import Data


@dataclass(frozen=True, eq=False, kw_only=True)
class Windows(Data):
    """One split whose sequences lie in a stream, where overlapping ones share their steps and short ones no padding.

    `inputs` are the first steps of the sequences in the stream, (n,) int64. All sequences have `steps` steps or, where
    that is None, as many as `lengths` says.
    """

    shared: ClassVar[frozenset[str]] = frozenset({"stream"})

    stream: Tensor = field()
    """(T,) or (T, C), in the smallest type that holds the values exactly."""
    steps: int | None = None
    fill: int = 0
    """What the stream is taken to hold behind the end of a sequence."""

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.lengths is None):
            raise ValueError("windows have either one number of steps for all or lengths, one for each")
        super().__post_init__()
        if self.stream.device.type == "meta" or not len(self):
            return
        ends = self.inputs + (self.steps or 0 if self.lengths is None else self.lengths)
        if int(self.inputs.min()) < 0 or int(ends.max()) > len(self.stream) or bool((ends <= self.inputs).any()):
            raise ValueError(f"windows must have at least one step, and lie in the {len(self.stream)} of their stream")
        if torch.tensor(self.fill).to(self.stream.dtype).item() != self.fill:
            raise ValueError(f"fill = {self.fill} does not fit a stream of {self.stream.dtype}")

    def rows(self, index: Tensor) -> Tensor:
        """The sequences at `index` as (N, L) or (N, L, C), with the steps of the longest; shorter ones are filled."""
        starts = self.inputs.index_select(0, index)
        if self.lengths is None:
            return self._cut(starts, self.steps or 0)
        lengths = self.lengths.index_select(0, index)
        steps = int(lengths.max())
        found = self._cut(starts, steps)
        behind = torch.arange(steps, device=index.device) >= lengths.unsqueeze(1)
        return found.masked_fill_(behind if found.dim() == 2 else behind.unsqueeze(-1), self.fill)

    def _cut(self, starts: Tensor, steps: int) -> Tensor:
        """`steps` steps of the stream from each start; where it ends before, its last one again."""
        place = starts.unsqueeze(1) + torch.arange(steps, device=starts.device)
        return self.stream[place.clamp_(max=len(self.stream) - 1)]
