"""How many threads and blocks a sweep over chains is given."""

from __future__ import annotations

from architectures.kernels.elementwise import SEGMENT
from architectures.kernels.parallel.choice import pays

WARP = 32
LARGEST = 256  # threads of a block: with 255 registers each they still fit a multiprocessor


def blocks(chains: int, multiprocessors: int) -> tuple[int, int]:
    """Blocks, and threads of each, for one thread a chain.

    A sweep waits for its own last result, not for the memory: with few chains it matters that every multiprocessor has
    some, so blocks are as small as it takes to have two for each; with many, larger ones cost less to start.
    """
    threads = LARGEST
    while threads > WARP and -(-chains // threads) < 2 * multiprocessors:
        threads //= 2
    return -(-chains // threads), threads


def by_newton(chains: int, length: int, multiprocessors: int) -> bool:
    """Whether UnICORNN's sweep forward gives every chain a warp that takes chunks of steps at once (``newton.cu``).

    Predicted to pay where :func:`architectures.kernels.parallel.choice.pays` says so; not measured.
    """
    return pays(chains, length, multiprocessors)


def by_segments(chains: int, segments: int, multiprocessors: int) -> bool:
    """Whether a sweep backward is cut into segments of time that run side by side (``scan.cu``).

    It computes one adjoint for every unit vector of the state, one more and the gradients, and reads everything twice:
    the work of some four sweeps. Predicted to pay where :func:`architectures.kernels.parallel.choice.pays` says so for
    as many; not measured.
    """
    return segments >= 4 and pays(chains, segments * SEGMENT, multiprocessors, scans=4)
