"""How far off a matched number of parameters may be."""

from __future__ import annotations

import re

TOLERANCE = 0.02
"""As a fraction of the number that was asked for, where nobody says another."""


def share_of(text: str) -> float:
    """``"5%"`` or ``"0.05"`` as a fraction; a :class:`ValueError` where it is no share from 0 to below 1."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*(%?)", text.strip())
    share = float(match[1]) / (100 if match[2] else 1) if match else 1.0
    if share >= 1:
        raise ValueError("write a share such as 5% or 0.05, below 1")
    return share
