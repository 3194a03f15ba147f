"""What the command line hands to the reports: every frame's content, from runs that were really trained."""

from __future__ import annotations

import math
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas
import pytest

from harness.cli import again, run_command
from harness.cli.frames import all_frames, frames
from harness.execution import Job, Monitor, execute
from harness.home import Home
from harness.machine import Machine
from harness.recipe import content_hash
from harness.recipes import FOLDER, named
from harness.registry import Registry
from harness.store import CurvePoint, Phase, Run, Store, Timing, open_store, plain

from .stores import Places

RECIPE: dict[str, Any] = {"arch": "lstm", "task": "psmnist", "layer": {"hidden_size": 8}, "training": {"lr": 0.001}}
HOSTILE = "<script>alert(1)</script>\u202e'\"; rm -rf ~ $(id)\n`id`"


def a_run(**changes: Any) -> Run:
    given: dict[str, Any] = {"arch": "lstm", "task": "psmnist", "metric": "accuracy", "recipe": RECIPE, "seed": 3}
    given |= {"recipe_name": "standard", "state": "done", "metrics": {"valid": 0.5, "test": 0.25}}
    given |= changes
    return Run(recipe_hash=content_hash(plain.jsonable(given["recipe"])), **given)


@pytest.fixture(autouse=True)
def _place(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store of the home is on one kind of database after the other."""
    monkeypatch.setenv("HARNESS_STORE", places())


@pytest.fixture
def store() -> Store:
    return open_store()


@pytest.fixture
def train(registry: Registry, store: Store, tmp_path: Path) -> Callable[..., list[Run]]:
    """``train(epochs=2)``: two seeds of the standard recipe of the tiny pair with these keys changed."""

    def go(**changes: Any) -> list[Run]:
        found = named(registry, "mean", "sign", "standard", changes)
        return list(
            execute(Job(registry, found, Machine(Home.find(), tmp_path, True, "cpu")), store, (0, 1), Monitor())
        )

    return go


def cells(frame: pandas.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of these columns, None for what is missing."""
    plain_frame = frame[list(columns)].astype(object)
    return [tuple(row) for row in plain_frame.where(plain_frame.notna(), None).itertuples(index=False)]


def test_a_run_is_told_with_all_that_a_page_about_it_needs(store, registry, train):
    run, _ = train(epochs=2, selection="final")
    store.update(run.id, warnings=["a short budget", "few samples"], backends={"mean": {"eager": 1200, "cpu": 3}})
    found = all_frames(store, registry)["runs"].set_index("run").loc[run.id]
    assert found["selection"] == "final"
    assert found["steps"] == run.steps_done == 4
    assert found["data_checksum"] == run.data_checksum
    assert found["operations"] == "mean: eager 1,200 times, cpu 3 times"
    assert found["warnings"] == "a short budget\nfew samples"
    assert found["updated"] == store.get(run.id).updated
    assert (found["arch_title"], found["task_title"], found["task_protocol"]) == ("Mean", "Sign", "made for tests")


def test_a_learning_rate_that_nobody_chose_is_told(store, registry, train):
    left, given = train()[0], train(lr=0.07)[0]
    store.add(shipped := a_run(arch="lstm", task="adding[length=500]", recipe={"training": {"lr": 0.001}}))
    store.add(strange := a_run(arch="gone", task="sign", recipe={"training": {"lr": [1]}}))
    found = all_frames(store, registry)["runs"].set_index("run")["default"]
    assert [found[run.id] for run in (left, given, shipped, strange)] == [True, False, False, False]


def test_the_protocol_is_that_of_the_variant_that_was_run(store):
    for task in ("bidmc-hr", "bidmc-hr[source=recordings]", "gone[by=now]"):
        store.add(a_run(task=task, metric="rmse"))
    whole, split, gone = all_frames(store, Registry())["runs"]["task_protocol"]
    assert "It leaks: windows of one patient" in whole
    assert "split by patient" in split
    assert gone == "", "a task that is no longer at hand keeps its runs and tells no protocol"


def test_what_an_imported_run_does_not_say_is_missing(store):
    store.add(a_run(environment={"threads": "many"}, recipe={"training": {"selection": ["best"]}}))
    store.add(a_run(environment={}, recipe={"training": 5}))
    found = all_frames(store, Registry())
    assert found["runs"]["selection"].isna().all()
    assert found["runs"]["environment"].isna().tolist() == [False, True]
    assert cells(found["environments"], "name", "value") == [("threads", "many")]


@pytest.mark.parametrize("changes", [{}, {"epochs": 2, "lr": 0.07}], ids=["named", "file"])
def test_the_command_gives_the_same_numbers(changes, store, registry, train, plugin, tmp_path, monkeypatch, capsys):
    _, run = train(**changes)
    found = all_frames(store, registry)
    [command] = found["runs"].loc[found["runs"]["run"] == run.id, "command"]
    [line] = [line for line in command.splitlines() if not line.startswith("#")]
    program, words = shlex.split(line)[:3], shlex.split(line)[3:]
    assert program == ["python", "-m", "harness"]
    assert ("recipe.toml" in words) == bool(changes), "what a name stands for needs no file"
    monkeypatch.chdir(tmp_path)
    [toml] = found["recipes"].loc[found["recipes"]["recipe_hash"] == run.recipe_hash, "toml"]
    Path("recipe.toml").write_text(toml, encoding="utf-8")
    assert run_command([*words, "--plugin", plugin]) == 0, capsys.readouterr().err
    assert store.count() == 3
    repeated = store.get(store.runs()[0].id)
    assert repeated.id != run.id
    assert (repeated.recipe_hash, repeated.seed, repeated.metrics) == (run.recipe_hash, run.seed, run.metrics)
    numbers = [
        [(p.epoch, p.train_loss, p.valid_loss, p.valid, p.lr) for p in store.get(one.id).curve]
        for one in (run, repeated)
    ]
    assert numbers[0] == numbers[1]


def test_a_name_counts_only_while_it_stands_for_the_recipe_of_the_run(store):
    registry = Registry()
    recipes = {label: named(registry, "cornn", label, "published").recipe for label in ("psmnist", "smnist")}
    for label, recipe in recipes.items():
        task = "psmnist[permutation=cornn]" if label == "psmnist" else label
        store.add(a_run(arch="cornn", task=task, recipe=recipe.to_dict(), recipe_name="published"))
    changed = recipes["smnist"].to_dict() | {"layer": {**recipes["smnist"].layer, "dt": 0.5}}
    store.add(a_run(arch="cornn", task="smnist", recipe=changed, recipe_name="published"))
    store.add(a_run(recipe_name="standard"))
    lines = [command.splitlines() for command in all_frames(store, registry)["runs"]["command"]]
    end = "--seed 3 --device cpu --again"
    assert lines == [
        [f"python -m harness run --arch cornn --task 'psmnist[permutation=cornn]' --recipe published {end}"],
        [f"python -m harness run --arch cornn --task smnist --recipe published {end}"],
        ["# with the recipe in the file recipe.toml", f"python -m harness run --recipe recipe.toml {end}"],
        ["# with the recipe in the file recipe.toml", f"python -m harness run --recipe recipe.toml {end}"],
    ]


def test_a_recipe_of_the_home_goes_by_its_file_as_nobody_else_has_it(store, tmp_path):
    from harness.recipes import Named, write

    registry = Registry()
    tuned = named(registry, "lstm", "adding", changes={"lr": 0.01}).recipe
    write(Home.find(), Named("tuned", tuned, "a study"), "adding")
    store.add(a_run(task="adding", metric="mse", recipe=tuned.to_dict(), recipe_name="tuned"))
    [command] = all_frames(store, registry)["runs"]["command"]
    assert "--recipe recipe.toml" in command


def test_the_backend_that_was_asked_for_and_ran_and_the_source_are_told(store):
    environment = {"backend": "eager", "threads": 2, "git": {"commit": "c0ffee", "dirty": True}}
    run = a_run(environment=environment, backends={"lstm": {"eager": 3}}, recipe={**RECIPE, "code": {"task": "12"}})
    store.add(run)
    [command] = all_frames(store, Registry())["runs"]["command"]
    assert command.splitlines()[1:] == [
        "HARNESS_BACKEND=eager python -m harness run --recipe recipe.toml --seed 3 --device cpu --threads 2 --again",
        "# with the source at commit c0ffee and changes that were not committed",
        "# with the plugin that defines its task: name the file with --plugin",
    ]


def test_no_text_of_an_imported_run_gets_out_of_its_place_in_the_command(store):
    environment = {"backend": HOSTILE, "threads": HOSTILE, "git": {"commit": HOSTILE}}
    names = {"arch": HOSTILE, "task": HOSTILE, "recipe_name": HOSTILE, "device": HOSTILE}
    store.add(a_run(**names, environment=environment, backends={"x": {HOSTILE: 1}}, recipe={"code": {HOSTILE: "1"}}))
    store.add(a_run(recipe_name="../../secret.toml"))
    found = all_frames(store, Registry())
    first, second = found["runs"]["command"]
    [line] = [line for line in first.splitlines() if not line.startswith("# ")]
    words = shlex.split(line)
    seen = " ".join(HOSTILE.replace("\u202e", "\N{REPLACEMENT CHARACTER}").split("\n"))
    assert words[:6] == [f"HARNESS_BACKEND={seen}", "python", "-m", "harness", "run", "--recipe"]
    assert words[6:] == ["recipe.toml", "--seed", "3", "--device", seen, "--threads", seen, "--again"]
    assert "secret" not in second
    assert (found["runs"]["arch"] == HOSTILE).tolist() == [True, False]
    assert len(frames(store, Registry()).records()) == 2


def test_a_run_of_a_plugin_that_is_gone_is_told_all_the_same(store, train):
    run, _ = train(epochs=2)
    found = all_frames(store, Registry())
    told = found["runs"].set_index("run").loc[run.id]
    assert (told["arch_title"], told["task_title"], told["task_protocol"]) == ("Mean", "Sign", "")
    assert (
        "# with the plugin that defines its architecture (file tiny.py) and its task (file tiny.py): name the file"
        " with --plugin"
    ) in told["command"].splitlines()
    assert "--recipe recipe.toml" in told["command"]
    [toml] = found["recipes"]["toml"]
    assert tomllib.loads(toml) == store.get(run.id).recipe
    assert "mean" not in set(found["architectures"]["name"])


def test_an_edited_plugin_has_not_the_recipe_of_the_run_any_more(store, train, plugin):
    train()
    edited = Path(plugin).with_name("edited.py")
    edited.write_text(Path(plugin).read_text() + "\n# edited\n")
    commands = all_frames(store, Registry((str(edited),)))["runs"]["command"]
    assert all("--recipe recipe.toml" in command for command in commands)


def test_recipes_are_there_once_as_show_gives_them(store, registry, train, capsys):
    first, second = train(epochs=2)
    other, _ = train(epochs=3)
    odd = a_run(recipe={"milestones": [1, None]})
    store.add(odd)
    found = all_frames(store, registry)["recipes"]
    assert cells(found, "recipe_hash") == [(run.recipe_hash,) for run in (first, other, odd)]
    assert run_command(["show", second.id, "--toml"]) == 0
    assert capsys.readouterr().out == found["toml"][0]
    assert found["toml"][2] == '{\n  "milestones": [\n    1,\n    null\n  ]\n}', "TOML can't say it"


def test_environments_that_differ_in_what_passes_only_are_one(store):
    environment = {
        **{"hostname": "a", "pid": 1, "threads": 2, "load_average": [0.1, 0.2, 0.3]},
        "hardware": {"cpu": "Fast 9000", "gpus": ["H100", "H100"], "memory_bytes": 8},
        **{"software": {"onednn": True, "cuda": None, "flags": []}, "git": {}},
    }
    same = {key: environment[key] for key in reversed(environment)} | {"pid": 7, "load_average": [9.0]}
    for one in (environment, same, environment | {"threads": 1}, {}):
        store.add(a_run(environment=one))
    found = all_frames(store, Registry())
    first, second, third, none = found["runs"]["environment"]
    assert first == second != third
    assert pandas.isna(none)
    told = found["environments"]
    assert set(told["environment"]) == {first, third}
    assert cells(told[told["environment"] == first], "name", "value") == [
        ("hostname", "a"),
        ("threads", "2"),
        ("hardware.cpu", "Fast 9000"),
        ("hardware.gpus", "H100, H100"),
        ("hardware.memory_bytes", "8"),
        ("software.onednn", "true"),
        ("software.cuda", None),
        ("software.flags", "none"),
        ("git", "{}"),
    ]


def test_curves_are_whole_and_those_of_trials_are_left_out(store):
    odd = [0.5, math.nan, math.inf, -math.inf]
    curve = [CurvePoint(n, n, 1.0 * n, odd[n % 4], 0.0, 0.25, 1e-3) for n in range(1, 702)]
    long, trial = a_run(curve=curve), a_run(curve=curve[:3], study="s", trial=0)
    for run in (long, trial):
        store.add(run)
    found = all_frames(store, Registry())
    assert found["runs"]["run"].tolist() == [long.id]
    assert found["curves"]["run"].unique().tolist() == [long.id]
    assert found["curves"]["epoch"].tolist() == [point.epoch for point in curve]
    pandas.testing.assert_series_equal(
        found["curves"]["train_loss"], pandas.Series([p.train_loss for p in curve]), check_names=False
    )
    assert len(store.curves_frame()) == 704
    assert store.curves_frame().dtypes.equals(found["curves"].dtypes)


def test_timings_of_a_preset_stand_beside_the_published_times(store):
    phases = {"forward_backward": Phase(0.7, [0.8], [0.8]), "forward": Phase(0.5, [0.1], [0.2])}
    figure = {"preset": "unicornn-figure", "phases": phases}
    sizes: dict[str, Any] = {"batch": 128, "input_size": 128, "hidden_size": 128, "num_layers": 1}
    own = {**sizes, "dtype": "float32", "device": "cpu", "threads": 1}
    timings = [(1000, figure), (77, figure), (1000, {"phases": phases})]
    store.add_timings([Timing("0123456789ab", "lstm", {}, length=length, **own, **given) for length, given in timings])
    found = all_frames(store, Registry())["timings"]
    told = cells(found, "length", "phase", "published_seconds", "published_source")
    [published] = [row for row in told if row[2] is not None]
    assert published[:3] == (1000, "forward_backward", 0.0354)
    assert published[3].startswith("labels of the bars")
    assert "; assumed here: batch 128" in published[3]
    assert len(told) == 6


@pytest.mark.parametrize("plugins", [5, {"architecture": 5}, {"architecture": {"title": ["x"], "origin": 5}}])
def test_what_an_imported_run_says_of_its_plugin_may_be_anything(store, plugins):
    store.add(a_run(arch="gone", task="lost[by=now]", environment={"plugins": plugins}, recipe={"code": {"task": "1"}}))
    [told] = all_frames(store, Registry())["runs"].to_dict("records")
    assert (told["arch_title"], told["task_title"]) == ("gone", "lost [by=now]")
    assert told["command"].endswith("# with the plugin that defines its task: name the file with --plugin")


def test_the_newest_run_says_what_its_plugin_is_called(store):
    for day, title in ((1, "Old"), (2, "New")):
        said = {"plugins": {"task": {"title": title, "origin": "plugin lost 1.0"}}}
        store.add(a_run(task="lost[by=now]", environment=said, created=f"2026-01-0{day}T00:00:00+00:00"))
    assert set(all_frames(store, Registry())["runs"]["task_title"]) == {"New [by=now]"}


def test_timings_tell_the_hyper_parameters_that_are_no_defaults(store):
    sizes: dict[str, Any] = {"length": 9, "batch": 1, "input_size": 1, "hidden_size": 77, "num_layers": 3}
    own = {**sizes, "dtype": "float32", "device": "cpu", "threads": 1, "phases": {"forward": Phase(0.5, [0.1], [0.2])}}
    layers = {"gru": {"hidden_size": 77, "num_layers": 3}, "indrnn": {"batch_norm": "none"}, "gone": {"a": 1}}
    store.add_timings([Timing("0123456789ab", arch, layer, **own) for arch, layer in layers.items()])
    found = all_frames(store, Registry())["timings"]
    assert dict(zip(found["arch"], found["changes"], strict=True)) == {
        "gru": "",
        "indrnn": "batch_norm=none",
        "gone": "",
    }


def test_architectures_tell_paper_and_equations(registry):
    found = all_frames(open_store(), registry)["architectures"].set_index("name")
    assert found.loc["mean", ["equations", "paper", "paper_url", "code_url"]].tolist() == [""] * 4
    assert found.loc["mean", "origin"].startswith("file ")
    built_in = found[found["origin"] == "built-in"]
    assert len(built_in) == 6
    assert built_in["equations"].str.contains("=").all()
    assert found.loc["gru", "equations"].count("\n") == 3
    assert found.loc["lstm", "paper"] == (
        "Sepp Hochreiter, Jürgen Schmidhuber: Long Short-Term Memory. Neural Computation 9(8), 1997"
    )
    assert found.loc["cornn", "code_url"] == "https://github.com/tk-rusch/coRNN"


def test_a_descriptor_that_is_odd_spoils_nothing(tmp_path):
    file = tmp_path / "odd.py"
    file.write_text(
        "import torch\nfrom architectures import Architecture\nfrom tasks import Task\n"
        "ODD = Architecture('odd', 'Odd', torch.nn.RNN, equations='a =\\n b')\n"
        "class Picky(Task):\n"
        "    name, title, kind, metric, protocol = 'picky', 'Picky', 'regression', 'mse', None\n"
        "    def __init__(self, must: int):\n        self.must = must\n"
        "    def load(self, sources):\n        raise OSError\n"
    )
    found = all_frames(open_store(), Registry((str(file),)))
    assert found["architectures"].set_index("name").loc["odd", "equations"] == "a = b"
    picky = found["tasks"].set_index("name").loc["picky"]
    assert picky[["metric", "protocol", "length", "classes", "outputs"]].tolist() == ["mse", "", "", "", ""]
    assert pandas.isna(picky["chance"])


def test_a_plugin_that_cannot_say_what_chance_reaches_has_its_page(tmp_path):
    file = tmp_path / "cell.py"
    file.write_text(
        "from tasks import Task\n"
        "class Odd(Task):\n"
        "    name, title, kind, metric, protocol = 'odd', 'Odd', 'classification', 'accuracy', 'one'\n"
        "    input_size, output_size, length, chance = 1, 2, 3, 'half'\n"
        "    def load(self, sources):\n        raise OSError\n"
    )
    found = all_frames(open_store(), Registry((str(file),)))["tasks"].set_index("name")
    assert pandas.isna(found.loc["odd", "chance"])
    assert found.loc["odd", "classes"] == "2"


def test_tasks_tell_what_the_catalogue_knows():
    found = all_frames(open_store(), Registry())["tasks"].set_index("name")
    assert found.loc["imdb", ["metric", "length", "classes", "outputs"]].tolist() == [
        *("accuracy", "different lengths", "2", ""),
    ]
    assert found.loc["bidmc-hr", ["metric", "length", "classes", "outputs"]].tolist() == [
        "rmse",
        "4,000 steps",
        "",
        "1",
    ]
    assert found.loc["smnist", ["length", "classes"]].tolist() == ["784 steps", "10"]
    assert found.loc[["smnist", "imdb", "adding"], "chance"].tolist() == [0.1135, 0.5, 1 / 6]
    assert set(found.index[found["chance"].isna()]) == {"bidmc-hr", "bidmc-rr", "bidmc-spo2", "eigenworms"}
    for column in ("protocol", "citation", "licence"):
        assert (found[column] != "").all()
    assert found["url"].str.startswith("https://").all()


def published_files() -> Iterator[Path]:
    for file in FOLDER.glob("*/*.toml"):
        if "published" in tomllib.loads(file.read_text(encoding="utf-8")):
            yield file


def test_published_recipes_are_told_whether_they_were_run_or_not(registry):
    found = all_frames(open_store(), registry)["published_recipes"]
    there = {(file.stem, file.parent.name) for file in published_files()}
    assert {(arch, task.partition("[")[0]) for arch, task in cells(found, "arch", "task")} == there
    assert len(found) == len(there)
    for arch, task, content_id, toml, source, deviations in cells(found, *found.columns):
        recipe = named(registry, arch, task, "published").recipe
        assert recipe.hash == content_id
        assert tomllib.loads(toml) == recipe.to_dict()
        assert source
        assert deviations
    cornn = found[(found["arch"] == "cornn") & (found["task"] == "psmnist[permutation=cornn]")]
    assert cornn["deviations"].str.count("\n").tolist() == [2]


def test_an_empty_store_has_all_frames_with_their_columns():
    found = all_frames(open_store(), Registry())
    assert found["skipped"].columns.tolist() == ["arch", "task", "reason"]
    for name in ("runs", "curves", "recipes", "environments", "trials", "studies", "importance", "timings", "skipped"):
        assert found[name].empty, name
        assert len(found[name].columns) >= 2, name
    assert found["curves"].dtypes["epoch"] == "int64"


def test_the_reports_take_every_frame(store, registry, train):
    train(epochs=2)
    taken = frames(store, registry)
    for name, frame in all_frames(store, registry).items():
        pandas.testing.assert_frame_equal(getattr(taken, name), frame)
        if name != "curves":
            assert len(taken.rows(name)) == len(frame), name


def test_a_report_without_studies_does_not_load_optuna(store):
    store.add(a_run())
    program = (
        "import sys; from harness.cli.frames import all_frames; from harness.registry import Registry;"
        "from harness.store import open_store; all_frames(open_store(), Registry()); print('optuna' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "False\n"


def test_each_name_is_looked_up_once(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "harness.recipes.named", lambda registry, *names: asked.append(names) or named(registry, *names)
    )
    shipped = again.shipped_recipes(Registry())
    assert shipped("lstm", "adding", "standard") == shipped("lstm", "adding", "standard")
    assert shipped("none", "adding", "standard") is shipped("lstm", "gone[x=1]", "standard") is None
    assert shipped("lstm", "adding[length=x]", "standard") is shipped("lstm", "adding", "a file.toml") is None
    assert asked == [("lstm", "adding", "standard"), ("lstm", "adding[length=x]", "standard")]
