"""The BIDMC windows of the time series extrinsic regression archive, read by aeon."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tasks import series
from tasks.sources import DataSet, Download, Sources, Wrong
from tasks.sources.caches import cached

STEPS, CHANNELS = 4000, 2
WINDOWS = 7949
"""Of each problem, in its two files together."""


def problem(name: str, record: int) -> DataSet:
    """The data set of the archive's problem `name`, which lies in a `record` of its own on Zenodo."""
    files = [f"{name}_{part}.ts" for part in ("TRAIN", "TEST")]
    return DataSet(
        name=name.lower(),
        title=f"{name} of the time series regression archive",
        folders=(name, f"Monash_UEA_UCR_Regression_Archive/{name}"),
        contents=dict.fromkeys(files, 1),
        size=560_000_000,
        licence="as stated on Zenodo; cut from PhysioNet's BIDMC (ODC-By 1.0)",
        downloads=tuple(Download(f"https://zenodo.org/records/{record}/files/{file}") for file in files),
        examine=lambda dataset, folder, digest, sources: arrays_of(folder, digest, sources, dataset, WINDOWS),
    )


# The records that the authors of LSSL and S4 name; aeon fetches a later copy of each, from records of its own.
RESPIRATORY_RATE = problem("BIDMC32RR", 4001463)
HEART_RATE = problem("BIDMC32HR", 4001456)
OXYGEN_SATURATION = problem("BIDMC32SpO2", 4001464)


def read(sources: Sources, dataset: DataSet, windows: int) -> dict[str, np.ndarray]:
    """``inputs`` (n, 4000, 2) float32 and ``targets`` (n,) float32, first the official training part, then the test.

    Raises:
        OSError: files are missing, damaged or cannot be downloaded, or aeon cannot be imported.
        ValueError: the two files do not hold as many `windows` together.
    """
    folder, digest = dataset.verified(sources)
    with dataset.advised(sources):
        return arrays_of(folder, digest, sources, dataset, windows)


def arrays_of(folder: Path, digest: str, sources: Sources, dataset: DataSet, windows: int) -> dict[str, np.ndarray]:
    """The arrays of :func:`read` from the files in `folder`, whose digest is `digest`; ``Wrong`` as there."""
    code = (__name__, "tasks.series", series.reader_version())
    arrays = cached(sources, dataset.name, digest, lambda: parse(folder, dataset, sources), code=code)
    if len(arrays["targets"]) != windows:
        raise Wrong(f"{folder} holds {len(arrays['targets'])} windows instead of {windows} in its two files")
    return arrays


def parse(folder: Path, dataset: DataSet, sources: Sources) -> dict[str, np.ndarray]:
    """The arrays of :func:`read` from the files of `dataset` in `folder`."""
    parts = []
    for done, name in enumerate(dataset.contents):
        sources.report(f"reading {name}", done, len(dataset.contents))
        parts.append(windows_of(folder / name))
    sources.report(f"reading {dataset.title}", len(parts), len(parts))
    inputs, targets = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return {"inputs": inputs, "targets": targets}


def windows_of(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Windows (n, 4000, 2) float32 of a ``.ts`` file and the number that belongs to each, (n,) float32."""
    values, lengths, labels = series.read(file)
    if values.shape[1:] != (STEPS, CHANNELS) or (lengths != STEPS).any():
        raise Wrong(f"{file} does not hold series of {STEPS} steps in {CHANNELS} channels")
    try:
        targets = labels.astype(np.float64).astype(np.float32)
    except ValueError as error:
        raise Wrong(f"{file} has targets that are no numbers ({error})") from error
    if not np.isfinite(targets).all():
        raise Wrong(f"{file} has targets that are missing or infinite")
    return values, targets
