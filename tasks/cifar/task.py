"""CIFAR-10 as sequences: row by row and padded with noise, 1000 steps, or pixel by pixel, 1024 steps."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from tasks import permutations
from tasks.base import Batch, Data, Splits, Task, require_choice
from tasks.cifar import files, noise
from tasks.memory import Reused
from tasks.sources import DataSet, Sources

Noise = Literal["fixed", "fresh"]
Validation = Literal[2000, 3000]

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.247, 0.243, 0.261)
"""Of red, green and blue on the scale [0, 1], as rounded in ``src/dataloaders/basic.py`` of the S4 code."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Images(Data):
    """One split of images, which knows which of the three it is."""

    part: int
    """0 for training, 1 for validation, 2 for the test."""


class CIFARTask(Task):
    """Colour images of ten classes, stored as uint8 rows (n, 3072): all red values, then all green, then all blue."""

    datasets: ClassVar[tuple[DataSet, ...]] = (files.CIFAR10,)
    images: ClassVar[int] = 10_000
    """In each of the six files, of which the last is the test."""
    order_sha256: ClassVar[str] = "7338720c9b8f122329b9eadc27405ece07cb6aa34033eeaa5270e833c1d62b71"
    """Of the order in which the official training images are dealt, first to training, then to validation."""

    output_size = 10

    @property
    @abstractmethod
    def held_out(self) -> int:
        """How many of the official training images validate."""

    def load(self, sources: Sources) -> Splits:
        """The images in their frozen split, views of one tensor; ``OSError`` as ``files.read`` raises it."""
        n = 5 * self.images
        dealt = permutations.shuffled(n, seed=0, wanted=self.order_sha256)
        order = np.concatenate((dealt, np.arange(n, n + self.images)))
        pixels, labels = files.read(sources, self.datasets[0], order)
        sizes = (n - self.held_out, self.held_out, self.images)
        train, valid, test = (
            Images(inputs, targets, part=part)
            for part, (inputs, targets) in enumerate(zip(pixels.split(sizes), labels.split(sizes), strict=True))
        )
        return Splits.of(train, valid, test, *self.constants())

    @abstractmethod
    def constants(self) -> tuple[Tensor, ...]:
        """What all samples share and the checksum of the splits covers."""


class NoisePaddedCIFAR10(CIFARTask):
    """Colour images of 32 x 32 pixels, one row a step, then 968 steps of noise: 1000 steps.

    A row is 96 numbers in [0, 1], its 32 red values, then its 32 green, then its 32 blue; a step of noise is 96 numbers
    of the normal distribution N(0, 1), far larger than those. The literature knows two kinds of noise, and results on
    one are not results on the other, because a network can learn to subtract noise that is always the same:

    - ``noise=fixed`` (default): the same noise behind every image of all splits, as in the code of coRNN, UnICORNN, LEM
      and LipschitzRNN. There every run draws its own from torch; here it is one frozen file (``tasks/cifar/noise.py``).
    - ``noise=fresh``: noise of its own behind every image, drawn anew in every epoch, as AntisymmetricRNN, where the
      task comes from, describes it. In evaluations an image has the same noise every time.

    The split is frozen, the same for every network; the test is the official one, 10 000 images. Sources differ in the
    number of images for validation, which are the last ones of one shuffled order:

    - ``validation=2000`` (default): 48 000 images for training, as UnICORNN and LEM.
    - ``validation=3000``: 47 000 images for training, as coRNN.

    Raises:
        ValueError: `noise` or `validation` is none of these.
    """

    name = "ncifar"
    title = "Noise-padded CIFAR-10"
    kind = "classification"
    metric = "accuracy"
    protocol = (
        "As in the UnICORNN and LEM code, or with validation=3000 in that of coRNN: pixels / 255 without further "
        "normalisation, and one noise for all images; 48000, 2000 and 10000 images, or 47000, 3000 and 10000. There "
        "split and noise are drawn anew in every run; here they are frozen. With noise=fresh each image has its own."
    )
    source = "The CIFAR-10 dataset of the University of Toronto, by torchvision."
    licence = "none stated; the authors ask to cite their report"
    citation = "A. Krizhevsky: Learning multiple layers of features from tiny images. University of Toronto, 2009."
    url = "https://www.cs.toronto.edu/~kriz/cifar.html"

    input_size = 96
    length: int = 1000

    def __init__(self, noise: Noise = "fixed", validation: Validation = 2000) -> None:
        require_choice("noise", noise, get_args(Noise))
        require_choice("validation", validation, get_args(Validation))
        self.noise, self.validation = noise, validation
        self._memory = Reused()

    @property
    def held_out(self) -> int:
        """The variant's number of images for validation."""
        return self.validation

    def constants(self) -> tuple[Tensor, ...]:
        """The fixed noise, or what the noise of evaluations is drawn from: the levels, and a seed of each part."""
        if self.noise == "fixed":
            return (noise.frozen(),)
        return noise.quantiles(), torch.tensor([noise.frozen_seed(part, 0) for part in range(3)])

    def batch(self, data: Data, index: Tensor, generator: torch.Generator | None = None) -> Batch:
        """The images at `index` row by row, then noise; fresh noise is drawn on the device, seeded by `generator`."""
        index = index.to(data.inputs.device)
        n = len(index)
        inputs = self._memory.empty(self.length, n, self.input_size, device=index.device)
        rows, padding = inputs[:32], inputs[32:]
        colours = data.rows(index).view(n, 3, 32, 32)
        rows.view(32, n, 3, 32).copy_(colours.permute(2, 0, 1, 3)).div_(255)
        if self.noise == "fixed":
            padding.copy_(noise.resident(index.device).unsqueeze(1))
        elif generator is not None:
            noise.fill_fresh(padding, generator)
        else:
            noise.fill_frozen(padding, data.part if isinstance(data, Images) else 0, index)
        return Batch(inputs, data.targets.index_select(0, index))


class SequentialCIFAR10(CIFARTask):
    """Colour images of 32 x 32 pixels, one pixel of three colours a step: 1024 steps.

    Pixels come in raster order, normalised by mean and standard deviation of each colour, without augmentation. The
    50 000 training images are split once and for all into 45 000 for training and 5000 for validation, the same for
    every network; the test is the official one, 10 000 images. Some tables of the literature use grey images, which is
    another task.
    """

    name = "scifar"
    title = "Sequential CIFAR-10"
    kind = "classification"
    metric = "accuracy"
    protocol = (
        "As in the LSSL and S4 code: raster order, three normalised colours, 10 percent for validation; 45000, 5000 "
        "and 10000 images. There the split is torch's for the seed 42; here it is this project's own, and frozen."
    )
    source = "The CIFAR-10 dataset of the University of Toronto, by torchvision."
    licence = "none stated; the authors ask to cite their report"
    citation = "A. Krizhevsky: Learning multiple layers of features from tiny images. University of Toronto, 2009."
    url = "https://www.cs.toronto.edu/~kriz/cifar.html"

    input_size = 3
    length: int = 1024
    held_out: ClassVar[int] = 5000

    def constants(self) -> tuple[Tensor, ...]:
        """Mean and standard deviation of the colours."""
        return (normalisation(torch.device("cpu")),)

    def sequences(self, rows: Tensor) -> Tensor:
        """Rows (N, 3072) of uint8 as (1024, N, 3) float32, normalised."""
        mean, std = normalisation(rows.device)
        steps = torch.empty(self.length, len(rows), self.input_size, device=rows.device)
        return steps.copy_(rows.view(-1, 3, self.length).permute(2, 0, 1)).div_(255).sub_(mean).div_(std)


@cache
def normalisation(device: torch.device) -> Tensor:
    """Mean and standard deviation of the colours, (2, 3) float32 on `device`, copied there once."""
    return torch.tensor((MEAN, STD), device=device)
