"""What our seeds say about a published number: reproduced, not reproduced or undecided, and why.

- A published **mean** is compared with the 95 % interval of our mean, ``mean +- t(0.975, n - 1) s / sqrt(n)``.
- A **single run**, and a number of which the kind is not stated, is one draw: it is compared with the interval for one
  further run, ``mean +- t(0.975, n - 1) s sqrt(1 + 1 / n)`` (G. J. Hahn, W. Q. Meeker: Statistical Intervals, 1991).
- A **best run** likewise; it is also reproduced where our best seed is as good, since both are chosen.

A number is *reproduced* if it lies in that interval, or if our mean is at least as good; else *not reproduced*. To lie
in the interval is not to be shown equal, and few seeds have a wide one: where our mean is worse and the interval
holds twice the published error as well, these seeds cannot tell the two apart, and the number is *undecided*. So it is
where our only seed is worse: it has no interval. The error of an accuracy is what it lacks of 100 %. The published
number is taken as it is printed, as if it had no error of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from reports import formats
from reports.published import Kind
from reports.statistics import Summary

REPRODUCED, NOT_REPRODUCED, UNDECIDED = "reproduced", "not reproduced", "undecided"
TOO_WIDE = 2.0
"""An interval that holds so many times the published error, beside the published number, decides nothing."""


@dataclass(frozen=True)
class Judgement:
    """A verdict with its reason, and the interval that the published number was compared with, if there is one.

    The interval is in the unit of the metric, accuracy as a fraction.
    """

    verdict: str
    reason: str
    interval: tuple[float, float] | None = None


def judge(published: float, kind: Kind, test: Summary, metric: str, higher_is_better: bool) -> Judgement:
    """The judgement on a published number of this kind by our seeds of the same protocol, all in the metric's unit."""
    reached = _as_good(test.mean, published, higher_is_better)
    interval = _of_mean(test) if kind == "mean" else further_run(test)
    if interval is None:
        if reached:
            return Judgement(REPRODUCED, "One seed, no interval; it is at least as good as the published number.")
        return Judgement(UNDECIDED, "One seed, no interval; it is worse, and how far seeds differ is not known.")
    low, high = interval
    of = f"of our mean of {test.n} seeds" if kind == "mean" else f"for one further run after our {test.n} seeds"
    unit = f" {formats.metric_unit(metric)}".rstrip()
    told = f"the 95 % interval {of}, {formats.value(low, metric)} to {formats.value(high, metric)}{unit}."
    if kind == "not stated":
        told += " Whether it is a mean is not stated; it counts as one run."
    best = kind == "best run" and _as_good(test.best, published, higher_is_better)
    if low <= published <= high:
        if reached or best or not _too_wide(interval, published, metric):
            return Judgement(REPRODUCED, f"The published number lies in {told}", interval)
        both = "Our mean is worse; the published number and one of twice its error both lie in"
        return Judgement(UNDECIDED, f"{both} {told}", interval)
    if reached:
        return Judgement(REPRODUCED, f"Our mean is better; the published number lies outside {told}", interval)
    if best:
        return Judgement(REPRODUCED, f"Our best seed is as good; the published number lies outside {told}", interval)
    return Judgement(NOT_REPRODUCED, f"Our mean is worse, and the published number lies outside {told}", interval)


def further_run(test: Summary) -> tuple[float, float] | None:
    """The 95 % interval for one further run after those of `test`, in the metric's unit; None after a single one."""
    if test.half_width is None:
        return None
    half = test.half_width * math.sqrt(test.n + 1)  # t s / sqrt(n) times sqrt(n + 1) is t s sqrt(1 + 1 / n)
    return test.mean - half, test.mean + half


def _of_mean(test: Summary) -> tuple[float, float] | None:
    return None if test.half_width is None else (test.mean - test.half_width, test.mean + test.half_width)


def _too_wide(interval: tuple[float, float], published: float, metric: str) -> bool:
    """Whether the worse end of `interval` has :data:`TOO_WIDE` times the published error, or more."""
    accuracy = metric == "accuracy"
    error = 1 - published if accuracy else published
    worst = 1 - interval[0] if accuracy else interval[1]
    return error > 0 and worst >= TOO_WIDE * error


def _as_good(ours: float, published: float, higher_is_better: bool) -> bool:
    # A mean of seeds that are all 0.9 may be a rounding error away from 0.9.
    better = ours >= published if higher_is_better else ours <= published
    return better or math.isclose(ours, published, rel_tol=1e-12)
