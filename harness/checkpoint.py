"""Checkpoints of a run: one file, replaced atomically, read without running code from it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from harness.errors import UserError

VERSION = 1


def save(state: dict[str, Any], path: Path) -> None:
    """Write tensors and plain values to `path`: all of it or, when the machine stops in the middle, the old file."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            torch.save({"version": VERSION, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError of its zip writer
        temporary.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or "the disk may be full"
        raise UserError(
            f"cannot write the checkpoint {path} ({reason}): what was saved before is kept, so make room"
            " and give the same command again"
        ) from error


def load(path: Path) -> dict[str, Any] | None:
    """The state saved at `path`, on the CPU; None where there is no file or none that this version can trust."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        return None
    except (
        Exception
    ):  # whatever a damaged file makes the reader stumble over; the run starts anew, with the same numbers
        return None
    return state if isinstance(state, dict) and state.get("version") == VERSION else None
