"""``doctor``: what is installed and works here, what doesn't, and what to do about it."""

from __future__ import annotations

import json as jsons

import typer

from harness.cli.options import DataRootOption, HomeOption, JsonOption, OfflineOption, PluginOption

MARKS = {"ok": "ok", "absent": "--", "broken": "!!"}


def doctor(
    plugin: PluginOption = None,
    data_root: DataRootOption = None,
    offline: OfflineOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Check packages, devices, backends, data, plugins and the store. Exit code 1 when something needed is missing."""
    from harness.diagnosis import diagnose
    from harness.home import Home
    from harness.home import data_root as find_data
    from harness.home import offline as no_network
    from harness.registry import Registry

    where = Home.find(home)
    findings = diagnose(Registry(tuple(plugin or ())), where, find_data(data_root, where), no_network(offline))
    needed = [finding for finding in findings if finding.state == "broken" and finding.needed]
    if json:
        print(jsons.dumps({"healthy": not needed, "findings": [vars(finding) for finding in findings]}, indent=2))
    else:
        section = ""
        for finding in findings:
            if finding.section != section:
                section = finding.section
                print(f"\n{section}")
            print(f"  {MARKS[finding.state]}  {finding.name}: {finding.detail}")
            if finding.advice:
                print(f"      {finding.advice}")
        print(f"\n{len(needed)} needed thing(s) missing" if needed else "\nall that is needed works")
    raise typer.Exit(int(bool(needed)))
