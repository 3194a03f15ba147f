"""What must be the same where a campaign is begun and where it is trained, for its numbers to be comparable."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("recurrent-harness", "torch", "numpy", "optuna")
ROOMS = ("harness", "architectures", "tasks")
"""Packages of this program that take part in a run."""
SOURCES = {".py", ".toml", ".cpp", ".h", ".cu", ".txt", ".f32", ".sha256"}
"""Files of theirs that do; what is compiled or cached beside them is not the same everywhere."""
NAMES = {"python": "Python", "sources": "the sources of recurrent-harness"}
ABSENT = "none"


def here() -> dict[str, str]:
    """What is installed where this is called: name -> version. Nothing heavy is imported.

    Of a version, what follows a ``+`` is left out: a machine without a GPU may have another build of the same torch.
    """
    minor = ".".join(platform.python_version_tuple()[:2])
    return {"python": minor, **{name: _version(name) for name in PACKAGES}, "sources": sources()}


def difference(mine: Mapping[str, str], theirs: Mapping[str, str]) -> str | None:
    """``torch 2.10.0 instead of 2.11.0`` for what `theirs` has otherwise than `mine`; None where all is the same."""
    differing = [name for name in mine if theirs.get(name, ABSENT) != mine[name]]
    if len(differing) > 1 and "sources" in differing:  # they differ with the version, which says more
        differing = [name for name in differing if name != "sources" or mine[PACKAGES[0]] == theirs.get(PACKAGES[0])]
    told = [f"{NAMES.get(name, name)} {theirs.get(name, ABSENT)} instead of {mine[name]}" for name in differing]
    return " and ".join(told) or None


@cache
def sources() -> str:
    """12 hex digits over the installed sources of this program, in the order of their names."""
    digest = sha256()
    for name, file in _files():
        digest.update(name.encode() + b"\0" + sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]


def _files() -> Iterator[tuple[str, Path]]:
    for room in ROOMS:
        spec = find_spec(room)
        for folder in (spec.submodule_search_locations or []) if spec is not None else []:
            for file in sorted(Path(folder).rglob("*")):
                if file.suffix in SOURCES and "__pycache__" not in file.parts:
                    yield f"{room}/{file.relative_to(folder).as_posix()}", file


def _version(package: str) -> str:
    try:
        return metadata.version(package).partition("+")[0]
    except metadata.PackageNotFoundError:
        return ABSENT
