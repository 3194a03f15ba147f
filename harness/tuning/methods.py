"""Samplers and pruners of Optuna by name, with the settings that are used here."""

from __future__ import annotations

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler

from harness.errors import UserError, did_you_mean

SAMPLERS = ("tpe", "random", "gp")
PRUNERS = ("median", "hyperband", "none")
WARM_UP = 4
"""The median pruner leaves the first 1/WARM_UP of the epochs alone."""
RUNGS = 9
"""Hyperband judges a trial for the first time after 1/RUNGS of the epochs, in its most eager bracket."""


def sampler_of(name: str, seed: int) -> BaseSampler:
    """A sampler with a seed of up to 63 bits, for one trial: what it learns comes from the study's trials alone."""
    small = seed % 2**32  # as numpy takes it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        if name == "tpe":
            return TPESampler(seed=small, constant_liar=True)  # workers don't all try what looks best right now
        if name == "random":
            return RandomSampler(seed=small)
        if name == "gp":
            return GPSampler(seed=small)
    raise UserError(f"--sampler {name} is not known{did_you_mean(name, SAMPLERS)}")


def pruner_of(name: str, epochs: int) -> BasePruner:
    """A pruner for trials of so many epochs."""
    if name == "median":
        return MedianPruner(n_startup_trials=5, n_warmup_steps=max(1, epochs // WARM_UP))
    if name == "hyperband":
        return HyperbandPruner(min_resource=max(1, epochs // RUNGS), max_resource=max(1, epochs), reduction_factor=3)
    if name == "none":
        return NopPruner()
    raise UserError(f"--pruner {name} is not known{did_you_mean(name, PRUNERS)}")
