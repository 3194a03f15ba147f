"""Times as people write them."""

from __future__ import annotations

import math
import re

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def seconds_of(text: str) -> float:
    """``"90"``, ``"90s"``, ``"10m"`` or ``"2h"`` in seconds; a :class:`ValueError` for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*([smh]?)", text.strip())
    seconds = float(match[1]) * UNITS[match[2]] if match else math.inf
    if not math.isfinite(seconds):
        raise ValueError("write a time such as 90s, 10m or 2h")
    return seconds
