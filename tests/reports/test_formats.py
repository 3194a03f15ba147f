"""Numbers as they are printed."""

from __future__ import annotations

import pytest

from reports import formats
from reports.statistics import summarise


@pytest.mark.parametrize(
    ("number", "metric", "text"),
    [
        (0.97123, "accuracy", "97.12"),
        (1.0, "accuracy", "100.00"),
        (0.0, "accuracy", "0.00"),
        (0.16666, "mse", "0.1667"),
        (0.99999, "mse", "1.000"),  # rounding carries into a new digit, and four of them stay
        (0.000512345, "mse", "5.123×10⁻⁴"),
        (0.001, "rmse", "0.001000"),
        (12.3456, "rmse", "12.35"),
        (98765.4, "rmse", "98765"),
        (1.5e9, "rmse", "1.500×10⁹"),
        (-0.5, "rmse", "−0.5000"),
        (0.0, "mse", "0"),
        (None, "accuracy", "–"),
        (float("inf"), "mse", "–"),
    ],
)
def test_metrics(number: float | None, metric: str, text: str) -> None:
    assert formats.value(number, metric) == text


@pytest.mark.parametrize(
    ("half", "metric", "text"),
    [
        (0.00421, "accuracy", "0.42"),
        (0.00003, "accuracy", "0.003"),  # "± 0.00" would claim that the seeds agree
        (0.0, "accuracy", "0.00"),
        (0.0213, "mse", "0.021"),
        (0.0000213, "mse", "2.1×10⁻⁵"),
        (None, "accuracy", "–"),
    ],
)
def test_half_widths(half: float | None, metric: str, text: str) -> None:
    assert formats.half_width(half, metric) == text


def test_scores_tell_a_single_seed_from_a_mean() -> None:
    assert formats.score(summarise([0.95, 0.96], True), "accuracy") == "95.50 ± 6.35 %"
    assert formats.score(summarise([0.95], True), "accuracy") == "95.00 % (n = 1, no interval)"
    assert formats.score(summarise([0.25], False), "mse") == "0.2500 (n = 1, no interval)"
    assert formats.score(None, "mse") == "–"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0421, "0.042 s"),
        (4.2, "4.2 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200.0, "3 min 20 s"),
        (3600.0, "1 h"),
        (7500.0, "2 h 5 min"),
        (90000.0, "1 d 1 h"),
        (None, "–"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert formats.duration(seconds) == text


def test_whole_numbers_and_ranges() -> None:
    assert formats.count(1_234_567) == "1,234,567"
    assert formats.count(None) == "–"
    assert formats.span([50, 50, None]) == "50"
    assert formats.span([1200, 32]) == "32–1,200"
    assert formats.span([None]) == "–"


def test_words() -> None:
    assert formats.listed([]) == ""
    assert formats.listed([1]) == "1"
    assert formats.listed([1, 2]) == "1 and 2"
    assert formats.listed("abc") == "a, b and c"
    assert formats.clipped("two\n  lines", 20) == "two lines"
    assert formats.clipped("x" * 30, 10) == "x" * 9 + "…"
