"""Text files in other encodings than UTF-8: read where a byte order mark tells the encoding, else refused in words."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.cli import run_command
from harness.errors import UserError
from harness.recipes.written import _document
from harness.suites.file import load
from harness.textfile import decoded, utf8_lines
from harness.tuning.specification import read as read_space

MARKED = ["utf-8", "utf-8-sig", "utf-16", "utf-32"]
"""Python writes a mark with all but the first."""
TEXT = 'title = "Größe"\r\n[x]\r\n'


def big_endian(text: str) -> bytes:
    return b"\xfe\xff" + text.encode("utf-16-be")


@pytest.mark.parametrize("content", [*(TEXT.encode(name) for name in MARKED), big_endian(TEXT)], ids=[*MARKED, "be"])
def test_a_mark_tells_the_encoding_and_all_line_ends_are_one(content: bytes) -> None:
    assert decoded(content, "a.toml") == 'title = "Größe"\n[x]\n'


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (TEXT.encode("cp1252"), "a.toml: byte 11, line 1 (0xf6) is not UTF-8"),
        (b"[x]\n\n# caf\xe9\n", "a.toml: byte 10, line 3 (0xe9) is not UTF-8"),
        ("a\ud800"[:1].encode("utf-16") + b"\x00\xd8", "a.toml: byte 4 (0x00) is not UTF-16"),
        ("a = 1".encode("utf-16-le"), "a.toml: byte 1 is 0, as in UTF-16 without a byte order mark"),
    ],
    ids=["cp1252", "latin-1", "cut off", "no mark"],
)
def test_other_encodings_are_refused_with_the_place(content: bytes, told: str) -> None:
    with pytest.raises(UserError) as caught:
        decoded(content, "a.toml")
    assert str(caught.value).startswith(told)
    assert "UTF-8" in str(caught.value)


@pytest.mark.parametrize("encoding", MARKED)
def test_lines_come_as_utf_8(encoding: str) -> None:
    stream = io.BytesIO('{"a": "ö"}\r\n{"b": 1}\r\n'.encode(encoding))
    assert [json.loads(line) for line in utf8_lines(stream, "x") if line.strip()] == [{"a": "ö"}, {"b": 1}]


@pytest.mark.parametrize("encoding", MARKED)
def test_recipes_suites_and_spaces_are_read_in_every_marked_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "space.toml").write_bytes('[space]\r\nlr = "1e-4..1e-1 log"\r\n'.encode(encoding))
    assert read_space(tmp_path / "space.toml") == {"lr": "1e-4..1e-1 log"}
    (tmp_path / "mine.toml").write_bytes("[tuned]\r\nepochs = 3\r\n".encode(encoding))
    assert _document(tmp_path / "mine.toml").unwrap() == {"tuned": {"epochs": 3}}
    text = 'title = "Größe"\r\n[[grid]]\r\narchitectures = ["gru"]\r\ntasks = ["adding"]\r\nseeds = "0"\r\n'
    (tmp_path / "suite.toml").write_bytes(text.encode(encoding))
    assert load(str(tmp_path / "suite.toml")).title == "Größe"


def recipe(tmp_path: Path, content: bytes) -> list[str]:
    (tmp_path / "r.toml").write_bytes(content)
    return ["run", "--recipe", str(tmp_path / "r.toml"), "--home", str(tmp_path / "home"), "--dry-run"]


def test_a_recipe_in_another_encoding_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(recipe(tmp_path, 'arch = "gru"\n# Größe\n'.encode("latin-1"))) == 2
    told = capsys.readouterr().err
    assert f"{tmp_path / 'r.toml'}: byte 17, line 2 (0xf6) is not UTF-8" in told
    assert len(told.strip().splitlines()) == 1


@pytest.mark.parametrize("encoding", MARKED)
@pytest.mark.parametrize("piped", [False, True])
def test_an_import_reads_lines_in_every_marked_encoding(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    encoding: str,
    piped: bool,
) -> None:
    results = sorted((Path(__file__).parents[2] / "results").rglob("*.jsonl"))[0]
    first = results.read_text(encoding="utf-8").split("\n", 1)[0]
    content = f"{first}\r\n".encode(encoding)
    (tmp_path / "runs.jsonl").write_bytes(content)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    file = "-" if piped else str(tmp_path / "runs.jsonl")
    assert run_command(["import", file, "--home", str(tmp_path / "home")]) == 0
    assert "1 new" in capsys.readouterr().out


def test_an_import_in_another_encoding_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "runs.jsonl").write_bytes('{"arch": "größe"}\n'.encode("latin-1"))
    assert run_command(["import", str(tmp_path / "runs.jsonl"), "--home", str(tmp_path / "home")]) == 2
    told = capsys.readouterr().err
    assert "runs.jsonl, line 1: " in told
    assert "byte 12 (0xf6) is not UTF-8" in told


PLUGIN = '''"""Größe."""
from tasks import Task


class Mine(Task):
    """One."""

    name = title = "mine"
    kind, metric = "classification", "accuracy"
    protocol = source = licence = citation = "x"
    input_size = output_size = 1

    def load(self, sources):
        raise OSError
'''


@pytest.mark.parametrize(("encoding", "code"), [("utf-8", 0), ("utf-8-sig", 0), ("utf-16", 2), ("latin-1", 2)], ids=str)
def test_a_plugin_file_is_read_or_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], encoding: str, code: int
) -> None:
    file = tmp_path / "mine.py"
    file.write_bytes(PLUGIN.replace("\n", "\r\n").encode(encoding))
    assert run_command(["list", "tasks", "mine", "--plugin", str(file)]) == code
    told = capsys.readouterr().err
    if code:
        assert len(told.strip().splitlines()) == 1
        assert str(file) in told
        assert "byte" in told
        assert "utf-8" in told.lower()
