"""Recipes in the home: ``HOME/recipes/<task>/<architecture>.toml`` with a table for each name, such as ``[tuned]``.

The folder is named after the task with its variant (``adding[length=500]``), as settings found for one variant say
nothing of another. Each table has the tables of a built-in recipe, with every value written out, and one ``code`` with
the hashes of the plugins that it was found with, where there are any.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import tomlkit
from filelock import FileLock
from tomlkit.exceptions import TOMLKitError

from harness.errors import UserError
from harness.home import Home
from harness.recipe import CODE, TABLES, Recipe, split_variant
from harness.textfile import decoded

NOTES = ("source", "sources", "deviations")
"""What a table says beside the recipe."""


@dataclass(frozen=True)
class Named:
    """A recipe with the name it goes by and, for a published or a tuned one, where it comes from."""

    name: str
    recipe: Recipe
    source: str = ""
    sources: Mapping[str, str] | None = None
    deviations: tuple[str, ...] = ()


def write(home: Home, named: Named, task: str) -> Path:
    """Keep a recipe in the home under its name, in place of an older one; the other names of its file stay.

    `task` is the task with its variant as :func:`harness.recipe.label` writes it. Returns the file, which is replaced
    whole: a reader finds the old one or the new one. A :class:`UserError` tells why it cannot be written.
    """
    file = _file(home, task, named.recipe.arch)
    home.folder(home.recipes.name, file.parent.name)
    lock = FileLock(home.locks() / f"recipes-{file.parent.name}-{file.stem}.lock")
    try:
        with lock:
            document = _document(file)
            content = named.recipe.to_dict()
            table: dict[str, Any] = {"source": named.source} if named.source else {}
            table |= {"deviations": list(named.deviations)} if named.deviations else {}
            table |= {key: content[key] for key in (*TABLES, CODE) if key in content}
            document[named.name] = table
            _replace(file, tomlkit.dumps(document))
    except OSError as error:
        raise UserError(
            f"cannot write the recipe {file} ({error.strerror or error}): make room or its folder writable, and give"
            " the same command again"
        ) from error
    return file


def tables(home: Home, task: str, arch: str) -> dict[str, Any]:
    """Name to content of the recipes of a pair; `task` with its variant."""
    return _checked(_file(home, task, arch))


def others(home: Home, bare: str, arch: str, name: str) -> list[str]:
    """The variants of the task `bare` for which the home has a recipe of this name."""
    return [
        task for task, of, known, _ in everything(home) if (split_variant(task)[0], of, known) == (bare, arch, name)
    ]


def everything(home: Home) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """(task with its variant, architecture, name, content) of all recipes in the home."""
    for file in sorted(home.recipes.glob("*/*.toml")):
        for name, table in sorted(_checked(file).items()):
            yield unquote(file.parent.name), unquote(file.stem), name, table


def _file(home: Home, task: str, arch: str) -> Path:
    return home.recipes / quote(task, safe="[]=,") / f"{quote(arch, safe='')}.toml"


def _checked(file: Path) -> dict[str, Any]:
    content = _document(file).unwrap()
    for name, table in content.items():
        if not isinstance(table, dict):
            raise UserError(
                f"{file}: '{name}' does not belong at the top, where each recipe is a table such as [tuned]"
            )
    return content


def _document(file: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(decoded(file.read_bytes(), f"the recipes {file}"))
    except FileNotFoundError:
        return tomlkit.document()
    except OSError as error:
        raise UserError(f"the recipes {file} cannot be read ({error.strerror or error})") from error
    except (TOMLKitError, RecursionError) as error:
        raise UserError(f"the recipes {file} are not TOML ({error}): mend the file or move it away") from error


def _replace(file: Path, text: str) -> None:
    """Put a file into its place whole."""
    handle, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as temporary:
            temporary.write(text)
            temporary.flush()
            os.fsync(temporary.fileno())
        Path(name).replace(file)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
