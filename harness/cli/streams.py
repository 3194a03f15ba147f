"""Standard streams that a command can rely on, also where it was started without: by a daemon, cron or ``pythonw``."""

from __future__ import annotations

import io
import os
import sys


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
