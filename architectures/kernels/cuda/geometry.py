"""How many threads and blocks a sweep over chains is given."""

from __future__ import annotations

from architectures.kernels.parallel.choice import FORWARD, pays

WARP = 32
CHAINS = 96  # for a multiprocessor: up to so many a sweep backward is cut into segments
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

    Predicted to pay where :func:`architectures.kernels.parallel.choice.pays` says so of twice its scans, as an
    iteration has twice a scan's instructions; not measured.
    """
    return pays(chains, length, multiprocessors, scans=2 * FORWARD)


def by_segments(chains: int, segments: int, multiprocessors: int) -> bool:
    """Whether a sweep backward is cut into segments of time that run side by side (``scan.cu``).

    It reads everything twice and takes 2.2 times the instructions of one sweep, but has all that a device can have in
    flight. One sweep takes 166 cycles a step, whatever the number of chains (a model of one warp on its machine code);
    segments take 36 for every warp of chains that a multiprocessor has: 144 instructions, on four schedulers. So they
    are predicted to pay up to 147 chains a multiprocessor, and are taken up to two thirds of that; not measured.
    """
    return segments >= 4 and 0 < chains <= CHAINS * multiprocessors
