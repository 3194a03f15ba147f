"""Small real data that come with aeon, read without a download: movements of a wrist, and vowels of nine speakers."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from tasks import permutations, series
from tasks.base import Data, Splits, Task
from tasks.sources import Sources, Wrong, library


class Sample(Task):
    """Series that lie in the aeon package, with the official test and a fifth of the official training to validate."""

    files: ClassVar[str]
    """What the names of the two files begin with."""
    wanted: ClassVar[str]
    """sha256 of the series, their lengths and their classes, in aeon's order, as int32 and little-endian int64."""
    order_sha256: ClassVar[str]
    """Of the shuffled order of the official training series."""

    def load(self, sources: Sources) -> Splits:
        """The series as float32 (n, L, C); ``OSError`` or ``ValueError`` where aeon has others or none."""
        folder = Path(str(library("aeon.datasets", "aeon").__file__)).parent / "data" / self.files
        try:
            parts = [series.read(folder / f"{self.files}_{part}.ts") for part in ("TRAIN", "TEST")]
        except Wrong as error:
            raise ValueError(f"{error}: install aeon again") from error
        classes = series.coded(np.concatenate([part.labels for part in parts]))
        lengths = np.concatenate([part.lengths for part in parts])
        values = np.zeros((len(lengths), lengths.max(), parts[0].values.shape[-1]), dtype=np.float32)
        for place, part in zip((0, len(parts[0].values)), parts, strict=True):
            values[place : place + len(part.values), : part.values.shape[1]] = part.values
        numbers = np.concatenate((values.view(np.int32).ravel(), lengths, classes))
        what = f"the {self.title} of the installed aeon are not the series that the split was frozen for"
        permutations.verify(numbers, self.wanted, what, "install another release of aeon")
        official = len(parts[0].values)
        training = dealt(classes[:official], permutations.shuffled(official, seed=0, wanted=self.order_sha256))
        train, valid, test = (
            self.data(values[index], classes[index], lengths[index])
            for index in (*training, np.arange(official, len(classes)))
        )
        return Splits.of(train, valid, test)

    def data(self, values: np.ndarray, classes: np.ndarray, lengths: np.ndarray) -> Data:
        """One split; with lengths where the series of the task differ in theirs."""
        steps = torch.from_numpy(lengths) if self.length is None else None
        return Data(torch.from_numpy(values), torch.from_numpy(classes), steps)


class BasicMotions(Sample):
    """Movements of a wrist in six channels, from which one of four activities is told: 100 steps, no download.

    Four students wore a smart watch while they walked, rested, ran and played badminton; it measured acceleration and
    rotation in three directions each, ten times a second. The 80 recordings come with aeon. Of the 40 official
    training recordings 32 train and 8 validate, by class; the 40 official test recordings test, and each is 2.5 points.
    """

    name = "basicmotions"
    title = "BasicMotions"
    kind = "classification"
    metric = "accuracy"
    protocol = (
        "The official parts of the UEA archive, 40 and 40 recordings as they are; a frozen stratified fifth of the "
        "training part for validation is this project's own."
    )
    source = (
        "aeon.datasets.load_basic_motions: BasicMotions of the UEA multivariate time series classification archive."
    )
    licence = "none stated by the archive; aeon, which contains it, is under the BSD 3-clause licence"
    citation = "A. Bagnall et al.: The UEA multivariate time series classification archive, 2018. arXiv:1811.00075."
    url = "https://arxiv.org/abs/1811.00075"

    files = "BasicMotions"
    wanted = "96835dc64a1f620ed2c454358bd3d7e7349b43e29bc6621b0904e242d3aa2778"
    order_sha256 = "1b2e1973646db28847bcfc2f2b1bcbd6f8fe27a1532d174aa89ad2cd0b0799d7"
    input_size = 6
    output_size = 4
    length = 100


class JapaneseVowels(Sample):
    """Two vowels spoken by one of nine men, as twelve cepstral coefficients: 7 to 29 steps, no download.

    The 640 utterances come with aeon, in their true lengths; the read-out looks at the last step of each. Of the 270
    official training utterances (30 of each speaker) 216 train and 54 validate, by speaker; the 370 official test
    utterances test, and each is 0.27 points.
    """

    name = "japanesevowels"
    title = "Japanese Vowels"
    kind = "classification"
    metric = "accuracy"
    protocol = (
        "The official parts, 270 and 370 utterances as they are; a frozen stratified fifth of the training part for "
        "validation is this project's own."
    )
    source = "aeon.datasets.load_japanese_vowels: Japanese Vowels of the UCI Machine Learning Repository."
    licence = "CC BY 4.0 (UCI Machine Learning Repository)"
    citation = (
        "M. Kudo, J. Toyama, M. Shimbo: Multidimensional curve classification using passing-through regions. Pattern "
        "Recognition Letters 20(11-13), 1999."
    )
    url = "https://doi.org/10.24432/C5NS47"

    files = "JapaneseVowels"
    wanted = "a3741a42ce5eb7a4912624e26a7567f13afbaa437b82c7b803b8ebfa9a2a9f73"
    order_sha256 = "16d4e211930ba1a0f9e77c867bcf5ec0ea43d37968d15a7c2c172b314603798b"
    input_size = 12
    output_size = 9
    length = None

    @property
    def chance(self) -> float:
        """The share of the speaker with most utterances in the test."""
        return 88 / 370


def dealt(classes: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and the validation samples, each in the shuffled `order`.

    The shuffled samples are lined up by class, and every fifth validates.
    """
    place = np.empty(len(classes), dtype=np.int64)
    place[np.argsort(classes[order], kind="stable")] = np.arange(len(classes))
    valid = place % 5 == 2
    return order[~valid], order[valid]
