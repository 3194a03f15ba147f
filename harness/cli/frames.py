"""The store's runs as the data frames that the reports take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.registry import Entry, Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.store import Run, Store
    from reports import Frames


def frames(store: Store, registry: Registry) -> Frames:
    """All runs but trials of studies, their curves, and the architectures and tasks that could have been run."""
    import pandas

    from reports import Frames

    runs = store.runs_frame()
    runs = runs[runs["trial"].isna()].copy()
    curves = store.curves_frame()
    runs["arch_title"] = [_title(registry.architectures, name) for name in runs["arch"]]
    runs["task_title"] = [_title(registry.tasks, *task.partition("[")) for task in runs["task"]]
    runs["task_protocol"] = runs["task"].map({task: _protocol(registry, task) for task in runs["task"].unique()})
    known = {
        room: pandas.DataFrame(
            [{"name": e.name, "title": e.title, "summary": e.summary} for e in entries.values() if not e.problem],
            columns=["name", "title", "summary"],
        )
        for room, entries in (("architectures", registry.architectures), ("tasks", registry.tasks))
    }
    return Frames(runs=runs, curves=curves[curves["run"].isin(runs["run"])], **known)


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


def _title(entries: dict[str, Entry], name: str, bracket: str = "", variant: str = "") -> str:
    """``Permuted sequential MNIST [permutation=cornn]``; the bare name where a plugin is no longer at hand."""
    title = (entries[name].title if name in entries else "") or name
    return f"{title} [{variant}" if bracket else title
