"""The packages beside this one, ``architectures``, ``tasks`` and ``reports``, are found there, whoever has their names.

A file ``tasks.py`` in the current folder, which comes first on ``sys.path`` under ``python -m`` and on the workers of
Ray, must not take the place of the package. Importing ``harness`` puts :class:`Finder` in front of all other finders.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from os.path import dirname, join, realpath
from types import ModuleType

NAMES = ("architectures", "tasks", "reports")
FOLDER = dirname(dirname(__file__))  # noqa: PTH120 (loading pathlib takes longer than all of this)
DISTRIBUTION = "recurrent-harness"


class Finder:
    """A finder for ``sys.meta_path`` that knows :data:`NAMES` alone, and looks for them in :data:`FOLDER` alone."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Where the module is; None leaves it to the other finders."""
        return PathFinder.find_spec(name, [FOLDER]) if name in NAMES else None


def install() -> None:
    """Put the finder in front of the others, once."""
    if Finder not in sys.meta_path:
        sys.meta_path.insert(0, Finder)


def has_current_folder() -> bool:
    """Whether this process looks for modules in the current folder."""
    return bool({"", os.getcwd()} & set(sys.path))  # noqa: PTH109


def search_path() -> list[str]:
    """The option that makes another Python look for modules in the current folder only if this one does."""
    return [] if has_current_folder() else ["-P"]


def imported_before(module: str) -> str | None:
    """What is wrong where somebody imported another module of that package's name before this package; else None."""
    name = module.partition(".")[0]
    there = sys.modules.get(name)
    if name not in NAMES or there is None:
        return None
    if realpath(join(FOLDER, name)) in map(realpath, getattr(there, "__path__", ())):  # noqa: PTH118
        return None
    place = getattr(there, "__file__", None) or "another module"
    return (
        f"'{name}' is a package of {DISTRIBUTION}, but {place} was imported by that name before:"
        " import harness first, or give that module another name"
    )


def overwritten(module: str | None) -> str | None:
    """What is wrong where another distribution has put its files into that package; else None."""
    name = (module or "").partition(".")[0]
    if name not in NAMES:
        return None
    from importlib.metadata import distribution, packages_distributions

    for other in sorted({*packages_distributions().get(name, ())} - {DISTRIBUTION}):
        if realpath(str(distribution(other).locate_file(name))) == realpath(join(FOLDER, name)):  # noqa: PTH118
            return (
                f"the distribution {other} has put its own package '{name}' in the place of {DISTRIBUTION}'s in"
                f" {FOLDER}: install {DISTRIBUTION} into an environment without {other}"
            )
    return None
