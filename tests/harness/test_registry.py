import copy
import dataclasses
import sys
from hashlib import sha256
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from architectures import Architecture
from harness import registry as registries
from harness.errors import UserError
from harness.recipe import compose
from harness.registry import Registry


def test_built_ins_have_titles_and_summaries_that_agree_with_what_they_name():
    registry = Registry()
    assert {"cornn", "unicornn", "lstm", "gru"} <= set(registry.architectures)
    assert {"adding", "smnist", "psmnist", "sdigits", "psdigits"} <= set(registry.tasks)
    for entry in [*registry.architectures.values(), *registry.tasks.values()]:
        value = entry.load()
        assert value.name == entry.name
        assert value.title == entry.title, "read off the source without importing it"
        assert len(entry.summary) > 20


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="no architecture is called 'unicorn' .did you mean 'unicornn'"):
        Registry().architecture("unicorn")
    with pytest.raises(UserError, match="no task is called 'zzz' .known: adding, "):
        Registry().task("zzz")


def test_a_file_defines_architectures_and_tasks(registry, plugin):
    assert registry.architectures["mean"].origin == f"file {plugin}"
    assert registry.architectures["mean"].summary == "A tiny pair for tests."
    assert registry.tasks["sign"].summary == "Is the mean of the sequence positive?"
    assert registry.architecture("mean").title == "Mean"
    assert registry.task("sign")(length=3).length == 3
    assert Registry((plugin,)).task("sign") is registry.task("sign"), "a file is imported once"


def test_what_a_file_prints_is_no_output_of_the_command(plugin, tmp_path, capsys):
    noisy = tmp_path / "noisy.py"
    noisy.write_text(Path(plugin).read_text() + "print('hello')\n")
    assert "mean" in Registry((str(noisy),)).architectures
    assert capsys.readouterr() == ("", "hello\n")


def test_a_changed_file_is_other_code(registry, plugin, tmp_path):
    prints = registry.fingerprints("mean", "sign")
    assert set(prints) == {"architecture", "task"}
    other = tmp_path / "other.py"
    other.write_text(Path(plugin).read_text() + "\n# a change\n")
    assert Registry((str(other),)).fingerprints("mean", "sign") != prints
    assert registry.fingerprints("lstm", "sdigits") == {}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("import nonexistent_module", "ModuleNotFoundError in line 1: No module named 'nonexistent_module'"),
        ("x = 1\ny = (", "SyntaxError in line 2"),
        ("\n1 / 0", "ZeroDivisionError in line 2: division by zero"),
        ("import sys\nsys.exit()", "SystemExit in line 2"),
        ("x = 1", "defines no architectures.Architecture and no subclass of tasks.Task"),
    ],
)
def test_a_broken_file_is_one_sentence_with_its_line(tmp_path, content, told):
    file = tmp_path / "broken.py"
    file.write_text(content)
    with pytest.raises(UserError) as caught:
        _ = Registry((str(file),)).architectures
    assert told in str(caught.value)
    with pytest.raises(UserError, match="no such file"):
        _ = Registry((str(tmp_path / "none.py"),)).tasks


def test_a_built_in_wins_a_clash_with_a_warning(tmp_path):
    file = tmp_path / "clash.py"
    file.write_text(
        "import torch\nfrom architectures import Architecture\nA = Architecture('lstm', 'Mine', torch.nn.LSTM)\n"
    )
    registry = Registry((str(file),))
    assert registry.architectures["lstm"].origin == "built-in"
    assert registry.warnings == [f"architecture 'lstm' of file {file} is hidden by built-in: give it another name"]


TASK = """
from tasks import Task
class Odd(Task):
    name = "odd"
    {}
    def load(self, sources): ...
"""


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("title = 'Odd'; kind = 'regression'", "task 'odd': the class needs an attribute metric (accuracy, mse, rmse)"),
        (
            "title = 'Odd'; kind = 'ranking'; metric = 'mse'",
            "attribute kind (classification, regression), got 'ranking'",
        ),
        ("kind = 'regression'; metric = 'mse'", "the class needs an attribute title"),
    ],
)
def test_a_task_that_does_not_say_enough_is_told_what(tmp_path, body, told):
    file = tmp_path / "odd.py"
    file.write_text(TASK.format(body))
    with pytest.raises(UserError) as caught:
        _ = Registry((str(file),)).tasks
    assert told in str(caught.value)
    assert str(caught.value).startswith(f"--plugin {file}: ")


def test_a_layer_whose_annotations_cannot_be_read_is_told(tmp_path):
    file = tmp_path / "cell.py"
    file.write_text(
        "from __future__ import annotations\nimport torch\nfrom architectures import Architecture\n"
        "class Cell(torch.nn.GRU):\n    def __init__(self, input_size: int, hidden_size: Undefined): ...\n"
        "A = Architecture('cell', 'Cell', Cell)\n"
    )
    with pytest.raises(UserError, match="architecture 'cell': its layer's signature cannot be read .NameError"):
        _ = Registry((str(file),)).architectures


def test_what_a_file_only_imports_is_not_its_own(tmp_path):
    file = tmp_path / "cell.py"
    file.write_text(
        "import functools\nfrom architectures import Architecture, CoRNN\nfrom architectures.lstm import ARCHITECTURE\n"
        "A = Architecture('stiff', 'Stiff', functools.partial(CoRNN, gamma=9.0))\n"
    )
    registry = Registry((str(file),))
    assert registry.architectures["stiff"].origin == f"file {file}"
    assert registry.warnings == []
    assert registry.architectures["stiff"].load().layer(1, 2, dt=0.1).cells[0].gamma == 9.0


NEW = "import torch\nfrom architectures import Architecture, Paper, StableStep\n"


@pytest.mark.parametrize(
    "content",
    [
        "A = Architecture('cell', 'Cell', torch.nn.GRU, param_groups=lambda layer: [])",
        "class Mine(Architecture):\n    param_groups = staticmethod(lambda layer: [])\n"
        "A = Mine('cell', 'Cell', torch.nn.GRU)",
        "class Mine(Architecture):\n    def param_groups(self, layer): ...\nA = Mine('cell', 'Cell', torch.nn.GRU)",
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Mine(Architecture):\n"
        "    param_groups: int = 0\n"
        "A = Mine('cell', 'Cell', torch.nn.GRU)",
        "A = Architecture('cell', 'Cell', torch.nn.GRU)\nobject.__setattr__(A, 'param_groups', [])",
    ],
    ids=["keyword", "attribute", "method", "field", "set"],
)
def test_what_a_descriptor_says_and_nothing_reads_is_refused_with_what_there_is(tmp_path, content):
    file = tmp_path / "cell.py"
    file.write_text(NEW + content)
    with pytest.raises(UserError) as caught:
        _ = Registry((str(file),)).architectures
    told = str(caught.value)
    assert told.startswith(f"--plugin {file}: ")
    assert "Architecture has no attribute 'param_groups'" in told
    assert all(field.name in told for field in dataclasses.fields(Architecture))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("Architecture('cell', 'Cell', torch.nn.GRU, default={})", "Architecture has no attribute 'default'"),
        ("Architecture('cell', 'Cell', torch.nn.GRU, default={})", "did you mean 'defaults'?"),
        (
            "Architecture('cell', 'Cell', torch.nn.GRU, paper=Paper('T', 'A', 1, 'V', link=''))",
            "Paper has no attribute",
        ),
        (
            "Architecture('cell', 'Cell', torch.nn.GRU, stable_step=StableStep(lambda h: 1.0, depend=()))",
            "StableStep has no attribute 'depend' (did you mean 'depends'?",
        ),
        ("Architecture('cell', 'Cell', torch.nn.GRU, version=2)", "its version must be text"),
    ],
)
def test_a_misspelt_word_of_a_descriptor_is_answered_with_the_nearest(tmp_path, content, told):
    file = tmp_path / "cell.py"
    file.write_text(f"{NEW}A = {content}\n")
    with pytest.raises(UserError) as caught:
        _ = Registry((str(file),)).architectures
    assert told in str(caught.value)


def test_a_descriptor_keeps_what_it_has_for_itself_behind_an_underscore(tmp_path):
    file = tmp_path / "cell.py"
    file.write_text(
        f"{NEW}class Mine(Architecture):\n    _note = 1\nA = Mine('cell', 'Cell', torch.nn.GRU, version='2.1')\n"
    )
    entry = Registry((str(file),)).architectures["cell"]
    assert (entry.value._note, entry.version) == (1, "2.1")
    assert dataclasses.replace(entry.value, version="3").version == "3"
    assert copy.copy(entry.value) == entry.value


GOOD_TASK = "title = 'Odd'; kind = 'regression'; metric = 'mse'\n    "


@pytest.mark.parametrize(
    ("body", "near"),
    [("license = 'CC0'", "licence"), ("read_padding = True", "reads_padding"), ("data_sets = ()", "datasets")],
)
def test_a_setting_of_a_task_that_nothing_reads_is_refused_where_it_is_close_to_one_that_is_read(tmp_path, body, near):
    file = tmp_path / "odd.py"
    file.write_text(TASK.format(GOOD_TASK + body))
    with pytest.raises(UserError) as caught:
        _ = Registry((str(file),)).tasks
    assert f"nothing reads the attribute '{body.split()[0]}'" in str(caught.value)
    assert f"did you mean '{near}'?" in str(caught.value)


@pytest.mark.parametrize(
    "body", ["noise = 0.1", "def lengths(self): ...", "licence = ''; license = ''", "_license = ''"]
)
def test_other_attributes_of_a_task_are_its_own(tmp_path, body):
    file = tmp_path / "odd.py"
    file.write_text(TASK.format(GOOD_TASK + body))
    assert "odd" in Registry((str(file),)).tasks


@pytest.mark.parametrize("name", ["5", "'a[b]'", "'standard'", "'../x'", "''"])
def test_a_name_that_could_not_be_typed_is_refused(tmp_path, name):
    file = tmp_path / "cell.py"
    file.write_text(
        f"import torch\nfrom architectures import Architecture\nA = Architecture({name}, 'X', torch.nn.GRU)\n"
    )
    with pytest.raises(UserError, match="its name must be letters, digits"):
        _ = Registry((str(file),)).architectures


def test_a_layer_from_another_file_counts_as_code_too(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    cells = tmp_path / "cells_of_mine.py"
    cells.write_text("import torch\ndef make(input_size: int, hidden_size: int): return 1\n")
    file = tmp_path / "cell.py"
    file.write_text(
        "from architectures import Architecture as A\nfrom cells_of_mine import make\nMINE = A('mine', 'Mine', make)\n"
    )
    before = Registry((str(file),)).fingerprints("mine", "sdigits")
    assert before == {"architecture": sha256(file.read_bytes() + cells.read_bytes()).hexdigest()[:16]}
    same = tmp_path / "cells_of_others.py"
    same.write_text(f"{cells.read_text()}# edited")
    other = tmp_path / "other.py"
    other.write_text(file.read_text().replace("cells_of_mine", "cells_of_others"))
    assert Registry((str(other),)).fingerprints("mine", "sdigits") != before


def test_an_edit_after_the_import_is_not_the_code_that_runs(registry, plugin, tmp_path):
    before = registry.fingerprints("mean", "sign")
    Path(plugin).write_text(Path(plugin).read_text() + "# an edit while it runs\n")
    assert Registry((plugin,)).fingerprints("mean", "sign") == before
    assert compose(Registry((plugin,)), "mean", "sign", {}).code == before


class Installed:
    """Entry points as an installed distribution would announce them."""

    def __init__(self, monkeypatch, tmp_path):
        self.points = []
        monkeypatch.setattr(registries, "entry_points", lambda group: [p for p in self.points if p.group == group])
        monkeypatch.syspath_prepend(tmp_path)
        self.folder = tmp_path

    def add(self, name, module, content, attribute="A"):
        (self.folder / f"{module}.py").write_text(content)
        self.points.append(EntryPoint(name, f"{module}:{attribute}", "harness.architectures"))
        sys.modules.pop(module, None)


@pytest.fixture
def installed(monkeypatch, tmp_path):
    return Installed(monkeypatch, tmp_path)


CELL = '''"""A cell."""
import torch
from architectures import Architecture
A = Architecture("{}", "Cell", torch.nn.GRU)
'''


def test_an_installed_plugin_is_found_and_a_broken_one_is_a_row_with_its_reason(installed):
    installed.add("cell", "plug_cell", CELL.format("cell"))
    installed.add("broken", "plug_broken", "import nothing_like_this")
    installed.add("wrong", "plug_wrong", "A = 3")
    installed.add("alias", "plug_alias", CELL.format("other"))
    found = Registry().architectures
    assert found["cell"].summary == "A cell."
    assert found["cell"].title == "Cell"
    assert found["cell"].load().name == "cell"
    assert found["broken"].problem == "ModuleNotFoundError: No module named 'nothing_like_this'"
    assert "is no architectures.Architecture" in found["wrong"].problem
    assert "calls itself 'other'" in found["alias"].problem
    with pytest.raises(UserError, match="'broken' .plugin plug_broken. cannot be used: ModuleNotFoundError"):
        Registry().architecture("broken")
