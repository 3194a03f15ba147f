"""What ``--backend`` asks of one run, and what ``doctor`` tells of backends."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from architectures.kernels.cuda import variants, verdicts
from harness import diagnosis
from harness.errors import UserError
from harness.execution import Job, Monitor, execute
from harness.home import Home
from harness.machine import Machine
from harness.recipes import named
from harness.registry import Registry
from harness.store import Store

CALLS = 3 * 5 + 3 + 1  # steps, validations, test


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}")


@pytest.fixture
def ready(registry: Registry, tmp_path: Path):
    """``ready("eager")``: a GRU on the tiny task, to be computed by that backend."""

    def make(backend: str | None = None, arch: str = "gru") -> Job:
        recipe = named(registry, arch, "sign", changes={"epochs": 3, "batch_size": 16, "hidden_size": 3})
        return Job(registry, recipe, Machine(Home(tmp_path / "home"), tmp_path, True, "cpu", backend=backend))

    return make


def do(job: Job, store: Store, ear: Monitor | None = None):
    [run] = execute(job, store, (0,), ear or Monitor())
    return store.get(run.id)


@pytest.mark.parametrize(
    ("backend", "ran"),
    [
        (None, {"gru (native)": {"torch": CALLS}}),
        ("torch", {"gru (native)": {"torch": CALLS}}),
        ("eager", {"gru": {"eager": CALLS}}),
    ],
)
def test_the_backend_asked_for_is_the_one_that_runs(ready, store, backend, ran):
    run = do(ready(backend), store)
    assert run.backends == ran
    assert run.environment["backend"] == (backend or "best")


def test_it_is_no_part_of_what_a_run_is(ready, store):
    first, second = ready("torch"), ready("eager")
    for name, weights in first.model(0).state_dict().items():
        assert torch.equal(second.model(0).state_dict()[name], weights)
    assert do(first, store).id == do(second, store).id, "what is done is found, by whatever it was computed"


def test_it_leaves_the_random_numbers_alone(ready):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    ready("eager")
    assert torch.equal(torch.rand(1), expected)


def test_a_backend_that_the_architecture_lacks_is_refused_before_anything_is_trained(ready, store):
    with pytest.raises(UserError, match="^--backend cpu: lstm has no backend 'cpu' here: use torch or eager$"):
        ready("cpu", arch="lstm")


def test_a_layer_without_the_keyword_is_refused(ready):
    with pytest.raises(UserError, match="^--backend eager: the layer of mean has no keyword backend to choose by$"):
        ready("eager", arch="mean")


def test_an_unknown_one_is_refused_in_python_too(ready):
    with pytest.raises(UserError, match="--backend must be eager, .*, got 'abacus'$"):
        ready("abacus")


def test_the_environment_speaks_to_all_and_falls_through(ready, store, monkeypatch):
    monkeypatch.setenv("HARNESS_BACKEND", "cpu")
    run = do(ready(), store)
    assert run.backends == {"gru (native)": {"torch": CALLS}}
    assert run.environment["backend"] == "cpu"


class Stopper(Monitor):
    """Presses Ctrl-C at the seventh step."""

    steps = 0

    def on_step(self, progress, steps, loss):
        self.steps += 1
        if self.steps == 7:
            os.kill(os.getpid(), signal.SIGINT)


def test_another_backend_after_an_interruption_is_a_warning(ready, store):
    do(ready(), store, Stopper())
    run = do(ready("eager"), store)
    assert run.warnings == ["went on with backend eager after best: the last digits may differ"]
    assert {backend for counts in run.backends.values() for backend in counts} == {"eager", "torch"}


def test_a_run_of_an_earlier_version_goes_on_without_a_warning(ready, store):
    run = do(ready(), store, Stopper())
    environment = {key: value for key, value in run.environment.items() if key != "backend"}
    store.update(run.id, environment=environment)
    assert do(ready(), store).warnings == []


@pytest.mark.parametrize(("ran", "told"), [("cpu", "g++ 12 -O3"), ("torch", None)])
def test_how_the_compiled_recurrences_were_built_is_kept_where_they_ran(ready, store, monkeypatch, ran, told):
    library = SimpleNamespace(built=lambda: "g++ 12 -O3")
    monkeypatch.setitem(sys.modules, "architectures.kernels.library", library)
    monkeypatch.setattr("architectures.kernels.counts", lambda: {("gru", ran): 1})
    assert do(ready(), store).environment["software"]["kernels"] == told


def backends(registry: Registry) -> dict[str, diagnosis.Finding]:
    return {finding.name: finding for finding in diagnosis._backends(registry)}


def test_doctor_tells_what_runs_and_what_else_there_is(monkeypatch):
    found = backends(Registry())
    assert found["lstm"].detail == "runs by torch; also has eager"
    assert found["unicornn"].state == "ok"
    assert "eager" in found["unicornn"].detail
    assert found["oneDNN"].state == ("ok" if torch.backends.mkldnn.is_available() else "absent")
    monkeypatch.setenv("HARNESS_BACKEND", "eager")
    assert backends(Registry())["lstm"].detail == "runs by eager; also has torch"


def test_doctor_tells_of_a_layer_that_fails(monkeypatch):
    registry = Registry()
    entry = registry.architectures["lstm"]
    monkeypatch.setattr(entry.load().layer, "forward", lambda *_: 1 / 0)
    found = backends(registry)["lstm"]
    assert (found.state, found.detail, found.needed) == ("broken", "ZeroDivisionError: division by zero", True)


def test_doctor_shows_what_the_checks_of_cuda_kernels_have_found(monkeypatch):
    variant = variants.Variant(variants.OSCILLATOR, *[torch.float32] * 3)
    verdict = {"sweep": None, "newton": "the output differs from plain PyTorch by 0.5", "segments": None}
    monkeypatch.setattr(verdicts, "KNOWN", {(variant, 1): verdict})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    found = {finding.name: finding for finding in diagnosis._cuda()}
    assert found["UnICORNN float32, sweep on cuda:1"].state == "ok"
    wrong = found["UnICORNN float32, newton on cuda:1"]
    assert (wrong.state, wrong.detail, wrong.needed) == ("broken", verdict["newton"], False)
    assert "the sweep step by step computes instead" in wrong.advice


def test_doctor_tells_why_nothing_can_be_compiled(command, tmp_path):
    told = command("doctor", "--json", CXX="no-such-compiler", HARNESS_KERNELS=str(tmp_path / "kernels"))
    found = {finding["name"]: finding for finding in json.loads(told.stdout)["findings"]}
    compiled = found["compiled for the CPU"]
    assert compiled["state"] == "absent"
    assert "no-such-compiler" in compiled["detail"]
    assert compiled["advice"]
    assert found["unicornn"]["detail"].startswith("runs by eager"), "it works without"
    assert "Warning" not in told.stderr
