"""Rows of a ranking against each other: how large the difference is, and how surely."""

from __future__ import annotations

from collections.abc import Sequence

from reports import formats
from reports.ranking.leaderboard import Ranking, plain
from reports.ranking.rows import Row
from reports.statistics.effects import Effect, effect


def versus(ranking: Ranking, rows: Sequence[Row]) -> list[dict[str, object]]:
    """`rows` of `ranking` as :func:`reports.ranking.leaderboard.table` gives them, each against the first.

    Beside the keys of such a row they have ``of`` (how many rows the ranking has in all, of which these may be some),
    ``difference`` (its mean less that of the first row), ``difference_low`` and
    ``difference_high`` (its 95 % interval, by Welch), ``p`` (Welch's test), ``g`` (Hedges) and ``superiority`` (how
    likely one of its seeds is better than one of the first row's): raw numbers, or None; and ``sentence``, which says
    so in words. Those of the first row are None and "".
    """
    first, of = rows[0], {"of": len(ranking.ranked)}
    found = [plain(ranking, first) | of | _against(None, "")]
    for row in rows[1:]:
        said = effect(_seeds(row), _seeds(first), ranking.higher_is_better)
        found.append(plain(ranking, row) | of | _against(said, _sentence(said, row, first, ranking.metric)))
    return found


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


def _sentence(said: Effect, row: Row, first: Row, metric: str) -> str:
    names = f"{row.title} ({row.recipe}) less {first.title} ({first.recipe})"
    if said.difference is None or said.superiority is None:
        return f"{names}: nothing to compare. {said.reason}"
    unit = " points" if metric == "accuracy" else ""
    likely = f"a seed of {row.title} is better in {formats.significant(100 * said.superiority, 3)} % of all pairs"
    text = f"{names}: {_signed(said.difference, metric)}{unit}"
    if said.low is None or said.high is None or said.p is None or said.g is None:
        return f"{text}, no interval; {likely}. {said.reason}"
    interval = f"95 % interval {_signed(said.low, metric)} to {_signed(said.high, metric)}"
    p = "p < 0.001" if said.p < 0.001 else f"p = {said.p:.3f}"
    return f"{text}, {interval} (Welch, {p}; Hedges' g {formats.significant(said.g, 2)}); {likely}."


def _signed(number: float, metric: str) -> str:
    text = formats.value(number, metric)
    return text if number <= 0 else f"+{text}"
