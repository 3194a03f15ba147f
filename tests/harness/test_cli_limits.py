"""Numbers on the command line have a range, so that one beyond it is a sentence and no traceback."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from harness.cli import app, run_command


def options(group: typer.Typer, before: str = "") -> Iterator[tuple[str, str]]:
    """Verb and name of every option that takes a whole number."""
    for command in group.registered_commands:
        assert command.callback is not None
        verb = f"{before}{command.name or command.callback.__name__}"
        for name, hint in typing.get_type_hints(command.callback, include_extras=True).items():
            if typing.get_origin(hint) is typing.Annotated and int in (
                hint.__origin__,
                *typing.get_args(hint.__origin__),
            ):
                info = hint.__metadata__[0]
                spelt = [one for one in (info.default, *(info.param_decls or ())) if str(one).startswith("--")]
                yield verb, spelt[0] if spelt else f"--{name.replace('_', '-')}"
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from options(inner.typer_instance, f"{before}{inner.name} ")


WHOLE = list(options(app))
WRITTEN = [
    *(
        ("run", option)
        for option in ("--seeds", "--match-params", "--match-tolerance", "--match-step-time", "--max-time")
    ),
    *(("run", option) for option in ("--checkpoint-every",)),
    *(("tune", option) for option in ("--timeout", "--max-time")),
    *(("speed", option) for option in ("--length", "--batch", "--hidden", "--layers", "--input", "--max-time")),
]
"""Options whose numbers are read by the harness."""


@pytest.mark.parametrize(("verb", "option"), WHOLE, ids=[" ".join(one) for one in WHOLE])
@pytest.mark.parametrize("given", [str(10**30), "9" * 5000, "-1"], ids=["large", "digits", "negative"])
def test_a_whole_number_out_of_range_is_one_sentence(
    verb: str, option: str, given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command([*verb.split(), f"{option}={given}"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert option in told.err
    assert "mistake of the program" not in told.err


@pytest.mark.parametrize(("verb", "option"), WRITTEN, ids=[" ".join(one) for one in WRITTEN])
@pytest.mark.parametrize("given", ["9" * 5000])
def test_a_number_in_words_is_one_sentence(
    verb: str, option: str, given: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = [] if verb == "speed" else ["--task", "sdigits"]
    more = ["--match-params", "5k"] if option == "--match-tolerance" else []
    arguments = [verb, "--arch", "lstm", *pair, *more, option, given, "--home", str(tmp_path)]
    arguments += ["--dry-run"] if verb == "run" else ["--show-space"] if verb == "tune" else []
    assert run_command(arguments) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "mistake of the program" not in told


def test_verbs_have_such_options() -> None:
    assert {"run", "tune", "speed", "list runs", "suite run"} <= {verb for verb, _ in WHOLE}
