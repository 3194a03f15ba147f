"""What may be written in an option may be written in its siblings: paths with a ~, truth values, nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import toml
from harness.cli import run_command
from harness.errors import UserError
from harness.recipe import compose, split_variant
from harness.recipes import named
from harness.registry import Registry
from harness.times import seconds_of
from harness.tuning.space import space_of

EMPTY = "architectures = ['lstm']\ntasks = ['sdigits']\n"


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory, and a current folder that must stay empty."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        (("report", "--out=~/site"), "site/index.html"),
        (("report", "--format", "csv", "--out=~/tables"), "tables/runs.csv"),
        (("export", "--home=~/store", "--out=~/runs.jsonl"), "runs.jsonl"),
        (("import", "--home=~/other", "~/given.jsonl"), "other/store.sqlite"),
        (("run", "--recipe=~/mine.toml", "--dry-run", "--home=~/h"), ""),
        (("suite", "plan", "~/mine-suite.toml", "--no-measure"), ""),
        (("list", "architectures", "--plugin=~/cell.py"), ""),
        (("tune", "--arch=lstm", "--task=sdigits", "--show-space", "--space-file=~/space.toml"), ""),
        (("data", "list", "--data-root=~/data"), ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_tilde_is_the_home_directory(arguments: tuple[str, ...], file: str, at_home: Path) -> None:
    (at_home / "given.jsonl").write_text("")
    (at_home / "mine.toml").write_text('arch = "gru"\ntask = "sdigits"\n')
    (at_home / "mine-suite.toml").write_text(EMPTY)
    (at_home / "space.toml").write_text("[space]\nlr = 0.1\n")
    (at_home / "cell.py").write_text(
        "import torch\nfrom architectures import Architecture\n"
        "X = Architecture(name='x', title='X', layer=torch.nn.LSTM, defaults={})\n"
    )
    assert run_command(["import", "--home", str(at_home / "store"), str(at_home / "given.jsonl")]) == 0
    assert run_command(arguments) == 0
    assert (at_home / file).exists()
    assert not list((at_home / "empty").iterdir())


@pytest.mark.parametrize("option", ["--home", "--data-root", "--plugin"])
def test_a_path_without_a_name_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["doctor", option, ""]) == 2
    assert capsys.readouterr().err.startswith(f"error: {option}: the name is empty")


@pytest.mark.parametrize("word", ["true", "True", "TRUE", "yes", "on", " on "])
@pytest.mark.parametrize("place", ["--set", "recipe"])
def test_words_for_true(word: str, place: str) -> None:
    content, changes = ({"layer": {"bias": word}}, {}) if place == "recipe" else ({}, {"bias": word})
    assert compose(Registry(), "lstm", "sdigits", content, changes).layer["bias"] is True


@pytest.mark.parametrize("word", ["false", "False", "no", "No", "off"])
def test_words_for_false(word: str) -> None:
    recipe = compose(Registry(), "lstm", "sdigits", {}, {"bias": word})
    assert recipe.layer["bias"] is False
    assert recipe.layer["forget_bias"] == 0, "the default of what is switched off says nothing"


@pytest.mark.parametrize("word", ["off", "none", "None", "null"])
def test_words_for_nothing(word: str) -> None:
    found = named(Registry(), "lstm", "sdigits", changes={"clip_norm": word})
    assert found.recipe.training.clip_norm is None
    assert found.name == "standard, clip_norm=off"


def test_a_word_stays_text_where_a_key_takes_text(tmp_path: Path) -> None:
    file = tmp_path / "words.py"
    file.write_text(
        "import torch\nfrom architectures import Architecture\n"
        "class Layer(torch.nn.LSTM):\n"
        "    def __init__(self, input_size, hidden_size, num_layers=1, *, mode: str = 'on', flag=False):\n"
        "        super().__init__(input_size, hidden_size)\n"
        "X = Architecture(name='words', title='X', layer=Layer, defaults={'hidden_size': 2})\n"
    )
    layer = compose(Registry((str(file),)), "words", "sdigits", {}, {"mode": "off", "flag": "off"}).layer
    assert (layer["mode"], layer["flag"]) == ("off", False)


@pytest.mark.parametrize(("given", "told"), [("maybe", "true or false"), (1, "true or false")])
def test_what_is_no_truth_value_is_told_what_is(given: object, told: str) -> None:
    with pytest.raises(UserError, match=told):
        compose(Registry(), "lstm", "sdigits", {}, {"bias": given})


@pytest.mark.parametrize("spec", ["[off, 2]", "[none, 2]", "[None, 2.]", "[OFF, 2.0]"])
def test_words_in_a_space(spec: str) -> None:
    registry = Registry()
    base = named(registry, "lstm", "sdigits").recipe
    assert space_of(registry, "lstm", "sdigits", base, {"clip_norm": spec}).distributions["clip_norm"].choices == (
        "off",
        2.0,
    )
    with pytest.raises(UserError, match="given twice"):
        space_of(registry, "lstm", "sdigits", base, {"clip_norm": "[off, none]"})


@pytest.mark.parametrize(
    ("text", "value"), [(".5", 0.5), ("5.", 5.0), ("-.5e1", -5.0), ("1e-3", 1e-3), ("[1, 2]", [1, 2]), ("a.b", "a.b")]
)
def test_values_are_read_as_people_write_them(text: str, value: object) -> None:
    assert toml.value(text) == value


def test_a_value_is_one_value() -> None:
    assert toml.value("1\nother = 2") == "1\nother = 2"


DEEP = "[" * 5000 + "]" * 5000
TABLES = ".".join("a" * 500) + " = 1\n"


@pytest.mark.parametrize("deep", [DEEP, "[" * 30 + "]" * 30, "9" * 20_000], ids=["deeper", "deep", "long"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--arch", "lstm", "--task", "sdigits", "--set", "lr={}"),
        ("run", "--arch", "lstm", "--task", "sdigits[x={}]"),
        ("tune", "--arch", "lstm", "--task", "sdigits", "--space", "lr={}"),
        ("tune", "--arch", "lstm", "--task", "sdigits", "--space", "lr=[{}]"),
        ("speed", "--arch", "lstm", "--set", "bias={}"),
    ],
    ids=" ".join,
)
def test_a_value_that_nobody_would_write(
    arguments: tuple[str, ...], deep: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command([one.replace("{}", deep) for one in arguments]) == 2
    told = capsys.readouterr().err
    assert "mistake of the program" not in told
    assert told.count("\n") == 1
    assert len(told) < 3000


@pytest.mark.parametrize(
    "text", [f"x = {DEEP}", TABLES, "x = 1\n" + "# long\n" * 200_000], ids=["lists", "tables", "long"]
)
@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--recipe", "deep.toml"),
        ("suite", "plan", "deep.toml"),
        ("tune", "--arch", "lstm", "--task", "sdigits", "--space-file", "deep.toml"),
    ],
    ids=" ".join,
)
def test_a_file_that_nobody_would_write(
    arguments: tuple[str, ...],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("deep.toml").write_text(text)
    assert run_command(arguments) == 2
    told = capsys.readouterr().err
    assert "deep.toml" in told
    assert "deep" in told or "too large" in told
    assert "mistake of the program" not in told


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("0", 0), ("30s", 30), (".5 s", 0.5), ("2m", 120), ("1.5h", 5400)]
)
def test_times_have_units(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1", "1d", "nan", "9" * 400])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="90s, 10m or 2h"):
        seconds_of(text)


@pytest.mark.parametrize("written", ["10m", "600s", " 600 ", 600, 600.0])
def test_a_recipe_takes_a_time_as_the_option_does(written: object) -> None:
    recipe = compose(Registry(), "lstm", "sdigits", {"training": {"max_time": written}})
    assert recipe.training.max_time == 600
    assert recipe == compose(Registry(), "lstm", "sdigits", {}, {"max_time": 600.0})


@pytest.mark.parametrize("written", ["10x", "0s", "soon"])
def test_a_recipe_refuses_what_is_no_time(written: str) -> None:
    with pytest.raises(UserError, match="max_time = "):
        compose(Registry(), "lstm", "sdigits", {"training": {"max_time": written}})


@pytest.mark.parametrize(("given", "code"), [("30s", 0), ("2m", 0), ("0.5", 0), ("0", 0), ("soon", 2), ("-1", 2)])
def test_time_between_checkpoints(given: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "suite.toml").write_text(EMPTY)
    seen = []
    monkeypatch.setattr("harness.cli.suite.driven.drive", lambda wanted, machine: seen.append(machine) or 0)
    arguments = ["suite", "run", str(tmp_path / "suite.toml"), "--home", str(tmp_path / "h")]
    assert run_command([*arguments, f"--checkpoint-every={given}"]) == code
    assert [machine.checkpoint_every for machine in seen] == ([seconds_of(given)] if code == 0 else [])


def test_without_the_option_a_checkpoint_is_written_every_ten_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr("harness.cli.suite.driven.drive", lambda wanted, machine: seen.append(machine) or 0)
    assert run_command(["suite", "run", "quick", "--home", str(tmp_path)]) == 0
    assert seen[0].checkpoint_every == 10.0


@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("x[sizes=[1,2]]", {"sizes": [1, 2]}),
        ("x[sizes=[1, 2], length=3]", {"sizes": [1, 2], "length": 3}),
        ("x[name='a,b',flags=[True, False]]", {"name": "a,b", "flags": [True, False]}),
        ("x[deep=[[1,2],[3]]]", {"deep": [[1, 2], [3]]}),
        ("x[names=[one, two]]", {"names": ["one", "two"]}),
    ],
)
def test_a_variant_may_have_lists(task: str, options: dict[str, object]) -> None:
    assert split_variant(task) == ("x", options)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[True, False]", [True, False]),
        ("[true, False]", [True, False]),
        ("['True', True]", ["True", True]),
        ("[off, 1]", ["off", 1]),
        ("[[True], [False]]", [[True], [False]]),
        ("True", "True"),
        ("[True", "[True"),
    ],
)
def test_a_list_takes_the_words_that_a_value_takes(text: str, value: object) -> None:
    assert toml.value(text) == value


def test_a_list_of_words_is_not_followed_for_ever() -> None:
    with pytest.raises(UserError, match="deep"):
        toml.value("[" * 4000 + "x" + "]" * 4000)


def test_truth_values_in_a_space() -> None:
    base = named(Registry(), "lstm", "sdigits", "standard", {}).recipe
    space = space_of(Registry(), "lstm", "sdigits", base, {"bias": "[True, False]", "forget_bias": "0"})
    assert space.distributions["bias"].choices == (True, False)
