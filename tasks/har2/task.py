"""HAR-2: accelerations and turning rates of a smartphone, and which of two groups of activities they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Literal, get_args

import numpy as np
import torch

from tasks import permutations
from tasks.base import Data, Splits, Task, require_choice
from tasks.har2 import files
from tasks.scaling import Scale
from tasks.sources import Sources

Validation = Literal["windows", "subjects"]

FIRST_CLASS = (1, 3, 5)
"""Walking, walking downstairs and standing are class 1; walking upstairs, sitting and laying are class 0."""


class HAR2(Task):
    """Motions of a smartphone at the waist, two groups of activities: 128 steps of 9 channels.

    A step is a fiftieth of a second: body acceleration x, y, z, turning rate x, y, z (rad/s) and total acceleration
    x, y, z (accelerations in units of g). Class 1 is walking, walking downstairs and standing; class 0 is walking
    upstairs, sitting and laying. The test are the 2947 windows of the nine official test persons; the 7352 windows of
    the other 21 are split into training and validation, the same for every network:

    - ``validation=windows`` (default): by window, 5147 and 2205, as two public projects do; the split of the coRNN
      paper is not published. Neighbouring windows of a person share half their steps and fall into both parts, so that
      the validation is more favourable than the test.
    - ``validation=subjects``: by person, 15 and 6, none in two parts: 5164 and 2188 windows.
    - ``normalise=true``: zero mean and unit variance of each channel, fitted on the training part alone, as FastGRNN
      does (default: raw values).

    Raises:
        ValueError: `validation` is neither of these.
    """

    name = "har2"
    title = "HAR-2"
    kind = "classification"
    metric = "accuracy"
    protocol = (
        "Grouping of FastGRNN and coRNN, official test persons. Validation by window is optimistic, because "
        "overlapping windows of one person fall in both parts; validation=subjects keeps the persons apart."
    )
    source = "Human Activity Recognition Using Smartphones, UCI Machine Learning Repository, doi:10.24432/C54S4K."
    licence = "CC BY 4.0 (UCI Machine Learning Repository); the README inside prohibits any commercial use"
    citation = (
        "D. Anguita, A. Ghio, L. Oneto, X. Parra, J. L. Reyes-Ortiz: A Public Domain Dataset for Human Activity "
        "Recognition Using Smartphones. ESANN 2013."
    )
    url = "https://doi.org/10.24432/C54S4K"

    input_size: int = 9
    output_size: int = 1
    length: int = 128
    datasets = (files.UCI_HAR,)

    parts: ClassVar[Mapping[str, files.Part]] = files.PARTS
    train_size: ClassVar[int] = 5147
    """Windows for training where windows are split."""
    train_subjects: ClassVar[int] = 15
    """Persons for training where persons are split."""
    order_sha256: ClassVar[str] = "cf9dea5a1fe95d46706c81aef54ec233cf5e76f10e9f00417d331bbffabcce88"
    """Of the order of the official training windows, in which they are dealt and stored."""
    subjects_sha256: ClassVar[str] = "4f750cf06ddca48be0419a197605784af28c835f601acf17fd7c64b8685728df"
    """Of the order in which the official training persons are dealt."""

    def __init__(self, validation: Validation = "windows", normalise: bool = False) -> None:
        require_choice("validation", validation, get_args(Validation))
        self.validation = validation
        self.normalise = normalise

    @property
    def chance(self) -> float:
        """The share of the commoner class in the official test."""
        return 1499 / 2947

    def load(self, sources: Sources) -> Splits:
        """Windows (n, 128, 9) float32 and classes (n,) int64; see ``files.read`` for what may be wrong."""
        arrays = files.read(sources, self.datasets[0], self.parts)
        train, valid = (_data(arrays, "train", rows) for rows in self._split(arrays["train_subjects"]))
        test = _data(arrays, "test", np.arange(len(arrays["test_activities"])))
        if self.normalise:
            scale = Scale.fitted(train.inputs)
            train, valid, test = (replace(data, inputs=scale.apply(data.inputs)) for data in (train, valid, test))
        return Splits.of(train, valid, test)

    def _split(self, subjects: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the training and of the validation windows, given the person of each."""
        order = permutations.shuffled(len(subjects), seed=0, wanted=self.order_sha256)
        if self.validation == "windows":
            return order[: self.train_size], order[self.train_size :]
        persons = np.unique(subjects)
        dealt = persons[permutations.shuffled(len(persons), seed=0, wanted=self.subjects_sha256)]
        training = np.isin(subjects[order], dealt[: self.train_subjects])
        return order[training], order[~training]


def _data(arrays: Mapping[str, np.ndarray], part: str, rows: np.ndarray) -> Data:
    """The windows `rows` of an official part with their classes."""
    classes = np.isin(arrays[f"{part}_activities"][rows], FIRST_CLASS).astype(np.int64)
    return Data(torch.from_numpy(arrays[f"{part}_inputs"][rows]), torch.from_numpy(classes))
