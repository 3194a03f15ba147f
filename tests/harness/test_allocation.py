"""Freed memory is kept where the C library can be told so."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from harness import allocation

FAULTS = """
import resource, sys
from harness.allocation import keep_freed_memory
kept = keep_freed_memory() if sys.argv[1] == "keep" else False
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(2):
    before, block = faults(), bytearray(64 << 20)
    del block
    last = faults() - before
print(int(kept), last)
"""


def has_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (ValueError, AttributeError):
        return False


@pytest.mark.skipif(not has_glibc(), reason="only glibc can be told to keep what is freed")
def test_a_second_large_block_is_made_of_the_first() -> None:
    def second(mode: str) -> list[int]:
        done = subprocess.run([sys.executable, "-c", FAULTS, mode], capture_output=True, text=True, check=True)
        return [int(word) for word in done.stdout.split()]

    assert second("keep") == [1, pytest.approx(0, abs=10)]
    without = second("leave")
    assert without[0] == 0
    assert without[1] > 20, "64 MiB in pages of 2 MiB at the largest"


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocation.os, "confstr", lambda name: None)
    assert not allocation.keep_freed_memory()

    def unknown(name: str) -> str:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(allocation.os, "confstr", unknown)
    assert not allocation.keep_freed_memory()
