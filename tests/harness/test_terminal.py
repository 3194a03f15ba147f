"""Tables and curves on every kind of output: wide and narrow terminals, pipes, terminals that know ASCII only."""

from __future__ import annotations

import io
import math
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.chart import Scale, beside, chart, has_unicode, scale_of
from harness.cli.terminal import clean, duration, moment, print_facts, print_lines, print_rows, score

ROW = {
    "run": "867bd5dd9579",
    "arch": "unicornn",
    "task": "psmnist[permutation=cornn]",
    "seed": 0,
    "recipe": "standard, epochs=2, train_limit=5000",
    "state": "interrupted",
    "valid": "98.31 %",
    "test": "-",
}
LINE = [(1, 0.0), (2, 1.0)]


def letters(*texts: object) -> list[str]:
    return sorted("".join("".join(map(str, texts)).split()))


@pytest.mark.parametrize("width", [20, 80, 200])
def test_a_table_loses_nothing_at_any_width(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_rows([ROW])
    out = capsys.readouterr().out
    assert letters(out) == letters(*ROW, *ROW.values())
    assert "867bd5dd9579" in out, "an id stays in one piece"
    assert "98.31 %" in out
    assert all(line == line.rstrip() for line in out.splitlines())


def test_a_table_fits_into_80_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    print_rows([ROW])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_a_pipe_gets_a_line_a_row(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_rows([ROW | {"task": "x" * 300}] * 3)
    print_facts([("name", "y" * 300), ("nothing", None)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert all("x" * 300 in line for line in lines[1:4])
    assert lines[4] == f"  name  {'y' * 300}"


def test_numbers_are_aligned_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"name": "a", "value": 1.23456789, "score": "9.00 %"}, {"name": "bc", "value": 100, "score": None}])
    assert capsys.readouterr().out.splitlines() == ["name  value   score", "a     1.235  9.00 %", "bc      100       -"]


def test_no_rows_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([])
    assert capsys.readouterr().out == "(none)\n"


def test_text_is_taken_literally_and_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "[red]:smile:\x1b[2J\r\n\u202e\u2028\x9b"
    print_rows([{"name": hostile, "[b]x[/b]": hostile}])
    print_facts([(hostile, hostile)])
    print_lines([hostile])
    out = capsys.readouterr().out
    assert not set(out) & set("\x1b\r\u202e\u2028\x9b")
    assert out.count("[red]:smile:") == 5
    assert clean("a\tb\nc\x00") == "a b c\ufffd"


def test_a_terminal_without_unicode_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert not has_unicode()
    print_rows([{"name": "Müller", "mark": "⣿"}])
    print_facts([("name", "Müller")])
    print_lines(chart("curve of Müller", LINE))
    sys.stdout.flush()
    text = raw.getvalue().decode("ascii")
    assert text.count("M?ller") == 3
    assert "*" in text


def test_a_chart_in_ascii_breaks_off_where_a_value_is_missing() -> None:
    points = [(1, 0.0), (2, 1.0), (3, 1.0), (4, math.nan), (5, 0.5)]
    assert chart("valid", points, width=13, height=5, unicode=False) == [
        "valid",
        "1 |  ***",
        "  |  *",
        "  | *       *",
        "  |*",
        "0 |*",
        "  +----------",
        "   1        5",
    ]


def test_a_chart_in_braille_has_eight_dots_a_letter() -> None:
    assert chart("valid", [(0, 0.0), (7, 1.0)], width=7, height=2, unicode=True) == [
        "valid",
        "1 ┤    ⢀⡠⠊⠁"[:3] + "   ⢀⡠⠔⠁"[0:0] + "    ⣀⠤⠒⠉",
        "0 ┤⣀⠤⠒⠉",
        "  └────────",
        "   0      7",
    ]


def test_values_over_more_than_two_decades_are_on_a_logarithmic_scale() -> None:
    assert chart("loss", [(1, 1e-3), (2, 1e-2), (3, 1e-1), (4, 1.0)], width=15, height=4, unicode=False) == [
        "loss (log scale)",
        "    1 |      **",
        "      |    **",
        "      | ***",
        "0.001 |*",
        "      +--------",
        "       1      4",
    ]
    assert not Scale(0.0, 1e9).logarithmic
    assert not Scale(-1.0, 1e9).logarithmic


def test_a_level_curve_and_a_single_point_lie_in_the_middle() -> None:
    assert chart("x", [(1, 0.5), (2, 0.5)], width=13, height=3, unicode=False)[2] == "0.5 |********"
    assert chart("x", [(1, 0.5)], width=13, height=3, unicode=False)[2:] == [
        "0.5 |*",
        "    |",
        "    +--------",
        "     1",
    ]


def test_a_curve_without_a_finite_value_is_told() -> None:
    for points in ([], [(1, math.nan)], [(1, math.inf), (2, -math.inf)]):
        assert chart("loss", points) == ["loss", "  (nothing that can be drawn)"]
    assert scale_of([[], [(1, math.nan)]]) is None


def test_charts_on_one_scale_can_be_compared() -> None:
    curves = [[(1, 0.0), (2, 4.0)], [(1, 1.0), (2, 2.0)]]
    both = beside([chart("x", curve, scale=scale_of(curves), width=11, height=5, unicode=False) for curve in curves])
    assert both == [
        "x             x",
        "4 |       *   4 |",
        "  |     **      |",
        "  |   **        |    ****",
        "  | **          |****",
        "0 |*          0 |",
        "  +--------     +--------",
        "   1      2      1      2",
    ]


@given(
    values=st.lists(st.floats(), min_size=1, max_size=30),
    width=st.integers(10, 120),
    height=st.integers(1, 20),
    unicode=st.booleans(),
)
def test_any_curve_can_be_drawn(values: list[float], width: int, height: int, unicode: bool) -> None:
    drawn = chart("t", list(enumerate(values)), width=width, height=height, unicode=unicode)
    if any(map(math.isfinite, values)):
        assert len(drawn) == height + 3
        assert len({len(line) for line in drawn[-2:-1]} | {max(map(len, drawn[1:]))}) == 1, "nothing sticks out"
        marks = "".join(line.split("┤" if "┤" in line else "│" if "│" in line else "|")[-1] for line in drawn[1:-2])
        assert marks.strip(), "something is drawn"


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("accuracy", 0.98314, "98.31 %"),
        ("mse", 0.000123456, "0.0001235"),
        ("rmse", 12345.6, "1.235e+04"),
        ("accuracy", None, "-"),
        ("accuracy", math.nan, "nan"),
        ("mse", math.inf, "inf"),
    ],
)
def test_scores_are_written_for_people(metric: str, value: float | None, text: str) -> None:
    assert score(metric, value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (1e6, "277 h 46 min"),
    ],
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text
    assert duration(math.nan) == "nan s"


def test_a_moment_is_told_in_the_zone_of_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert moment("2025-01-31T12:00:59.999999Z") == "2025-01-31 13:00"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize(
    ("time_stored", "told"),
    [
        ("9999-12-31T23:59:59.999999Z", ("9999-12-31T23:59:59.999999Z", "9999-12-31 18:59")),
        ("0001-01-01T00:00:00.000000Z", ("0001-01-01T00:00:00.000000Z", "1-01-01 09:18", "0001-01-01 09:18")),
        ("yesterday\x1b", ("yesterday\ufffd",)),
    ],
)
def test_a_moment_that_no_calendar_has_is_told_as_it_is(
    zone: str, time_stored: str, told: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert moment(time_stored) in told
    finally:
        monkeypatch.undo()
        time.tzset()
