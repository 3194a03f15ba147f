"""Empty places for stores, on every kind of database that is tested: SQLite files, databases of a PostgreSQL server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

Places = Callable[..., str]
"""``places("other")``: the URL of a place of that name; the same name gives the same place within a test."""
_numbers = count()


def files(folder: Path) -> Places:
    """Places that are SQLite files in `folder`."""
    return lambda name="store": f"sqlite:///{folder / name}.sqlite"


@contextmanager
def databases(server_url: str) -> Iterator[Places]:
    """Places that are databases of a server, made when they are first asked for, gone at the end."""
    made: dict[str, str] = {}

    def place(name: str = "store") -> str:
        if name not in made:
            made[name] = f"t{os.getpid()}_{next(_numbers)}_{name}"
            command(server_url, f'CREATE DATABASE "{made[name]}"')
        url = make_url(server_url).set(drivername="postgresql+psycopg", database=made[name])
        return url.render_as_string(hide_password=False)

    try:
        yield place
    finally:
        for name in made.values():
            command(server_url, f'DROP DATABASE "{name}" WITH (FORCE)')


def command(server_url: str, statement: str) -> None:
    """Carry out a statement of a server that no transaction may contain."""
    url = make_url(server_url).set(drivername="postgresql+psycopg")
    engine = create_engine(
        url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args={"client_encoding": "utf8"}
    )
    with engine.connect() as connection:
        connection.execute(text(statement))


@contextmanager
def behind(url: str) -> Iterator[Connection]:
    """A transaction behind the back of the store at `url`."""
    options = {} if is_file(url) else {"client_encoding": "utf8"}
    with create_engine(url, poolclass=NullPool, connect_args=options).begin() as connection:
        yield connection


def is_file(url: str) -> bool:
    """Whether the place at `url` is a SQLite file."""
    return url.startswith("sqlite:")
