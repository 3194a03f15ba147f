"""Files of a data set out of an archive or a folder that somebody has: found, copied, verified, put into place."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.sources import archives, checksums
from tasks.sources.archives import Member
from tasks.sources.contents import PACKED, Contents, Place, few
from tasks.sources.root import Sources
from tasks.sources.staging import Intake, put, remove, staging
from tasks.sources.trouble import NotThere, Refused, reading

if TYPE_CHECKING:
    from tasks.sources.dataset import DataSet

BOMB = 4
"""Files that take more than so many times the size of the data set are refused while they are unpacked."""
SLACK = 1 << 20
"""Bytes beyond that: sizes are told give or take."""

Feed = tuple[str, Callable[[Intake], Generator[Member]]]
"""Where files come from, in words, and those files."""


def take(dataset: DataSet, sources: Sources, path: Path) -> Path:
    """Import `dataset` from the archive or folder `path`; see :meth:`DataSet.take`."""
    path = path.expanduser()
    with reading(str(path)):
        if not path.exists():
            raise Refused(f"{path} does not exist: name an archive or a folder that holds {dataset.title}")
    if path.is_dir():
        names = archives.tree(path)
        place = located(dataset, (name.removesuffix(PACKED) for name in names), str(path))
        for own in (sources.root / name for name in dataset.folders):
            with reading(str(own)):
                lies_there = own.exists() and own.samefile(path / place.prefix)
            if lies_there:
                return settle(dataset, sources, own)
        chosen = _unpacked_first(map(place.inside, sorted(place.names)), set(names))
        feed: Feed = str(path), lambda intake: archives.in_folder(path, chosen, sources.report)
    else:
        feed = from_archive(dataset, path, str(path), sources)
    destination = sources.root / dataset.folders[0]
    with staging(sources, destination, f"brings {dataset.title}") as work:
        bring(dataset, sources, work, destination, [feed])
    return destination


def _unpacked_first(wanted: Iterable[str], there: set[str]) -> list[str]:
    return [name if name in there else name + PACKED for name in wanted]


def from_archive(dataset: DataSet, path: Path, told: str, sources: Sources) -> Feed:
    """The files of an archive, or the one file that it is; `told` is where it came from."""
    wanted = Contents(dataset.contents).fits
    return told, lambda intake: archives.members(path, told, sources.report, partial(intake.spill, told=told), wanted)


def located(dataset: DataSet, names: Iterable[str], told: str) -> Place:
    """Where among `names` the data set lies; ``NotThere`` where it does not, or not completely."""
    contents = Contents(dataset.contents)
    place = contents.place(names, dataset.folders)
    if place is None:
        raise NotThere(f"{told} does not hold {dataset.title}: looked for {contents}, in any folder of it")
    where = f"{told} ({place.prefix})" if place.prefix else told
    if place.lacks:
        raise NotThere(f"{where} does not hold all of {dataset.title}: it lacks {few(place.lacks)}")
    if place.surplus:
        raise NotThere(f"{where} does not hold {dataset.title} alone: it has {few(place.surplus)}: remove the others")
    return place


def bring(
    dataset: DataSet,
    sources: Sources,
    work: Path,
    destination: Path,
    feeds: Iterable[Feed],
    *,
    replace: bool = False,
) -> None:
    """Copy the files of `feeds` that belong to `dataset` into `work`, verify them and put them into `destination`.

    Other data that are there and whole are replaced only where `replace` says so.
    """
    contents, intake = Contents(dataset.contents), Intake(work, BOMB * dataset.size + SLACK)
    origins = []
    for told, feed in feeds:
        origins.append(told)
        with closing(feed(intake)) as members:
            for member in members:
                if not contents.fits(member.name) or (member.packed and member.name in intake.sums):
                    continue
                with reading(told):
                    stream = member.open()
                intake.write(member.name, stream, told)
    told = " and ".join(origins)
    place = located(dataset, intake.sums, told)
    sums = {name: intake.sums[place.inside(name)] for name in sorted(place.names)}
    known = dataset.published()
    if wrong := checksums.differing(sums, known):
        raise Refused(
            f"{told} does not hold {dataset.title} as published: {wrong[0]} has sha256 {sums[wrong[0]]}, "
            f"wanted {known[wrong[0]]} ({len(wrong)} of {len(sums)} files differ); nothing was taken from it"
        )
    there = dataset.folder(sources.root)
    if not replace and _holds_other(dataset, sources, there, sums):
        raise Refused(
            f"{there} holds other data already, as recorded at its import: delete {there} first to replace it"
        )
    made = intake.folder / place.prefix
    for other in intake.sums.keys() - set(map(place.inside, sums)):
        remove(intake.folder / other, intake.folder)
    put(made, destination, sums, contents, record=not known.keys() >= sums.keys())


def _holds_other(dataset: DataSet, sources: Sources, there: Path, sums: Mapping[str, str]) -> bool:
    """Whether the files in `there` are complete and what they were at their import, and not those of `sums`."""
    try:
        known = dataset.checksums(there)
        if dataset.absent(there) or not known or known == sums:
            return False
        return checksums.of(there, dataset.files(there), sources, dataset.title) == known
    except OSError:  # damage: nothing to be kept
        return False


def settle(dataset: DataSet, sources: Sources, folder: Path) -> Path:
    """Verify the files that lie in their place already, unpack those that are packed alone, and record what is new."""
    contents, known = Contents(dataset.contents), dataset.checksums(folder)
    instead = dataset.repair
    packed = dataset.files(folder, packed=True)
    for name in dataset.files(folder):
        packed.remove(name)
    if packed:
        with staging(sources, folder, f"brings {dataset.title}") as work:
            intake = Intake(work, BOMB * dataset.size + SLACK)
            for member in archives.in_folder(folder, [name + PACKED for name in packed], sources.report):
                file = folder / (member.name + PACKED)
                intake.write(member.name, member.open(), str(file))
                digest = intake.sums[member.name]
                if digest != known.get(member.name, digest):
                    raise checksums.damaged(file, digest, known[member.name], instead)
            for name in packed:
                (intake.folder / name).replace(folder / name)
    found = checksums.of(folder, dataset.files(folder), sources, dataset.title)
    checksums.compare(folder, found, known, instead)
    if not known.keys() >= found.keys():
        with staging(sources, folder, f"brings {dataset.title}"):
            checksums.record(folder, found, contents)
    return folder
