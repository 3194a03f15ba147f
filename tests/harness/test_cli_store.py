"""The verbs that look at, exchange and delete stored runs, as a person types them."""

from __future__ import annotations

import io
import json
import math
import platform
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli import run_command
from harness.home import Home
from harness.recipe import content_hash
from harness.recipes import Named, named, write
from harness.registry import Registry
from harness.store import CurvePoint, Run, Store, open_store, plain
from harness.store.line import document

EXPORT = [sys.executable, "-m", "harness", "export"]
FULL = Path("/dev/full")
Harness = Callable[..., tuple[int, str, str]]
RECIPE: dict[str, Any] = {"arch": "lstm", "task": "psmnist", "layer": {"hidden_size": 8}, "training": {"lr": 0.001}}


def a_run(**changes: Any) -> Run:
    given: dict[str, Any] = {"arch": "lstm", "task": "psmnist", "metric": "accuracy", "recipe": RECIPE, "seed": 3}
    given |= {"recipe_name": "standard", "state": "done", "metrics": {"valid": 0.5, "test": 0.25}}
    given |= changes
    return Run(recipe_hash=content_hash(plain.jsonable(given["recipe"])), **given)


def a_curve(*values: float) -> list[CurvePoint]:
    return [CurvePoint(n, 100 * n, 2.0 * n, 2 / n, 3 / n, value, 1e-3) for n, value in enumerate(values, start=1)]


@pytest.fixture
def store() -> Store:
    return open_store()


@pytest.fixture
def harness(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Harness:
    """``harness("show", "abc", typed="y")`` -> exit code, output, complaints, in a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed.encode())))
        code = run_command(arguments)
        return code, *capsys.readouterr()

    return run


def test_the_version_of_an_architecture_is_shown_where_it_has_one(store: Store, harness: Harness, plugin: str) -> None:
    old = a_run(arch="mean", task="sign", environment={"plugins": {"architecture": {"title": "Mean", "origin": "x"}}})
    store.add(old)
    assert "version" not in harness("list", "runs")[1]
    assert "version " not in harness("show", old.id)[1]
    assert "version" not in harness("list", "architectures", "--plugin", plugin)[1].splitlines()[0]

    file = Path(plugin).with_name("second.py")
    file.write_text(Path(plugin).read_text().replace('title="Mean"', 'title="Mean", version="2.1 beta"'))
    code, out, _ = harness("list", "architectures", "--plugin", str(file), "--json")
    assert code == 0
    versions = {row["name"]: row["version"] for row in json.loads(out)}
    assert (versions["mean"], versions["lstm"]) == ("2.1 beta", None)
    assert "version" in harness("list", "architectures", "--plugin", str(file))[1].splitlines()[0]

    pair = ["run", "--plugin", str(file), "--arch", "mean", "--task", "sign", "--epochs", "1"]
    assert harness(*pair)[0] == 0
    new = next(run for run in store.runs() if run.id != old.id)
    assert (new.version, old.version) == ("2.1 beta", None)
    assert re.search(r"^  version +2\.1 beta$", harness("show", new.id)[1], re.MULTILINE)
    assert "2.1 beta" in harness("list", "runs")[1]
    listed = {row["run"]: row["version"] for row in json.loads(harness("list", "runs", "--json")[1])}
    assert listed == {new.id: "2.1 beta", old.id: None}


@pytest.mark.parametrize("environment", [{"plugins": {"architecture": {"version": 3}}}, {"plugins": ["version"]}])
def test_a_version_that_is_none_does_no_harm(store: Store, harness: Harness, environment: dict[str, Any]) -> None:
    run = a_run(environment={**environment, "version": None})
    store.add(run)
    assert [harness("list", "runs")[0], harness("show", run.id)[0]] == [0, 0]
    assert run.version is None


def test_show_tells_everything(store: Store, harness: Harness) -> None:
    run = a_run(
        metrics={"valid": 0.97, "test": 0.9655},
        curve=a_curve(0.1, 0.5, 0.97),
        parameters=35_000,
        parameters_without_embedding=34_000,
        epochs_done=3,
        steps_done=1200,
        seconds=192.2,
        environment={"hardware": {"cpu": "Intel Xeon"}, "threads": 2, "git": {"commit": "c0ffee", "dirty": True}},
        backends={"lstm": {"torch": 1200}},
        warnings=["a short budget"],
        data_checksum="d00d",
    )
    store.add(run)
    code, out, _ = harness("show", run.id[:6])
    assert code == 0
    for told in (
        f"lstm on psmnist, seed 3: done\n  run             {run.id}",
        "valid accuracy  97.00 %",
        "test accuracy   96.55 %",
        f"standard (hash {run.recipe_hash})",
        "35,000 (34,000 without embedding)",
        "3 epochs, 1,200 steps, 3 min 12 s",
        "cpu: Intel Xeon",
        "lstm: torch 1,200 times",
        "d00d",
        "warning: a short budget",
        "validation accuracy by epoch",
        "97.00 % ┤",
        "training loss",
        "validation loss",
        "[layer]\n  hidden_size = 8",
        "hardware.cpu  Intel Xeon",
        f"harness show {run.id} --toml > recipe.toml",
        "harness run --recipe recipe.toml --seed 3 --device cpu --threads 2 --again",
        "commit c0ffee and changes that were not committed",
    ):
        assert told in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("asked", "wish"), [("eager", "HARNESS_BACKEND=eager "), ("cpu", ""), ("best", ""), (["eager"], "")]
)
def test_show_repeats_the_backend_that_was_asked_for_and_ran(store: Store, harness: Harness, asked, wish) -> None:
    run = a_run(environment={"backend": asked}, backends={"lstm": {"eager": 3}})
    store.add(run)
    _, out, _ = harness("show", run.id)
    assert f"\n  {wish}harness run --recipe recipe.toml" in out


def test_show_of_a_run_that_failed_at_once(store: Store, harness: Harness) -> None:
    run = a_run(state="failed", reason="diverged at step 1", metrics={"valid": math.nan, "test": None})
    store.add(run)
    code, out, _ = harness("show", run.id)
    assert code == 0
    assert "diverged at step 1" in out
    assert "valid accuracy  nan" in out
    assert "(no epoch was finished)" in out


def test_show_json_is_the_documented_line(store: Store, harness: Harness) -> None:
    run = a_run(curve=a_curve(math.nan))
    store.add(run)
    _, out, _ = harness("show", run.id, "--json")
    assert json.loads(out) == document(run)


def test_show_toml_is_the_recipe(store: Store, harness: Harness) -> None:
    store.add(a_run())
    _, out, _ = harness("show", store.runs()[0].id, "--toml")
    assert tomllib.loads(out) == RECIPE


def test_a_recipe_that_toml_cannot_say_is_shown_as_json(store: Store, harness: Harness) -> None:
    run = a_run(recipe={"milestones": [1, None], "code": 5}, environment={"threads": "many", "git": "?"})
    store.add(run)
    code, out, _ = harness("show", run.id)
    assert code == 0
    assert "null" in out
    code, _, complaint = harness("show", run.id, "--toml")
    assert code == 2
    assert complaint.startswith(f"error: the recipe of run {run.id} cannot be written as TOML")


@pytest.mark.parametrize("verb", [("show", "abc"), ("compare", "abc", "def"), ("delete", "abc", "--yes")])
def test_an_unknown_run_is_told(verb: tuple[str, ...], store: Store, harness: Harness) -> None:
    code, out, complaint = harness(*verb)
    assert (code, out) == (2, "")
    assert complaint == "error: there is no run 'abc': 'list runs' shows those that there are\n"


def test_compare_shows_scores_and_only_what_differs(store: Store, harness: Harness) -> None:
    one = a_run(metrics={"valid": 0.9, "test": 0.8}, curve=a_curve(0.5, 0.9), environment={"pid": 1, "threads": 2})
    recipe = RECIPE | {"layer": {"hidden_size": 16, "dropout": 0.123456789}}
    other = a_run(metrics={"valid": 0.7, "test": None}, recipe=recipe, environment={"pid": 2, "threads": 2})
    store.add(one)
    store.add(other)
    code, out, _ = harness("compare", one.id, other.id)
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert ["valid", "90.00", "%", "70.00", "%"] in rows
    assert ["test", "80.00", "%", "-"] in rows
    assert ["layer.hidden_size", "8", "16"] in rows
    assert ["layer.dropout", "-", "0.123456789"] in rows
    assert "training.lr" not in out
    assert "environment: no difference" in out
    assert "90.00 % ┤" in out
    assert max(map(len, out.splitlines())) <= 80
    _, out, _ = harness("compare", one.id, other.id, "--json")
    assert json.loads(out) == {
        "runs": [document(one), document(other)],
        "differences": {
            "recipe": {"layer.hidden_size": [8, 16], "layer.dropout": [None, 0.123456789]},
            "environment": {},
        },
        "recipes": [],
        "unlike": {},
    }


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seconds": 9.0, "environment": {"pid": 2}}, []),
        ({"curve": a_curve(0.5, math.nan, 0.7)}, []),
        ({"curve": a_curve(0.5, math.nan, 0.7 + 2**-53)}, ["curve from epoch 3 on"]),
        ({"curve": a_curve(0.5)}, ["curve from epoch 2 on"]),
        ({"metrics": {"valid": 0.5, "test": math.nan}}, ["test"]),
        ({"metrics": {"valid": 0.5, "test": 0.25, "chance_test": 0.1}}, []),
        ({"data_checksum": "beef"}, ["data_checksum"]),
        ({"seed": 4}, None),
    ],
)
def test_compare_says_whether_a_run_that_was_repeated_is_the_same(
    store: Store, harness: Harness, changes: dict[str, Any], told: list[str] | None
) -> None:
    first = a_run(curve=a_curve(0.5, math.nan, 0.7))
    again = a_run(**{"curve": a_curve(0.5, math.nan, 0.7), **changes})
    for run in (first, again):
        store.add(run)
    _, out, _ = harness("compare", first.id, again.id)
    words = " ".join(out.split())
    assert (f"{again.id} is {first.id} once more: equal bit for bit in every epoch" in words) == (told == [])
    assert (f"{again.id} is {first.id} once more: NOT equal ({', '.join(told or [])})" in words) == bool(told)
    unlike = json.loads(harness("compare", first.id, again.id, "--json")[1])["unlike"]
    assert unlike == ({} if told is None else {again.id: told})


def seeds_of(arch: str, recipe: str, *tests: float, **more: Any) -> list[Run]:
    settings = RECIPE | {"arch": arch, "layer": {"hidden_size": len(recipe)}}
    return [
        a_run(arch=arch, recipe=settings, recipe_name=recipe, seed=seed, metrics={"valid": test, "test": test}, **more)
        for seed, test in enumerate(tests)
    ]


def test_compare_tells_what_all_seeds_of_two_recipes_say(store: Store, harness: Harness) -> None:
    runs = [*seeds_of("lstm", "standard", 0.90, 0.92), *seeds_of("lstm", "own", 0.80, 0.84)]
    for run in runs:
        store.add(run)
    code, out, _ = harness("compare", runs[0].id, runs[2].id)
    assert code == 0
    assert "their recipes over all stored seeds" in out
    assert "91.00 ± 12.71 %" in out
    assert "lstm:own - lstm:standard: −9.00 points, 95 % interval" in " ".join(out.split())
    recipes = json.loads(harness("compare", runs[0].id, runs[2].id, "--json")[1])["recipes"]
    assert [(row["recipe"], row["n"]) for row in recipes] == [("standard", 2), ("own", 2)]
    assert "their recipes" not in harness("compare", runs[0].id, runs[1].id)[1]


def test_compare_of_architectures_on_a_task_takes_the_row_that_validation_chose(store: Store, harness: Harness) -> None:
    for run in (
        *seeds_of("lstm", "standard", 0.90, 0.92),
        *seeds_of("lstm", "own", 0.80),
        *seeds_of("gru", "own", 0.7),
    ):
        store.add(run)
    task = seeds_of("lstm", "own", 0.5)[0].task
    code, out, _ = harness("compare", "lstm", "gru", "lstm:own", "--task", task, "--json")
    assert code == 0
    assert [(row["arch"], row["recipe"]) for row in json.loads(out)] == [
        ("lstm", "standard"),
        ("gru", "own"),
        ("lstm", "own"),
    ]
    assert "One seed: there is no interval" in harness("compare", "lstm", "gru", "--task", task)[1]


def test_compare_of_architectures_looks_through_all_rankings_of_a_task(store: Store, harness: Harness) -> None:
    few = [*seeds_of("gru", "few", 0.7, 0.72), *seeds_of("rnn", "few", 0.6, 0.62)]
    for run in few:
        run.recipe = run.recipe | {"training": run.recipe["training"] | {"train_limit": 50}}
    for run in (*seeds_of("lstm", "standard", 0.90, 0.92), *seeds_of("gru", "standard", 0.8), *few):
        store.add(run)
    task = few[0].task
    code, out, _ = harness("compare", "gru", "rnn", "--task", task, "--json")
    assert code == 0
    assert [(row["arch"], row["recipe"], row["train_limit"]) for row in json.loads(out)] == [
        ("gru", "few", 50),
        ("rnn", "few", 50),
    ]
    code, out, told = harness("compare", "lstm", "rnn", "--task", task)
    assert (code, out) == (2, "")
    assert told == (
        f"error: lstm, rnn: no ranking of {task} has all of them: lstm has train_limit = all; rnn has train_limit = 50;"
        " train one of them as the other, by --set\n"
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("lstm",), "lstm: name at least two runs to compare"),
        (("lstm", "--task", "psdigits"), "lstm: name at least two architectures to compare"),
        (("lstm", "gru"), "lstm, gru: say with --task on which task they are to be compared"),
        (("lstm", "gru:tuned"), "lstm, gru:tuned: say with --task"),
        (("lstm", "abc"), "there is no run 'lstm'"),
        (("lstm", "lst", "--task", "psdigits"), "lst: no run of it on psdigits (did you mean 'lstm'?)"),
        (("lstm", "lstm:own", "--task", "psdigits"), "lstm:own: no such recipe"),
        (("lstm", "lstm", "--task", "psdigit"), "there are no runs of it (did you mean 'psdigits'?)"),
    ],
)
def test_compare_tells_what_it_cannot_find(
    arguments: tuple[str, ...], complaint: str, store: Store, harness: Harness
) -> None:
    for run in seeds_of("lstm", "standard", 0.9, task="psdigits"):
        store.add(run)
    code, out, told = harness("compare", *arguments)
    assert (code, out) == (2, "")
    assert complaint in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("form", "name", "table"),
    [
        ("md", "leaderboard.md", "leaderboard.md"),
        ("latex", "all.tex", "overview.tex"),
        ("csv", "rankings.csv", "rankings.csv"),
        ("json", "leaderboard.json", "leaderboard.json"),
    ],
)
def test_report_has_other_forms_than_pages(
    form: str, name: str, table: str, store: Store, harness: Harness, tmp_path: Path
) -> None:
    for run in seeds_of("lstm", "standard", 0.9, 0.92):
        store.add(run)
    code, out, _ = harness("report", "--format", form, "--out", str(tmp_path / "tables"))
    assert (code, out) == (0, f"{tmp_path / 'tables' / name}: 2 finished of 2 stored runs\n")
    assert "91" in (tmp_path / "tables" / table).read_text(encoding="utf-8")


def test_report_refuses_a_folder_without_a_name(store: Store, harness: Harness) -> None:
    for empty in ("", " "):
        code, out, told = harness("report", "--out", empty)
        assert (code, out) == (2, "")
        assert told == "error: --out: the name is empty; name a folder\n"


def test_report_says_which_runs_have_no_page(
    store: Store, harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.paged.EVERY", 1)
    monkeypatch.setattr("reports.paged.MOST", 1)
    for run in seeds_of("lstm", "standard", 0.9, 0.92, 0.91):
        store.add(run)
    site = tmp_path / "site"
    code, out, _ = harness("report", "--out", str(site))
    assert code == 0
    assert "Of 3 runs 1 have a page" in " ".join(out.split())
    assert "'report --every-run' writes a page for each" in " ".join(out.split())
    assert len(list((site / "runs").iterdir())) == 1
    assert "have a page" not in harness("report", "--out", str(site), "--every-run")[1]
    assert len(list((site / "runs").iterdir())) == 3


def test_report_refuses_a_form_that_there_is_not(store: Store, harness: Harness) -> None:
    code, out, told = harness("report", "--format", "pdf")
    assert (code, out) == (2, "")
    assert "'pdf' is not one of" in told


def test_compare_takes_several_runs_and_warns_of_different_tasks(store: Store, harness: Harness) -> None:
    runs = [a_run(), a_run(task="adding", metric="mse"), a_run(seed=4)]
    for run in runs:
        store.add(run)
    code, out, _ = harness("compare", *(run.id for run in runs), runs[0].id)
    assert code == 0
    assert "of different tasks or variants: their scores do not compare" in out
    assert "recipe: no difference" in out
    assert f"{runs[0].id} (1)" in out
    assert f"{runs[0].id} (4)" in out


def test_export_and_import_carry_runs_to_another_home(store: Store, harness: Harness, tmp_path: Path) -> None:
    for run in (a_run(), a_run(state="failed"), a_run(task="adding", metric="mse")):
        store.add(run)
    _, text, _ = harness("export")
    assert harness("export", "--out", str(tmp_path / "runs.jsonl"))[1] == f"{tmp_path / 'runs.jsonl'}: 3 runs\n"
    assert (tmp_path / "runs.jsonl").read_text() == text
    home = str(tmp_path / "home")
    assert harness("import", str(tmp_path / "runs.jsonl"), "--home", home)[:2] == (
        0,
        f"{tmp_path / 'runs.jsonl'}: 3 runs; 3 new, 0 updated, 0 known already\n",
    )
    assert (
        harness("import", "-", "--home", home, typed=text)[1]
        == "standard input: 3 runs; 0 new, 0 updated, 3 known already\n"
    )
    assert harness("export", "--home", home)[1] == text


def test_export_takes_filters(store: Store, harness: Harness) -> None:
    for run in (a_run(), a_run(arch="gru"), a_run(task="adding"), a_run(state="failed")):
        store.add(run)
    _, out, _ = harness("export", "--arch", "lstm", "--task", "psmnist", "--state", "done")
    assert [json.loads(line)["run"] for line in out.splitlines()] == [store.runs()[-1].id]
    assert harness("export", "--task", "har2")[:2] == (0, "")
    assert harness("export", "--state", "faild")[2].startswith("error: a run is never 'faild' (did you mean 'failed'?)")


def test_import_says_what_it_could_not_read(harness: Harness, tmp_path: Path, store: Store) -> None:
    missing = tmp_path / "none.jsonl"
    assert harness("import", str(missing)) == (2, "", f"error: cannot read {missing} (No such file or directory)\n")
    assert harness("import", str(tmp_path)) == (2, "", f"error: cannot read {tmp_path} (Is a directory)\n")
    code, _, complaint = harness("import", "-", typed=json.dumps(document(a_run())) + "\n{}\n")
    assert code == 2
    assert complaint == "error: standard input, line 2: the field 'schema' is missing; nothing was imported\n"
    assert store.count() == 0


def test_list_recipes_shows_those_of_the_home(harness: Harness, tmp_path: Path) -> None:
    registry, home = Registry(), tmp_path / "home"
    for task in ("adding", "adding[length=500]"):
        tuned = Named("tuned", named(registry, "lstm", task).recipe, f"study lstm-{task}, trial 17 of 50")
        write(Home(home), tuned, task)
    wanted = ("list", "recipes", "--task", "adding", "--arch", "lstm", "--home", str(home), "--json")
    rows = json.loads(harness(*wanted)[1])
    assert [(row["task"], row["recipe"]) for row in rows] == [
        ("adding", "standard"),
        ("adding", "tuned"),
        ("adding[length=500]", "tuned"),
    ]
    assert rows[2]["source"] == "study lstm-adding[length=500], trial 17 of 50"
    rows = json.loads(harness("list", "recipes", "--task", "adding[length=500]", "--home", str(home), "--json")[1])
    assert [row["recipe"] for row in rows] == ["tuned"]


def test_delete_takes_the_run_and_its_folder(store: Store, harness: Harness) -> None:
    doomed, kept = a_run(), a_run()
    for run in (doomed, kept):
        store.add(run)
        Home.find().folder("runs", run.id).joinpath("weights.pt").touch()
    assert harness("delete", doomed.id, "--yes")[:2] == (0, "deleted 1 run\n")
    assert [run.id for run in store.runs()] == [kept.id]
    assert [folder.name for folder in Home.find().path.joinpath("runs").iterdir()] == [kept.id]


def test_delete_forgets_what_a_suite_leaves_out(store: Store, harness: Harness) -> None:
    store.replace_skipped("small", [("lstm", "psmnist", "too slow"), ("gru", "psmnist", "too slow")])
    store.replace_skipped("large", [("lstm", "psmnist", "too small")])
    code, out, complaints = harness("delete", "--skipped", "smal", "--yes")
    assert (code, out) == (2, "")
    assert "no suite of this name leaves out anything (did you mean 'small'?)" in complaints
    assert harness("delete", "--skipped", "small", "--yes") == (0, "deleted 2 skipped pairs\n", "")
    assert [skip.suite for skip in store.skipped()] == ["large"]
    assert harness("delete", "--skipped", "large", "--timings")[0] == 2


def test_delete_asks_first(store: Store, harness: Harness) -> None:
    store.add(a_run())
    run_id = store.runs()[0].id
    for typed, code in (("n\n", 2), ("", 2)):
        assert harness("delete", run_id, typed=typed)[0] == code
        assert store.count() == 1
    code, out, _ = harness("delete", run_id, typed="y\n")
    assert (code, store.count()) == (0, 0)
    assert f"{run_id}  lstm on psmnist, seed 3: done" in out


def test_delete_by_what_runs_have_in_common(store: Store, harness: Harness) -> None:
    for run in (a_run(), a_run(state="failed"), a_run(state="failed", arch="gru")):
        store.add(run)
    assert harness("delete")[0] == 2
    assert store.count() == 3
    assert harness("delete", "--state", "interrupted", "--yes")[1] == "no stored run is meant: nothing was deleted\n"
    named = [run.id for run in store.runs()]
    assert harness("delete", *named, "--arch", "gru", "--yes")[1] == "deleted 1 run\n"
    assert harness("delete", "--state", "failed", "--yes")[1] == "deleted 1 run\n"
    assert [run.state for run in store.runs()] == ["done"]


def test_delete_spares_a_run_that_another_process_trains(store: Store, harness: Harness) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    here = {"hostname": platform.node(), "pid": child.pid}
    alive, elsewhere = a_run(state="running", environment=here), a_run(state="running", environment={"pid": 1})
    store.add(alive)
    store.add(elsewhere)
    code, _, complaint = harness("delete", "--state", "running", "--yes")
    assert code == 2
    assert "may be under way (process 1 on ?): end it first, or delete it with --force" in complaint
    assert harness("delete", alive.id, "--yes")[0] == 2
    assert store.count() == 2
    child.communicate(b"\n")
    assert harness("delete", alive.id, "--yes")[0] == 0, "its process has ended"
    assert harness("delete", elsewhere.id, "--yes", "--force")[0] == 0
    assert store.count() == 0


def test_a_run_whose_process_was_killed_is_told_from_one_that_runs(store: Store, harness: Harness) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    run = a_run(state="running", environment={"hostname": platform.node(), "pid": child.pid})
    store.add(run)
    store.add(a_run(state="running", environment={"hostname": "elsewhere", "pid": child.pid}))
    assert harness("list", "runs")[1].count(" running ") == 2
    assert "seed 3: running\n" in harness("show", run.id)[1]
    child.communicate(b"\n")
    listed = harness("list", "runs")[1]
    assert (listed.count(" running "), listed.count(" cut off ")) == (1, 1), "of another machine nothing is known"
    shown = harness("show", run.id)[1]
    assert "seed 3: cut off\n" in shown
    assert "its process has ended: the same command goes on with it" in shown
    assert {one["state"] for one in json.loads(harness("list", "runs", "--json")[1])} == {"running"}, "as it is stored"


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full, a disk that is always full")
def test_a_full_disk_behind_standard_output_is_told(store: Store) -> None:
    store.add(a_run())
    with FULL.open("w") as full:
        done = subprocess.run(EXPORT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: cannot write standard output (No space left on device)\n"


def test_a_reader_that_leaves_early_is_no_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # Python then drops what a pipe doesn't take, without a word
    store.add(a_run(environment={"padding": "x" * 2_000_000}))
    process = subprocess.Popen(EXPORT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.read(1) == "{"
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait() in (1, 141)


@pytest.mark.parametrize(
    "verb",
    [("show", "abc"), ("compare", "abc", "def"), ("delete", "abc", "--yes"), ("export",)],
    ids=lambda verb: verb[0],
)
def test_what_only_reads_makes_no_store(verb: tuple[str, ...], harness: Harness, tmp_path: Path) -> None:
    home = tmp_path / "home"
    told = f"error: there is no store at {home / 'store.sqlite'} yet: 'harness run', 'speed' and 'import' make one\n"
    assert harness(*verb, "--home", str(home)) == (2, "", told)
    assert not home.exists()


ODD: list[dict[str, Any]] = [
    {"recipe": {"training": {"epochs": odd, "train_limit": odd}}, "environment": {"threads": odd, "software": odd}}
    for odd in ("abc", None, 2**70, -1, True, math.nan, math.inf, [], {"harness": {}})
] + [
    {"recipe": {"training": 5}, "environment": {"software": {"harness": []}, "hardware": {"cpu": [], "gpus": 1}}},
    {"recipe": {"code": [None], "layer": None}, "environment": {"git": {"commit": 1}, "pid": "x", "hostname": {}}},
    {"environment": {"deep": json.loads('{"x":[' * 90 + "0" + "]}" * 90)}},
    {"created": "1970-01-01T00:00:00.000000Z", "updated": "9000-12-31T23:59:59.999999Z"},
]


@pytest.mark.parametrize("odd", ODD)
def test_no_line_that_is_imported_breaks_what_is_read(odd: dict[str, Any], harness: Harness, tmp_path: Path) -> None:
    run = a_run(**odd)
    code, _, complaint = harness("import", "-", typed=json.dumps(document(run)))
    assert (code, complaint) == (0, "")
    for verb in (("show", run.id), ("show", run.id, "--json"), ("compare", run.id, run.id), ("list", "runs")):
        code, out, complaint = harness(*verb)
        assert (code, complaint) == (0, ""), verb
        assert run.id in out
    code, out, complaint = harness("report", "--out", str(tmp_path / "site"))
    assert (code, complaint) == (0, "")
    assert "1 finished of 1 stored run\n" in out
    assert harness("export")[1] == plain.dumps(document(run)) + "\n"


def test_a_store_that_is_none_is_one_sentence(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_text("a diary " * 1000)
    for verb in (("show", "abc"), ("export",), ("delete", "--state", "done"), ("list", "runs")):
        code, _, complaint = harness(*verb, "--home", str(tmp_path))
        assert code == 2
        assert complaint.startswith(f"error: the store {tmp_path / 'store.sqlite'} is not a SQLite database")
        assert complaint.count("\n") == 1


def test_a_mistyped_name_is_no_empty_store(store: Store, harness: Harness, tmp_path: Path) -> None:
    store.add(a_run(arch="own", task="mine[length=5]"))
    for verb in (("list", "runs"), ("list", "timings"), ("list", "recipes"), ("export",)):
        code, out, complaints = harness(*verb, "--arch", "lsmt")
        assert (code, out) == (2, "")
        assert complaints.startswith(
            "error: --arch lsmt: neither is it installed, nor has a stored run it (did you mean"
        )
        assert harness(*verb, "--arch", "gru")[0] == harness(*verb, "--arch", "own")[0] == 0
    for verb in (("list", "runs"), ("list", "recipes"), ("export",)):
        assert "did you mean 'psdigits'?" in harness(*verb, "--task", "psdigit")[2]
        assert harness(*verb, "--task", "adding[length=7]")[0] == harness(*verb, "--task", "mine[length=5]")[0] == 0


def test_a_home_that_is_named_must_be_there_to_be_read(
    harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing, site = str(tmp_path / "typo"), str(tmp_path / "site")
    why = "there is no such folder yet; 'run', 'tune', 'speed' and 'import' make one"
    verbs = (("list", "runs"), ("list", "timings"), ("list", "studies"), ("report", "--out", site))
    for verb in (*verbs, ("list", "recipes")):
        assert harness(*verb, "--home", missing) == (2, "", f"error: --home {missing}: {why}\n")
    monkeypatch.setenv("HARNESS_HOME", missing)
    for verb in verbs:
        assert harness(*verb) == (2, "", f"error: HARNESS_HOME = {missing}: {why}\n")
    assert not Path(site).exists()
    assert harness("list", "recipes")[0] == 0, "most recipes need no home"
    monkeypatch.setenv("HARNESS_STORE", f"sqlite:///{tmp_path / 'elsewhere.sqlite'}")
    assert harness("list", "runs")[0] == 0, "the store is elsewhere"
    monkeypatch.delenv("HARNESS_STORE")
    monkeypatch.delenv("HARNESS_HOME")
    assert harness("list", "runs")[0] == 0, "who has just installed it has no home yet"


def test_compare_tells_recipes_of_one_name_apart(store: Store, harness: Harness) -> None:
    ours, theirs = seeds_of("lstm", "standard", 0.90), seeds_of("lstm", "standard", 0.80)
    for run, code in ((ours[0], "1111aaaa2222bbbb"), (theirs[0], "3333cccc4444dddd")):
        run.recipe = run.recipe | {"code": {"architecture": code}}
        run.recipe_hash = content_hash(run.recipe)
        run.environment = {"plugins": {"architecture": {"version": "2.1"}}} if run is ours[0] else {}
        store.add(run)
    code, out, _ = harness("compare", ours[0].id, theirs[0].id)
    assert code == 0
    names = [f"lstm:{run.recipe_hash[:8]}" for run in (ours[0], theirs[0])]
    words = " ".join(out.split())
    assert f"{names[1]} - {names[0]}: −10.00 points, no interval." in words
    for name, source in zip(names, ("1111aaaa, version 2.1", "3333cccc"), strict=True):
        assert f"{name}: code {source}, first run {ours[0].created[:10]}" in words
    code, out, _ = harness("compare", *names, "--task", ours[0].task, "--json")
    assert [row["recipe_hash"] for row in json.loads(out)] == [ours[0].recipe_hash, theirs[0].recipe_hash]


@pytest.mark.parametrize("known", [True, False])
def test_compare_says_what_is_no_better_than_a_constant(store: Store, harness: Harness, known: bool) -> None:
    levels = {"chance_valid": 0.5, "chance_test": 0.5} if known else {}
    for run in (*seeds_of("lstm", "own", 37 / 360, 37 / 360), *seeds_of("gru", "own", 0.9, 0.8)):
        run.metrics |= levels
        run.task = run.recipe["task"] = "psdigits"
        run.recipe_hash = content_hash(run.recipe)
        store.add(run)
    lstm, gru = json.loads(harness("compare", "lstm", "gru", "--task", "psdigits", "--json")[1])
    told = "worse than a constant predictor" if known else "at chance in every seed"
    assert (lstm["against_chance"], gru["against_chance"]) == (told, "")
    assert lstm["chance_level"] == (0.5 if known else 37 / 360), "else it is what the task states"
    assert f"lstm: {told.capitalize()}" in " ".join(harness("compare", "lstm", "gru", "--task", "psdigits")[1].split())


def test_compare_of_architectures_knows_the_titles_of_a_plugin(store: Store, harness: Harness, plugin: str) -> None:
    for run in (*seeds_of("mean", "standard", 0.9, task="sign"), *seeds_of("lstm", "standard", 0.8, task="sign")):
        store.add(run)
    code, out, told = harness("compare", "mean", "lstm", "--task", "sign", "--plugin", plugin, "--json")
    assert code == 0, told
    assert [row["arch_title"] for row in json.loads(out)] == ["Mean", "LSTM"]
