"""Why a unit is not trained on a node, or nowhere, or is no longer: in words for a person."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Literal

from harness.engines.engine import Ended
from harness.engines.nodes import Node, needs
from harness.engines.unit import RunUnit, Unit
from harness.errors import UserError, one_line
from harness.locking import BUSY
from harness.masking import mask

Scope = Literal["all", "task", "none"]


def refuse(unit: Unit, nodes: Iterable[Node], address: str) -> None:
    """Raise for a unit that no node could ever train."""
    if ":" in unit.device:
        raise UserError(f"{unit.name}: device {unit.device} names a GPU of one machine; on a cluster say cuda")
    if unit.device == "cuda" and not unit.resources.gpus:
        raise UserError(f"{unit.name}: device cuda needs gpus = 1, or a fraction, under [resources]")
    if not any(node.room(unit.resources) for node in nodes):
        raise UserError(
            f"{unit.name} needs {needs(unit.resources)}, which no node of the Ray cluster at {address} has: ask for"
            " less under [resources], or add a node"
        )


def refused(unit: Unit, reasons: dict[str, str]) -> str:
    """One sentence about why no node trains a unit."""
    if len(set(reasons.values())) == 1 and len(reasons) > 1:
        told = f"{next(iter(reasons.values()))} (on all {len(reasons)} nodes)"
    else:
        told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    return f"{unit.name} is refused by every node of the cluster: {told}"


def may_go_elsewhere(ended: Ended) -> bool:
    """Whether a unit was refused for what may be otherwise on another node, such as a full disk or missing data."""
    return ended.how == "refused" and BUSY not in ended.sentence


def scope(sentence: str) -> Scope:
    """For which units a node is left out after such a refusal: ``all``, those of a ``task``, or ``none`` but this."""
    if sentence.startswith("--plugin"):
        return "all"
    return "task" if sentence.startswith("task ") or "CUDA devices" in sentence else "none"


def task_of(unit: Unit) -> str:
    """What units have in common that need the same data: their task, or their study."""
    if isinstance(unit, RunUnit):
        return f"{unit.recipe['task']}"
    return f"study {unit.study}"


def death(error: Exception, where: str) -> str:
    """How a unit died on the node called `where`, as a clause."""
    errors = importlib.import_module("ray.exceptions")
    if isinstance(error, errors.NodeDiedError):
        return f"as {where or 'its node'} left the cluster"
    if isinstance(error, errors.OutOfMemoryError):
        return f"by Ray, as the memory of {where or 'its node'} was full"
    if isinstance(error, errors.WorkerCrashedError):
        return "as its process ended unexpectedly"
    if isinstance(error, errors.RayTaskError) and error.cause is not None:
        return f"by {type(error.cause).__name__}: {one_line(error.cause)}"
    return f"by {type(error).__name__} of Ray"


def last_line(error: Exception) -> str:
    """The last line of what Ray tells about an error, which has the reason."""
    lines = [line.strip() for line in mask(str(error)).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
