"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def replace(path: Path, make: Callable[[Path], object]) -> None:
    """Have `make` write the file `path` in one step: it is given another name, which then takes the place of the file.

    The folder must be there. What `make` or the disk raise goes through, and leaves the old file.
    """
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        make(part)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def reason(error: OSError) -> str:
    """Why a file could not be written, in a few words."""
    return "there is a file of that name" if isinstance(error, FileExistsError) else str(error.strerror or error)
