"""What the trials of a study have in common, kept with the study: whoever goes on with it must mean the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from harness.recipe import TABLES
from harness.registry import Registry
from harness.tolerance import TOLERANCE
from harness.tuning.coordinates import Space

SAME = ("task", "metric", "sampler", "pruner", "seed", "parameters", "step_time", "tolerance")
"""Fields that are compared as they are; space and base recipe are compared key by key."""


@dataclass(frozen=True)
class Plan:
    """A study, but for how many trials it has and who trains them."""

    task: str
    """Label of the task, with its variant."""
    metric: str
    higher_is_better: bool
    space: Space
    """What is sampled, with the base recipe for what isn't."""
    sampler: str
    pruner: str
    seed: int
    parameters: int | None = None
    """Number of parameters that every trial's hidden size is solved for."""
    step_time: str | None = None
    """Time of a training step that the base recipe's hidden size was solved for."""
    tolerance: float = TOLERANCE
    """How far off `parameters` may be, as a fraction."""
    software: Mapping[str, Any] = field(default_factory=dict)
    """Versions when the study began; they are not compared."""

    @property
    def arch(self) -> str:
        """Name of the architecture."""
        return self.space.base.arch

    @property
    def epochs(self) -> int:
        """Epochs of a trial that is not pruned; the largest number where that is sampled."""
        searched = [getattr(d, "high", 0) for key, d in self.space.distributions.items() if key.endswith("epochs")]
        return max([self.space.base.training.epochs, *searched])

    def better(self, one: float, other: float) -> bool:
        """Whether the score `one` is better than the score `other`."""
        return one > other if self.higher_is_better else one < other

    def difference(self, other: Plan) -> str | None:
        """What has changed from this plan to `other`, as one clause; None where trials of both can be compared."""
        return "; ".join(self._changes(other)) or None

    def _changes(self, other: Plan) -> Iterator[str]:
        for name in SAME:
            before, now = getattr(self, name), getattr(other, name)
            if before != now:
                yield f"{name} was {_shown(before)}, is now {_shown(now)}"
        if changed := self.space.difference(other.space):
            yield changed
        before, now = (_fixed(plan.space) for plan in (self, other))
        moved = {*self.space.targets, *other.space.targets}  # told as changes of the space
        for key in sorted({*before, *now} - moved):
            if before.get(key) != now.get(key):
                yield f"{key} was {_shown(before.get(key))}, is now {_shown(now.get(key))}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, for the attributes of a study."""
        fields = [*SAME, "higher_is_better", "software"]
        if self.tolerance == TOLERANCE:  # which is that of all earlier versions
            fields.remove("tolerance")
        return {**{name: getattr(self, name) for name in fields}, "space": self.space.to_dict()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], registry: Registry | None = None) -> Self:
        """The plan that :meth:`to_dict` wrote; with a `registry` its space can make recipes."""
        return cls(**{**content, "space": Space.from_dict(content["space"], registry)})


def _fixed(space: Space) -> dict[str, Any]:
    """All of the base recipe that isn't sampled: ``training.epochs``, ``code.task``, ``arch``."""
    content = space.base.to_dict()
    flat = {f"code.{kind}": digest for kind, digest in content.get("code", {}).items()}
    for table in TABLES:
        flat |= {f"{table}.{key}": value for key, value in content.get(table, {}).items()}
    sampled = set(space.targets)
    return {"arch": space.base.arch, **{key: value for key, value in flat.items() if key not in sampled}}


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)
