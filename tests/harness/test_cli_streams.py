"""Commands without standard streams, without a home directory, and in a folder that is gone or cannot be written."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from architectures.kernels import library
from harness.cli import run_command, streams

TRAIN = "run --arch gru --task sdigits --set hidden_size=2 --epochs 1 --train-limit 64"


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a shell says of a line in which ``harness`` is the program."""
    return subprocess.run(
        ["sh", "-c", line.replace("harness ", f"{sys.executable} -m harness ", 1)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_run_without_any_stream_is_done_and_stored(tmp_path: Path) -> None:
    assert shell(f"harness {TRAIN} >&- 2>&- <&-", tmp_path).returncode == 0
    assert " done " in shell("harness list runs", tmp_path).stdout


@pytest.mark.parametrize(
    ("line", "code", "output"),
    [
        ("harness list tasks >&-", 0, ("", "")),
        ("harness list tasks --json >&- 2>&-", 0, ("", "")),
        ("harness list nothing 2>&-", 2, ("", "")),
        ("harness show 0123 >&-", 2, ("", "there is no store")),
    ],
)
def test_a_closed_stream_is_as_the_null_device(line: str, code: int, output: tuple[str, str], tmp_path: Path) -> None:
    done = shell(line, tmp_path)
    assert done.returncode == code
    for found, wanted in zip((done.stdout, done.stderr), output, strict=True):
        assert wanted in found
        assert bool(wanted) == bool(found)


def test_no_other_file_becomes_standard_output(tmp_path: Path) -> None:
    """A database with the number of standard output would get whatever a library prints."""
    code = (
        "import subprocess, sys; from harness.cli import streams; streams.open_missing(); file = open('a', 'w');"
        "subprocess.run('echo lost; echo lost >&2; cat', shell=True, check=True);"
        "print(*(one.fileno() for one in (file, sys.stdout, sys.stdin, sys.stderr)), file=file)"
    )
    done = shell(f'{sys.executable} -c "{code}" >&- 2>&- <&-', tmp_path)
    assert done.returncode == 0
    assert min(map(int, (tmp_path / "a").read_text().split())) > 2


def test_where_python_has_no_streams_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    streams.open_missing()
    assert sys.stdin.read() == ""
    print("to nobody", file=sys.stderr)
    assert run_command(["list", "tasks"]) == 0
    assert run_command(["fly"]) == 2


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a home directory: neither HOME nor an entry in the table of users."""

    def unknown(*_: object) -> None:
        raise KeyError("uid not found")

    for name in ("HOME", "HARNESS_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.mark.parametrize(
    "arguments",
    [("list", "runs"), ("report",), ("export",), ("doctor",), ("data", "list"), ("show", "0123"), (*TRAIN.split(),)],
    ids=" ".join,
)
def test_a_user_without_a_home_directory_names_a_folder(
    homeless: None,
    arguments: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command(arguments) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "no home directory" in told
    assert "--home or HARNESS_HOME" in told
    assert not list(tmp_path.iterdir()), "above all no folder that is called ~"


def test_a_user_without_a_home_directory_needs_none_beside_that_folder(
    homeless: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command([*TRAIN.split(), "--home", str(tmp_path / "home")]) == 0
    assert run_command(["list", "runs", "--home", "~/runs"]) == 2
    assert "~/runs: there is no home directory" in capsys.readouterr().err


def test_compiled_libraries_of_a_user_without_a_home_directory(homeless: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_KERNELS", raising=False)
    with pytest.raises(library.Unusable, match="name a folder with HARNESS_KERNELS"):
        library.folder_of_cache()


@pytest.mark.parametrize(
    "arguments", [("report",), ("report", "--format", "csv"), ("export", "--out", "runs.jsonl")], ids=" ".join
)
def test_a_folder_that_cannot_be_written(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("this system has no /proc, in which nobody can write")
    home = os.environ["HARNESS_HOME"]
    assert run_command([*TRAIN.split(), "--home", home]) == 0
    capsys.readouterr()
    monkeypatch.chdir("/proc")
    assert run_command(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1


def test_a_current_folder_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert run_command(["report"]) == 2
    assert capsys.readouterr().err.startswith("error: the current folder is gone")
