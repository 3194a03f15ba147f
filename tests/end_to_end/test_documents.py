"""The commands that the documents tell: every one is understood by the parser, the scripts by their shells."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from harness.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "results" / "README.md", *(ROOT / "docs").glob("*.md")])
ENDS = {">", ">>", "|", "||", "&", "&&", ";", "2>"}


def commands(page: Path) -> Iterator[str]:
    """What follows ``python -m harness`` in code, to the end of the line or of the quotation that it stands in."""
    text = re.sub(r"\\\n\s*", " ", page.read_text(encoding="utf-8"))
    fenced = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
    indented = re.findall(r"^(?:    .*\n)+", fenced.sub("", text), re.MULTILINE)
    inline = re.findall(r"`(python -m harness [^`]*)`", text)
    for line in "\n".join([*fenced.findall(text), *indented, *inline]).splitlines():
        before, found, after = line.partition("python -m harness ")
        if found:
            yield after.partition("'")[0] if before.count("'") % 2 else after


def words(command: str) -> list[str]:
    """The arguments of a command, as a shell takes them, up to where another one begins."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="<>|&;")
    lexer.whitespace_split = True
    found = list(lexer)
    end = next((at for at, word in enumerate(found) if word in ENDS), len(found))
    return found[:end]


def parse(arguments: list[str]) -> None:
    """Let the command line read `arguments`, without doing anything; raises what a person would be told."""
    command = typer.main.get_command(app)
    context = command.make_context("harness", list(arguments))
    while hasattr(command, "resolve_command"):
        name, command, arguments = command.resolve_command(context, arguments)
        context = command.make_context(name, list(arguments), parent=context)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_is_understood(page: Path) -> None:
    for command in commands(page):
        try:
            parse(words(command))
        except Exception as error:
            told = error.format_message() if hasattr(error, "format_message") else str(error)
            pytest.fail(f"{page.name}: python -m harness {command}: {told}")


def test_a_mistake_in_a_page_would_be_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "    python -m harness suite run quick --enjine ray  # a comment\n\n`python -m harness sweet run`\n"
    )
    first, second = commands(page)
    for command, told in ((first, "--enjine"), (second, "sweet")):
        with pytest.raises(Exception, match="No such option|there is no") as error:
            parse(words(command))
        assert told in str(error.value)


def test_the_pages_about_campaigns_have_commands() -> None:
    for name in ("campaigns.md", "scaling.md"):
        assert len(list(commands(ROOT / "docs" / name))) > 5


def blocks(page: Path, language: str) -> list[str]:
    """The code of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_scripts_are_understood_by_bash() -> None:
    found = [code for language in ("sh", "bash") for code in blocks(ROOT / "docs" / "scaling.md", language)]
    assert any("sbatch" in code.lower() for code in found)
    for code in found:
        done = subprocess.run(["bash", "-n"], input=code, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_ray_knows_all_keys_of_its_file() -> None:
    ray = pytest.importorskip("ray", reason="needs Ray, of the extra cluster")
    jsonschema = pytest.importorskip("jsonschema", reason="comes with Ray")
    schema = Path(ray.__file__).parent / "autoscaler" / "ray-schema.json"
    jsonschema.validate(cluster(), json.loads(schema.read_text(encoding="utf-8")))


def cluster() -> dict[str, Any]:
    """The file for ``ray up``."""
    yaml = pytest.importorskip("yaml", reason="comes with Ray")
    (code,) = blocks(ROOT / "docs" / "scaling.md", "yaml")
    return yaml.safe_load(code)


def ray_commands() -> Iterator[list[str]]:
    """The calls of ``ray`` in the page: verb and options."""
    page, made = ROOT / "docs" / "scaling.md", cluster()
    lines = [*made["head_start_ray_commands"], *made["worker_start_ray_commands"]]
    for code in (*blocks(page, "sh"), *blocks(page, "bash")):
        lines += re.sub(r"\\\n\s*", " ", code).splitlines()
    verbs = "get-auth-token|start|status|stop|up|down|job|exec|dashboard|rsync-down"
    for line in lines:
        for call in re.findall(rf"(?:^|[\s\"']|bin/)ray ((?:{verbs})\b.*)", line.partition(" -- ")[0]):
            yield call.partition("'")[0].split()


def test_ray_knows_every_option() -> None:
    scripts = pytest.importorskip("ray.scripts.scripts", reason="needs Ray, of the extra cluster")
    seen = set()
    for call in ray_commands():
        command = scripts.cli
        while hasattr(command, "commands"):
            command = command.commands[call.pop(0)]
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        options = {word.partition("=")[0] for word in call if word.startswith("--")}
        assert options <= known, f"ray {command.name} has no {', '.join(sorted(options - known))}"
        seen |= options
    assert seen >= {"--head", "--block", "--temp-dir", "--autoscaling-config", "--submission-id", "--generate"}
