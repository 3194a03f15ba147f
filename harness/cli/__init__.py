"""The command line: one verb a file, put together here. Nothing heavy is imported before a verb runs."""

from __future__ import annotations

import errno
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer

from harness.cli.compare import compare
from harness.cli.data import data_app
from harness.cli.delete import delete
from harness.cli.demo import demo
from harness.cli.doctor import doctor
from harness.cli.export import export
from harness.cli.group import Stopped, Verbs
from harness.cli.import_ import import_
from harness.cli.list_ import list_app
from harness.cli.report import report
from harness.cli.run import run
from harness.cli.show import show
from harness.cli.speed import speed
from harness.cli.store import store_app
from harness.cli.streams import open_missing, replace_unknown_letters
from harness.cli.study import study_app
from harness.cli.suite import suite_app
from harness.cli.terminal import printable, tell
from harness.cli.tune import tune
from harness.errors import UserError, debugging, one_line, with_place
from harness.interruption import EXIT_CODES
from harness.masking import holds_password, mask
from harness.neighbours import overwritten

app = typer.Typer(
    name="harness",
    cls=Verbs,
    help="Train recurrent architectures on sequence tasks, keep every run, and rank them on a page.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
VERBS: dict[str, Callable[..., None]] = {
    "demo": demo,
    "run": run,
    "tune": tune,
    "show": show,
    "compare": compare,
    "speed": speed,
    "report": report,
    "export": export,
    "import": import_,
    "delete": delete,
    "doctor": doctor,
}
for name, verb in VERBS.items():
    app.command(name)(verb)
app.add_typer(list_app, name="list")
app.add_typer(study_app, name="study")
app.add_typer(suite_app, name="suite")
app.add_typer(store_app, name="store")
app.add_typer(data_app, name="data")


@app.callback(invoke_without_command=True)
def _top(version: bool = typer.Option(False, "--version", help="Print the version and end.")) -> None:
    if version:
        from harness import __version__

        print(__version__)
        raise typer.Exit


def run_command(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code: 0 done, 1 a run failed or something is missing, 2 wrong input.

    What a person did wrong is told in one sentence on standard error; ``HARNESS_DEBUG=1`` adds the traceback.
    """
    open_missing()
    replace_unknown_letters()
    _tell_what_layers_say()
    try:
        _check_current_folder()
        _refuse_passwords(arguments)
        code = app(list(arguments), prog_name="harness", standalone_mode=False) or 0
        sys.stdout.flush()
        return code
    except Stopped as stopped:
        told = "interrupted; what was stored is kept, and the same command goes on from there"
        return _complain(told, EXIT_CODES.get(str(stopped), 130))
    except UserError as error:
        return _complain(str(error), 2)
    except typer.Abort:
        return _complain("aborted; nothing was changed", 1)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python would try to write what is left, and complain as well
        return 1 if error.errno == errno.EPIPE else _complain(f"error: {one_line(error)}", 1)
    except Exception as error:
        if isinstance(error, ImportError) and (wrong := overwritten(error.name)):
            return _complain(wrong, 2)
        if hasattr(error, "format_message"):  # typer's own errors of usage have it, whichever click they come from
            return _misused(error)
        told = "this is a mistake of the program, not yours; HARNESS_DEBUG=1 shows where it happened"
        return _complain(f"error: {with_place(error)}: {told}", 1)


def _check_current_folder() -> None:
    try:
        Path.cwd()
    except OSError as error:
        raise UserError(
            f"the current folder is gone or cannot be read ({error.strerror}): change to another one"
        ) from error


def _misused(error: Any) -> int:
    """Tell an error of usage and where to read on; the help itself where nothing but the name of a group was given."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        print(context.get_help(), file=sys.stderr)
        return 2
    told = error.format_message().rstrip(".").replace("Value error, ", "")
    return _complain(f"{told} (see '{context.command_path if context else 'harness'} --help')", 2)


def _refuse_passwords(arguments: Sequence[str]) -> None:
    """Raise for an address with a password where none is taken: it would become a name, or a part of a message."""
    taken = list(arguments[:2]) == ["store", "copy"]
    for before, word in zip(["", *arguments], arguments, strict=False):
        if not taken and before != "--storage" and not word.startswith("--storage=") and holds_password(word):
            raise UserError(
                "an address with a password stands where none is taken: --storage and 'store copy' take one, and the"
                " variables HARNESS_STORE and HARNESS_STUDIES, which are in no list of processes"
            )


def _tell_what_layers_say() -> None:
    """What is done once, such as compiling, and their warnings go to standard error, a line each."""
    warnings.formatwarning = lambda message, *_, **__: f"{printable(mask(f'warning: {message}'))}\n"
    log = logging.getLogger("architectures")
    if not log.handlers:
        log.addHandler(logging.StreamHandler())
        log.setLevel(logging.INFO)


def _complain(sentence: str, code: int) -> int:
    if debugging():
        print(mask(traceback.format_exc()), end="", file=sys.stderr)
    tell(mask(f"{'error: ' if code == 2 else ''}{sentence}"))
    return code
