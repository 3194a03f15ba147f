"""Files of a data set out of an archive or a folder that somebody has: found, copied, verified, put into place."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.sources import archives, checksums
from tasks.sources.archives import ENDINGS, Member
from tasks.sources.contents import PACKED, Contents, Place, few
from tasks.sources.root import Sources
from tasks.sources.staging import Intake, put, remove, staging
from tasks.sources.trouble import NotThere, Refused, Wrong, reading

if TYPE_CHECKING:
    from tasks.sources.dataset import DataSet

BOMB = 4
"""Files that take more than so many times the size of the data set are refused while they are unpacked."""
SLACK = 1 << 20
"""Bytes beyond that: sizes are told give or take."""
COPY = re.compile(r" ?\(\d+\)(?=\.|$)| - Copy(?=\.|$)")
"""What browsers and file managers add to the name of a second copy."""

Feed = tuple[str, Callable[[Intake], Generator[Member]]]
"""Where files come from, in words, and those files."""


@dataclass(frozen=True)
class Taken:
    """What an import did."""

    folder: Path
    """Where the files of the data set are now."""
    origin: str
    """The archive or folder that they were found in, and the folder inside it."""
    files: int
    """How many belong to the data set."""
    left: frozenset[str]
    """The other files of the origin, which were not taken, from its top; hidden ones are not counted."""
    renamed: Mapping[str, str]
    """Name in the data set to that in the origin, of files that were known by their checksum."""


def take(dataset: DataSet, sources: Sources, path: Path, *, again: bool = False) -> Taken:
    """Import `dataset` from the archive or folder `path`; see :meth:`DataSet.take`."""
    path = path.expanduser()
    with reading(str(path)):
        if not path.exists():
            raise Refused(f"{path} does not exist: name an archive or a folder that holds {dataset.title}")
    if not path.is_dir():
        return _into_place(dataset, sources, from_archive(dataset, path, str(path), sources), again)
    names = archives.tree(path)
    try:
        place = located(dataset, (name.removesuffix(PACKED) for name in names), str(path))
    except NotThere as error:
        return _in_other_form(dataset, sources, path, names, again, error)
    for own in (sources.root / name for name in dataset.folders):
        with reading(str(own)):
            lies_there = own.exists() and own.samefile(path / place.prefix)
        if lies_there:
            return settle(dataset, sources, own)
    chosen = _unpacked_first(map(place.inside, sorted(place.names)), set(names))
    taken = _into_place(dataset, sources, from_folder(path, chosen, sources), again)
    return replace(taken, left=frozenset(_shown(names)) - set(chosen))


def _into_place(dataset: DataSet, sources: Sources, feed: Feed, again: bool, *, by_sum: bool = False) -> Taken:
    destination = sources.root / dataset.folders[0]
    with staging(sources, destination, f"brings {dataset.title}") as work:
        return bring(dataset, sources, work, destination, [feed], replace=again, by_sum=by_sum)


def _in_other_form(
    dataset: DataSet, sources: Sources, path: Path, names: list[str], again: bool, error: NotThere
) -> Taken:
    """Import from a folder whose files have other names, or that holds the archive; `error` where it is neither."""
    packed = [name for name in _shown(names) if ENDINGS.search(name)]
    usual = {*dataset.archives, *(download.file for download in dataset.downloads)}
    known = [name for name in packed if COPY.sub("", name.rpartition("/")[2]) in usual]
    for name in known or (packed if len(packed) == 1 else []):
        try:
            return take(dataset, sources, path / name, again=again)
        except NotThere:
            continue
    if dataset.identifiable:
        feed = from_folder(path, _likely(dataset, path, names), sources)
        taken = _into_place(dataset, sources, feed, again, by_sum=True)
        return replace(taken, left=frozenset(_shown(names)) - set(taken.renamed.values()))
    if len(packed) > 1:
        raise NotThere(f"{error}; to look into one of its archives ({few(packed)}), name that archive") from error
    raise error


def _likely(dataset: DataSet, folder: Path, names: list[str]) -> list[str]:
    """The files that may be some of the data set under other names: none too large, those with like names first."""
    wanted = {_letters(name) for name in dataset.published()}

    def unlike(name: str) -> bool:
        found = _letters(name.removesuffix(PACKED))
        return not any(found.startswith(one) or one.startswith(found) for one in wanted)

    fitting = []
    for name in _shown(names):
        with reading(str(folder / name)):
            if (folder / name).is_file() and (folder / name).stat().st_size <= dataset.size + SLACK:
                fitting.append(name)
    return sorted(fitting, key=lambda name: (unlike(name), name))


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.rpartition("/")[2].lower())


def _shown(names: Iterable[str]) -> list[str]:
    """Without hidden files."""
    return [name for name in names if not name.rpartition("/")[2].startswith(".")]


def _unpacked_first(wanted: Iterable[str], there: set[str]) -> list[str]:
    return [name if name in there else name + PACKED for name in wanted]


def from_folder(folder: Path, names: Iterable[str], sources: Sources) -> Feed:
    """Files of a folder."""
    return str(folder), lambda intake: archives.in_folder(folder, names, sources.report)


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
    by_sum: bool = False,
) -> Taken:
    """Copy the files of `feeds` that belong to `dataset` into `work`, verify them and put them into `destination`.

    Other data that are there and whole are replaced only where `replace` says so. Files are known by their names or,
    with `by_sum` and where names do not suffice, by their published checksums.
    """
    contents, known, feeds = Contents(dataset.contents), dataset.published(), list(feeds)
    told = " and ".join(origin for origin, _ in feeds)
    intake = Intake(work, BOMB * dataset.size + SLACK)
    renamed: dict[str, str] = {}
    seen = set() if by_sum else _copied(contents, intake, feeds)
    try:
        place = located(dataset, intake.sums, told)
    except NotThere:
        if not dataset.identifiable:
            raise
        intake.empty()
        seen, renamed = _identified(known, intake, feeds, dataset.size + SLACK)
        if not renamed:
            raise
        place = located(dataset, intake.sums, f"{told}, by names or checksums,")
    sums = {name: intake.sums[place.inside(name)] for name in sorted(place.names)}
    if wrong := checksums.differing(sums, known):
        raise Refused(
            f"{told} does not hold {dataset.title} as published: {wrong[0]} has sha256 {sums[wrong[0]]}, "
            f"wanted {known[wrong[0]]} ({len(wrong)} of {len(sums)} files differ); nothing was taken from it"
        )
    made, there = intake.folder / place.prefix, dataset.folder(sources.root)
    for other in intake.sums.keys() - set(map(place.inside, sums)):
        remove(intake.folder / other, intake.folder)
    if not known.keys() >= sums.keys():
        try:
            examined(dataset, made, sums, sources)
        except Wrong as error:
            what = str(error).replace(f"{made}/", "").replace(str(made), "it")
            raise Refused(f"{told} does not hold {dataset.title} whole: {what}; nothing was taken from it") from error
    if not replace and _holds_other(dataset, sources, there, sums):
        raise Refused(
            f"{there} holds other data already, as recorded at its import: to replace it, import with --again"
        )
    put(made, destination, sums, contents, record=not known.keys() >= sums.keys())
    used = set(renamed.values()) or {place.inside(name) for name in sums}
    where = f"{told} ({place.prefix})" if place.prefix else told
    return Taken(destination, where, len(sums), frozenset(_shown(seen)) - used, renamed)


def _copied(contents: Contents, intake: Intake, feeds: Iterable[Feed]) -> set[str]:
    """Write the files whose names fit, and return the names of all."""
    seen = set()
    for told, feed in feeds:
        with closing(feed(intake)) as members:
            for member in members:
                seen.add(member.name)
                if not contents.fits(member.name) or (member.packed and member.name in intake.sums):
                    continue
                with reading(told):
                    stream = member.open()
                intake.write(member.name, stream, told)
    return seen


def _identified(
    known: Mapping[str, str], intake: Intake, feeds: Iterable[Feed], largest: int
) -> tuple[set[str], dict[str, str]]:
    """Write the files whose checksums are `known`, and return the names of all, and those that each stands for."""
    wanted: dict[str, list[str]] = {}
    for name, digest in known.items():
        wanted.setdefault(digest, []).append(name)
    seen, renamed = set[str](), dict[str, str]()
    for told, feed in feeds:
        with closing(feed(intake)) as members:
            for member in members:
                name = member.name + PACKED if member.packed else member.name
                seen.add(name)
                for known_as in intake.identify(member.open, wanted, told, largest):
                    renamed[known_as] = name
            if renamed.keys() >= known.keys():
                break
    return seen, renamed


def examined(dataset: DataSet, folder: Path, sums: Mapping[str, str], sources: Sources) -> None:
    """``Wrong`` where the files in `folder`, with these checksums, hold something else than the task reads."""
    if dataset.examine is not None:
        dataset.examine(dataset, folder, checksums.digest(sums), sources)


def _holds_other(dataset: DataSet, sources: Sources, there: Path, sums: Mapping[str, str]) -> bool:
    """Whether the files in `there` are complete, sound and what they were at their import, and not those of `sums`."""
    try:
        known = dataset.checksums(there)
        if dataset.absent(there) or not known or known == sums:
            return False
        if checksums.of(there, dataset.files(there), sources, dataset.title) != known:
            return False
        examined(dataset, there, known, sources)
    except (OSError, Wrong):  # damage: nothing to be kept
        return False
    return True


def settle(dataset: DataSet, sources: Sources, folder: Path) -> Taken:
    """Verify the files that lie in their place already, unpack those that are packed alone, and record what is new."""
    contents, known = Contents(dataset.contents), dataset.checksums(folder)
    instead = dataset.repair(sources)
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
    if not dataset.published().keys() >= found.keys():
        with dataset.advised(sources):
            examined(dataset, folder, found, sources)
    if not known.keys() >= found.keys():
        with staging(sources, folder, f"brings {dataset.title}"):
            checksums.record(folder, found, contents)
    return Taken(folder, str(folder), len(found), frozenset(), {})
