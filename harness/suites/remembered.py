"""What was measured for suites, kept in the home: a small file each, so that nothing is measured twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import uuid4

from harness.errors import UserError
from harness.home import Home
from harness.recipe import content_hash


def recall(home: Home, kind: str, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """What was remembered under `key`, or None; a file that cannot be read is as good as none."""
    try:
        found = json.loads((home.path / "suites" / kind / f"{content_hash(key)}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    same = isinstance(found, dict) and found.get("key") == dict(key) and isinstance(found.get("value"), dict)
    return found["value"] if same else None


def remember(home: Home, kind: str, key: Mapping[str, Any], value: Mapping[str, Any]) -> None:
    """Keep `value` under `key`, both plain JSON. A home that cannot be written remembers nothing."""
    with suppress(OSError, UserError):
        folder = home.folder("suites", kind)
        temporary = folder / f".{uuid4().hex}"
        temporary.write_text(json.dumps({"key": dict(key), "value": dict(value)}), encoding="utf-8")
        temporary.replace(folder / f"{content_hash(key)}.json")
