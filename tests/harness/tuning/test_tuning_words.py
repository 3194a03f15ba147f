"""What tune makes of the words of a command line, and what it says without a password."""

from __future__ import annotations

import sys

import pytest

from harness.cli import tuning
from harness.errors import UserError
from harness.tuning.storage import address


def test_ranges_may_be_repeated_but_not_contradict():
    assert tuning.parse_space(["lr=1e-4..1e-1 log", "num_layers = 2..4"]) == {
        "lr": "1e-4..1e-1 log",
        "num_layers": "2..4",
    }
    with pytest.raises(UserError, match="--space lr is given twice"):
        tuning.parse_space(["lr=1", "lr=2"])


@pytest.mark.parametrize("given", ["postgresql://me:hush%21@h/db", "postgresql+psycopg://me@h/db?password=hush%21"])
@pytest.mark.parametrize("words", [["--storage", "{}"], ["--storage={}"]])
def test_the_command_to_go_on_holds_no_password(monkeypatch, given, words):
    monkeypatch.setattr(sys, "argv", ["harness", "tune", *(word.format(given) for word in words), "--trials", "5"])
    told = tuning._this_command(given, address(given))
    assert "hush" not in told
    assert "--storage" in told
    assert told.endswith("--trials 5")


def test_the_command_to_go_on_names_a_journal_as_it_was_named(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["harness", "tune", "--storage", "s", "--trials", "5"])
    assert tuning._this_command("s", address("s")) == "python -m harness tune --storage s --trials 5"
