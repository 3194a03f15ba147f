"""Data sets as sequences: each task with its published protocol, its frozen split and its checksum.

Nothing here imports torch before a name below is used; ``BUILTIN`` names the tasks by text alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.base import Batch, Data, Splits, Task
    from tasks.sources import DataSet, Download, Sources
    from tasks.windows import Windows

BUILTIN: dict[str, str] = {
    "adding": "tasks.adding:Adding",
    "smnist": "tasks.mnist.task:SequentialMNIST",
    "psmnist": "tasks.mnist.task:PermutedMNIST",
    "sdigits": "tasks.digits:SequentialDigits",
    "psdigits": "tasks.digits:PermutedDigits",
    "ncifar": "tasks.cifar.task:NoisePaddedCIFAR10",
    "scifar": "tasks.cifar.task:SequentialCIFAR10",
    "har2": "tasks.har2.task:HAR2",
    "imdb": "tasks.imdb.task:IMDB",
    "eigenworms": "tasks.eigenworms:EigenWorms",
    "bidmc-rr": "tasks.bidmc.task:RespiratoryRate",
    "bidmc-hr": "tasks.bidmc.task:HeartRate",
    "bidmc-spo2": "tasks.bidmc.task:OxygenSaturation",
    "basicmotions": "tasks.samples:BasicMotions",
    "japanesevowels": "tasks.samples:JapaneseVowels",
}

_HOMES = {
    "Batch": "tasks.base",
    "Data": "tasks.base",
    "Splits": "tasks.base",
    "Task": "tasks.base",
    "Windows": "tasks.windows",
    "Sources": "tasks.sources",
    "DataSet": "tasks.sources",
    "Download": "tasks.sources",
}

__all__ = ["BUILTIN", "Batch", "Data", "DataSet", "Download", "Sources", "Splits", "Task", "Windows"]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
