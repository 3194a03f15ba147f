"""What checks have found of the kernels on each device: which ways through a sequence are left out, and why."""

from __future__ import annotations

from collections.abc import Iterator

from architectures.kernels.cuda.variants import Variant

__all__ = ["KNOWN", "ROUTES", "Verdict", "listed", "refused"]

ROUTES = {
    "sweep": "plain PyTorch",
    "newton": "the sweep step by step",
    "segments": "the sweep in one piece",
}
"""The ways through a sequence that are checked, and what computes instead where one is left out."""

Verdict = dict[str, str | None]
"""For each route why it is left out, None where it agrees with plain PyTorch."""

KNOWN: dict[tuple[Variant, int | None], Verdict] = {}
"""By kernels and number of the GPU, in this process."""


def refused(variant: Variant, device: int | None, route: str) -> bool:
    """Whether a route was checked on a device and left out."""
    verdict = KNOWN.get((variant, device))
    return verdict is not None and verdict[route] is not None


def listed() -> Iterator[tuple[str, int | None, str, str | None]]:
    """Kernels, device, route, and why it is left out (None where it isn't), of all that was used so far."""
    for (variant, device), verdict in list(KNOWN.items()):
        for route, reason in verdict.items():
            yield str(variant), device, route, reason
