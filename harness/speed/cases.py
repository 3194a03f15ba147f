"""What is measured: architectures, sizes, devices and backends, and every combination of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import product
from typing import Any

from harness.errors import UserError, did_you_mean

DTYPES = ("float32", "float64")
BEST = "best"
"""No backend in particular: ``HARNESS_BACKEND``, and else the layer, chooses."""


@dataclass(frozen=True)
class Case:
    """One backbone at one size: the architecture's layer with its defaults, float tensors (L, N, H_in) as its input."""

    arch: str
    length: int
    batch: int
    hidden_size: int
    num_layers: int = 1
    input_size: int = 1
    device: str = "cpu"
    dtype: str = "float32"
    backend: str = BEST
    changes: tuple[tuple[str, Any], ...] = ()
    """Hyper-parameters that differ from the defaults."""

    @property
    def name(self) -> str:
        """``unicornn 784x32x128``: architecture, L x N x H, and what differs from the usual."""
        size = f"{self.arch} {self.length}x{self.batch}x{self.hidden_size}"
        usual = {"num_layers": 1, "device": "cpu", "dtype": "float32", "backend": BEST}
        words = [f"{getattr(self, name)}" for name, value in usual.items() if getattr(self, name) != value]
        words = [f"{word} layers" if word.isdecimal() else word for word in words]
        return ", ".join([size, *words, *(f"{key}={value}" for key, value in self.changes)])


GRID = tuple(field.name for field in fields(Case))


def grid(**lists: Sequence[Any]) -> list[Case]:
    """Every combination, the architectures and backends of one size next to each other; each case once."""
    order = [name for name in GRID if name not in ("arch", "backend")] + ["arch", "backend"]
    given = [name for name in order if name in lists]
    found = (Case(**dict(zip(given, values, strict=True))) for values in product(*(lists[name] for name in given)))
    once: list[Case] = []
    for case in found:
        if case not in once:
            once.append(case)
    return once


def words(option: str, given: Iterable[str]) -> list[str]:
    """The words of an option that may be repeated and may hold commas."""
    found = [word.strip() for text in given for word in text.split(",")]
    if not all(found):
        raise UserError(f"{option}: an empty word; write names separated by commas")
    return found


def sizes(option: str, given: Iterable[str]) -> list[int]:
    """The same for whole numbers above zero."""
    found = words(option, given)
    for word in found:
        if not word.isdecimal() or len(word) > 10 or not 1 <= int(word) < 2**31:
            raise UserError(f"{option} {word}: write whole numbers from 1 to 2**31 - 1, separated by commas")
    return [int(word) for word in found]


def one_of(option: str, given: Iterable[str], known: Sequence[str]) -> list[str]:
    """The same for words out of a fixed set."""
    found = words(option, given)
    for word in found:
        if word not in known:
            raise UserError(f"{option} {word}: there is no such choice{did_you_mean(word, known)}")
    return found
