"""Archives that are dangerous, damaged or protected: one sentence each, and nothing of them is imported."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tasks.sources import Refused


def refused(toy, path: Path) -> str:
    with pytest.raises(Refused) as caught:
        toy.dataset.take(toy.sources, path)
    assert toy.nothing_there()
    assert toy.tidy()
    told = str(caught.value)
    assert "\n" not in told
    assert str(path) in told
    return told


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("name", ["../evil.txt", "/tmp/evil.txt", "toy-1.0/../../evil.txt", "../../signals/d.csv"])
def test_a_member_that_would_escape(toy, kind: str, name: str) -> None:
    told = refused(toy, toy.pack(kind, others={name: b"evil"}))
    assert f"its member {name} would lie, or lead, outside the folder" in told
    assert not list(toy.base.rglob("evil.txt"))


@pytest.mark.parametrize("name", ["..\\evil.txt", "C:\\evil.txt", "c:/evil.txt"])
def test_a_member_of_a_zip_that_would_escape_on_another_system(toy, name: str) -> None:
    assert name in refused(toy, toy.pack("zip", others={name: b"evil"}))


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "toy-1.0/../../../outside"])
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_in_a_tar_that_leads_out(toy, target: str, kind: bytes) -> None:
    file = toy.pack("tar")
    with tarfile.open(file, "a") as archive:
        link = tarfile.TarInfo("toy-1.0/link")
        link.type, link.linkname = kind, target
        archive.addfile(link)
    told = refused(toy, file)
    assert "its member toy-1.0/link" in told or "linkname" in told


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_a_device_or_a_pipe_in_a_tar(toy, kind: bytes) -> None:
    file = toy.pack("tar")
    with tarfile.open(file, "a") as archive:
        device = tarfile.TarInfo("toy-1.0/null")
        device.type = kind
        archive.addfile(device)
    assert "is refused: its member toy-1.0/null is no plain file" in refused(toy, file)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
@pytest.mark.parametrize(
    "names",
    [
        [f"toy-1.0/signals/{'long' * 70}.csv"],
        ["toy-1.0/list.txt/signals/a.csv"],
        ["toy-1.0/signals/a.csv/list.txt"],
        ["other/list.txt/list.txt", "other/list.txt"],
    ],
    ids=["too long", "below a file", "below another file", "a file where a folder is"],
)
def test_a_member_that_cannot_be_written(toy, kind: str, names: list[str]) -> None:
    told = refused(toy, toy.pack(kind, others=dict.fromkeys(names, b"in the way")))
    assert told == f"{toy.base / f'toy.{kind}'} holds a member that cannot be written here: {names[-1]}"


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside"])
def test_a_link_in_a_zip_that_leads_out(toy, target: str) -> None:
    file = toy.pack("zip")
    link = zipfile.ZipInfo("toy-1.0/link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(link, target)
    assert "its member toy-1.0/link" in refused(toy, file)


def test_links_that_stay_inside_do_no_harm_and_are_left_out(toy) -> None:
    file = toy.pack("tar")
    with tarfile.open(file, "a") as archive:
        link = tarfile.TarInfo("toy-1.0/latest")
        link.type, link.linkname = tarfile.SYMTYPE, "signals"
        archive.addfile(link)
    toy.dataset.take(toy.sources, file)
    assert toy.held() == toy.files


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_far_more_than_the_data_set(toy, kind: str) -> None:
    toy.files["signals/a.csv"] = bytes(6_000_000)
    file = toy.pack(kind)
    toy.files["signals/a.csv"] = b""
    assert "far more than the data set that was looked for" in refused(toy, file)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz", "tar.bz2"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.7])
def test_a_truncated_archive(toy, kind: str, share: float) -> None:
    file = toy.pack(kind)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    told = refused(toy, file)
    assert "is damaged" in told or (kind == "tar" and "does not hold" in told)


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.xz", "tar.bz2"])
def test_a_flipped_bit_is_never_imported(toy, kind: str) -> None:
    """A bit is flipped at 60 places; where the flip changes nothing that is read, what is imported is right."""
    file = toy.pack(kind)
    content = file.read_bytes()
    refusals = 0
    for place in range(0, len(content), len(content) // 60):
        file.write_bytes(content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :])
        told = ""
        try:
            toy.dataset.take(toy.sources, file)
        except OSError as error:
            told = str(error)
            refusals += 1
        if told:
            assert "\n" not in told
            assert str(file) in told
            assert toy.tidy()
        else:
            assert toy.held() == toy.files
    assert refusals > 40


def test_a_page_saved_as_an_archive(toy) -> None:
    (toy.base / "toy.zip").write_bytes(b"<html>not found</html>")
    assert "is damaged or no archive" in refused(toy, toy.base / "toy.zip")


def test_a_zip_with_a_password(toy) -> None:
    file = toy.pack("zip")
    content = bytearray(file.read_bytes())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        places = [info.header_offset + 6 for info in archive.infolist()]
        start = archive.start_dir
    while (start := content.find(b"PK\x01\x02", start)) >= 0:
        places.append(start + 8)
        start += 4
    for place in places:
        content[place] |= 1
    file.write_bytes(content)
    assert "is protected by a password: unpack it yourself" in refused(toy, file)


def test_files_and_folders_that_cannot_be_read(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    file, folder = toy.pack("zip"), toy.write(toy.base / "mine")

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tasks.sources.progress._Watched.readinto", denied)
    assert "cannot be read (Permission denied)" in refused(toy, file)
    assert "cannot be read (Permission denied)" in refused(toy, folder)
    monkeypatch.setattr("os.scandir", denied)
    assert "cannot be read (Permission denied)" in refused(toy, folder)
