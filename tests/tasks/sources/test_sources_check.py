from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.sources import Refused, State, checksums


def test_nothing_is_there(toy) -> None:
    found = toy.dataset.check(toy.sources)
    assert (found.dataset, found.folder, found.state) == ("toy", toy.folder, "missing")
    assert "lacks list.txt, signals/*.csv (0 of 3 files)" in found.detail
    assert toy.dataset.state(toy.sources) == State("toy", toy.folder, False, 0)


def test_the_states_of_a_complete_one(toy) -> None:
    toy.write(toy.folder)
    assert toy.dataset.check(toy.sources).state == "unknown"
    assert toy.published.check(toy.sources).state == "verified"
    toy.dataset.take(toy.sources, toy.folder)
    assert toy.dataset.check(toy.sources).state == "recorded"
    size = sum(map(len, toy.files.values()))
    assert toy.dataset.state(toy.sources) == State("toy", toy.folder, True, size)


def test_a_part_that_is_published_leaves_the_others_unknown(toy) -> None:
    toy.write(toy.folder)
    dataset = replace(toy.dataset, sums={"list.txt": toy.sums()["list.txt"]})
    found = dataset.check(toy.sources)
    assert (found.state, found.detail) == ("unknown", "3 of 4 files have no known checksum")
    dataset.take(toy.sources, toy.folder)
    assert dataset.check(toy.sources).state == "recorded"


@pytest.mark.parametrize("published", [True, False])
def test_damage_names_the_first_file_and_both_checksums(toy, published: bool) -> None:
    toy.dataset.take(toy.sources, toy.pack())
    dataset = toy.published if published else toy.dataset
    for name in ("signals/a.csv", "signals/c.csv"):
        content = toy.files[name]
        (toy.folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    found = dataset.check(toy.sources)
    assert found.state == "damaged"
    damaged = checksums.sha256_of(toy.folder / "signals/a.csv")
    wanted = toy.sums()["signals/a.csv"]
    assert found.detail == (
        f"{toy.folder}/signals/a.csv is damaged or another file "
        f"(sha256 {damaged}, wanted {wanted}; 2 of 4 files differ): "
        "put a good copy there (harness data import toy PATH --again)"
    )
    with pytest.raises(OSError, match="signals/a.csv is damaged"):
        dataset.verified(toy.sources)


def test_a_file_that_was_exchanged_for_one_of_another_name(toy) -> None:
    toy.dataset.take(toy.sources, toy.pack())
    (toy.folder / "signals/b.csv").rename(toy.folder / "signals/d.csv")
    with pytest.raises(OSError, match="signals/b.csv is gone, and a file of another name is there"):
        toy.dataset.verified(toy.sources)
    assert toy.dataset.check(toy.sources).state == "damaged"


def test_a_missing_file_is_named(toy) -> None:
    toy.dataset.take(toy.sources, toy.pack())
    (toy.folder / "signals/b.csv").unlink()
    assert "lacks signals/*.csv (2 of 3 files)" in toy.dataset.check(toy.sources).detail
    with pytest.raises(FileNotFoundError, match=r"The toy lacks signals/\*\.csv \(2 of 3 files\) in"):
        toy.dataset.verified(toy.sources)


def test_no_bit_of_a_record_can_flip_unseen(toy) -> None:
    toy.dataset.take(toy.sources, toy.pack())
    record = toy.folder / ".sha256"
    content = record.read_bytes()
    for place in range(0, len(content) - 1, 7):  # the last is the end of the line
        record.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(
            OSError, match=rf"^{record}, the record of the checksums .* is damaged: import the data set"
        ):
            toy.dataset.verified(toy.sources)
        assert toy.dataset.check(toy.sources).state == "damaged"
    assert toy.published.check(toy.sources).state == "verified", "what is published needs no record"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"abc", b"0" * 64 + b"  list.txt\n"])
def test_a_record_that_is_none_is_refused(toy, content: bytes) -> None:
    toy.dataset.take(toy.sources, toy.pack())
    (toy.folder / ".sha256").write_bytes(content)
    with pytest.raises(OSError, match="the record of the checksums of the files beside it, is damaged"):
        toy.dataset.verified(toy.sources)
    toy.dataset.take(toy.sources, toy.pack())
    assert toy.dataset.check(toy.sources).state == "recorded"


def test_the_digest_is_that_of_the_data_wherever_they_lie(toy, tmp_path) -> None:
    toy.write(toy.root / "toy")
    digest = toy.dataset.verified(toy.sources)[1]
    toy.dataset.take(toy.sources, toy.pack())
    assert toy.dataset.verified(toy.sources) == (toy.folder, digest)
    (toy.root / "toy" / "list.txt").write_bytes(b"changed")
    (toy.folder / "list.txt").unlink()
    assert toy.dataset.verified(toy.sources)[1] != digest


@pytest.mark.parametrize("closed", ["lab", "lab/toy", "lab/toy/signals"])
@pytest.mark.parametrize("what", [{"signals/*.csv": 3}, {"signals/a.csv": 1}], ids=["pattern", "name"])
def test_a_folder_that_cannot_be_read(toy, monkeypatch: pytest.MonkeyPatch, closed: str, what: dict[str, int]) -> None:
    archive = toy.pack()
    toy.dataset.take(toy.sources, archive)
    copy = toy.write(toy.base / "mine")
    dataset = replace(toy.dataset, contents=what, folders=("lab/toy",))
    folder = toy.root / closed

    def closing(real: Callable, inside: bool) -> Callable:
        """The system call, refused as a folder without any permission makes the system refuse it."""

        def call(path: Path | str | int, *arguments: object, **options: object) -> object:
            if not isinstance(path, int) and (folder in Path(path).parents or (inside and Path(path) == folder)):
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, *arguments, **options)

        return call

    monkeypatch.setattr(Path, "stat", closing(Path.stat, inside=False))
    monkeypatch.setattr(os, "scandir", closing(os.scandir, inside=True))
    assert dataset.files(toy.folder) == []
    assert dataset.absent(toy.folder)
    assert dataset.state(toy.sources) == State("toy", toy.folder, False, 0)
    found = dataset.check(toy.sources)
    assert found.state == "damaged"
    assert found.detail.startswith(str(folder))
    assert found.detail.endswith(
        " cannot be read (Permission denied): make it readable, "
        "or name another data folder with --data-root or HARNESS_DATA"
    )
    assert dataset.missing(toy.sources) == found.detail
    for attempt in (dataset.require, dataset.fetch):
        with pytest.raises(Refused, match="cannot be read") as caught:
            attempt(toy.sources)
        assert str(caught.value) == found.detail
    for path in (archive, copy) if closed == "lab" else ():  # else only what is simulated here would be tested
        with pytest.raises(Refused, match=rf"^{folder}.* cannot be .* \(Permission denied\): make it "):
            dataset.take(toy.sources, path)


def test_a_folder_that_may_be_listed_and_not_entered(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.write(toy.folder)
    copy = toy.write(toy.base / "mine")
    look = Path.stat

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    def stat(path: Path, **options: object) -> object:
        return denied() if path.parent.name == "signals" else look(path, **options)

    monkeypatch.setattr(Path, "stat", stat)
    monkeypatch.setattr("tasks.sources.progress._Watched.readinto", denied)
    found = toy.dataset.check(toy.sources)
    assert found.state == "damaged"
    assert " cannot be read (Permission denied): make it readable, or " in found.detail
    for attempt in (toy.dataset.verified, lambda sources: toy.dataset.take(sources, copy)):
        with pytest.raises(
            Refused, match=r" cannot be read \(Permission denied\): make it readable, or get a good copy$"
        ):
            attempt(toy.sources)


def test_too_many_files_are_told_as_such(toy) -> None:
    toy.dataset.take(toy.sources, toy.pack())
    (toy.folder / "signals" / "d.csv").write_bytes(b"more")
    told = f"{toy.folder} has 4 files signals/*.csv instead of 3: remove the others"
    assert toy.dataset.missing(toy.sources) == told
    assert toy.dataset.check(toy.sources).detail == told
    with pytest.raises(Refused) as caught:
        toy.dataset.require(toy.sources)
    assert str(caught.value) == told
