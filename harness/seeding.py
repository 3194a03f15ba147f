"""Seeds of components, derived by hashing names: adding a component never changes another's numbers."""

from __future__ import annotations

from hashlib import sha256


def derive(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the component that `names` describe, e.g. ``derive(seed, "order", epoch)``."""
    text = "/".join(map(str, (seed, *names)))
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big") >> 1
