"""The store: runs and their curves in a database that many processes read and write at once."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import ColumnElement, Select, delete, func, select

from harness.errors import UserError, did_you_mean
from harness.store import head, listing, opening, rows, skips, timings
from harness.store.database import Database
from harness.store.head import Head
from harness.store.listing import Listed
from harness.store.run import STATES, CurvePoint, Run
from harness.store.schema import curves, runs
from harness.store.skips import Skip
from harness.store.timing import Timing

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy.engine import URL


class Store:
    """Runs and their curves. Every method is one short transaction; what it stored survives a crash of the machine.

    Whatever the database refuses (a lock, a full or read-only disk, a damaged file) is a
    :class:`~harness.errors.UserError`, and nothing of that transaction is stored.
    """

    def __init__(self, database: Database) -> None:
        """Use :meth:`open`, which looks at what is there."""
        self.database = database

    @classmethod
    def open(cls, url: URL | str, *, create: bool = True, timeout: float = 60.0) -> Self:
        """The store at a SQLAlchemy URL; a string is what a person wrote.

        Args:
            create: make the tables where there are none; otherwise that is a :class:`~harness.store.NoStore`.
            timeout: seconds to wait for another process that writes into the same SQLite file.
        """
        database = Database(url, timeout)
        opening.prepare(database, create)
        return cls(database)

    @classmethod
    def empty(cls, url: URL | str) -> Self:
        """A store without runs, to be read where there is none yet; nothing is created."""
        database = Database(url)
        opening.prepare_nothing(database)
        return cls(database)

    @property
    def name(self) -> str:
        """Where the store is, for a person to read: a path, or a URL without its password."""
        return self.database.name

    def add(self, run: Run) -> None:
        """Store a new run with its curve."""
        with self.database.writing() as connection:
            rows.write(connection, [run])

    def update(self, run_id: str, **values: Any) -> None:
        """Set fields of a run: ``update(run.id, state="done", metrics={"valid": 0.9, "test": 0.88})``."""
        if unknown := set(values) - rows.SETTABLE:
            raise TypeError(f"a stored run has no field {min(unknown)!r} that can be set")
        with self.database.writing() as connection:
            rows.change(connection, run_id, **values)

    def log(self, run_id: str, points: Iterable[CurvePoint]) -> None:
        """Add points to a run's curve; one of the same epoch is replaced."""
        with self.database.writing() as connection:
            rows.change(connection, run_id)
            rows.write_points(connection, run_id, points)

    def restart_curve(self, run_id: str, points: Iterable[CurvePoint]) -> None:
        """Replace a run's curve, as when it continues from a checkpoint that is older than the curve's end."""
        with self.database.writing() as connection:
            rows.change(connection, run_id)
            connection.execute(delete(curves).where(curves.c.run == run_id))
            rows.write_points(connection, run_id, points)

    def get(self, run: str) -> Run:
        """The run with this id, or with the only id that begins so, with its curve."""
        run = run.strip().lower()
        with self.database.reading() as connection:
            # Between the bounds instead of LIKE, so that every database uses the index of the primary key.
            matching = select(runs).where(runs.c.id >= run, runs.c.id < run + "g").order_by(runs.c.id).limit(4)
            found = list(rows.read(connection, matching, with_curves=True)) if run else []
            if len(found) == 1 or (found and found[0].id == run):
                return found[0]
            recent = connection.scalars(select(runs.c.id).order_by(runs.c.created.desc()).limit(1000)).all()
        raise UserError(_ambiguous(run, found) if found else _unknown(run, recent))

    def find(self, recipe_hash: str, seed: int, device: str) -> list[Run]:
        """The runs of one recipe, seed and kind of device, newest first, without their curves; no trials of a study."""
        same = (runs.c.recipe_hash == recipe_hash, runs.c.seed == seed, runs.c.device == device, runs.c.trial.is_(None))
        with self.database.reading() as connection:
            return list(rows.read(connection, _newest_first(select(runs).where(*same)), with_curves=False))

    def runs(
        self,
        arch: str | None = None,
        task: str | None = None,
        state: str | None = None,
        with_curves: bool = False,
        limit: int | None = None,
        study: str | None = None,
    ) -> list[Run]:
        """The runs with exactly this architecture, task label and state, newest first, at most `limit` of them.

        They are the trials of `study`; without one, the runs that are no trial of any.
        """
        query = _newest_first(_selection(arch, task, state)).where(_of(study)).limit(limit)
        with self.database.reading() as connection:
            return list(rows.read(connection, query, with_curves))

    def listed(
        self,
        arch: str | None = None,
        task: str | None = None,
        state: str | None = None,
        study: str | None = None,
        limit: int | None = None,
    ) -> tuple[list[Listed], int]:
        """What a list says of the same runs, and how many there are beyond `limit` too, as of one moment."""
        query = _selection(arch, task, state).where(_of(study))
        with self.database.reading() as connection:
            found = listing.read(connection, _newest_first(query).limit(limit))
            if limit is None or len(found) < limit:
                return found, len(found)
            counted = query.with_only_columns(func.count(), maintain_column_froms=True)
            return found, connection.scalar(counted) or 0

    def of_study(self, study: str) -> list[Run]:
        """The runs of a study's trials, oldest first, without their curves."""
        query = select(runs).where(runs.c.study == study).order_by(runs.c.created, runs.c.id)
        with self.database.reading() as connection:
            return list(rows.read(connection, query, with_curves=False))

    def pairs(self) -> set[tuple[str, str]]:
        """Architecture and task of every run."""
        with self.database.reading() as connection:
            found = connection.execute(select(runs.c.arch, runs.c.task).distinct())
            return {(str(arch), str(task)) for arch, task in found}

    def recipes_of_trials(self) -> dict[str, str]:
        """Id of the run of every trial of every study -> hash of its recipe."""
        with self.database.reading() as connection:
            found = connection.execute(select(runs.c.id, runs.c.recipe_hash).where(runs.c.trial.is_not(None)))
            return {str(run): str(recipe_hash) for run, recipe_hash in found}

    def each(
        self, arch: str | None = None, task: str | None = None, state: str | None = None
    ) -> Generator[Run, None, None]:
        """The same runs and the trials too, with their curves, oldest first, a page at a time, as of one moment."""
        query = _selection(arch, task, state)
        with self.database.reading() as connection:
            yield from rows.read(connection, query.order_by(runs.c.created, runs.c.id), with_curves=True)

    def heads(self, recipe_hashes: Iterable[str]) -> list[Head]:
        """How the runs of some recipes stand, newest first among those of a recipe; no trials of a study."""
        with self.database.reading() as connection:
            return list(head.read(connection, recipe_hashes))

    @contextmanager
    def alone(self, name: str, what: str, advice: str) -> Iterator[None]:
        """Be at `what` while no other process that uses this store is, on whatever machine.

        Raises :class:`~harness.errors.UserError` with an advice where one has the lock `name`.
        """
        with ExitStack() as locked:
            with self.database.explained():
                locked.enter_context(self.database.locks().alone(name, what, advice))
            yield

    def held(self, name: str) -> bool:
        """Whether a process that uses this store has the lock `name` now."""
        with self.database.explained():
            return self.database.locks().held(name)

    def count(self) -> int:
        """How many runs there are, trials of studies among them."""
        with self.database.reading() as connection:
            return connection.scalar(select(func.count()).select_from(runs)) or 0

    def delete(self, ids: Sequence[str]) -> int:
        """Delete the runs with these whole ids and their curves; how many there were."""
        with self.database.writing() as connection:
            return rows.remove(connection, ids)

    def replace_skipped(self, suite: str, cells: Iterable[tuple[str, str, str]]) -> None:
        """Let the pairs that a suite leaves out be `cells` (architecture, task label, reason) and no others."""
        found = list(cells)
        if not found and all(skip.suite != suite for skip in self.skipped()):
            return
        with self.database.writing() as connection:
            skips.replace(connection, suite, found)

    def skipped(self) -> list[Skip]:
        """The pairs that suites leave out, by task, architecture and suite."""
        with self.database.reading() as connection:
            return list(skips.read(connection))

    def add_timings(self, new: Sequence[Timing]) -> None:
        """Store new timings."""
        with self.database.writing() as connection:
            timings.write(connection, new)

    def timings(self, arch: str | None = None, sitting: str | None = None) -> Generator[Timing, None, None]:
        """The timings of exactly this architecture and sitting, oldest first, all as of one moment."""
        with self.database.reading() as connection:
            yield from timings.read(connection, timings.selection(arch, sitting))

    def delete_timings(self, arch: str | None = None) -> int:
        """Delete the timings of an architecture, or all of them; how many there were."""
        with self.database.writing() as connection:
            return timings.remove(connection, arch)

    def runs_frame(
        self, recipe_hash: str | None = None, *, task: str | None = None, trials: bool = True
    ) -> pd.DataFrame:
        """One row a run, or a run of one recipe or task, oldest first; columns: :data:`harness.store.frames.RUNS`.

        Trials of studies are among them unless `trials` is False.
        """
        from harness.store import frames

        with self.database.reading() as connection:
            return frames.runs_frame(connection, recipe_hash, task, trials)

    def tested_frame(self, task: str | None = None) -> tuple[pd.DataFrame, dict[str, list[Any]]]:
        """The same frame of the runs (of one task) that are no trials, and lists of what else they are, in its order.

        These are ``recipe``, ``environment``, ``backends`` and ``device``: see :func:`harness.store.columns.read`.
        """
        from harness.store import frames

        with self.database.reading() as connection:
            return frames.tested_frame(connection, task)

    def curves_frame(self, trials: bool = True) -> pd.DataFrame:
        """One row a run and epoch, of trials of studies too unless `trials` is False.

        The columns are those of :data:`harness.store.frames.CURVES`.
        """
        from harness.store import frames

        with self.database.reading() as connection:
            return frames.curves_frame(connection, trials)

    def skipped_frame(self) -> pd.DataFrame:
        """One row a pair that suites leave out: ``arch``, ``task``, ``reason``; of several suites the first by name."""
        from harness.store import frames

        return frames.of_skipped(self.skipped())

    def timings_frame(self) -> pd.DataFrame:
        """One row a timing and phase, oldest first; the columns are those of :data:`harness.store.frames.TIMINGS`."""
        from harness.store import frames

        with self.database.reading() as connection:
            return frames.timings_frame(connection)


def _selection(arch: str | None, task: str | None, state: str | None) -> Select[Any]:
    """The query for runs with these values; None matches all."""
    if state is not None and state not in STATES:
        raise UserError(f"a run is never '{state}'{did_you_mean(state, STATES)}")
    wanted = {"arch": arch, "task": task, "state": state}
    return select(runs).where(*(runs.c[name] == value for name, value in wanted.items() if value is not None))


def _of(study: str | None) -> ColumnElement[bool]:
    """The condition that a run is a trial of `study`, or of none."""
    return runs.c.study.is_(None) if study is None else runs.c.study == study


def _newest_first(query: Select[Any]) -> Select[Any]:
    return query.order_by(runs.c.created.desc(), runs.c.id.desc())


def _ambiguous(run: str, found: Sequence[Run]) -> str:
    some = ", ".join(one.id for one in found[:3])
    return f"several runs begin with '{run}' ({some}{', ...' if len(found) > 3 else ''}): give more of the id"


def _unknown(run: str, recent: Sequence[str]) -> str:
    if near := get_close_matches(run, recent, n=1, cutoff=0.6):
        return f"there is no run '{run}' (did you mean '{near[0]}'?)"
    return f"there is no run '{run}': 'list runs' shows those that there are"
