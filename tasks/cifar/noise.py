"""The noise that pads images: one frozen draw behind all of them, or a draw of its own behind each.

``noise.f32`` holds the frozen one: 968 steps of 96 numbers of the normal distribution N(0, 1) as little-endian
float32, made with ``numpy.random.RandomState(0).standard_normal((968, 96))``. The code of coRNN, UnICORNN and LEM ships
no such file: there torch draws the noise anew in every run, in UnICORNN and LEM from the seed of the run, 12345 and
5544, behind the weights, so that the noise depends on the network. This one belongs to no network.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hashlib import sha256
from importlib.resources import files

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

FILE = files(__package__) / "noise.f32"
SHAPE = (968, 96)
SHA256 = "4c183d1d599dd8f714eb365e4695726d3aa90aa191ab0d0977cc9e4d016874c0"
"""Of the bytes of the file."""
SHARES = 8
"""Of a batch's noise, drawn on a CPU at the same time where there are threads for it. The numbers depend on it."""
LEVELS = 1 << 16
BLOCK = 1 << 16
"""Numbers drawn at a time, so that what is in between stays in the cache of a core; a multiple of 4."""


def frozen() -> Tensor:
    """The frozen noise, (968, 96) float32; ``ValueError`` where its file holds anything else."""
    content = FILE.read_bytes()
    found = sha256(content).hexdigest()
    if found != SHA256:
        raise ValueError(
            f"{FILE} does not hold the frozen noise (sha256 {found}, wanted {SHA256}): install this package again"
        )
    return torch.from_numpy(np.frombuffer(content, "<f4").astype(np.float32).reshape(SHAPE))


@cache
def resident(device: torch.device) -> Tensor:
    """The frozen noise on `device`, read and copied there once; not to be written to."""
    return frozen().to(device)


def fill_fresh(padding: Tensor, generator: torch.Generator) -> None:
    """Fill `padding` (L, N, H_in) with new noise, drawn on its device from seeds that `generator` gives.

    On a CPU it is drawn as :func:`draw` does, in shares, each from a seed of its own, by as many threads as torch may
    use: the numbers do not depend on how many those are. Other devices use torch's own generator.
    """
    seeds = torch.randint(2**63 - 1, (SHARES,), generator=generator).tolist()
    if padding.device.type != "cpu":
        padding.normal_(generator=torch.Generator(padding.device).manual_seed(seeds[0]))
        return
    work = list(zip(padding.chunk(SHARES), seeds, strict=False))  # of a short padding there are fewer
    if torch.get_num_threads() == 1:
        for share, seed in work:
            draw(share, seed)
        return
    with ThreadPoolExecutor(min(torch.get_num_threads(), SHARES)) as threads:
        list(threads.map(draw, *zip(*work, strict=True)))


def fill_frozen(padding: Tensor, part: int, places: Tensor) -> None:
    """Fill `padding` (L, N, H_in) with the noise that samples have in all evaluations.

    It depends on the split, `part`, and the places of the samples in it alone, not on the batch and not on the device.
    """
    drawn = torch.empty(len(padding), padding.shape[2])
    for column, place in enumerate(places.tolist()):
        draw(drawn, frozen_seed(part, place))
        padding[:, column] = drawn


def frozen_seed(part: int, place: int) -> int:
    """Seed of one sample's noise in evaluations."""
    return (part << 24) + place


def draw(noise: Tensor, seed: int) -> None:
    """Fill `noise`, contiguous float32 on the CPU, with independent numbers of N(0, 1) in :data:`LEVELS` levels.

    16 random bits choose one of as many equally likely quantiles: twice as fast as torch's own, and the same numbers on
    every machine. The bits are those of numpy's SFC64, whose stream is promised never to change.
    """
    bits, levels, values = np.random.SFC64(seed), quantiles().numpy(), noise.view(-1).numpy()
    for start in range(0, len(values), BLOCK):
        block = values[start : start + BLOCK]
        drawn = bits.random_raw(-(-len(block) // 4)).astype("<u8", copy=False).view("<u2")[: len(block)]
        np.take(levels, drawn, out=block, mode="clip")  # nothing is clipped: the other mode would copy


@cache
def quantiles() -> Tensor:
    """The levels of the noise in rising order, (65536,) float32: the middle quantiles of N(0, 1), to unit variance."""
    middle = ndtri((np.arange(LEVELS) + 0.5) / LEVELS)
    return torch.from_numpy((middle / middle.std()).astype(np.float32))
