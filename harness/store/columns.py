"""Stored runs as columns: what a frame is made of. Of a hundred thousand runs most share recipe and environment."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Double, Select, String, type_coerce

from harness.environment import device_label
from harness.store import plain
from harness.store.rows import PAGE
from harness.store.run import told_operations
from harness.store.schema import runs

_T = TypeVar("_T")
DOCUMENTS = ("recipe", "environment", "backends")
"""Columns of JSON, of which many runs have the same text."""
SCORES = ("valid", "test", "chance_valid", "chance_test")
"""What is read of the metrics of a run."""
_OTHER = {"id": "run", "recipe_name": "recipe", "steps_done": "steps"}
"""Columns of the table that have another name in a frame."""
_ALIKE = (
    *("id", "recipe_name", "steps_done", "arch", "task", "metric", "recipe_hash", "study", "trial", "seed", "state"),
    *("reason", "parameters", "parameters_without_embedding", "epochs_done", "data_checksum", "created", "updated"),
)
"""Columns of the table that are in a frame as they are."""
# An environment begins so. What differs from run to run is cut out of the text, so that the rest is parsed once.
_PASSING = re.compile(r'(\{"hostname":(?:"[^"\\]*"|null),)"pid":\d+,("threads":\d+,)"load_average":\[[\d.,]*\],')


def read(connection: Connection, query: Select[Any]) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """The runs that `query` selects from the table of runs, in its order.

    Returns the columns of :data:`harness.store.frames.RUNS`, and beside them ``device`` as it is stored, and those of
    :data:`DOCUMENTS` as parsed JSON: one object for all runs with the same text, to be changed by nobody, where an
    environment may lack what is passing.
    """
    # Text and numbers as the database keeps them: the types of the columns would parse every text anew.
    raw = [*DOCUMENTS, "metrics", "warnings"]
    names = [*_ALIKE, "device", "seconds", *raw]
    chosen = [
        type_coerce(runs.c[name], String()) if name in raw else runs.c[name] for name in names if name != "seconds"
    ]
    chosen.insert(names.index("seconds"), type_coerce(runs.c.seconds, Double()))
    selected = query.with_only_columns(*chosen, maintain_column_froms=True)
    columns: dict[str, list[Any]] = {name: [] for name in names}
    readers: dict[str, Callable[[Any], Any]] = {
        "recipe": cache(plain.loads),
        "environment": _environment(),
        "backends": cache(plain.loads),
        "metrics": _scores,
        "warnings": cache(lambda text: "\n".join(plain.loads(text))),
    }
    for page in connection.execute(selected, execution_options={"yield_per": PAGE}).partitions():
        for name, values in zip(names, zip(*page, strict=True), strict=True):
            columns[name].extend(map(readers[name], values) if name in readers else values)
    beside = {name: columns[name] for name in (*DOCUMENTS, "device")}
    alike = {_OTHER.get(name, name): columns[name] for name in (*_ALIKE, "seconds", "warnings")}
    return alike | _told(columns), beside


def _told(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The columns that are worked out, each of what many runs share once."""
    environments = columns["environment"]
    settings = _once(_of_recipe, columns["recipe"])
    machines = _once(_of_environment, environments)
    ran = _once(_of_backends, columns["backends"])
    labels: dict[tuple[int, str], str] = {}
    for environment, device in zip(environments, columns["device"], strict=True):
        if (key := (id(environment), device)) not in labels:
            labels[key] = device_label(environment, device)
    planned = (epochs for epochs, *_ in settings)
    return {
        "higher_is_better": [metric == "accuracy" for metric in columns["metric"]],
        **{name: [scores[place] for scores in columns["metrics"]] for place, name in enumerate(SCORES)},
        "epochs": [done if one is None else one for one, done in zip(planned, columns["epochs_done"], strict=True)],
        "train_limit": [limit for _, limit, _, _ in settings],
        "selection": [selection for _, _, selection, _ in settings],
        "code": [code for *_, code in settings],
        "threads": [threads for threads, *_ in machines],
        "version": [version for _, version, _ in machines],
        "architecture_version": [of_plugin for *_, of_plugin in machines],
        "device": [labels[id(one), name] for one, name in zip(environments, columns["device"], strict=True)],
        "backends": [names for names, _ in ran],
        "operations": [operations for _, operations in ran],
    }


def _once(work: Callable[[dict[str, Any]], _T], documents: Sequence[dict[str, Any]]) -> list[_T]:
    """What `work` makes of each document; equal texts are one object, of which it is asked once."""
    known = {id(document): document for document in documents}
    made = {key: work(document) for key, document in known.items()}
    return [made[id(document)] for document in documents]


def _of_recipe(recipe: dict[str, Any]) -> tuple[int | None, int | None, str | None, str | None]:
    training = table(recipe, "training")
    selection = training.get("selection")
    chosen = selection if selection in ("best", "final") else None
    code = table(recipe, "code").get("architecture")
    return _count(training.get("epochs")), _count(training.get("train_limit")), chosen, _text(code)


def _of_environment(environment: dict[str, Any]) -> tuple[int | None, str | None, str | None]:
    plugin = table(table(environment, "plugins"), "architecture")
    version = table(environment, "software").get("harness")
    return _count(environment.get("threads")), _text(version), _text(plugin.get("version"))


def _of_backends(backends: dict[str, dict[str, int]]) -> tuple[str, str]:
    return ", ".join(sorted({name for counts in backends.values() for name in counts})), told_operations(backends)


def _scores(text: str | None) -> tuple[Any, ...]:
    found = plain.loads(text or "{}")
    return tuple(plain.number(found.get(name)) for name in SCORES)


def _environment() -> Callable[[str], Any]:
    """Reads environments: those that differ in what is passing only are one object."""
    parsed = cache(plain.loads)

    def read(text: str) -> Any:
        passing = _PASSING.match(text)
        return parsed(passing[1] + passing[2] + text[passing.end() :] if passing else text)

    return read


def table(document: dict[str, Any], name: str) -> dict[str, Any]:
    """A table inside a document that may have come from elsewhere, and may have none."""
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str | None:
    """`value` where it is text."""
    return value if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    """`value` where it is a whole number that a column takes."""
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
    return value if fits else None
