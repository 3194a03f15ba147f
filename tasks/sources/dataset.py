"""A data set on disk: which files it has, where they lie below the data folder, and whether they are whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from tasks.sources import checksums, fetching, status, taking
from tasks.sources.contents import Contents, few, in_the_way, is_file
from tasks.sources.root import Sources
from tasks.sources.status import Check, State
from tasks.sources.taking import Taken
from tasks.sources.trouble import INSTEAD, NotThere, Refused, Wrong, reason


@dataclass(frozen=True)
class Download:
    """One file to download: an archive, or a file of the data set itself, which may be packed alone (``.gz``)."""

    url: str
    hash: str | None = None
    """``"md5:..."`` or ``"sha256:..."`` as published, or None where nobody publishes one."""
    size: int | None = None
    """Bytes, where known."""

    @property
    def file(self) -> str:
        """The name of the file: the last part of the address."""
        return unquote(urlsplit(self.url).path).rpartition("/")[2]


@dataclass(frozen=True)
class DataSet:
    """Files of others that a task reads. Several tasks may read the same."""

    name: str
    """Short lower-case name, as typed on a command line: ``"cifar10"``."""
    title: str
    folders: tuple[str, ...]
    """Where the files may lie below the data folder; downloads and imports go to the first."""
    contents: Mapping[str, int]
    """Glob patterns relative to the folder, and how many files each must match (exactly); ``*`` stays in a folder."""
    size: int
    """Bytes of the files together, give or take."""
    licence: str
    downloads: tuple[Download, ...] = ()
    pinned: bool = False
    """Whether the checksums of all files are published with the project, so that there is one such data set only."""
    sums: Mapping[str, str] | None = None
    """Relative name to sha256, where they are published elsewhere than in ``checksums/<name>.sha256``."""
    archives: tuple[str, ...] = ()
    """Names of archives: one that lies in the data folder, or beside the files, is unpacked where files are missing."""
    examine: Callable[[DataSet, Path, str, Sources], object] | None = field(default=None, compare=False)
    """``examine(dataset, folder, digest, sources)`` reads the files in `folder` as the task does and raises
    :class:`Wrong` where they hold something else. An import asks it where checksums are not published, and takes
    nothing that it refuses; `digest` is that of :meth:`verified`, for a cache."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9-]+", self.name):
            raise ValueError(f"the name of a data set is lower-case letters, digits and hyphens, got {self.name!r}")
        if not isinstance(self.folders, tuple) or not self.folders or not all(map(_is_below, self.folders)):
            raise ValueError(
                f"the folders of data set {self.name} are a tuple of paths relative to the data folder, without '..', "
                f"got {self.folders!r}"
            )
        if not self.contents:
            raise ValueError(f"data set {self.name} has no contents: say which files it has")

    def folder(self, root: Path) -> Path:
        """Where below `root` the files lie: the first folder that is complete, else the first with any, or the first.

        Reads no file, only the names.
        """
        folders = [root / name for name in self.folders]
        complete = (folder for folder in folders if not self.absent(folder))
        begun = (folder for folder in folders if self.files(folder, packed=True))
        return next(complete, None) or next(begun, None) or folders[0]

    def files(self, folder: Path, *, packed: bool = False) -> list[str]:
        """The files of the data set that `folder` holds, relative to it, sorted; `packed` counts ``x.gz`` as ``x``."""
        return sorted(Contents(self.contents).names(folder, packed=packed))

    def absent(self, folder: Path, *, packed: bool = False) -> list[str]:
        """What `folder` lacks, or has too much of, in words; empty where it is complete."""
        contents = Contents(self.contents)
        found = contents.found(folder, packed=packed)
        return contents.lacks(found) + contents.surplus(found)

    def obstacle(self, folder: Path) -> str | None:
        """One sentence on why `folder` cannot be looked at, or None; reads no file."""
        if wrong := in_the_way(folder):
            return wrong
        denied: list[OSError] = []
        Contents(self.contents).found(folder, packed=True, denied=denied)
        told = (
            f"{error.filename} cannot be read ({reason(error)}): make it readable, or {INSTEAD}" for error in denied
        )
        return next(told, None)

    def surplus(self, folder: Path) -> str | None:
        """One sentence on the files of which `folder` holds too many, which no download mends, or None."""
        contents = Contents(self.contents)
        told = contents.surplus(contents.found(folder, packed=True))
        return f"{folder} has {few(told)}: remove the others" if told else None

    def archive(self, root: Path) -> Path | None:
        """That of the `archives` which lies in the data folder `root`, or beside the folder of the files; or None."""
        lying = (place / name for place in (root, self.folder(root).parent) for name in self.archives)
        return next(filter(is_file, lying), None)

    def missing(self, sources: Sources) -> str | None:
        """One sentence on what :meth:`require` would lack and have to download, or None; reads no file."""
        folder = self.folder(sources.root)
        if not self.absent(folder):
            return None
        if wrong := self.obstacle(folder) or self.surplus(folder):
            return wrong
        if not (absent := self.absent(folder, packed=True)) or self.archive(sources.root):
            return None
        return f"{folder} lacks {few(absent)}: {self._remedy(sources)}"

    def _remedy(self, sources: Sources) -> str:
        fetch, take = (sources.command(f"data {words}") for words in (f"fetch {self.name}", f"import {self.name} PATH"))
        download = f"download it with {fetch}, " if self.downloads and not sources.offline else ""
        online = ", or leave out --offline (HARNESS_OFFLINE)" if self.downloads and sources.offline else ""
        return f"{download}import an archive or a folder that you have with {take}, or {INSTEAD}{online}"

    def repair(self, sources: Sources) -> str:
        """What to do about a damaged file."""
        fetch = sources.command(f"data fetch {self.name} --again")
        download = f", or download it anew with {fetch}" if self.downloads else ""
        return f"put a good copy there ({sources.command(f'data import {self.name} PATH --again')}){download}"

    @contextmanager
    def advised(self, sources: Sources) -> Iterator[None]:
        """Around what reads the files in their place: a :class:`Wrong` becomes a ValueError that says what to do."""
        try:
            yield
        except Wrong as error:
            raise ValueError(f"{error}: {self.repair(sources)}") from error

    def require(self, sources: Sources) -> Path:
        """The folder with all the files, downloaded where they are missing and may be.

        Files that lie there packed alone (``.gz``) are unpacked beside their packed form. One of the `archives` that
        lies in the data folder goes before a download.

        Raises:
            FileNotFoundError: files are missing, and cannot or must not be downloaded.
            OSError: a download or an unpacking failed, the folder cannot be read, or there are too many files.
        """
        folder = self.folder(sources.root)
        if not self.absent(folder):
            return folder
        if wrong := self.obstacle(folder) or self.surplus(folder):
            raise Refused(wrong)
        if not (absent := self.absent(folder, packed=True)):
            return taking.settle(self, sources, folder).folder
        if archive := self.archive(sources.root):
            return self.take(sources, archive).folder
        if self.downloads and not sources.offline:
            return self.fetch(sources)
        why = "the network must not be used" if self.downloads else "it cannot be downloaded from anywhere"
        raise FileNotFoundError(f"{self.title} lacks {few(absent)} in {folder} and {why}: {self._remedy(sources)}")

    def verified(self, sources: Sources) -> tuple[Path, str]:
        """:meth:`require`, and the digest of the files, which are those published or recorded where that is known.

        The digest is the sha256 over the checksums and names of all the files: equal for equal data.

        Raises:
            OSError: a file cannot be read, or is not the one published or recorded.
        """
        folder = self.require(sources)
        known = self.checksums(folder)
        found = checksums.of(folder, self.files(folder), sources, self.title)
        checksums.compare(folder, found, known, self.repair(sources))
        return folder, checksums.digest(found)

    def published(self) -> Mapping[str, str]:
        """Relative name to sha256, of the files for which that is published."""
        return checksums.published(self.name) if self.sums is None else self.sums

    @property
    def identifiable(self) -> bool:
        """Whether the checksums of all files are published, so that each is known whatever it is called."""
        place = Contents(self.contents).place(self.published(), ())
        return place is not None and not (place.prefix or place.lacks or place.surplus)

    def checksums(self, folder: Path) -> dict[str, str]:
        """Relative name to sha256, of the files for which that is known: as published, else as recorded at the import.

        Raises:
            OSError: the record in `folder` is damaged.
        """
        holds, published = Contents(self.contents).holds, self.published()
        known = published if self.pinned else {**checksums.recorded(folder), **published}
        return {name: digest for name, digest in known.items() if holds(name)}

    def fetch(self, sources: Sources, *, again: bool = False) -> Path:
        """Download, verify and unpack; the folder. What is there and not damaged is downloaded anew only with `again`.

        All that is there is read for that. With `again` also data that agree with their record are replaced by others.

        Every download is taken from ``<HARNESS_MIRROR>/<name of the data set>/<name of the file>`` where that variable
        is set.

        Raises:
            OSError: the network must not be used, a download failed, is not the one published, or cannot be written;
                there are more files than there should be.
        """
        return fetching.fetch(self, sources, again=again)

    def take(self, sources: Sources, path: Path, *, again: bool = False) -> Taken:
        """Import from `path`, an archive, or a folder with the data set or its archive anywhere in it.

        The files are copied beside their place, compared with the published checksums, and moved into place; where none
        are published, the files are examined and those found are recorded. Where all are published, files are also
        known by their checksums, whatever they are called. What was there before stays as it is unless all that goes
        well, and where it is complete, agrees with its record and passes :attr:`examine` it is replaced by other data
        only with `again`. Files that lie in their place already are verified and recorded.

        Raises:
            NotThere: `path` does not hold the data set, or not completely.
            OSError: it is damaged, dangerous, protected or other data, or cannot be written; others are there already.
        """
        return taking.take(self, sources, path, again=again)

    def check(self, sources: Sources) -> Check:
        """Read all files and compare them with their checksums; raises nothing."""
        return status.check(self, sources)

    def state(self, sources: Sources) -> State:
        """Whether the files are there and how large they are; reads none."""
        return status.state(self, sources)


def _is_below(folder: object) -> bool:
    """Whether a path leads to something below the one it is relative to."""
    path = PurePosixPath(folder) if isinstance(folder, str) and folder else None
    return path is not None and not path.is_absolute() and ".." not in path.parts


def take_any(
    sources: Sources, datasets: Iterable[DataSet], path: Path, *, again: bool = False
) -> tuple[list[tuple[DataSet, Taken]], list[tuple[DataSet, str]]]:
    """Import all of `datasets` that the archive or folder `path` holds.

    Returns:
        The data sets taken, and those that are not there, each with a sentence.

    Raises:
        NotThere: it holds none of them.
        OSError: as :meth:`DataSet.take`.
    """
    taken, missed = [], []
    for dataset in datasets:
        try:
            taken.append((dataset, dataset.take(sources, path, again=again)))
        except NotThere as error:
            missed.append((dataset, str(error)))
    if not taken:
        raise NotThere("; ".join(sentence for _, sentence in missed))
    return taken, missed
