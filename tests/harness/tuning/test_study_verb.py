"""``study show`` of a study whose architecture and task are those of a plugin."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli import run_command


def test_the_best_recipe_of_a_plugin(plugin: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = ["--plugin", plugin, "--arch", "mean", "--task", "sign", "--epochs", "1", "--study", "own"]
    search = ["--engine", "local", "--trials", "1", "--final-seeds", "0", "--space", "lr=0.01..0.1"]
    assert run_command(["tune", *pair, *search]) == 0
    capsys.readouterr()
    assert run_command(["study", "show", "own", "--toml", "--plugin", plugin]) == 0
    (tmp_path / "best.toml").write_text(capsys.readouterr().out)
    assert run_command(["run", "--recipe", str(tmp_path / "best.toml"), "--plugin", plugin, "--dry-run"]) == 0
    capsys.readouterr()
    assert run_command(["study", "show", "own"]) == 0, "to be shown it needs no plugin"
    assert run_command(["study", "show", "own", "--toml"]) == 2
    told = capsys.readouterr().err
    assert "no architecture is called 'mean'" in told
    assert "--plugin" in told
