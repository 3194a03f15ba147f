"""What the tests share: a miniature MNIST in the exact format of its files, and the real one where it is."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tasks.mnist import PermutedMNIST, SequentialMNIST
from tasks.sources import Sources, library

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx(array: np.ndarray) -> bytes:
    """`array` of bytes in idx format: two zeros, type 8, the dimensions, their sizes big-endian, the values."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.astype(np.uint8).tobytes()


@dataclass
class Miniature:
    """60 training and 10 test images in MNIST's format; the first two pixels of each are its number and part (0, 1)."""

    root: Path
    arrays: dict[str, np.ndarray]

    @classmethod
    def write(cls, root: Path) -> Miniature:
        random = np.random.default_rng(0)
        train, test = random.integers(0, 256, (60, 28, 28)), random.integers(0, 256, (10, 28, 28))
        for part, images in enumerate((train, test)):
            images[:, 0, 0], images[:, 0, 1] = np.arange(len(images)), part
        values = (train, random.integers(0, 10, 60), test, random.integers(0, 10, 10))
        made = cls(root, dict(zip(NAMES, values, strict=True)))
        made.raw.mkdir(parents=True)
        for name in NAMES:
            (made.raw / name).write_bytes(made.content(name))
        return made

    @property
    def raw(self) -> Path:
        return self.root / "MNIST" / "raw"

    @property
    def sources(self) -> Sources:
        return Sources(self.root, offline=True)

    def content(self, name: str) -> bytes:
        return idx(self.arrays[name])

    def md5s(self) -> dict[str, str]:
        return {name: hashlib.md5(self.content(name)).hexdigest() for name in NAMES}

    def pack(self, *names: str) -> None:
        for name in names:
            (self.raw / f"{name}.gz").write_bytes(gzip.compress(self.content(name)))
            (self.raw / name).unlink()

    def sequential(self) -> SequentialMNIST:
        return self._sized(SequentialMNIST)()

    def permuted(self, permutation: str) -> PermutedMNIST:
        return self._sized(PermutedMNIST)(permutation=permutation)

    def _sized(self, task: type) -> Callable:
        order = np.random.RandomState(0).permutation(60).astype("<i8")
        sizes = {"files": self.md5s(), "train_size": 50, "order_sha256": hashlib.sha256(order.tobytes()).hexdigest()}
        return type(f"Miniature{task.__name__}", (task,), sizes)


@pytest.fixture
def miniature(tmp_path: Path) -> Miniature:
    return Miniature.write(tmp_path / "data")


@pytest.fixture
def torchvision() -> None:
    """Skip where torchvision is missing or does not fit torch."""
    try:
        library("torchvision.datasets.mnist", "torchvision")
    except OSError as error:
        pytest.skip(str(error))


@pytest.fixture
def real_mnist(torchvision: None) -> Sources:
    """The real files, in the folder that HARNESS_DATA names."""
    root = os.environ.get("HARNESS_DATA")
    if not root:
        pytest.skip("HARNESS_DATA names no folder with the real MNIST")
    raw = Path(root) / "MNIST" / "raw"
    if not all((raw / name).is_file() or (raw / f"{name}.gz").is_file() for name in NAMES):
        pytest.skip(f"the real MNIST is not complete in {raw}")
    return Sources(Path(root), offline=True)
