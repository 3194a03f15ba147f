"""How a data set is: there or not, whole or damaged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tasks.sources import checksums
from tasks.sources.root import Sources
from tasks.sources.taking import examined

if TYPE_CHECKING:
    from tasks.sources.dataset import DataSet


@dataclass(frozen=True)
class Check:
    """What reading all files of a data set showed."""

    dataset: str
    folder: Path
    state: Literal["verified", "recorded", "unknown", "damaged", "missing"]
    """All as published; unchanged since they were recorded at an import; complete, and not all with a known checksum;
    at least one file is not what it was; not complete."""
    detail: str
    """One sentence, or a few words where all is well."""


@dataclass(frozen=True)
class State:
    """What can be told of a data set without reading it."""

    dataset: str
    folder: Path
    present: bool
    bytes: int
    """On disk, of the files that are there, or of the archive that they will be taken from."""


def state(dataset: DataSet, sources: Sources) -> State:
    """See :meth:`DataSet.state`."""
    folder = dataset.folder(sources.root)
    whole = not dataset.absent(folder)
    names = dataset.files(folder, packed=not whole)
    size = sum(checksums.size_of(folder / name) for name in names)
    if whole or not dataset.absent(folder, packed=True):
        return State(dataset.name, folder, True, size)
    archive = dataset.archive(sources.root)
    present = dataset.missing(sources) is None
    return State(dataset.name, folder, present, size + (checksums.size_of(archive) if archive and present else 0))


def check(dataset: DataSet, sources: Sources) -> Check:
    """See :meth:`DataSet.check`."""
    folder = dataset.folder(sources.root)

    def told(state: Literal["verified", "recorded", "unknown", "damaged", "missing"], detail: str) -> Check:
        return Check(dataset.name, folder, state, detail)

    if missing := dataset.missing(sources):
        return told("damaged" if dataset.obstacle(folder) else "missing", missing)
    if dataset.absent(folder, packed=True):
        return told("unknown", f"not unpacked yet from {dataset.archive(sources.root)}")
    names = dataset.files(folder, packed=True)
    try:
        known = dataset.checksums(folder)
        found = checksums.of(folder, names, sources, dataset.title)
        checksums.compare(folder, found, known, dataset.repair(sources))
        if dataset.published().keys() >= found.keys():
            return told("verified", f"{len(names)} files, as published")
        if not dataset.absent(folder):
            with dataset.advised(sources):
                examined(dataset, folder, found, sources)
    except (OSError, ValueError) as error:
        return told("damaged", str(error))
    if known.keys() >= found.keys():
        return told("recorded", f"{len(names)} files, unchanged since they were imported")
    return told("unknown", f"{len(found.keys() - known.keys())} of {len(names)} files have no known checksum")
