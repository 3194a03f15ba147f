"""Timings as reports take them: with the time that others published, where a case repeats what they measured."""

from __future__ import annotations

from typing import Any

import pandas as pd

from harness import signature
from harness.registry import Registry
from harness.speed.presets import presets
from harness.store import Store
from harness.store.plain import flat

_SIZES = ("hidden_size", "num_layers")


def frame(store: Store, registry: Registry) -> pd.DataFrame:
    """The store's timings with ``published_seconds`` and ``published_source``, missing where nobody published any.

    A further column, ``changes``, has the hyper-parameters that are no defaults, as ``"batch_norm=none"``.
    """
    found = store.timings_frame()
    published = {
        (preset.name, preset.phase, arch, int(length)): (
            milliseconds / 1e3,
            f"{preset.source}; assumed here: {preset.assumed}",
        )
        for preset in presets().values()
        for arch, times in preset.milliseconds.items()
        for length, milliseconds in times.items()
    }
    cases = zip(found["preset"], found["phase"], found["arch"], found["length"], strict=True)
    beside = [published.get(case, (None, None)) for case in cases]
    defaults = {arch: _defaults(registry, arch) for arch in found["arch"].unique()}
    changes = {one.id: _changes(one.layer, defaults[one.arch]) for one in store.timings()}
    return found.assign(
        published_seconds=pd.Series([seconds for seconds, _ in beside], found.index, "float64"),
        published_source=[source for _, source in beside],
        changes=[changes[timing] for timing in found["timing"]],
    )


def _defaults(registry: Registry, arch: str) -> dict[str, Any] | None:
    """The hyper-parameters of an architecture about which nothing was said; None where it is no longer at hand."""
    try:
        architecture = registry.architecture(arch)
        return signature.validated(architecture.layer, dict(architecture.defaults), arch)
    except Exception:  # a plugin that is gone or has changed keeps its timings
        return None


def _changes(layer: dict[str, Any], defaults: dict[str, Any] | None) -> str:
    if defaults is None:
        return ""
    known = flat(defaults)
    changed = {key: value for key, value in flat(layer).items() if key in known and value != known[key]}
    return ", ".join(f"{key}={value}" for key, value in changed.items() if key not in _SIZES)
