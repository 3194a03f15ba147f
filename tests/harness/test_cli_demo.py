"""``demo`` finds out whether it can write its page before it trains."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli import run_command


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What would be trained."""
    found: list[object] = []
    monkeypatch.setattr("harness.cli.training.train", lambda *given, **named: found.append(given) or 1 / 0)
    return found


@pytest.mark.parametrize("kind", ["a file", "below a file", "another page"])
def test_a_page_that_cannot_be_written(
    kind: str, trained: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "site"
    if kind == "another page":
        out.mkdir()
        (out / "index.html").write_text("mine")
    else:
        out.write_text("")
    where = out / "below" if kind == "below a file" else out
    assert run_command(["demo", "--out", str(where), "--home", str(tmp_path / "home")]) == 2
    assert not trained
    told = capsys.readouterr().err
    assert str(where) in told
    assert told.count("\n") == 1


def test_a_folder_that_can_be_written_stays_as_it_is(trained: list[object], tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "mine.txt").write_text("")
    assert run_command(["demo", "--out", str(tmp_path / "site"), "--home", str(tmp_path / "home")]) == 1
    assert len(trained) == 1
    assert [file.name for file in (tmp_path / "site").iterdir()] == ["mine.txt"]
