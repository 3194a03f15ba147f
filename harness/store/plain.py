"""Python values as JSON that any reader takes and any database stores, and back without loss.

JSON has no number for NaN and the infinities: they are the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``.
Only :func:`number` turns such a string back, so that text which merely looks like one stays text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def dumps(value: Any, indent: int | None = None) -> str:
    """`value` as JSON, compact unless `indent` is given, in ASCII: no terminal, file or database can garble it."""
    separators = (",", ":") if indent is None else None
    return json.dumps(jsonable(value), indent=indent, separators=separators, allow_nan=False)


loads = json.loads


def jsonable(value: Any) -> Any:
    """`value` with mappings, sequences and floats in JSON's forms; :mod:`json` refuses what is unknown."""
    if isinstance(value, str):
        return words(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _name(value)
    if isinstance(value, Mapping):
        return {jsonable(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    return value


def number(value: Any) -> Any:
    """The float that a string of :data:`NOT_FINITE` stands for; any other value as it is."""
    return NOT_FINITE.get(value, value) if isinstance(value, str) else value


def words(text: str) -> str:
    """`text` with a replacement mark for NUL and for lone surrogates, which are no Unicode and no database takes."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _name(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves of nested mappings by their dotted keys: ``{"training.lr": 0.001}``. An empty mapping is a leaf."""
    leaves: dict[str, Any] = {}
    for key, item in value.items():
        nested = isinstance(item, Mapping) and item
        leaves |= flat(item, f"{prefix}{key}.") if nested else {f"{prefix}{key}": item}
    return leaves
