"""Stores as files of JSON lines: written out whole, read back only when every line is right."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO

from harness.errors import UserError
from harness.store import plain
from harness.store.line import Entry, document, parse
from harness.store.merging import Merger, Verdict, of_kind
from harness.store.run import Run
from harness.store.skips import Skip
from harness.store.store import Store
from harness.store.timing import Timing
from harness.textfile import utf8_lines


def write_lines(found: Iterable[Entry], out: IO[str]) -> int:
    """Write one line for each entry; how many there were."""
    count = 0
    for one in found:
        out.write(plain.dumps(document(one)) + "\n")
        count += 1
    out.flush()
    return count


def write_file(found: Iterable[Entry], path: Path) -> int:
    """The same into a file, which appears whole or not at all; a device or a pipe is written as it is."""
    path = path.resolve()
    new = path if path.exists() and not path.is_file() else path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with new.open("w", encoding="ascii", newline="\n") as file:
            count = write_lines(found, file)
            if new != path:
                os.fsync(file.fileno())
        if new != path:
            new.replace(path)
    except OSError as error:
        raise UserError(f"cannot write {path} ({error.strerror or error})") from error
    finally:
        if new != path:
            new.unlink(missing_ok=True)
    return count


def read_lines(lines: Iterable[bytes], source: str) -> list[tuple[int, Entry]]:
    """Check every line; what they hold with their numbers, or a :class:`UserError` at the first wrong one."""
    found = []
    for number, line in enumerate(utf8_lines(lines, source), start=1):
        if not line.strip():
            continue
        try:
            found.append((number, parse(line.decode())))
        except UnicodeDecodeError as error:
            place = f"byte {error.start} (0x{line[error.start]:02x})"
            raise UserError(
                f"{source}, line {number}: {place} is not UTF-8: save the file as UTF-8; nothing was imported"
            ) from error
        except ValueError as error:
            raise UserError(f"{source}, line {number}: {error}; nothing was imported") from error
    return found


def merge(store: Store, found: Sequence[tuple[int, Entry]], at: Callable[[int], str]) -> dict[Verdict, int]:
    """Bring runs, timings and skipped pairs into a store, each once, in one transaction; how many got which verdict.

    `at` says where the entry of a number is: ``runs.jsonl, line 3``. A contradiction, as :mod:`harness.store.merging`
    has it, is a :class:`UserError`, and nothing is stored.
    """
    with store.database.writing() as connection:
        merger = Merger(connection, at)
        merger.runs(of_kind(found, Run))
        merger.timings(of_kind(found, Timing))
        merger.skips(skip for _, skip in of_kind(found, Skip))
    return merger.counts
