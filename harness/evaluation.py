"""Loss and metric of a model over a whole split, exact over its N samples: sums, never means of batch means."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DRAWN = 1000
"""Samples whose mean target stands for that of training data that are drawn anew."""


@dataclass(frozen=True)
class Score:
    """Mean loss, and the task's metric: accuracy as a fraction, MSE or RMSE in the original units."""

    loss: float
    metric: float


def loss_of(task: Any, output: Tensor, targets: Tensor) -> Tensor:
    """Mean training loss of a batch: cross-entropy, binary cross-entropy with logits, or MSE, as the task says.

    Args:
        output: predictions, (N, H_out).
        targets: classes (N,), or numbers (N,) or (N, H_out).
    """
    if task.loss == "cross_entropy":
        return F.cross_entropy(output, targets)
    aligned = targets.to(output.dtype).view_as(output)
    if task.loss == "bce":
        return F.binary_cross_entropy_with_logits(output, aligned)
    return F.mse_loss(output, aligned)


@torch.no_grad()
def evaluate(
    model: nn.Module,
    task: Any,
    data: Any,
    batch_size: int,
    between: Callable[[], None] = lambda: None,
    *,
    by_length: bool = False,
) -> Score:
    """Score of `model` on all of `data`, the last partial batch included. The model is left in the mode it was in.

    `between` is called before every batch; what it raises ends the evaluation. With `by_length`, sequences of different
    lengths are taken from the shortest to the longest, so that little is padded; else in the order of the data.
    """
    was_training = model.training
    model.eval()
    loss_sum = metric_sum = torch.zeros((), dtype=torch.float64, device=data.targets.device)
    for index in _order(data, by_length).split(batch_size):
        between()
        batch = task.batch(data, index)
        output = model(batch.inputs, batch.lengths)
        loss_sum = loss_sum + loss_of(task, output, batch.targets).double() * len(index)
        metric_sum = metric_sum + _metric_sum(task, output, batch.targets)
    model.train(was_training)
    mean = float(metric_sum) / len(data)
    return Score(float(loss_sum) / len(data), math.sqrt(mean) if task.metric == "rmse" else mean)


@torch.no_grad()
def chance_level(task: Any, train: Any, data: Any) -> float:
    """The task's metric of a constant prediction on all of `data`: what a model has to beat to have learned anything.

    Of classes it is the share of the commonest class of `data`. Of numbers it is the error of the mean of the training
    targets, output by output; of training data that are drawn anew, the mean of the first that a generator gives.
    """
    if task.loss != "mse":
        found = (data.targets if task.loss == "cross_entropy" else data.targets > 0.5).flatten()
        return int(found.unique(return_counts=True)[1].max()) / len(found)
    known = _drawn(task, train) if train.fresh else train.targets
    values, truth = (task.restore(part.double().reshape(len(part), -1)) for part in (known, data.targets))
    mean = float((truth - values.mean(dim=0)).square().mean(dim=1).mean())
    return math.sqrt(mean) if task.metric == "rmse" else mean


def _drawn(task: Any, train: Any) -> Tensor:
    """Targets of fresh samples, the same every time; a few of them at once, as their inputs are drawn with them."""
    generator, device = torch.Generator().manual_seed(0), train.targets.device
    index = torch.arange(min(len(train), DRAWN), device=device)
    return torch.cat([task.batch(train, part, generator).targets for part in index.split(50)])


def _order(data: Any, by_length: bool) -> Tensor:
    """The sample numbers of `data` in the order in which they are evaluated, on its device."""
    if by_length and data.lengths is not None:
        return data.lengths.argsort(stable=True)
    return torch.arange(len(data), device=data.targets.device)


def _metric_sum(task: Any, output: Tensor, targets: Tensor) -> Tensor:
    """Correct predictions, or squared errors in the original units averaged over a sample's outputs; their sum."""
    if task.loss == "cross_entropy":
        return (output.argmax(dim=1) == targets).sum().double()
    aligned = targets.to(output.dtype).view_as(output)
    if task.loss == "bce":
        return ((output > 0) == (aligned > 0.5)).sum().double()
    error = task.restore(output.double()) - task.restore(aligned.double())
    return error.square().mean(dim=1).sum()
