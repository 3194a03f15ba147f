"""A suite by the command line on a real cluster of two nodes, of which one is killed, and then the driver."""

import os
import subprocess
import sys

import pytest

from harness.store import Store

from ..harness.conftest import PLUGIN
from ..harness.engines.ray_nodes import Nodes
from ..harness.postgresql import server
from ..processes import PATIENCE, until

pytest.importorskip("ray", reason="needs Ray, of the extra cluster")

SEEDS = 24
SUITE = f"""
title = "Many short runs"
architectures = ["mean"]
tasks = ["sign"]
seeds = "0-{SEEDS - 1}"
plugins = ["tiny.py"]
[set]
epochs = 120
batch_size = 16
"""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    found = Nodes(tmp_path_factory.mktemp("nodes"))
    yield found
    found.cluster.shutdown()


@pytest.fixture
def suite(tmp_path):
    (tmp_path / "tiny.py").write_text(PLUGIN)
    (tmp_path / "many.toml").write_text(SUITE)
    return tmp_path / "many.toml"


def start(suite, home, address, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "harness", "suite", "run", str(suite), "--engine", "ray", "--address", address],
        cwd=suite.parent,
        env={**os.environ, "HARNESS_HOME": str(home), "COLUMNS": "200", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """Where the runs are kept."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'home' / 'store.sqlite'}"
        return
    with server() as served:
        yield served


def runs_of(url):
    try:
        return Store.open(url, create=False).runs()
    except Exception:  # not there yet
        return []


def test_a_node_is_killed_and_then_the_driver_and_every_run_is_stored_once(nodes, suite, tmp_path, url):
    nodes.only("second")
    home = tmp_path / "home"
    environment = {"HARNESS_STORE": url} if url.startswith("postgresql") else {}

    def done():
        return {run.seed: run.id for run in runs_of(url) if run.state == "done"}

    def trains_on_the_second_node():
        return any((nodes.home("second") / "runs" / run.id).exists() for run in runs_of(url) if run.state == "running")

    first = start(suite, home, nodes.address, **environment)
    until(lambda: len(done()) >= 6 and trains_on_the_second_node(), first)
    nodes.kill("second")
    until(lambda: len(done()) >= 12, first)
    first.kill()
    first.communicate()
    before = done()
    assert len(before) < SEEDS, "the driver was killed too late"

    second = start(suite, home, nodes.address, **environment)  # at once: what is left of the first may still be ending
    out, complaints = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0, out + complaints
    assert f"{SEEDS} of {SEEDS} runs over" in complaints, out + complaints
    runs = runs_of(url)
    assert [run.state for run in runs] == ["done"] * SEEDS
    assert {run.seed for run in runs} == set(range(SEEDS))
    assert before.items() <= done().items(), "what was done was not trained again"
    assert "ray" not in complaints.lower().replace("--engine ray", ""), "nothing of what Ray says is shown"


def test_an_address_that_cannot_be_reached_is_one_sentence(suite, tmp_path, command):
    done = command("suite", "run", str(suite), "--engine", "ray", "--address", "127.0.0.1:1")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr
    assert "there is no Ray cluster at 127.0.0.1:1 (connection refused)" in done.stderr
