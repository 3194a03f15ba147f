"""The numbers of papers and of their code: ``published.toml`` as typed records in this project's units."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FILE = Path(__file__).with_name("published.toml")

Kind = Literal["best run", "single run", "mean", "not stated"]
"""What a number is: the best of several runs, the only one, a mean over runs, or one of these."""
Confidence = Literal["read in source", "secondary source"]

_Text = Annotated[str, Field(min_length=1)]
_Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
_Task = Annotated[str, Field(pattern=r"^[a-z0-9-]+(\[\w+=[\w.]+(,\w+=[\w.]+)*\])?$")]
_Size = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Published:
    """One published number.

    `value` and `std` are in the units of `metric`: an accuracy as a fraction, an error in the units of the task.
    Where `metric` is "", no run of this project measures the number, and they are as printed. A number that exists
    only as a figure has no `value`. What the source does not tell is None or "".
    """

    id: str
    """Unique, of small letters, digits and hyphens; it stays as long as source, names and hidden size do."""
    source: str
    year: int
    url: str
    where: str
    """The place in the source, such as a table."""
    confidence: Confidence
    """Whether the number was read in its source, or in another one that quotes it."""
    kind: Kind
    task_published: str
    arch_published: str
    metric_published: str
    task: str
    """The task of this project, with its variant where that is known; "" where it has none."""
    variant_known: bool
    """Whether `task` is the very variant; otherwise it is the task alone, and the variant can be any."""
    arch: str
    """The architecture of this project; "" where it has none."""
    metric: str
    value: float | None
    std: float | None
    printed: str
    """Value and deviation in the digits and the unit in which they were published; "" where there is no value."""
    hidden: int | None
    layers: int | None
    parameters: int | None
    note: str
    protocol: str
    """How the number came about, in words."""
    recipes: str
    """The architecture whose published recipes follow this protocol; "" where none is shipped."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class _Number(_Strict):
    task: _Text
    arch: _Text
    value: int | float | None = None  # an int keeps its digits
    std: Annotated[int | float, Field(ge=0)] | None = None
    hidden: _Size | None = None
    layers: _Size | None = None
    parameters: _Size | None = None
    note: str = ""


class _Group(_Strict):
    where: _Text
    metric: _Text
    confidence: Confidence
    kind: Kind
    protocol: _Text
    note: str = ""
    numbers: Annotated[list[_Number], Field(min_length=1)]


class _Source(_Strict):
    id: _Slug
    name: _Text
    year: Annotated[int, Field(ge=1980, le=2100)]
    url: Annotated[str, Field(pattern=r"^(https://\S+)?$")] = ""
    group: Annotated[list[_Group], Field(min_length=1)]


class _Metric(_Strict):
    metric: Literal["accuracy", "mse", "rmse"]
    divisor: Annotated[int, Field(ge=1)]


class _Protocol(_Strict):
    text: _Text
    recipes: _Slug | Literal[""] = ""
    variants: dict[str, _Task] = {}


class _File(_Strict):
    tasks: dict[str, _Task]
    architectures: dict[str, _Slug]
    metrics: dict[str, _Metric]
    protocols: dict[str, _Protocol]
    source: list[_Source]


def load(file: Path = FILE) -> tuple[Published, ...]:
    """All published numbers, in the order of the file.

    A file that is no TOML, or has an unknown key, a wrong type or range, an unknown protocol or two numbers of one id
    is a ValueError that names the place.
    """
    try:
        content = _File.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file.name} is no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{file.name}, {_place(first['loc'])}: {first['msg']}") from error
    for name, protocol in content.protocols.items():
        for task, variant in protocol.variants.items():
            if _bare(content.tasks.get(task, "")) != _bare(variant):
                raise ValueError(f"{file.name}, protocols {name}: '{variant}' is no variant of '{task}'")
    found: dict[str, Published] = {}
    for place, number in _numbers(content, file.name):
        if number.id in found:
            raise ValueError(f"{place}: there are two numbers of the id '{number.id}'")
        if number.value is not None and not 0 <= number.value <= (1 if number.metric == "accuracy" else float("inf")):
            raise ValueError(f"{place}: {number.metric_published} cannot be {number.value}")
        found[number.id] = number
    return tuple(found.values())


def _numbers(content: _File, file: str) -> Iterator[tuple[str, Published]]:
    decided = {task for protocol in content.protocols.values() for task in protocol.variants}
    for source in content.source:
        for i, group in enumerate(source.group, 1):
            if group.protocol not in content.protocols:
                raise ValueError(f"{file}, source {source.id}, group {i}: there is no protocol '{group.protocol}'")
            for j, number in enumerate(group.numbers, 1):
                place = f"{file}, source {source.id}, group {i}, number {j}"
                yield place, _number(content, source, group, number, decided)


def _number(content: _File, source: _Source, group: _Group, number: _Number, decided: set[str]) -> Published:
    protocol = content.protocols[group.protocol]
    task = protocol.variants.get(number.task, "")
    unknown = not task and number.task in decided
    metric = content.metrics.get(group.metric)
    divisor = metric.divisor if metric else 1
    return Published(
        id=_id(source.id, number, "" if metric else group.metric),
        source=source.name,
        year=source.year,
        url=source.url,
        where=group.where,
        confidence=group.confidence,
        kind=group.kind,
        task_published=number.task,
        arch_published=number.arch,
        metric_published=group.metric,
        task=task or content.tasks.get(number.task, ""),
        variant_known=not unknown,
        arch=content.architectures.get(number.arch, ""),
        metric=metric.metric if metric else "",
        value=_divided(number.value, divisor),
        std=_divided(number.std, divisor),
        printed=_printed(number),
        hidden=number.hidden,
        layers=number.layers,
        parameters=number.parameters,
        note=number.note or group.note,
        protocol=protocol.text,
        recipes=protocol.recipes,
    )


def _id(source: str, number: _Number, metric: str) -> str:
    # The hidden size is always a part where it is known, so that a number that is added changes no other id.
    words = f"{source} {number.task} {number.arch} {metric} {number.hidden or ''}"
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def _divided(value: float | None, divisor: int) -> float | None:
    # In decimals, as printed: 99.4 / 100 in binary is a little more than 0.994, which a result of 0.994 has reached.
    return None if value is None else float(Decimal(str(value)) / divisor)


def _printed(number: _Number) -> str:
    return " ± ".join(str(digits) for digits in (number.value, number.std) if digits is not None)


def _bare(task: str) -> str:
    return task.partition("[")[0]


def _place(location: tuple[int | str, ...]) -> str:
    """``("source", 0, "group", 2, "kind")`` -> ``"source 1, group 3, kind"``."""
    words: list[str] = []
    for part in location:
        if isinstance(part, int):
            words[-1] += f" {part + 1}"
        else:
            words.append(part)
    return ", ".join(words)
