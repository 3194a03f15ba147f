"""What tells rows apart that have the same names: the hash of a recipe, the code of an architecture and its date."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from reports.ranking.rows import Row
from reports.records import Run

SHORT = 8
"""Signs of a hash that are shown."""
Codes = Mapping[str, Mapping[str, str]]
"""Architecture -> hash of its code -> that code in words: hash, version, the day when it was first run."""


def codes_of(runs: Iterable[Run]) -> Codes:
    """The codes of the architectures that were run with more than one."""
    found: dict[str, dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        found[run.arch][run.code].append(run)
    return {
        arch: {code: _told(code, of) for code, of in codes.items()} for arch, codes in found.items() if len(codes) > 1
    }


def told_apart(rows: Sequence[Row], codes: Codes) -> list[Row]:
    """`rows` of a ranking with what tells them apart, where their names do not.

    Different architectures of one title get their names into it. Rows of an architecture whose code differs somewhere
    among the runs tell their code, and rows of one architecture, recipe and code the hash of the recipe.
    """
    archs = defaultdict(set)
    for row in rows:
        archs[row.title].add(row.arch)
    alike = Counter((row.arch, row.recipe, row.runs[0].code) for row in rows)
    return [
        replace(
            row,
            title=f"{row.title} ({row.arch})" if len(archs[row.title]) > 1 and row.title != row.arch else row.title,
            tag=", ".join(_tags(row, codes, alike[row.arch, row.recipe, row.runs[0].code])),
            code=codes.get(row.arch, {}).get(row.runs[0].code, ""),
        )
        for row in rows
    ]


def _tags(row: Row, codes: Codes, alike: int) -> Iterable[str]:
    if row.arch in codes:
        code = row.runs[0].code
        yield f"code {code[:SHORT]}" if code else "code not recorded"
    if alike > 1:
        yield row.recipe_hash[:SHORT]


def _told(code: str, runs: Sequence[Run]) -> str:
    versions = sorted({run.architecture_version for run in runs} - {""})
    since = min((run.created[:10] for run in runs if run.created), default="")
    return ", ".join(
        (
            f"code {code[:SHORT]}" if code else "code not recorded",
            *(f"version {version}" for version in versions),
            *([f"first run {since}"] if since else []),
        )
    )
