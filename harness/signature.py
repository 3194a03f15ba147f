"""Options read off a constructor: which keywords it takes, of which types, with which defaults.

A layer's hyper-parameters and a task's variant are the keywords of their constructors. Nothing else has to be declared.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache, partial
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, ValidatorFunctionWrapHandler, create_model, field_validator

from harness.errors import UserError, did_you_mean

NOT_HYPER_PARAMETERS = frozenset({"self", "input_size", "batch_first", "backend", "memory", "device", "dtype"})

LARGEST = 2**63 - 1
"""Largest whole number of a hyper-parameter: torch and databases have no larger ones."""

TOLD = {"bool_type": "Input should be true or false", "none_required": "Input should be none"}
"""Type of a mistake -> words for it that say more than pydantic's."""
STRICT = ConfigDict(
    extra="forbid", strict=True, allow_inf_nan=False, arbitrary_types_allowed=True, protected_namespaces=()
)


WORDS: dict[str, tuple[bool | None, ...]] = {
    **dict.fromkeys(("true", "yes", "on"), (True,)),
    **dict.fromkeys(("false", "no"), (False,)),
    "off": (False, None),
    **dict.fromkeys(("none", "null"), (None,)),
}
"""Words for a truth value or for nothing, where a key takes such a value and no text."""


class Words(BaseModel):
    """A strict model whose fields also take :data:`WORDS`, in any case, for what TOML writes true or false or omits."""

    model_config = STRICT

    @field_validator("*", mode="wrap")
    @classmethod
    def _by_word(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            for meant in WORDS.get(value.strip().lower(), ()) if isinstance(value, str) else ():
                with suppress(ValidationError):
                    return handler(meant)
            raise


@cache
def options_of(constructor: Callable[..., Any]) -> type[BaseModel]:
    """A strict model with one field for every keyword of `constructor` that a recipe may set.

    Bounds may be part of a type: ``Annotated[float, Ge(0), Lt(1)]`` of ``annotated_types``.
    """
    function: Any = constructor
    while isinstance(function, partial):
        function = function.func
    hints = get_type_hints(function.__init__ if inspect.isclass(function) else function, include_extras=True)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(constructor).parameters.items():
        if name in NOT_HYPER_PARAMETERS or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (hints.get(name, bool if isinstance(default, bool) else Any), default)
    return create_model(getattr(constructor, "__name__", "options"), __base__=Words, **fields)


def keys_of(constructor: Callable[..., Any]) -> list[str]:
    """The names of the options, in the order of the signature."""
    return list(options_of(constructor).model_fields)


def validated(constructor: Callable[..., Any], given: Mapping[str, Any], where: str, hint: str = "") -> dict[str, Any]:
    """All options with their values, defaults included, as JSON values; a :class:`UserError` names a wrong one.

    `hint` says how one that is missing is given a value, with ``{key}`` for its name.
    """
    try:
        found = options_of(constructor)(**given).model_dump(mode="json")
    except ValidationError as error:
        raise UserError(sentence(error, where, keys_of(constructor), hint)) from error
    for key, value in found.items():
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, int) and abs(number) > LARGEST:
                raise UserError(f"{where}: {key} is refused: whole numbers go up to 2**63 - 1")
    return found


def layer_options(architecture: Any, given: Mapping[str, Any], where: str, hint: str = "") -> dict[str, Any]:
    """All hyper-parameters of an architecture's layer: `given`, its defaults where they apply, those of the layer."""
    options = validated(architecture.layer, {**architecture.defaults, **given}, where, hint)
    needs = {key: other for key, other in architecture.default_needs.items() if key not in given}
    idle = {key for key, other in needs.items() if not options[other]}
    if not idle:
        return options
    defaults = {key: value for key, value in architecture.defaults.items() if key not in idle}
    return validated(architecture.layer, {**defaults, **given}, where, hint)


def sentence(error: ValidationError, where: str, known: list[str], hint: str = "") -> str:
    """The first thing that pydantic complains of, in one sentence."""
    errors = error.errors(include_url=False)
    first = min(errors, key=lambda e: e["type"] != "extra_forbidden")  # a misspelt key is why another one is missing
    key = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part in known) or str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        return f"{where}: there is no key '{key}'{did_you_mean(key, known)}"
    if first["type"] == "missing":
        return f"{where}: '{key}' must be set" + (f": {hint.format(key=key)}" if hint else "")
    alternatives = [TOLD.get(e["type"], e["msg"]) for e in errors if e["loc"][0] == first["loc"][0]]
    message = " or ".join(dict.fromkeys(alternatives))
    return f"{where}: {key} = {first['input']!r} is refused: {message[:1].lower()}{message[1:]}"
