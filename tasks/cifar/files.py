"""The batches of CIFAR-10, which are pickles: verified first, then read by torchvision, one after the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tasks.sources import DataSet, Download, Sources, library

FILES = *(f"data_batch_{number}" for number in range(1, 6)), "test_batch"
META = "batches.meta"
PIXELS = 3072
"""Of an image: 32 x 32 red values row by row, then as many green, then as many blue."""

CIFAR10 = DataSet(
    name="cifar10",
    title="CIFAR-10",
    # The layout of torchvision below its root, then with a folder of its own.
    folders=("cifar-10-batches-py", "CIFAR10/cifar-10-batches-py"),
    contents={"data_batch_[1-5]": 5, "test_batch": 1, META: 1},
    size=186_214_026,
    licence="none stated; the authors ask to cite their report",
    downloads=(
        Download(
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            hash="md5:c58f30108f718f92721af3b95e74349a",
            size=170_498_071,
        ),
    ),
    archives=("cifar-10-python.tar.gz",),
    pinned=True,
)


def read(sources: Sources, dataset: DataSet, order: np.ndarray) -> tuple[Tensor, Tensor]:
    """All images (n, 3072) uint8 and labels (n,) int64 of the six files, image ``order[k]`` of them in row k.

    Each file is scattered into its rows before the next is opened, so no more than one is held beside the result.

    Raises:
        OSError: files are missing, damaged, of unknown origin or cannot be fetched, or torchvision cannot be imported.
    """
    library("torchvision.datasets.cifar", "torchvision")  # tell of a broken one before anything is downloaded
    folder, _ = dataset.verified(sources)
    require_known(dataset, folder)
    row = np.empty_like(order)
    row[order] = np.arange(len(order))
    pixels = torch.empty(len(order), PIXELS, dtype=torch.uint8)
    labels = torch.empty(len(order), dtype=torch.int64)
    for done, (name, rows) in enumerate(zip(FILES, torch.from_numpy(row).chunk(len(FILES)), strict=True)):
        sources.report(f"reading {dataset.title}", done, len(FILES))
        pixels[rows], labels[rows] = batch_of(folder, name)
    sources.report(f"reading {dataset.title}", len(FILES), len(FILES))
    return pixels, labels


def require_known(dataset: DataSet, folder: Path) -> None:
    """``OSError`` unless the checksums of all the pickles were there to be compared: opening one may run any code."""
    if unknown := sorted({*FILES, META} - dataset.checksums(folder).keys()):
        raise OSError(
            f"{folder / unknown[0]} is a pickle whose checksum is not known, and to open it could run any code: "
            "install this package again"
        )


def batch_of(folder: Path, name: str) -> tuple[Tensor, Tensor]:
    """Pixels (n, 3072) uint8 and labels (n,) int64 of one file, by the reader of torchvision."""
    original = library("torchvision.datasets.cifar", "torchvision").CIFAR10
    # torchvision joins the files it lists, which takes three times their size: with a list of one file that is little.
    # Without md5s it does not hash them once more.
    changes = {
        "base_folder": folder.name,
        "train_list": [[name, None]],
        "test_list": [],
        "meta": {**original.meta, "filename": META, "md5": None},
    }
    read = type("OneBatch", (original,), changes)(folder.parent)
    # torchvision turns the colours to the end, as a view: turned back, the rows are those of the file without a copy.
    rows = read.data.transpose(0, 3, 1, 2).reshape(-1, PIXELS)
    return torch.from_numpy(rows), torch.tensor(read.targets, dtype=torch.int64)
