"""A suite worked out: every architecture on every task becomes a cell with its recipe, or with why there is none.

A recipe is a function of the pair and the settings of its grid alone: another architecture in the file changes no
other cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from harness import signature
from harness.engines.unit import Resources
from harness.errors import UserError, did_you_mean, explained
from harness.home import Home
from harness.machine import Machine
from harness.recipe import OtherCode, content_hash, label, split_variant
from harness.recipes import Named, NoRecipe, named
from harness.registry import Registry
from harness.suites.cells import Cell, Grid, Search
from harness.suites.file import Part, Suite
from harness.suites.sizes import CannotMatch, is_time, nearest, paced, sized

if TYPE_CHECKING:
    from harness.tuning.space import Space

Tell = Callable[[str], None]
TUNED = "tuned"


def work_out(
    suite: Suite, home: Home, registry: Registry, tell: Tell = lambda line: None, machine: Machine | None = None
) -> Grid:
    """All cells of a suite, by task and then architecture; equal recipes are one cell with the seeds of all.

    Sizes that are matched by the time of a step are measured on `machine` where the home remembers none; without it
    such a cell is skipped for now. `tell` hears of what was measured, and of plugins that are broken.

    Raises:
        UserError: a name, a key or a value of the file is wrong, with its place.
    """
    cells: list[Cell] = []
    for part in suite.parts:
        cells += _Part(suite, part, home, registry, tell, machine).cells()
    for warning in registry.warnings:
        tell(f"warning: {warning}")
    merged = _merged(cells)
    order = {task: place for place, task in enumerate(dict.fromkeys(cell.task for cell in merged))}
    merged.sort(key=lambda cell: order[cell.task])
    return Grid(suite.name, suite.title, suite.file, tuple(merged), registry.files, suite.threads)


@dataclass(frozen=True)
class _Part:
    """One grid of a suite, on its way to cells."""

    suite: Suite
    part: Part
    home: Home
    registry: Registry
    tell: Tell
    machine: Machine | None

    def cells(self) -> list[Cell]:
        """The cells; a name that is wrong, and a recipe that no pair has, refuse the file."""
        with _placed(self.part.place):
            architectures = self._architectures()
            tasks = [self._task(text) for text in self.part.tasks]
            self._check_skips(architectures, tasks)
            self._check_match()
            cells: list[Cell] = []
            lacking: NoRecipe | None = None
            for task in tasks:
                for arch in architectures:
                    try:
                        cells.append(self._cell(arch, task))
                    except NoRecipe as error:
                        lacking = lacking or error
                        cells.append(self._skipped(arch, task, f"it has no recipe '{self.part.recipe}'"))
                    except CannotMatch as error:
                        cells.append(self._skipped(arch, task, f"cannot be matched: {error}"))
            if lacking is not None and all(cell.skip for cell in cells):
                raise lacking
        return cells

    def _architectures(self) -> list[str]:
        known = self.registry.architectures
        if self.part.architectures is None:
            broken = [entry for entry in known.values() if entry.problem]
            for entry in broken:
                self.tell(f"warning: architecture '{entry.name}' ({entry.origin}) is left out: {entry.problem}")
            return [name for name, entry in known.items() if entry not in broken]
        for name in self.part.architectures:
            self.registry.architecture(name)
        return list(self.part.architectures)

    def _task(self, text: str) -> str:
        """The text of a task, once its name and its variant are known to be right."""
        bare, variant = split_variant(text)
        task_class = self.registry.task(bare)
        options = signature.validated(task_class, variant, f"task {bare}")
        with explained(f"task {text}"):
            task_class(**options)
        return text

    def _check_skips(self, architectures: Iterable[str], tasks: Iterable[str]) -> None:
        """A pair that is skipped must be one of the suite's, or a slip of the pen would train what was not wanted."""
        parts = self.suite.parts
        everything = any(part.architectures is None for part in parts)
        archs = {*architectures, *(self.registry.architectures if everything else ())}
        archs |= {name for part in parts for name in part.architectures or ()}
        named_tasks = {*tasks, *(text for part in parts for text in part.tasks)}
        named_tasks |= {split_variant(text)[0] for text in named_tasks}
        for number, skip in enumerate(self.part.skip, start=1):
            for kind, name, known in (("arch", skip.arch, archs), ("task", skip.task, named_tasks)):
                if name not in known and not self._is_registered(kind, name):
                    hint = did_you_mean(name, known)
                    raise UserError(f"[skip {number}] {kind} = '{name}' is nothing that the suite trains{hint}")

    def _is_registered(self, kind: str, name: str) -> bool:
        """Whether there is such an architecture or task at all: one that was taken out of the file may stay skipped."""
        known = self.registry.architectures if kind == "arch" else self.registry.tasks
        return split_variant(name)[0] in known

    def _check_match(self) -> None:
        match = self.part.match
        if match is None:
            return
        if any(key.rpartition(".")[2] == "hidden_size" for key in self.part.changes):
            raise UserError("[match] and [set] hidden_size both say the hidden size: give one of them")
        if match.step_time is not None and not is_time(match.step_time):
            with _placed("[match] step_time"):
                self.registry.architecture(match.step_time)

    def _cell(self, arch: str, text: str) -> Cell:
        part = self.part
        for skip in part.skip:
            if skip.arch == arch and skip.task in (text, split_variant(text)[0]):
                return self._skipped(arch, text, skip.reason)
        if part.tune is not None and part.recipe == TUNED:
            raise UserError(f"recipe = '{TUNED}' is what a search leaves: begin [tune] with standard or published")
        found = self._recipe(arch, text)
        search = self._search()
        found = self._matched(found, search)
        task = label(self.registry.task(found.recipe.task), found.recipe)
        study = None
        if search is not None:
            content = {**asdict(search), "trials": None, "recipe": found.recipe.hash, "device": part.device}
            if search.tolerance is None:  # studies of earlier versions keep their names
                del content["tolerance"]
            study = f"{self.suite.name}-{arch}-{task}-{content_hash(content)[:6]}"
        resources = Resources(part.resources.cpus, part.resources.gpus)
        return Cell(arch, task, part.seeds, found, search, study, device=part.device, resources=resources)

    def _recipe(self, arch: str, text: str) -> Named:
        part, changes = self.part, dict(self.part.changes)
        try:
            return named(self.registry, arch, text, part.recipe, changes, self.home, accept_code=part.accept_code)
        except OtherCode as error:
            raise UserError(
                f"{error.fact}: name the same file among the plugins, or accept the other code as a new recipe by"
                " accept_code = true"
            ) from error

    def _search(self) -> Search | None:
        tune, match = self.part.tune, self.part.match
        if tune is None:
            return None
        size, tolerance = (match.parameters, match.tolerance) if match is not None else (None, None)
        return Search(tune.trials, tune.sampler, tune.pruner, tune.seed, dict(tune.space), size, tolerance)

    def _matched(self, found: Named, search: Search | None) -> Named:
        """The recipe with the size that the grid asks for. A search of equal size may begin with another depth."""
        match = self.part.match
        space = None if search is None else _space(search, self.registry, found, solved=match is not None)
        if match is None:
            return found
        if match.parameters is not None:
            size = match.parameters, match.tolerance
            try:
                return sized(self.registry, found, *size, self.home)
            except CannotMatch:
                if space is None:
                    raise
                return sized(self.registry, nearest(self.registry, found, space, *size), *size, self.home)
        where = {"device": self.part.device, "threads": self.suite.threads}
        on = None
        if self.machine is not None:
            on = replace(self.machine, device=self.part.device, threads=self.suite.threads or self.machine.threads)
        return paced(self.registry, found, str(match.step_time), self.home, where, on, self.tell)

    def _skipped(self, arch: str, text: str, why: str) -> Cell:
        return Cell(arch, self._label(arch, text), self.part.seeds, None, skip=why, device=self.part.device)

    def _label(self, arch: str, text: str) -> str:
        standard = named(self.registry, arch, text).recipe
        return label(self.registry.task(standard.task), standard)


def _space(search: Search, registry: Registry, found: Named, solved: bool) -> Space:
    """What is searched; a key or a range that is wrong refuses the file."""
    from harness.tuning.space import space_of

    recipe = found.recipe
    space = space_of(registry, recipe.arch, recipe.task, recipe, dict(search.space))
    if solved and "layer.hidden_size" in space.targets:
        raise UserError("[match] solves for hidden_size: don't search it in [tune] as well")
    return space


@contextmanager
def _placed(place: str) -> Iterator[None]:
    """Begin the sentence of a mistake with its place."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{place}: {error}") from error


def _merged(cells: Iterable[Cell]) -> list[Cell]:
    """Cells of one recipe, device and search as one, with the seeds of all; skipped ones of a pair likewise."""
    found: dict[tuple[Any, ...], Cell] = {}
    for cell in cells:
        key = _identity(cell)
        before = found.get(key)
        if before is None:
            found[key] = cell
            continue
        changes: dict[str, Any] = {"seeds": tuple(dict.fromkeys((*before.seeds, *cell.seeds)))}
        if cell.skip and before.skip and cell.skip != before.skip:
            changes["skip"] = f"{before.skip}; {cell.skip}"
        if cell.search is not None and before.search is not None:
            changes["search"] = max(before.search, cell.search, key=lambda search: search.trials)
        found[key] = replace(before, **changes)
    return list(found.values())


def _identity(cell: Cell) -> tuple[Any, ...]:
    if cell.recipe is None:
        return ("skipped", cell.arch, cell.task)
    if cell.study is not None:
        return ("study", cell.study)
    return ("recipe", cell.recipe.recipe.hash, cell.device)
