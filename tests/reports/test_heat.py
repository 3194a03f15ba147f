"""The table of who beats whom: shares in words that do not overstate, on colours that leave them readable."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from reports.pages import overview


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0"), (0.0005, "<1"), (0.005, "<1"), (0.5, "50"), (0.9945, "99"), (0.995, ">99"), (1.0, "100")],
)
def test_shares(share: float, text: str) -> None:
    assert overview.share(share) == text


def test_the_text_on_the_heat_keeps_its_contrast() -> None:
    css = files("reports").joinpath("static", "base.css").read_text(encoding="utf-8")
    light, dark = css.split("(prefers-color-scheme: dark)", 1)
    for text in (light, dark):
        colours = {name: _rgb(code) for name, code in re.findall(r"--([\w-]+): (#[0-9a-f]{6});", text)}
        for series in ("series-1", "series-2"):
            strongest = overview.heat(1.0) / 100
            pairs = zip(colours[series], colours["paper"], strict=True)
            mixed = tuple(strongest * colour + (1 - strongest) * paper for colour, paper in pairs)
            assert _contrast(colours["ink"], mixed) > 4.5


def _rgb(code: str) -> tuple[float, ...]:
    return tuple(int(code[place : place + 2], 16) / 255 for place in (1, 3, 5))


def _contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Contrast of two colours in sRGB, as WCAG 2.2 defines it."""
    light = [
        sum(weight * (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
            for weight, part in zip((0.2126, 0.7152, 0.0722), colour, strict=True))
        for colour in (one, other)
    ]  # fmt: skip
    return (max(light) + 0.05) / (min(light) + 0.05)
