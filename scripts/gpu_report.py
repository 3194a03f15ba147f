"""Puts the parts that ``gpu_check.sh`` left in a folder into one JSON file: ``gpu_report.py FOLDER FILE SECONDS``."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

PACKAGES = ("recurrent-harness", "torch", "cupy-cuda12x", "cupy-cuda13x", "numpy")
LINES = 40  # of the end of each part's output


def report(folder: Path, seconds: int) -> dict[str, Any]:
    """Device, versions, and for each part its exit code, the end of its output and what it measured."""
    found: dict[str, Any] = {"machine": _machine(), "seconds": seconds, "parts": {}}
    for file in sorted(folder.glob("*.code")):
        log = (folder / f"{file.stem}.log").read_text(encoding="utf-8", errors="replace").splitlines()
        found["parts"][file.stem] = {"exit code": int(file.read_text()), "end of output": log[-LINES:]}
    if (tests := folder / "tests.xml").exists():
        suite = ElementTree.parse(tests).getroot().find("testsuite")
        assert suite is not None
        counts = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
        found["parts"]["tests"]["counts"] = counts
    if (timings := folder / "timings.json").exists():
        found["parts"]["timings"]["measured"] = json.loads(timings.read_text(encoding="utf-8"))
    return found


def _machine() -> dict[str, Any]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {"system": platform.platform(), "python": platform.python_version(), "versions": versions, "gpus": _gpus()}


def _gpus() -> list[dict[str, Any]]:
    import torch

    found = []
    for index in range(torch.cuda.device_count()):
        told = torch.cuda.get_device_properties(index)
        capability = f"{told.major}.{told.minor}"
        memory, processors = told.total_memory, told.multi_processor_count
        found.append({"name": told.name, "capability": capability, "bytes": memory, "multiprocessors": processors})
    return found


def main() -> None:
    """Write the file."""
    folder, file, seconds = sys.argv[1:]
    Path(file).write_text(json.dumps(report(Path(folder), int(seconds)), indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
