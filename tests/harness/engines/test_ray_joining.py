"""What is in the way of joining a cluster ends in one sentence, within seconds. No cluster is needed for that."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator

import pytest

from harness.engines import joining
from harness.engines.nodes import Bars, Node, needs
from harness.engines.unit import Resources
from harness.errors import UserError

try:
    import ray  # noqa: F401
except ImportError:
    HAS_RAY = False
else:
    HAS_RAY = True
needs_ray = pytest.mark.skipif(not HAS_RAY, reason="needs Ray, of the extra cluster")


@pytest.fixture
def stranger() -> Iterator[str]:
    """The address of a server that speaks something else."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            try:
                while True:
                    connection, _ = server.accept()
                    connection.sendall(b"SSH-2.0-other\r\n")
                    connection.close()
            except OSError:  # closed, as the test is over
                pass

        threading.Thread(target=greet, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@needs_ray
def test_where_nothing_listens():
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(UserError, match=rf"there is no Ray cluster at {address} \(connection refused\): start one"):
        joining.join(address)


@needs_ray
def test_what_is_no_cluster(stranger, monkeypatch, capfd):
    monkeypatch.setattr(joining, "PATIENCE", 1.0)
    with pytest.raises(UserError, match=f"what answers at {stranger} is no Ray cluster, which listens on port 6379"):
        joining.join(stranger)
    assert capfd.readouterr() == ("", "")


@needs_ray
def test_the_address_of_the_environment_is_named_by_its_variable(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "ray://head:10001")
    with pytest.raises(UserError, match=r"^RAY_ADDRESS ray://head:10001: a campaign is begun on a node of the cluster"):
        joining.join(None)


@pytest.mark.parametrize("address", ["head", "head:port", ":6379", "head:0", "head:70000", "http://head:6379"])
def test_what_is_no_address(address):
    with pytest.raises(UserError, match=rf"--address {address}: write HOST:PORT"):
        joining.join(address)


def test_ray_that_is_not_installed_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"--engine ray needs Ray.*: install recurrent-harness\[cluster\]"):
        joining.join("127.0.0.1:6379")


@needs_ray
def test_a_machine_without_a_cluster(monkeypatch):
    from ray._private import services

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(services, "canonicalize_bootstrap_address", lambda address: None)
    with pytest.raises(UserError, match="no Ray cluster runs on this machine: start one with 'ray start --head'"):
        joining.join(None)


def test_other_versions_of_ray_are_told_with_both():
    complaint = RuntimeError(
        "Version mismatch: The cluster was started with:\n    Ray: 2.50.0\n    Python: 3.11.7\n"
        "This process on node 10.0.0.1:6379 was started with:\n    Ray: 2.60.0\n    Python: 3.12.1\n"
    )
    told = joining._why("10.0.0.1:6379", complaint)
    assert told.startswith("the Ray cluster at 10.0.0.1:6379 has other versions than this command: The cluster was")
    assert "Ray: 2.50.0" in told
    assert "Ray: 2.60.0" in told


def test_a_machine_that_is_no_node_is_told_how_to_become_one():
    complaint = RuntimeError("No node info found matching attributes: '' when trying to resolve node to connect to.")
    assert "ray start --address=10.0.0.1:6379 --num-cpus=0" in joining._why("10.0.0.1:6379", complaint)


def test_how_many_units_a_node_takes():
    node = Node("a", "first", cpus=4, gpus=1)
    assert node.room(Resources(1)) == 4
    assert node.room(Resources(1, 0.25)) == 4
    assert node.room(Resources(0.1, 0.3)) == 3
    assert node.room(Resources(5)) == 0
    assert node.room(Resources(1, 2)) == 0
    assert Node("b", "head", cpus=0, gpus=0).room(Resources(1)) == 0
    assert needs(Resources(1, 0.5)) == "1 CPU and 0.5 GPUs"


def test_a_node_is_left_out_for_one_task_or_for_all():
    bars = Bars()
    assert bars.add("a", "imdb", "no data")
    assert not bars.add("a", "imdb", "no data")
    assert bars.add("b", None, "other versions")
    assert bars.reasons("imdb") == {"a": "no data", "b": "other versions"}
    assert bars.reasons("adding") == {"b": "other versions"}
    assert bars.everywhere() == {"b"}
