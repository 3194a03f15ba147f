"""The recipes that come with the project, and those that a person wrote.

``<task>/standard.toml`` holds what all architectures share on a task; ``<task>/<architecture>.toml`` adds what is the
architecture's own: a table ``standard`` and, where a paper's code defines the pair, a table ``published`` with the
source of every value and the points where it had to deviate. The home may hold more, written by tuning or by hand
(:mod:`harness.recipes.written`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from harness import toml
from harness.errors import UserError
from harness.home import Home, with_home
from harness.recipe import CODE, TABLES, Recipe, Training, compose, label, split_variant
from harness.recipes import written
from harness.recipes.written import NOTES, Named, write
from harness.registry import Registry

__all__ = ["FOLDER", "Named", "NoRecipe", "listed", "named", "write"]

FOLDER = Path(__file__).parent


class NoRecipe(UserError):
    """The pair has no recipe of this name, though it may have others."""


def named(
    registry: Registry,
    arch: str | None,
    task: str | None,
    name: str = "standard",
    changes: Mapping[str, Any] | None = None,
    home: Home | None = None,
    *,
    accept_code: bool = False,
) -> Named:
    """The recipe that a command means by ``--arch``, ``--task``, ``--recipe`` and the keys that it changes.

    Names beyond those that come with the project are looked up in `home`. A recipe of the home or of a file names the
    code of plugins that it was used with: where theirs is another one here, that is a
    :class:`~harness.recipe.OtherCode`, or a recipe of another name with `accept_code`.
    """
    if name.endswith(".toml"):
        return _from_file(registry, with_home(name), arch, task, changes, accept_code)
    if arch is None or task is None:
        missing = [option for option, value in (("--arch", arch), ("--task", task)) if value is None]
        raise UserError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: name both, or a recipe file that"
            " does with --recipe FILE.toml (see 'harness list architectures' and 'harness list tasks')"
        )
    bare, variant = split_variant(task)
    registry.architecture(arch), registry.task(bare)  # a wrong name is told before a missing recipe
    table = dict(_table(registry, arch, task, name, home))
    other = {key: value for key, value in variant.items() if table.get("variant", {}).get(key, value) != value}
    notes = {key: table.pop(key) for key in NOTES if key in table}
    recipe = compose(registry, arch, task, table, changes, where=f"recipe {name}", accept_code=accept_code)
    return Named(
        _label(name, {**other, **(changes or {})}, table, recipe),
        recipe,
        notes.get("source", ""),
        notes.get("sources"),
        tuple(notes.get("deviations", ())),
    )


def listed(registry: Registry, home: Home | None = None) -> Iterator[tuple[str, str, str, str]]:
    """(task, architecture, name, source) of every recipe: a standard one for each pair, then the published ones.

    Those of `home` come last, under the task's variant that they are for: ``adding[length=500]``.
    """
    for task in registry.tasks:
        for arch in registry.architectures:
            tables = _tables(task, arch)
            yield task, arch, "standard", "moderate budget" if "standard" in tables else "defaults"
            for name in sorted(set(tables) - {"standard"}):
                yield task, arch, name, tables[name].get("source", "")
    if home is not None:
        for task, arch, name, table in written.everything(home):
            yield task, arch, name, str(table.get("source", ""))


def is_default(arch: str, task: str, recipe: Mapping[str, Any]) -> bool:
    """Whether nobody chose the learning rate of `recipe`: none comes with the project for the pair, none was given.

    Args:
        task: as it is labelled, with its variant.
        recipe: as it is stored; one that isn't whole is taken for chosen.
    """
    training = recipe.get("training")
    rate = training.get("lr") if isinstance(training, Mapping) else None
    return rate == Training.model_fields["lr"].default and "standard" not in _tables(task.partition("[")[0], arch)


def _table(registry: Registry, arch: str, task: str, name: str, home: Home | None) -> Mapping[str, Any]:
    """The tables of one recipe of the project or of the home, before validation."""
    bare, _ = split_variant(task)
    own = _tables(bare, arch)
    if name == "standard":
        shared = _read(FOLDER / bare / "standard.toml")
        mine = own.get("standard", {})
        return {key: {**shared.get(key, {}), **mine.get(key, {})} for key in {*shared, *mine}}
    if name in own:
        return own[name]
    meant = label(registry.task(bare), named(registry, arch, task).recipe)
    found = written.tables(home, meant, arch) if home is not None else {}
    if name not in found:
        elsewhere = [of for of in (written.others(home, bare, arch, name) if home is not None else []) if of != meant]
        hint = f"; it is there for {' and '.join(elsewhere)}" if elsewhere else ""
        if name == "tuned":
            hint += "; 'tune' writes it, and 'study show NAME --toml' that of any study as a file"
        raise NoRecipe(
            f"no recipe is called '{name}' for {arch} on {meant}"
            f" (known: {', '.join(sorted({'standard', *own, *found}))}{hint}; a file must end in .toml)"
        )
    return found[name]


def _tables(task: str, arch: str) -> dict[str, Any]:
    return _read(FOLDER / task / f"{arch}.toml")


@cache
def _read(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _from_file(
    registry: Registry,
    file: Path,
    arch: str | None,
    task: str | None,
    changes: Mapping[str, Any] | None,
    accept_code: bool,
) -> Named:
    """A recipe as :meth:`Recipe.to_toml` writes it; ``--arch`` and ``--task`` may fill in what it leaves open."""
    content = toml.read(file, f"--recipe {file}")
    given = {"arch": arch, "task": task}
    for key, option in given.items():
        said = content.pop(key, None)
        if said is not None and not isinstance(said, str):
            raise UserError(f"--recipe {file}: {key} must be text")
        bare, variant = split_variant(said) if said and key == "task" else (said, {})
        if option and said and (option if key == "arch" else split_variant(option)[0]) != bare:
            raise UserError(f"--recipe {file} is for {key} '{said}', but --{key} says '{option}'")
        if variant:
            content["variant"] = {**variant, **content.get("variant", {})}
        given[key] = option or bare
        if not given[key]:
            raise UserError(f'--recipe {file} names no {key}: add {key} = "..." or give --{key}')
    for key in NOTES:
        content.pop(key, None)
    if not all(isinstance(value, dict) for value in content.values()):
        wrong = next(key for key, value in content.items() if not isinstance(value, dict))
        raise UserError(
            f"--recipe {file}: '{wrong}' does not belong at the top: keys stand in"
            f" {', '.join(f'[{table}]' for table in TABLES)}"
        )
    pair, where = (str(given["arch"]), str(given["task"])), f"--recipe {file}"
    recipe = compose(registry, *pair, content, changes, where=where, accept_code=accept_code)
    return Named(_label(file.stem, changes, content, recipe), recipe)


def _label(name: str, changes: Mapping[str, Any] | None, content: Mapping[str, Any], recipe: Recipe) -> str:
    """``standard``, or ``standard, epochs=2`` where keys were changed: no changed recipe goes by the plain name.

    Words that stand for a truth value or for nothing are written in one way, whatever was typed.
    """
    has = {key: value for table in TABLES for key, value in recipe.model_dump()[table].items()}
    bare = {key.rpartition(".")[2]: value for key, value in (changes or {}).items()}
    known = {key: has[key] if isinstance(value, str) and key in has else value for key, value in bare.items()}
    words = [f"{key}={'off' if value is None else value}" for key, value in sorted(known.items())]
    code = recipe.code or {}
    if any(code.get(kind) != digest for kind, digest in content.get(CODE, {}).items()):
        words.append("other code")
    return ", ".join([name, *words])
