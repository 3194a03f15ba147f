"""Where each page lies below the folder of a report: names that last, that no two things share, that any disk takes."""

from __future__ import annotations

import re
from hashlib import sha256

from reports.records import Run

OVERVIEW = "index.html"
SPEED = "speed.html"
LEDGER = "ledger.html"
_LONGEST = 60


def task(label: str) -> str:
    """The page of a task with all its variants: that of ``psmnist`` for ``psmnist[permutation=cornn]``."""
    return f"tasks/{slug(base(label))}.html"


def architecture(name: str) -> str:
    """The page of an architecture."""
    return f"architectures/{slug(name)}.html"


def pair(label: str, arch: str) -> str:
    """The page of one architecture on one variant of a task."""
    return f"pairs/{slug(label)}--{slug(arch)}.html"


def run(one: Run) -> str:
    """The page of one run."""
    return f"runs/{slug(one.run)}.html"


def base(label: str) -> str:
    """The task without its variant: ``psmnist`` of ``psmnist[permutation=cornn]``."""
    return label.partition("[")[0]


def slug(name: str) -> str:
    """`name` as a file's name. What had to be changed gets a digest, so that two names never share one."""
    if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) and len(name) <= _LONGEST:
        return name
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST].rstrip("-")
    digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{readable}-{digest}" if readable else digest


def relative(address: str, seen_from: str) -> str:
    """`address` as a link from the page `seen_from`; an address may have an anchor."""
    return "../" * seen_from.count("/") + address
