"""``python -m harness`` and the console script ``harness``."""

from __future__ import annotations

import sys

from harness.allocation import use_large_pages
from harness.cli import run_command


def main() -> None:
    """Run the command line and leave with its exit code."""
    use_large_pages()
    sys.exit(run_command(sys.argv[1:]))


if __name__ == "__main__":
    main()
