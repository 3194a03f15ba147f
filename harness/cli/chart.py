"""Learning curves drawn with letters: braille dots where the terminal has them, ASCII elsewhere."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import TextIO

Curve = Sequence[tuple[float, float]]
"""(x, y) with rising x; a y that isn't finite is a gap."""

BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of the dots of one braille letter, 4 rows of 2, above the blank at U+2800."""
LOG_FROM = 100
"""Ratio of the largest to the smallest value, all positive, from which the scale is logarithmic."""


@dataclass(frozen=True)
class Scale:
    """The values that the top and the bottom of a chart stand for."""

    low: float
    high: float

    @property
    def logarithmic(self) -> bool:
        """Whether equal ratios instead of equal differences are equally far apart."""
        return self.low > 0 and self.high / self.low > LOG_FROM

    def depth(self, y: float) -> float:
        """Where `y` lies between the top, 0, and the bottom, 1; what lies outside is drawn on the edge."""
        number = math.log if self.logarithmic else float
        high, low = number(self.high), number(self.low)
        spread = high - low
        if not 0 < spread < math.inf:
            return 0.5
        return (high - number(min(max(y, self.low), self.high))) / spread


def scale_of(curves: Iterable[Curve]) -> Scale | None:
    """The scale that all of these curves fit into; None where no value is finite."""
    values = [y for curve in curves for _, y in curve if math.isfinite(y)]
    return Scale(min(values), max(values)) if values else None


def chart(
    title: str,
    curve: Curve,
    text: Callable[[float], str] = "{:.4g}".format,
    *,
    scale: Scale | None = None,
    width: int = 76,
    height: int = 8,
    unicode: bool | None = None,
) -> list[str]:
    """A curve as lines of text: a title, `height` rows, an axis.

    Args:
        text: writes a value beside the axis.
        scale: one for several charts that are to be compared; else the curve's own.
        width: letters of the longest line.
        unicode: draw with braille letters instead of ASCII; by default where standard output can show them.
    """
    scale = scale or scale_of([curve])
    if scale is None or not curve:
        return [title, "  (nothing that can be drawn)"]
    unicode = has_unicode() if unicode is None else unicode
    labels = {0: text(scale.high), height - 1: text(scale.low)}
    if scale.low == scale.high:
        labels = {height // 2: text(scale.low)}
    margin = max(map(len, labels.values()))
    columns = max(width - margin - 2, 8)
    tick, bar, corner, line = "┤│└─" if unicode else "||+-"
    drawn = (_braille if unicode else _ascii)(curve, scale, columns, height)
    rows = [f"{labels.get(at, ''):>{margin}} {tick if at in labels else bar}{row}" for at, row in enumerate(drawn)]
    first, last = f"{curve[0][0]:g}", f"{curve[-1][0]:g}"
    ends = first if len(curve) == 1 else f"{first}{last:>{columns - len(first)}}"
    blank = " " * margin
    heading = f"{title} (log scale)" if scale.logarithmic else title
    return [heading, *rows, f"{blank} {corner}{line * columns}", f"{blank}  {ends}"]


def beside(charts: Sequence[Sequence[str]], gap: str = "   ") -> list[str]:
    """Charts next to each other, each as wide as its longest line."""
    widths = [max(map(len, lines)) for lines in charts]
    rows = zip_longest(*charts, fillvalue="")
    return [gap.join(f"{line:{width}}" for line, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def has_unicode(stream: TextIO | None = None) -> bool:
    """Whether `stream` (standard output) can show lines and braille."""
    try:
        "⣿┤│└─".encode(getattr(stream or sys.stdout, "encoding", None) or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True


def _braille(curve: Curve, scale: Scale, columns: int, rows: int) -> list[str]:
    cells = [[0] * columns for _ in range(rows)]
    for x, y in _dots(curve, scale, 2 * columns, 4 * rows):
        cells[y // 4][x // 2] |= BRAILLE[y % 4][x % 2]
    return ["".join(chr(0x2800 + dots) if dots else " " for dots in row).rstrip() for row in cells]


def _ascii(curve: Curve, scale: Scale, columns: int, rows: int) -> list[str]:
    dots = _dots(curve, scale, columns, rows)
    return ["".join("*" if (x, y) in dots else " " for x in range(columns)).rstrip() for y in range(rows)]


def _dots(curve: Curve, scale: Scale, wide: int, tall: int) -> set[tuple[int, int]]:
    """The dots of a curve on a grid: lines between neighbours that are both finite, a dot where a point is alone."""
    left, right = curve[0][0], curve[-1][0]

    def place(x: float, y: float) -> tuple[int, int] | None:
        if not math.isfinite(y):
            return None
        return round((x - left) / (right - left or 1) * (wide - 1)), round(scale.depth(y) * (tall - 1))

    placed = [place(x, y) for x, y in curve]
    dots = {dot for dot in placed if dot is not None}
    for one, other in pairwise(placed):
        if one is not None and other is not None:
            dots |= _line(*one, *other)
    return dots


def _line(x0: int, y0: int, x1: int, y1: int) -> set[tuple[int, int]]:
    steps = max(abs(x1 - x0), abs(y1 - y0), 1)
    return {(round(x0 + (x1 - x0) * i / steps), round(y0 + (y1 - y0) * i / steps)) for i in range(steps + 1)}
