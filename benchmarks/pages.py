"""Blocks of pages in docs/ that commands write: a page's figures are measured, never typed.

    pytest benchmarks/test_engines.py --benchmark-enable -s | python benchmarks/pages.py engines

puts what these benchmarks print into the block of that name, with machine and date. A block stands between
``<!-- begin NAME: COMMAND -->`` and ``<!-- end NAME -->``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "scaling.md"
SPEED = DOCS / "speed.md"
PRINTED = re.compile(r"^(?!Legend:)[^\s=].*\n(?:  \S.*\n)+", re.MULTILINE)
"""How benchmarks print: a line that says what, then lines of figures, indented by two. The legend is another's."""


def _block(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- begin {re.escape(name)}[^>]*-->\n)(.*?)(<!-- end {re.escape(name)} -->)", re.DOTALL)


def read_block(page: Path, name: str) -> str:
    """What stands in a block now; ``LookupError`` where the page has no such block."""
    found = _block(name).search(page.read_text(encoding="utf-8"))
    if found is None:
        raise LookupError(f"{page} has no block '{name}'")
    return found[2].strip()


def replace_block(page: Path, name: str, content: str) -> None:
    """Write a block anew; ``LookupError`` where the page has no such block."""
    read_block(page, name)
    text = page.read_text(encoding="utf-8")
    new = _block(name).sub(lambda found: f"{found[1]}\n{content}\n\n{found[3]}", text)
    page.write_text(new, encoding="utf-8")


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown, numbers to the right."""
    ruler = ["---", *["---:"] * (len(heading) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heading, ruler, *rows))


def printed(output: str) -> str:
    """The figures in what pytest printed, as code; ``LookupError`` where there are none."""
    found = PRINTED.findall(output)
    if not found:
        raise LookupError("no figures were printed: did the benchmark run, with -s?")
    return f"```text\n{''.join(found).rstrip()}\n```"


def main(name: str) -> None:
    """Read what was printed, and write the block."""
    from harness.environment import collect

    environment = collect(1)
    hardware, software = environment["hardware"], environment["software"]
    machine = f"{hardware['cpu']}, {hardware['physical_cores']} cores; Python {software['python']}"
    told = printed(sys.stdin.read())
    page = next((page for page in (PAGE, SPEED) if _block(name).search(page.read_text(encoding="utf-8"))), PAGE)
    replace_block(page, name, f"{told}\n\nMachine: {machine}; {date.today().isoformat()}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
