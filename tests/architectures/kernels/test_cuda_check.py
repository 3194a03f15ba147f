"""``scripts/gpu_check.sh`` and the file that it writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

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
# A Python on a machine with a GPU, where the tests and the training succeed and the timings fail.
case "$*" in
    -c*) exit 0 ;;
    scripts/gpu_report.py*) exec REAL "$@" ;;
    "-m pytest"*) for word; do
        case "$word" in --junitxml=*) echo '<x><testsuite tests="3"/></x>' >"${word#*=}" ;; esac
    done ;;
    benchmarks/gpu.py*) echo "no such kernel"; exit 1 ;;
    "-m harness run"*) echo "$*" ;;
esac
"""


def test_one_call_runs_all_parts(tmp_path):
    python = tmp_path / "python"
    python.write_text(PRETENDS.replace("REAL", sys.executable))
    python.chmod(0o755)
    done = subprocess.run(
        [str(SCRIPTS / "gpu_check.sh"), str(tmp_path / "found.json")],
        env={**os.environ, "PYTHON": str(python)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["parts"]["tests"] == {"exit code": 0, "end of output": [], "counts": dict(COUNTS, tests=3)}
    assert found["parts"]["timings"] == {"exit code": 1, "end of output": ["no such kernel"]}
    assert found["parts"]["training"]["exit code"] == 0
    assert "--recipe published --device cuda" in found["parts"]["training"]["end of output"][0]


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
