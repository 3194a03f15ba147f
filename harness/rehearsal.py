"""Before a run begins: do the data fit the task, does the layer keep its contract? Told while nothing is stored yet."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.errors import UserError, explained
from harness.model import Model
from harness.recipe import Recipe

STEPS, SAMPLES = 5, 3
"""L and N of what the layer is tried on: short, and different, so that a layer that exchanges them is caught."""


def rehearse(recipe: Recipe, task: Any, model: Model, splits: Any) -> None:
    """Take a few samples through `model`, which stays in evaluation mode; random numbers are left as they were.

    Raises:
        UserError: the targets are not those of the task, a batch has other shapes than the task says, or the layer
            breaks the contract of ``torch.nn.LSTM``: (L, N, H_in) in, output (L, N, H) and final state out, and no
            sequence looks at another one of its batch.
    """
    device = splits.train.targets.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.no_grad():
        torch.manual_seed(0)
        model.eval()
        with explained(f"task {recipe.task}"):
            for part in ("train", "valid", "test"):
                _check_targets(task, getattr(splits, part), f"task {recipe.task}: the {part} split")
            inputs = _sequences(recipe, task, model, splits.train)
        _check_layer(recipe, model, inputs)


def _check_targets(task: Any, data: Any, where: str) -> None:
    """What the loss would choke on, or worse, would not; fresh data hold no targets to look at."""
    targets = data.targets
    if data.fresh or not targets.numel():
        return
    if task.kind != "classification":
        if not targets.isfinite().all():
            raise UserError(f"{where} has targets that are no finite numbers: mend or leave out these samples in load")
        return
    if targets.is_floating_point() and task.loss == "cross_entropy":
        raise UserError(f"{where} has classes of type {targets.dtype}: must be torch.int64")
    low, high, classes = int(targets.min()), int(targets.max()), max(task.output_size, 2)
    if low < 0 or high >= classes:
        wrong = low if low < 0 else high
        raise UserError(
            f"{where} has a class {wrong}, but output_size = {task.output_size} means classes 0 to {classes - 1}"
        )


def _sequences(recipe: Recipe, task: Any, model: Model, data: Any) -> Tensor:
    """The first steps of a few samples, as the layer reads them: (L, N, H_in)."""
    samples = min(SAMPLES, len(data))
    index = torch.arange(samples, device=data.targets.device)
    batch = task.batch(data, index, torch.Generator().manual_seed(0))
    width = 1 if task.loss == "bce" else task.output_size
    wanted = (samples,) if task.loss == "cross_entropy" else (samples, width)
    if batch.targets.shape != wanted and not (width == 1 and batch.targets.shape == (samples,)):
        raise UserError(
            f"task {recipe.task}: the targets of a batch of {samples} have the shape {tuple(batch.targets.shape)}, must"
            f" be {wanted} by its kind and output_size"
        )
    encoded: Tensor = batch.inputs if model.encoder is None else model.encoder(batch.inputs)
    if encoded.dim() != 3 or encoded.shape[1:] != (samples, task.input_size):
        whose = "its batch" if model.encoder is None else "what its encoder makes of a batch"
        raise UserError(
            f"task {recipe.task}: {whose} of {samples} sequences has the shape {tuple(encoded.shape)}, must be"
            f" (L, {samples}, {task.input_size}) by its input_size"
        )
    return encoded[:STEPS]


def _check_layer(recipe: Recipe, model: Model, inputs: Tensor) -> None:
    where = f"architecture {recipe.arch}: its layer"
    output = _output(model, inputs, where)
    (length, samples, _), width = inputs.shape, model.head.in_features
    if output.dim() == 3 and output.shape[:2] == (length, samples) and output.shape[2] != width:
        said = "its attribute output_size" if hasattr(model.backbone, "output_size") else "hidden_size"
        raise UserError(
            f"{where} gave an output of {output.shape[2]} features, but {said} is {width}: make the output {width}"
            f" wide, or set an attribute output_size = {output.shape[2]} of the layer"
        )
    if output.shape != (length, samples, width):
        raise UserError(
            f"{where} gave an output of shape {tuple(output.shape)} for inputs of shape {tuple(inputs.shape)}: must be"
            f" (L, N, H) = ({length}, {samples}, {width})"
        )
    others = inputs.clone()
    others[:, :-1] = torch.randn_like(others[:, :-1])
    if not torch.allclose(_output(model, others, where)[:, -1], output[:, -1], rtol=1e-3, atol=1e-5, equal_nan=True):
        raise UserError(
            f"{where} lets a sequence see the others of its batch: the first dimension of its input must be read as"
            " time, (L, N, H_in)"
        )


def _output(model: Model, inputs: Tensor, where: str) -> Tensor:
    torch.manual_seed(0)  # what the layer draws is the same in every call
    with explained(f"{where} fails on inputs of shape {tuple(inputs.shape)}"):
        returned = model.backbone(inputs)
    if not (isinstance(returned, tuple | list) and len(returned) == 2 and isinstance(returned[0], Tensor)):
        what = f"{len(returned)} values" if isinstance(returned, tuple | list) else f"a {type(returned).__name__}"
        raise UserError(f"{where} returns {what}: must be its output and its final state, like torch.nn.LSTM's")
    return returned[0]
