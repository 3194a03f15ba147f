"""The folder of the data sets, and what may be done to fill it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

Report = Callable[[str, int, int], None]
"""``report(what, done, total)`` is called again and again while something takes long; it is over when done is total."""


def silent(what: str, done: int, total: int) -> None:
    """The report that nobody reads."""


@dataclass(frozen=True)
class Sources:
    """The folder of the data sets, whether what it lacks may be downloaded into it, and where work done is kept."""

    root: Path
    offline: bool = False
    cache: Path | None = None
    """Folder of what is worked out of data files; else ``.cache`` in the root."""
    report: Report = silent
    options: str = ""
    """Command-line options, as typed, that a command in a message needs to find this folder and these data sets."""

    def command(self, words: str) -> str:
        """``"harness data import beats PATH"`` with the options that it needs here; `words` lack the program's name."""
        return f"harness {words} {self.options}".rstrip()

    @property
    def caches(self) -> Path:
        """The folder of the caches."""
        return self.cache or self.root / ".cache"


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
