"""Files of an export, written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reports.files import reason, replace


@dataclass(frozen=True)
class File:
    """A text file: its name below the folder of the export, and what it holds."""

    name: str
    text: str


def write(file: File, out: Path) -> Path:
    """Write `file` below `out` and return its path."""
    return put(out / file.name, lambda path: path.write_bytes(file.text.encode("utf-8")))


def put(path: Path, make: Callable[[Path], object]) -> Path:
    """Have `make` write the file `path` in one step (:func:`reports.files.replace`), into a folder that is made.

    A folder that is a file or can't be written is an OSError of one sentence.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, make)
    except OSError as error:
        raise OSError(f"cannot write {path.name} to {path.parent} ({reason(error)}): name another folder") from error
    return path
