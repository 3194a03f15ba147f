"""The first lines of a unit on a node. They travel by value: this package may be missing there, or be another version.

Nothing is imported before it is needed, and nothing but plain values comes back.
"""

from __future__ import annotations

from typing import Any


def receive(parcel: dict[str, Any]) -> dict[str, Any]:
    """Train what a parcel holds (see :mod:`harness.engines.errand`).

    Returns ``{"node": id, "ended": {...}}``, or ``{"node": id, "refused": sentence, "all": whether for all units}``.
    """
    import importlib

    import ray

    node = ray.get_runtime_context().get_node_id()
    try:
        versions = importlib.import_module("harness.engines.versions")
        differs = versions.difference(parcel["versions"], versions.here())
        if differs is not None:
            return {"node": node, "refused": f"it has {differs}", "all": True}
        errand = importlib.import_module("harness.engines.errand")
    except Exception as error:
        reason = f"recurrent-harness cannot be used there ({type(error).__name__}: {error})"
        return {"node": node, "refused": reason, "all": True}
    return {"node": node, **errand.carry_out(parcel, node)}
