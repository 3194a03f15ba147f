"""How ranges are read and told."""

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from harness.errors import UserError
from harness.tuning.specification import number, parsed, read, told


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("1e-4..1e-1 log", (1e-4, 1e-1, True)),
        ("2..4", (2, 4, False)),
        (" 0.1 .. 0.5 ", (0.1, 0.5, False)),
        ("-3..0.5", (-3, 0.5, False)),
        ("[16, 32,64]", [16, 32, 64]),
        ("[none, after]", ["none", "after"]),
        ("[off, 1.0]", ["off", 1.0]),
        ("[true,false]", [True, False]),
        ("3", [3]),
        ("0.5", [0.5]),
        ("true", [True]),
        ("adam", ["adam"]),
        (["adam", "adamw"], ["adam", "adamw"]),
        (0.1, [0.1]),
    ],
)
def test_what_a_person_may_write(spec, found):
    assert parsed(spec, "--space") == found


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("4..2", "must begin below its end"),
        ("2..2", "must begin below its end"),
        ("0..1 log", "must begin above 0"),
        ("1..2..3", "write a range such as"),
        ("1..x", "write a range such as"),
        ("1..inf", "-1e300 to 1e300"),
        ("1..2 lin", "write a range such as"),
        ("true..2", "write a range such as"),
        ("[1, 2", "must end with ]"),
        ("[]", "must be a number, a word or a truth value"),
        ("[[1], [2]]", "must be a number, a word or a truth value"),
        ("[1, 1]", "given twice"),
        ("inf", "-1e300 to 1e300"),
        ("{low = 1}", "write a range such as"),
    ],
)
def test_what_is_no_range_is_one_sentence(spec, told):
    with pytest.raises(UserError) as caught:
        parsed(spec, f"--space lr={spec}")
    assert told in str(caught.value)
    assert str(caught.value).startswith(f"--space lr={spec}: ")


def test_a_file_has_one_table(tmp_path):
    file = tmp_path / "space.toml"
    file.write_text('[space]\nlr = "1e-4..1e-1 log"\nbatch_size = [16, 32]\n')
    assert read(file) == {"lr": "1e-4..1e-1 log", "batch_size": [16, 32]}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("lr = 3\n", "must have one table, [space]"),
        ("[space]\n[more]\n", "must have one table, [space]"),
        ("space = 3\n", "must have one table, [space]"),
        ("[space\n", "not TOML"),
        (None, "cannot be read (No such file or directory)"),
    ],
)
def test_a_wrong_file_is_one_sentence_that_names_it(tmp_path, content, told):
    file = tmp_path / "space.toml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UserError) as caught:
        read(file)
    assert told in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("distribution", "text"),
    [
        (FloatDistribution(1e-4, 0.1, log=True), "1e-4..0.1 log"),
        (FloatDistribution(0.0, 0.7), "0..0.7"),
        (FloatDistribution(0.0, 1.0, step=0.25), "0..1 step 0.25"),
        (IntDistribution(2, 12), "2..12"),
        (IntDistribution(2, 12, step=2), "2..12 step 2"),
        (IntDistribution(1, 8, log=True), "1..8 log"),
        (IntDistribution(3, 3), "3"),
        (CategoricalDistribution(("off", 0.1, True)), "[off, 0.1, true]"),
        (CategoricalDistribution((16,)), "16"),
    ],
)
def test_a_distribution_is_told_as_it_is_written(distribution, text):
    assert told(distribution) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.81e-5, "2.81e-5"), (1e-3, "0.001"), (0.0, "0"), (-2e7, "-2e7"), (50_000.0, "50000"), (3, "3"), (True, "true")],
)
def test_numbers_are_told_as_they_are_typed(value, text):
    assert number(value) == text
