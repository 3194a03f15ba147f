"""What is saved of a machine, and that nothing a machine withholds can stop a run."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from harness import environment
from harness.environment import collect, device_label, git_state, may_be_alive


def test_it_is_json_and_names_this_machine_and_process() -> None:
    here = collect(threads=3)
    assert json.loads(json.dumps(here, allow_nan=False)) == here
    assert (here["hostname"], here["pid"], here["threads"]) == (platform.node(), os.getpid(), 3)
    assert here["hardware"]["memory_bytes"] == psutil.virtual_memory().total
    assert here["hardware"]["logical_cores"] == os.cpu_count()
    assert here["hardware"]["cpu"]
    assert here["software"]["python"] == platform.python_version()
    assert here["software"]["torch"]
    assert here["software"]["numpy"]


def test_it_imports_no_torch() -> None:
    script = "import sys; from harness.environment import collect; print(collect()['threads'], 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "False"]


def test_the_threads_are_those_of_torch_where_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    version = SimpleNamespace(cuda="12.8")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(get_num_threads=lambda: 7, version=version))
    here = collect()
    assert (here["threads"], here["software"]["cuda"]) == (7, "12.8")


def test_what_computes_is_recorded_once_it_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    library = SimpleNamespace(built=lambda: "g++ 12 -O3")
    monkeypatch.setitem(sys.modules, "architectures.kernels.library", library)
    backends = SimpleNamespace(mkldnn=SimpleNamespace(is_available=lambda: True))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(backends=backends))
    software = collect()["software"]
    assert (software["onednn"], software["kernels"]) == (True, "g++ 12 -O3")
    for name in ("torch", "architectures.kernels.library"):
        monkeypatch.delitem(sys.modules, name)
    software = collect()["software"]
    assert (software["onednn"], software["kernels"]) == (None, None)


def test_gpus_are_those_that_torch_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["NVIDIA H100", "NVIDIA T4"]
    cuda = SimpleNamespace(is_initialized=lambda: True, device_count=lambda: 2, get_device_name=names.__getitem__)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert collect()["hardware"]["gpus"] == names


def test_nothing_that_fails_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no")

    for owner, name in ((platform, "node"), (platform, "platform"), (os, "getloadavg"), (psutil, "virtual_memory")):
        monkeypatch.setattr(owner, name, refuse)
    monkeypatch.setattr(psutil, "cpu_count", refuse)
    monkeypatch.setattr(subprocess, "run", refuse)
    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr(environment.metadata, "version", refuse)
    here = collect()
    lost = [here["hostname"], here["load_average"], here["git"], here["software"]["torch"], here["software"]["os"]]
    assert lost == [None] * 5
    assert here["hardware"] == {
        **here["hardware"],
        "cpu": None,
        "physical_cores": None,
        "memory_bytes": None,
        "gpus": [],
    }


def test_a_program_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "PROBE_SECONDS", 0.01)
    with pytest.raises(subprocess.TimeoutExpired):
        environment._output(sys.executable, "-c", "import signal; signal.pause()")


@pytest.mark.parametrize(
    ("hardware", "device", "label"),
    [
        ({"cpu": "Intel Xeon", "gpus": []}, "cpu", "cpu: Intel Xeon"),
        ({"cpu": "Intel Xeon", "gpus": ["NVIDIA H100", "NVIDIA T4"]}, "cuda", "cuda: NVIDIA H100"),
        ({"cpu": None, "gpus": []}, "cpu", "cpu"),
        ({"cpu": "Intel Xeon", "gpus": None}, "cuda", "cuda"),
        ("unknown", "cpu", "cpu"),
        (None, "cpu", "cpu"),
    ],
)
def test_a_device_is_named_by_its_model(hardware: Any, device: str, label: str) -> None:
    assert device_label({"hardware": hardware}, device) == label


def git(folder: Path, *command: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *command], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_state_of_the_source_is_its_commit_and_whether_it_was_changed(tmp_path: Path) -> None:
    assert git_state(tmp_path) is None
    git(tmp_path, "init", "-q")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-q", "-m", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert git_state(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "new").write_text("an untracked file changes no run")
    assert git_state(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "file").write_text("two")
    assert git_state(tmp_path) == {"commit": commit, "dirty": True}


def test_a_process_is_alive_until_it_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    there = {"hostname": platform.node(), "pid": child.pid}
    assert may_be_alive(there)
    child.communicate(b"\n")
    assert not may_be_alive(there)


@pytest.mark.parametrize("there", [{}, {"hostname": "elsewhere", "pid": 1}, {"hostname": platform.node(), "pid": None}])
def test_a_process_that_cannot_be_asked_may_be_alive(there: dict[str, Any]) -> None:
    assert may_be_alive(there)
