"""Paths as URLs and back, and database URLs that can be read in one way only."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from harness import addresses
from harness.cli import run_command
from harness.engines.engine import Conditions
from harness.errors import UserError
from harness.home import Home, data_root, expanded
from harness.machine import Machine
from harness.store import Run, Store, open_store
from harness.store.copying import address
from harness.tuning.storage import address as studies_address
from harness.tuning.storage import open_storage

NAMES = ("ws_feature%2Fx", "a%20b", "what?mode=memory", "a#b", "a b+c", "x:memory:", "é", os.fsdecode(b"\xff"), "me@x")
"""Names of folders that mean something in a URL."""


@pytest.mark.parametrize("name", NAMES)
def test_the_store_lies_in_the_home_whatever_its_name(name: str, tmp_path: Path) -> None:
    home = Home.find(tmp_path / name)
    store = open_store(home.path)
    run = Run(
        arch="lstm", task="psmnist", metric="accuracy", recipe={}, recipe_name="standard", recipe_hash="0a1b", seed=0
    )
    store.add(run)
    assert store.name == str(tmp_path / name / "store.sqlite")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    conditions = Conditions.of(Machine(home, tmp_path), home.store_url)
    travelled = Conditions.from_dict(json.loads(json.dumps(conditions.to_dict())))
    assert Store.open(travelled.store_url, create=False).get(run.id) == run
    assert Store.open(address(str(tmp_path / name)), create=False).count() == 1
    with store.alone("cell", "it", "wait"):
        assert (tmp_path / name / "locks" / "cell.lock").exists()
        assert Store.open(home.store_url).held("cell")
    assert {path.name for path in tmp_path.iterdir()} == {name}


@pytest.mark.parametrize("name", NAMES)
def test_a_store_in_a_folder_that_cannot_be_written_is_read_whatever_its_name(name: str, tmp_path: Path) -> None:
    store = open_store(tmp_path / name)
    store.database._readers = store.database._unchanging(tmp_path / name / "store.sqlite")
    assert store.count() == 0


def test_two_homes_do_not_share_a_store(tmp_path: Path) -> None:
    (tmp_path / "ws" / "x").mkdir(parents=True)
    urls = {Home.find(tmp_path / name).store_url for name in ("ws%2Fx", "ws/x")}
    assert len({Store.open(url).name for url in urls if Home(Path(url.database or "").parent).folder()}) == 2
    assert (tmp_path / "ws%2Fx" / "store.sqlite").is_file()
    assert (tmp_path / "ws" / "x" / "store.sqlite").is_file()


@pytest.mark.parametrize("name", NAMES)
def test_studies_lie_where_they_are_named(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.journal"
    open_storage(studies_address(str(file)), Home(tmp_path / "home"))
    assert file.is_file()
    url = "sqlite:///" + str(tmp_path).replace("%", "%25") + "/x%3Fy%25.sqlite"
    where = studies_address(url)
    open_storage(studies_address(where.text), Home(tmp_path / "home"))
    assert where.file == tmp_path / "x?y%.sqlite"
    assert where.file.is_file()


@pytest.mark.parametrize(
    "given",
    [
        "postgresql://me:p@Tiger/w:Zebra#1@127.0.0.1:1/runs",
        "postgresql://me:Tiger@Zebra@host/runs",
        "postgresql://me:Tiger/Zebra@host/runs",
        "postgresql://me:Tiger#Zebra@host/runs",
        "postgresql://me:Tiger?Zebra@host/runs",
        "postgresql://me:Tiger Zebra@host/runs",
        "postgresql://me:x@Tiger?Zebra=x@host/runs",
        "postgresql://m/e:Tiger@host/runs",
        "postgresql://me:Tiger@host:port/runs",
        "postgresql://me:Tiger/host/runs",
        "postgresql://host:5432/runs?user=me@Tiger",
        "postgresql:/me:Tiger@host/runs",
        "postgresql:me:Tiger@host/runs",
        "'postgresql://me:Tiger@host/runs'",
        "me:Tiger@host/runs",
        "host=db user=me password=Tiger",
        "sqlite://me:Tiger@/runs.sqlite",
        "sqlite+pysqlcipher://:Tiger@/runs.sqlite",
    ],
)
def test_what_looks_like_an_address_and_is_none_is_refused_everywhere(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    here = str(tmp_path / "home")
    open_store(here)
    before = sorted(tmp_path.rglob("*"))
    pair = ["tune", "--arch", "sru", "--task", "sdigits", "--home", here]
    verbs: list[tuple[dict[str, str], list[str]]] = [
        ({"HARNESS_STORE": given}, ["list", "runs"]),
        ({"HARNESS_STORE": given}, ["export"]),
        ({"HARNESS_STUDIES": given}, ["list", "studies"]),
        ({"HARNESS_STUDIES": given}, pair),
        ({}, [*pair, "--storage", given]),
        ({}, [*pair, f"--storage={given}"]),
        ({}, ["store", "copy", given, here]),
        ({}, ["store", "copy", here, given]),
        ({"HARNESS_HOME": given}, ["list", "runs"]),
        ({"HARNESS_DATA": given}, ["data", "list"]),
        ({}, ["list", "runs", "--home", given]),
    ]
    for variables, arguments in verbs:
        for name in ("HARNESS_STORE", "HARNESS_STUDIES", "HARNESS_DATA"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HARNESS_HOME", here)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        code = run_command(arguments)
        said = "".join(capsys.readouterr())
        assert code == 2, (variables, arguments, said)
        assert "Tiger" not in said, (variables, arguments)
        assert "Zebra" not in said, (variables, arguments)
    assert sorted(tmp_path.rglob("*")) == before, "nothing is made"


@pytest.mark.parametrize(
    "given",
    [
        "postgresql://me:Tiger%40%2F%3A%23%20%25%2B+@host:5432/runs?sslmode=require&application_name=a+b",
        "postgres://me:a:b@host/runs",
        "postgresql+psycopg://host/runs",
        "postgresql://me@[::1]:5432/runs",
        "mysql+pymysql://me:x@db.example.org/my%23runs",
        "postgresql:///runs?host=/run/postgresql",
    ],
)
def test_an_address_means_what_sqlalchemy_takes_it_for(given: str) -> None:
    url = addresses.parse(given, "it")
    assert url.set(drivername="x") == make_url(given).set(drivername="x")
    assert url.drivername != "postgresql", "the driver is named"
    assert addresses.read(addresses.text(url)) == addresses.parse(addresses.rendered(url), "it") == url
    assert "Tiger" not in addresses.shown(url)


def test_a_path_is_no_address_of_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_DATA", "postgresql://me:Tiger@host/db")
    for find in (lambda: expanded("me:Tiger@host"), lambda: data_root(None, Home(tmp_path))):
        with pytest.raises(UserError) as told:
            find()
        assert "Tiger" not in str(told.value)
    assert expanded("./me:a@host") == Path.cwd() / "me:a@host"
