"""Write the page about the verbs, docs/verbs.md, from the definitions of the command line.

    python docs/make_verbs.py

A test holds that the page is what this writes.
"""

from __future__ import annotations

import inspect
import re
import textwrap
import typing
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import typer
from typer.models import ArgumentInfo

from harness.cli import app

FILE = Path(__file__).parent / "verbs.md"
HEAD = """# Every verb

`harness` and `python -m harness` are the same program. This page is made by `python docs/make_verbs.py` from
the definitions of the command line; `--help` behind a verb tells the same in a terminal.

Options may stand in any order. What may be repeated says so; a value with brackets, spaces or `*` is quoted, as in
`--task 'adding[length=500]'`. Results go to standard output; progress, warnings and errors go to standard error. With
`--json` standard output is one JSON document in place of a table, and what a plugin prints goes to standard error.
Times are written as `90s`, `10m` or `2h`; a number alone is seconds.
"""
SHARED = """## Options of many verbs

They mean the same wherever a verb takes them; below a verb they are only named.
"""
CODES = """## Exit codes

| code | meaning |
|---|---|
| 0 | done, or done before |
| 1 | a run failed, something is missing or damaged, a question was answered with no, or the disk refused |
| 2 | wrong input: one sentence on standard error says what is wrong, where, and what to do |
| 129, 130, 143 | ended by SIGHUP, Ctrl-C (SIGINT) or SIGTERM; the same command goes on from what was stored |

What else a verb's code 1 or 2 says stands with the verb. `HARNESS_DEBUG=1` adds the traceback to a sentence.

## Environment variables

| variable | what it says |
|---|---|
| `HARNESS_HOME` | as `--home` |
| `HARNESS_DATA` | as `--data-root` |
| `HARNESS_STUDIES` | as `--storage` |
| `HARNESS_THREADS` | as `--threads` |
| `HARNESS_BACKEND` | as `--backend` |
| `HARNESS_SUBNORMALS=keep` | computes with [subnormal numbers](recurrences.md#subnormal-numbers) as they are |
| `HARNESS_OFFLINE=1` | as `--offline` |
| `HARNESS_STORE` | URL of the database that keeps the runs, else a SQLite file in the home ([scaling](scaling.md)) |
| `HARNESS_MIRROR` | address from which data sets are downloaded instead ([data sets](data.md)) |
| `HARNESS_KERNELS` | folder of the compiled recurrences ([recurrences](recurrences.md)) |
| `HARNESS_CUDA_GRAPHS=0` | no recording of updates on a GPU ([CUDA](cuda.md)) |
| `HARNESS_DEBUG=1` | tracebacks beside the sentences that tell of a mistake |

An option wins over its variable.
"""
COMMON = (
    *("--home", "--json", "--plugin", "--data-root", "--offline"),
    *("--backend", "--threads", "--checkpoint-every", "--storage"),
)
GROUPS = {
    "Train": ("run", "demo", "tune"),
    "Train a whole comparison": ("suite list", "suite show", "suite plan", "suite run", "suite status"),
    "See what there is": ("list architectures", "list tasks", "list recipes"),
    "See what was done": ("list runs", "show", "compare", "report", "list studies", "study show"),
    "Measure speed": ("speed", "list timings"),
    "Move and delete": ("export", "import", "store copy", "delete", "study delete"),
    "Data sets, and the installation": ("data list", "data fetch", "data import", "data check", "doctor"),
}


@dataclass(frozen=True)
class Notes:
    """What the definitions of a verb do not say: examples, exit codes of its own, and where more is told."""

    examples: tuple[str, ...]
    codes: str = ""
    more: str = ""


NOT_YES = "1 where the question is not answered with yes, 2 where there is nobody to ask (add `--yes`)."
NOTES = {
    "run": Notes(
        (
            "run --arch unicornn --task psdigits --seeds 0-4",
            "run --arch lstm --task psdigits --set lr=3e-3 --epochs 50 --match-params 20k",
            "run --arch cornn --task har2 --recipe published --dry-run",
        ),
        "1 where a run failed, such as one that diverged; its reason is stored.",
        "[quick start](quick-start.md), [reproducing a paper](reproducing.md)",
    ),
    "demo": Notes(("demo --out site",), "1 where a run failed.", "[quick start](quick-start.md)"),
    "tune": Notes(
        (
            "tune --arch gru --task psdigits --trials 30 --workers 2",
            "tune --arch gru --task psdigits --space lr='1e-3..1e-1 log' --show-space",
        ),
        "1 where no trial was completed, or a run of the final seeds failed.",
        "[tuning](tuning.md)",
    ),
    "suite list": Notes(("suite list",), more="[campaigns](campaigns.md)"),
    "suite show": Notes(("suite show quick > mine.toml",), more="[campaigns](campaigns.md)"),
    "suite plan": Notes(
        ("suite plan quick", "suite plan fair --no-measure --json"),
        more="[campaigns](campaigns.md#planning)",
    ),
    "suite run": Notes(
        ("suite run quick --engine processes", "suite run quick --only 'lstm/*' --redo-failed"),
        "1 where a run or a search failed, now or before; 2 also where runs were refused and a person has to mend"
        " something, such as missing data.",
        "[campaigns](campaigns.md#running), [scaling](scaling.md)",
    ),
    "suite status": Notes(("suite status quick",), more="[campaigns](campaigns.md#states)"),
    "list architectures": Notes(
        ("list architectures", "list architectures --plugin leaky.py"),
        more="[adding an architecture](adding-an-architecture.md)",
    ),
    "list tasks": Notes(("list tasks", "list tasks 'bidmc-hr[source=recordings]'"), more="[tasks](tasks.md)"),
    "list recipes": Notes(
        ("list recipes --task psmnist", "list recipes --arch cornn --json"), more="[reproducing](reproducing.md)"
    ),
    "list runs": Notes(("list runs --task psdigits", "list runs --state failed --limit 0 --json")),
    "show": Notes(
        ("show 2f4e", "show 2f4e --toml > mine.toml"),
        "2 also where no stored run, or more than one, begins so.",
        "[the schema of a run](run-schema.md)",
    ),
    "compare": Notes(
        ("compare 2f4e 81c0", "compare cornn lstm:tuned --task psdigits"),
        "0 whatever the difference; 2 where there is nothing to compare.",
        "[the leaderboard](leaderboard.md)",
    ),
    "report": Notes(
        ("report --out site", "report --format latex --out tables"),
        "0 with an empty store too: the pages then say so.",
        "[the leaderboard](leaderboard.md)",
    ),
    "list studies": Notes(("list studies",), more="[tuning](tuning.md)"),
    "study show": Notes(
        ("study show gru-psdigits", "study show gru-psdigits --json", "study show gru-psdigits --toml > best.toml"),
        more="[tuning](tuning.md)",
    ),
    "speed": Notes(
        (
            "speed --arch unicornn,lstm --length 500,1000 --hidden 64",
            "speed --task psdigits --batch 1,64",
            "speed --preset unicornn-figure",
        ),
        "1 where no case could be measured.",
        "[speed](speed.md)",
    ),
    "list timings": Notes(("list timings",), more="[speed](speed.md)"),
    "export": Notes(
        ("export --out all.jsonl", "export --suite mine.toml --out mine.jsonl", "export --task psdigits --state done"),
        more="[reproducing](reproducing.md#somebodys-claim), [schema](run-schema.md)",
    ),
    "import": Notes(
        ("import all.jsonl", "import mine.jsonl theirs.jsonl"),
        "2 where a line is wrong or contradicts a stored run: then nothing is imported.",
        "[schema](run-schema.md#import)",
    ),
    "store copy": Notes(
        ("store copy store.sqlite backup/",),
        more="[schema](run-schema.md#from-one-store-to-another)",
    ),
    "delete": Notes(
        ("delete 2f4e", "delete --state failed --yes", "delete --timings --arch lstm"),
        NOT_YES,
    ),
    "study delete": Notes(
        ("study delete gru-psdigits --keep-runs",),
        NOT_YES,
        "[tuning](tuning.md)",
    ),
    "data list": Notes(("data list",), more="[data sets](data.md)"),
    "data fetch": Notes(
        ("data fetch har2", "data fetch imdb --again"),
        "2 where a download fails or is not what was published: what was there stays.",
        "[data sets](data.md)",
    ),
    "data import": Notes(
        ('data import har2 "UCI HAR Dataset.zip"', "data import har2 ~/copy --again"),
        "2 where the archive holds no such data, or others: what was there stays.",
        "[data sets](data.md)",
    ),
    "data check": Notes(("data check", "data check psmnist"), more="[data sets](data.md)"),
    "doctor": Notes(("doctor",)),
}


def quoted(sentence: str) -> str:
    """What stands in quotation marks as code; where a shell needs the marks, they stay."""
    return re.sub(r"(?<![^\s(])'([^\s'\[*][^'\[*]*)'", r"`\1`", sentence)


@dataclass(frozen=True)
class Parameter:
    """An option or an argument, as a table tells it."""

    names: str
    value: str
    meaning: str
    default: str
    is_argument: bool

    def row(self) -> str:
        """A row of the table of options, or of the list of arguments."""
        meaning = quoted(self.meaning)
        told = f"{meaning} Default: `{self.default}`." if self.default else meaning
        spelt = self.value if self.is_argument else ", ".join(f"`{name}`" for name in self.names.split())
        shown = f"`{spelt}`" if self.is_argument else f"{spelt} `{self.value}`" if self.value else spelt
        return f"| {shown.replace('|', chr(92) + '|')} | {told.replace('|', chr(92) + '|')} |"


def verbs(group: typer.Typer = app, before: str = "") -> Iterator[tuple[str, Callable[..., None]]]:
    """Name and function of every verb, as registered."""
    for command in group.registered_commands:
        assert command.callback is not None
        yield f"{before}{command.name or command.callback.__name__}", command.callback
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from verbs(inner.typer_instance, f"{before}{inner.name} ")


def parameters(verb: Callable[..., None]) -> list[Parameter]:
    """What a verb takes, read off its signature."""
    hints = typing.get_type_hints(verb, include_extras=True)
    told = inspect.signature(verb).parameters
    return [_parameter(name, hints[name], told[name].default) for name in told]


def _parameter(name: str, hint: Any, default: Any) -> Parameter:
    kind, info = typing.get_args(hint)[:2]
    if isinstance(info, ArgumentInfo):
        metavar = info.metavar or name.upper()
        return Parameter(name, metavar, info.help or "", "", True)
    first = (info.default,) if isinstance(info.default, str) else ()  # of Annotated, where the default stands elsewhere
    names = " ".join((*first, *(info.param_decls or ())) or ("--" + name.replace("_", "-"),))
    shown = default if info.show_default and default is not None and default is not False else ""
    shown = shown.value if isinstance(shown, Enum) else f"{shown:g}" if isinstance(shown, float) else str(shown)
    return Parameter(names, info.metavar or _value(kind), info.help or "", shown, False)


def _value(kind: Any) -> str:
    """What stands for the value of an option that names none: nothing for a switch."""
    while typing.get_origin(kind) not in (
        None,
        typing.Literal,
    ):  # of a list or of what may be None, the first that it is
        kind = next(one for one in typing.get_args(kind) if one is not type(None))
    if typing.get_origin(kind) is typing.Literal:
        return "|".join(map(str, typing.get_args(kind)))
    if issubclass(kind, Enum):
        return "|".join(str(one.value) for one in kind)
    return {bool: "", int: "N", float: "X", str: "TEXT", Path: "PATH"}[kind]


def usage(name: str, taken: list[Parameter]) -> str:
    """The line that says how a verb is called."""
    arguments = [one.value for one in taken if one.is_argument]
    return " ".join(["harness", name, *(["[OPTIONS]"] if len(arguments) < len(taken) else []), *arguments])


def section(name: str, verb: Callable[..., None], shared: list[Parameter]) -> str:
    """One verb: purpose, usage, options, examples, exit codes."""
    taken, notes = parameters(verb), NOTES[name]
    own, others = ([one for one in taken if (one in shared) is there] for there in (False, True))
    purpose = re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.getdoc(verb) or "")
    parts = [f"### {name}", "\n\n".join(map(_filled, quoted(purpose).split("\n\n"))), _code([usage(name, taken)])]
    if own:
        parts.append("\n".join(["| | |", "|---|---|", *(one.row() for one in own)]))
    if others:
        told = ", ".join(f"`{one.names}`" for one in others)
        parts.append(_filled(f"[As elsewhere](#options-of-many-verbs): {told}."))
    parts.append(_code([f"python -m harness {example}" for example in notes.examples]))
    last = (f"Exit code {notes.codes}" if notes.codes else "", f"More: {notes.more}." if notes.more else "")
    return "\n\n".join([*parts, *(_filled(one) for one in last if one)])


def _code(lines: list[str]) -> str:
    return "\n".join(["```sh", *lines, "```"])


def _filled(paragraph: str) -> str:
    """A paragraph, or an item of a list, in lines as wide as those of the other pages."""
    indent = "  " if paragraph.startswith("- ") else ""
    return textwrap.fill(paragraph, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _link(name: str) -> str:
    return f"[{name}](#{name.replace(' ', '-')})"


def text() -> str:
    """The whole page."""
    known = dict(verbs())
    ordered = [name for names in GROUPS.values() for name in names]
    assert sorted(known) == sorted(ordered) == sorted(NOTES), "GROUPS and NOTES name every verb once"
    count = Counter(one for verb in known.values() for one in parameters(verb))
    shared = [max((one for one in count if one.names == name), key=count.__getitem__) for name in COMMON]
    rows = "\n".join(["| | |", "|---|---|", *(one.row() for one in shared)])
    contents = "\n".join(_filled(f"- {group}: {', '.join(map(_link, names))}") for group, names in GROUPS.items())
    parts = [HEAD.strip(), contents]
    for group, names in GROUPS.items():
        parts += [f"## {group}", *(section(name, known[name], shared) for name in names)]
    parts += [SHARED.strip(), f"{rows}\n| `-h`, `--help` | Show what a verb takes, and end. |", CODES.strip()]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
