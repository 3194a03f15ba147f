"""``data``: list, fetch, check and import, with a task of a plugin whose data set is two small files."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.cli import run_command

PLUGIN = '''"""A task with two data sets."""

from tasks import DataSet, Splits, Task

BEATS = DataSet("beats", "Beats", ("beats",), {"beats.txt": 1, "more/*.txt": 2}, 60, "CC0")
WORDS = DataSet("words", "Words", ("words",), {"words.txt": 1}, 20, "CC0")


class Pulse(Task):
    """How fast does it beat?"""

    name, title, kind, metric = "pulse", "Pulse", "regression", "rmse"
    protocol = source = licence = citation = "made for tests"
    input_size, output_size, length = 1, 1, 4
    datasets = (BEATS, WORDS)

    def __init__(self, spoken: bool = False):
        self.spoken = spoken

    def needs(self):
        return self.datasets if self.spoken else self.datasets[:1]

    def load(self, sources):
        folder = self.datasets[0].require(sources)
        raise OSError(f"{folder} is all there is")
'''


@pytest.fixture
def files(tmp_path: Path) -> SimpleNamespace:
    """The plugin, an archive with both data sets, and an empty data folder."""
    (tmp_path / "pulse.py").write_text(PLUGIN)
    with zipfile.ZipFile(tmp_path / "both.zip", "w") as archive:
        for name in ("x/beats.txt", "x/more/1.txt", "x/more/2.txt", "x/words.txt"):
            archive.writestr(name, f"what {name} holds")
    return SimpleNamespace(plugin=tmp_path / "pulse.py", archive=tmp_path / "both.zip", root=tmp_path / "data")


@pytest.fixture
def data(files, tmp_path, capsys) -> Callable[..., SimpleNamespace]:
    def call(*words: object) -> SimpleNamespace:
        given = ["--plugin", str(files.plugin), "--data-root", str(files.root), "--home", str(tmp_path / "home")]
        code = run_command(["data", *map(str, words), *given])
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return call


def row(result: SimpleNamespace, name: str) -> dict:
    return next(row for row in json.loads(result.out) if row["data set"] == name)


def test_list_tells_what_is_there_and_who_reads_it(data, files):
    listed = row(data("list", "--json"), "beats")
    assert (listed["state"], listed["tasks"], listed["licence"], listed["size"]) == ("missing", ["pulse"], "CC0", 60)
    assert data("import", "beats", files.archive).code == 0
    assert row(data("list", "--json"), "beats")["state"] == "present"
    assert row(data("list", "--json"), "words")["state"] == "missing"
    shared = row(data("list", "--json"), "mnist")["tasks"]
    assert shared == ["psmnist", "smnist"], "a data set that several tasks read is one row"


def test_a_task_takes_all_that_an_archive_holds_of_its_data_sets(data, files):
    taken = data("import", "pulse", files.archive)
    assert taken.out.splitlines() == [f"Beats: now in {files.root}/beats", f"Words: now in {files.root}/words"]
    assert (files.root / "beats" / "more" / "2.txt").read_text() == "what x/more/2.txt holds"


def test_a_variant_takes_what_it_needs_alone(data, files):
    assert data("import", "pulse[spoken=false]", files.archive).out == f"Beats: now in {files.root}/beats\n"


def test_a_task_that_has_its_data_in_another_form_is_checked_by_that(data, files):
    (files.root / "Multivariate_arff" / "EigenWorms").mkdir(parents=True)
    for part in ("TRAIN", "TEST"):
        (files.root / "Multivariate_arff" / "EigenWorms" / f"EigenWorms_{part}.arff").write_text("@relation worms")
    checked = data("check", "eigenworms", "--json")
    assert [row["data set"] for row in json.loads(checked.out)] == ["eigenworms-arff"]
    assert checked.code == 0


def test_a_plugin_cannot_take_the_place_of_a_data_set(data, files):
    files.plugin.write_text(PLUGIN.replace('DataSet("beats", "Beats"', 'DataSet("mnist", "Mine"'))
    wrong = data("list")
    assert wrong.code == 2
    assert "task pulse (file" in wrong.err
    assert "calls a data set 'mnist', as another is called: give it another name" in wrong.err


def test_an_empty_path_imports_nothing(data, files):
    assert "name the archive or the folder" in data("import", "beats", "").err


def test_what_is_damaged_is_downloaded_anew_and_what_is_whole_is_not(data, files):
    assert data("import", "beats", files.archive).code == 0
    assert data("fetch", "beats").out == f"Beats: is there already, in {files.root}/beats\n"
    (files.root / "beats" / "beats.txt").write_text("something else")
    assert "Beats cannot be downloaded" in data("fetch", "beats").err
    assert "Beats cannot be downloaded" in data("fetch", "beats", "--again").err


def test_check_tells_whole_from_damaged_and_missing(data, files):
    data("import", "beats", files.archive)
    whole = data("check", "--json")
    assert whole.code == 0, "what is missing is no damage unless it was named"
    assert row(whole, "beats")["state"] == "recorded"
    assert row(whole, "words")["state"] == "missing"
    (files.root / "beats" / "more" / "1.txt").write_text("what x/more/1.txt HOLDS")
    damaged = data("check", "pulse", "--json")
    assert damaged.code == 1
    assert row(damaged, "beats")["state"] == "damaged"
    assert str(files.root / "beats" / "more" / "1.txt") in row(damaged, "beats")["detail"]
    assert data("check", "words").code == 1
    assert data("check", "mnist", "--json").code == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("import", "puls", "x"), "no task and no data set is called 'puls' (did you mean 'pulse'?)"),
        (("fetch", "adding"), "task adding reads no data files: its data are generated, or come with a package"),
        (("fetch", "pulse[loud=true]"), "task pulse: there is no key 'loud'"),
        (("fetch", "beats"), "data set beats: Beats cannot be downloaded"),
        (("import", "beats", "nowhere.zip"), "nowhere.zip"),
        (("import", "imdb", __file__), "import of imdb: "),
    ],
)
def test_a_mistake_is_one_sentence(data, words, told):
    wrong = data(*words)
    assert wrong.code == 2
    assert told in wrong.err
    assert len(wrong.err.strip().splitlines()) == 1
    assert wrong.out == ""


def test_run_tells_how_to_come_by_what_is_missing(files, tmp_path, capsys):
    given = ["--plugin", str(files.plugin), "--data-root", str(files.root), "--home", str(tmp_path / "home")]
    assert run_command(["run", "--arch", "gru", "--task", "pulse", "--offline", *given]) == 2
    told = capsys.readouterr().err
    assert "Beats lacks beats.txt" in told
    assert "harness data import beats PATH" in told


def test_all_about_a_task(files, capsys):
    assert run_command(["list", "tasks", "pulse[spoken=true]", "--plugin", str(files.plugin), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["variants"] == {"spoken": {"default": False, "choices": [False, True]}}
    assert [d["name"] for d in facts["data_sets"]] == ["beats", "words"]
    assert (facts["kind"], facts["metric"], facts["better"], facts["length"]) == ("regression", "rmse", "lower", 4)
    assert run_command(["list", "tasks", "psmnist"]) == 0
    page = capsys.readouterr().out
    assert "sizes: sequences of 784 steps, 1 input a step, 10 outputs" in page
    assert "variant permutation: unicornn (default), cornn, expRNN, lmu, bitreversal" in page
    assert "recipes: cornn: standard, cornn: published, gru: standard" in page
