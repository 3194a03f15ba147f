"""The course of single runs: validation metric and losses over epochs, of all seeds of a row or of one run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from reports import formats
from reports.figures.drawing import Key
from reports.figures.handmade import Strand, plot, sample, strand, thinned, union
from reports.records import Run, Trace

MOST_SEEDS = 24
"""Runs that one figure draws at most, those of the first seeds: lines of more could not be told apart."""


@dataclass(frozen=True, eq=False)
class Course:
    """A figure of one or two panels with the rows of its table; what :class:`reports.figures.drawing.Drawing` is there.

    `name` is unique on its page. `heads` are the columns of the table, all of them numbers.
    """

    name: str
    heading: str
    caption: str
    svgs: tuple[Markup, ...]
    heads: tuple[str, ...]
    rows: Markup
    keys: tuple[Key, ...] = ()


def of_seeds(runs: Sequence[Run], traces: Mapping[str, Trace], number: int, name: str) -> Course | None:
    """The validation metric of `runs`, which share metric and architecture `number`; None where no run has a curve."""
    drawn = [(run, one) for run in runs if (trace := traces.get(run.run)) and len((one := _valid(trace)).epochs)]
    if not drawn:
        return None
    more = f" Drawn are the first {MOST_SEEDS} of {len(drawn):,} runs." if len(drawn) > MOST_SEEDS else ""
    drawn = drawn[:MOST_SEEDS]
    all_epochs = len(union([one for _, one in drawn]))
    marked = [Strand(one.epochs, one.values, marker) for marker, (_, one) in enumerate(drawn)]
    epochs, strands = thinned(marked)
    metric = drawn[0][0].metric
    title = _title(metric)
    label = f"Line chart: {title} against epochs, one line a run"
    return Course(
        name=name,
        heading="Learning curves",
        caption=f"The {title.removesuffix(', %')} of every run in training.{more}{_thinned(len(epochs), all_epochs)}",
        svgs=(plot(strands, number, metric, title.capitalize(), label),),
        heads=("Epoch", *(f"Seed {run.seed}" for run, _ in drawn)),
        rows=_rows(epochs, strands, [metric] * len(strands), placed=True),
        keys=tuple(
            Key(sample(marker, number), f"seed {run.seed}", "" if run.state == "done" else run.state)
            for marker, (run, _) in enumerate(drawn)
        ),
    )


def of_run(run: Run, trace: Trace | None, number: int) -> Course | None:
    """The validation metric of one run and, where they are known, its losses; None where it has no curve."""
    if trace is None or not len((valid := _valid(trace)).epochs):
        return None
    train, loss = strand(trace.epoch, trace.train_loss, dashed=True), strand(trace.epoch, trace.valid_loss)
    losses = [one for one in (train, loss) if len(one.epochs)]
    all_epochs = len(union([valid, *losses]))
    epochs, (valid, *losses) = thinned([valid, *losses])
    title = _title(run.metric)
    svgs = [plot([valid], number, run.metric, title.capitalize(), f"Line chart: {title} against epochs")]
    if losses:
        label = "Line chart: training and validation loss against epochs"
        svgs.append(plot(losses, number, "loss", "Loss: dashed in training, solid in validation", label))
    heads = ["Training loss"] * any(one.dashed for one in losses) + ["Validation loss"] * any(
        not one.dashed for one in losses
    )
    return Course(
        name="curve",
        heading="Learning curve",
        caption=f"After every evaluation.{_thinned(len(epochs), all_epochs)}",
        svgs=tuple(svgs),
        heads=("Epoch", title.capitalize(), *heads),
        rows=_rows(epochs, [valid, *losses], [run.metric, *["loss"] * len(losses)]),
    )


def _valid(trace: Trace) -> Strand:
    return strand(trace.epoch, trace.valid)


def _title(metric: str) -> str:
    return f"validation {formats.clipped(formats.metric_name(metric), 60)}{', %' if metric == 'accuracy' else ''}"


def _thinned(drawn: int, known: int) -> str:
    return "" if drawn == known else f" Drawn are {drawn:,} of {known:,} epochs."


def _rows(epochs: np.ndarray, strands: Sequence[Strand], metrics: Sequence[str], placed: bool = False) -> Markup:
    # The rows of the table: an epoch and the value of every strand there. `placed` rows say where they stand in the
    # plot, which is at the mean of their values.
    columns = [_column(epochs, one) for one in strands]
    rows = []
    for epoch, *found in zip(epochs.tolist(), *columns, strict=True):
        cells = "".join(
            [f"<td>{formats.value(value, metric)}</td>" for value, metric in zip(found, metrics, strict=True)]
        )
        at = f' data-at="{_place(epoch, found, metrics[0])}"' if placed else ""
        rows.append(f"<tr{at}><td>{epoch:,.10g}</td>{cells}</tr>\n")
    return Markup("".join(rows))


def _column(epochs: np.ndarray, one: Strand) -> list[float | None]:
    if len(one.epochs) == len(epochs):
        return one.values.tolist()
    known = dict(zip(one.epochs.tolist(), one.values.tolist(), strict=True))
    return [known.get(epoch) for epoch in epochs.tolist()]


def _place(epoch: float, found: Sequence[float | None], metric: str) -> str:
    known = [value for value in found if value is not None]
    percent = 100.0 if metric == "accuracy" else 1.0
    return f"{epoch:.5g},{percent * math.fsum(known) / len(known):.5g}"
