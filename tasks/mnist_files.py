"""The four files of MNIST: found, fetched where they are missing, verified and read by torchvision."""

from __future__ import annotations

import gzip
import shutil
import socket
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import Tensor

from tasks.sources import Sources, library, require_md5

MD5: Mapping[str, str] = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
"""Of the unpacked files. torchvision checks only the packed ones, and only when it downloads them."""


def read(sources: Sources, md5s: Mapping[str, str]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Training images (n, 28, 28) uint8 and labels (n,) int64, then those of the test.

    The files named in `md5s`, in this order, lie in ``MNIST/raw`` below the root, unpacked or as ``.gz``. A folder
    that has them all is only read.

    Raises:
        OSError: files are missing, damaged or cannot be fetched, or torchvision cannot be imported.
    """
    folder, absent = find(sources, md5s)
    if absent and sources.offline:
        raise lacking(sources, folder, absent, "the network must not be used")
    if absent:
        fetch(sources, folder, {name: md5s[name] for name in absent})
    with TemporaryDirectory(prefix="mnist-") as room:
        images, labels, test_images, test_labels = (
            str(unpacked(folder / name, Path(room), md5)) for name, md5 in md5s.items()
        )
        # The readers of torchvision.datasets.MNIST, not the class: it would prefer an old, unverified MNIST/processed.
        readers = library("torchvision.datasets.mnist", "torchvision")
        return (
            readers.read_image_file(images),
            readers.read_label_file(labels),
            readers.read_image_file(test_images),
            readers.read_label_file(test_labels),
        )


def find(sources: Sources, names: Iterable[str]) -> tuple[Path, list[str]]:
    """The folder of the files, and which of `names` it holds neither unpacked nor packed."""
    folder = sources.root / "MNIST" / "raw"
    return folder, [name for name in names if not (folder / name).is_file() and not packed(folder / name).is_file()]


def packed(file: Path) -> Path:
    """Where the packed form of `file` lies."""
    return file.with_name(f"{file.name}.gz")


def unpacked(file: Path, room: Path, md5: str) -> Path:
    """`file` itself, or, where there is only its packed form, a copy unpacked into `room`; verified."""
    if file.is_file():
        require_md5(file, md5)
        return file
    copy = room / file.name
    try:
        with gzip.open(packed(file)) as stream, copy.open("wb") as target:
            shutil.copyfileobj(stream, target)
    except (OSError, EOFError, zlib.error) as error:
        raise OSError(
            f"{packed(file)} cannot be unpacked ({error}): "
            "put a good copy there, or delete it to have it downloaded again"
        ) from error
    require_md5(copy, md5, told_as=packed(file))
    return copy


def fetch(sources: Sources, folder: Path, md5s: Mapping[str, str]) -> None:
    """Download MNIST by torchvision beside its place, verify it, and move the files named in `md5s` into `folder`."""
    datasets = library("torchvision.datasets.mnist", "torchvision")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".download-", dir=folder) as room, patience(seconds=30):
            datasets.MNIST(room, download=True)
            for name, md5 in md5s.items():
                fetched = Path(room, "MNIST", "raw", name)
                require_md5(fetched, md5)
                fetched.replace(folder / name)
    except (OSError, RuntimeError, EOFError, HTTPException) as error:
        reason = " ".join(str(error).split())
        raise lacking(sources, folder, md5s, f"the download failed ({reason})") from error


def lacking(sources: Sources, folder: Path, names: Iterable[str], reason: str) -> FileNotFoundError:
    """What to say of missing files: both of their names will do."""
    return sources.lacking("MNIST", folder, [f"{name}[.gz]" for name in names], reason)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Let a connection that has gone silent fail after `seconds`: torchvision would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
