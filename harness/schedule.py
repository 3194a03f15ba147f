"""The optimiser of a recipe, and its learning rate as a function of the epoch or the step."""

from __future__ import annotations

import math

import torch
from torch import nn

from harness.recipe import Training

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def optimizer(training: Training, model: nn.Module) -> torch.optim.Optimizer:
    """Adam or AdamW with their default betas; one foreach pass over all parameters instead of a loop."""
    return OPTIMIZERS[training.optimizer](
        model.parameters(), lr=training.lr, weight_decay=training.weight_decay, foreach=True
    )


def learning_rate(training: Training, done: float) -> float:
    """The rate when so many epochs are done: a whole number at the first step of an epoch, more at the later ones.

    ``step``: multiplied by `decay` after each milestone, so ``milestones = [100]`` changes the 101st epoch.
    ``cosine``: half a cosine from `lr` in the first epoch towards 0 after the last (Loshchilov & Hutter, 2017), with
    one rate for all steps of an epoch. ``cosine_steps``: the same curve, step by step; for trainings of few epochs.
    """
    epoch = int(done)
    if training.schedule == "step":
        passed = sum(epoch >= milestone for milestone in training.milestones or ())
        return training.lr * (training.decay or 1.0) ** passed
    if training.schedule in ("cosine", "cosine_steps"):
        at = epoch if training.schedule == "cosine" else done
        return training.lr * 0.5 * (1.0 + math.cos(math.pi * at / training.epochs))
    return training.lr
