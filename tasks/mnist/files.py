"""The four files of MNIST: what they are, where they come from, and torchvision's readers of them."""

from __future__ import annotations

from torch import Tensor

from tasks.sources import DataSet, Download, Sources, library

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist"
"""The first of the two that torchvision names; the other, yann.lecun.com, has long refused most requests."""

MNIST = DataSet(
    name="mnist",
    title="MNIST",
    folders=("MNIST/raw",),
    contents=dict.fromkeys(NAMES, 1),
    size=54_950_048,
    licence="CC BY-SA 3.0 (as commonly stated)",
    # The md5s are those of torchvision.datasets.MNIST.resources.
    downloads=(
        Download(f"{MIRROR}/{NAMES[0]}.gz", "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
        Download(f"{MIRROR}/{NAMES[1]}.gz", "md5:d53e105ee54ea40749a09fcbcd1e9432", 28_881),
        Download(f"{MIRROR}/{NAMES[2]}.gz", "md5:9fb629c4189551a2d022fa330f9573f3", 1_648_877),
        Download(f"{MIRROR}/{NAMES[3]}.gz", "md5:ec29112dd5afa0611ce80d1b7f02629c", 4_542),
    ),
    pinned=True,
)


def read(sources: Sources, dataset: DataSet = MNIST) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Training images (n, 28, 28) uint8 and labels (n,) int64, then those of the test; verified.

    Raises:
        OSError: files are missing, damaged or cannot be fetched, or torchvision cannot be imported.
    """
    folder, _ = dataset.verified(sources)
    images, labels, test_images, test_labels = (str(folder / name) for name in NAMES)
    # The readers of torchvision.datasets.MNIST, not the class: it would prefer an old, unverified MNIST/processed.
    readers = library("torchvision.datasets.mnist", "torchvision")
    return (
        readers.read_image_file(images),
        readers.read_label_file(labels),
        readers.read_image_file(test_images),
        readers.read_label_file(test_labels),
    )
