"""What lies in an archive or a folder: the names of its files, and a way to read each. Nothing is unpacked here.

Every archive is known by its first bytes, whatever it is called.
"""

from __future__ import annotations

import gzip
import os
import posixpath
import re
import stat
import tarfile
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, cast
from zipfile import ZipFile, ZipInfo

from tasks.sources.contents import PACKED
from tasks.sources.progress import Progress
from tasks.sources.root import Report
from tasks.sources.trouble import Refused, reading

ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
COMPRESSED = (b"\x1f\x8b", b"\xfd7zXZ\x00", b"BZh")
ENDINGS = re.compile(r"\.(zip|tar|tgz|txz|tbz2?|tar\.(gz|xz|bz2))$", re.IGNORECASE)


@dataclass(frozen=True)
class Member:
    """A file of an archive or a folder. It must be read before the next is asked for."""

    name: str
    """From the top, with ``/`` between its parts; without the ending where it is packed alone."""
    open: Callable[[], IO[bytes]]
    packed: bool = False


def members(
    path: Path, told: str, report: Report, spill: Callable[[IO[bytes]], Path], wanted: Callable[[str], bool]
) -> Generator[Member]:
    """The files of the archive `path`, or the one file that it is.

    Args:
        wanted: whether a file of this name is looked for itself. It is no archive then, whatever is in it: numpy's
            ``.npz`` and many others are zip files.
        told: what to call it in a sentence: where it came from.
        spill: writes a stream to a file and returns that: for an archive within the archive.

    Raises:
        OSError: it is damaged or protected, or a member of it would leave the folder it is unpacked in.
    """
    with reading(told):
        progress = Progress(report, f"reading {told}", path.stat().st_size)
    with reading(told), progress.opened(path) as raw:
        head = raw.read(512)
        raw.seek(0)
        if wanted(path.name):
            found = _alone(raw, path.name)
        elif head.startswith(ZIP):
            found = _of_zip(raw, told, spill)
        elif ENDINGS.search(path.name) or head[257:262] == b"ustar" or (head.startswith(COMPRESSED) and _is_tar(raw)):
            found = _of_tar(raw, told)
        else:
            found = _alone(raw, path.name)
        yield from found
        progress.close()


def _is_tar(raw: IO[bytes]) -> bool:
    try:
        tarfile.open(fileobj=raw, mode="r:*").close()
    except tarfile.TarError:
        return False
    finally:
        raw.seek(0)
    return True


def _alone(raw: IO[bytes], name: str) -> Generator[Member]:
    """A file that is no archive of several."""
    yield _member(name, partial(_itself, raw))


def _itself(raw: IO[bytes]) -> IO[bytes]:
    return raw


def in_folder(folder: Path, names: Iterable[str], report: Report) -> Generator[Member]:
    """Files `names` relative to `folder`, or their packed forms where they are not there."""
    files = [folder / name for name in names]
    with reading(str(folder)):
        size = sum(file.stat().st_size for file in files)
    progress = Progress(report, f"reading {folder}", size)
    for file in files:
        with reading(str(file)), progress.opened(file) as raw:
            yield _member(file.relative_to(folder).as_posix(), partial(_itself, raw))
    progress.close()


def _member(name: str, opened: Callable[[], IO[bytes]]) -> Member:
    """The file `name`, which is unpacked while it is read if it is packed alone."""
    if not name.endswith(PACKED):
        return Member(name, opened)
    return Member(name.removesuffix(PACKED), lambda: cast(IO[bytes], gzip.open(opened())), packed=True)


def _of_tar(raw: IO[bytes], told: str) -> Generator[Member]:
    try:
        archive = tarfile.open(fileobj=raw, mode="r:*")  # noqa: SIM115
    except tarfile.TarError as error:  # whose words go through every compression there is
        raise Refused(f"{told} is damaged or no archive: get a good copy") from error
    with archive:
        for info in archive:
            if not (info.isfile() or info.isdir() or info.issym() or info.islnk()):
                raise Refused(f"{told} is refused: its member {info.name} is no plain file")
            if _leaves(info.name) or _refused_by_filter(info):
                raise _outside(told, info.name)
            if info.isreg() or info.islnk():
                yield _member(_plain(info.name), partial(_extract, archive, info))
        rest = cast(IO[bytes], archive.fileobj)
        while rest.read(1 << 20):  # the checksum of a compressed file stands at its end, which tarfile does not read
            pass


def _extract(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    stream = archive.extractfile(info)
    if stream is None:
        raise tarfile.ReadError(f"{info.name} is no file")
    return stream


def _refused_by_filter(info: tarfile.TarInfo) -> bool:
    """Whether the filter of the standard library for data from strangers refuses it: links that point out."""
    try:
        tarfile.data_filter(info, "/nowhere")
    except tarfile.FilterError:
        return True
    return False


def _of_zip(raw: IO[bytes], told: str, spill: Callable[[IO[bytes]], Path], depth: int = 0) -> Generator[Member]:
    with ZipFile(raw) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
            name = info.filename.replace("\\", "/")
            if _leaves(name) or (_is_link(info) and _link_leaves(archive, info, name)):
                raise _outside(told, info.filename)
            if info.is_dir() or _is_link(info):
                continue
            if name.lower().endswith(".zip") and depth == 0:
                with _open(archive, info, told) as stream:
                    inner = spill(stream)
                with inner.open("rb") as file:
                    yield from _of_zip(file, told, spill, depth=1)
                inner.unlink()
            else:
                yield _member(_plain(name), partial(_open, archive, info, told))


def _open(archive: ZipFile, info: ZipInfo, told: str) -> IO[bytes]:
    if info.flag_bits & 1:
        raise Refused(f"{told} is protected by a password: unpack it yourself and import the folder")
    return archive.open(info)


def _is_link(info: ZipInfo) -> bool:
    return stat.S_ISLNK(info.external_attr >> 16)


def _link_leaves(archive: ZipFile, info: ZipInfo, name: str) -> bool:
    target = archive.read(info).decode(errors="replace") if info.file_size < 4096 else "/"
    return _leaves(posixpath.normpath(posixpath.join(posixpath.dirname(name), target)))


def _leaves(name: str) -> bool:
    """Whether a name leads, or could lead on some system, out of the folder it is relative to."""
    return name.startswith("/") or ".." in name.split("/") or bool(re.match(r"[A-Za-z]:", name)) or "\0" in name


def _plain(name: str) -> str:
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def _outside(told: str, name: str) -> Refused:
    return Refused(f"{told} is refused: its member {name} would lie, or lead, outside the folder it is unpacked in")


def tree(folder: Path) -> list[str]:
    """The files below `folder`, relative to it; hidden folders and links to folders are left out.

    Raises:
        OSError: the folder cannot be read; one sentence.
    """
    found: list[str] = []
    with reading(str(folder)):
        for where, folders, files in os.walk(folder, onerror=_fail):
            folders[:] = [name for name in folders if not name.startswith(".")]
            above = os.path.relpath(where, folder).replace(os.sep, "/")
            found.extend(files if above == "." else (f"{above}/{name}" for name in files))
    return found


def _fail(error: OSError) -> None:
    raise error
