"""How a stored run is done again: its recipe as a file, and the commands. ``show`` and the report tell the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from shlex import quote
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.registry import Registry
    from harness.store import Run

FILE = "recipe.toml"
_NAME = re.compile(r"[\w-]{1,64}")


def toml(run: Run) -> str:
    """The recipe as a file; a :class:`UserError` where an imported one holds what TOML can't say."""
    import tomlkit

    from harness.errors import explained
    from harness.recipe import without_none

    with explained(f"the recipe of run {run.id} cannot be written as TOML"):
        return tomlkit.dumps(without_none(run.recipe))


def recipe(run: Run) -> str:
    """The recipe to be read: as a file, or as JSON where TOML can't say it."""
    from harness.errors import UserError
    from harness.store import plain

    try:
        return toml(run)
    except UserError:
        return plain.dumps(run.recipe, indent=2)


def lines(run: Run, what: str = f"--recipe {FILE}", program: str = "harness") -> Iterator[str]:
    """The command that does a run again, and as comments of a shell what it needs beside it.

    `what` are the options that say the recipe. Whatever a stored run says of itself is quoted: the command may be
    copied from a page about runs of others.
    """
    from harness.cli.terminal import clean

    threads, asked = run.environment.get("threads"), run.environment.get("backend")
    ran = {backend for counts in run.backends.values() for backend in counts}
    wish = f"HARNESS_BACKEND={quote(asked)} " if isinstance(asked, str) and asked in ran else ""
    options = f"--seed {run.seed} --device {quote(run.device)}"
    options += f" --threads {quote(str(threads))}" if threads else ""
    yield clean(f"{wish}{program} run {what} {options} --again")
    git, plugins = run.environment.get("git"), run.recipe.get("code")
    if isinstance(git, dict) and git.get("commit"):
        changed = " and changes that were not committed" if git.get("dirty") else ""
        yield clean(f"# with the source at commit {git['commit']}{changed}")
    if isinstance(plugins, dict) and plugins:
        yield clean(f"# with the plugin that defines its {' and its '.join(plugins)}: name the file with --plugin")


def command(run: Run, shipped: Callable[[str, str, str], str | None]) -> str:
    """What does a run again wherever this program is installed, one line each.

    The recipe goes by its name where that name stands for it still, as `shipped` tells (:func:`shipped_recipes`), else
    it must be kept in a file first.
    """
    if shipped(run.arch, run.task, run.recipe_name) == run.recipe_hash:
        pair = f"--arch {quote(run.arch)} --task {quote(run.task)} --recipe {quote(run.recipe_name)}"
        return "\n".join(lines(run, pair, "python -m harness"))
    return "\n".join([f"# with the recipe in the file {FILE}", *lines(run, program="python -m harness")])


def shipped_recipes(registry: Registry) -> Callable[[str, str, str], str | None]:
    """A function of architecture, task label and name of a recipe: the hash that it has now, None where there is none.

    Recipes of the home don't count, as they are nowhere else. Each is looked up once.
    """
    from harness.recipes import named

    @cache
    def find(arch: str, task: str, name: str) -> str | None:
        if arch not in registry.architectures or task.partition("[")[0] not in registry.tasks:
            return None  # before a sentence is made of it, with the names that are alike
        try:
            return named(registry, arch, task, name).recipe.hash
        except Exception:  # a plugin that has changed, a variant that is no more
            return None

    return lambda arch, task, name: find(arch, task, name) if _NAME.fullmatch(name) else None
