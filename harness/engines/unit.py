"""A unit of work: what one worker trains in one go, as plain values that travel to other processes and machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Resources:
    """What a unit takes of the machine that it runs on, as a cluster counts it."""

    cpus: float = 1.0
    gpus: float = 0.0
    """A fraction lets several units share a GPU."""


@dataclass(frozen=True)
class RunUnit:
    """One recipe trained from one seed."""

    key: str
    """Tells it from all other units of a campaign."""
    name: str
    """For a person: ``lstm on psdigits, seed 0``."""
    recipe: Mapping[str, Any]
    """As :meth:`harness.recipe.Recipe.to_dict` gives it."""
    recipe_name: str
    recipe_hash: str
    """What the recipe must come to where it is trained: another hash means another version of a plugin there."""
    seed: int
    device: str = "auto"
    redo: bool = False
    """Whether a run that failed before is trained anew; else it stays failed."""
    resources: Resources = field(default_factory=Resources)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; :func:`unit_of` reads it back."""
        return {"kind": "run", **asdict(self)}


@dataclass(frozen=True)
class TrialUnit:
    """One trial of a study: whichever waits next when the unit begins."""

    key: str
    name: str
    storage: str
    """Address of the studies, with its password."""
    study: str
    trials: int | None = None
    """No trial is begun where so many are under way or over."""
    device: str = "auto"
    resources: Resources = field(default_factory=Resources)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; :func:`unit_of` reads it back."""
        return {"kind": "trial", **asdict(self)}


Unit = RunUnit | TrialUnit


def unit_of(document: Mapping[str, Any]) -> Unit:
    """The unit that ``to_dict`` wrote."""
    content = dict(document)
    kind = RunUnit if content.pop("kind") == "run" else TrialUnit
    return kind(**{**content, "resources": Resources(**content["resources"])})
