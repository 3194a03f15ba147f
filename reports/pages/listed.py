"""The rows of a table of runs, written as text: a report may have a hundred thousand of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from markupsafe import Markup, escape

from reports import formats
from reports.pages.templating import KNOWN_STATES
from reports.ranking.rows import Row
from reports.records import Run


def rows(runs: Iterable[Run], row: Row, numbers: Mapping[str, str], href: Callable[[Run], str | None]) -> Markup:
    """The `runs` of `row`, also those that newer ones replaced, a table's row each.

    `numbers` are those of the environments on the page; `href` is the link to the page of a run, None where it has
    none.
    """
    counted = {run.run for run in row.runs}
    return Markup("".join([_row(run, run.run not in counted, numbers, href(run)) for run in runs]))


def _row(run: Run, replaced: bool, numbers: Mapping[str, str], link: str | None) -> str:
    seed = f"seed {run.seed}"
    state = run.state if run.state in KNOWN_STATES else "other"
    name = f'<a href="{escape(link)}">{seed}</a>' if link else seed
    reason = f' <span class="scope">{_theirs(run.reason, 160)}</span>' if run.reason else ""
    threads = "" if run.threads is None else f", {formats.count(run.threads)} thread{'s' if run.threads != 1 else ''}"
    return (
        "    <tr>\n"
        f'      <th scope="row">{name} <code class="aside">{_theirs(run.run[:12], 60)}</code></th>\n'
        f'      <td data-state="{state}"><span class="state">{_theirs(run.state, 60)}'
        f"{', replaced' if replaced else ''}</span>{reason}</td>\n"
        f"{_number(run.test, formats.value(run.test, run.metric))}"
        f"{_number(run.valid, formats.value(run.valid, run.metric))}"
        f"{_number(run.epochs_done, formats.count(run.epochs_done))}"
        f"{_number(run.seconds, formats.duration(run.seconds))}"
        f'      <td class="machine">{_theirs(run.device or "–", 80)}{threads}</td>\n'
        f"      <td>{numbers.get(run.environment, '–')}</td>\n"
        f"      <td>{_theirs(run.created or '–', 40)}</td>\n"
        "    </tr>\n"
    )


def _number(value: float | None, shown: str) -> str:
    return f'      <td class="number" data-value="{"" if value is None else value}">{shown}</td>\n'


@lru_cache(maxsize=4096)
def _theirs(text: str, length: int) -> str:
    # As the macro of that name.
    return f"<bdi>{escape(formats.clipped(text, length))}</bdi>"
