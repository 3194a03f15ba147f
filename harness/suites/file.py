"""The file of a suite: what a person wrote, checked; every mistake is one sentence with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.errors import UserError, did_you_mean
from harness.home import expanded
from harness.registry import Registry
from harness.suites.written import ONCE, Match, Settings, Share, Skip, Top, Tune, sentence
from harness.textfile import parsed_toml, read_text

SHIPPED = Path(__file__).parent
"""The suites that come with the project lie here, a TOML file each."""
ALL = "all"
"""Stands for all architectures that there are, those of plugins too."""


@dataclass(frozen=True)
class Part:
    """One grid of a suite: architectures times tasks times seeds, all with the same settings."""

    place: str
    """For a person: ``suite mine.toml, grid 2``."""
    architectures: tuple[str, ...] | None
    """None stands for all that there are."""
    tasks: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)
    recipe: str = "standard"
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the recipe that are changed, as by ``--set``."""
    device: str = "auto"
    match: Match | None = None
    tune: Tune | None = None
    resources: Share = field(default_factory=Share)
    skip: tuple[Skip, ...] = ()


@dataclass(frozen=True)
class Suite:
    """A suite as its file says it."""

    name: str
    """Stem of the file: locks, studies and skipped cells go by it."""
    title: str
    file: Path
    text: str
    """The file, word for word."""
    parts: tuple[Part, ...]
    plugins: tuple[str, ...] = ()
    threads: int | None = None

    @property
    def place(self) -> str:
        """How messages name the file."""
        return _place(self.file)

    def registry(self, plugins: tuple[str, ...] = ()) -> Registry:
        """What the suite can name: with its own plugin files, and with those of a command."""
        return Registry(tuple(dict.fromkeys((*self.plugins, *plugins))))


def shipped() -> list[str]:
    """Names of the suites that come with the project."""
    return sorted(file.stem for file in SHIPPED.glob("*.toml"))


def find(name_or_path: str) -> Path:
    """The file of a suite: a path where it ends in ``.toml``, else the name of a shipped one."""
    if not name_or_path.endswith(".toml"):
        if name_or_path in shipped():
            return SHIPPED / f"{name_or_path}.toml"
        if expanded(f"{name_or_path}.toml").is_file():
            hint = f" (did you mean the file {name_or_path}.toml?)"
        else:
            hint = f"{did_you_mean(name_or_path, shipped())}; the name of a file must end in .toml"
        raise UserError(f"no suite that comes with the project is called '{name_or_path}'{hint}")
    file = expanded(name_or_path)
    if not file.is_file():
        hint = f"; the suite '{file.stem}' that comes with the project is named without .toml"
        raise UserError(f"there is no suite file {name_or_path}{hint if file.stem in shipped() else ''}")
    return file


def load(name_or_path: str) -> Suite:
    """The suite of a file, or a shipped one by its name; a :class:`UserError` tells the first mistake and its place."""
    file = find(name_or_path)
    place = _place(file)
    text = read_text(file, place)
    content = parsed_toml(text, place)
    grids = content.pop("grid", [])
    if not isinstance(grids, list) or not all(isinstance(grid, dict) for grid in grids):
        raise UserError(f"{place}: write each grid as a table of its own, [[grid]]")
    top = _read(Top, {key: value for key, value in content.items() if key in ONCE}, place)
    shared = _read(Settings, {key: value for key, value in content.items() if key not in ONCE}, place)
    own = [_read(Settings, grid, f"{place}, grid {number}") for number, grid in enumerate(grids, start=1)]
    parts = [_part(shared, one, f"{place}, grid {number}", file) for number, one in enumerate(own, start=1)]
    return Suite(
        name=file.stem,
        title=top.title or file.stem,
        file=file,
        text=text,
        parts=tuple(parts or [_part(shared, Settings(), place, file)]),
        plugins=tuple(str(_beside(file, plugin)) for plugin in top.plugins),
        threads=top.threads,
    )


def _read(model: Any, content: Mapping[str, Any], place: str) -> Any:
    try:
        return model(**content)
    except ValidationError as error:
        raise UserError(f"{place}: {sentence(error, model)}") from error


def _part(shared: Settings, own: Settings, place: str, file: Path) -> Part:
    """A grid with what it inherits: its own keys take the place of those at the top; both say what is skipped."""
    given = {key: getattr(one, key) for one in (shared, own) for key in one.model_fields_set}
    for key, example in (("architectures", '["lstm"]'), ("tasks", '["psdigits"]')):
        if key not in given:
            raise UserError(f"{place}: names no {key}: write {key} = {example}")
    if given.get("recipe", "").endswith(".toml"):
        given["recipe"] = str(_beside(file, given["recipe"]))
    for table in ("match", "tune"):  # an empty table switches off what stands at the top
        if table in given and not given[table].model_fields_set:
            del given[table]
    given["architectures"] = None if given["architectures"] == (ALL,) else given["architectures"]
    return Part(place, **{**given, "skip": (*shared.skip, *own.skip)})


def _beside(file: Path, name: str) -> Path:
    """A path that a suite file says, which is relative to the file."""
    return file.parent / expanded(name) if name.startswith("~") else file.parent / name


def _place(file: Path) -> str:
    return f"suite {file.stem if file.parent == SHIPPED else file.name}"
