"""Credentials kept out of everything that is shown or stored: what looks like one, and the one function that masks it.

This module imports nothing heavy, as every message passes through :func:`mask`.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

MASK = "***"
"""What a password is shown as."""
SHORTEST = 4
"""Letters of a password from which on it is masked inside words too: a shorter one is a part of many words."""

_known: set[str] = set()
_SHOWN = rf"[^\s@]*:{re.escape(MASK)}@|{re.escape(MASK)}@|user:password@"
"""What follows the scheme of a URL that is masked already, or an example."""
_URL = re.compile(
    r"(?i)(?<![\w+.-])(?:"
    rf"(https?:/+)(?!/|{_SHOWN})[^\n]*@"
    rf"|([a-z][\w+.-]*:/+)(?!/|{_SHOWN})[^\n]*:[^\n]*@)"
)
"""A URL with a password, up to the last ``@`` of the line, as a password that isn't encoded may hold an ``@`` itself;
with http the name of a user may be a token."""
_ASSIGNED = re.compile(r"(?i)(pass(?:word|wd|phrase)|pwd)(\s*=\s*)(?!\*\*\*|\s)('(?:[^'\\]|\\.)*'|[^\n]+)")
"""``password=...`` of a connection string; without quotes to the end of the line."""
_PAIR = re.compile(r"(?i)(?:^|[\s;&?])(?:host|hostaddr|port|user|dbname|database|server|passfile|service|sslmode)\s*=")
_PLAIN_PATH = re.compile(r"[/\\](?![/\\])|\.{1,2}[/\\]|~|[A-Za-z]:[/\\]")


def remember(password: str) -> None:
    """Mask `password` from now on, however it is encoded."""
    _known.update(form for form in (password, quote(password, safe=""), quote(password), unquote(password)) if form)


def mask(text: str) -> str:
    """`text` with every password in it blotted out: those remembered, and what stands where a password stands."""
    for secret in sorted(_known, key=len, reverse=True):
        if len(secret) >= SHORTEST:
            text = text.replace(secret, MASK)
        elif secret in text:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
    return _ASSIGNED.sub(rf"\1\2{MASK}", _URL.sub(rf"\1\2{MASK}@", text))


def is_address(text: str) -> bool:
    """Whether `text` is meant as the address of a server, well formed or not, rather than as a path.

    A path of such a form is written as ``./name``.
    """
    text = text.strip().strip("\"'")
    if "://" in text or _ASSIGNED.search(text):
        return True
    if _PLAIN_PATH.match(text):
        return False
    return bool(re.match(r"[A-Za-z][\w+.-]+:/", text) or re.search(r":[^@]*@", text) or _PAIR.match(text))


def holds_password(text: str) -> bool:
    """Whether `text` is a URL or a connection string with a password."""
    return bool(_URL.search(text) or (_ASSIGNED.search(text) and _PAIR.search(text)))
