"""What goes wrong with files, each as one sentence: what it is, where, what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
INSTEAD = "name another data folder with --data-root or HARNESS_DATA"
"""What to do where the data folder cannot be used."""


class Refused(OSError):
    """One sentence on why files are not read, taken or written."""


class NotThere(Refused):
    """The archive or folder does not hold the data set."""


class Wrong(ValueError):
    """A file does not hold what it should: a sentence that begins with the file and does not say what to do."""


def reason(error: BaseException) -> str:
    """What an exception says, on one line; its type where it says nothing."""
    told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(told.split()) or type(error).__name__


@contextmanager
def reading(told: str) -> Iterator[None]:
    """Around all that reads the archive or folder `told`: whatever a library raises at it becomes ``Refused``.

    The readers of archives know no common error: a flipped bit may end in one of theirs, in that of a decompressor, in
    a UnicodeDecodeError, a RuntimeError, even a MemoryError.
    """
    try:
        yield
    except Refused:
        raise
    except OSError as error:
        if error.errno is None:
            raise Refused(f"{told} is damaged ({reason(error)}): get a good copy") from error
        raise Refused(f"{told} cannot be read ({reason(error)}): make it readable, or get a good copy") from error
    except Exception as error:
        raise Refused(f"{told} is damaged ({reason(error)}): get a good copy") from error


@contextmanager
def writing(folder: Path, instead: str) -> Iterator[None]:
    """Around all that writes below `folder`: an ``OSError`` of the system becomes ``Refused`` that says what to do."""
    try:
        yield
    except Refused:
        raise
    except OSError as error:
        if error.errno is None:
            raise
        if error.errno in FULL:
            raise Refused(f"the disk of {folder} is full ({reason(error)}): make room there, or {instead}") from error
        raise Refused(f"{folder} cannot be written ({reason(error)}): make it writable, or {instead}") from error
