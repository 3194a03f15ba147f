"""Campaigns on the engines of one machine: what is trained is the same, and what goes wrong is told the same way."""

import json

import pytest

from harness.cli import run_command
from harness.store import open_store

from ..conftest import PLUGIN

SUITE = """
title = "Tiny"
architectures = ["mean"]
tasks = ["sign"]
seeds = "0-1"
plugins = ["tiny.py"]
threads = 1
[set]
epochs = 2
batch_size = 16
"""
ENGINES = {"local": [], "processes": ["--engine", "processes", "--workers", "2"]}


@pytest.fixture(params=ENGINES)
def suite(request, tmp_path, capsys, monkeypatch):
    """``suite(text)``: train a suite of this text; exit code, output, complaints and what is stored."""
    (tmp_path / "tiny.py").write_text(PLUGIN)
    monkeypatch.setenv("HARNESS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")  # so that no line is broken

    def run(text=SUITE, *options):
        (tmp_path / "tiny.toml").write_text(text)
        code = run_command(["suite", "run", str(tmp_path / "tiny.toml"), *ENGINES[request.param], *options])
        said = capsys.readouterr()
        runs = open_store(tmp_path / "home").runs() if (tmp_path / "home").exists() else []
        return code, said.out, said.err, [run for run in runs if run.trial is None]

    run.folder = tmp_path
    return run


SCORES = {}


def complaints(error):
    """What standard error says beside progress."""
    return [line for line in error.splitlines() if not line.startswith(("tiny: ", "mean on sign, seed "))]


def test_all_engines_train_the_same(suite, request):
    code, out, error, runs = suite()
    assert code == 0, error
    assert "tiny: 2 of 2 runs over" in error
    assert "runs over" not in out
    assert [line.split()[:2] for line in out.splitlines() if line.startswith("sign ")] == [["sign", "mean"]]
    found = json.dumps(sorted((run.seed, run.metrics["valid"], run.metrics["test"]) for run in runs))
    assert SCORES.setdefault("scores", found) == found
    assert len(runs) == 2
    code, out, error, runs = suite()
    assert (code, complaints(error), len(runs)) == (0, [], 2)


def test_a_run_that_fails_is_told_and_the_others_go_on(suite):
    text = SUITE + 'lr = 0.1\n[[grid]]\n[[grid]]\nset.trouble = "bug"\nset.at = 2\n'
    code, out, error, runs = suite(text)
    assert (code, complaints(error)) == (1, [])
    assert sorted(run.state for run in runs) == ["done", "done", "failed", "failed"]
    [told] = [
        line for line in out.splitlines() if ", mean on sign, seed" in line
    ]  # of both, in the order of their ends
    assert all(f"mean on sign, seed {seed}" in told for seed in (0, 1))
    assert ": RuntimeError: mat1 and mat2 do not fit" in told
    assert out.rstrip().splitlines()[-1].endswith("--redo-failed")


def test_a_task_without_its_data_is_refused_once_and_the_others_go_on(suite):
    text = SUITE.replace('["sign"]', '["sign[bad=true]", "sign"]')
    code, out, error, runs = suite(text)
    assert code == 2
    assert complaints(error) == ["task sign: sign lacks signs.csv: put it there"]
    assert [run.state for run in runs] == ["done", "done"]
    [told] = [line for line in out.splitlines() if "sign lacks signs.csv" in line]
    assert all(f"mean on sign[bad=true], seed {seed}" in told for seed in (0, 1))


def test_a_suite_that_tunes_trains_the_seeds_with_what_was_found(suite):
    text = SUITE + '[tune]\ntrials = 3\nsampler = "random"\npruner = "none"\nspace.scale = "0.5..2"\n'
    code, _, error, runs = suite(text)
    assert (code, complaints(error)) == (0, [])
    assert "3 of 3 trials" in error
    assert {run.recipe_name for run in runs} == {"tuned"}
    assert sorted(run.seed for run in runs) == [0, 1]
    found = json.dumps(sorted((run.seed, run.recipe_hash, run.metrics["test"]) for run in runs))
    assert SCORES.setdefault("tuned", found) == found
    [trials] = {run.study for run in open_store(suite.folder / "home").each() if run.trial is not None}
    assert len(open_store(suite.folder / "home").of_study(trials)) == 3
    code, _, error, again = suite(text)
    assert (code, complaints(error)) == (0, [])
    assert {run.id for run in again} == {run.id for run in runs}


@pytest.mark.parametrize("suite", ["processes"], indirect=True)
def test_a_process_that_is_killed_is_replaced_and_its_run_goes_on(suite):
    killing = """
def _die_once(self, *_):
    import os, pathlib, signal
    note = pathlib.Path(__file__).parent / "died"
    if self.training and self.steps == 3 and not note.exists():
        note.write_text("")
        os.kill(os.getpid(), signal.SIGKILL)


_forward = Mean.forward
Mean.forward = lambda self, *input: (_die_once(self), _forward(self, *input))[1]
"""
    (suite.folder / "tiny.py").write_text(PLUGIN + killing)
    code, _, error, runs = suite(SUITE, "--checkpoint-every", "0")
    assert code == 0, error
    assert (suite.folder / "died").exists()
    assert "its process ended by SIGKILL; it begins again where it was" in error
    assert [run.state for run in runs] == ["done", "done"]
