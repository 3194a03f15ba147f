"""How a person writes a range, and how one is told: ``1e-4..1e-1 log``, ``2..4``, ``[16, 32, 64]`` or one value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from harness import toml
from harness.errors import UserError

OFF = "off"
"""How a choice stands for a key that is not set, such as ``clip_norm``."""
FORM = "write a range such as 1e-4..1e-1 log or 2..4, choices such as [16, 32, 64], or one value"

LIMITS = "whole numbers go from -2**53 to 2**53, others from -1e300 to 1e300"

Ends = tuple[float, float, bool]
"""Both ends of a range, and whether it is searched by its logarithm."""


def read(file: Path) -> dict[str, Any]:
    """The table ``[space]`` of a TOML file: key to a range as text, a list of choices, or one value."""
    content = toml.read(file, f"--space-file {file}")
    table = content.pop("space", None)
    if not isinstance(table, dict) or content:
        raise UserError(f"--space-file {file}: must have one table, [space], with a line KEY = SPEC for each key")
    return table


def parsed(spec: Any, where: str) -> Ends | list[Any]:
    """A range as its ends, or a list of choices; one value is a list of one."""
    if isinstance(spec, str):
        text = spec.strip()
        if ".." in text:
            return _ends(text, where)
        spec = _listed(text, where) if text.startswith("[") else toml.value(text)
    if isinstance(spec, Mapping):
        raise UserError(f"{where}: {FORM}")
    choices = list(spec) if isinstance(spec, list) else [spec]
    if not choices or not all(isinstance(choice, str | int | float | bool) for choice in choices):
        raise UserError(f"{where}: a choice must be a number, a word or a truth value; {FORM}")
    if not all(_fits(choice) for choice in choices if isinstance(choice, int | float)):
        raise UserError(f"{where}: {LIMITS}")
    if len(set(choices)) < len(choices):
        raise UserError(f"{where}: a choice is given twice")
    return choices


def _fits(number: float) -> bool:
    """Whether a sampler can calculate with a number."""
    return abs(number) <= (2**53 if isinstance(number, int) else 1e300)  # not so for NaN


def _ends(text: str, where: str) -> Ends:
    match = re.fullmatch(r"(\S+?)\s*\.\.\s*(\S+?)(\s+log)?", text)
    ends = [toml.value(end) for end in match.groups()[:2]] if match else []
    numbers = [end for end in ends if isinstance(end, int | float) and not isinstance(end, bool)]
    if match is None or len(numbers) < 2:
        raise UserError(f"{where}: {FORM}")
    if not all(map(_fits, numbers)):
        raise UserError(f"{where}: {LIMITS}")
    low, high, log = *numbers, match[3] is not None
    if not low < high:
        raise UserError(f"{where}: the range must begin below its end")
    if log and low <= 0:
        raise UserError(f"{where}: a range searched by its logarithm must begin above 0")
    return low, high, log


def _listed(text: str, where: str) -> list[Any]:
    """Choices as :func:`harness.toml.value` reads a list."""
    value = toml.value(text)
    if isinstance(value, list):
        return value
    raise UserError(f"{where}: the choices must end with ]")


def told(distribution: BaseDistribution) -> str:
    """A distribution as a person writes it."""
    if isinstance(distribution, CategoricalDistribution):
        choices = ", ".join(number(choice) for choice in distribution.choices)
        return choices if len(distribution.choices) == 1 else f"[{choices}]"
    if isinstance(distribution, FloatDistribution | IntDistribution):
        if distribution.low == distribution.high:
            return number(distribution.low)
        step = f" step {number(distribution.step)}" if distribution.step not in (None, 1) else ""
        log = " log" if distribution.log else ""
        return f"{number(distribution.low)}..{number(distribution.high)}{log}{step}"
    return repr(distribution)


def number(value: Any) -> str:
    """A value as it is typed: ``1e-4`` and not ``0.0001``, ``true`` and not ``True``."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, float):
        return str(value)
    short = f"{value:g}"
    if value and not 1e-3 <= abs(value) < 1e5:
        mantissa, _, exponent = f"{value:e}".partition("e")
        short = f"{float(mantissa):g}e{int(exponent)}"
    return short
