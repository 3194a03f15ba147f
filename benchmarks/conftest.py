"""What all timings share: memory and subnormals as in a training, and two threads where the timing is about threads."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from harness.allocation import keep_freed_memory, use_large_pages
from harness.machine import subnormals_flushed

use_large_pages()  # before torch makes its first tensor


@pytest.fixture(autouse=True)
def _as_in_training():
    keep_freed_memory()
    with subnormals_flushed():
        yield


@pytest.fixture
def two_threads():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield 2
    torch.set_num_threads(before)


@pytest.fixture
def seconds() -> Callable[[Callable[[], object]], float]:
    """Calls what it is given, and returns how long that took."""

    def measure(work: Callable[[], object]) -> float:
        since = time.perf_counter()
        work()
        return time.perf_counter() - since

    return measure
