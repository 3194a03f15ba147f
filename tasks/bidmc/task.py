"""BIDMC: respiratory rate, heart rate and oxygen saturation from 32 seconds of pulse oximeter and electrocardiogram."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from tasks import permutations
from tasks.base import Data, Splits, Task, require_choice
from tasks.bidmc import archive, recordings
from tasks.scaling import Scale
from tasks.sources import DataSet, Sources
from tasks.windows import Windows

Source = Literal["archive", "recordings"]
Targets = Literal["raw", "standardised"]

OF_RECORDINGS = {
    "protocol": (
        "This project's own: windows of 32 s that start every 3 s in the 53 original recordings, split by patient into "
        "32, 7 and 7 of 46, none in two parts. Harder than the archive's random split, and not to be compared with it. "
        "RMSE over all test windows, in the original units."
    ),
    "source": "BIDMC PPG and Respiration Dataset 1.0.0, PhysioNet, doi:10.13026/C2208R.",
    "licence": "ODC-By 1.0 (PhysioNet)",
}
"""What the tasks say of themselves where they read the recordings."""


class VitalSign(Task):
    """What the three tasks share; each says which number is to be predicted."""

    kind = "regression"
    metric = "rmse"
    protocol = (
        "As in the UnICORNN and LEM code: the archive's two parts pooled, 7949 windows split at random into 5565, 1192 "
        "and 1192, raw inputs. The split there is unpublished, here it is frozen. It leaks: windows of one patient "
        "overlap and fall into different parts. RMSE over all test windows, in the original units."
    )
    source = "The time series extrinsic regression archive (Monash, UEA and UCR), on Zenodo; read by aeon."
    licence = "as stated on Zenodo; cut from PhysioNet's BIDMC (ODC-By 1.0)"
    citation = (
        "M. A. F. Pimentel et al.: Toward a Robust Estimation of Respiratory Rate from Pulse Oximeters. IEEE "
        "Transactions on Biomedical Engineering 64(8), 2017. Archive: C. W. Tan et al.: Time series extrinsic "
        "regression. Data Mining and Knowledge Discovery 35, 2021."
    )
    url = "https://physionet.org/content/bidmc/"

    input_size: int = 2
    output_size: int = 1
    length: int = 4000

    number: ClassVar[str]
    """Name of the monitor's number in the recordings."""
    windows: ClassVar[int] = 7949
    """Windows of the archive."""
    windows_sha256: ClassVar[str] = "734d92f48aed2c9cc27664da6e3a9d181a038aab0797b80354e5247702c4befa"
    """Of the order in which they are dealt."""
    patients_sha256: ClassVar[str] = "d8fbd91a5b9d9ef93b03f11d3846bdc4a3f0af11dd29c87f3b98a91ecc9e2108"
    """Of the order in which the patients of the recordings are dealt."""
    order_sha256: ClassVar[str] = "789c55e1873acd5d32dc162f77eee16294a9383bab34a090c6f3666b71e94c6d"
    """Of the order in which all windows of the recordings are lined up."""

    def __init__(self, source: Source = "archive", targets: Targets = "raw", normalise: bool = False) -> None:
        require_choice("source", source, get_args(Source))
        require_choice("targets", targets, get_args(Targets))
        self.recordings, self.standardised = source == "recordings", targets == "standardised"
        self.normalise = normalise
        self.scale: Scale | None = None
        if self.recordings:
            vars(self).update(OF_RECORDINGS)

    def needs(self) -> tuple[DataSet, ...]:
        """The archive's windows or the recordings."""
        archive, recordings = self.datasets
        return (recordings if self.recordings else archive,)

    def load(self, sources: Sources) -> Splits:
        """Windows (n, 4000, 2), or slices of a stream, and targets (n, 1), all float32.

        Raises:
            OSError: files are missing, damaged or cannot be downloaded, or aeon cannot be imported.
            ValueError: files hold something else than they should.
        """
        train, valid, test = self._recordings(sources) if self.recordings else self._archive(sources)
        if self.normalise:
            scale = Scale.fitted(_values(train))
            train, valid, test = (_with_values(data, scale.apply(_values(data))) for data in (train, valid, test))
        if self.standardised:
            self.scale = Scale.fitted(train.targets)
            train, valid, test = (
                replace(data, targets=self.scale.apply(data.targets)) for data in (train, valid, test)
            )
        return Splits.of(train, valid, test)

    def restore(self, values: Tensor) -> Tensor:
        """Predictions or targets (N, 1) in the original units, whatever the network was trained on."""
        if self.standardised and self.scale is None:
            raise RuntimeError("the scale of the targets is known only after load()")
        return values if self.scale is None else self.scale.undo(values)

    def _archive(self, sources: Sources) -> list[Data]:
        """The archive's windows in their frozen random parts."""
        arrays = archive.read(sources, self.needs()[0], self.windows)
        order = permutations.shuffled(self.windows, seed=0, wanted=self.windows_sha256)
        inputs, targets = arrays["inputs"], arrays["targets"][:, None]
        return [Data(torch.from_numpy(inputs[rows]), torch.from_numpy(targets[rows])) for rows in parts(order)]

    def _recordings(self, sources: Sources) -> list[Data]:
        """The windows of the recordings, by patient."""
        arrays = recordings.read(sources, self.needs()[0])
        patients, count = np.unique(arrays["patients"]), len(arrays["patients"]) * len(recordings.STARTS)
        dealt = patients[permutations.shuffled(len(patients), seed=0, wanted=self.patients_sha256)]
        order = permutations.shuffled(count, seed=0, wanted=self.order_sha256)
        return [recordings.part(arrays, self.number, those, order) for those in parts(dealt)]


class RespiratoryRate(VitalSign):
    """Breaths a minute from 32 s of pulse oximeter and electrocardiogram: 4000 steps of 2 channels.

    Variants, the same for the heart rate and the oxygen saturation:

    - ``source=archive`` (default): the windows of the time series regression archive in a frozen random split, as
      published. Windows of one patient overlap and fall into different parts, so that a network may remember patients.
    - ``source=recordings``: windows of PLETH and II cut from the original 53 recordings: 32 s that start every 3 s,
      from 0 to 447 s. The target is the mean of the monitor's numbers in these seconds; none and 0 are no readings, and
      a window has at least 24. The 46 patients are dealt in a frozen order, 32, 7 and 7, so that none is in two parts:
      5850, 1050 and 915 windows for the respiratory rate. ``tasks/bidmc/recordings.py`` gives the reasons.
    - ``targets=raw`` (default, as published): a network is trained on the numbers themselves.
      ``targets=standardised``: on numbers of zero mean and unit variance over the training part. The metric is in
      breaths a minute either way.
    - ``normalise=true``: zero mean and unit variance of both inputs, fitted on the training part alone (default: raw
      inputs, as published).

    Raises:
        ValueError: a value is none of these.
    """

    name = "bidmc-rr"
    title = "BIDMC respiratory rate"

    datasets = (archive.RESPIRATORY_RATE, recordings.RECORDINGS)
    number = "RESP"


class HeartRate(VitalSign):
    """Heart beats a minute from 32 s of pulse oximeter and electrocardiogram: 4000 steps of 2 channels.

    Variants are those of the respiratory rate: ``source=archive`` (default; a random split, which leaks patients) or
    ``source=recordings`` (5850, 1050 and 1050 windows, split by patient); ``targets=raw`` (default) or
    ``targets=standardised``, with the metric in beats a minute either way; ``normalise=true`` for scaled inputs.

    Raises:
        ValueError: a value is none of these.
    """

    name = "bidmc-hr"
    title = "BIDMC heart rate"

    datasets = (archive.HEART_RATE, recordings.RECORDINGS)
    number = "HR"


class OxygenSaturation(VitalSign):
    """Oxygen in the blood (%) from 32 s of pulse oximeter and electrocardiogram: 4000 steps of 2 channels.

    Variants are those of the respiratory rate: ``source=archive`` (default; a random split, which leaks patients) or
    ``source=recordings`` (5794, 1050 and 1041 windows, split by patient); ``targets=raw`` (default) or
    ``targets=standardised``, with the metric in percent either way; ``normalise=true`` for scaled inputs.

    Raises:
        ValueError: a value is none of these.
    """

    name = "bidmc-spo2"
    title = "BIDMC oxygen saturation"

    datasets = (archive.OXYGEN_SATURATION, recordings.RECORDINGS)
    number = "SpO2"


def parts(order: np.ndarray) -> list[np.ndarray]:
    """70, 15 and 15 percent of `order`."""
    share = round(0.15 * len(order))
    return np.split(order, [len(order) - 2 * share, len(order) - share])


def _values(data: Data) -> Tensor:
    """What `data` are read from: samples (n, 4000, 2), or the stream (T, 2) that they lie in."""
    return data.stream if isinstance(data, Windows) else data.inputs


def _with_values(data: Data, values: Tensor) -> Data:
    """`data` read from other `values`."""
    return replace(data, stream=values) if isinstance(data, Windows) else replace(data, inputs=values)
