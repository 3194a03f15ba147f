"""Seeds of components, derived by hashing names: adding a component never changes another's numbers."""

from __future__ import annotations

import re
from hashlib import sha256

MOST = 100_000
"""Seeds in one range."""


def derive(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the component that `names` describe, e.g. ``derive(seed, "order", epoch)``."""
    text = "/".join(map(str, (seed, *names)))
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big") >> 1


def seeds_of(text: str) -> tuple[int, ...]:
    """``"0-4"`` or ``"1,5,7"`` as numbers, without repetitions, in the order given.

    A ``ValueError`` says what is wrong.
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise ValueError("write numbers and ranges such as 0-4 or 1,5,7")
        first, last = int(match[1]), int(match[2] or match[1])
        if last >= 2**63 or last - first >= MOST:
            raise ValueError(f"at most {MOST} seeds in one range, each below 2**63")
        found.extend(range(first, last + 1))
    return tuple(dict.fromkeys(found))
