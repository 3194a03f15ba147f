"""When a device should compute UnICORNN parallel in time."""

from __future__ import annotations

from architectures.kernels.parallel.newton import SHORTEST

FORWARD, BACKWARD = 4, 2
"""Scans over the sequence that a pass takes: Newton's iterations, and the scan of the adjoints with its refinement."""


def pays(chains: int, length: int, multiprocessors: int, scans: int = FORWARD, lanes: int = 128) -> bool:
    """Whether a device has so much idle that computing a recurrence several times at once is faster than once in turn.

    One thread a chain takes the time of `length` steps, each as long as the latency of its dozen dependent operations,
    and leaves most of a device idle where chains are few. A warp a chain has the latency of some ``length / 32`` steps,
    but does the work `scans` times, each of them several times a step's work. That costs nothing as long as each of
    the `chains` finds `scans` idle ones of the device's `multiprocessors` times `lanes` (arithmetic units of a
    multiprocessor): a scan adds about as many instructions to a step as a step's latency has cycles. On 132
    multiprocessors that is up to 4224 chains forward (``FORWARD``) and 8448 backward (``BACKWARD``). It is a
    prediction: it has not been measured on a GPU.
    """
    return length >= 2 * SHORTEST and 0 < chains * scans <= multiprocessors * lanes
