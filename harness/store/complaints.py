"""What the complaints of a SQLite file mean for the person who reads them: what is wrong, and what to do."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sqlalchemy import Connection, text

MEANINGS = {
    "is locked": "is locked by another program that doesn't finish: end that program, or try again later",
    "readonly": "is read-only: make the file and its folder writable, or name another home with --home",
    "is full": "has no room left: free space on its disk and try again; what was stored before is untouched",
    "file is not a database": "is not a SQLite database: move that file away, or name another home with --home",
    "malformed": "is damaged: restore it from a copy or an export, or move it away to begin a new one",
    "disk I/O error": "cannot be read or written (disk I/O error): check the disk, and that it isn't full",
}
"""Part of a message of SQLite -> what it means and what to do."""
DENIED = re.compile(r"permission denied for (schema|table|relation|sequence|database) \"?([^\s\"]+)")
"""How PostgreSQL says that a right is missing."""
GRANTS = {
    "schema": "GRANT USAGE, CREATE ON SCHEMA {name} TO {user}",
    "table": "GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {user}",
    "relation": "GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {user}",
    "sequence": "GRANT USAGE ON SEQUENCE {name} TO {user}",
    "database": "GRANT CONNECT ON DATABASE {name} TO {user}",
}
"""What a right is missing for -> the statement that gives it."""
ENCODING = "create the database anew with ENCODING 'UTF8' TEMPLATE template0, or name another one"
BARRED = ("unable to open", "readonly")
"""Parts of the messages where a file or its folder can't be written, which SQLite may need even to read."""
LOGS = ("-wal", "-journal")
"""What SQLite appends to the name of a file for the changes that are not in it yet."""


def sentence(path: Path | None, complaint: str) -> str:
    """What follows "the store ...", for a complaint of SQLite about the file at `path` (None: it isn't known)."""
    barred = any(sign in complaint for sign in BARRED)
    if path is not None and barred and (cause := _of_the_disk(path.absolute().parent)):
        return cause
    for sign, meaning in MEANINGS.items():
        if sign in complaint:
            return meaning
    if path is not None and barred:
        return f"cannot be opened: {_obstacle(path)}"
    return f"cannot be used: {complaint}"


def of_server(complaint: str, user: str | None) -> str:
    """What follows "the store ..." or the like, for a complaint of a server to which `user` has logged in."""
    return f"cannot be used: {complaint}{_remedy(complaint, user)}"


def of_encoding(connection: Connection) -> str | None:
    """Why a database of PostgreSQL cannot keep every text, and what to do; None for one that can, and for others."""
    if connection.dialect.name != "postgresql":
        return None
    name = connection.scalar(text("SHOW server_encoding"))
    return None if name == "UTF8" else f"its database has the encoding {name}, which cannot keep every text; {ENCODING}"


def _remedy(complaint: str, user: str | None) -> str:
    """What to do about it, where that can be told from the complaint."""
    if denied := DENIED.search(complaint):
        kind, name = denied.groups()
        grantee = f'"{user}"' if user else "the user"
        return f"; let the owner of the database give the right: {GRANTS[kind].format(name=name, user=grantee)}"
    if "has no equivalent in encoding" in complaint:
        return f"; {ENCODING}"
    return ""


def unfinished_log(path: Path) -> Path | None:
    """The file with changes that are not in the database at `path` yet; None where there are none.

    Raises ``OSError`` where that can't be found out.
    """
    for log in (Path(f"{path}{ending}") for ending in LOGS):
        if log.exists() and log.stat().st_size:
            return log
    return None


def _of_the_disk(folder: Path) -> str | None:
    """What the disk under `folder` has to do with it, which SQLite doesn't tell."""
    if not hasattr(os, "statvfs"):  # Windows
        return None
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None
    if disk.f_flag & os.ST_RDONLY:
        return (
            "lies on a disk that is mounted read-only: mount it so that it can be written, or name another home"
            " with --home"
        )
    if disk.f_files and not disk.f_favail:  # file systems without a fixed number of inodes say that they have none
        return "lies on a disk that has no room for another file (no free inodes): delete files there and try again"
    return None


def _obstacle(path: Path) -> str:
    """Why a file on a disk that can be written couldn't be opened."""
    folder = path.absolute().parent
    if not folder.is_dir():
        return f"there is no folder {folder}"
    barred = "read and write the file" if path.exists() else f"create files in {folder}"
    return f"this user may not {barred}: change the permissions, or name another home with --home"
