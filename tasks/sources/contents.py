"""Where in an archive or a folder the files of a data set lie: patterns of names below a common place."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path, PurePosixPath

from tasks.sources.trouble import INSTEAD

WILD = re.compile(r"[*?[]")
PACKED = ".gz"
"""The ending of a file that is packed alone."""
TOLD = 3
"""At most so many files are named in a sentence."""
ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
"""What the system says of a file that is not there; anything else keeps it from being looked at."""


@dataclass(frozen=True)
class Place:
    """A folder inside an archive or a folder, and the files of the data set below it."""

    prefix: str
    """The folder, with ``/`` between its parts; empty for the top."""
    names: frozenset[str]
    """The files, relative to it."""
    lacks: list[str]
    """What is missing there, in words."""
    surplus: list[str]
    """What is there too often, in words; the data set is complete where both are empty."""

    def inside(self, name: str) -> str:
        """The name, from the top, of a file relative to this place."""
        return f"{self.prefix}/{name}" if self.prefix else name


class Contents:
    """Glob patterns relative to the folder of a data set, and how many files each matches.

    A pattern has one part for each folder, and ``*`` stays within a part. Hidden files belong to no data set: programs
    put some beside the real ones (``._name`` on a Macintosh).
    """

    def __init__(self, patterns: Mapping[str, int]) -> None:
        self.patterns = patterns
        self._parts = {
            pattern: tuple(re.compile(translate(part)).match for part in pattern.split("/")) for pattern in patterns
        }

    def roles(self, name: str) -> Iterator[tuple[str, str]]:
        """The patterns that the file `name` of an archive may stand for, and below which folder of it."""
        parts = name.split("/")
        if parts[-1].startswith(".") or parts[0] == "__MACOSX":
            return
        for pattern, tests in self._parts.items():
            depth = len(tests)
            if len(parts) >= depth and all(test(part) for test, part in zip(tests, parts[-depth:], strict=True)):
                yield pattern, "/".join(parts[:-depth])

    def fits(self, name: str) -> bool:
        """Whether the file `name` of an archive may belong to the data set, wherever it lies."""
        return next(self.roles(name), None) is not None

    def holds(self, name: str) -> bool:
        """Whether `name`, relative to the folder of the data set, belongs to it."""
        return any(prefix == "" for _, prefix in self.roles(name))

    def found(self, folder: Path, *, packed: bool = False, denied: list[OSError] | None = None) -> dict[str, set[str]]:
        """Of each pattern the files below `folder`, relative to it; `packed` counts ``x.gz`` as ``x``.

        Raises nothing: what cannot be looked at is not found, and the reason goes to `denied`.
        """
        errors = [] if denied is None else denied
        return {pattern: set(_below(folder, pattern.split("/"), packed, errors)) for pattern in self.patterns}

    def names(self, folder: Path, *, packed: bool = False) -> set[str]:
        """The files of all patterns that :meth:`found` finds."""
        return set().union(*self.found(folder, packed=packed).values())

    def lacks(self, found: Mapping[str, Collection[str]]) -> list[str]:
        """What is missing where these files of the patterns were found, in words."""
        told = []
        for pattern, wanted in self.patterns.items():
            count = len(found.get(pattern, ()))
            if count < wanted:
                told.append(pattern if wanted == 1 else f"{pattern} ({count} of {wanted} files)")
        return told

    def surplus(self, found: Mapping[str, Collection[str]]) -> list[str]:
        """What is there too often where these files of the patterns were found, in words."""
        counts = {pattern: len(found.get(pattern, ())) for pattern in self.patterns}
        return [
            f"{counts[pattern]} files {pattern} instead of {wanted}"
            for pattern, wanted in self.patterns.items()
            if counts[pattern] > wanted
        ]

    def place(self, names: Iterable[str], usual: Iterable[str]) -> Place | None:
        """Where among `names` the data set lies; None where no name fits.

        Of several places the complete ones go first, then those that are named as one of the `usual` folders, then
        those with more files, then those nearest to the top.
        """
        found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for name in names:
            for pattern, prefix in self.roles(name):
                found[prefix][pattern].add(name[len(prefix) + 1 :] if prefix else name)
        endings = [PurePosixPath(folder).parts for folder in usual]

        def worth(place: Place) -> tuple[bool, bool, int, int, str]:
            parts = PurePosixPath(place.prefix).parts
            named = any(parts[-len(ending) :] == ending for ending in endings)
            return bool(place.lacks or place.surplus), not named, -len(place.names), len(parts), place.prefix

        places = [
            Place(prefix, frozenset().union(*matches.values()), self.lacks(matches), self.surplus(matches))
            for prefix, matches in found.items()
        ]
        return min(places, key=worth, default=None)

    def __str__(self) -> str:
        return few([name if count == 1 else f"{count} files {name}" for name, count in self.patterns.items()])


def few(told: list[str]) -> str:
    """``"a, b, c and 20 more"``: what fits into a sentence."""
    more = f" and {len(told) - TOLD} more" if len(told) > TOLD else ""
    return ", ".join(told[:TOLD]) + more


def is_file(path: Path, denied: list[OSError] | None = None) -> bool:
    """Whether `path` is a file; raises nothing: the reason why it cannot be looked at goes to `denied`."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        _note(error, path, denied)
        return False


def in_the_way(folder: Path) -> str | None:
    """One sentence on a file that lies where `folder`, or one that it is in, should be; None where there is none."""
    file = next(filter(is_file, (folder, *folder.parents)), None)
    return f"{file} is a file, not a folder: move it away, or {INSTEAD}" if file else None


def _note(error: OSError, path: Path, denied: list[OSError] | None) -> None:
    if denied is not None and error.errno not in ABSENT:
        denied.append(OSError(error.errno, error.strerror, error.filename or str(path)))


def _below(folder: Path, parts: list[str], packed: bool, denied: list[OSError]) -> Iterator[str]:
    """The files below `folder` that the `parts` of a pattern name. (``Path.glob`` takes seconds for 50,000 files.)"""
    first, *others = parts
    if others:
        for name in [first] if not WILD.search(first) else _listed(folder, translate(first), denied, folders=True):
            yield from (f"{name}/{rest}" for rest in _below(folder / name, others, packed, denied))
    elif WILD.search(first):
        yield from _listed(folder, translate(first), denied, folders=False)
        if packed:
            alone = _listed(folder, translate(first + PACKED), denied, folders=False)
            yield from (name.removesuffix(PACKED) for name in alone)
    elif is_file(folder / first, denied) or (packed and is_file(folder / (first + PACKED), denied)):
        yield first


def _listed(folder: Path, expression: str, denied: list[OSError], *, folders: bool) -> list[str]:
    test = re.compile(expression).match
    try:
        with os.scandir(folder) as entries:
            return [
                entry.name
                for entry in entries
                if test(entry.name) and entry.name[0] != "." and (entry.is_dir() if folders else entry.is_file())
            ]
    except OSError as error:  # no such folder, or none that may be listed: nothing is found there
        _note(error, folder, denied)
        return []
