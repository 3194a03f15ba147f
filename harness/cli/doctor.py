"""``doctor``: what is installed and works here, what doesn't, and what to do about it."""

from __future__ import annotations

import json as jsons
from itertools import groupby
from typing import TYPE_CHECKING

import typer

from harness.cli.options import DataRootOption, HomeOption, JsonOption, OfflineOption, PluginOption
from harness.cli.streams import print_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.diagnosis import Finding

MARKS = {"ok": "ok", "absent": "--", "broken": "!!"}
DATA = (
    "what is not there: 'harness data fetch NAME' downloads it, 'harness data import NAME PATH' takes what you have;"
    " another folder by --data-root or HARNESS_DATA; 'harness data list' tells more"
)
"""What to do about data sets that are not there."""


def doctor(
    plugin: PluginOption = None,
    data_root: DataRootOption = None,
    offline: OfflineOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Check packages, devices, backends, data, plugins and the store. Exit code 1 when something needed is missing."""
    from harness.cli.terminal import number
    from harness.diagnosis import diagnose
    from harness.home import Home
    from harness.home import data_root as find_data
    from harness.home import offline as no_network
    from harness.registry import Registry

    where = Home.find(home)
    findings = diagnose(Registry(tuple(plugin or ())), where, find_data(data_root, where), no_network(offline))
    needed = [finding for finding in findings if finding.state == "broken" and finding.needed]
    if json:
        print_document(
            jsons.dumps({"healthy": not needed, "findings": [vars(finding) for finding in findings]}, indent=2)
        )
    else:
        for section, found in groupby(findings, lambda finding: finding.section):
            print(f"\n{section}")
            _print(tuple(found), DATA if section == "data sets" else None)
        print(f"\n{number(len(needed), 'needed thing')} missing" if needed else "\nall that is needed works")
    raise typer.Exit(int(bool(needed)))


def _print(findings: Sequence[Finding], advice: str | None) -> None:
    """The findings of a section; where all that is absent has the same `advice`, it is given once."""
    for finding in findings:
        print(f"  {MARKS[finding.state]}  {finding.name}: {finding.detail}")
        if finding.advice and (advice is None or finding.state != "absent"):
            print(f"      {finding.advice}")
    if advice is not None and any(finding.state == "absent" for finding in findings):
        print(f"      {advice}")
