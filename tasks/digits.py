"""Handwritten digits of 8 x 8 pixels, read pixel by pixel: real data that need no download."""

from __future__ import annotations

import numpy as np
import torch

from tasks import permutations
from tasks.base import Data, Splits
from tasks.pixels import PixelTask
from tasks.sources import Sources, library

ORDER_SHA256 = "7f71e362ae545c7716e4551e170aec4c10bbf84b76a1c24b73b5646a79df4800"
"""Of the shuffled order in which the samples are lined up."""
DIGITS_SHA256 = "e10b10289c0d9d8a1b3e6b7dfe998949029a89056e0e06dfb989924a36d75a3c"
"""Of the 64 pixels and the label of each sample, in scikit-learn's order."""


class SequentialDigits(PixelTask):
    """Handwritten digits of 8 x 8 pixels, one pixel a step: 64 steps, no download.

    The 1797 images come with scikit-learn, with values from 0 to 16. They are split once and for all, by class, into
    1257 for training, 180 for validation and 360 for the test, so that one test image is 0.28 points.
    """

    name = "sdigits"
    title = "Sequential digits"
    kind = "classification"
    metric = "accuracy"
    protocol = (
        "This project's own, made for laptops, tests and teaching: pixels / 16 in raster order, a frozen stratified "
        "split of 70, 10 and 20 percent, selection on validation."
    )
    source = "sklearn.datasets.load_digits: the test part of the UCI set of optically recognised handwritten digits."
    licence = "CC BY 4.0 (UCI Machine Learning Repository)"
    citation = (
        "E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits. UCI Machine Learning Repository, 1998, "
        "doi:10.24432/C50P49."
    )
    url = "https://doi.org/10.24432/C50P49"

    white = 16
    length: int = 64

    @property
    def chance(self) -> float:
        """The share of the commonest digit in the test."""
        return 37 / 360

    def load(self, sources: Sources) -> Splits:
        """The digits of scikit-learn in their frozen split; ``OSError`` or ``ValueError`` where they are not those."""
        pixels, labels = read()
        train, valid, test = (
            Data(torch.from_numpy(pixels[part]), torch.from_numpy(labels[part])) for part in stratified(labels)
        )
        return Splits.of(train, valid, test, *self.constants())


class PermutedDigits(SequentialDigits):
    """Handwritten digits of 8 x 8 pixels, one pixel a step in a frozen permuted order: 64 steps, no download.

    Images and split are those of sequential digits. The permutation tears neighbouring pixels apart, so that a network
    cannot live on the last few steps.
    """

    name = "psdigits"
    title = "Permuted sequential digits"
    kind = "classification"
    metric = "accuracy"
    protocol = "As sequential digits, with the 64 steps in one frozen permutation."

    order = "digits"


def read() -> tuple[np.ndarray, np.ndarray]:
    """Pixels (1797, 64) uint8 and labels (1797,) int64 of scikit-learn's digits, verified."""
    digits = library("sklearn.datasets", "scikit-learn").load_digits()
    pixels, labels = digits.data.astype(np.uint8), digits.target.astype(np.int64)
    numbers = np.column_stack((pixels, labels))
    what = "the digits of the installed scikit-learn are not the ones the split was frozen for"
    permutations.verify(numbers, DIGITS_SHA256, what, "install another release of scikit-learn")
    return pixels, labels


def stratified(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of the training, validation and test samples, each in a shuffled order.

    The shuffled samples are lined up by class and dealt like cards in rounds of ten: numbers 0 and 5 of a round to the
    test, number 2 to the validation, the other seven to training. So every class is in every part by its share, give
    or take a sample.
    """
    order = permutations.shuffled(len(labels), seed=0, wanted=ORDER_SHA256)
    place = np.empty(len(labels), dtype=np.int64)
    place[np.argsort(labels[order], kind="stable")] = np.arange(len(labels))
    card = place % 10
    test, valid = (card == 0) | (card == 5), card == 2
    return order[~(test | valid)], order[valid], order[test]
