"""sha256 of files: those published with the project, those recorded at an import, those found."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from importlib.resources import files
from pathlib import Path

from tasks.sources.contents import PACKED, Contents, is_file
from tasks.sources.progress import Progress
from tasks.sources.root import Sources
from tasks.sources.trouble import Refused, reading

RECORD = ".sha256"
"""The file in the folder of a data set that holds the checksums recorded when it was imported or downloaded."""
SEAL = "# sha256 of the lines above: "
"""Begins the last line of a record, so that damage to the record is not taken for damage to the data, or trusted."""


def sha256_of(file: Path, progress: Progress | None = None) -> str:
    """Hexadecimal sha256 of a file, or of what is packed in ``file.gz`` where there is that only.

    Raises:
        OSError: it cannot be read; one sentence.
    """
    alone = lying(file)
    with reading(str(alone)), ExitStack() as stack:
        raw = stack.enter_context(progress.opened(alone) if progress else alone.open("rb"))
        stream = raw if alone is file else stack.enter_context(gzip.open(raw))
        digest = hashlib.sha256()
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def lying(file: Path) -> Path:
    """`file`, or its packed form where there is that only."""
    packed = file.with_name(file.name + PACKED)
    return packed if not is_file(file) and is_file(packed) else file


def of(folder: Path, names: Iterable[str], sources: Sources, title: str) -> dict[str, str]:
    """Relative name to sha256 of files in `folder`, with progress."""
    chosen = list(names)
    progress = Progress(sources.report, f"checking {title}", sum(size_of(folder / name) for name in chosen))
    found = {name: sha256_of(folder / name, progress) for name in chosen}
    progress.close()
    return found


def size_of(file: Path) -> int:
    """Bytes of a file, or of its packed form where there is that only; 0 where there is neither."""
    for form in (file, file.with_name(file.name + PACKED)):
        with suppress(OSError):
            return form.stat().st_size
    return 0


def digest(sums: Mapping[str, str]) -> str:
    """The sha256 over checksums and names: equal for equal data."""
    return hashlib.sha256("".join(f"{sums[name]}  {name}\n" for name in sorted(sums)).encode()).hexdigest()


def differing(found: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """The files with another checksum than the one wanted, those that nobody has checksums of left out."""
    return [name for name, digest in found.items() if wanted.get(name, digest) != digest]


def compare(folder: Path, found: Mapping[str, str], wanted: Mapping[str, str], instead: str) -> None:
    """``OSError`` that names the first file whose checksum is not the one wanted, with both, and what to do.

    Files that are wanted and not found have been exchanged for others of another name.
    """
    if wrong := differing(found, wanted):
        first, others = wrong[0], f"; {len(wrong)} of {len(found)} files differ" if len(wrong) > 1 else ""
        raise damaged(folder / first, found[first], wanted[first] + others, instead)
    for name in wanted:
        if name not in found:
            raise Refused(f"{folder / name} is gone, and a file of another name is there for it: {instead}")


def damaged(file: Path, found: str, wanted: str, instead: str) -> Refused:
    """What to say of a `file` with a checksum that is not its own."""
    return Refused(f"{file} is damaged or another file (sha256 {found}, wanted {wanted}): {instead}")


def published(name: str) -> dict[str, str]:
    """The checksums that come with the project for the data set `name`; empty where there are none."""
    file = files(__package__) / "checksums" / f"{name}.sha256"
    return parse(file.read_text(encoding="utf-8")) if file.is_file() else {}


def recorded(folder: Path) -> dict[str, str]:
    """The checksums recorded in `folder`; empty where there are none.

    Raises:
        OSError: the record cannot be read or is damaged; one sentence.
    """
    file = folder / RECORD
    with reading(str(file)):
        if not file.exists():
            return {}
        text = file.read_bytes()
    lines, _, seal = text.rpartition(SEAL.encode())
    if seal.strip().decode(errors="replace") != hashlib.sha256(lines).hexdigest():
        raise Refused(
            f"{file}, the record of the checksums of the files beside it, is damaged: import the data set again, or "
            "delete the record if you know the files to be good"
        )
    return parse(lines.decode())


def record(folder: Path, sums: Mapping[str, str], contents: Contents) -> None:
    """Write the record of the data set of these `contents` in `folder`: sealed, and at once or not at all.

    What a sound record holds of another data set in the same folder stays.
    """
    try:
        others = {name: digest for name, digest in recorded(folder).items() if not contents.holds(name)}
    except OSError:
        others = {}
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted({**others, **sums}.items())).encode()
    seal = f"{SEAL}{hashlib.sha256(lines).hexdigest()}\n".encode()
    fresh = folder / f"{RECORD}.partial"
    with fresh.open("wb") as file:
        file.write(lines + seal)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / RECORD)


def parse(text: str) -> dict[str, str]:
    """Lines as ``sha256sum`` writes them, as relative name to checksum."""
    lines = (line.split("  ", 1) for line in text.split("\n") if line and not line.startswith("#"))
    return {name: digest for digest, name in lines}
