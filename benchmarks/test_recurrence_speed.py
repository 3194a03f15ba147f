"""Forward, backward and training step of every backbone, as ``speed`` measures them, for comparing two commits.

The names of the cases stay the same, so that ``--benchmark-save`` and ``--benchmark-compare`` find them again; cases of
one size and phase are a group.
"""

from __future__ import annotations

import pytest
import torch

from harness.registry import Registry
from harness.speed.cases import Case
from harness.speed.subject import Subject, backends_that_ran

SIZES = {"784x32x256": (784, 32, 256, 1), "1000x30x128": (1000, 30, 128, 1), "17984x8x32": (17_984, 8, 32, 6)}
PAIRS = [
    ("unicornn", "best"),
    ("unicornn", "eager"),
    ("indrnn", "best"),
    ("indrnn", "eager"),
    ("sru", "best"),
    ("sru", "eager"),
    ("cornn", "best"),
    ("cornn", "eager"),
    ("lstm", "best"),
    ("gru", "best"),
]
SLOW = 10_000
"""Steps from which on there are fewer repetitions."""


@pytest.mark.parametrize("phase", ["forward", "forward_backward", "step"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("arch", "backend"), PAIRS, ids=[f"{arch}-{backend}" for arch, backend in PAIRS])
def test_time(arch, backend, size, phase, benchmark):
    length, batch, hidden, inputs = SIZES[size]
    subject = Subject(Case(arch, length, batch, hidden, input_size=inputs, backend=backend), Registry())
    gradient = torch.randn(length, batch, hidden)

    def both() -> None:
        subject.optimizer.zero_grad(set_to_none=True)
        subject.keeping_forward().backward(gradient)

    work = {"forward": subject.forward, "forward_backward": both, "step": subject.step}[phase]
    benchmark.group = f"{phase} {size}"
    work()
    backends_that_ran()
    benchmark.pedantic(work, rounds=3 if length > SLOW else 7)
    benchmark.extra_info.update(threads=torch.get_num_threads(), backends=backends_that_ran())
