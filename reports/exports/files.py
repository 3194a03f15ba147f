"""Files of an export, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class File:
    """A text file: its name below the folder of the export, and what it holds."""

    name: str
    text: str


def write(file: File, out: Path) -> Path:
    """Write `file` below `out` and return its path."""
    return put(out / file.name, lambda path: path.write_bytes(file.text.encode("utf-8")))


def put(path: Path, make: Callable[[Path], object]) -> Path:
    """Have `make` write the file `path` in one step: it is given another name, which then takes the place of the file.

    A folder that is a file or can't be written is an OSError of one sentence.
    """
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            make(part)
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = "there is a file of that name" if isinstance(error, FileExistsError) else error.strerror or error
        raise OSError(f"cannot write {path.name} to {path.parent} ({reason}): name another folder") from error
    return path
