"""The scripts of benchmarks/ import each other from their own folder."""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"

if str(FOLDER) not in sys.path:
    sys.path.append(str(FOLDER))
