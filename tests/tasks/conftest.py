"""What the tests share: a miniature MNIST in the exact format of its files, the real one where it is, and a toy.

The toy is a data set of four small files; what downloads, imports, checks and caches do is tested on it.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from tasks.mnist.files import MNIST, NAMES
from tasks.mnist.task import PermutedMNIST, SequentialMNIST
from tasks.sources import DataSet, Sources, library


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

    def sha256s(self) -> dict[str, str]:
        return {name: hashlib.sha256(self.content(name)).hexdigest() for name in NAMES}

    @property
    def dataset(self) -> DataSet:
        """MNIST, but for its checksums and addresses."""
        return replace(MNIST, sums=self.sha256s(), downloads=())

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
        sizes = {
            "datasets": (self.dataset,),
            "train_size": 50,
            "order_sha256": hashlib.sha256(order.tobytes()).hexdigest(),
        }
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


@pytest.fixture(autouse=True)
def _no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_MIRROR", raising=False)


def tarred(files: dict[str, bytes]) -> bytes:
    """A plain tar of `files`."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return target.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of `files`."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


PACKERS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "zip": zipped,
    "tar": tarred,
    "tar.gz": lambda files: gzip.compress(tarred(files)),
    "tgz": lambda files: gzip.compress(tarred(files)),
    "tar.xz": lambda files: lzma.compress(tarred(files)),
    "tar.bz2": lambda files: bz2.compress(tarred(files)),
}


@dataclass
class Toy:
    """A data set of a list and three measurements, below the folder ``lab/toy`` of the data folder."""

    base: Path
    reported: list[tuple[str, int, int]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        random = np.random.default_rng(0)
        self.files = {"list.txt": b"a\nb\nc\n"}
        self.files |= {f"signals/{name}.csv": random.bytes(4000) for name in "abc"}

    @property
    def dataset(self) -> DataSet:
        return DataSet(
            name="toy",
            title="The toy",
            folders=("lab/toy", "toy"),
            contents={"list.txt": 1, "signals/*.csv": 3},
            size=sum(map(len, self.files.values())),
            licence="none",
        )

    @property
    def published(self) -> DataSet:
        return replace(self.dataset, sums=self.sums(), pinned=True)

    @property
    def root(self) -> Path:
        return self.base / "data"

    @property
    def folder(self) -> Path:
        return self.root / "lab" / "toy"

    @property
    def sources(self) -> Sources:
        return Sources(self.root, report=lambda *told: self.reported.append(told))

    def sums(self) -> dict[str, str]:
        return {name: hashlib.sha256(content).hexdigest() for name, content in self.files.items()}

    def write(self, folder: Path, prefix: str = "") -> Path:
        for name, content in self.files.items():
            (folder / prefix / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / prefix / name).write_bytes(content)
        return folder

    def pack(self, kind: str = "zip", prefix: str = "toy-1.0/", others: dict[str, bytes] | None = None) -> Path:
        """An archive of the toy below `prefix`, and of `others`."""
        file = self.base / f"toy.{kind}"
        inside = {prefix + name: content for name, content in self.files.items()}
        file.write_bytes(PACKERS[kind]({**inside, **(others or {})}))
        return file

    def held(self) -> dict[str, bytes]:
        """The files in its place, but for the record of the checksums."""
        files = (file for file in self.folder.rglob("*") if file.is_file() and file.name != ".sha256")
        return {file.relative_to(self.folder).as_posix(): file.read_bytes() for file in files}

    def nothing_there(self) -> bool:
        """Nothing is in the data folder but the locks: no files of the data set, none half-written, no folder."""
        return not self.root.exists() or {file.name for file in self.root.iterdir()} <= {".locks"}

    def tidy(self) -> bool:
        """No staging is left."""
        return not [file for file in self.root.rglob("*") if ".work" in file.name or ".partial" in file.name]


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


@pytest.fixture
def packers() -> dict[str, Callable[[dict[str, bytes]], bytes]]:
    """Kinds of archives, and what makes one of names and contents."""
    return PACKERS


@pytest.fixture
def child() -> Callable:
    """Run Python code in another process: ``with child(code, "argument") as process``; its pipes are text."""

    @contextmanager
    def start(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            [sys.executable, "-u", "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    return start
