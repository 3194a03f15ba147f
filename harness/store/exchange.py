"""Stores as files of JSON lines: written out whole, read back only when every line is right."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Literal

from sqlalchemy import Connection, select

from harness.errors import UserError
from harness.store import plain, rows, timings
from harness.store.line import document, parse
from harness.store.run import Run
from harness.store.schema import runs
from harness.store.schema import timings as timings_table
from harness.store.store import Store
from harness.store.timing import Timing

Entry = Run | Timing

Verdict = Literal["new", "updated", "known"]
"""What becomes of a line: it is stored, takes the place of an unfinished copy, or changes nothing."""


def write_lines(found: Iterable[Entry], out: IO[str]) -> int:
    """Write one line for each run and timing; how many there were."""
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
    for number, line in enumerate(lines, start=1):
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if not text.strip():
            continue
        try:
            found.append((number, parse(text)))
        except ValueError as error:
            raise UserError(f"{source}, line {number}: {error}; nothing was imported") from error
    return found


def merge(store: Store, found: Sequence[tuple[int, Entry]], source: str) -> dict[Verdict, int]:
    """Bring runs and timings into a store, each id once, all in one transaction; how many lines got which verdict.

    A stored run of the same id and content stays. One that is unfinished gives way to a later copy of itself, and an
    unfinished copy to a later stored one. Any other difference is a contradiction and a :class:`UserError`, as is any
    difference between two timings.
    """
    counts: dict[Verdict, int] = {"new": 0, "updated": 0, "known": 0}
    of_runs = [(number, one) for number, one in found if isinstance(one, Run)]
    of_timings = [(number, one) for number, one in found if isinstance(one, Timing)]
    with store.database.writing() as connection:
        for start in range(0, len(of_runs), rows.PAGE):
            _merge_page(connection, of_runs[start : start + rows.PAGE], source, counts)
        for start in range(0, len(of_timings), rows.PAGE):
            _merge_timings(connection, of_timings[start : start + rows.PAGE], source, counts)
    return counts


def _merge_timings(
    connection: Connection, page: Sequence[tuple[int, Timing]], source: str, counts: dict[Verdict, int]
) -> None:
    same = select(timings_table).where(timings_table.c.id.in_([timing.id for _, timing in page]))
    stored = {timing.id: timing for timing in timings.read(connection, same)}
    new: list[Timing] = []
    for number, timing in page:
        known = stored.setdefault(timing.id, timing)
        if known is timing:
            new.append(timing)
        elif document(known) != document(timing):
            raise _contradiction(source, number, "timing", known, timing)
        counts["new" if known is timing else "known"] += 1
    timings.write(connection, new)


def _merge_page(
    connection: Connection, page: Sequence[tuple[int, Run]], source: str, counts: dict[Verdict, int]
) -> None:
    same = select(runs).where(runs.c.id.in_([run.id for _, run in page]))
    stored = {run.id: run for run in rows.read(connection, same, with_curves=True)}
    accepted: dict[str, Run] = {}
    for number, run in page:
        verdict = _judge(stored.get(run.id), run)
        if verdict is None:
            raise _contradiction(source, number, "run", stored[run.id], run)
        counts[verdict] += 1
        if verdict != "known":
            stored[run.id] = accepted[run.id] = run
    rows.remove(connection, list(accepted))
    rows.write(connection, list(accepted.values()))


def _judge(stored: Run | None, run: Run) -> Verdict | None:
    """What to do with `run`; None where it contradicts the stored one. All but what is done may still go on."""
    if stored is None:
        return "new"
    if stored.state != "done" and run.updated > stored.updated:
        return "updated"
    if run.state != "done" and run.updated < stored.updated:
        return "known"
    return "known" if document(stored) == document(run) else None


def _contradiction(source: str, number: int, kind: str, stored: Entry, new: Entry) -> UserError:
    """Of two entries of one id, with the names of the fields in which they differ."""
    one, other = document(stored), document(new)
    difference = ", ".join(name for name in one if one[name] != other[name])
    return UserError(
        f"{source}, line {number}: {kind} {new.id} is already stored with other content ({difference}): delete one of"
        " the two; nothing was imported"
    )
