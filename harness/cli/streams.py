"""Standard streams that a command can rely on, also where it was started without: by a daemon, cron or ``pythonw``."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

_kept: list[TextIO] = []
"""Standard output while it is kept for a document."""


def open_missing() -> None:
    """Let what is closed of standard input, output and error lead to the null device, as ``> /dev/null`` would.

    Their numbers are taken as well: the next file that is opened, such as the store, would be standard output to
    programs and libraries that know nothing of ``sys.stdout``.
    """
    for number in range(3):  # in this order, as a file gets the lowest number that is free
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 (for good)


def replace_unknown_letters() -> None:
    """Write a letter that a terminal lacks, or half of one, as an escape sequence instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def kept_for_document() -> Iterator[None]:
    """Keep standard output for :func:`print_document`; what a plugin, a library or a program prints goes to standard
    error."""
    if _kept:
        yield
        return
    out, descriptor = sys.stdout, None
    out.flush()
    try:
        if out.fileno() == 1:  # else a caller of Python has replaced it, and no other program writes there
            descriptor = os.dup(1)
            os.dup2(2, 1)
    except (OSError, AttributeError):  # a stream in memory
        pass
    kept = out if descriptor is None else open(descriptor, "w", encoding=out.encoding, errors=out.errors)  # noqa: PTH123, SIM115
    _kept.append(kept)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _kept.clear()
        if descriptor is not None:
            os.dup2(descriptor, 1)
            kept.close()


def print_document(text: str, end: str = "\n") -> None:
    """Print a document to standard output, also while that is kept for it."""
    print(text, end=end, file=_kept[0] if _kept else sys.stdout, flush=True)
