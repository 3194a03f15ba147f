"""The file: written at once or not at all, and one sentence where it can't be."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

import reports
from reports import Frames, render

from .fakes import frames, run


@pytest.fixture
def small() -> Frames:
    return frames(run())


def test_the_page_is_written_to_the_folder_which_is_made(small: Frames, tmp_path: Path) -> None:
    path = render(small, tmp_path / "deep" / "site")
    assert path == tmp_path / "deep" / "site" / "index.html"
    assert path.read_bytes().startswith(b"<!DOCTYPE html>")
    assert [file.name for file in path.parent.iterdir()] == ["index.html"]


def test_the_same_frames_give_the_same_file(small: Frames, tmp_path: Path) -> None:
    assert render(small, tmp_path / "a").read_bytes() == render(small, tmp_path / "b").read_bytes()


def test_an_out_that_is_a_file_is_one_sentence(small: Frames, tmp_path: Path) -> None:
    file = tmp_path / "site"
    file.write_text("mine")
    with pytest.raises(OSError, match="cannot write the report to") as caught:
        render(small, file)
    message = f"cannot write the report to {file} (there is a file of that name): name a folder that can be written"
    assert str(caught.value) == message
    assert file.read_text() == "mine"


def test_an_out_below_a_file_is_one_sentence(small: Frames, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        OSError, match=r"^cannot write the report to \S+ \(Not a directory\): name a folder that can be"
    ):
        render(small, tmp_path / "file" / "site")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_an_out_without_permission_is_one_sentence(small: Frames, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match=r"^cannot write the report to \S+ \(Permission denied\)"):
        render(small, tmp_path / "site")


def test_a_disk_that_is_full_leaves_the_old_page(
    small: Frames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index.html").write_text("old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"^cannot write the report to \S+ \(No space left on device\)"):
        render(small, tmp_path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("index.html", "old")]


def test_public_names() -> None:
    assert reports.__all__ == ["Frames", "render", "table"]
    assert all(callable(getattr(reports, name)) for name in reports.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = reports.nothing
