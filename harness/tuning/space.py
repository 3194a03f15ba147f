"""The search space of a pair: the architecture's ranges, those of the training, and what a person says over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from operator import itemgetter
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from harness import signature
from harness.errors import UserError, did_you_mean, explained
from harness.recipe import Recipe, Training, compose
from harness.registry import Registry
from harness.tuning.coordinates import Space
from harness.tuning.rules import Doublings, Fraction, Plain, Rule
from harness.tuning.specification import OFF, number, parsed, read, told

__all__ = ["Space", "space_of"]

RATES = (1e-4, 1e-1)
"""Learning rates, by their logarithm: those of the standard and published recipes lie inside."""
CLIPS = (0.1, 1.0, 10.0)
DOUBLINGS = (-2, 2)
"""From a quarter of the batch of the base recipe to four times as much."""


def space_of(
    registry: Registry,
    arch: str,
    task: str,
    base: Recipe,
    overrides: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Space:
    """The space around `base`: of the architecture and the training, with the ranges of `file` and of `overrides`.

    `overrides` are key to range as ``--space KEY=SPEC`` says it; they win over the file. A :class:`UserError` names a
    key that exists nowhere, a range that its key does not take, and a step that can be unstable.
    """
    pair = _Pair(registry, base)
    distributions, rules = pair.built_in()
    known = dict(rules)
    flags = [(f"--space {key}={spec}", key, spec) for key, spec in (overrides or {}).items()]
    lines = [(f"--space-file {file}: {key}", key, spec) for key, spec in (read(file) if file else {}).items()]
    asked: dict[str, tuple[str, str]] = {}  # target -> key and where it was given
    for where, key, spec in [*flags, *lines]:
        name, rule = pair.rule(key, known, where)
        before = asked.get(rule.target)
        if before is not None and (where, key, spec) in lines and before[1].startswith("--space "):
            continue  # the flag wins, even if it searches the key by its other name
        if before is not None:
            raise UserError(f"{where}: {rule.target} is searched by {before[0]} already; give one of the two")
        distribution, rule = pair.distribution(name, rule, parsed(spec, where), where)
        for other in [other for other, one in rules.items() if one.target == rule.target and other != name]:
            del distributions[other], rules[other]
        distributions[name], rules[name] = distribution, rule
        asked[rule.target] = name, where
    space = Space(distributions, rules, base)
    for name, where in asked.values():
        pair.check(space, name, where)
    return space


@dataclass(frozen=True)
class _Pair:
    """What is known of the pair whose space is built."""

    registry: Registry
    base: Recipe

    @property
    def architecture(self) -> Any:
        return self.registry.architecture(self.base.arch)

    @property
    def keys(self) -> dict[str, list[str]]:
        """Table -> the keys in it that may be searched. The task's variant may not: it would be another task."""
        return {
            "layer": signature.keys_of(self.architecture.layer),
            "training": list(Training.model_fields),
            "encoder": signature.keys_of(self.registry.task(self.base.task).encoder),
        }

    def built_in(self) -> tuple[dict[str, BaseDistribution], dict[str, Rule]]:
        """The ranges of the architecture, where it has any, and of the training."""
        distributions, rules = self._own()
        shared: dict[str, tuple[BaseDistribution, Rule]] = {
            "lr": (FloatDistribution(*RATES, log=True), Plain("training.lr")),
            "batch_doublings": (
                IntDistribution(*DOUBLINGS),
                Doublings("training.batch_size", self.base.training.batch_size),
            ),
            "clip_norm": (
                CategoricalDistribution((OFF, *sorted({*CLIPS, self.base.training.clip_norm or CLIPS[0]}))),
                Plain("training.clip_norm", optional=True),
            ),
        }
        for key, (distribution, rule) in shared.items():
            name = rule.target if key in distributions else key  # a hyper-parameter of the same name keeps it
            distributions[name], rules[name] = distribution, rule
        return distributions, rules

    def _own(self) -> tuple[dict[str, BaseDistribution], dict[str, Rule]]:
        architecture = self.architecture
        with explained(f"architecture {architecture.name}, search space"):
            distributions = dict(architecture.search_space()) if architecture.search_space else {}
        for key, other in architecture.default_needs.items():
            if not self.base.layer.get(other):  # switched off: the key has one value
                distributions.pop(key, None)
        step = architecture.stable_step
        rules: dict[str, Rule] = {}
        for key in distributions:
            if step is not None and key == step.key:
                rules[key] = Fraction(f"layer.{step.of}", step.largest, tuple(step.depends))
            elif key in self.keys["layer"]:
                rules[key] = Plain(f"layer.{key}")
            else:
                raise UserError(
                    f"architecture {architecture.name}, search space: the layer has no hyper-parameter '{key}'"
                    f"{did_you_mean(key, self.keys['layer'])}"
                )
        return distributions, rules

    def rule(self, key: str, rules: Mapping[str, Rule], where: str) -> tuple[str, Rule]:
        """The name under which a key that a person wrote is sampled, and what it means."""
        if key in rules:
            return key, rules[key]
        table, _, field = key.rpartition(".")
        places = [place for place, fields in self.keys.items() if field in fields and table in ("", place)]
        if len(places) > 1:
            choices = " or ".join(f"{place}.{field}" for place in places)
            raise UserError(f"{where}: key '{key}' is ambiguous, write {choices}")
        if not places:
            known = {*rules, *(name for fields in self.keys.values() for name in fields)}
            pair = f"{self.base.arch} on {self.base.task}"
            raise UserError(f"{where}: there is no key '{key}' for {pair}{did_you_mean(field, known)}")
        target = f"{places[0]}.{field}"
        for name, rule in rules.items():
            if rule.target == target and isinstance(rule, Plain):
                return name, rule
        return (key if field not in rules else target), Plain(target)

    def distribution(self, key: str, rule: Rule, spec: Any, where: str) -> tuple[BaseDistribution, Rule]:
        """The distribution that a specification means for a key, and the rule, with what was learnt of the key."""
        if isinstance(rule, Plain):
            return self._plain(rule, spec, where)
        if isinstance(spec, list):
            low, high, log = (spec[0], spec[0], False) if len(spec) == 1 else (None, None, False)
        else:
            low, high, log = spec
        if isinstance(rule, Doublings):
            if not (isinstance(low, int) and isinstance(high, int)) or log or not -10 <= low <= high <= 10:
                raise UserError(f"{where}: {key} is a range of whole numbers such as -2..1, or one of them")
            return IntDistribution(low, high), rule
        if not (isinstance(low, int | float) and isinstance(high, int | float)) or not 0 < low <= high < 1:
            raise UserError(f"{where}: {key} is a range above 0 and below 1, or one number there")
        return FloatDistribution(low, high, log=log), rule

    def _plain(self, rule: Plain, spec: Any, where: str) -> tuple[BaseDistribution, Rule]:
        if not isinstance(spec, list):
            low, high, log = spec
            first, last = (self._typed(rule.target, end, where) for end in (low, high))
            if isinstance(first, int) and isinstance(last, int):
                return IntDistribution(first, last, log=log), Plain(rule.target)
            return FloatDistribution(float(first), float(last), log=log), Plain(rule.target)
        choices = [OFF if one is None else one for one in (self._typed(rule.target, one, where) for one in spec)]
        optional = OFF in choices and self._takes_none(rule.target)
        if len(set(map(repr, choices))) < len(choices):
            raise UserError(f"{where}: a choice is given twice")
        return CategoricalDistribution(choices), Plain(rule.target, optional)

    def _typed(self, target: str, value: Any, where: str) -> Any:
        """`value` as the key takes it (3 as 3.0 where it is a float); a :class:`UserError` where it doesn't."""
        table, _, key = target.partition(".")
        if table == "training":
            content = {"training": self.base.training.model_dump(), "variant": self.base.variant}
            recipe = compose(self.registry, self.base.arch, self.base.task, content, {target: value}, where=where)
            return getattr(recipe.training, key)
        constructor = self.architecture.layer if table == "layer" else self.registry.task(self.base.task).encoder
        given = self.base.layer if table == "layer" else self.base.encoder
        found = signature.validated(constructor, {**given, key: value}, where)[key]
        return value if isinstance(found, list) else found

    def _takes_none(self, target: str) -> bool:
        try:
            return self._typed(target, None, "") is None
        except UserError:
            return False

    def check(self, space: Space, key: str, where: str) -> None:
        """Refuse a range whose ends or choices cannot be built, or a step of its own that can be unstable."""
        from harness.matching import outline

        self._check_stable(space, key, where)
        values, _ = space.values_of(self.base)
        for value in _extremes(space.distributions[key]):
            try:
                outline(self.registry, space.recipe(self.registry, {**values, key: value}))
            except UserError as error:
                raise UserError(f"{where}: {error}") from error

    def _check_stable(self, space: Space, key: str, where: str) -> None:
        step = self.architecture.stable_step
        if step is None or space.rules[key].target != f"layer.{step.of}" or isinstance(space.rules[key], Fraction):
            return
        ends = {
            rule.target.removeprefix("layer."): _extremes(space.distributions[name])
            for name, rule in space.rules.items()
            if rule.target.removeprefix("layer.") in step.depends
        }
        corners = [dict(zip(ends, corner, strict=True)) for corner in product(*ends.values())]
        limit, corner = min(((step.largest({**self.base.layer, **one}), one) for one in corners), key=itemgetter(0))
        if max(_extremes(space.distributions[key])) < limit:
            return
        at = " and ".join(f"{name} = {number(value)}" for name, value in corner.items())
        raise UserError(
            f"{where}: {step.of} can be unstable, as it must stay below {limit:.4g}{f' for {at}' if at else ''}: end"
            f" the range below that, or leave {step.of} to {step.key}, its fraction of the largest stable one"
        )


def _extremes(distribution: BaseDistribution) -> list[Any]:
    """Both ends of a range, or all choices."""
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    if isinstance(distribution, FloatDistribution | IntDistribution):
        return sorted({distribution.low, distribution.high})
    raise UserError(f"a search space cannot have {told(distribution)}")
