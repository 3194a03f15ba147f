"""The words of a suite file: its keys, what each takes, and how a wrong one is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from harness.errors import did_you_mean
from harness.seeding import MOST, seeds_of
from harness.tolerance import share_of

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
ONCE = ("title", "threads", "plugins")
"""Keys that stand at the top of a file only."""


class Match(BaseModel):
    """``[match]``: what all models of the grid have in common. An empty table asks for nothing."""

    model_config = STRICT

    parameters: str | None = None
    """Trained parameters without embeddings: ``"20k"``."""
    tolerance: float | None = None
    """How far off they may be: ``"5%"`` or 0.05; else 2 %."""
    step_time: str | None = None
    """Time of a training step, within 10 %: ``"5ms"``, or an architecture whose standard recipe is measured."""

    @field_validator("parameters", mode="before")
    @classmethod
    def _number(cls, given: Any) -> str:
        text = str(given).strip() if isinstance(given, str | int) and not isinstance(given, bool) else ""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*[kKmM]?", text)
        if match is None or float(match[1]) == 0:
            raise ValueError('write a number of parameters such as 50000, "50k" or "1.5M"')
        return text

    @field_validator("tolerance", mode="before")
    @classmethod
    def _share(cls, given: Any) -> float:
        return share_of(str(given))

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.tolerance is not None and self.parameters is None:
            raise ValueError("[match] tolerance goes with parameters: give both, or neither")
        if self.parameters is not None and self.step_time is not None:
            raise ValueError("[match] says parameters and step_time, which both mean the hidden size: give one of them")
        return self


class Tune(BaseModel):
    """``[tune]``: the search before the runs. An empty table asks for none."""

    model_config = STRICT

    trials: int = Field(default=1, ge=1, le=1_000_000)
    sampler: Literal["tpe", "random", "gp"] = "tpe"
    pruner: Literal["median", "hyperband", "none"] = "median"
    seed: int = Field(default=0, ge=0, lt=2**63)
    space: dict[str, str] = Field(default_factory=dict)
    """Key -> range, as ``--space`` takes it."""

    @field_validator("space", mode="before")
    @classmethod
    def _ranges(cls, given: Any) -> dict[str, str]:
        if not isinstance(given, dict):
            raise ValueError('write a table of ranges, such as space.lr = "1e-4..1e-1 log"')
        return {key: spec if isinstance(spec, str) else _as_toml(spec) for key, spec in _flat(given).items()}

    @model_validator(mode="after")
    def _says_how_many(self) -> Self:
        if self.model_fields_set and "trials" not in self.model_fields_set:
            raise ValueError("[tune] must say how many trials each search has, such as trials = 30")
        return self


class Share(BaseModel):
    """``[resources]``: what one run takes of a machine of a cluster."""

    model_config = STRICT

    cpus: float = Field(default=1.0, ge=0, le=10_000)
    gpus: float = Field(default=0.0, ge=0, le=1_000)


class Skip(BaseModel):
    """``[[skip]]``: a pair that is not trained, and why."""

    model_config = STRICT

    arch: str
    task: str
    reason: str = Field(min_length=1)


class Top(BaseModel):
    """The keys of :data:`ONCE`."""

    model_config = STRICT

    title: str = ""
    threads: int | None = Field(default=None, ge=1, le=1024)
    plugins: list[str] = Field(default_factory=list)


class Settings(BaseModel):
    """What the top of a file and each grid may say."""

    model_config = STRICT

    architectures: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    recipe: str = Field(default="standard", min_length=1)
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    accept_code: bool = False
    """Whether a recipe that was used with other code of a plugin is taken as a new one with the code that is here."""
    changes: dict[str, Any] = Field(default_factory=dict, alias="set")
    match: Match = Field(default_factory=Match)
    tune: Tune = Field(default_factory=Tune)
    resources: Share = Field(default_factory=Share)
    skip: tuple[Skip, ...] = ()

    @field_validator("architectures", mode="before")
    @classmethod
    def _names_or_all(cls, given: Any) -> Any:
        return ("all",) if given == "all" else _names(given, '["cornn", "lstm"] or "all"')

    @field_validator("tasks", mode="before")
    @classmethod
    def _tasks(cls, given: Any) -> Any:
        return _names(given, '["psdigits", "adding[length=100]"]')

    @field_validator("seeds", mode="before")
    @classmethod
    def _seeds(cls, given: Any) -> tuple[int, ...]:
        if isinstance(given, str):
            return seeds_of(given)
        whole = isinstance(given, list) and all(isinstance(one, int) and not isinstance(one, bool) for one in given)
        if not whole or not given or min(given) < 0 or max(given) >= 2**63 or len(given) > MOST:
            raise ValueError('write seeds as "0-2" or [0, 1, 2]')
        return tuple(dict.fromkeys(given))

    @field_validator("changes", mode="before")
    @classmethod
    def _changes(cls, given: Any) -> dict[str, Any]:
        if not isinstance(given, dict):
            raise ValueError("write a table of keys, such as [set] and below it epochs = 5")
        found = _flat(given)
        for key, value in found.items():
            if not isinstance(value, str | int | float | list):
                raise ValueError(f"{key} must be a number, a word, a truth value or a list of them")
        return found

    @field_validator("skip", mode="before")
    @classmethod
    def _skipped(cls, given: Any) -> Any:
        if not isinstance(given, list):
            raise ValueError("write each as a table of its own, [[skip]], with arch, task and reason")
        return tuple(given)


def sentence(error: ValidationError, model: type[BaseModel]) -> str:
    """The first mistake in words: a misspelt key with what it may mean, or a value with why it is refused."""
    errors = error.errors(include_url=False)
    first = min(errors, key=lambda one: one["type"] != "extra_forbidden")  # it may be why another key is missing
    tables, key = _tables(first["loc"])
    inside = f"[{tables}] " if tables else ""
    if first["type"] == "extra_forbidden":
        if not tables and key in ONCE:
            return f"'{key}' stands at the top of the file only"
        return (
            f"{inside or 'there is '}{'has ' if inside else ''}no key '{key}'{did_you_mean(key, _known(first, model))}"
        )
    if first["type"] == "missing":
        return f"{inside}lacks '{key}'"
    why = str(first.get("ctx", {}).get("error") or first["msg"])
    if not first["loc"] or why.startswith("["):
        return why
    if first["type"] == "string_pattern_mismatch":
        why = "write auto, cpu, cuda or cuda:1"
    return f"{inside}{key} = {first['input']!r} is refused: {why[:1].lower()}{why[1:]}"


def _tables(loc: tuple[int | str, ...]) -> tuple[str, str]:
    """``("skip", 1, "arch")`` -> ``"skip 2"``, ``"arch"``; the first is empty at the top."""
    words: list[str] = []
    for part in loc:
        if isinstance(part, int) and words:
            words[-1] += f" {part + 1}"
        else:
            words.append(str(part))
    return ".".join(words[:-1]), words[-1] if words else ""


def _known(mistake: Mapping[str, Any], model: type[BaseModel]) -> list[str]:
    """The keys that stand where the wrong one does."""
    tables: dict[str, type[BaseModel]] = {"match": Match, "tune": Tune, "resources": Share, "skip": Skip}
    inside = [part for part in mistake["loc"][:-1] if isinstance(part, str)]
    fields = (tables[inside[0]] if inside else model).model_fields
    names = [one.alias or name for name, one in fields.items()]
    return names if inside else [*names, *ONCE, "grid"]


def _names(given: Any, example: str) -> tuple[str, ...]:
    if not isinstance(given, list) or not given or not all(isinstance(one, str) and one.strip() for one in given):
        raise ValueError(f"write a list of names, such as {example}")
    return tuple(dict.fromkeys(given))


def _flat(table: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """``{"layer": {"dt": 0.1}}``, which is how TOML reads ``layer.dt = 0.1``, as ``{"layer.dt": 0.1}``."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= _flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value}
    return found


def _as_toml(value: Any) -> str:
    """A value as the command line takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_as_toml, value))}]"
    return str(value)
