"""Imports that are killed, that two people start at once, or that find the disk full."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.sources import Refused, Sources

TAKE = """
import sys
from pathlib import Path
from tasks.sources import DataSet, Sources, staging
root, archive, stop = sys.argv[1:]
dataset = DataSet("toy", "The toy", ("lab/toy",), {"list.txt": 1, "signals/*.csv": 3}, 20_000, "none")
def pause():
    print("half way", flush=True)
    sys.stdin.readline()
if stop == "copy":
    write = staging.Intake.write
    def halfway(intake, name, stream, told):
        if intake.sums:
            pause()
        write(intake, name, stream, told)
    staging.Intake.write = halfway
if stop == "place":
    replace, count = Path.replace, []
    def halfway(file, target):
        count.append(file)
        if len(count) == 3:
            pause()
        return replace(file, target)
    Path.replace = halfway
print(dataset.take(Sources(Path(root), report=lambda what, done, total: print(what, flush=True)), Path(archive)).folder)
"""


def test_an_import_that_was_killed_is_not_trusted_and_leaves_nothing(toy, child) -> None:
    archive = toy.pack("tar.gz")
    with child(TAKE, toy.root, archive, "copy") as process:
        assert f"reading {archive}\n" == process.stdout.readline()
        while process.stdout.readline() != "half way\n":
            assert process.poll() is None
        process.kill()
    assert not toy.tidy(), "the killed process left its staging, or this test shows nothing"
    assert not toy.folder.exists()
    assert toy.dataset.missing(toy.sources)
    toy.dataset.take(toy.sources, archive)
    assert toy.held() == toy.files
    assert toy.tidy()


def test_a_replacement_that_was_killed_half_way_is_told_from_a_whole_one(toy, child) -> None:
    toy.dataset.take(toy.sources, toy.pack())
    (toy.folder / "signals" / "c.csv").write_bytes(b"damaged, so that it may be replaced")
    toy.files = {name: content + b"later" for name, content in toy.files.items()}
    archive = toy.pack("tar.gz")
    with child(TAKE, toy.root, archive, "place") as process:
        while process.stdout.readline() != "half way\n":
            assert process.poll() is None
        process.kill()
    held = toy.held()
    assert 0 < sum(held[name] == toy.files[name] for name in held) < 4, "it was not half way"
    with pytest.raises(OSError, match="is damaged or another file"):
        toy.dataset.verified(toy.sources)
    toy.dataset.take(toy.sources, archive)
    assert toy.dataset.verified(toy.sources)
    assert toy.held() == toy.files
    assert toy.tidy()


def test_of_two_imports_at_once_the_second_waits(toy, child) -> None:
    arguments = toy.root, toy.pack("zip")
    with child(TAKE, *arguments, "copy") as first:
        while first.stdout.readline() != "half way\n":
            assert first.poll() is None
        with child(TAKE, *arguments, "") as second:
            assert second.stdout.readline() == "waiting for another process that brings The toy\n"
            assert first.communicate("\n" * 9)[0].endswith(f"{toy.folder}\n")
            assert second.stdout.read().endswith(f"{toy.folder}\n")
    assert toy.held() == toy.files
    assert toy.tidy()


LIMITED = """
import resource, sys
from pathlib import Path
from tasks.sources import DataSet, Sources
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
dataset = DataSet("toy", "The toy", ("lab/toy",), {"list.txt": 1, "signals/*.csv": 3}, 20_000, "none")
try:
    dataset.take(Sources(Path(sys.argv[1])), Path(sys.argv[2]))
except OSError as error:
    print(error)
"""


@pytest.mark.parametrize("kind", ["zip", "tar.xz"])
def test_a_file_that_cannot_be_written_to_its_end_is_one_sentence(toy, kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, toy.root, toy.pack(kind)], capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        f"{toy.folder.parent} cannot be written (File too large): make it writable, "
        "or name another data folder with --data-root or HARNESS_DATA\n"
    )
    assert toy.nothing_there()


def test_a_full_disk_is_one_sentence_and_leaves_what_was_there(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.dataset.take(toy.sources, toy.pack())
    before = toy.held()
    toy.files = {name: content + b"later" for name, content in toy.files.items()}

    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tasks.sources.staging.Intake._copy", full)
    with pytest.raises(Refused) as caught:
        toy.dataset.take(toy.sources, toy.pack())
    assert str(caught.value) == (
        f"the disk of {toy.folder.parent} is full (No space left on device): "
        "make room there, or name another data folder with --data-root or HARNESS_DATA"
    )
    assert toy.held() == before
    assert toy.tidy()
    assert toy.dataset.verified(toy.sources)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no disk can be mounted here: {error}")
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_disk_that_becomes_full(toy, small_disk: Path, kind: str) -> None:
    toy.files["signals/a.csv"] = os.urandom(400_000)
    sources = Sources(small_disk)
    with pytest.raises(Refused, match=rf"^the disk of {small_disk}/lab is full \(No space left on device\): make room"):
        toy.dataset.take(sources, toy.pack(kind))
    assert {file.name for file in small_disk.iterdir()} == {".locks"}
    toy.files["signals/a.csv"] = b"less"
    toy.dataset.take(sources, toy.pack(kind))
    assert toy.dataset.check(sources).state == "recorded"


def test_a_place_that_is_a_disk_of_its_own(toy, small_disk: Path) -> None:
    dataset = replace(toy.dataset, folders=("disk",))
    for _ in range(2):
        assert dataset.take(Sources(small_disk.parent), toy.pack()).folder == small_disk
    assert {file.name for file in small_disk.iterdir()} == {".sha256", "list.txt", "signals"}


def test_a_folder_that_cannot_be_made(toy) -> None:
    toy.root.write_text("a file where the data folder should be")
    told = f"^{toy.root} is a file, not a folder: move it away, or name another data folder"
    with pytest.raises(Refused, match=told):
        toy.dataset.take(toy.sources, toy.pack())
    with pytest.raises(Refused, match=told):
        toy.dataset.require(toy.sources)


@pytest.mark.parametrize("place", ["data/lab/toy", "data/lab"])
def test_a_file_in_the_place_of_the_folder(toy, place: str) -> None:
    file = toy.base / place
    file.parent.mkdir(parents=True)
    file.write_text("in the way")
    for attempt in (toy.dataset.require, lambda sources: toy.dataset.take(sources, toy.pack())):
        with pytest.raises(Refused, match=f"^{file} is a file, not a folder: move it away, or name"):
            attempt(toy.sources)
    assert toy.dataset.check(toy.sources).state == "damaged"
    assert file.read_text() == "in the way"


def test_an_interruption_leaves_nothing(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("tasks.sources.staging.Intake._copy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace(toy.dataset).take(toy.sources, toy.pack())
    assert toy.nothing_there()
