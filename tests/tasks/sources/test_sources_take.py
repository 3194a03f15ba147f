from __future__ import annotations

import gzip
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.sources import DataSet, NotThere, Sources, Wrong, take_any

KINDS = ["zip", "tar", "tar.gz", "tgz", "tar.xz", "tar.bz2"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prefix", ["", "./toy/", "deep/in/a folder/"], ids=["top", "dot", "deep"])
def test_an_archive_is_imported_without_what_else_it_holds(toy, kind: str, prefix: str) -> None:
    others = {"readme.md": b"read me", "deep/signals.txt": b"no", "__MACOSX/toy/signals/a.csv": b"not this"}
    assert toy.published.take(toy.sources, toy.pack(kind, prefix, others)).folder == toy.folder
    assert toy.held() == toy.files
    assert toy.tidy()
    assert toy.published.require(toy.sources) == toy.folder


def test_an_archive_is_known_by_what_it_is_and_not_by_its_name(toy) -> None:
    archive = toy.pack("tar.xz").rename(toy.base / "download")
    toy.dataset.take(toy.sources, archive)
    assert toy.held() == toy.files


def test_a_zip_within_a_zip_is_opened(toy, packers) -> None:
    outer = toy.base / "outer.zip"
    outer.write_bytes(packers["zip"]({"toy.names": b"about", "toy.zip": toy.pack("zip").read_bytes()}))
    toy.published.take(toy.sources, outer)
    assert toy.held() == toy.files
    assert toy.tidy()


def test_files_packed_alone_are_unpacked(toy, packers) -> None:
    archive = toy.base / "packed.zip"
    archive.write_bytes(packers["zip"]({f"{name}.gz": gzip.compress(content) for name, content in toy.files.items()}))
    toy.published.take(toy.sources, archive)
    assert toy.held() == toy.files


@pytest.mark.parametrize("first", [True, False])
def test_a_file_goes_before_its_packed_form(toy, packers, first: bool) -> None:
    old = {"list.txt.gz": gzip.compress(b"older")}
    (toy.base / "both.tar").write_bytes(packers["tar"](old | toy.files if first else toy.files | old))
    toy.published.take(toy.sources, toy.base / "both.tar")
    assert toy.held() == toy.files


@pytest.mark.parametrize("packed", [False, True])
def test_a_data_set_of_one_file_is_imported_as_that_file(toy, packed: bool) -> None:
    dataset, content = replace(toy.dataset, contents={"list.txt": 1}), toy.files["list.txt"]
    file = toy.base / ("list.txt.gz" if packed else "list.txt")
    file.write_bytes(gzip.compress(content) if packed else content)
    assert (dataset.take(toy.sources, file).folder / "list.txt").read_bytes() == content


def test_a_file_that_is_an_archive_inside_is_imported_as_itself(toy, packers) -> None:
    dataset, content = replace(toy.dataset, contents={"series.npz": 1}), packers["zip"]({"x.npy": b"1", "y.npy": b"2"})
    file = toy.base / "series.npz"
    file.write_bytes(content)
    assert (dataset.take(toy.sources, file).folder / "series.npz").read_bytes() == content


@pytest.mark.parametrize("below", ["", "toy", "some/where"])
def test_a_folder_with_the_data_set_anywhere_below_it_is_imported_and_stays(toy, below: str) -> None:
    folder = toy.write(toy.base / "mine", below)
    (folder / "more.txt").write_text("not this")
    assert toy.dataset.take(toy.sources, folder).folder == toy.folder
    assert toy.held() == toy.files
    assert (folder / below / "list.txt").exists()


def test_hard_links_in_a_tar_are_files(toy) -> None:
    import io
    import tarfile

    file = toy.base / "links.tar"
    with tarfile.open(file, "w") as archive:
        for name, content in toy.files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("signals/d.csv")
        link.type, link.linkname = tarfile.LNKTYPE, "signals/a.csv"
        archive.addfile(link)
    replace(toy.dataset, contents={"signals/*.csv": 4}).take(toy.sources, file)
    assert toy.held()["signals/d.csv"] == toy.files["signals/a.csv"]


def test_progress_ends_with_all_done(toy) -> None:
    toy.files["signals/a.csv"] = os.urandom(3_000_000)
    toy.dataset.take(toy.sources, toy.pack("tar.xz"))
    told = [step for step in toy.reported if "toy.tar.xz" in step[0]]
    done = [step[1] for step in told]
    assert done == sorted(done)
    assert done[0] == 0
    assert len(done) > 10
    assert told[-1][1] == told[-1][2] == (toy.base / "toy.tar.xz").stat().st_size


def test_what_is_not_published_is_recorded(toy) -> None:
    toy.dataset.take(toy.sources, toy.pack())
    record = (toy.folder / ".sha256").read_text().splitlines()
    assert record[:-1] == [f"{digest}  {name}" for name, digest in sorted(toy.sums().items())]
    assert toy.dataset.verified(toy.sources)[0] == toy.folder


def test_what_is_published_needs_no_record(toy) -> None:
    toy.published.take(toy.sources, toy.pack())
    assert not (toy.folder / ".sha256").exists()


def test_other_data_than_published_are_refused_with_both_checksums_and_leave_nothing(toy) -> None:
    wanted = toy.sums()["signals/b.csv"]
    published = toy.published
    toy.files["signals/b.csv"] = b"other data"
    with pytest.raises(OSError, match="does not hold The toy as published: ") as caught:
        published.take(toy.sources, toy.pack())
    assert f"signals/b.csv has sha256 {toy.sums()['signals/b.csv']}, wanted {wanted} (1 of 4 files differ)" in str(
        caught.value
    )
    assert toy.nothing_there()


def test_a_worse_copy_does_not_replace_what_is_there(toy) -> None:
    published = toy.published
    published.take(toy.sources, toy.pack())
    before = toy.held()
    toy.files["signals/b.csv"] = b"other data"
    with pytest.raises(OSError, match="nothing was taken from it"):
        published.take(toy.sources, toy.pack())
    assert toy.held() == before
    assert toy.tidy()


def test_another_copy_replaces_damage_and_its_record(toy) -> None:
    toy.dataset.take(toy.sources, toy.pack())
    (toy.folder / "notes.txt").write_text("mine")
    kept = (toy.folder / "list.txt").stat().st_ino
    toy.files["signals/z.csv"] = toy.files.pop("signals/b.csv")
    toy.files["signals/a.csv"] = b"a later version"
    (toy.folder / "signals" / "a.csv").write_bytes(b"damaged")
    toy.dataset.take(toy.sources, toy.pack())
    assert toy.held() == {**toy.files, "notes.txt": b"mine"}
    assert (toy.folder / "list.txt").stat().st_ino == kept
    assert toy.dataset.check(toy.sources).state == "recorded"


def contents_of(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("place", ["lab/toy", "toy"])
def test_other_data_do_not_replace_what_is_whole_and_recorded(toy, place: str) -> None:
    folder = toy.write(toy.root / place)
    toy.dataset.take(toy.sources, folder)
    before = contents_of(folder)
    toy.files["signals/a.csv"] = b"other data"
    with pytest.raises(OSError, match="holds other data already") as caught:
        toy.dataset.take(toy.sources, toy.pack())
    assert str(caught.value) == (
        f"{folder} holds other data already, as recorded at its import: to replace it, import with --again"
    )
    assert contents_of(folder) == before
    assert toy.tidy()
    (folder / "list.txt").unlink()
    toy.dataset.take(toy.sources, toy.pack())
    assert toy.held() == toy.files


def test_the_same_data_may_be_imported_again(toy) -> None:
    for _ in range(2):
        toy.dataset.take(toy.sources, toy.pack())
    assert toy.dataset.check(toy.sources).state == "recorded"


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_second_copy_leaves_no_empty_folders(toy, kind: str) -> None:
    second = {f"copy/of/it/{name}": content for name, content in toy.files.items()}
    if kind == "folder":
        path = toy.write(toy.base / "mine")
        toy.write(path, "copy/of/it")
    else:
        path = toy.pack("zip", "", second)
    toy.dataset.take(toy.sources, path)
    assert toy.held() == toy.files
    assert [file.name for file in toy.folder.rglob("*") if file.is_dir()] == ["signals"]


def test_a_folder_whose_files_have_other_names_now_goes(toy) -> None:
    dataset = replace(toy.dataset, contents={"list.txt": 1, "*/*.csv": 3})
    dataset.take(toy.sources, toy.pack())
    (toy.folder / "list.txt").write_bytes(b"damaged")
    toy.files = {name.replace("signals", "measured"): content for name, content in toy.files.items()}
    dataset.take(toy.sources, toy.pack())
    assert toy.held() == toy.files
    assert not (toy.folder / "signals").exists()


def test_an_archive_with_too_many_files_says_so(toy) -> None:
    toy.files["signals/d.csv"] = b"more"
    with pytest.raises(NotThere, match=r"it has 4 files signals/\*\.csv instead of 3: remove the others$"):
        toy.dataset.take(toy.sources, toy.pack())


@pytest.mark.parametrize("beside", ["data", "data/lab"])
def test_an_archive_in_the_data_folder_is_as_good_as_the_files(toy, beside: str) -> None:
    dataset = replace(toy.dataset, archives=("other.zip", "toy.zip"))
    offline = Sources(toy.root, offline=True)
    assert dataset.missing(offline)
    (toy.base / beside).mkdir(parents=True)
    archive = toy.pack().rename(toy.base / beside / "toy.zip")
    assert dataset.missing(offline) is None
    found = dataset.state(offline)
    assert (found.present, found.bytes) == (True, archive.stat().st_size)
    assert dataset.check(offline).detail == f"not unpacked yet from {archive}"
    assert not toy.folder.exists(), "nothing is unpacked by those who only look"
    assert dataset.verified(offline)[0] == toy.folder
    assert toy.held() == toy.files
    archive.write_bytes(b"read by nobody now")
    assert dataset.require(offline) == toy.folder


def test_an_archive_in_a_data_folder_that_cannot_be_written(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.root.mkdir()
    toy.pack().rename(toy.root / "toy.zip")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(OSError, match=r"cannot be written \(Permission denied\): make it writable, or name another"):
        replace(toy.dataset, archives=("toy.zip",)).require(toy.sources)


def test_an_import_repairs_damage(toy) -> None:
    toy.published.take(toy.sources, toy.pack())
    (toy.folder / "list.txt").write_bytes(b"damaged")
    toy.published.take(toy.sources, toy.pack())
    assert toy.held() == toy.files


@pytest.mark.parametrize("path", ["data/lab/toy", "data", "data/lab"])
def test_files_in_their_place_are_verified_and_recorded(toy, path: str) -> None:
    toy.write(toy.folder)
    assert toy.dataset.check(toy.sources).state == "unknown"
    assert toy.dataset.take(toy.sources, toy.base / path).folder == toy.folder
    assert toy.dataset.check(toy.sources).state == "recorded"
    (toy.folder / "list.txt").write_bytes(b"damaged")
    with pytest.raises(OSError, match="list.txt is damaged"):
        toy.dataset.take(toy.sources, toy.folder)
    assert toy.dataset.check(toy.sources).state == "damaged"


def test_files_in_another_of_its_folders_stay_there(toy) -> None:
    toy.write(toy.root / "toy")
    assert toy.dataset.take(toy.sources, toy.root).folder == toy.root / "toy"
    assert not toy.folder.exists()


def test_the_place_may_be_a_link_to_another_disk(toy) -> None:
    (toy.base / "disk").mkdir()
    toy.folder.parent.mkdir(parents=True)
    toy.folder.symlink_to(toy.base / "disk")
    toy.dataset.take(toy.sources, toy.pack())
    assert toy.folder.is_symlink()
    assert toy.held() == toy.files
    assert not list(toy.base.glob("**/.*.work"))


def test_a_wrong_archive_says_what_was_looked_for_and_leaves_nothing(toy, packers) -> None:
    (toy.base / "other.zip").write_bytes(packers["zip"]({"photo.jpg": b"no data"}))
    with pytest.raises(NotThere) as caught:
        toy.dataset.take(toy.sources, toy.base / "other.zip")
    assert str(caught.value) == (
        f"{toy.base / 'other.zip'} does not hold The toy: "
        "looked for list.txt, 3 files signals/*.csv, in any folder of it"
    )
    assert toy.nothing_there()


def test_an_incomplete_archive_or_folder_says_what_it_lacks(toy) -> None:
    del toy.files["signals/b.csv"]
    for path in (toy.pack(), toy.write(toy.base / "mine")):
        with pytest.raises(NotThere, match=r"does not hold all of The toy: it lacks signals/\*\.csv \(2 of 3 files\)$"):
            toy.dataset.take(toy.sources, path)
    assert toy.nothing_there()


def test_a_path_that_is_not_there(toy) -> None:
    with pytest.raises(OSError, match=r"nowhere.zip does not exist: name an archive or a folder that holds The toy$"):
        toy.dataset.take(toy.sources, toy.base / "nowhere.zip")


def test_of_several_data_sets_all_that_are_there_are_taken(toy) -> None:
    other = replace(toy.dataset, name="other", title="The other", folders=("other",), contents={"other.txt": 1})
    third = replace(other, name="third", title="The third", contents={"third.txt": 1}, folders=("third",))
    archive = toy.pack("zip", others={"x/other.txt": b"other"})
    taken, missed = take_any(toy.sources, (toy.dataset, other, third), archive)
    assert [(dataset, one.folder) for dataset, one in taken] == [(toy.dataset, toy.folder), (other, toy.root / "other")]
    assert [dataset for dataset, _ in missed] == [third]
    with pytest.raises(NotThere, match=r"hold The third: looked for third\.txt.*$"):
        take_any(toy.sources, (third,), archive)


def test_two_data_sets_in_one_folder_keep_their_records_apart(toy) -> None:
    other = replace(toy.dataset, name="other", contents={"other.txt": 1})
    archive = toy.pack("zip", others={"toy-1.0/other.txt": b"other"})
    toy.dataset.take(toy.sources, archive)
    other.take(toy.sources, archive)
    assert toy.dataset.check(toy.sources).state == other.check(toy.sources).state == "recorded"
    (toy.folder / "other.txt").write_bytes(b"damaged")
    assert toy.dataset.check(toy.sources).state == "recorded"
    assert other.check(toy.sources).state == "damaged"


def test_a_read_only_data_folder_is_read(toy) -> None:
    toy.published.take(toy.sources, toy.pack())
    shutil.rmtree(toy.root / ".locks")
    folders = [toy.root, toy.folder.parent, toy.folder, toy.folder / "signals"]
    for folder in folders:
        folder.chmod(0o555)
    try:
        before = sorted(toy.root.rglob("*"))
        assert toy.published.verified(Sources(toy.root))[0] == toy.folder
        assert toy.published.take(toy.sources, toy.folder).folder == toy.folder
        assert sorted(toy.root.rglob("*")) == before
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_a_home_folder_is_understood(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(toy.base))
    toy.pack("zip")
    assert toy.dataset.take(toy.sources, Path("~/toy.zip")).folder == toy.folder


def numbered(dataset: DataSet, folder: Path, digest: str, sources: Sources) -> None:
    """The list must begin with "list"."""
    if not (folder / "list.txt").read_bytes().startswith(b"list"):
        raise Wrong(f"{folder / 'list.txt'} is no list")


def test_what_the_task_could_not_read_is_not_taken(toy) -> None:
    dataset = replace(toy.dataset, examine=numbered)
    toy.files["list.txt"] = b"no such thing"
    archive = toy.pack()
    with pytest.raises(OSError, match=r": list\.txt is no list; nothing was taken from it$") as caught:
        dataset.take(toy.sources, archive)
    assert str(caught.value).startswith(f"{archive} ")
    assert toy.nothing_there()
    toy.write(toy.folder)
    with pytest.raises(ValueError, match=r"list\.txt is no list: put a good copy there \(harness data import toy "):
        dataset.take(toy.sources, toy.folder)
    assert not (toy.folder / ".sha256").exists()


def test_a_copy_that_was_recorded_broken_is_told_and_replaced_by_a_good_one(toy) -> None:
    good, toy.files["list.txt"] = b"list of signals", b"broken"
    toy.dataset.take(toy.sources, toy.pack())
    dataset = replace(toy.dataset, examine=numbered)
    found = dataset.check(toy.sources)
    assert (found.state, found.detail) == (
        "damaged",
        f"{toy.folder}/list.txt is no list: put a good copy there (harness data import toy PATH --again)",
    )
    toy.files["list.txt"] = good
    dataset.take(toy.sources, toy.pack())
    assert toy.held() == toy.files
    assert dataset.check(toy.sources).state == "recorded"


def test_again_replaces_data_that_are_whole(toy) -> None:
    toy.dataset.take(toy.sources, toy.pack())
    toy.files["list.txt"] = b"a later version"
    toy.dataset.take(toy.sources, toy.pack(), again=True)
    assert toy.held() == toy.files


def test_a_command_in_a_message_has_the_options_it_needs(toy) -> None:
    sources = replace(toy.sources, options="--data-root '/my data'")
    assert "(harness data import toy PATH --again --data-root '/my data')" in toy.dataset.repair(sources)
    assert "harness data import toy PATH --data-root '/my data'" in str(toy.dataset.missing(sources))


RENAMED = [
    lambda name: name.replace("list", "List").replace("signals/", ""),
    lambda name: f"{name} (1)",
    lambda name: f"{name}.bin",
    lambda name: name.rpartition("/")[2].replace(".", "-"),
    lambda name: f"{len(name)}{name[-5]}/x",
]


@pytest.mark.parametrize("renamed", RENAMED, ids=["flat", "(1)", "suffix", "no dot", "unlike"])
@pytest.mark.parametrize("kind", ["folder", "zip", "tar.gz"])
def test_files_are_known_by_their_published_checksums_whatever_they_are_called(toy, kind: str, renamed) -> None:
    dataset, good = toy.published, dict(toy.files)
    toy.files = {renamed(name): content for name, content in good.items()} | {"notes.txt": b"mine"}
    path = toy.write(toy.base / "mine") if kind == "folder" else toy.pack(kind, "")
    taken = dataset.take(toy.sources, path)
    assert toy.held() == good
    assert taken.renamed == {name: renamed(name) for name in good}
    assert taken.left == {"notes.txt"}
    assert toy.tidy()


def test_a_file_packed_alone_is_known_by_the_checksum_of_what_is_in_it(toy) -> None:
    dataset, good = toy.published, dict(toy.files)
    toy.files = {f"x{name}.gz": gzip.compress(content) for name, content in good.items()}
    taken = dataset.take(toy.sources, toy.write(toy.base / "mine"))
    assert toy.held() == good
    assert taken.renamed["list.txt"] == "xlist.txt.gz"


def test_files_that_are_equal_are_known_by_one_checksum(toy) -> None:
    toy.files["signals/b.csv"] = toy.files["signals/a.csv"]
    dataset, good = toy.published, dict(toy.files)
    toy.files = {f"{name} (2)": content for name, content in good.items()}
    dataset.take(toy.sources, toy.write(toy.base / "mine"))
    assert toy.held() == good


def test_what_neither_name_nor_checksum_tells_is_named(toy) -> None:
    dataset = toy.published
    toy.files = {f"{name}.txt": content for name, content in toy.files.items()}
    toy.files["list.txt.txt"] = b"another list"
    for path in (toy.pack("zip", ""), toy.write(toy.base / "mine")):
        with pytest.raises(NotThere, match=r"does not hold all of The toy: it lacks list\.txt$"):
            dataset.take(toy.sources, path)
    assert toy.nothing_there()


def test_large_files_are_not_read_to_know_them(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.sources.taking.SLACK", 0)
    dataset = replace(toy.published, size=sum(map(len, toy.files.values())))
    toy.files = {f"{name}.bin": content for name, content in toy.files.items()} | {"film": b"x" * 20_000}
    path = toy.write(toy.base / "mine")
    dataset.take(toy.sources, path)
    read = [total for what, _, total in toy.reported if what == f"reading {path}"]
    assert max(read) == dataset.size


@pytest.mark.parametrize("name", ["toy.zip", "toy (1).zip", "whatever.tar.xz"])
def test_a_folder_that_holds_the_archive_is_as_good_as_the_archive(toy, name: str) -> None:
    dataset = replace(toy.dataset, archives=("toy.zip",))
    downloads = toy.base / "downloads" / "old"
    downloads.mkdir(parents=True)
    toy.pack(name.partition(".")[2]).rename(downloads / name)
    (downloads / "letter.txt").write_text("no data")
    taken = dataset.take(toy.sources, downloads.parent)
    assert toy.held() == toy.files
    assert taken.origin.startswith(str(downloads / name))


def test_of_several_unknown_archives_none_is_chosen(toy) -> None:
    downloads = toy.base / "downloads"
    downloads.mkdir()
    shutil.copy(toy.pack("zip"), downloads / "a.zip")
    shutil.copy(toy.pack("tar"), downloads / "b.tar")
    with pytest.raises(NotThere, match=r"to look into one of its archives \((a\.zip, b\.tar|b\.tar, a\.zip)\), name"):
        toy.dataset.take(toy.sources, downloads)


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_an_import_tells_what_it_took_and_what_it_left(toy, kind: str) -> None:
    dataset = replace(toy.dataset, contents={"list.txt": 1})
    (toy.base / "mine").mkdir()
    path = toy.write(toy.base / "mine") if kind == "folder" else toy.pack(kind, "")
    taken = dataset.take(toy.sources, path)
    assert (taken.files, taken.origin) == (1, str(path))
    assert taken.left == {"signals/a.csv", "signals/b.csv", "signals/c.csv"}
