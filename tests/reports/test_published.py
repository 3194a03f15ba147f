"""The file of published numbers: what it must be, what it says, and that a broken one is refused with its place."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from reports.published import Published, load

NUMBERS = load()
PER_SOURCE = {
    "LSSL (Gu et al., NeurIPS 2021)": 89,
    "Liquid-S4 (Hasani et al., 2022)": 48,
    "wRNN, Traveling waves encode the recent past (Keller et al., ICLR 2024)": 46,
    "S4 (Gu, Goel & Ré, ICLR 2022)": 37,
    "FastGRNN (Kusupati et al., NeurIPS 2018)": 35,
    "projUNN (Kiani et al., NeurIPS 2022)": 30,
    "AntisymmetricRNN (Chang et al., ICLR 2019)": 22,
    "IndRNN (Li et al., CVPR 2018)": 17,
    "LEM (Rusch, Mishra, Erichson & Mahoney, ICLR 2022), adding problem in the code repository": 12,
    "LinOSS (Rusch & Rus, ICLR 2025)": 11,
    "IndRNN, PyTorch code repository": 8,
    "UnICORNN (Rusch & Mishra, ICML 2021)": 8,
    "UnICORNN (Rusch & Mishra, ICML 2021), speed figure in the code repository": 8,
    "Deep IndRNN (Li et al., 2019)": 7,
    "LogSig-SSM, tables in its public reviews": 7,
    "DW-RNN (2026 preprint)": 6,
    "LEM (Rusch, Mishra, Erichson & Mahoney, ICLR 2022)": 6,
    "LEM (Rusch, Mishra, Erichson & Mahoney, ICLR 2022), code repository": 6,
    "LinOSS and Log-NCDE, code repositories": 6,
    "Neural RDE (Morrill et al., ICML 2021), code repository": 6,
    "UnICORNN (Rusch & Mishra, ICML 2021), code repository": 6,
    "coRNN (Rusch & Mishra, ICLR 2021), code repository": 5,
    "SMPConv (2023)": 2,
    "DEER (Lim et al., ICLR 2024), code repository": 1,
    "Legendre Memory Units (Voelker et al., NeurIPS 2019), code repository": 1,
    "coRNN (Rusch & Mishra, ICLR 2021)": 1,
}


def of(**fields: object) -> list[Published]:
    return [n for n in NUMBERS if all(getattr(n, name) == value for name, value in fields.items())]


def test_no_number_is_lost_or_counted_twice() -> None:
    assert Counter(number.source for number in NUMBERS) == PER_SOURCE
    assert len(NUMBERS) == len({number.id for number in NUMBERS}) == 431


def test_ids_can_stand_in_a_link_and_last() -> None:
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", number.id) for number in NUMBERS)
    (known,) = of(id="unicornn-code-psmnist-unicornn-256")
    assert (known.task, known.arch, known.value, known.kind) == ("psmnist", "unicornn", 0.984, "single run")


def test_every_number_has_a_source_a_place_and_a_protocol() -> None:
    for number in NUMBERS:
        assert number.source
        assert number.where
        assert number.protocol
        assert 1990 <= number.year <= 2026
        assert number.url == "" or number.url.startswith("https://")


def test_kinds_and_confidences() -> None:
    kinds = Counter(number.kind for number in NUMBERS)
    assert kinds == {"not stated": 353, "mean": 43, "single run": 31, "best run": 4}
    assert Counter(number.confidence for number in NUMBERS) == {"secondary source": 231, "read in source": 200}
    assert all(number.kind == "mean" for number in NUMBERS if number.std is not None)


def test_accuracies_are_fractions_and_errors_keep_their_unit() -> None:
    accuracies = of(metric="accuracy")
    assert len(accuracies) > 300
    for number in accuracies:
        assert number.value is not None
        assert 0.05 < number.value < 1
        assert number.std is None or 0 < number.std < 0.4
    (heart,) = of(metric="rmse", id="unicornn-code-bidmc-hr-unicornn-128")
    assert heart.value == 1.31


def test_a_percentage_becomes_the_fraction_that_it_was_printed_as() -> None:
    # 99.4 / 100 is 0.9940000000000001 in binary: a result of 0.994 would fall short of it.
    (number,) = of(id="cornn-code-smnist-cornn-256")
    assert (number.value, number.printed) == (0.994, "99.4")


def test_numbers_keep_the_digits_that_they_were_printed_with() -> None:
    printed = {number.id: number.printed for number in NUMBERS}
    assert printed["nrde-code-bidmc-rr-nrde"] == "1.49 ± 0.08"
    assert printed["linoss-eigenworms-linoss-im-128"] == "95.0 ± 4.4"
    assert printed["indrnn-psmnist-irnn"] == "82"


def test_what_runs_do_not_measure_has_no_metric_and_keeps_its_value() -> None:
    (steps,) = [n for n in NUMBERS if n.id.startswith("lem-adding") and "10000" in n.id and "0-001" in n.id]
    assert (steps.metric, steps.value) == ("", 4900)
    validation = [number for number in NUMBERS if "validation accuracy" in number.metric_published]
    assert len(validation) == 17
    assert {number.metric for number in validation} == {""}


def test_what_is_only_a_figure_has_no_value() -> None:
    assert [(n.arch_published, n.value) for n in NUMBERS if n.value is None] == [
        ("LSTM", None),
        ("IRNN", None),
        ("IndRNN (2 layers)", None),
    ]


def test_the_permutation_is_that_of_the_protocol_and_unknown_where_it_is_not_told() -> None:
    found = {number.id: (number.task, number.variant_known) for number in of(task_published="psMNIST")}
    assert found["cornn-code-psmnist-cornn-256"] == ("psmnist[permutation=cornn]", True)
    assert found["lem-code-psmnist-lem-128"] == ("psmnist", True)
    assert found["s4-psmnist-s4"] == ("psmnist[permutation=bitreversal]", True)
    assert found["lmu-code-psmnist-lmu-212"] == ("psmnist[permutation=lmu]", True)
    assert found["projunn-psmnist-exprnn-512"] == ("psmnist[permutation=expRNN]", True)
    assert found["s4-psmnist-lstm"] == ("psmnist", False)


def test_only_the_same_cell_is_an_architecture_of_this_project() -> None:
    names = {number.arch_published: number.arch for number in NUMBERS}
    assert (names["coRNN"], names["LSTM"], names["IndRNN (6 layers)"]) == ("cornn", "lstm", "indrnn")
    for other in ("LSTM + zoneout", "UR-LSTM", "r-LSTM", "dense IndRNN", "residual IndRNN", "iRNN", "GRU-ODE"):
        assert names[other] == "", other


def test_tasks_and_architectures_are_known_to_the_recipes() -> None:
    folder = Path(__file__).parents[2] / "harness/recipes"
    tasks = {number.task.partition("[")[0] for number in NUMBERS} - {""}
    for task in tasks:
        assert (folder / task).is_dir(), task
        for arch in {number.arch for number in NUMBERS} - {""}:
            assert (folder / task / f"{arch}.toml").is_file(), (task, arch)


SMALL = """
[tasks]
"T" = "psmnist"
[architectures]
"A" = "lstm"
[metrics]
"accuracy %" = { metric = "accuracy", divisor = 100 }
[protocols.p]
text = "as usual"
variants = { "T" = "psmnist[permutation=cornn]" }
[[source]]
id = "s"
name = "S"
year = 2021
[[source.group]]
where = "Table 1"
metric = "accuracy %"
confidence = "read in source"
kind = "mean"
protocol = "p"
numbers = [
    { task = "T", arch = "A", value = 98.5 },
    { task = "T", arch = "B", value = 50 },
]
"""


def test_a_small_file(tmp_path: Path) -> None:
    file = tmp_path / "numbers.toml"
    file.write_text(SMALL, encoding="utf-8")
    first, second = load(file)
    assert (first.id, first.task, first.arch, first.value) == ("s-t-a", "psmnist[permutation=cornn]", "lstm", 0.985)
    assert (second.arch_published, second.arch, second.value) == ("B", "", 0.5)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('kind = "mean"', 'kind = "median"', "source 1, group 1, kind"),
        ("value = 98.5", 'value = "98.5"', "source 1, group 1, numbers 1, value"),
        ("value = 98.5", "value = nan", "source 1, group 1, numbers 1, value"),
        ("value = 98.5", "value = 985", "source s, group 1, number 1"),
        ("value = 50", "value = -50", "source s, group 1, number 2"),
        ("value = 50", "value = 50, std = -1", "source 1, group 1, numbers 2, std"),
        ("value = 50", "value = 50, colour = 1", "source 1, group 1, numbers 2, colour"),
        ('arch = "B"', 'arch = "A"', "two numbers of the id 's-t-a'"),
        ('protocol = "p"', 'protocol = "q"', "no protocol 'q'"),
        ('name = "S"', "", "source 1, name"),
        ('where = "Table 1"', 'where = ""', "source 1, group 1, where"),
        ('"psmnist[permutation=cornn]"', '"smnist"', "'smnist' is no variant of 'T'"),
        ('"psmnist[permutation=cornn]"', '"psmnist[permutation"', "protocols, p, variants, T"),
        ('id = "s"', 'id = "<b>"', "source 1, id"),
        ("year = 2021", 'year = 2021\nurl = "javascript:alert(1)"', "source 1, url"),
        ("[tasks]", "[tasks", "no TOML"),
    ],
)
def test_a_broken_file_is_refused_with_its_place(tmp_path: Path, old: str, new: str, place: str) -> None:
    file = tmp_path / "numbers.toml"
    assert SMALL.count(old) == 1
    file.write_text(SMALL.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(place)) as error:
        load(file)
    assert "numbers.toml" in str(error.value)
    assert "\n" not in str(error.value)
