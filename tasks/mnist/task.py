"""MNIST read pixel by pixel: 784 steps, in raster order or in one of five frozen permutations."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import torch

from tasks import permutations
from tasks.base import Data, Splits, require_choice
from tasks.mnist import files
from tasks.pixels import PixelTask
from tasks.sources import Sources

Permutation = Literal["unicornn", "cornn", "expRNN", "lmu", "bitreversal"]


class SequentialMNIST(PixelTask):
    """Handwritten digits of 28 x 28 pixels, one pixel a step: 784 steps.

    The 60 000 training images are split once and for all into 57 000 for training and 3000 for validation, the same
    for every network; the test is the official one, 10 000 images.
    """

    name = "smnist"
    title = "Sequential MNIST"
    kind = "classification"
    metric = "accuracy"
    protocol = (
        "As in the coRNN and LEM code: pixels / 255 in raster order without further normalisation; 57000, 3000 and "
        "10000 images. There the split is drawn after the network and differs with it; here it is frozen."
    )
    source = "The MNIST database of handwritten digits, by torchvision."
    licence = "CC BY-SA 3.0 (as commonly stated)"
    citation = (
        "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to document recognition. "
        "Proceedings of the IEEE 86(11), 1998."
    )
    url = "https://doi.org/10.1109/5.726791"

    white = 255
    length: int = 784

    datasets = (files.MNIST,)
    train_size: ClassVar[int] = 57_000
    """How many of the official training images train; the others validate."""
    order_sha256: ClassVar[str] = "7e036c4b3f1dd66e54edf1c84c91af7933021075586bc01f9f38916f0fa3f23e"
    """Of the order in which the official training images are dealt, first to training, then to validation."""

    @property
    def chance(self) -> float:
        """The share of the ones in the official test."""
        return 1135 / 10_000

    def load(self, sources: Sources) -> Splits:
        """The images as uint8 (n, 784); ``OSError`` where files are missing, damaged or cannot be downloaded."""
        images, labels, test_images, test_labels = files.read(sources, *self.needs())
        order = torch.from_numpy(permutations.shuffled(len(images), seed=0, wanted=self.order_sha256))
        parts = order[: self.train_size], order[self.train_size :]
        train, valid = (Data(images.flatten(1)[part], labels[part]) for part in parts)
        return Splits.of(train, valid, Data(test_images.flatten(1), test_labels), *self.constants())


class PermutedMNIST(SequentialMNIST):
    """Handwritten digits of 28 x 28 pixels, one pixel a step in a frozen permuted order: 784 steps.

    Images and split are those of sequential MNIST. The literature knows at least five permutations, and results on
    one are not results on another:

    - ``unicornn`` (default): UnICORNN and LEM; torch seed 5544.
    - ``cornn``: coRNN and LipschitzRNN; torch seed 12008.
    - ``expRNN``: expRNN and DTRIV; numpy seed 92916.
    - ``lmu``: the Legendre memory unit; numpy seed 0.
    - ``bitreversal``: LSSL, S4 and S5; the bits of the index read backwards.

    Raises:
        ValueError: `permutation` is none of these.
    """

    name = "psmnist"
    title = "Permuted sequential MNIST"
    kind = "classification"
    metric = "accuracy"
    protocol = (
        "As in the coRNN, UnICORNN and LEM code: sequential MNIST with the 784 steps in one permutation for all "
        "images. There it is drawn anew in every run; here it is a frozen file."
    )

    def __init__(self, permutation: Permutation = "unicornn") -> None:
        require_choice("permutation", permutation, get_args(Permutation))
        self.order = permutation
