"""Everything that defines a run but its seed: architecture, task, hyper-parameters, optimiser, schedule, budget."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import Annotated, Any, Literal, Self

import tomlkit
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from harness import signature, toml
from harness.errors import UserError, did_you_mean, explained
from harness.registry import Registry
from harness.times import seconds_of

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
TABLES = ("layer", "training", "variant", "encoder")
"""The tables of a recipe, each with keys of its own."""
CODE = "code"
"""Beside the tables: the hashes of the source that a recipe was used with."""
UNSET = "add --set {key}=VALUE, or name it among the defaults of the architecture"


def _seconds(value: Any) -> Any:
    """A time that is written as text in seconds; words for none stay."""
    return seconds_of(value) if isinstance(value, str) and value.strip()[:1] in "0123456789." else value


class Training(signature.Words):
    """How the weights are found. A field added later defaults to None, so that hashes of older recipes stay."""

    model_config = STRICT

    epochs: int = Field(20, ge=1, le=10_000_000)
    batch_size: int = Field(64, ge=1, le=10_000_000)
    eval_batch_size: int = Field(500, ge=1, le=10_000_000)
    optimizer: Literal["adam", "adamw"] = "adam"
    lr: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    schedule: Literal["constant", "step", "cosine", "cosine_steps"] = "constant"
    milestones: list[int] | None = None
    """With ``schedule = "step"``: epochs after which the rate is multiplied by `decay`."""
    decay: float | None = Field(None, gt=0, le=1)
    clip_norm: float | None = Field(None, gt=0)
    """Largest 2-norm of the gradient of all parameters together."""
    patience: int | None = Field(None, ge=1, le=signature.LARGEST)
    """Stop after so many epochs without a strictly better validation metric."""
    selection: Literal["best", "final"] = "best"
    """Whose weights are tested: of the epoch with the best validation metric (the first of equals) or of the last."""
    steps_per_epoch: int | None = Field(None, ge=1, le=10_000_000)
    """Only for tasks that draw fresh data: training steps between two validations."""
    train_limit: int | None = Field(None, ge=1, le=signature.LARGEST)
    """Train on the first so many samples of the frozen order only."""
    bucket: int | None = Field(None, ge=1, le=10_000_000)
    """Only where sequences differ in length: batches are cut from pools of so many batches sorted by length, so that
    little is padded, and evaluations go by length unless the task reads what is behind the padding. Without it every
    batch is drawn from all samples."""
    precision: Literal["tf32", "bfloat16"] | None = None
    """Of products, where it is less than float32; see :func:`harness.precision.calculating`."""
    max_time: Annotated[float | None, BeforeValidator(_seconds)] = Field(None, gt=0)
    """Seconds of training after which the run ends as if its epochs were over; ``"10m"`` is read as 600."""

    @model_validator(mode="after")
    def _schedule_is_complete(self) -> Self:
        stepped = self.schedule == "step"
        if stepped and (not self.milestones or min(self.milestones) < 1):
            raise ValueError("schedule 'step' needs milestones, the epochs (from 1) after which the rate drops")
        if not stepped and (self.milestones is not None or self.decay is not None):
            raise ValueError(f"milestones and decay belong to schedule 'step', not '{self.schedule}'")
        return self


class Recipe(BaseModel):
    """One architecture, one task, all settings written out. :func:`compose` builds it and validates the names."""

    model_config = STRICT

    arch: str
    task: str
    variant: dict[str, Any]
    layer: dict[str, Any]
    training: Training
    encoder: dict[str, Any] = Field(default_factory=dict)
    """Hyper-parameters of the task's encoder, such as the word dropout of an embedding."""
    code: dict[str, str] | None = None
    """Name to hash of the source of the architecture and the task where they are not built-in: edited code is another
    recipe."""

    @cached_property
    def hash(self) -> str:
        """The :func:`content_hash` of the recipe."""
        return content_hash(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values without what is not set."""
        content = without_none(self.model_dump(mode="json"))
        return {key: value for key, value in content.items() if value != {}}

    def to_toml(self, sources: Mapping[str, str] | None = None) -> str:
        """The recipe as a file that ``--recipe`` takes, with the source of a value (``"layer.dt"``) as a comment."""
        document = tomlkit.item(self.to_dict())
        for key, source in (sources or {}).items():
            table, _, field = key.partition(".")
            document[table].value.item(field).comment(source)  # by subscript, a truth value would be Python's own
        return tomlkit.dumps(document)


def content_hash(content: Mapping[str, Any]) -> str:
    """16 hex digits over a recipe as :meth:`Recipe.to_dict` gives it: equal for equal recipes, however written."""
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def without_none(value: Any) -> Any:
    """`value` with the None entries of all its mappings left out, as TOML has none."""
    if isinstance(value, Mapping):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    return value


class OtherCode(UserError):
    """A recipe names the code that it was used with, and a plugin has other code here.

    `fact` is the sentence without what to do about it.
    """

    def __init__(self, fact: str) -> None:
        self.fact = fact
        super().__init__(
            f"{fact}: give --plugin the same file, or accept the other code as a new recipe by --accept-code"
        )


def refuse_other_code(registry: Registry, arch: str, task: str, pinned: Any, where: str) -> None:
    """An :class:`OtherCode` where `pinned`, a recipe's hashes of code, are not those of the plugins of `registry`.

    What `pinned` does not name may be any code.
    """
    if not isinstance(pinned, Mapping) or not all(isinstance(digest, str) for digest in pinned.values()):
        raise UserError(f"{where}: {CODE} must be a table of hashes, architecture, task or both")
    for entry in registry.entries(arch, task):
        wanted = pinned.get(entry.kind, entry.code)
        if wanted != entry.code:
            here = f"{entry.file or entry.origin} has {entry.code}" if entry.code else "it is built-in here"
            raise OtherCode(f"{where} was made with the code {wanted} of {entry.kind} '{entry.name}', but {here}")


def compose(
    registry: Registry,
    arch: str,
    task: str,
    content: Mapping[str, Any],
    changes: Mapping[str, Any] | None = None,
    where: str = "recipe",
    *,
    accept_code: bool = False,
) -> Recipe:
    """The recipe of a pair.

    `content` has the tables ``layer``, ``training``, ``variant`` and ``encoder``; `task` may carry a variant too, as in
    ``adding[length=500]``; `changes` are single keys (``lr``, ``layer.dt``) that win over both. What nobody sets comes
    from the architecture's descriptor and the defaults of the constructors. Every wrong name, type and range is a
    :class:`UserError`.

    The recipe has the code that is at hand. Where `content` names other code in a table ``code``, that is an
    :class:`OtherCode` unless `accept_code`.
    """
    name, variant = split_variant(task)
    architecture, task_class = registry.architecture(arch), registry.task(name)
    if not accept_code:
        refuse_other_code(registry, arch, name, content.get(CODE, {}), where)
    if unknown := set(content) - {*TABLES, CODE}:
        raise UserError(f"{where}: there is no table '{min(unknown)}' (known: {', '.join(TABLES)})")
    tables = {key: dict(content.get(key, {})) for key in TABLES}
    tables["variant"].update(variant)
    known = {
        "layer": signature.keys_of(architecture.layer),
        "training": list(Training.model_fields),
        "variant": signature.keys_of(task_class),
        "encoder": signature.keys_of(task_class.encoder),
    }
    placed = [(*_place(key, known, f"{arch} on {name}"), value) for key, value in (changes or {}).items()]
    if any(place[:2] == ("training", "schedule") for place in placed):  # with what belonged to the schedule it replaces
        tables["training"] = {k: v for k, v in tables["training"].items() if k not in ("milestones", "decay")}
    for table, field, value in placed:
        tables[table][field] = value
    for place, group in groupby(sorted(placed, key=itemgetter(0, 1)), key=itemgetter(0, 1)):
        if len(values := [value for *_, value in group]) > 1 and values[0] != values[1]:
            raise UserError(f"{'.'.join(place)} is given twice, as {values[0]} and as {values[1]}")
    training = _training(tables["training"], where)
    layer = signature.layer_options(architecture, tables["layer"], f"{where}, {arch}", UNSET)
    with explained(f"architecture {arch}"):
        refused = architecture.constraint(layer) if architecture.constraint else None
        if refused:
            raise ValueError(refused)
    options = signature.validated(task_class, tables["variant"], f"{where}, {name}")
    encoder = signature.validated(task_class.encoder, tables["encoder"], f"{where}, encoder of {name}")
    code = registry.fingerprints(arch, name) or None
    return Recipe(arch=arch, task=name, variant=options, layer=layer, training=training, encoder=encoder, code=code)


def label(task_class: Any, recipe: Recipe) -> str:
    """The task as tables name it, with what differs from the default variant: ``psmnist[permutation=cornn]``."""
    default = signature.options_of(task_class).model_fields
    changed = {key: value for key, value in recipe.variant.items() if value != default[key].get_default()}
    options = ",".join(f"{key}={_as_typed(value)}" for key, value in changed.items())
    return f"{recipe.task}[{options}]" if options else recipe.task


def _as_typed(value: Any) -> str:
    """An option as :func:`split_variant` reads it back: truth values are TOML's."""
    if isinstance(value, list):
        return f"[{', '.join(repr(one) if isinstance(one, str) else _as_typed(one) for one in value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def split_variant(task: str) -> tuple[str, dict[str, Any]]:
    """``"adding[length=500]"`` -> ``("adding", {"length": 500})``."""
    name, bracket, rest = task.partition("[")
    if not bracket:
        return name, {}
    if not rest.endswith("]"):
        raise UserError(f"task '{task}': the variant must end with ], as in adding[length=500]")
    options: dict[str, Any] = {}
    for key, value in map(key_value, toml.items(rest[:-1])):
        if key in options:
            raise UserError(f"task '{task}': {key} is given twice")
        options[key] = value
    return name, options


def key_value(text: str) -> tuple[str, Any]:
    """``"lr=1e-3"`` -> ``("lr", 0.001)``: the value is read as TOML, and as text where it isn't TOML."""
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not key or not value:
        raise UserError(f"'{text}' is not of the form key=value")
    return key, toml.value(value)


def _place(key: str, known: Mapping[str, list[str]], pair: str) -> tuple[str, str]:
    """The table and the field that a key of ``--set`` means."""
    table, _, field = key.rpartition(".")
    places = [name for name, fields in known.items() if field in fields and table in ("", name)]
    if len(places) == 1:
        return places[0], field
    if places:
        raise UserError(f"key '{key}' is ambiguous: write {' or '.join(f'{place}.{field}' for place in places)}")
    names = [name for fields in known.values() for name in fields]
    raise UserError(f"there is no key '{key}' for {pair}{did_you_mean(field, names)}")


def _training(table: Mapping[str, Any], where: str) -> Training:
    given = dict(table)
    if given.get("schedule") == "step":
        given.setdefault("decay", 0.1)
    try:
        return Training(**given)
    except ValidationError as error:
        if not error.errors()[0]["loc"]:
            raise UserError(f"{where}: {error.errors()[0]['ctx']['error']}") from error
        raise UserError(signature.sentence(error, f"{where}, training", list(Training.model_fields))) from error
