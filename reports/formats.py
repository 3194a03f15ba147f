"""Numbers as people read them: percent, significant digits, durations. One place, for the page and the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable

from reports.statistics import Summary

NONE = "–"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_METRIC = {"accuracy": "accuracy", "mse": "mean squared error", "rmse": "root mean squared error"}


def metric_name(metric: str) -> str:
    """A metric in words, without its unit."""
    return _METRIC.get(metric, metric)


def machine(device: str, threads: int | None) -> str:
    """``cpu: AMD EPYC, 1 thread``."""
    return device if threads is None else f"{device}, {threads} thread{'' if threads == 1 else 's'}"


def of_ranking(title: str, train_limit: int | None, selection: str) -> str:
    """A ranking in words: ``Permuted sequential MNIST, first 5,000 training samples``."""
    name = clipped(title, 80)
    if train_limit is not None:
        name += f", first {count(train_limit)} training samples"
    return name + (", weights of the last epoch" if selection == "final" else "")


def metric_unit(metric: str) -> str:
    """``"%"`` for an accuracy; errors are in the units of the task and have none here."""
    return "%" if metric == "accuracy" else ""


def value(number: float | None, metric: str) -> str:
    """A metric without its unit: accuracies in percent with two decimals, errors with four significant digits."""
    if number is None:
        return NONE
    return f"{100 * number:.2f}".replace("-", "−") if metric == "accuracy" else significant(number)


def level(number: float | None, metric: str) -> str:
    """A metric with its unit: ``10.00 %``; "" where it is not known."""
    return "" if number is None else f"{value(number, metric)} {metric_unit(metric)}".rstrip()


def half_width(number: float | None, metric: str) -> str:
    """Half the width of an interval, in the units of :func:`value`: two decimals, or two significant digits."""
    if number is None:
        return NONE
    percent = metric == "accuracy"
    # A width that two decimals would print as 0.00 is small, not zero: it keeps one significant digit.
    if percent and (number == 0 or 100 * number >= 0.005):
        return f"{100 * number:.2f}"
    return significant(100 * number, 1) if percent else significant(number, 2)


def score(test: Summary | None, metric: str) -> str:
    """Mean and interval on one line, as ``"97.12 ± 0.42 %"``; a single seed says that it has no interval."""
    if test is None:
        return NONE
    unit = f" {metric_unit(metric)}".rstrip()
    if test.half_width is None:
        return f"{value(test.mean, metric)}{unit} (n = 1, no interval)"
    return f"{value(test.mean, metric)} ± {half_width(test.half_width, metric)}{unit}"


def significant(number: float, digits: int = 4) -> str:
    """`number` with that many significant digits: ``0.1667``, ``12.35``, ``5.123×10⁻⁴`` instead of a row of zeros."""
    if not math.isfinite(number):
        return NONE
    if number == 0:
        return "0"
    mantissa, exponent = f"{number:.{digits - 1}e}".split("e")
    power = int(exponent)
    if -4 < power < 6:
        return f"{number:.{max(0, digits - 1 - power)}f}".replace("-", "−")
    return f"{mantissa.replace('-', '−')}×10{str(power).translate(_SUPERSCRIPT)}"


def count(number: int | None) -> str:
    """A whole number with its thousands apart: ``"49,418"``."""
    return NONE if number is None else f"{number:,}".replace("-", "−")


def span(numbers: Iterable[int | None]) -> str:
    """Whole numbers as one, or as the range that they cover: ``"50"``, ``"32–50"``."""
    known = sorted({number for number in numbers if number is not None})
    if not known:
        return NONE
    return count(known[0]) if len(known) == 1 else f"{count(known[0])}–{count(known[-1])}"


def duration(seconds: float | None) -> str:
    """A time in the two largest units that matter: ``"0.42 s"``, ``"48 s"``, ``"3 min 20 s"``, ``"2 h 5 min"``."""
    if seconds is None:
        return NONE
    if seconds < 10:
        return f"{significant(seconds, 2)} s"
    whole = round(seconds)
    for size, unit, part, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size:,} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def listed(items: Iterable[object]) -> str:
    """``"1"``, ``"1 and 2"``, ``"1, 2 and 3"``."""
    words = [str(item) for item in items]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def clipped(text: str, length: int) -> str:
    """`text` on one line and no longer than `length` characters, the last of which is an ellipsis where it was cut."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
