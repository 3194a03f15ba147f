"""What all tests share: a home of their own, no network, one thread, and the command line as a user would start it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest
from hypothesis import HealthCheck, settings

from harness import masking

settings.register_profile("same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")  # the same examples every time, however slow the machine; others by --hypothesis-profile

Done = subprocess.CompletedProcess[str]
Command = Callable[..., Done]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The engines, which take longest, come first, so that in the end no process works on while the others are done."""
    items.sort(key=lambda item: "engines" not in item.path.parts)


@pytest.fixture(autouse=True)
def _surroundings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the person's own settings reaches a test, except where real data sets lie."""
    for name in (
        "HARNESS_STORE",
        "HARNESS_STUDIES",
        "HARNESS_MIRROR",
        "HARNESS_BACKEND",
        "HARNESS_THREADS",
        "HARNESS_DEBUG",
        "HARNESS_CUDA_GRAPHS",
        "RAY_ADDRESS",
        "COLUMNS",
        "FORCE_COLOR",
        "NO_COLOR",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(masking, "_known", set())  # passwords of other tests are no secrets of this one
    monkeypatch.setenv("HARNESS_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("HARNESS_OFFLINE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Signals mean what they mean in a terminal, also where the tests run in the background of a script or by nohup."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run ``python -m harness`` in an empty folder: ``command("list", "tasks")``; keywords go into the environment."""

    def run(*arguments: str, stdout: int | IO[str] = subprocess.PIPE, **environment: str) -> Done:
        return subprocess.run(
            [sys.executable, "-m", "harness", *arguments],
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "200", **environment},
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
        )

    return run
