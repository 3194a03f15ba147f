"""Where data files come from: the data folder, checksums, and what to say where a file is missing or damaged."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType


@dataclass(frozen=True)
class Sources:
    """The folder of the data sets, and whether what it lacks may be downloaded into it."""

    root: Path
    offline: bool = False

    def lacking(self, title: str, folder: Path, names: Iterable[str], reason: str) -> FileNotFoundError:
        """The error to raise where the data set `title` lacks files in `folder`, and the `reason` they stay missing."""
        online = ", or leave out --offline (HARNESS_OFFLINE) to download them" if self.offline else ""
        return FileNotFoundError(
            f"{title} lacks {', '.join(names)} in {folder} and {reason}: "
            f"put the files there, or name another data folder with --data-root or HARNESS_DATA{online}"
        )


def require_md5(file: Path, wanted: str, told_as: Path | None = None) -> None:
    """``OSError`` unless `file` can be read and has the md5 `wanted`; the message names `told_as`, else `file`."""
    named = told_as or file
    try:
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise OSError(
            f"{named} cannot be read ({error.strerror or error}): make it readable, or put a good copy there"
        ) from error
    if found != wanted:
        raise OSError(
            f"{named} is damaged or another file (md5 {found}, wanted {wanted}): "
            "put a good copy there, or delete it to have it downloaded again"
        )


def library(module: str, distribution: str) -> ModuleType:
    """Import `module` of an installed `distribution`; ``OSError`` that says what to do where that fails."""
    try:
        return import_module(module)
    except Exception as error:  # a wheel made for another torch fails with RuntimeError, OSError, AttributeError ...
        try:
            found = version(distribution)
        except PackageNotFoundError:
            raise OSError(f"{distribution} is not installed: pip install {distribution}") from error
        import torch  # only here: this module does without it

        reason = " ".join(str(error).split())
        raise OSError(
            f"{distribution} {found} cannot be imported beside torch {torch.__version__} ({reason}): "
            "install the two in versions and builds (CPU or CUDA) that belong together"
        ) from error
