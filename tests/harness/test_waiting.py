"""How threads of OpenMP wait: asleep in every process of the harness, unless a variable says otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from harness.waiting import OTHERS, POLICY, wait_asleep, waiting


def test_threads_sleep_while_they_wait() -> None:
    environment: dict[str, str] = {}
    wait_asleep(environment)
    assert environment == {POLICY: "passive"} == waiting(environment)


@pytest.mark.parametrize("name", [POLICY, *OTHERS])
def test_what_a_person_chose_stays(name: str) -> None:
    environment = {name: "active"}
    wait_asleep(environment)
    assert environment == {name: "active"} == waiting(environment)


@pytest.mark.skipif(sys.platform != "linux", reason="torch has GNU's runtime on Linux only")
@pytest.mark.parametrize(
    ("own", "policy"), [({}, "PASSIVE"), ({POLICY: "active"}, "ACTIVE")], ids=["by default", "as a person says"]
)
def test_the_runtime_of_torch_reads_it(own: dict[str, str], policy: str) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in (POLICY, *OTHERS)}
    command = [sys.executable, "-c", "import harness, torch"]
    environment = kept | {"OMP_DISPLAY_ENV": "true"} | own
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert f"OMP_WAIT_POLICY = '{policy}'" in done.stderr
