"""The files of the UCI smartphone data: which they are, what must be true of them, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasks.sources import DataSet, Download, Sources, Wrong
from tasks.sources.caches import cached

CHANNELS = tuple(f"{signal}_{axis}" for signal in ("body_acc", "body_gyro", "total_acc") for axis in "xyz")
STEPS = 128
ACTIVITIES = ("WALKING", "WALKING_UPSTAIRS", "WALKING_DOWNSTAIRS", "SITTING", "STANDING", "LAYING")
"""Names of the activities 1 to 6."""


@dataclass(frozen=True)
class Part:
    """What is known of the training or the test part, whoever packed it."""

    subjects: tuple[int, ...]
    """The persons in it."""
    windows: tuple[int, ...]
    """Windows of each activity."""


PARTS: Mapping[str, Part] = {
    "train": Part(
        (1, 3, 5, 6, 7, 8, 11, 14, 15, 16, 17, 19, 21, 22, 23, 25, 26, 27, 28, 29, 30),
        (1226, 1073, 986, 1286, 1374, 1407),
    ),
    "test": Part((2, 4, 9, 10, 12, 13, 18, 20, 24), (496, 471, 420, 491, 532, 537)),
}

UCI_HAR = DataSet(
    name="uci-har",
    title="UCI HAR (smartphones)",
    folders=("UCI HAR Dataset", "UCI_HAR/UCI HAR Dataset"),
    contents={
        "activity_labels.txt": 1,
        **{f"{part}/{what}_{part}.txt": 1 for part in PARTS for what in ("y", "subject")},
        **{f"{part}/Inertial Signals/{channel}_{part}.txt": 1 for part in PARTS for channel in CHANNELS},
    },
    size=190_000_000,
    licence="CC BY 4.0 (UCI Machine Learning Repository); the README inside prohibits any commercial use",
    downloads=(
        Download(
            "https://archive.ics.uci.edu/static/public/240/human+activity+recognition+using+smartphones.zip",
            # Published by those who downloaded it, several and independently; UCI itself publishes none.
            "sha256:c00b803081a5c797cd5e4b83700a9810b38d53d9d84e01917e090e1fdbc81031",
            61_005_872,
        ),
    ),
    # What UCI calls the archive, and the archive around it.
    archives=("UCI HAR Dataset.zip", "human+activity+recognition+using+smartphones.zip"),
    examine=lambda dataset, folder, digest, sources: arrays_of(folder, digest, sources, PARTS),
)


def read(sources: Sources, dataset: DataSet, parts: Mapping[str, Part]) -> dict[str, np.ndarray]:
    """Of each part ``<part>_inputs`` (n, 128, 9) float32, ``<part>_activities`` and ``<part>_subjects`` (n,) int64.

    Raises:
        OSError: files are missing, damaged or cannot be downloaded.
        ValueError: a file holds something else than numbers, or not the windows, persons and activities of `parts`.
    """
    folder, digest = dataset.verified(sources)
    with dataset.advised(sources):
        return arrays_of(folder, digest, sources, parts)


def arrays_of(folder: Path, digest: str, sources: Sources, parts: Mapping[str, Part]) -> dict[str, np.ndarray]:
    """The arrays of :func:`read` from the files in `folder`, whose digest is `digest`; ``Wrong`` as there."""
    arrays = cached(sources, "har2", digest, lambda: parse(folder, sources, parts), code=(__name__,))
    for name, part in parts.items():
        require(folder, name, part, arrays[f"{name}_activities"], arrays[f"{name}_subjects"])
    return arrays


def parse(folder: Path, sources: Sources, parts: Mapping[str, Part]) -> dict[str, np.ndarray]:
    """The arrays of :func:`read` from the text files in `folder`."""
    require_activities(folder / "activity_labels.txt")
    arrays: dict[str, np.ndarray] = {}
    for number, (name, part) in enumerate(parts.items()):
        rows = sum(part.windows)
        for what in ("y", "subject"):
            arrays[what] = numbers(folder / name / f"{what}_{name}.txt", np.int64, rows, 1)[:, 0]
        arrays[f"{name}_activities"], arrays[f"{name}_subjects"] = arrays.pop("y"), arrays.pop("subject")
        inputs = np.empty((rows, STEPS, len(CHANNELS)), dtype=np.float32)
        for place, channel in enumerate(CHANNELS):
            file = folder / name / "Inertial Signals" / f"{channel}_{name}.txt"
            inputs[:, :, place] = numbers(file, np.float32, rows, STEPS)
            sources.report("reading the smartphone signals", number * 9 + place + 1, 9 * len(parts))
        arrays[f"{name}_inputs"] = inputs
    return arrays


def numbers(file: Path, dtype: type, rows: int, columns: int) -> np.ndarray:
    """`file` as (rows, columns); ``Wrong`` where it does not hold just so many finite numbers."""
    try:
        found: np.ndarray = np.loadtxt(file, dtype=dtype, ndmin=2, comments=None, encoding="utf-8-sig")
    except ValueError as error:
        reason = str(error).split(";")[0].rstrip(".")
        raise Wrong(f"{file} is damaged ({reason})") from error
    if found.shape != (rows, columns):
        told = " x ".join(map(str, found.shape))
        raise Wrong(f"{file} holds {told} numbers instead of {rows} x {columns}")
    if not np.isfinite(found).all():
        raise Wrong(f"{file} holds numbers that are missing or infinite")
    return found


def require_activities(file: Path) -> None:
    """``Wrong`` unless `file` gives the activities the numbers that the two classes are defined by."""
    wanted = [f"{number} {name}" for number, name in enumerate(ACTIVITIES, start=1)]
    if file.read_text(encoding="utf-8-sig", errors="replace").split() != " ".join(wanted).split():
        raise Wrong(f"{file} does not say {', '.join(wanted)}")


def require(folder: Path, name: str, part: Part, activities: np.ndarray, subjects: np.ndarray) -> None:
    """``Wrong`` unless the labels and persons of the part `name` are those of `part`."""
    if np.unique(subjects).tolist() != list(part.subjects):
        told = ", ".join(map(str, part.subjects))
        raise Wrong(f"{folder / name} is not the official part, with the persons {told}")
    if tuple(np.count_nonzero(activities == activity) for activity in range(1, 7)) != part.windows:
        told = ", ".join(map(str, part.windows))
        raise Wrong(f"{folder / name} is not the official part, with {told} windows of the activities 1 to 6")
