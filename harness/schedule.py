"""The optimiser of a recipe, and its learning rate as a function of the epoch."""

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


def learning_rate(training: Training, epoch: int) -> float:
    """The rate of an epoch, counted from 0.

    ``step``: multiplied by `decay` after each milestone, so ``milestones = [100]`` changes the 101st epoch.
    ``cosine``: half a cosine from `lr` in the first epoch towards 0 after the last (Loshchilov & Hutter, 2017).
    """
    if training.schedule == "step":
        passed = sum(epoch >= milestone for milestone in training.milestones or ())
        return training.lr * (training.decay or 1.0) ** passed
    if training.schedule == "cosine":
        return training.lr * 0.5 * (1.0 + math.cos(math.pi * epoch / training.epochs))
    return training.lr
