"""``suite plan``, ``status``, ``list`` and ``show`` as a person gives them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from harness.cli import run_command
from harness.execution import Job, Monitor, execute
from harness.registry import Registry
from harness.store import open_store
from harness.suites.standing import driver_lock

Harness = Callable[..., tuple[int, str, str]]


@pytest.fixture
def harness(capsys, monkeypatch, home, tmp_path) -> Harness:
    """``harness("suite", "list")`` -> exit code, output, complaints."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("HARNESS_HOME", str(home.path))
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    monkeypatch.delenv("HARNESS_STORE", raising=False)
    monkeypatch.delenv("HARNESS_STUDIES", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = run_command(arguments)
        return code, *capsys.readouterr()

    return run


def test_list_and_show_import_nothing_heavy_and_the_file_shown_is_a_suite(tmp_path):
    script = (
        "import sys; from harness.cli import run_command; code = run_command(sys.argv[1:]);"
        "heavy = {'torch', 'pandas', 'sqlalchemy', 'optuna', 'ray'} & set(sys.modules);"
        "print(heavy or '', end='', file=sys.stderr); sys.exit(code)"
    )
    for words in (("list",), ("show", "quick"), ("plan", "--help"), ("status", "--help")):
        done = subprocess.run([sys.executable, "-c", script, "suite", *words], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        if words[0] == "show":
            assert done.stdout.startswith("# ")
            assert "architectures" in done.stdout


def test_list_has_names_and_titles(harness):
    code, out, _ = harness("suite", "list", "--json")
    assert code == 0
    assert {"quick", "papers", "fair", "long"} <= {row["suite"] for row in json.loads(out)}
    assert all(row["title"] for row in json.loads(out))


def test_what_is_shown_can_be_kept_and_planned(harness, tmp_path):
    _, out, _ = harness("suite", "show", "quick")
    (tmp_path / "mine.toml").write_text(out)
    code, out, _ = harness("suite", "plan", str(tmp_path / "mine.toml"), "--no-measure", "--json")
    assert code == 0
    assert json.loads(out)["suite"] == "mine"


def test_a_plan_goes_from_waiting_to_done(harness, suite_file, worked_out, home, machine):
    file = str(suite_file('title = "Small"\nseeds = "0-1"', architectures='["mean", "other"]').resolve())
    grid = worked_out('title = "Small"\nseeds = "0-1"', architectures='["mean", "other"]')
    assert not home.path.exists(), "to plan needs no store"
    code, out, told = harness("suite", "plan", file, "--workers", "2")
    assert code == 0
    assert told.splitlines() == ["measuring mean on sign", "measuring other on sign"]
    assert out.startswith("suite mine: Small; 2 cells, 4 runs\n")
    assert out.count("  waiting  ") == 2
    assert " s of training, one after another\n" in out
    assert "by 2 workers" in out
    code, out, told = harness("suite", "plan", file, "--json")
    content = json.loads(out)
    assert told == "", "nothing is measured twice"
    assert {cell["cost_from"] for cell in content["cells"]} == {"measured"}
    assert content["left"]["cells_not_measured"] == 0
    registry = Registry(grid.plugins)
    store = open_store(home.path)
    for cell in grid.cells:
        list(execute(Job(registry, cell.recipe, machine), store, cell.seeds, Monitor()))
    code, out, _ = harness("suite", "plan", file, "--json")
    content = json.loads(out)
    assert [cell["state"] for cell in content["cells"]] == ["done", "done"]
    assert {cell["cost_from"] for cell in content["cells"]} == {"runs"}
    assert content["left"]["seconds"] == 0.0
    code, out, _ = harness("suite", "status", file)
    assert "done 2/2" in out
    assert "no driver is at work" in out
    assert "left" not in out


def test_status_sees_a_driver_and_creates_nothing_where_there_is_no_store(harness, suite_file, home):
    file = str(suite_file('seeds = "0-1"'))
    code, out, _ = harness("suite", "status", file, "--json")
    content = json.loads(out)
    assert (code, content["at_work"], content["runs"]["waiting"]) == (0, False, 2)
    assert not (home.path / "store.sqlite").exists()
    store = open_store(home.path)
    with store.alone(driver_lock("mine"), "suite mine", "wait"):
        _, out, _ = harness("suite", "status", file, "--json")
        assert json.loads(out)["at_work"]


def test_mistakes_end_with_code_2_and_one_sentence(harness, suite_file):
    for words, sentence in (
        (("quik",), "error: no suite that comes with the project is called 'quik' (did you mean 'quick'?)"),
        ((str(suite_file("seedz = 3")),), "error: suite mine.toml: there is no key 'seedz' (did you mean 'seeds'?)"),
    ):
        for verb in ("plan", "status"):
            code, out, told = harness("suite", verb, *words)
            assert (code, out) == (2, "")
            assert told.startswith(sentence)
            assert told.count("\n") == 1


def test_what_belongs_to_a_suite_is_exported_and_elsewhere_the_suite_is_as_far(harness, suite_file, home, tmp_path):
    search = 'seeds = "0-1"\ntune.trials = 2\n[[skip]]\narch = "other"\ntask = "sign"\nreason = "too large"'
    file = str(suite_file(search, architectures='["mean", "other"]'))
    code, _, complaints = harness("suite", "run", file)
    assert code == 0, complaints
    beside = ("--plugin", str(tmp_path / "tiny.py"), "--set", "epochs=1", "--seed", "5")
    assert harness("run", "--arch", "mean", "--task", "sign", *beside)[0] == 0
    out = tmp_path / "suite.jsonl"
    code, told, _ = harness("export", "--suite", file, "--out", str(out))
    assert (code, told) == (0, f"{out}: 4 runs, 1 skipped pair, 1 study\n")
    lines = [json.loads(line) for line in out.open()]
    assert [(one["seed"], one["trial"]) for one in lines if "run" in one][-2:] == [(0, None), (1, None)]
    assert harness("export", "--suite", file, "--only", "skipped")[1].count("\n") == 1
    other = str(tmp_path / "other")
    assert harness("import", str(out), "--home", other)[0] == 0
    there = [harness("suite", "status", file, "--json", "--home", where)[1] for where in (str(home.path), other)]
    assert there[0] == there[1]
    assert harness("suite", "run", file, "--home", other)[0] == 0
    assert open_store(other).count() == 4, "nothing is trained that was imported"
    assert harness("export", "--suite", "quik")[:2] == (2, "")


def test_seeds_of_a_suite_can_be_trained_apart(harness, suite_file, home):
    file = str(suite_file('seeds = "0-2"'))
    assert harness("suite", "run", file, "--seeds", "4,1")[:2] == (2, "")
    assert not home.path.joinpath("store.sqlite").exists() or open_store(home.path).count() == 0
    assert harness("suite", "run", file, "--seeds", "1")[0] == 0
    assert [run.seed for run in open_store(home.path).runs()] == [1]
    assert harness("suite", "run", file)[0] == 0
    assert [run.seed for run in open_store(home.path).runs()] == [2, 0, 1]
    code, _, complaints = harness("suite", "run", file, "--seeds", "7")
    assert (code, complaints) == (2, "error: --seeds: the suite has no seed 7, it has 0, 1, 2\n")
