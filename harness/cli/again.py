"""How a stored run is done again: its recipe as a file, and the commands. ``show`` and the report tell the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from shlex import quote
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.registry import Registry
    from harness.store import Run

FILE = "recipe.toml"
_NAME = re.compile(r"[\w-]{1,64}")


def toml(run: Run) -> str:
    """The recipe as a file; a :class:`UserError` where an imported one holds what TOML can't say."""
    from harness.errors import explained

    with explained(f"the recipe of run {run.id} cannot be written as TOML"):
        return _toml(run.recipe)


def readable(recipe: Mapping[str, Any]) -> str:
    """A recipe to be read: as a file, or as JSON where TOML can't say it."""
    from harness.errors import UserError, explained
    from harness.store import plain

    try:
        with explained("TOML"):
            return _toml(recipe)
    except UserError:
        return plain.dumps(recipe, indent=2)


def _toml(recipe: Mapping[str, Any]) -> str:
    import tomlkit

    from harness.recipe import without_none

    return tomlkit.dumps(without_none(recipe))


def lines(run: Run, what: str = f"--recipe {FILE}", program: str = "harness") -> Iterator[str]:
    """The command that does a run again, and as comments of a shell what it needs beside it.

    `what` are the options that say the recipe. Whatever a stored run says of itself is quoted: the command may be
    copied from a page about runs of others.
    """
    before, after = _around_seed(run, what, program)
    yield from f"{before}{run.seed}{after}".split("\n")


def _around_seed(run: Run, what: str, program: str) -> tuple[str, str]:
    """These lines before the seed and after it."""
    from harness.cli.terminal import clean

    threads, asked = run.environment.get("threads"), run.environment.get("backend")
    ran = {backend for counts in run.backends.values() for backend in counts}
    wish = f"HARNESS_BACKEND={quote(asked)} " if isinstance(asked, str) and asked in ran else ""
    wish += "HARNESS_SUBNORMALS=keep " if run.environment.get("subnormals") == "kept" else ""
    options = f" --device {quote(run.device)}"
    options += f" --threads {quote(str(threads))}" if threads else ""
    after = [clean(f"{options} --again")]
    git, plugins = run.environment.get("git"), run.recipe.get("code")
    if isinstance(git, dict) and git.get("commit"):
        changed = " and changes that were not committed" if git.get("dirty") else ""
        after.append(clean(f"# with the source at commit {git['commit']}{changed}"))
    if isinstance(plugins, dict) and plugins:
        told = " and its ".join(f"{kind}{_origin(run, kind)}" for kind in plugins)
        after.append(clean(f"# with the plugin that defines its {told}: name the file with --plugin"))
    return clean(f"{wish}{program} run {what} --seed "), "\n".join(after)


def _origin(run: Run, kind: str) -> str:
    """`` (file my_cell.py)`` where the run says where its plugin came from."""
    plugins = run.environment.get("plugins")
    known = plugins.get(kind) if isinstance(plugins, dict) else None
    origin = known.get("origin") if isinstance(known, dict) else None
    return f" ({origin})" if isinstance(origin, str) else ""


def command(run: Run, shipped: Callable[[str, str, str], str | None]) -> str:
    """What does a run again wherever this program is installed, one line each.

    The recipe goes by its name where that name stands for it still, as `shipped` tells (:func:`shipped_recipes`), else
    it must be kept in a file first.
    """
    before, after = around_seed(run, shipped)
    return f"{before}{run.seed}{after}"


def around_seed(run: Run, shipped: Callable[[str, str, str], str | None]) -> tuple[str, str]:
    """The :func:`command` before the seed and after it: runs that differ in their seeds have it in common."""
    if shipped(run.arch, run.task, run.recipe_name) == run.recipe_hash:
        pair = f"--arch {quote(run.arch)} --task {quote(run.task)} --recipe {quote(run.recipe_name)}"
        return _around_seed(run, pair, "python -m harness")
    before, after = _around_seed(run, f"--recipe {FILE}", "python -m harness")
    return f"# with the recipe in the file {FILE}\n{before}", after


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
