"""What goes wrong with a store on a server is one sentence without its password, and nothing is half stored."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from optuna.study import StudyDirection
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from harness.cli import run_command
from harness.errors import UserError
from harness.home import Home
from harness.store import CurvePoint, NoStore, Run, Store, rows, store_to_list
from harness.store.database import Database
from harness.store.schema import metadata
from harness.tuning.storage import address, open_storage

from ..processes import until
from .postgresql import PASSWORD, QUOTED, server
from .stores import behind, command, databases


def a_run(**changes: Any) -> Run:
    given: dict[str, Any] = {"recipe": {}, "recipe_name": "standard", "recipe_hash": "0a1b", "seed": 0}
    curve = [CurvePoint(1, 1, 1.0, 1.0, 1.0, 0.5, 1e-3)]
    return Run(arch="lstm", task="psmnist", metric="accuracy", curve=curve, **given | changes)


@pytest.fixture
def url(server_url: str) -> Iterator[str]:
    with databases(server_url) as places:
        yield places()


def refusal(action: Any) -> str:
    """The sentence of the refusal: one line without types and without the password."""
    with pytest.raises(UserError) as caught:
        action()
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert "sqlalche" not in sentence
    for secret in (PASSWORD, QUOTED, "wrong!word", "wrong%21word"):
        assert secret not in sentence
    return sentence


def cut_off(url: str) -> None:
    """Let the server end all connections to its database but the one that asks."""
    others = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
    with behind(url) as connection:
        ended = connection.scalars(
            text(f"{others} WHERE datname = current_database() AND pid <> pg_backend_pid()")
        ).all()
    assert True in ended


def test_the_driver_need_not_be_named(url: str) -> None:
    run = a_run()
    Store.open(url).add(run)
    assert Store.open(url.replace("postgresql+psycopg:", "postgresql:")).get(run.id) == run
    assert Store.open(url.replace("postgresql+psycopg:", "postgres:")).count() == 1


def test_a_database_without_tables_is_no_store_yet(url: str) -> None:
    with pytest.raises(NoStore, match="there is no store at postgresql\\+psycopg://tester:\\*\\*\\*@127.0.0.1"):
        Store.open(url, create=False)
    with behind(url) as connection:
        assert connection.scalar(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")) == 0


def test_who_lists_what_isnt_there_yet_sees_nothing_and_makes_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_STORE", url)
    nothing = store_to_list()
    assert (nothing.count(), nothing.runs(), nothing.skipped(), list(nothing.timings())) == (0, [], [], [])
    assert nothing.runs_frame().empty
    with behind(url) as connection:
        assert connection.scalar(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")) == 0


def test_tables_of_others_are_left_alone(url: str) -> None:
    with behind(url) as connection:
        connection.execute(text("CREATE TABLE runs (diary TEXT)"))
    Store.open(url).add(a_run())
    with behind(url) as connection:
        assert connection.scalar(text("SELECT count(*) FROM runs")) == 0


def test_a_wrong_password_is_told_without_any_password(url: str) -> None:
    sentence = refusal(lambda: Store.open(url.replace(QUOTED, "wrong%21word")))
    assert "tester:***@127.0.0.1" in sentence
    assert "password authentication failed" in sentence


def test_a_database_that_isnt_there_is_told(url: str) -> None:
    wrong = make_url(url).set(database="nonesuch").render_as_string(hide_password=False)
    assert 'database "nonesuch" does not exist' in refusal(lambda: Store.open(wrong))


def test_a_server_that_isnt_there_is_told(url: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and doesn't listen
        gone = make_url(url).set(port=taken.getsockname()[1]).render_as_string(hide_password=False)
        assert "Connection refused" in refusal(lambda: Store.open(gone))
        monkeypatch.setenv("HARNESS_STORE", gone)
        assert run_command(["list", "runs"]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: the store postgresql+psycopg://tester:***@127.0.0.1")
    assert said.err.count("\n") == 1
    assert QUOTED not in said.err


def test_an_option_that_isnt_one_is_told(url: str) -> None:
    assert 'invalid connection option "patience"' in refusal(lambda: Store.open(f"{url}?patience=5"))


def test_the_options_of_an_address_count_and_are_not_shown(url: str) -> None:
    store = Store.open(f"{url}?connect_timeout=7&application_name=mine")
    assert "mine" not in store.name
    with store.database.reading() as connection:
        assert connection.scalar(text("SHOW application_name")) == "mine"


def test_a_database_is_not_read_before_it_must_be() -> None:
    assert Database(f"postgresql://me:{QUOTED}@nowhere.invalid/runs").name == (
        "postgresql+psycopg://me:***@nowhere.invalid/runs"
    )


def test_a_connection_that_ends_while_it_writes_leaves_nothing_half_done(url: str) -> None:
    store = Store.open(url)

    def write() -> None:
        with store.database.writing() as connection:
            rows.write(connection, [a_run()])
            cut_off(url)
            rows.write(connection, [a_run()])

    assert refusal(write).startswith("the store postgresql+psycopg://tester:***@127.0.0.1")
    assert (store.count(), len(store.curves_frame())) == (0, 0)
    store.add(a_run())
    assert store.count() == 1


def test_a_connection_that_ends_before_the_end_of_a_transaction_stores_nothing(url: str) -> None:
    store = Store.open(url)

    def write() -> None:
        with store.database.writing() as connection:
            rows.write(connection, [a_run()])
            cut_off(url)

    assert "cannot be used" in refusal(write)
    assert store.count() == 0


def test_a_connection_that_ends_while_it_reads_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "PAGE", 2)
    store = Store.open(url)
    for seed in range(5):
        store.add(a_run(seed=seed))
    found = store.each()
    next(found)
    cut_off(url)
    assert "cannot be used" in refusal(lambda: list(found))
    assert len(list(store.each())) == 5


def test_a_server_that_crashes_keeps_what_was_stored() -> None:
    with server() as url:
        store = Store.open(url)
        kept = a_run()
        store.add(kept)

        def write() -> None:
            with store.database.writing() as connection:
                rows.write(connection, [a_run()])
                kill_server_of(connection)
                rows.write(connection, [a_run()])

        assert "cannot be used" in refusal(write)
        until(lambda: answers(store))  # it recovers
        assert store.runs(with_curves=True) == [kept]
        store.add(a_run())
        assert store.count() == 2


def answers(store: Store) -> bool:
    try:
        store.runs()
    except UserError:
        return False
    return True


def kill_server_of(connection: Connection) -> None:
    """End the process at the other end as a crash does; the server then ends all others, and begins anew."""
    os.kill(connection.scalar(text("SELECT pg_backend_pid()")), signal.SIGKILL)


def test_a_lock_of_a_server_that_is_gone_is_told(url: str) -> None:
    store = Store.open(url)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        store.database.engine.url = make_url(url).set(port=taken.getsockname()[1])
        assert "cannot be used" in refusal(lambda: store.held("cell"))
        assert "cannot be used" in refusal(lambda: store.alone("cell", "it", "wait").__enter__())


def test_a_user_who_may_only_read_reads(url: str) -> None:
    store = Store.open(url)
    store.add(a_run())
    with behind(url) as connection:
        connection.execute(text("CREATE ROLE guest LOGIN PASSWORD 'wrong!word'"))
        connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest"))
    try:
        theirs = Store.open(f"postgresql+psycopg://guest:wrong%21word@{url.partition('@')[2]}")
        assert theirs.runs(with_curves=True) == store.runs(with_curves=True)
        assert "permission denied" in refusal(lambda: theirs.add(a_run()))
        assert store.count() == 1
    finally:
        with behind(url) as connection:
            connection.execute(text("DROP OWNED BY guest"))
            connection.execute(text("DROP ROLE guest"))


@contextmanager
def guest(url: str, *grants: str) -> Iterator[str]:
    """The URL of a user who has been given these rights only."""
    with behind(url) as connection:
        connection.execute(text("CREATE ROLE guest LOGIN PASSWORD 'wrong!word'"))
        for grant in grants:
            connection.execute(text(f"GRANT {grant} TO guest"))
    try:
        yield f"postgresql+psycopg://guest:wrong%21word@{url.partition('@')[2]}"
    finally:
        with behind(url) as connection:
            connection.execute(text("DROP OWNED BY guest"))
            connection.execute(text("DROP ROLE guest"))


def test_a_right_that_is_missing_is_told_with_the_statement_that_gives_it(url: str, tmp_path: Path) -> None:
    with guest(url) as theirs:  # since PostgreSQL 15 nobody may make tables unasked
        told = [refusal(lambda: Store.open(theirs))]
        told.append(refusal(lambda: open_storage(address(theirs), Home(tmp_path))))
        for sentence in told:
            assert sentence.endswith('GRANT USAGE, CREATE ON SCHEMA public TO "guest"')
        with behind(url) as connection:
            connection.execute(text(told[0].rpartition(": ")[2]))
        assert Store.open(theirs).count() == 0
        assert open_storage(address(theirs), Home(tmp_path)).storage.get_all_studies() == []


def test_a_right_on_a_table_that_is_missing_is_told_with_the_statement_that_gives_it(url: str) -> None:
    store = Store.open(url)
    with guest(url, "USAGE ON SCHEMA public") as theirs:
        sentence = refusal(lambda: Store.open(theirs))
        assert sentence.endswith('GRANT SELECT, INSERT, UPDATE, DELETE ON harness_meta TO "guest"')
        for table in metadata.tables:
            with behind(url) as connection:
                connection.execute(text(sentence.rpartition(": ")[2].replace("harness_meta", table)))
        Store.open(theirs).add(a_run())
        assert store.count() == 1


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_keep_every_text_is_refused(server_url: str, tmp_path: Path, encoding: str) -> None:
    name = f"other_{encoding.lower()}"
    command(server_url, f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    try:
        other = make_url(server_url).set(database=name).render_as_string(hide_password=False)
        for make in (lambda: Store.open(other), lambda: open_storage(address(other), Home(tmp_path))):
            assert f"has the encoding {encoding}" in refusal(make)
        with behind(other.replace("postgresql:", "postgresql+psycopg:")) as connection:
            metadata.create_all(connection)  # as a version before made it
            connection.execute(text("INSERT INTO harness_meta VALUES ('schema', '2')"))
        store = Store.open(other)
        store.add(a_run(recipe_name="plain"))
        if encoding == "LATIN1":
            assert "has no equivalent in encoding" in refusal(lambda: store.add(a_run(recipe_name="\N{SNOWMAN}")))
        else:
            store.add(a_run(recipe_name="\N{SNOWMAN}"))
        assert {run.recipe_name for run in store.runs()} <= {"plain", "\N{SNOWMAN}"}
    finally:
        command(server_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_the_encoding_of_the_environment_changes_nothing(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", encoding)
    store = Store.open(url)
    store.add(a_run(recipe_name="\N{SNOWMAN} é"))
    assert store.runs()[0].recipe_name == "\N{SNOWMAN} é"
    storage = open_storage(address(url), Home(tmp_path)).storage
    storage.create_new_study([StudyDirection.MAXIMIZE], "\N{SNOWMAN} é")
    assert [study.study_name for study in storage.get_all_studies()] == ["\N{SNOWMAN} é"]


def test_what_a_server_refuses_is_one_sentence(url: str, tmp_path: Path) -> None:
    store = Store.open(url)
    with behind(url) as connection:
        connection.execute(text("DROP TABLE harness_curves"))
    assert 'relation "harness_curves" does not exist' in refusal(lambda: store.add(a_run()))
    where = address(url)
    storage = open_storage(where, Home(tmp_path)).storage

    def make() -> None:
        with where.explained():
            storage.create_new_study([StudyDirection.MAXIMIZE], "x" * 1000)

    assert "too long" in refusal(make)
