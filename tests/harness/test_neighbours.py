"""Files of others that have the names of this program's packages, and other distributions that have them too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from harness import neighbours
from harness.cli import run_command
from harness.engines import joining
from harness.errors import UserError
from harness.registry import Registry, resolve
from harness.speed.cases import Case
from harness.speed.probe import probe

RAISES = "raise RuntimeError('the file of the person was imported')\n"
PLUGIN = '''"""A task in a file that is called like a package."""
import torch
from tasks import Data, Splits, Task

class Own(Task):
    name, title, kind, metric = "own", "Own", "classification", "accuracy"
    protocol = source = licence = citation = "made for tests"
    input_size, output_size = 1, 2

    def load(self, sources):
        inputs, targets = torch.zeros(8, 3, 1), torch.zeros(8, dtype=torch.long)
        return Splits.of(*(Data(inputs, targets) for _ in range(3)))
'''


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    """A folder where a person has files and packages with the names of this program's packages."""
    (tmp_path / "reports.py").write_text(RAISES)
    (tmp_path / "architectures").mkdir()
    (tmp_path / "architectures" / "__init__.py").write_text(RAISES)
    (tmp_path / "tasks.py").write_text(PLUGIN)
    return tmp_path


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What Python says in a folder that is the first on its path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


def test_a_run_and_a_report_in_a_folder_with_files_of_these_names(crowded: Path) -> None:
    """Here, in a process of the engine, and in the report, with a plugin that is itself called tasks.py."""
    wanted = ("--plugin", "tasks.py", "--arch", "gru", "--task", "own", "--epochs", "1")
    done = python(crowded, "-m", "harness", "tune", *wanted, "--trials", "1", "--set", "hidden_size=2")
    assert done.returncode == 0, done.stderr
    assert python(crowded, "-m", "harness", "report").returncode == 0
    assert (crowded / "site" / "index.html").is_file()


def test_a_script_beside_files_of_these_names(crowded: Path) -> None:
    (crowded / "script.py").write_text(
        "import harness, architectures, tasks, reports\n"
        "print(architectures.BUILTIN['lstm'], tasks.BUILTIN['adding'], reports.render, len(harness.runs()))\n"
    )
    done = python(crowded, "script.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("architectures.lstm:")


def test_processes_that_are_started_look_where_this_one_does(crowded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (crowded / "json.py").write_text(RAISES)
    (crowded / "ray.py").write_text(RAISES)
    monkeypatch.chdir(crowded)
    assert neighbours.search_path() == ["-P"]
    tried = probe(Case(arch="lstm", length=2, batch=1, hidden_size=2), (), 1, 60.0)
    assert tried.reason is None
    monkeypatch.syspath_prepend(str(crowded))
    assert neighbours.search_path() == []


def test_ray_is_joined_from_a_folder_without_anything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ray sends the current folder to the workers, who look for modules there first."""
    monkeypatch.chdir(tmp_path)
    with joining.current_folder_kept_here():
        assert not any(Path.cwd().iterdir())
        assert Path.cwd() != tmp_path
    assert Path.cwd() == tmp_path
    monkeypatch.syspath_prepend(str(tmp_path))
    with joining.current_folder_kept_here():
        assert Path.cwd() == tmp_path, "where this process looks in it, the workers do too"


def test_a_module_of_the_name_that_was_imported_before_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = ModuleType("tasks")
    foreign.__file__ = "/somewhere/tasks.py"
    monkeypatch.setitem(sys.modules, "tasks", foreign)
    with pytest.raises(UserError, match="'tasks' is a package of recurrent-harness, but /somewhere/tasks.py"):
        Registry().task("adding")


@pytest.fixture
def clash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another distribution, ``todo``, whose package ``tasks`` lies where this program's does."""
    info = tmp_path / "todo-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: todo\nVersion: 1.0\n")
    (info / "RECORD").write_text("tasks/__init__.py,,\n")
    (info / "top_level.txt").write_text("tasks\n")
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(neighbours, "FOLDER", str(tmp_path))


def test_another_distribution_in_the_place_of_a_package_is_named(clash: None) -> None:
    assert "the distribution todo has put its own package 'tasks'" in str(neighbours.overwritten("tasks.sources"))
    assert neighbours.overwritten("reports") is None
    assert neighbours.overwritten("torch") is None


def test_what_such_a_package_lacks_is_one_sentence(
    clash: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "tasks"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UserError, match="the distribution todo"):
        resolve("tasks:BUILTIN")
    assert run_command(["list", "tasks"]) == 2
    assert capsys.readouterr().err.startswith("error: the distribution todo has put")


@pytest.mark.parametrize("package", ["harness", "architectures", "tasks", "reports"])
def test_the_packages_say_that_they_have_types(package: str) -> None:
    assert (Path(neighbours.FOLDER) / package / "py.typed").is_file()
