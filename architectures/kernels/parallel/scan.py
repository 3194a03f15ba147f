"""A linear recurrence of two numbers, in parallel over time."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Maps(NamedTuple):
    """Maps u -> u + E u + v of pairs (p, q), one for each step and chain: every tensor is (T, C).

    E is kept in place of I + E: with a small step most of what I + E says would be lost beside the 1.
    """

    pp: Tensor
    pq: Tensor
    qp: Tensor
    qq: Tensor
    p: Tensor
    q: Tensor

    def at(self, steps: slice) -> Maps:
        """Those of some steps."""
        return Maps(*(part[steps] for part in self))

    def __call__(self, p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
        """The pairs after the steps, from those before, each (T, C)."""
        return p + (self.pp * p + self.pq * q + self.p), q + (self.qp * p + self.qq * q + self.q)

    def after(self, first: Maps) -> Maps:
        """One map for two steps: `first`, then this one."""
        p, q = self(first.p, first.q)
        return Maps(
            first.pp + self.pp + (self.pp * first.pp + self.pq * first.qp),
            first.pq + self.pq + (self.pp * first.pq + self.pq * first.qq),
            first.qp + self.qp + (self.qp * first.pp + self.qq * first.qp),
            first.qq + self.qq + (self.qp * first.pq + self.qq * first.qq),
            p,
            q,
        )


def scan(maps: Maps, p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
    """The pairs after each of the T steps, (T, C), from those before the first, (C).

    Neighbours are joined to one map of two steps, the recurrence of half the length is solved in the same way, and the
    steps that it left out follow from their neighbours: 2 log2 T operations after each other, work and memory of the
    order of T (cyclic reduction, Hockney, J. ACM 12, 1965; as a scan, Blelloch, CMU-CS-90-190, 1990). T is any number.
    """
    length = len(maps.p)
    if length == 1:
        return maps(p.unsqueeze(0), q.unsqueeze(0))
    even, odd = maps.at(slice(0, None, 2)), maps.at(slice(1, None, 2))
    halves = scan(odd.after(even.at(slice(len(odd.p)))), p, q)
    before = (torch.cat([first.unsqueeze(0), half])[: len(even.p)] for first, half in zip((p, q), halves, strict=True))
    found = []
    for left_out, half in zip(even(*before), halves, strict=True):
        whole = left_out.new_empty(length, *left_out.shape[1:])
        whole[0::2], whole[1::2] = left_out, half
        found.append(whole)
    return found[0], found[1]
