"""The store's runs as the data frames that the reports take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas

    from harness.home import Home
    from harness.store import Run, Store
    from reports import Frames


def frames(
    store: Store,
    registry: Registry,
    home: Home | None = None,
    read_curves: Callable[[], pandas.DataFrame] | None = None,
) -> Frames:
    """All that a report is made of: see :func:`all_frames`."""
    from reports import Frames

    return Frames(**all_frames(store, registry, home, read_curves))


def all_frames(
    store: Store,
    registry: Registry,
    home: Home | None = None,
    read_curves: Callable[[], pandas.DataFrame] | None = None,
) -> dict[str, pandas.DataFrame]:
    """Name -> frame: the runs that are no trials of studies, and all that is known about them.

    `home` is where studies are, by default that of the environment. ``docs/run-schema.md`` has the columns.
    `read_curves` gives the curves where another process reads them; it is asked last.
    """
    from harness.cli.reported import registered, studies, timings
    from harness.cli.reported import runs as stored
    from harness.home import Home

    found = stored.frames(store, registry)
    runs = found["runs"]
    runs["task_protocol"] = _for_each(runs["task"], lambda task: _protocol(registry, task))
    return {
        **found,
        "timings": timings.frame(store, registry),
        **studies.frames(home or Home.find(), store),
        **registered.frames(registry),
        "skipped": store.skipped_frame(),
        "curves": read_curves() if read_curves else store.curves_frame(trials=False),
    }


def stored_curves(home: str | None) -> pandas.DataFrame:
    """The curves of the runs in the store of a home, for another process to be called in; ids are categories."""
    from harness.store import store_to_list

    found = store_to_list(home).curves_frame(trials=False)
    return found.assign(run=found["run"].astype("category"))


def of_task(store: Store, task: str, registry: Registry) -> Frames:
    """The runs of one task, and what the task states of chance where some of them do not know it: for its rankings."""
    from harness.cli.reported import registered
    from harness.cli.reported import runs as stored
    from harness.recipes import is_default
    from reports import Frames

    runs, documents = store.tested_frame(task)
    default = list(map(is_default, runs["arch"], runs["task"], documents["recipe"]))
    known = runs["chance_test"].notna() | (runs["state"] != "done")
    tasks = {} if known.all() else {"tasks": registered.stated(registry, task.partition("[")[0])}
    return Frames(runs.assign(**stored.titles(runs, documents, registry), default=default), **tasks)


def _for_each(names: pandas.Series, say: Callable[[str], str]) -> list[str]:
    """What `say` says of every name, which is asked once."""
    said = {name: say(name) for name in names.unique()}
    return [said[name] for name in names]


def summary(store: Store, runs: Sequence[Run]) -> str | None:
    """Mean and interval over runs of one recipe, as the leaderboard tells it; None where fewer than two are done."""
    from reports import Frames, table

    done = [run.id for run in runs if run.state == "done"]
    if len(done) < 2:
        return None
    frame = store.runs_frame(runs[0].recipe_hash)
    [row] = table(Frames(frame[frame["run"].isin(done)].assign(arch_title="", task_title="")))
    return f"mean over {row['n']} seeds, with its 95 % interval: test {row['score']}"


def _protocol(registry: Registry, label: str) -> str:
    """What the task says of its protocol in the variant of `label`; nothing where the task is no longer at hand."""
    from harness.recipe import split_variant

    try:
        name, variant = split_variant(label)
        return str(registry.task(name)(**variant).protocol)
    except Exception:  # a plugin that is gone or has changed keeps its results
        return ""
