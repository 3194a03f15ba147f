"""A miniature CIFAR-10 in the exact format of its batches, which Python 2 pickled, and the tasks that read it."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from tasks.cifar.files import CIFAR10
from tasks.cifar.task import CIFARTask, NoisePaddedCIFAR10, SequentialCIFAR10
from tasks.sources import Sources

FOLDER = "cifar-10-batches-py"
NAMES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch")
LABELS = [b"airplane", b"automobile", b"bird", b"cat", b"deer", b"dog", b"frog", b"horse", b"ship", b"truck"]


class Python2(pickle._Pickler):  # the one in Python, whose types can be changed
    """Pickles bytes as Python 2 did its ``str``, where Python 3 would write them as encoded text."""

    dispatch: ClassVar[dict[Any, Any]] = dict(pickle._Pickler.dispatch)

    def save_string(self, value: bytes) -> None:
        size = len(value)
        head = b"U" + bytes([size]) if size < 256 else b"T" + size.to_bytes(4, "little")
        self.write(head + value)
        self.memoize(value)

    dispatch[bytes] = save_string


def pickled(value: object) -> bytes:
    """`value` as Python 2 and the numpy of its time pickled it."""
    stream = io.BytesIO()
    Python2(stream, protocol=2).dump(value)
    return stream.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


@dataclass
class Miniature:
    """Six files of images of ten classes; the first two pixels of an image are its number in the file, and the file."""

    root: Path
    pixels: np.ndarray
    """(6, images, 3072) uint8."""
    labels: np.ndarray
    """(6, images)."""
    sums: dict[str, str] = field(default_factory=dict)

    @classmethod
    def write(cls, root: Path, images: int = 20) -> Miniature:
        random = np.random.default_rng(0)
        pixels = random.integers(0, 256, (6, images, 3072), dtype=np.uint8)
        pixels[:, :, 0], pixels[:, :, 1] = np.arange(images) % 256, np.arange(6)[:, None]
        made = cls(root, pixels, random.integers(0, 10, (6, images)))
        made.folder.mkdir(parents=True)
        for number, name in enumerate(NAMES):
            (made.folder / name).write_bytes(made.content(number))
        meta = {b"num_cases_per_batch": images, b"label_names": LABELS, b"num_vis": 3072}
        (made.folder / "batches.meta").write_bytes(pickled(meta))
        made.vouch()
        return made

    @property
    def folder(self) -> Path:
        return self.root / FOLDER

    @property
    def sources(self) -> Sources:
        return Sources(self.root, offline=True)

    def content(self, number: int) -> bytes:
        told = f"training batch {number + 1} of 5" if number < 5 else "testing batch 1 of 1"
        names = [f"image_s_{image:06}.png".encode() for image in range(self.pixels.shape[1])]
        labels = [int(label) for label in self.labels[number]]
        content = {b"batch_label": told.encode(), b"labels": labels, b"data": self.pixels[number], b"filenames": names}
        return pickled(content)

    def vouch(self) -> None:
        """Take the files as they are now for the published ones."""
        files = sorted(self.folder.iterdir())
        self.sums = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    def padded(self, **variant: Any) -> NoisePaddedCIFAR10:
        return self._sized(NoisePaddedCIFAR10)(**variant)

    def sequential(self) -> SequentialCIFAR10:
        return self._sized(SequentialCIFAR10)()

    def _sized(self, task: type[CIFARTask]) -> Any:
        images = self.pixels.shape[1]
        order = np.random.RandomState(0).permutation(5 * images).astype("<i8")
        sizes = {
            "datasets": (replace(CIFAR10, sums=dict(self.sums)),),
            "images": images,
            "order_sha256": hashlib.sha256(order.tobytes()).hexdigest(),
            "held_out": images // 2,
        }
        return type(f"Miniature{task.__name__}", (task,), sizes)


def real_sources() -> Sources:
    """The real files, in the folder that HARNESS_DATA names; skips where they are not there."""
    root = os.environ.get("HARNESS_DATA")
    if not root:
        pytest.skip("HARNESS_DATA names no folder with the real CIFAR-10")
    sources = Sources(Path(root), offline=True)
    if told := CIFAR10.missing(sources):
        pytest.skip(f"the real CIFAR-10 is not complete: {told}")
    return sources
