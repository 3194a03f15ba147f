"""Write the page about the data sets, docs/data.md, from what they say of themselves.

    python docs/make_data.py

A test holds that the page is what this writes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.datasets import DataSets
from harness.registry import BUILT_IN, Registry
from tasks import Sources

FILE = Path(__file__).parent / "data.md"
HEAD = """# Data sets and licences

Most tasks read files of others, which are not part of this project: they are downloaded from where their authors put
them, or imported from a copy that you have, and verified either way. This page is made by `python docs/make_data.py`;
what is here and what is missing is told by

```sh
python -m harness data list
```

## Where they lie

In one folder, the data folder: `--data-root DIR`, else `HARNESS_DATA`, else `data` in the home. `data list` prints it
first. The folders inside it are told below for each data set (downloads go to the first of several). They are those
that torchvision, torchtext and the archives themselves use, so a folder that you have may serve as it is:

```sh
export HARNESS_DATA=/data
python -m harness data check
```

Nothing in the data folder is written but by `data fetch`, `data import` and a `run` that downloads or unpacks what it
lacks. What is worked out of the files (tokens, windows) is cached in the home, not here.

## With a network

```sh
python -m harness data fetch har2 psmnist      # tasks, or data sets by their own names
python -m harness data fetch mnist --again     # download also what is there
```

A `run` fetches by itself what its task lacks. A download is put into its place whole and verified, or not at all;
one that broke is tried once more from its beginning. `HARNESS_MIRROR` names an address from which everything is taken
instead: each file lies there as `NAME/FILE`, such as `mnist/train-images-idx3-ubyte.gz`, by the names of the table.
Of an address `https://user:password@host/path` user and password are sent to the mirror and told nowhere.

## Without a network

Fetch on a machine that has one, and carry the data folder over; or carry the authors' archive and import it:

```sh
python -m harness data import har2 "UCI HAR Dataset.zip"
python -m harness data import psmnist ~/old/MNIST            # a folder that holds it, at any depth
python -m harness data check har2 psmnist
python -m harness data import har2 ~/copy --again            # replaces what is there
```

An import reads what it takes as the task will: a broken or incomplete copy is refused, and what was there stays. It
says which files it took, which it left, and why. Where the SHA-256 of every file is published (MNIST, CIFAR-10, GloVe,
the recordings of BIDMC) files are known by their content, whatever they are called.

The archives named below need no import: one that lies in the data folder under its own name is unpacked when a task
needs it. `--offline` (or `HARNESS_OFFLINE=1`) makes sure that no download is tried; what is missing is then told in one
sentence. Tasks that need no files: {no_files}.

## How they are verified

By the strongest of these that the data set allows:

1. **Every file**, by a SHA-256 that comes with the project: there is one such data set only, and results on it are
   results on the same bytes.
2. **The download**, by the MD5 or SHA-256 that its authors, or several who have it, publish.
3. **As first seen**: the SHA-256 of every file is recorded at the import or the download, in the folder itself, and
   compared ever after.

`data check` reads everything and compares it; it ends with code 1 where something is damaged, or named and missing. A
run compares too, and stores a checksum over the data as it was trained on, splits and order included
([`data_checksum`](run-schema.md)): runs on other data are never taken for the same run.

## What there is

Sizes are of the unpacked files; a licence is what its authors or its archive state. Ask them before you pass a data set
on or use it in a product: this project redistributes none of them.
"""


def text() -> str:
    """The whole page."""
    registry = Registry()
    data_sets = DataSets(registry, Sources(Path("data"), offline=True))
    built_in = {name: entry.load() for name, entry in registry.tasks.items() if entry.origin == BUILT_IN}
    readers = {name: [f"`{one}`" for one in data_sets.readers(name) if one in built_in] for name in data_sets.all}
    without = ", ".join(f"`{name}`" for name, task in sorted(built_in.items()) if not task.datasets)
    overview = [
        "| data set | size | read by | licence |",
        "|---|---:|---|---|",
        *(
            f"| [`{one.name}`](#{anchor(one)}) | {size(one.size)} | {', '.join(readers[one.name])} | {one.licence} |"
            for one in data_sets.all.values()
            if readers[one.name]
        ),
    ]
    sections = [section(one, readers[one.name]) for one in data_sets.all.values() if readers[one.name]]
    return "\n".join([HEAD.format(no_files=without), *overview, "", "\n\n".join(sections)]) + "\n"


def section(one: Any, readers: list[str]) -> str:
    """One data set."""
    rows = {
        "read by": ", ".join(readers),
        "licence": one.licence,
        "folder": " or ".join(f"`{folder}`" for folder in one.folders),
        "files": "; ".join(files(one)),
        "download": "; ".join(map(download, one.downloads)) or "none: import it",
        "verified by": verified(one),
        "archives unpacked by themselves": ", ".join(f"`{name}`" for name in one.archives),
    }
    table = "\n".join(f"| {heading} | {told} |" for heading, told in rows.items() if told)
    return f"### {title(one)}\n\n| | |\n|---|---|\n{table}"


def files(one: Any) -> list[str]:
    """Patterns and numbers of files, of many names the first few."""
    found = [f"`{name}`" + (f" ({count:,})" if count > 1 else "") for name, count in one.contents.items()]
    return found if len(found) <= 4 else [*found[:3], f"and {len(found) - 3} more"]


def download(one: Any) -> str:
    """File, site and size of a download."""
    told = f", {size(one.size)}" if one.size else ""
    return f"[`{one.file}`]({one.url.replace(' ', '%20')}) ({urlsplit(one.url).netloc}{told})"


def verified(one: Any) -> str:
    """How its files are verified."""
    hashes = sorted({found.hash.partition(":")[0] for found in one.downloads if found.hash})
    names = {"md5": "MD5", "sha256": "SHA-256"}
    parts = ["every file, by a SHA-256 that comes with the project"] if one.published() else []
    parts += [f"the download, by its {' or '.join(names[kind] for kind in hashes)}"] if hashes else []
    return "; ".join([*parts, *(() if one.published() else ("every file, as first seen",))])


def title(one: Any) -> str:
    """The heading: the title, and the name that is typed."""
    return f"{one.title}: {one.name}"


def anchor(one: Any) -> str:
    """Where a link to the heading leads, by GitHub's rule."""
    kept = (letter for letter in title(one).lower() if letter.isalnum() or letter in " -_")
    return "".join(kept).replace(" ", "-")


def size(number: int) -> str:
    """A number of bytes for people."""
    return f"{number / 1e6:,.0f} MB" if number >= 1e6 else f"{number / 1e3:,.0f} kB"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
