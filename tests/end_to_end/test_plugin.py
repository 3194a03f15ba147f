"""A person's own architecture and task: the two pages that teach it, and the example package, as a user meets them."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "examples" / "plugin"
PAGES = {"leaky.py": ROOT / "docs" / "adding-an-architecture.md", "recall.py": ROOT / "docs" / "adding-a-task.md"}
"""The file that a page begins with, and the page."""

Command = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.skipif(
    not all(path.is_file() for path in (PACKAGE / "pyproject.toml", *PAGES.values())),
    reason="docs/ and examples/ are not beside tests/: this is no checkout of the project",
)


def blocks(page: Path, language: str) -> Iterator[tuple[str, str]]:
    """Title and text of every fenced block of a page in this language."""
    fence = re.compile(rf'^( *)```{language}(?: title="(.+?)")?\n(.*?)^\1```$', re.MULTILINE | re.DOTALL)
    for _, title, text in fence.findall(page.read_text(encoding="utf-8")):
        yield title, text


def listings(name: str) -> dict[str, str]:
    """The Python files of the page that begins with `name`, each with all that the page appends to it."""
    files: dict[str, str] = {}
    for title, text in blocks(PAGES[name], "python"):
        file = title.removesuffix(", continued")
        files[file] = files[file] + "\n\n" + text if file in files else text
    return files


def first(name: str) -> str:
    """The first listing of a page."""
    return next(text for _, text in blocks(PAGES[name], "python"))


def runs(command: Command) -> list[dict[str, Any]]:
    """All stored runs, in the order of their creation."""
    return [json.loads(line) for line in ok(command("export")).splitlines()]


def ok(done: subprocess.CompletedProcess[str]) -> str:
    """The standard output of a command that must have succeeded."""
    assert done.returncode == 0, f"{shlex.join(done.args)}\n{done.stdout}{done.stderr}"
    return done.stdout


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line on standard error of a command that must have been refused."""
    assert done.returncode == 2, f"{shlex.join(done.args)}\n{done.stdout}{done.stderr}"
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr.strip()


@pytest.mark.parametrize("name", PAGES)
def test_the_first_listing_is_short_and_is_the_file_of_the_example_package(name: str) -> None:
    assert len(first(name).splitlines()) < 40
    assert first(name) == (PACKAGE / "src" / "leaky_recall" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_the_page_work_in_their_order(name: str, command: Command, tmp_path: Path) -> None:
    for file, text in {**listings(name), name: first(name)}.items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    random, recordings = np.random.RandomState(0), io.BytesIO()
    np.savez(recordings, x=random.random_sample((100, 50, 3)), y=random.randint(0, 4, 100))
    with zipfile.ZipFile(tmp_path / "gestures.zip", "w") as archive:
        archive.writestr("anywhere/gestures.npz", recordings.getvalue())

    lines = [line for _, text in blocks(PAGES[name], "sh") for line in text.splitlines()]
    assert len(lines) > 5
    for line in lines:
        python, _, harness, verb, *rest = shlex.split(line)
        assert (python, harness) == ("python", "harness")
        ok(command(verb, *rest, *(["--epochs", "1", "--train-limit", "64"] if verb == "run" else [])))
    found = runs(command)
    assert {run["state"] for run in found} == {"done"}
    if name == "leaky.py":
        wanted = [("leaky", "psdigits")] * 3 + [("lstm", "psdigits")] * 3 + [("leaky", "psdigits")] * 3
        assert [run["parameters"] for run in found][-3:] == [8999] * 3, "as the page says"
        title = "Leaky RNN"
    else:
        wanted = [("lstm", "recall")] * 3 + [("gru", "recall")] * 3 + [("lstm", "gestures")]
        title = "Recall of the first symbol"
    assert [(run["arch"], run["task"]) for run in found] == wanted
    assert title in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_a_wrong_value_is_refused_in_the_words_of_the_page(name: str, command: Command, tmp_path: Path) -> None:
    (tmp_path / name).write_text(first(name), encoding="utf-8")
    (shown,) = (text for _, text in blocks(PAGES[name], "console") if "error: " in text)
    typed, told = (line.strip() for line in shown.splitlines())
    _, _, _, _, *arguments = shlex.split(typed)
    assert refused(command(*arguments)) == told


@pytest.mark.parametrize("name", PAGES)
def test_the_checks_of_the_page_pass(name: str, tmp_path: Path) -> None:
    check = f"check_{name}"
    (tmp_path / name).write_text(first(name), encoding="utf-8")
    (tmp_path / check).write_text(listings(name)[check], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, check],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path_with(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ok(done).startswith("all checks passed")


def test_everything_that_the_descriptor_and_the_layer_can_say(command: Command, tmp_path: Path) -> None:
    text = listings("leaky.py")["leaky.py"]
    assert text.count("ARCHITECTURE = ") == 2
    name = "ARCHITECTURE = Architecture(\n"
    before, descriptor = text.split(name)
    descriptor, counted = descriptor.split("\n)\n", 1)  # the page comes to the counted layer after its descriptor
    descriptor = descriptor.replace("layer=Leaky,", "layer=CountedLeaky,")
    (tmp_path / "leaky.py").write_text(f"{before}{counted}\n\n{name}{descriptor}\n)\n", encoding="utf-8")
    pair = ["run", "--plugin", "leaky.py", "--arch", "leaky", "--task", "sdigits"]

    ok(command(*pair, "--epochs", "2", "--train-limit", "100", "--set", "batch_size=64"))
    (run,) = runs(command)
    assert run["backends"] == {"leaky": {"eager": 2 * 2 + 2 + 1}}, "steps, validations and the test"
    assert refused(command(*pair, "--set", "leak=0.0005")) == (
        "error: architecture leaky: the stack answers 2000 steps late: use a larger leak or fewer layers"
    )


def test_the_search_space_names_hyper_parameters(tmp_path: Path) -> None:
    from harness import signature
    from harness.registry import Registry

    (tmp_path / "leaky.py").write_text(listings("leaky.py")["leaky.py"], encoding="utf-8")
    architecture = Registry((str(tmp_path / "leaky.py"),)).architecture("leaky")
    assert set(architecture.search_space()) <= set(signature.keys_of(architecture.layer))
    assert architecture.paper.year == 2007


def test_the_step_of_the_page_is_where_its_oscillator_explodes() -> None:
    page: dict[str, Any] = {}
    exec(listings("leaky.py")["oscillator.py"], page)
    step = page["stable_step"]
    assert {step.key, *step.depends} == set(page["search_space"]())
    for stiffness in (0.1, 1.0, 100.0):
        for fraction, bounded in ((0.99, True), (1.01, False)):
            dt, y, z = fraction * step.largest({"stiffness": stiffness}), 1.0, 0.0
            for _ in range(2000):
                z -= dt * stiffness * y
                y += dt * z
            assert (abs(y) < 100) is bounded


def test_the_layer_that_reads_both_ways_takes_sequences_of_different_lengths(tmp_path: Path) -> None:
    from harness.cli import run_command
    from harness.store import open_store

    (tmp_path / "both_ways.py").write_text(listings("leaky.py")["both_ways.py"], encoding="utf-8")
    (tmp_path / "recall.py").write_text(listings("recall.py")["recall.py"], encoding="utf-8")
    plugins = ["--plugin", str(tmp_path / "both_ways.py"), "--plugin", str(tmp_path / "recall.py")]
    pair = ["run", *plugins, "--arch", "both-ways", "--set", "hidden_size=4", "--epochs", "1", "--train-limit", "64"]
    assert run_command([*pair, "--task", "recall-ragged", "--home", str(tmp_path)]) == 0
    assert [run.state for run in open_store(tmp_path).runs()] == ["done"]


@pytest.mark.parametrize("task", ["recall-ragged", "recall-fresh", "recall-embedded"])
def test_the_other_kinds_of_task(task: str, command: Command, tmp_path: Path) -> None:
    (tmp_path / "recall.py").write_text(listings("recall.py")["recall.py"], encoding="utf-8")
    pair = ["run", "--plugin", "recall.py", "--arch", "gru", "--task", task]
    ok(command(*pair, "--set", "hidden_size=8", "--set", "num_layers=1", "--epochs", "2"))
    (run,) = runs(command)
    assert run["state"] == "done"
    assert [point["step"] for point in run["curve"]] == [32, 64]  # 2000 sequences in batches of 64
    symbols, width, units = 8, 16 if task == "recall-embedded" else 8, 8
    backbone_and_head = 3 * units * (width + units + 2) + (units + 1) * symbols
    embedding = symbols * width if task == "recall-embedded" else 0
    assert run["parameters_without_embedding"] == backbone_and_head
    assert run["parameters"] == backbone_and_head + embedding


def test_files_that_are_missing_are_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "gestures.py").write_text(listings("recall.py")["gestures.py"], encoding="utf-8")
    pair = ["run", "--plugin", "gestures.py", "--arch", "gru", "--task", "gestures", "--data-root", "nowhere"]
    told = refused(command(*pair))
    assert told.startswith("error: task gestures: Hand gestures lacks gestures.npz in ")
    assert "nowhere" in told
    assert "harness data import gestures PATH" in told
    doctor = command("doctor", "--plugin", "gestures.py", "--data-root", "nowhere")  # its exit code is the machine's
    assert "\n  --  gestures: not there\n" in doctor.stdout
    assert runs(command) == []


def test_an_edited_file_makes_new_runs(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "leaky.py"
    file.write_text(first("leaky.py"), encoding="utf-8")
    pair = ["run", "--plugin", "leaky.py", "--arch", "leaky", "--task", "sdigits"]
    again = [*pair, "--epochs", "1", "--train-limit", "64"]
    ok(command(*again))
    assert "done before" in ok(command(*again))
    file.write_text(first("leaky.py") + "# edited\n", encoding="utf-8")
    assert "done before" not in ok(command(*again))
    old, new = runs(command)
    assert old["recipe"]["code"].keys() == new["recipe"]["code"].keys() == {"architecture"}
    assert old["recipe_hash"] != new["recipe_hash"]
    assert old["metrics"] == new["metrics"]


def path_with(folder: Path) -> str:
    """``PYTHONPATH`` for a Python that also imports what lies in `folder`, entry points included."""
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The example package as pip installs it, in a folder of its own and without a network."""
    pytest.importorskip("pip", reason="pip is needed to install the example package")
    pytest.importorskip("hatchling", reason="hatchling is needed to build the example package without a network")
    target = tmp_path / "installed"
    offline = ["--isolated", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "install", *offline, "--quiet", "--target", str(target), str(PACKAGE)]
    ok(subprocess.run(pip, cwd=tmp_path, capture_output=True, text=True, timeout=300))
    return target


@pytest.fixture
def with_plugin(command: Command, installed: Path) -> Command:
    """The command line where the example package is installed."""
    return lambda *arguments: command(*arguments, PYTHONPATH=path_with(installed))


def entry(listed: str, name: str) -> dict[str, Any]:
    """The row of `name` in the JSON of a ``list``."""
    (row,) = (row for row in json.loads(listed) if row["name"] == name)
    return row


def test_the_installed_package_is_listed_and_its_pair_is_learnt(with_plugin: Command) -> None:
    (shown,) = (text for _, text in blocks(PAGES["leaky.py"], "console") if "plugin leaky-recall" in text)
    rows = [line.split() for line in ok(with_plugin("list", "architectures")).splitlines()]
    assert shown.splitlines()[-1].split() in rows, "as the page says, but for the widths of the columns"
    task = entry(ok(with_plugin("list", "tasks", "--json")), "recall")
    assert task["origin"] == "plugin leaky-recall 0.1.0"
    assert task["summary"].startswith("Tell the first of a sequence")

    ok(with_plugin("run", "--arch", "leaky", "--task", "recall"))
    (run,) = runs(with_plugin)
    assert (run["state"], run["recipe_name"]) == ("done", "standard")
    assert run["metrics"]["test"] > 0.9  # chance is 1 in 8
    assert run["recipe"]["code"].keys() == {"architecture", "task"}


def test_a_file_goes_before_the_installed_package_with_a_warning(with_plugin: Command, tmp_path: Path) -> None:
    (tmp_path / "leaky.py").write_text(first("leaky.py"), encoding="utf-8")
    done = with_plugin("list", "architectures", "--json", "--plugin", "leaky.py")
    assert entry(ok(done), "leaky")["origin"] == "file leaky.py"
    assert done.stderr.startswith("warning: ")
    assert "'leaky' of plugin leaky-recall 0.1.0 is hidden by file leaky.py" in done.stderr


def test_a_broken_package_is_a_row_with_its_reason_and_hurts_nothing_else(
    with_plugin: Command, installed: Path
) -> None:
    module = installed / "leaky_recall" / "leaky.py"
    module.write_text("import a_module_that_is_not_there\n" + module.read_text(encoding="utf-8"), encoding="utf-8")
    reason = "ModuleNotFoundError: No module named 'a_module_that_is_not_there'"

    row = entry(ok(with_plugin("list", "architectures", "--json")), "leaky")
    assert row["problem"] == reason
    assert row["origin"] == "plugin leaky-recall 0.1.0"
    assert f"broken: {reason}" in ok(with_plugin("list", "architectures"))
    told = refused(with_plugin("run", "--arch", "leaky", "--task", "recall"))
    assert told == f"error: architecture 'leaky' (plugin leaky-recall 0.1.0) cannot be used: {reason}"
    ok(with_plugin("run", "--arch", "gru", "--task", "recall", "--epochs", "1", "--train-limit", "64"))
    assert [(run["arch"], run["state"]) for run in runs(with_plugin)] == [("gru", "done")]
