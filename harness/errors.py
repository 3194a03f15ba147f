"""The one error that a person is meant to read: a single sentence, exit code 2, no traceback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class UserError(Exception):
    """What is wrong, where, and what to do, in one sentence. The command line prints it and ends with code 2."""


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn a ``ValueError``, ``TypeError``, ``OSError`` from inside into a :class:`UserError` that begins with `where`.

    Architectures and tasks know nothing of this package: they complain with the exceptions of the language,
    and this is the door through which such a complaint reaches a person.
    """
    try:
        yield
    except (ValueError, TypeError, OSError) as error:
        raise UserError(f"{where}: {one_line(error)}") from error


def debugging() -> bool:
    """Whether ``HARNESS_DEBUG`` asks for tracebacks beside the sentences."""
    return os.environ.get("HARNESS_DEBUG", "0") not in ("", "0")


def one_line(error: BaseException) -> str:
    """The message of `error` on one line, without the type's name unless there is no message."""
    return " ".join(str(error).split()) or type(error).__name__


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``" (did you mean 'unicornn'?)"`` or, where nothing is near, the list of what there is."""
    names = sorted(known)
    near = get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    if near:
        return f" (did you mean '{near[0]}'?)"
    return f" (known: {', '.join(names)})" if names else ""
