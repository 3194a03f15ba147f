"""Parts of pages that thousands of runs share: recipes and environments, made once."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from reports.pages.templating import macro
from reports.ranking.rows import Note
from reports.records import PublishedRecipe, Run
from reports.report import Report


class Pieces:
    """The recipes and environments of a report as HTML, and which recipes are published ones."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._recipes: dict[str, Markup] = {}
        self._environments: dict[str, Markup] = {}
        self._published = {(one.arch, one.task, one.recipe_hash): one for one in report.published_recipes}
        self._recipe, self._environment = macro("pieces.html", "recipe"), macro("pieces.html", "environment")

    def recipe(self, recipe_hash: str) -> Markup:
        """The settings of a recipe, to be copied, or that they are not known."""
        return _once(self._recipes, recipe_hash, lambda: self._recipe(self._report.recipes.get(recipe_hash, "")))

    def environment(self, name: str) -> Markup:
        """The lines of an environment, folded, or that it is not known."""
        return _once(
            self._environments, name, lambda: self._environment(self._report.environments.get(name, [])[:MOST_LINES])
        )

    def published(self, run: Run) -> PublishedRecipe | None:
        """The published recipe that a run followed to the letter, or None."""
        return self._published.get((run.arch, run.task, run.recipe_hash))


MOST_LINES = 400  # of an environment


def warnings(notes: tuple[Note, ...], runs: tuple[Run, ...]) -> list[tuple[str, str]]:
    """The notes of a row and what its runs warned of: a text, and the detail or seeds that belong to it."""
    seeds: dict[str, list[str]] = {}
    for run in runs:
        for line in dict.fromkeys(filter(None, map(str.strip, run.warnings.splitlines()))):
            seeds.setdefault(line, []).append(str(run.seed))
    every = len({run.seed for run in runs})
    return [
        *((note.text, note.detail) for note in notes),
        *(
            (line, "" if every == 1 or len(of) == every else f"seed{'s' if len(of) > 1 else ''} {', '.join(of[:12])}")
            for line, of in seeds.items()
        ),
    ]


def _once(made: dict[str, Markup], key: str, make: Callable[[], Markup]) -> Markup:
    if key not in made:
        made[key] = make()
    return made[key]
