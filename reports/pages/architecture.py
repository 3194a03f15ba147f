"""A page an architecture: what it is, what it reaches on every task, by which recipes, and what it is sensitive to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reports import addresses
from reports.equations import equations
from reports.figures.drawing import Drawing
from reports.figures.sensitivity import MOST_PANELS, MOST_TRIALS, sensitivity
from reports.pages.pieces import Pieces
from reports.pages.templating import Pages, render
from reports.ranking.leaderboard import Ranking
from reports.ranking.rows import Row
from reports.ranking.studies import manner, ranges
from reports.records import Entry, PublishedRecipe
from reports.report import Report, Study

ALL_PANELS, ALL_TRIALS = 24, 1_200
"""Panels and trials that the figures of all studies of a page have, about; but two and fifty of each study."""
# Of a plugin's own address only one that can do nothing but lead somewhere else becomes a link.
_LINK = re.compile(r"https://[A-Za-z0-9.-]+(:\d+)?(/[^\s<>\"'`\\]*)?")


@dataclass(frozen=True)
class Recipe:
    """A recipe of the architecture: the task it is for, and whether it is published and was run."""

    task: str
    name: str
    recipe_hash: str
    published: PublishedRecipe | None
    was_run: bool


@dataclass(frozen=True)
class Sampled:
    """A hyper-parameter that a study sampled: its range in words, and its share in what tells the best trials."""

    key: str
    range: str
    share: float | None


@dataclass(frozen=True)
class Tuned:
    """A study: how it searched, what each hyper-parameter mattered, its states counted, the drawing of its trials."""

    anchor: str
    study: Study
    states: list[tuple[str, int]]
    best: float | None
    manner: str
    sampled: list[Sampled]
    drawing: Drawing | None

    @property
    def is_known(self) -> bool:
        """Whether the importance of any hyper-parameter is known."""
        return any(one.share is not None for one in self.sampled)


def pages(report: Report) -> Pages:
    """One page an architecture that is registered or was run."""
    rows: dict[str, list[tuple[Ranking, Row]]] = {}
    for ranking in report.rankings:
        for row in ranking.rows:
            rows.setdefault(row.arch, []).append((ranking, row))
    pieces = Pieces(report)
    for entry in report.architectures:
        found = rows.get(entry.name, [])
        yield render(
            "architecture.html",
            addresses.architecture(entry.name),
            entry=entry,
            formulas=equations(entry.equations),
            paper_url=link(entry.paper_url),
            code_url=link(entry.code_url),
            rows=found,
            skipped=sorted((task, reason) for (arch, task), reason in report.skipped.items() if arch == entry.name),
            recipes=_recipes(report, entry, found),
            studies=_studies(report, entry),
            pieces=pieces,
        )


def link(url: str) -> str:
    """`url` where it is a plain https address, otherwise ""."""
    return url if len(url) <= 500 and _LINK.fullmatch(url) else ""


def _recipes(report: Report, entry: Entry, rows: list[tuple[Ranking, Row]]) -> list[Recipe]:
    # The published ones first, then the standard ones that were run; each once a task.
    run = {(ranking.task, row.recipe_hash): row.recipe for ranking, row in rows}
    published = {
        (one.task, one.recipe_hash): Recipe(
            one.task, "published", one.recipe_hash, one, (one.task, one.recipe_hash) in run
        )
        for one in report.published_recipes
        if one.arch == entry.name
    }
    standard = {
        (task, recipe_hash): Recipe(task, name, recipe_hash, None, True)
        for (task, recipe_hash), name in run.items()
        if name == "standard" and (task, recipe_hash) not in published
    }
    return [*published.values(), *(standard[key] for key in sorted(standard))]


def _studies(report: Report, entry: Entry) -> list[Tuned]:
    studies = [study for study in report.studies if study.arch == entry.name]
    # A page of a dozen studies has no more panels and points than one of a few.
    panels, trials = (max(least, most // max(1, len(studies))) for least, most in ((2, ALL_PANELS), (50, ALL_TRIALS)))
    limits = min(panels, MOST_PANELS), min(trials, MOST_TRIALS)
    return [_tuned(report, study, number, *limits) for number, study in enumerate(studies, 1)]


def _tuned(report: Report, study: Study, number: int, panels: int, trials: int) -> Tuned:
    states: dict[str, int] = {}
    for trial in study.trials:
        states[trial.state] = states.get(trial.state, 0) + 1
    complete = [trial.value for trial in study.trials if trial.state == "complete" and trial.value is not None]
    best = max if study.higher_is_better else min
    return Tuned(
        anchor=f"study-{number}",
        study=study,
        states=sorted(states.items(), key=lambda item: (-item[1], item[0])),
        best=best(complete) if complete else None,
        manner=manner(study),
        sampled=_sampled(study),
        drawing=sensitivity(study, report.numbers, f"study-{number}-trials", panels, trials),
    )


def _sampled(study: Study) -> list[Sampled]:
    """What matters most first, then what nothing is known of."""
    searched = ranges(study)
    shares = {one.key: one.share for one in study.importance if one.share is not None and 0 <= one.share <= 1}
    return [Sampled(key, searched.get(key, ""), shares.get(key)) for key in dict.fromkeys((*shares, *searched))]
