"""Windows cut from the original BIDMC recordings by a rule that anybody can follow, split by patient.

1. A recording has 60 001 samples of PLETH (the pulse oximeter's photoplethysmogram) and II (a lead of the
   electrocardiogram) at 125 Hz, and the monitor's numbers once a second. The signals are taken by the names of their
   columns, whose places differ, and the numbers by their time, because one file of them starts a second early. Nothing
   is scaled, though PLETH goes beyond 3 in nine recordings and never beyond 1 in the others.
2. A window starts every 3 s, from 0 to 447 s: 150 windows of 32 s (4000 samples) a recording, 7950 in all. The time
   series archive has 7949 windows of this length, so its windows must lie about as close.
3. The target is the mean of the monitor's numbers in the 32 seconds that begin in the window. A number that is not
   there, or is 0, is no reading: where the monitor says 0 breaths a minute in recording 13, both annotators of the data
   set count about 20. A window with less than 24 readings is left out. No sample of the signals is missing.
4. The 53 recordings come from 46 patients; the files of fixed variables say from whom. The patients, in the order of
   their identifiers, are dealt in a frozen random order: 32 to training, 7 to validation, 7 to the test.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from tasks.sources import DataSet, Download, Sources, Wrong
from tasks.sources.caches import cached
from tasks.windows import Windows

COUNT = 53
RATE, SECONDS = 125, 480
SAMPLES = RATE * SECONDS + 1
SIGNALS = ("PLETH", "II")
NUMBERS = ("RESP", "HR", "SpO2")
WINDOW, STRIDE, READINGS = 32, 3, 24
"""Seconds of a window, seconds between the starts of two, and readings that a window must have."""
STARTS = range(0, SECONDS - WINDOW + 1, STRIDE)

RECORDINGS = DataSet(
    name="bidmc",
    title="BIDMC PPG and Respiration Dataset",
    folders=("bidmc_csv", "BIDMC_raw/bidmc_csv"),
    contents={f"bidmc_[0-9][0-9]_{what}": COUNT for what in ("Signals.csv", "Numerics.csv", "Fix.txt")},
    size=153_283_048,
    licence="ODC-By 1.0 (PhysioNet)",
    # PhysioNet publishes no hash of the archive, but of every file in it.
    downloads=(
        Download("https://physionet.org/static/published-projects/bidmc/bidmc-ppg-and-respiration-dataset-1.0.0.zip"),
    ),
    pinned=True,
)


def read(sources: Sources, dataset: DataSet) -> dict[str, np.ndarray]:
    """All recordings, R of them.

    ``signals`` are (R, 60001, 2) float32, ``numbers`` (R, 480, 3) float32 with NaN where there is no reading, and
    ``patients`` (R,) int64 identifiers.

    Raises:
        OSError: files are missing, damaged or cannot be downloaded.
        ValueError: a file holds something else than a recording.
    """
    folder, digest = dataset.verified(sources)
    with dataset.advised(sources):
        return cached(sources, "bidmc-recordings", digest, lambda: parse(folder, sources), code=(__name__,))


def parse(folder: Path, sources: Sources) -> dict[str, np.ndarray]:
    """The arrays of :func:`read` from the files in `folder`."""
    names = sorted(file.name.removesuffix("_Signals.csv") for file in folder.glob("bidmc_[0-9][0-9]_Signals.csv"))
    signals = np.empty((len(names), SAMPLES, len(SIGNALS)), dtype=np.float32)
    numbers = np.full((len(names), SECONDS, len(NUMBERS)), np.nan, dtype=np.float32)
    for place, name in enumerate(names):
        file = folder / f"{name}_Signals.csv"
        samples = columns(file, SIGNALS)
        if len(samples) != SAMPLES or not np.isfinite(samples).all():
            raise Wrong(f"{file} does not hold {SAMPLES} samples without a gap")
        signals[place] = samples
        seconds, *readings = columns(folder / f"{name}_Numerics.csv", ("Time [s]", *NUMBERS)).T
        inside = (seconds >= 0) & (seconds < SECONDS)
        numbers[place, seconds[inside].astype(np.int64)] = np.stack(readings, axis=1)[inside]
        sources.report("reading the recordings", place + 1, len(names))
    numbers[numbers == 0] = np.nan
    patients = np.array([patient(folder / f"{name}_Fix.txt") for name in names], dtype=np.int64)
    return {"signals": signals, "numbers": numbers, "patients": patients}


def columns(file: Path, names: tuple[str, ...]) -> np.ndarray:
    """The columns `names` of a comma-separated `file`, (rows, columns) float32; ``Wrong`` if it has not these."""
    try:
        with file.open(encoding="ascii") as stream:
            header = [name.strip() for name in stream.readline().split(",")]
            places = [header.index(name) for name in names]
            found: np.ndarray = np.loadtxt(stream, np.float32, delimiter=",", usecols=places, ndmin=2, comments=None)
    except ValueError as error:
        reason = str(error).split(";")[0].rstrip(".")
        told = f"{file} does not hold numbers in columns {', '.join(names)} ({reason})"
        raise Wrong(f"{told}") from error
    return found


def patient(file: Path) -> int:
    """The number of the patient in MIMIC II, whom several recordings may come from."""
    for line in file.read_text(encoding="latin-1").splitlines():
        key, _, value = line.partition(":")
        if key == "MIMIC II matched wdb ID" and value.strip().removeprefix("s").isdecimal():
            return int(value.strip().removeprefix("s"))
    raise Wrong(f"{file} does not say which patient the recording is of")


def targets(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is to be predicted of every window of R recordings, and which windows have a target.

    Args:
        numbers: (R, 480), a number of the monitor's for every second, NaN where there is no reading.

    Returns:
        The means (R, 150) float32 over the readings of each window, and where there are enough readings (R, 150).
    """
    seconds = np.lib.stride_tricks.sliding_window_view(numbers, WINDOW, axis=1)[:, STARTS.start : STARTS.stop : STRIDE]
    readings = np.isfinite(seconds).sum(axis=2)
    # Sums of whole numbers are exact in whatever order they are added, so the means are the same everywhere.
    means = np.nansum(seconds, axis=2, dtype=np.float64) / np.maximum(readings, 1)
    return means.astype(np.float32), readings >= READINGS


def part(arrays: Mapping[str, np.ndarray], number: str, patients: np.ndarray, order: np.ndarray) -> Windows:
    """The windows of some `patients` that have a target, in the `order` in which all windows are lined up.

    Args:
        arrays: as :func:`read` gives them.
        number: which of the monitor's numbers is to be predicted.
        order: (R * 150,) int64, numbers of windows, those of the first recording first.
    """
    means, known = targets(arrays["numbers"][:, :, NUMBERS.index(number)])
    mine = np.isin(arrays["patients"], patients)
    chosen = order[(known & mine[:, None]).ravel()[order]]
    recording, start = np.divmod(chosen, len(STARTS))
    place = np.cumsum(mine) - 1  # of a recording in the stream, which holds those of these patients alone
    return Windows(
        inputs=torch.from_numpy(place[recording] * SAMPLES + start * (STRIDE * RATE)),
        targets=torch.from_numpy(means.ravel()[chosen][:, None]),
        stream=torch.from_numpy(arrays["signals"][mine].reshape(-1, len(SIGNALS))),
        steps=WINDOW * RATE,
    )
