"""Sets of cases with a name, and the times that others published for them (``published.toml``)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.errors import UserError, did_you_mean
from harness.speed.cases import Case, grid
from harness.store import Timing

FILE = Path(__file__).with_name("published.toml")


@dataclass(frozen=True)
class Preset:
    """Published times, and the cases that come closest to what was measured."""

    name: str
    title: str
    source: str
    assumed: str
    """What the source doesn't say."""
    phase: str
    baseline: str
    """The architecture whose time the others are compared with: on another machine only ratios mean something."""
    sizes: dict[str, int]
    changes: dict[str, dict[str, Any]]
    """Architecture -> hyper-parameters other than its defaults."""
    milliseconds: dict[str, dict[str, float]]
    """Architecture -> length -> time."""

    def cases(self, **lists: Sequence[Any]) -> list[Case]:
        """All cases, with the devices, backends and dtypes of `lists`."""
        lengths = dict.fromkeys(int(length) for bars in self.milliseconds.values() for length in bars)
        sizes = {name: [size] for name, size in self.sizes.items()}
        found = grid(arch=list(self.milliseconds), length=list(lengths), **sizes, **lists)
        return [replace(case, changes=tuple(self.changes.get(case.arch, {}).items())) for case in found]

    def beside(self, timings: Iterable[Timing]) -> list[dict[str, Any]]:
        """One row a timing of this preset: its time, the published one, and the ratios of both to the baseline."""
        measured = [one for one in timings if one.preset == self.name and self.phase in one.phases]
        bases = {_setting(one): one.phases[self.phase].median for one in measured if one.arch == self.baseline}
        rows = []
        for one in measured:
            bar = self.milliseconds.get(one.arch, {}).get(str(one.length))
            base, published = bases.get(_setting(one)), self.milliseconds[self.baseline].get(str(one.length))
            seconds = one.phases[self.phase].median
            rows.append(
                {
                    "arch": one.arch,
                    "length": one.length,
                    "backend": one.ran,
                    "seconds": seconds,
                    "published_seconds": None if bar is None else bar / 1e3,
                    "ratio": None if base is None else seconds / base,
                    "published_ratio": None if bar is None or published is None else bar / published,
                }
            )
        return rows


def presets(file: Path = FILE) -> dict[str, Preset]:
    """All presets by their names."""
    return {name: Preset(name, **content) for name, content in tomllib.loads(file.read_text("utf-8")).items()}


def preset(name: str) -> Preset:
    """The preset of this name."""
    known = presets()
    if name not in known:
        raise UserError(f"--preset {name}: there is no such preset{did_you_mean(name, known)}")
    return known[name]


def _setting(timing: Timing) -> tuple[Any, ...]:
    """What timings that are compared have in common. The baseline may have another backend, but one only."""
    return timing.sitting, timing.length, timing.device, timing.dtype
