"""Rows of a ranking against each other: how large the difference is, and how surely."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reports import formats
from reports.ranking.apart import SHORT
from reports.ranking.leaderboard import Ranking, plain
from reports.ranking.rows import Row
from reports.statistics.effects import Effect, effect


def versus(ranking: Ranking, rows: Sequence[Row]) -> list[dict[str, object]]:
    """`rows` of `ranking` as :func:`reports.ranking.leaderboard.table` gives them, each against the first.

    Beside the keys of such a row they have ``name`` (which no other of `rows` has), ``label`` (its recipe, with what
    tells it from others of that name), ``code_told`` (its code, where the code of its architecture differs), ``of``
    (how many rows the ranking has in all, of which these may be some), ``difference`` (its mean minus that of the first
    row), ``difference_low`` and ``difference_high`` (its 95 % interval, by Welch), ``p`` (Welch's test), ``g`` (Hedges)
    and ``superiority`` (how likely one of its seeds is better than one of the first row's; None where a side has one
    seed): raw numbers, or None; and ``sentence``, which says so in words. Those of the first row are None and "".
    """
    names = _names(rows)
    found: list[dict[str, object]] = []
    for row, name in zip(rows, names, strict=True):
        said = effect(_seeds(row), _seeds(rows[0]), ranking.higher_is_better) if found else None
        sentence = _sentence(said, name, names[0], ranking.metric) if said else ""
        about = {"name": name, "label": row.label, "code_told": row.code, "of": len(ranking.ranked)}
        found.append(plain(ranking, row) | about | _against(said, sentence))
    return found


def _names(rows: Sequence[Row]) -> list[str]:
    """For each of `rows` the shortest name that no other has, as `compare` takes it: ``gru``, ``gru:tuned`` or
    ``gru:5f3a9c0b``.
    """
    archs = Counter(row.arch for row in rows)
    recipes = Counter((row.arch, row.recipe) for row in rows)

    def name(row: Row) -> str:
        if archs[row.arch] == 1:
            return row.arch
        return f"{row.arch}:{row.recipe if recipes[row.arch, row.recipe] == 1 else row.recipe_hash[:SHORT]}"

    return [name(row) for row in rows]


def _seeds(row: Row) -> tuple[float, ...]:
    return row.test.values if row.test else ()


def _against(said: Effect | None, sentence: str) -> dict[str, object]:
    return {
        "difference": said and said.difference,
        "difference_low": said and said.low,
        "difference_high": said and said.high,
        "p": said and said.p,
        "g": said and said.g,
        "superiority": said and said.superiority,
        "sentence": sentence,
    }


def _sentence(said: Effect, name: str, first: str, metric: str) -> str:
    names = f"{name} - {first}"
    if said.difference is None:
        return f"{names}: nothing to compare. {said.reason}"
    unit = " points" if metric == "accuracy" else ""
    text = f"{names}: {_signed(said.difference, metric)}{unit}"
    likely = ""
    if said.superiority is not None:
        pairs = f"{said.n_one * said.n_other:,} pairs of seeds"
        likely = f"; {name} is better in {formats.significant(100 * said.superiority, 3)} % of the {pairs}"
    if said.low is None or said.high is None or said.p is None or said.g is None:
        return f"{text}, no interval{likely}. {said.reason}"
    interval = f"95 % interval {_signed(said.low, metric)} to {_signed(said.high, metric)}"
    p = "p < 0.001" if said.p < 0.001 else f"p = {said.p:.3f}"
    return f"{text}, {interval} (Welch, {p}; Hedges' g {formats.significant(said.g, 2)}){likely}."


def _signed(number: float, metric: str) -> str:
    text = formats.value(number, metric)
    return text if number <= 0 else f"+{text}"
