"""Data sets as sequences: each task with its published protocol, its frozen split and its checksum.

Nothing here imports torch before a name below is used; ``BUILTIN`` names the tasks by text alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.base import Batch, Data, Splits, Task
    from tasks.sources import Sources

BUILTIN: dict[str, str] = {
    "adding": "tasks.adding:Adding",
    "smnist": "tasks.mnist:SequentialMNIST",
    "psmnist": "tasks.mnist:PermutedMNIST",
    "sdigits": "tasks.digits:SequentialDigits",
    "psdigits": "tasks.digits:PermutedDigits",
}

_HOMES = {
    "Batch": "tasks.base",
    "Data": "tasks.base",
    "Splits": "tasks.base",
    "Task": "tasks.base",
    "Sources": "tasks.sources",
}

__all__ = ["BUILTIN", "Batch", "Data", "Sources", "Splits", "Task"]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
