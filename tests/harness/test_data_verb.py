"""``data``: list, fetch, check and import, with a task of a plugin whose data set is two small files."""

from __future__ import annotations

import json
import re
import shlex
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
    assert taken.out.splitlines() == [
        f"Beats: 3 files now in {files.root}/beats, from {files.archive} (x)",
        f"Words: 1 file now in {files.root}/words, from {files.archive} (x)",
    ]
    assert (files.root / "beats" / "more" / "2.txt").read_text() == "what x/more/2.txt holds"


def test_a_variant_takes_what_it_needs_alone(data, files):
    taken = data("import", "pulse[spoken=false]", files.archive)
    assert taken.out.splitlines() == [
        f"Beats: 3 files now in {files.root}/beats, from {files.archive} (x)",
        "not needed, and left there: 1 file (x/words.txt)",
    ]


def test_what_an_import_leaves_is_counted_and_what_is_not_there_is_told(data, files, tmp_path):
    folder = tmp_path / "csv"
    folder.mkdir()
    (folder / "words.txt").write_text("words")
    for number in range(400):
        (folder / f"{number:03}.csv").write_text("1,2")
    taken = data("import", "pulse", folder)
    assert taken.code == 0
    assert taken.out.splitlines()[0] == f"Words: 1 file now in {files.root}/words, from {folder}"
    assert taken.out.splitlines()[1].startswith(f"Beats: not taken: {folder} does not hold Beats: ")
    assert taken.out.splitlines()[2] == "not needed, and left there: 400 files (000.csv, 001.csv, 002.csv, ...)"


def test_the_advice_of_a_message_works_as_it_stands(data, files, tmp_path, capsys):
    given = ["--plugin", str(files.plugin), "--data-root", str(files.root), "--home", str(tmp_path / "home")]
    assert run_command(["run", "--arch", "gru", "--task", "pulse", "--offline", *given]) == 2
    advice = re.search(r"harness (data import beats PATH .*?), or", capsys.readouterr().err)
    assert advice is not None
    words = [str(files.archive) if word == "PATH" else word for word in shlex.split(advice[1])]
    assert run_command(words) == 0
    assert (files.root / "beats" / "beats.txt").is_file()


def test_other_data_are_replaced_on_demand_alone(data, files, tmp_path):
    assert data("import", "words", files.archive).code == 0
    (tmp_path / "words.txt").write_text("others")
    refused = data("import", "words", tmp_path / "words.txt")
    assert (refused.code, "--again" in refused.err) == (2, True)
    assert data("import", "words", tmp_path / "words.txt", "--again").code == 0
    assert (files.root / "words" / "words.txt").read_text() == "others"


@pytest.mark.parametrize("named", ["~/data", "data", "./x/../data"])
def test_the_data_folder_may_be_relative_or_in_the_home_directory(files, tmp_path, monkeypatch, capsys, named):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_DATA", named)
    given = ["--plugin", str(files.plugin), "--home", str(tmp_path / "home")]
    assert run_command(["data", "import", "words", str(files.archive), *given]) == 0
    assert (tmp_path / "data" / "words" / "words.txt").is_file()


@pytest.mark.parametrize("option", [True, False])
def test_a_data_folder_of_nobody_is_one_sentence(files, tmp_path, monkeypatch, capsys, option):
    nobody = "~there-is-no-such-user/data"
    monkeypatch.setenv("HARNESS_DATA", str(files.root) if option else nobody)
    given = ["--plugin", str(files.plugin), "--home", str(tmp_path / "home")]
    assert run_command(["data", "list", *given, *(["--data-root", nobody] if option else [])]) == 2
    assert nobody in capsys.readouterr().err


@pytest.mark.parametrize("path", ["~there-is-no-such-user/x.zip", "~/missing.zip"])
def test_a_path_in_a_home_directory_that_is_not_there_is_one_sentence(data, path):
    wrong = data("import", "words", path)
    assert (wrong.code, len(wrong.err.strip().splitlines())) == (2, 1)


def test_a_data_folder_that_is_a_file_is_one_sentence(data, files):
    files.root.write_text("in the way")
    wrong = data("import", "words", files.archive)
    assert wrong.code == 2
    assert f"{files.root} is a file, not a folder" in wrong.err


def test_a_data_folder_that_cannot_be_written_is_one_sentence(data, files):
    files.root = Path("/dev/null/data")  # not even root can write there
    wrong = data("import", "words", files.archive)
    assert wrong.code == 2
    assert "cannot be written" in wrong.err
    assert str(files.root.parent) in wrong.err


def test_a_task_that_has_its_data_in_another_form_is_checked_by_that(data, files):
    (files.root / "Multivariate_arff" / "EigenWorms").mkdir(parents=True)
    for part in ("TRAIN", "TEST"):
        (files.root / "Multivariate_arff" / "EigenWorms" / f"EigenWorms_{part}.arff").write_text("@relation worms")
    checked = data("check", "eigenworms", "--json")
    assert [row["data set"] for row in json.loads(checked.out)] == ["eigenworms-arff"]
    assert (checked.code, json.loads(checked.out)[0]["state"]) == (1, "damaged"), "these two files hold no series"


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
