"""Addresses of databases: made of paths, read from what a person gives, and shown without their passwords."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from harness.errors import UserError
from harness.masking import remember

FORM = (
    "it has the form postgresql://user:password@host/database, with @ : / ? # % and spaces in a password written as"
    " %40 %3A %2F %3F %23 %25 %20, or"
)
_SERVER = re.compile(
    r"[\w+]+://"
    r"([^:/?#@\s]*(:(?P<password>[^/?#@\s]*))?@)?"
    r"(\[[0-9A-Fa-f:.]+(%\w+)?\]|[A-Za-z0-9._-]*)(:\d+)?"
    r"(/[^/:?#@\s]*)?"
    r"(\?[^#@\s]*)?"
)
"""A URL of a server that can be read in one way only: no part of a password can be taken for anything else."""
_SECRET = re.compile(r"(?i)pass(?!file)|pwd|secret|token")
"""Options of a URL whose values are not shown."""


def of_file(path: Path) -> URL:
    """The URL of a SQLite file, whatever characters its path has."""
    return URL.create("sqlite", database=str(path))


def parse(given: str, what: str, file: str = "store.sqlite") -> URL:
    """The database URL that a person gave; from now on its passwords are masked in every message.

    Raises :class:`UserError`, which begins with `what` and quotes nothing of `given`, where it is none, or where a part
    of its password could be taken for a host. `file` is the name of the file in the example.
    """
    try:
        url = make_url(given)
    except (ArgumentError, ValueError):
        url = None
    form = _SERVER.fullmatch(given)
    sqlite = url is not None and url.get_backend_name() == "sqlite"
    if url is None or (sqlite and (url.username or url.password or url.host or url.port)) or not (sqlite or form):
        raise UserError(f"{what} is no database URL: {FORM} sqlite:////folder/{file} (three slashes: a relative path)")
    if form:
        remember(form["password"] or "")
    _remember(url)
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgres", "postgresql") else url


def text(url: URL) -> str:
    """`url` as text for :func:`read`, with its password: not to be shown. A SQLite file is its absolute path."""
    return str(Path(url.database or "").absolute()) if is_file(url) else rendered(url)


def rendered(url: URL) -> str:
    """`url` as :func:`parse` takes it, with its password: not to be shown."""
    return url.render_as_string(hide_password=False).replace(" ", "%20")  # which SQLAlchemy leaves as they are


def read(text_of_url: str) -> URL:
    """The URL that :func:`text` wrote."""
    url = of_file(Path(text_of_url)) if Path(text_of_url).is_absolute() else make_url(text_of_url)
    _remember(url)
    return url


def is_file(url: URL) -> bool:
    """Whether `url` is that of a SQLite file by its path, rather than by one of SQLite's own ``file:`` addresses."""
    return url.get_backend_name() == "sqlite" and "uri" not in url.query


def shown(url: URL) -> str:
    """`url` for a person to read: the path of a SQLite file, else the URL without password and options."""
    return (url.database or "") if is_file(url) else url.set(query={}).render_as_string(hide_password=True)


def encoding(url: URL) -> dict[str, str]:
    """Options of a connection to PostgreSQL that carry any text, whatever PGCLIENTENCODING says."""
    return {"client_encoding": "utf8"} if url.drivername == "postgresql+psycopg" else {}


def _remember(url: URL) -> None:
    """Let all that is secret in a URL be masked."""
    options = [value for key, values in url.normalized_query.items() if _SECRET.search(key) for value in values]
    for secret in (str(url.password or ""), *options):
        remember(secret)
