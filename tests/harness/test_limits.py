"""Numbers that are too large for a column, a float or a machine, and what takes long."""

from __future__ import annotations

import pytest

from harness.cli import data_report, run_command
from harness.errors import UserError
from harness.matching import count_of

from ..processes import until

PAIR = ("--arch", "sru", "--task", "sdigits")
HUGE = "9" * 5000


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("list", "runs", "--limit", "9223372036854775808"), "--limit"),
        (("tune", *PAIR, "--show-space", "--space", "num_layers=1..10000000000000000000"), "num_layers"),
        (("tune", *PAIR, "--show-space", "--space", "num_layers=1..1000000000000"), "num_layers"),
        (("tune", *PAIR, "--show-space", "--space", "num_layers=[1, 10000000000000000000]"), "num_layers"),
        (("tune", *PAIR, "--show-space", "--space", "lr=1e-4..1e308"), "lr"),
        (("tune", *PAIR, "--show-space", "--space", f"lr=1e-4..{HUGE}"), "lr"),
        (("tune", *PAIR, "--show-space", "--space", "lr=1e-4..nan"), "lr"),
        (("tune", *PAIR, "--trials", "10000000000000000000"), "--trials"),
        (("run", *PAIR, "--dry-run", "--train-limit", "9223372036854775808"), "--train-limit"),
        (("run", *PAIR, "--dry-run", "--set", "num_layers=9223372036854775808"), "num_layers"),
        (("run", *PAIR, "--dry-run", "--set", "num_layers=10001"), "num_layers"),
        (("run", *PAIR, "--dry-run", "--set", f"hidden_size={HUGE}"), "hidden_size"),
        (("run", *PAIR, "--dry-run", "--match-params", HUGE), "--match-params"),
    ],
)
def test_a_number_that_is_too_large_is_refused_by_its_name(
    arguments: tuple[str, ...], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert word in told
    assert "Error" not in told


def test_the_largest_numbers_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["list", "runs", "--limit", str(2**63 - 1)]) in (0, 2)
    assert "--limit" not in capsys.readouterr().err
    assert count_of("1000000000000000") == 10**15
    with pytest.raises(UserError):
        count_of("1000000001M")


def test_what_takes_long_is_told_while_it_lasts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_report, "LINE_EVERY", 0.01)
    said = ""

    def heard() -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return said.count("building it: ") >= 2

    with data_report.waiting("building it"):
        until(heard)
    capsys.readouterr()
    with data_report.waiting("another"):
        pass
    with pytest.raises(KeyboardInterrupt), data_report.waiting("it"):
        raise KeyboardInterrupt
