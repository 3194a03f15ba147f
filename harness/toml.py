"""TOML from people: a value on the command line, or a file. What no person would write is refused, not followed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.textfile import read_text

LONGEST = 10_000
"""Characters of one value."""
LARGEST = 1_000_000
"""Bytes of a file."""
DEEPEST = 20
"""Lists and tables in each other."""
TRUTH = {"True": True, "False": False}
"""Truth values as Python writes them."""
_DECIMAL = re.compile(r"[+-]?(\d+\.|\.\d+)([eE][+-]?\d+)?")


def value(text: str) -> Any:
    """A single value as TOML reads it, ``.5`` and ``5.`` as Python does; anything else is text.

    In a list words may stand without quotes, as a shell leaves them; True and False are truth values there.
    """
    if len(text) > LONGEST:
        raise UserError(f"'{text[:40]}...' has {len(text):,} characters: a value has {LONGEST:,} at most")
    if _DECIMAL.fullmatch(text):
        return float(text)
    deep = f"'{text[:40]}...' is nested more than {DEEPEST} deep"
    try:
        found = tomllib.loads(f"value = {text}")
    except ValueError:  # no TOML, or a number of thousands of digits
        found = {"value": _list_of_words(text, deep)}
    except RecursionError as error:
        raise UserError(deep) from error
    if is_deep(found, DEEPEST + 1):
        raise UserError(deep)
    return found["value"] if len(found) == 1 else text


def items(text: str) -> list[str]:
    """What stands between the commas of `text`, without those in brackets and quotation marks; nothing of blanks."""
    found, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        else:
            depth += (letter in "[{") - (letter in "]}")
        if letter == "," and not quote and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [one.strip() for one in found if one.strip()]


def _list_of_words(text: str, deep: str) -> Any:
    """A list that is no TOML because of its words; `text` itself where it is no list."""
    if not (text.startswith("[") and text.endswith("]")):
        return text
    if len(text) - len(text.lstrip("[ ")) > 2 * DEEPEST:
        raise UserError(deep)
    return [TRUTH[one] if one in TRUTH else value(one) for one in items(text[1:-1])]


def read(file: Path, where: str) -> dict[str, Any]:
    """The content of a file; a :class:`UserError` that begins with `where` says why there is none."""
    return parsed(text_of(file, where), where)


def text_of(file: Path, where: str) -> str:
    """The text of a file that may be TOML."""
    try:
        size = file.stat().st_size
        if size > LARGEST:
            raise UserError(f"{where}: is too large with {size:,} bytes: such a file has {LARGEST:,} at most")
    except OSError as error:
        raise UserError(f"{where}: cannot be read ({error.strerror})") from error
    return read_text(file, where)


def parsed(text: str, where: str) -> dict[str, Any]:
    """`text` as TOML."""
    try:
        found = tomllib.loads(text)
    except ValueError as error:
        raise UserError(f"{where}: not TOML: {error}") from error
    except RecursionError as error:
        raise UserError(f"{where}: is nested more than {DEEPEST} deep") from error
    if is_deep(found, DEEPEST):
        raise UserError(f"{where}: is nested more than {DEEPEST} deep")
    return found


def is_deep(content: Any, most: int) -> bool:
    """Whether lists and tables stand in each other more than `most` deep."""
    level = [content]
    for _ in range(most + 1):
        level = [
            item
            for one in level
            if isinstance(one, Mapping | list)
            for item in (one.values() if isinstance(one, Mapping) else one)
        ]
        if not level:
            return False
    return any(isinstance(one, Mapping | list) for one in level)
