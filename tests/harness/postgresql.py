"""A PostgreSQL server on loopback for a test: an empty one, in a folder of its own, by a user without rights."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ATTEMPTS = 5
PASSWORD = "se!cret/one"
QUOTED = "se%21cret%2Fone"


def programs() -> Path:
    """The folder of initdb and pg_ctl; the test is skipped where there is none."""
    pytest.importorskip("psycopg", reason="needs the driver psycopg, of the extra postgresql")
    if (found := shutil.which("initdb")) is not None:
        return Path(found).resolve().parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not debian:
        pytest.skip("needs a PostgreSQL server (Debian: apt-get install postgresql)")
    return debian[-1].parent


@contextmanager
def server() -> Iterator[str]:
    """The URL of a running server, with a password."""
    folder, bare = programs(), Path(tempfile.mkdtemp(prefix="pg-"))
    who = _unprivileged()
    data = bare / "data"
    (bare / "password").write_text(PASSWORD)
    if who:
        for path in (bare, bare / "password"):
            os.chown(path, who["user"], who["group"])

    def call(program: str, *arguments: str) -> None:
        command = [str(folder / program), "-D", str(data), *arguments]
        with (bare / f"{program}.log").open("a+") as log:  # a pipe would stay open as long as the server
            done = subprocess.run(command, cwd=bare, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **who)
            log.seek(0)
            assert done.returncode == 0, log.read()

    try:
        call("initdb", "-U", "tester", "-A", "scram-sha-256", f"--pwfile={bare / 'password'}", "-N", "-E", "UTF8")
        for attempt in range(ATTEMPTS):
            port = _free_port()  # which another program may take before the server does
            settings = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={bare} -c fsync=off"
            try:
                call("pg_ctl", "-w", "-t", "300", "-o", settings, "-l", str(bare / "server.log"), "start")
                break
            except AssertionError:
                if attempt == ATTEMPTS - 1:
                    raise
        try:
            yield f"postgresql://tester:{QUOTED}@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(bare, ignore_errors=True)


def _unprivileged() -> dict[str, object]:
    """What subprocess needs to give up root's rights, which PostgreSQL doesn't start with."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    pytest.skip("needs a user other than root to run PostgreSQL")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
