"""The verb ``speed`` from the command line: what it prints, stores, refuses, and leaves at a signal."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import run_command
from harness.cli.timings import print_beside
from harness.speed.presets import preset
from harness.store import Phase, Run, Timing, open_store

from ..processes import PATIENCE

SMALL = ("speed", "--arch", "lstm,gru", "--length", "6", "--batch", "2", "--hidden", "3", "--device", "cpu")


def without_warnings(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines on standard output but for those that other work on the machine may cause."""
    return [line for line in capsys.readouterr().out.splitlines() if ": warning: " not in line]


def test_a_small_case_is_measured_stored_and_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = ("--home", str(tmp_path))
    assert run_command([*SMALL, "--repeats", "2", "--backend", "best,cuda", *home]) == 0
    out = without_warnings(capsys)
    assert out[0].startswith("batch 2, hidden_size 3, num_layers 1, input_size 1, device cpu, dtype float32, threads 1")
    columns = ["architecture", "length", "backend", "forward", "backward", "backward_last", "step"]
    assert out[1].split()[: len(columns)] == columns
    assert [line.split()[:3] for line in out[2:4]] == [["lstm", "6", "torch"], ["gru", "6", "torch"]]
    assert "load average" in out[4]
    assert "GFLOP/s" in out[4]
    assert [line.split(": ")[1].split(" here")[0] for line in out[5:]] == [
        "lstm has no backend 'cuda'",
        "gru has no backend 'cuda'",
    ]
    stored = list(open_store(tmp_path).timings())
    assert [(one.arch, one.state, list(one.backends.values())) for one in stored] == [
        ("lstm", "done", [{"torch": 8}]),
        ("gru", "done", [{"torch": 8}]),
    ], "four calls in each of two repetitions"
    assert all(len(phase.wall) == len(phase.cpu) == 2 for one in stored for phase in one.phases.values())
    assert all(one.reached("step") for one in stored)
    assert run_command(["list", "timings", *home]) == 0
    assert without_warnings(capsys) == out[:5]
    assert run_command(["list", "timings", "--arch", "gru", "--json", *home]) == 0
    assert [one["timing"] for one in json.loads(capsys.readouterr().out)] == [stored[1].id]
    assert run_command(["export", "--out", str(tmp_path / "all.jsonl"), *home]) == 0
    assert capsys.readouterr().out.endswith("all.jsonl: 0 runs, 2 timings\n")
    assert run_command(["import", str(tmp_path / "all.jsonl"), "--home", str(tmp_path / "other")]) == 0
    assert list(open_store(tmp_path / "other").timings()) == stored
    assert run_command(["delete", "--timings", "--arch", "gru", "--yes", *home]) == 0
    assert "deleted 1 timing\n" in capsys.readouterr().out
    assert [one.arch for one in open_store(tmp_path).timings()] == ["lstm"]


def test_the_layers_of_a_ranking_one_sequence_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = open_store(tmp_path)
    for arch, hidden, score in (("lstm", 3, 0.8), ("gru", 4, 0.9), ("gru", 5, 0.7), ("sru", 6, None)):
        recipe = {"layer": {"hidden_size": hidden}, "training": {"selection": "best"}}
        run = Run(arch, "psdigits", 0, "accuracy", recipe, "standard", f"{arch}{hidden}", "cpu")
        run.state, run.metrics = "failed" if score is None else "done", {"valid": score, "test": score}
        store.add(run)
    words = ["--repeats", "1", "--device", "cpu", "--json", "--home", str(tmp_path)]
    assert run_command(["speed", "--task", "psdigits", *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["arch"], one["hidden_size"], one["length"], one["batch"]) for one in found] == [
        ("gru", 4, 64, 1),
        ("lstm", 3, 64, 1),
    ], "those that validation chose, best first"
    ids = [run.id for run in store.runs() if run.arch == "gru"]
    assert run_command(["speed", "--run", ",".join(ids), "--batch", "2", *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {(one["arch"], one["hidden_size"], one["batch"]) for one in found} == {("gru", 4, 2), ("gru", 5, 2)}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--run", "abc"), "there is no run 'abc'"),
        (("--task", "psdigit"), "--task psdigit: there are no runs of it"),
        (("--task", "psdigits", "--run", "abc"), "--run and --task don't go together"),
    ],
)
def test_runs_that_cannot_be_measured(
    arguments: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_store(tmp_path)
    assert run_command(["speed", *arguments, "--home", str(tmp_path)]) == 2
    assert told in capsys.readouterr().err


def test_json_for_scripts(tmp_path: Path, capsys: pytest.CaptureFixture[str], plugin: str) -> None:
    words = ["--repeats", "1", "--home", str(tmp_path), "--plugin", plugin, "--set", "scale=2.0", "--json"]
    assert run_command(["speed", "--arch", "mean", *SMALL[3:], *words]) == 0
    [timing] = json.loads(capsys.readouterr().out)
    assert (timing["arch"], timing["work"], timing["references"]) == ("mean", {}, {}), "a plugin needs no cost"
    assert timing["layer"]["scale"] == 2.0
    assert timing["layer"]["dropout"] == 0.0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--arch", "lsmt"), "no architecture is called 'lsmt' (did you mean 'lstm'?)"),
        (("--length", "0"), "--length 0: write whole numbers from 1 to"),
        (("--preset", "figure"), "--preset figure: there is no such preset"),
        (("--backend", "fast"), "--backend fast: there is no such choice"),
        (("--arch", "lstm", "--backend", "parallel"), "lstm has no backend 'parallel' here"),
        (("--arch", "lstm", "--set", "dt=1"), "architecture lstm: there is no key 'dt'"),
        (("--max-time", "soon"), "--max-time soon: write a time"),
        (("--threads", "2000"), "equal to 1024"),
        (("--repeats", "0"), "repeats"),
    ],
)
def test_mistakes_end_with_one_sentence(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.cli.data_report.LINE_EVERY", math.inf)  # of what takes long it is told how far it is
    assert run_command(["speed", *words]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.startswith("error: ")
    assert len(error.splitlines()) == 1


def test_where_nothing_fits_the_reason_is_told_and_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["speed", "--arch", "lstm", "--length", "10000000", "--batch", "10000", "--home", str(tmp_path)]
    assert run_command(words) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first == "nothing was measured: all cases were skipped (1)"
    assert "lstm 10000000x10000x128 (best): needs about " in second
    assert [one.state for one in open_store(tmp_path).timings()] == ["skipped"]


def test_one_step_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--length", "1", "--batch", "1", "--hidden", "3", "--device", "cpu", "--repeats", "2"]
    assert run_command(["speed", "--arch", "indrnn,lstm", *words, "--home", str(tmp_path)]) == 0
    settings, heading, *rows, _ = capsys.readouterr().out.splitlines()
    assert settings.endswith("times in us")
    columns = ["architecture", "backend", "calls", "median", "quartiles", "p99", "first"]
    assert heading.split() == columns
    assert [row.split()[0] for row in rows] == ["indrnn", "lstm"], "with batch norm one value is no training batch"
    stored = list(open_store(tmp_path).timings())
    assert [set(one.phases) for one in stored] == [{"forward", "streaming"}] * 2
    assert all(len(one.phases["streaming"].wall) == 200 for one in stored)
    assert all(one.phases["streaming"].p99 >= one.phases["streaming"].quartiles[1] for one in stored)


def test_a_sitting_that_is_stopped_at_once_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.speed.sitting.Sitting.measure", lambda self, cases: iter(()))
    assert run_command([*SMALL, "--home", str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith("nothing was measured")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals are sent to a process of POSIX")
def test_a_signal_keeps_what_was_measured(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harness", *SMALL, "--repeats", "10000", "--home", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:  # told after five seconds of measuring
            if line.startswith("measuring"):
                break
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "repetitions: stopped by SIGINT" in out
    stored = list(open_store(tmp_path).timings())
    assert [one.arch for one in stored] == ["lstm", "gru"]
    assert all(one.phases["step"].wall for one in stored)


def test_the_published_bars_stand_beside_what_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    def timing(arch: str, seconds: float) -> Timing:
        sizes = {"length": 1000, "batch": 128, "input_size": 128, "hidden_size": 128, "num_layers": 1}
        phases = {"forward_backward": Phase(9.0, [seconds], [seconds])}
        where = {"dtype": "float32", "device": "cpu", "threads": 2, "preset": "unicornn-figure"}
        return Timing("0" * 12, arch, {}, **sizes, **where, phases=phases, backends={arch: {"torch": 1}})

    print_beside(preset("unicornn-figure"), [timing("lstm", 2.0), timing("unicornn", 0.5)])
    out = capsys.readouterr().out
    assert "assumed here: batch 128, one layer of 128 units" in out
    rows = [line.split() for line in out.splitlines()[-2:]]
    assert rows == [
        ["lstm", "1000", "torch", "2000", "35.4", "1.000", "1.000"],
        ["unicornn", "1000", "torch", "500", "10.0", "0.250", "0.282"],
    ]
