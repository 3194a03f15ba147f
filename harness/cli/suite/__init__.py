"""``suite``: whole comparisons out of a file: planned, trained, looked at."""

from __future__ import annotations

import typer

from harness.cli.group import Verbs
from harness.cli.suite.plan import plan
from harness.cli.suite.run import run
from harness.cli.suite.shipped import list_, show
from harness.cli.suite.status import status

suite_app = typer.Typer(
    help="Plan, train and look at a whole comparison: a TOML file of architectures, tasks and seeds.",
    cls=Verbs,
    no_args_is_help=True,
)
suite_app.command("plan")(plan)
suite_app.command("run")(run)
suite_app.command("status")(status)
suite_app.command("list")(list_)
suite_app.command("show")(show)
