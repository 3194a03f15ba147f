"""``scripts/gpu_check.sh`` and the file that it writes."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
import torch

COUNTS = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
SCRIPTS = Path(__file__).parents[3] / "scripts"
pytestmark = pytest.mark.skipif(not SCRIPTS.is_dir(), reason="the scripts are not part of an installed package")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_ends_with_a_sentence(tmp_path):
    done = subprocess.run(
        [str(SCRIPTS / "gpu_check.sh"), str(tmp_path / "found.json")],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert done.stderr == f"gpu_check: there is no GPU that the torch of {sys.executable} can use\n"
    assert not (tmp_path / "found.json").exists()


PRETENDS = """#!/bin/sh
# A Python on a machine with a GPU, where the tests and the training succeed and the timings fail after one size.
case "$*" in
    -c*pytest*) exit BARE ;;
    -c*) exit 0 ;;
    "-m pip"*) echo "$*" >>TOLD; exit BARE ;;
    scripts/gpu_report.py*) exec REAL "$@" ;;
    "-m pytest"*) echo "$*" >>TOLD
        for word; do case "$word" in --junitxml=*) echo '<x><testsuite tests="3"/></x>' >"${word#*=}" ;; esac; done ;;
    benchmarks/gpu.py*) echo '{"quartiles": {"psmnist": {}}}' >"$3"; echo "no such kernel"; exit 1 ;;
    "-m harness run"*) echo "$*" ;;
esac
"""


def check(tmp_path, bare: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """A run of the script by a Python that pretends, which writes what it was asked to ``told``."""
    python, told = tmp_path / "python", tmp_path / "told"
    python.write_text(PRETENDS.replace("REAL", sys.executable).replace("TOLD", str(told)).replace("BARE", str(bare)))
    python.chmod(0o755)
    return subprocess.run(
        [str(SCRIPTS / "gpu_check.sh"), str(tmp_path / "found.json")],
        env={**os.environ, "PYTHON": str(python), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_one_call_runs_all_parts(tmp_path):
    done = check(tmp_path)
    assert done.returncode == 1, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["parts"]["tests"] == {"exit code": 0, "end of output": [], "counts": dict(COUNTS, tests=3)}
    timings = {"exit code": 1, "end of output": ["no such kernel"], "measured": {"quartiles": {"psmnist": {}}}}
    assert found["parts"]["timings"] == timings
    assert found["parts"]["training"]["exit code"] == 0
    assert "--recipe published --device cuda" in found["parts"]["training"]["end of output"][0]
    assert not (tmp_path / "found.json.parts").exists()


def test_only_the_tests_of_the_kernels_are_collected_and_without_plugins(tmp_path):
    check(tmp_path)
    (told,) = (tmp_path / "told").read_text().splitlines()
    assert [word for word in told.split() if word.endswith(".py")] == [
        "tests/architectures/kernels/test_cuda_gpu.py",
        "tests/architectures/kernels/test_cuda_cornn_gpu.py",
    ]
    assert "-c scripts/gpu_pytest.ini" in told


def test_it_fits_in_eight_minutes(tmp_path):
    done = check(tmp_path)
    limits = [int(line.split()[-2]) for line in done.stdout.splitlines() if line.startswith("== ")]
    assert len(limits) == 3
    assert sum(limits[:2]) <= 400
    assert max(limits) < 480


def test_without_time_the_training_is_left_out(tmp_path):
    done = check(tmp_path, GPU_CHECK_SECONDS="60")
    assert "== training left out" in done.stdout
    assert "training" not in json.loads((tmp_path / "found.json").read_text())["parts"]


def test_what_a_bare_machine_lacks_comes_from_wheels_or_is_named(tmp_path):
    done = check(tmp_path, bare=1)
    assert done.returncode == 2
    assert "run scripts/gpu_wheels.sh where there is a network" in done.stderr
    assert "--no-index --find-links scripts/wheels" in (tmp_path / "told").read_text()


def test_the_named_tests_are_collected_with_what_a_bare_machine_has():
    """Torch, CuPy and what comes as wheels: none of the other packages that this one depends on."""
    code = """
import sys
import torch, _pytest, hypothesis
class Bare:
    def find_spec(self, name, path=None, target=None):
        if name in ("optuna", "pydantic", "tomlkit", "sqlalchemy", "aeon", "typer", "rich", "harness", "tasks"):
            raise ImportError(name + " is not for a bare machine")
sys.meta_path.insert(0, Bare())
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""
    files = [f"tests/architectures/kernels/{name}.py" for name in ("test_cuda_gpu", "test_cuda_cornn_gpu")]
    options = ["-c", "scripts/gpu_pytest.ini", "--rootdir=.", "--confcutdir=tests/architectures"]
    done = subprocess.run(
        [sys.executable, "-c", code, *options, "--collect-only", "-q", "-m", "gpu", *files],
        cwd=SCRIPTS.parent,
        env={**os.environ, "PYTHONPATH": str(SCRIPTS.parent), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gpu", SCRIPTS.parent / "benchmarks" / "gpu.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_timings_are_written_after_every_size(tmp_path, monkeypatch):
    module, file, seen = benchmark(), tmp_path / "timings.json", []

    def sizes():
        for title in ("one", "two"):
            yield title, {}
            seen.append(list(json.loads(file.read_text())["quartiles"]))

    monkeypatch.setattr(module, "all_sizes", sizes)
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--json", str(file)])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "some")
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: None)
    module.main()
    assert seen == [["one"], ["one", "two"]]


def test_the_lstm_of_cudnn_is_timed_in_both_precisions_by_name():
    module = benchmark()
    found = {
        name: module.in_precision(which, lambda: torch.backends.cudnn.allow_tf32)()
        for name, which in module.LSTM.items()
    }
    assert found == {"cuDNN LSTM, FP32": False, "cuDNN LSTM, TF32": True}


def test_the_file_tells_of_every_part(tmp_path):
    parts = tmp_path / "parts"
    parts.mkdir()
    for name, code in (("tests", 1), ("timings", 0), ("training", 124)):
        (parts / f"{name}.code").write_text(f"{code}\n")
        (parts / f"{name}.log").write_text("\n".join(f"line {number}" for number in range(100)))
    (parts / "timings.json").write_text('{"device": "some"}')
    (parts / "tests.xml").write_text(
        '<testsuites><testsuite tests="5" failures="1" errors="0" skipped="2"/></testsuites>'
    )
    command = [sys.executable, str(SCRIPTS / "gpu_report.py"), str(parts), str(tmp_path / "found.json"), "93"]
    subprocess.run(command, check=True, timeout=120)
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["seconds"] == 93
    assert found["machine"]["versions"]["torch"] == metadata.version("torch")
    assert {name: part["exit code"] for name, part in found["parts"].items()} == {
        "tests": 1,
        "timings": 0,
        "training": 124,
    }
    assert found["parts"]["tests"]["counts"] == {"tests": 5, "failures": 1, "errors": 0, "skipped": 2}
    assert found["parts"]["timings"]["measured"] == {"device": "some"}
    assert found["parts"]["training"]["end of output"][-1] == "line 99"
