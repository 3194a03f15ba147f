"""The page: one self-contained file, written at once or not at all."""

from __future__ import annotations

import base64
import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports import formats
from reports.frames import Entry, Frames, Run
from reports.grid import grid
from reports.leaderboard import rankings
from reports.rows import STATES
from reports.sections import sections

_HERE = Path(__file__).parent


def render(frames: Frames, out: Path) -> Path:
    """Write the report of `frames` to ``out/index.html`` and return that path; `out` is created where needed.

    The file is replaced in one step: a reader sees the old page or the new one, also when the disk is full half-way.
    The same frames give the same bytes. An `out` that is a file or can't be written is an OSError of one sentence.
    """
    path = Path(out) / "index.html"
    _write(path, page(frames).encode("utf-8"))
    return path


def page(frames: Frames) -> str:
    """The whole page as text: a pure function of `frames`, with styles, script and figures inside."""
    runs = frames.records()
    architectures, tasks = _architectures(frames, runs), frames.entries("tasks")
    ranked = rankings(runs)
    parts = sections(ranked, frames.traces(), tasks, architectures)
    states = Counter(run.state for run in runs)
    template = _environment().get_template("index.html")
    return template.render(
        sections=parts,
        grid=grid(ranked, tasks, architectures),
        architectures=architectures,
        tasks=tasks,
        runs=len(runs),
        states=[(state, states[state]) for state in (*STATES, *sorted(states.keys() - STATES)) if states[state]],
        until=_until(runs),
        versions=sorted({run.version for run in runs} - {""}),
    )


def _architectures(frames: Frames, runs: Sequence[Run]) -> list[Entry]:
    # Those that are registered, and those that only a run names: a plugin that is gone keeps its results.
    known = {
        run.arch: Entry(run.arch, run.arch_title or run.arch, "Not installed here, known from its runs only.")
        for run in runs
    }
    known |= {entry.name: entry for entry in frames.entries("architectures")}
    return sorted(known.values(), key=lambda entry: (entry.name.casefold(), entry.name))


def _until(runs: Sequence[Run]) -> str:
    times = pd.to_datetime([run.created for run in runs], errors="coerce", utc=True, format="ISO8601").dropna()
    return f"{times.max():%Y-%m-%d %H:%M} UTC" if len(times) else ""


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        name: getattr(formats, name)
        for name in ("clipped", "count", "duration", "half_width", "listed", "metric_name", "span", "value")
    }
    script = _static("page.js")
    # The browser runs this script and no other, and is forbidden every request: see the policy in layout.html.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals |= {"style": Markup(_static("page.css")), "script": Markup(script), "script_digest": digest}
    environment.globals["known_states"] = (*STATES, "not run")
    return environment


def _static(name: str) -> str:
    return (_HERE / "static" / name).read_text(encoding="utf-8")


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = "there is a file of that name" if isinstance(error, FileExistsError) else error.strerror or error
        raise OSError(
            f"cannot write the report to {path.parent} ({reason}): name a folder that can be written"
        ) from error
