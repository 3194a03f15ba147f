from __future__ import annotations

import gzip
import re
import socket
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
import torch

from tasks import mnist_files
from tasks.mnist import SequentialMNIST
from tasks.sources import Sources

IMAGES, LABELS, TEST_IMAGES, TEST_LABELS = mnist_files.MD5
MODULE = "torchvision.datasets.mnist"


def test_unpacked_files_are_read(miniature, torchvision: None) -> None:
    images, labels, test_images, test_labels = mnist_files.read(miniature.sources, miniature.md5s())
    assert np.array_equal(images.numpy(), miniature.arrays[IMAGES])
    assert np.array_equal(labels.numpy(), miniature.arrays[LABELS])
    assert np.array_equal(test_images.numpy(), miniature.arrays[TEST_IMAGES])
    assert np.array_equal(test_labels.numpy(), miniature.arrays[TEST_LABELS])


@pytest.mark.parametrize("names", [mnist_files.MD5, [TEST_LABELS]], ids=["all", "one"])
def test_packed_files_are_read_and_nothing_is_written(miniature, torchvision: None, names) -> None:
    wanted = mnist_files.read(miniature.sources, miniature.md5s())
    miniature.pack(*names)
    before = sorted(miniature.root.rglob("*"))
    found = mnist_files.read(miniature.sources, miniature.md5s())
    assert all(torch.equal(one, two) for one, two in zip(found, wanted, strict=True))
    assert sorted(miniature.root.rglob("*")) == before


def test_an_old_processed_folder_is_not_trusted(miniature, torchvision: None) -> None:
    processed = miniature.root / "MNIST" / "processed"
    processed.mkdir()
    for name in ("training.pt", "test.pt"):
        torch.save((torch.zeros(1, 28, 28, dtype=torch.uint8), torch.zeros(1)), processed / name)
    assert len(mnist_files.read(miniature.sources, miniature.md5s())[0]) == 60


def test_missing_files_are_named_with_their_place_and_what_decides(miniature) -> None:
    (miniature.raw / LABELS).unlink()
    (miniature.raw / TEST_IMAGES).unlink()
    with pytest.raises(FileNotFoundError) as caught:
        miniature.sequential().load(miniature.sources)
    assert str(caught.value) == (
        f"MNIST lacks {LABELS}[.gz], {TEST_IMAGES}[.gz] in {miniature.raw} and the network must not be used: "
        "put the files there, or name another data folder with --data-root or HARNESS_DATA, "
        "or leave out --offline (HARNESS_OFFLINE) to download them"
    )


def test_a_folder_without_anything_lacks_all_four(tmp_path: Path) -> None:
    names = ", ".join(f"{name}[.gz]" for name in mnist_files.MD5)
    with pytest.raises(FileNotFoundError, match=re.escape(f"MNIST lacks {names} in {tmp_path}")):
        SequentialMNIST().load(Sources(tmp_path / "nowhere", offline=True))
    assert not (tmp_path / "nowhere").exists()


def flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


DAMAGE = {
    "one bit": flipped,
    "truncated": lambda content: content[:-7],
    "garbage": lambda content: b"<html>not found</html>",
    "empty": lambda content: b"",
}


@pytest.mark.parametrize("name", mnist_files.MD5)
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_refused_with_both_md5s(miniature, name: str, damage) -> None:
    md5s = miniature.md5s()
    (miniature.raw / name).write_bytes(damage(miniature.content(name)))
    with pytest.raises(OSError, match="is damaged or another file") as caught:
        miniature.sequential().load(miniature.sources)
    found = re.fullmatch(
        rf"{miniature.raw / name} is damaged or another file \(md5 (\w{{32}}), wanted {md5s[name]}\): "
        "put a good copy there, or delete it to have it downloaded again",
        str(caught.value),
    )
    assert found
    assert found[1] != md5s[name]


@pytest.mark.parametrize(
    "damage",
    [flipped, lambda packed: packed[:-9], lambda packed: packed[:30] + b"\xff" * 30 + packed[60:], lambda _: b"<html>"],
    ids=["wrong sum", "truncated", "wrong stream", "not packed"],
)
def test_a_damaged_packed_file_is_refused(miniature, damage) -> None:
    miniature.pack(IMAGES)
    packed = miniature.raw / f"{IMAGES}.gz"
    packed.write_bytes(damage(packed.read_bytes()))
    with pytest.raises(OSError, match=rf"{packed} cannot be unpacked \(.+\): put a good copy there, or delete it"):
        miniature.sequential().load(miniature.sources)


def test_another_file_that_is_well_packed_is_refused_by_its_own_name(miniature) -> None:
    miniature.pack(IMAGES)
    packed = miniature.raw / f"{IMAGES}.gz"
    packed.write_bytes(gzip.compress(b"another file"))
    with pytest.raises(OSError, match=rf"{packed} is damaged or another file"):
        miniature.sequential().load(miniature.sources)


class Web:
    """A stand-in for torchvision: `MNIST` "downloads" a miniature, the readers know just this size of idx."""

    def __init__(self, miniature, failure: Exception | None = None, damage=lambda content: content) -> None:
        self.miniature, self.failure, self.damage = miniature, failure, damage
        self.timeout: float | None = None
        self.module = SimpleNamespace(
            MNIST=self.download,
            read_image_file=lambda path: torch.from_numpy(np.fromfile(path, np.uint8)[16:].reshape(-1, 28, 28)),
            read_label_file=lambda path: torch.from_numpy(np.fromfile(path, np.uint8)[8:].astype(np.int64)),
        )

    def download(self, root: str, download: bool) -> None:
        assert download
        self.timeout = socket.getdefaulttimeout()
        raw = Path(root, "MNIST", "raw")
        raw.mkdir(parents=True)
        for name in mnist_files.MD5:
            (raw / name).write_bytes(self.damage(self.miniature.content(name)))
            if self.failure:
                raise self.failure


@pytest.fixture
def online(miniature, tmp_path: Path):
    return replace(miniature, root=tmp_path / "empty")


def test_missing_files_are_downloaded_into_their_place(online, monkeypatch: pytest.MonkeyPatch) -> None:
    web = Web(online)
    monkeypatch.setitem(sys.modules, MODULE, web.module)
    images, labels, *_ = mnist_files.read(Sources(online.root), online.md5s())
    assert np.array_equal(images.numpy(), online.arrays[IMAGES])
    assert np.array_equal(labels.numpy(), online.arrays[LABELS])
    assert sorted(file.name for file in online.raw.iterdir()) == sorted(mnist_files.MD5)
    assert web.timeout == 30
    assert socket.getdefaulttimeout() is None


def test_only_missing_files_are_replaced(miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, MODULE, Web(miniature).module)
    (miniature.raw / LABELS).unlink()
    kept = (miniature.raw / IMAGES).stat().st_ino
    mnist_files.read(Sources(miniature.root), miniature.md5s())
    assert (miniature.raw / IMAGES).stat().st_ino == kept
    assert (miniature.raw / LABELS).read_bytes() == miniature.content(LABELS)


@pytest.mark.parametrize(
    "failure",
    [
        URLError("no route to host"),
        RuntimeError("Error downloading x:\nTried y, got:\nno route to host\n"),
        TimeoutError("no route to host"),
        EOFError("no route to host"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_download_that_fails_is_one_sentence_and_leaves_nothing(online, failure, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, MODULE, Web(online, failure).module)
    with pytest.raises(OSError, match=r"the download failed \(.*no route to host.*\): put the files") as caught:
        mnist_files.read(Sources(online.root), online.md5s())
    assert "\n" not in str(caught.value)
    assert "--offline" not in str(caught.value)
    assert list(online.raw.iterdir()) == []


def test_a_download_of_something_else_is_refused_and_leaves_nothing(online, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, MODULE, Web(online, damage=flipped).module)
    with pytest.raises(OSError, match=r"the download failed \(.*is damaged or another file \(md5 "):
        mnist_files.read(Sources(online.root), online.md5s())
    assert list(online.raw.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_sentence(online, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, MODULE, Web(online).module)
    online.root.write_text("a file where the data folder should be")
    with pytest.raises(OSError, match=r"^MNIST lacks .* and the download failed \(.*\): put the files there"):
        mnist_files.read(Sources(online.root), online.md5s())


def test_offline_never_touches_the_web(online, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, MODULE, Web(online, AssertionError("the web was touched")).module)
    with pytest.raises(FileNotFoundError, match="the network must not be used"):
        mnist_files.read(Sources(online.root, offline=True), online.md5s())
