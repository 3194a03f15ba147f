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
from torch import Tensor

FILE = files(__package__) / "noise.f32"
SHAPE = (968, 96)
SHA256 = "4c183d1d599dd8f714eb365e4695726d3aa90aa191ab0d0977cc9e4d016874c0"
"""Of the bytes of the file."""
SHARES = 8
"""Of a batch's noise, drawn on a CPU at the same time where there are threads for it. The numbers depend on it."""


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

    On a CPU it is drawn in shares, each from a seed of its own, by as many threads as torch may use: the numbers do not
    depend on how many those are.
    """
    seeds = torch.randint(2**63 - 1, (SHARES,), generator=generator).tolist()
    if padding.device.type != "cpu":
        padding.normal_(generator=torch.Generator(padding.device).manual_seed(seeds[0]))
        return
    work = list(zip(padding.chunk(SHARES), seeds, strict=False))  # of a short padding there are fewer
    if torch.get_num_threads() == 1:
        for share in work:
            _draw(share)
        return
    with ThreadPoolExecutor(min(torch.get_num_threads(), SHARES)) as threads:
        list(threads.map(_draw, work))


def fill_frozen(padding: Tensor, part: int, places: Tensor) -> None:
    """Fill `padding` (L, N, H_in) with the noise that samples have in all evaluations.

    It depends on the split, `part`, and the places of the samples in it alone, not on the batch and not on the device.
    """
    drawn, generator = torch.empty(len(padding), padding.shape[2]), torch.Generator()
    for column, place in enumerate(places.tolist()):
        padding[:, column] = drawn.normal_(generator=generator.manual_seed(frozen_seed(part, place)))


def frozen_seed(part: int, place: int) -> int:
    """Seed of one sample's noise in evaluations, below 2**32: torch's CPU generator looks at no more bits."""
    return (part << 24) + place


def _draw(share: tuple[Tensor, int]) -> None:
    noise, seed = share
    noise.normal_(generator=torch.Generator().manual_seed(seed))
