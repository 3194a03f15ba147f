"""A hidden folder beside the place where files will lie: filled, verified and renamed, never trusted by itself."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tasks.sources import checksums
from tasks.sources.contents import Contents, in_the_way
from tasks.sources.locks import locked
from tasks.sources.root import Sources
from tasks.sources.trouble import INSTEAD, Refused, reading, writing

BLOCK = 1 << 20
NAMES = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EEXIST, errno.EISDIR, errno.ENOTDIR)
"""Errors of the system about the name of a member, or about two members that are in each other's way."""


@contextmanager
def staging(sources: Sources, destination: Path, doing: str) -> Iterator[Path]:
    """An empty folder ``.<name>.work`` beside `destination`, for this process alone; gone at the end.

    It lies on the disk of `destination`, so that files are moved without copying: inside, where that is a disk itself.

    Whatever lies in it at the beginning was left by a process that was killed, and is deleted.

    Raises:
        OSError: something below cannot be written; one sentence.
    """
    lock = sources.root / ".locks" / f"{destination.relative_to(sources.root).as_posix().replace('/', '+')}.lock"
    real = Path(os.path.realpath(destination))
    if wrong := in_the_way(real):
        raise Refused(wrong)
    with writing(real.parent, INSTEAD):
        work = (real if real.is_mount() else real.parent) / f".{real.name}.work"
    with writing(real.parent, INSTEAD), locked(lock, sources.report, doing):
        shutil.rmtree(work, ignore_errors=True)
        made = [folder for folder in real.parents if not folder.exists()]
        work.mkdir(parents=True)
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)
            with suppress(OSError):  # the first that holds something ends it
                for folder in made:
                    folder.rmdir()


class Intake:
    """Writes files into a staging, and stops where they become far more than the data set has."""

    def __init__(self, work: Path, allowance: int) -> None:
        self.work, self.folder = work, work / "files"
        self.allowance = self.left = allowance
        self.sums: dict[str, str] = {}
        """Name to sha256 of the files written, relative to `folder`."""
        self._folders: set[Path] = set()

    def write(self, name: str, stream: IO[bytes], told: str) -> None:
        """Write `stream` to the file `name`; what goes wrong while it is read is ``Refused`` as damage of `told`."""
        target = self.folder / name
        try:
            if target.parent not in self._folders:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._folders.add(target.parent)
            self.sums[name] = self._copy(stream, target, told)
        except OSError as error:
            if error.errno not in NAMES:
                raise
            raise Refused(f"{told} holds a member that cannot be written here: {name}") from error

    def empty(self) -> None:
        """Forget and delete what was written."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.sums.clear()
        self._folders.clear()
        self.left = self.allowance

    def identify(
        self, opened: Callable[[], IO[bytes]], wanted: Mapping[str, list[str]], told: str, largest: int
    ) -> list[str]:
        """Write a file by the names that `wanted` gives for its sha256, and return them; none where it is another.

        Files of more than `largest` bytes are others, and so is all that comes once the allowance is used up.
        """
        limit, unknown = min(largest, self.left), self.work / "unknown"
        digest, size = hashlib.sha256(), 0
        with reading(told), unknown.open("wb") as file:
            stream = opened()
            while size <= limit and (block := stream.read(BLOCK)):
                digest.update(block)
                file.write(block)
                size += len(block)
        self.left = max(self.left - size, 0)
        names = wanted.get(digest.hexdigest(), []) if size <= limit else []
        for name in names:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(unknown, self.folder / name)
            self.sums[name] = digest.hexdigest()
        unknown.unlink()
        return names

    def spill(self, stream: IO[bytes], told: str) -> Path:
        """Write an archive found in an archive to a file of the staging; the next one replaces it."""
        inner = self.work / "inner"
        self._copy(stream, inner, told)
        return inner

    def _copy(self, stream: IO[bytes], target: Path, told: str) -> str:
        digest = hashlib.sha256()
        with target.open("wb") as file:
            while block := self._read(stream, told):
                digest.update(block)
                file.write(block)
        return digest.hexdigest()

    def _read(self, stream: IO[bytes], told: str) -> bytes:
        with reading(told):
            block = stream.read(BLOCK)
        self.left -= len(block)
        if self.left < 0:
            raise Refused(
                f"{told} is refused: its files take more than {self.allowance / 1e6:,.0f} MB, far more than the "
                "data set that was looked for"
            )
        return block


def put(made: Path, destination: Path, sums: Mapping[str, str], contents: Contents, *, record: bool) -> None:
    """Bring the files of the folder `made`, named in `sums`, to `destination`: all at once where nothing is there yet.

    Files that are there are replaced one by one, those that are right already stay. The record goes first: if this is
    cut off, no old file passes for a new one.
    """
    real = Path(os.path.realpath(destination))
    if real.is_dir() and not any(real.iterdir()):
        real.rmdir()
    if not real.exists():
        if record:
            checksums.record(made, sums, contents)
        made.rename(real)
        return
    if record:
        checksums.record(real, sums, contents)
    for name, digest in sums.items():
        old = real / name
        if not (old.is_file() and checksums.sha256_of(old) == digest):
            old.parent.mkdir(parents=True, exist_ok=True)
            (made / name).replace(old)
    for name in contents.names(real) - sums.keys():
        remove(real / name, real)


def remove(file: Path, top: Path) -> None:
    """Delete a file, and the folders between it and `top` that are empty then."""
    file.unlink()
    with suppress(OSError):  # the first that holds something ends it
        for folder in file.relative_to(top).parents[:-1]:
            (top / folder).rmdir()
