from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.sources import State, checksums


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
        "put a good copy there (harness data import toy PATH)"
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
