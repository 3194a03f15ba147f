"""The one error that a person is meant to read: a single sentence, exit code 2, no traceback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING

from harness.masking import mask

if TYPE_CHECKING:
    from collections.abc import Iterable


class UserError(Exception):
    """What is wrong, where, and what to do, in one sentence. The command line prints it and ends with code 2."""


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn what an architecture, a task or a report raises inside into a :class:`UserError` that begins with `where`.

    These know nothing of this package: they complain by ``ValueError`` or ``OSError`` with a sentence of their own, and
    this is the door through which it reaches a person. Anything else is a mistake in their code: told with its place.
    """
    try:
        yield
    except UserError:
        raise
    except (ValueError, OSError) as error:
        raise UserError(f"{where}: {one_line(error)}") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # of any kind: a plugin may raise what it likes
        if is_out_of_memory(error):
            raise UserError(f"{where}: there is not enough memory for it, choose smaller sizes") from error
        raise UserError(f"{where}: {with_place(error)}") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on the CPU or a GPU; torch says so by several types and wordings."""
    signs = ("not enough memory", "can't allocate memory", "out of memory")
    return isinstance(error, MemoryError) or any(sign in message_of(error) for sign in signs)


def with_place(error: BaseException) -> str:
    """``TypeError: message (file.py, line 12)`` for an exception that was not meant to be read by its message alone."""
    name = type(error).__name__
    trace = extract_tb(error.__traceback__)
    place = f" ({Path(trace[-1].filename).name}, line {trace[-1].lineno})" if trace else ""
    text = one_line(error)
    return f"{name}{place}" if text == name else f"{name}: {text}{place}"


def debugging() -> bool:
    """Whether ``HARNESS_DEBUG`` asks for tracebacks beside the sentences."""
    return os.environ.get("HARNESS_DEBUG", "0") not in ("", "0")


def one_line(error: BaseException) -> str:
    """The message of `error` on one line without passwords, and without the type's name unless there is no message."""
    return " ".join(mask(message_of(error)).split()) or type(error).__name__


def message_of(error: BaseException) -> str:
    """What `error` says; of a group, what the first of its errors says; nothing where that fails itself."""
    try:
        said = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException:  # of the plugin that raised it
        return ""
    if isinstance(error, BaseExceptionGroup):
        first = error.exceptions[0]
        return f"{said}: {type(first).__name__}: {message_of(first)}"
    return said


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``" (did you mean 'unicornn'?)"`` or, where nothing is near, the list of what there is."""
    names = sorted(map(str, known))
    near = get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    if near:
        return f" (did you mean '{near[0]}'?)"
    return f" (known: {', '.join(names)})" if names else ""
