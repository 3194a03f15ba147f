"""Text files that people hand over: UTF-8 with or without a byte order mark, or UTF-16 and UTF-32 with one."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.errors import UserError

MARKS = (  # the mark of UTF-32 begins like that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks, and the encoding that each stands for."""


def encoding_of(head: bytes) -> str:
    """The encoding of a text that begins with `head`, at least four bytes where there are as many."""
    return next((name for mark, name in MARKS if head.startswith(mark)), "utf-8")


def decoded(content: bytes, where: str) -> str:
    """The text of a whole file, with ``\\n`` for all line ends; a :class:`UserError` that begins with `where` if it is
    in another encoding."""
    encoding = encoding_of(content[:4])
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        place = f"byte {error.start}" + (f", line {line}" if encoding.startswith("utf-8") else "")
        found = f" (0x{content[error.start]:02x})" if error.start < len(content) else ""
        name = encoding.removesuffix("-sig").upper()
        raise UserError(f"{where}: {place}{found} is not {name}: save the file as UTF-8") from error
    if encoding == "utf-8" and (zero := content.find(b"\0")) >= 0:
        raise UserError(
            f"{where}: byte {zero} is 0, as in UTF-16 without a byte order mark or a binary file: save it as UTF-8"
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_text(file: Path, where: str) -> str:
    """The text of a file, see :func:`decoded`; a :class:`UserError` too where it cannot be read."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"{where}: cannot be read ({error.strerror or error})") from error
    return decoded(content, where)


def utf8_lines(lines: Iterable[bytes], where: str) -> Iterator[bytes]:
    """The lines of a text as UTF-8 without a byte order mark, whatever encoding its mark tells; see :func:`decoded`.

    Lines that have no mark before them are passed on as they are, one by one.
    """
    rest = iter(lines)
    first = next(rest, b"")
    if encoding_of(first[:4]) in ("utf-16", "utf-32"):  # cut at bytes that are no line ends there
        for line in decoded(first + b"".join(rest), where).split("\n"):
            yield line.encode()
        return
    yield first.removeprefix(codecs.BOM_UTF8)
    yield from rest
