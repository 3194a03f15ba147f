"""The optimiser of a recipe, and its learning rate as a function of the epoch or the step."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from harness.recipe import Training

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def optimizer(training: Training, model: nn.Module) -> torch.optim.Optimizer:
    """Adam or AdamW with their default betas; one foreach pass over all parameters instead of a loop.

    On a GPU rate and step count are tensors there, so that an update can be recorded as a graph.
    """
    device = next(model.parameters()).device
    on_gpu = device.type == "cuda"
    return OPTIMIZERS[training.optimizer](
        model.parameters(),
        lr=torch.tensor(training.lr, device=device) if on_gpu else training.lr,
        weight_decay=training.weight_decay,
        foreach=True,
        capturable=on_gpu,
    )


def use_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Let the next update use a learning rate; a rate that is a tensor stays where it is, as graphs refer to it."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def continue_from(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Take over the saved state of an optimiser; what must be a tensor on a GPU becomes one."""
    rates = [group["lr"] for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        if isinstance(rate, Tensor):
            group["lr"] = rate.fill_(float(group["lr"]))


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
