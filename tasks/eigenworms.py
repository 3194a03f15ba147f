"""Movements of worms: 17,984 steps of six channels, with the duplicates of the archive or without them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

from tasks import permutations, series
from tasks.base import Data, Splits, Task, require_choice
from tasks.scaling import Scale
from tasks.sources import DataSet, Download, Sources, Wrong
from tasks.sources.caches import cached

Split = Literal[2345, 3456, 4567, 5678, 6789]

SERIES = 259
ORDER_SHA256 = "6db5b2972fbfbb3a92d70509bc3895307657411f8d4a538063ecd1c838192afb"
"""Of the shuffled order of all series."""

TITLE = "EigenWorms (UEA archive)"
LICENCE = "none stated by the archive"
ZENODO = "https://zenodo.org/records/11206196/files"
"""Where aeon's ``load_classification`` fetches the set from (``aeon.datasets.tsc_datasets``); no hash is published."""


def examine(dataset: DataSet, folder: Path, digest: str, sources: Sources) -> None:
    """``Wrong`` where the files in `folder` are not those of the archive."""
    arrays_of(dataset, folder, digest, sources, EigenWorms.length, EigenWorms.input_size)


TS = DataSet(
    name="eigenworms",
    title=TITLE,
    folders=("EigenWorms", "Multivariate_ts/EigenWorms"),
    contents={"EigenWorms_TRAIN.ts": 1, "EigenWorms_TEST.ts": 1},
    size=260_000_000,
    licence=LICENCE,
    downloads=(Download(f"{ZENODO}/EigenWorms_TRAIN.ts"), Download(f"{ZENODO}/EigenWorms_TEST.ts")),
    archives=("EigenWorms.zip",),
    examine=examine,
)
ARFF = DataSet(
    name="eigenworms-arff",
    title=f"{TITLE}, in Weka's format",
    folders=("Multivariate_arff/EigenWorms", "EigenWorms"),
    contents={"EigenWorms_TRAIN.arff": 1, "EigenWorms_TEST.arff": 1},
    size=260_000_000,
    licence=LICENCE,
    examine=examine,
)
"""The same series in the other form of the archive: read where it is there and the first is not."""


class EigenWorms(Task):
    """Movements of worms in six channels, from which one of five strains is told: 17,984 steps.

    Six numbers a step say how much of each base shape, or eigenworm, is in the outline of the worm. The two parts of
    the archive are pooled and split anew, as everybody does, without any normalisation. There are two tasks, whose
    results cannot be compared:

    - the default: all 259 series, split at random and once and for all into 181, 39 and 39. UnICORNN has these sizes,
      but its split was drawn without a seed and never published. 23 of the series equal another one, so that the
      same series may lie in training and test. One test series is 2.56 points.
    - ``unique=true``: the 236 series without duplicates, of equal ones the first, in 165, 35 and 36, as in the LinOSS
      and Log-NCDE code. ``split`` is one of the five published seeds: 2345 (default), 3456, 4567, 5678, 6789. One test
      series is 2.78 points.

    The five splits are those of the LinOSS code and of the Log-NCDE code up to April 2025, run with a JAX before 0.5.
    There, equal series are removed by numpy.unique, which also orders the others by value; then JAX permutes them.
    The permutations are frozen here, and the order is made in the same way from the numbers in float32 (there those of
    the .arff files: if the .ts files rounded them otherwise, series that begin alike could change places). Since May
    2025 the Log-NCDE code keeps the order of the archive instead, and JAX 0.5 and later draw other permutations, so
    that the same seeds name other splits there.

    ``normalise=true`` standardises every channel by its mean and standard deviation over the training part, as the NRDE
    and state-spaces code does on splits of its own.

    Raises:
        ValueError: `split` is none of the five seeds, or is chosen without `unique`.
    """

    name = "eigenworms"
    title = "EigenWorms"
    kind = "classification"
    metric = "accuracy"
    protocol = (
        "As in the UnICORNN code: the archive's two parts pooled, 259 series split at random into 181, 39 and 39, no "
        "normalisation, batches of 8. The split there is unseeded and unpublished; here it is frozen. It leaks: 23 "
        "series equal another one, which may lie in another part. unique=true: as in the LinOSS code, 236 series "
        "without duplicates in its five splits of 165, 35 and 36."
    )
    source = (
        "EigenWorms of the UEA multivariate time series classification archive, in its .ts or .arff files, by aeon."
    )
    licence = "none stated by the archive"
    citation = (
        "A. Bagnall et al.: The UEA multivariate time series classification archive, 2018, arXiv:1811.00075. A. E. X. "
        "Brown et al.: A dictionary of behavioral motifs reveals clusters of genes affecting Caenorhabditis elegans "
        "locomotion. PNAS 110(2), 2013."
    )
    url = "https://arxiv.org/abs/1811.00075"

    input_size = 6
    output_size = 5
    length: int = 17_984
    datasets = (TS, ARFF)

    def __init__(self, unique: bool = False, split: Split = 2345, normalise: bool = False) -> None:
        require_choice("split", split, get_args(Split))
        if split != 2345 and not unique:
            raise ValueError(f"split={split} is one of the splits without duplicates: set unique=true with it")
        self.unique, self.split, self.normalise = unique, split, normalise

    def needs(self) -> tuple[DataSet, ...]:
        """The ``.ts`` form: it is the one to fetch."""
        return (TS,)

    def missing(self, sources: Sources) -> str | None:
        """What the ``.ts`` form lacks, unless the ``.arff`` form is complete."""
        return present(sources).missing(sources)

    @property
    def chance(self) -> None:
        """It depends on the split: the classes are far from even."""
        return None

    def load(self, sources: Sources) -> Splits:
        """The series as float32 (n, L, 6); ``OSError`` where files are missing or hold anything else."""
        values, labels = self.read(sources)
        order = self.order(values, present(sources).repair(sources))
        parts = np.split(order, [len(order) * 7 // 10, len(order) * 17 // 20])
        train, valid, test = (Data(torch.from_numpy(values[part]), torch.from_numpy(labels[part])) for part in parts)
        if self.normalise:
            scale = Scale.fitted(train.inputs)
            train, valid, test = (replace(data, inputs=scale.apply(data.inputs)) for data in (train, valid, test))
        return Splits.of(train, valid, test)

    def read(self, sources: Sources) -> tuple[np.ndarray, np.ndarray]:
        """The series (259, L, 6) float32 of the archive, its training part first, and their classes (259,) int64."""
        dataset = present(sources)
        folder, digest = dataset.verified(sources)
        with dataset.advised(sources):
            arrays = arrays_of(dataset, folder, digest, sources, self.length, self.input_size)
        return arrays["values"], arrays["labels"]

    def order(self, values: np.ndarray, repair: str) -> np.ndarray:
        """Indices of the series in the order of the split: training, validation, test.

        ``OSError`` with what to do, `repair`, where these are not the series that were split.
        """
        if not self.unique:
            return permutations.shuffled(len(values), seed=0, wanted=ORDER_SHA256)
        kept = series.distinct(values)
        permutation = permutations.read(f"eigenworms-{self.split}").numpy()
        if len(kept) != len(permutation):
            raise OSError(
                f"{len(kept)} of the {len(values)} series of EigenWorms differ from each other, not {len(permutation)} "
                f"as in the published splits: {repair}"
            )
        return kept[permutation]


def present(sources: Sources) -> DataSet:
    """The form of the data set to read: ``.ts`` unless only ``.arff`` is complete."""
    return ARFF if TS.missing(sources) and not ARFF.missing(sources) else TS


def arrays_of(
    dataset: DataSet, folder: Path, digest: str, sources: Sources, length: int, channels: int
) -> dict[str, np.ndarray]:
    """``values`` (259, length, channels) float32 and ``labels`` (259,) int64 from the files in `folder`.

    Raises:
        Wrong: they hold other series.
        OSError: aeon cannot be imported, or the cache cannot be written.
    """

    def pooled() -> dict[str, np.ndarray]:
        parts = []
        for done, name in enumerate(dataset.contents):
            sources.report("reading EigenWorms", done, len(dataset.contents))
            parts.append(series.read(folder / name))
            check(folder / name, parts[-1], length, channels)
        sources.report("reading EigenWorms", len(parts), len(parts))
        labels = series.coded(np.concatenate([part.labels for part in parts]))
        classes = len(np.unique(labels))
        if (len(labels), classes) != (SERIES, EigenWorms.output_size):
            told = f"{len(labels)} series of {classes} classes, not {SERIES} of {EigenWorms.output_size}"
            raise Wrong(f"{folder} holds {told}")
        return {"values": np.concatenate([part.values for part in parts]), "labels": labels}

    code = ("tasks.series", "tasks.eigenworms", series.reader_version())
    return cached(sources, "eigenworms", digest, pooled, code=code)


def check(file: Path, part: series.Series, length: int, channels: int) -> None:
    """``Wrong`` unless every series of `part`, read from `file`, has the steps and channels of the task."""
    steps, found = np.unique(part.lengths).tolist(), part.values.shape[-1]
    if (steps, found) != ([length], channels):
        told = f"{' or '.join(map(str, steps)) or 'no'} steps of {found} channels"
        raise Wrong(f"{file} holds series of {told}, not {length} of {channels}")
