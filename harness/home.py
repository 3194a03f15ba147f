"""Where things are kept: one home folder, with the store, the checkpoints, the data and the locks below it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.masking import is_address

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

JOURNAL = ".journal"
"""How the name of a study's journal ends."""


@dataclass(frozen=True)
class Home:
    """The folder of ``--home``, else ``HARNESS_HOME``, else the user's data directory by the platform's convention."""

    path: Path

    @classmethod
    def find(cls, given: str | os.PathLike[str] | None = None) -> Home:
        """The home that a command uses; nothing is created yet."""
        named = given or os.environ.get("HARNESS_HOME")
        if named:
            return cls(expanded(named, "--home" if given else "HARNESS_HOME"))
        from platformdirs import user_data_path

        try:
            usual = user_data_path("recurrent-harness", appauthor=False)
        except RuntimeError:
            usual = Path("~")
        if not usual.is_absolute():  # of older platformdirs, which leave the ~ where it is
            raise UserError("this user has no home directory for runs: name a folder with --home or HARNESS_HOME")
        return cls(usual)

    @property
    def store_url(self) -> URL:
        """Database URL of the store: ``HARNESS_STORE`` where it is set, else that of a SQLite file in the home."""
        from harness import addresses

        given = os.environ.get("HARNESS_STORE")
        return addresses.parse(given, "HARNESS_STORE") if given else addresses.of_file(self.path / "store.sqlite")

    @property
    def data(self) -> Path:
        """Data sets that this program downloads itself when no ``--data-root`` is given."""
        return self.path / "data"

    @property
    def recipes(self) -> Path:
        """Recipes that tuning or a person wrote: a folder for each task, a file in it for each architecture."""
        return self.path / "recipes"

    @property
    def studies(self) -> Path:
        """Journals of studies, one file each."""
        return self.path / "studies"

    def journals(self) -> list[Path]:
        """The journal files of studies, by name."""
        return sorted(self.studies.glob(f"*{JOURNAL}"))

    def may_have_studies(self) -> bool:
        """Whether there may be studies, here or where ``HARNESS_STUDIES`` says, told without Optuna."""
        return bool(os.environ.get("HARNESS_STUDIES") or self.journals())

    def run(self, run_id: str) -> Path:
        """Folder of one run: its checkpoint while it is under way, its selected weights afterwards."""
        return self.path / "runs" / run_id

    def locks(self) -> Path:
        """Folder of the lock files, created on demand."""
        return self.folder("locks")

    def folder(self, *parts: str) -> Path:
        """A folder below the home, created on demand; a :class:`UserError` where the disk refuses."""
        path = self.path.joinpath(*parts)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise UserError(
                f"cannot create {path} ({reason}): name a folder that can be written with --home or HARNESS_HOME"
            ) from error
        return path


def with_home(path: str | os.PathLike[str]) -> Path:
    """A path with ``~`` taken for a home directory; a :class:`UserError` where there is none."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UserError(f"{path}: there is no home directory for the ~ in it: write the whole path") from error


def expanded(path: str | os.PathLike[str], what: str = "the path") -> Path:
    """An absolute path, with ``~`` taken for a home directory.

    Raises:
        UserError: there is no such directory, or this looks like the address of a server, which may hold a password
            that must not become the name of a folder. The sentence begins with `what`.
    """
    if is_address(str(path)):
        raise UserError(
            f"{what} looks like the address of a server, where a path is needed: if it is a path, begin it with ./ or /"
        )
    return with_home(path).absolute()


def data_root(given: str | os.PathLike[str] | None, home: Home) -> Path:
    """Folder with the data sets: ``--data-root``, else ``HARNESS_DATA``, else ``data`` in the home."""
    named = given or os.environ.get("HARNESS_DATA")
    return expanded(named, "--data-root" if given else "HARNESS_DATA") if named else home.data


def offline(given: bool = False) -> bool:
    """Whether the network must not be tried: ``--offline`` or ``HARNESS_OFFLINE`` set to anything but 0."""
    return given or os.environ.get("HARNESS_OFFLINE", "0") not in ("", "0")
