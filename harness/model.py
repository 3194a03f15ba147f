"""A task's encoder, an architecture's recurrent backbone and a linear head, as one module."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from harness.errors import UserError, explained
from harness.recipe import Recipe
from harness.seeding import derive

MOST_LAYERS = 10_000
"""More layers are refused: to build them would take minutes, and to train them forever."""


class Model(nn.Module):
    """Sequence in, one prediction out: the head reads the top layer's output at the last step of each sequence.

    Args:
        backbone: a layer with the contract of ``torch.nn.LSTM``. It may have a method ``last_output``, (L, N, H_in) to
            (N, H), that knows a shorter way to the output of the last step, and its forward a keyword ``lengths``; see
            :func:`unroll`.
        head: linear map of the backbone's output.
        encoder: what a task puts before the backbone, such as an embedding; none for most.
    """

    def __init__(self, backbone: nn.Module, head: nn.Linear, encoder: nn.Module | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        self.backbone = backbone
        self.head = head

    def forward(self, inputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Predictions (N, H_out) for inputs (L, N, H_in) and, where sequences differ in length, their lengths (N,)."""
        encoded = inputs if self.encoder is None else self.encoder(inputs)
        if lengths is None and (shorter := getattr(type(self.backbone), "last_output", None)) is not None:
            return self.head(shorter(self.backbone, encoded))
        output, _ = unroll(self.backbone, encoded, lengths)
        if lengths is None:
            return self.head(output[-1])
        samples = torch.arange(output.shape[1], device=output.device)
        return self.head(output[lengths.to(output.device) - 1, samples])

    def count_parameters(self, *, embedding: bool = True) -> int:
        """Number of trained scalars; without the encoder's if `embedding` is false."""
        skipped = 0 if embedding or self.encoder is None else _count(self.encoder)
        return _count(self) - skipped


def takes_lengths(layer: nn.Module) -> bool:
    """Whether the forward of a layer has a keyword ``lengths``."""
    return _has_lengths(getattr(layer.forward, "__func__", layer.forward))


@cache
def _has_lengths(forward: Callable[..., Any]) -> bool:
    try:
        return "lengths" in inspect.signature(forward).parameters
    except (TypeError, ValueError):  # what is compiled may have no signature
        return False


def unroll(layer: nn.Module, inputs: Tensor, lengths: Tensor | None = None, state: Any = None) -> Any:
    """What `layer` returns for `inputs` (L, N, H_in) from a `state` of its kind: output (L, N, H) and final state.

    A layer whose forward has a keyword ``lengths`` is given the number of steps of each sequence, (N,) int64 on the
    device of `inputs`, or None where all of them have L steps.
    """
    begin = () if state is None else (state,)
    if not takes_lengths(layer):
        return layer(inputs, *begin)
    return layer(inputs, *begin, lengths=None if lengths is None else lengths.to(inputs.device))


def build(
    recipe: Recipe, architecture: Any, task: Any, seed: int, device: torch.device, backend: str | None = None
) -> Model:
    """The freshly initialised model of a recipe. The weights depend on `seed` and the recipe alone, not on the device.

    Encoder, backbone and head draw from seeds of their own, so that a change of one leaves the others as they were.
    `backend` is what must compute the recurrence, where a person named it. A :class:`UserError` says what is wrong.
    """
    layers = recipe.layer.get("num_layers", 1)
    if isinstance(layers, int) and layers > MOST_LAYERS:
        raise UserError(f"architecture {recipe.arch}: num_layers = {layers} is refused: at most {MOST_LAYERS:,}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "encoder"))
        with explained(f"task {recipe.task}"):
            encoder = task.encoder(**recipe.encoder)
        torch.manual_seed(derive(seed, "backbone"))
        with explained(f"architecture {recipe.arch}"):
            backbone = architecture.layer(task.input_size, **recipe.layer, **_keyword(architecture, backend))
        torch.manual_seed(derive(seed, "head"))
        with explained(f"the read-out of {recipe.arch} on {recipe.task}"):
            head = nn.Linear(output_size(backbone, recipe.layer.get("hidden_size")), task.output_size)
            if architecture.initialise_head is not None:
                architecture.initialise_head(head)
    return Model(backbone, head, encoder).to(device)


def try_backend(recipe: Recipe, architecture: Any, task: Any, device: torch.device, backend: str) -> None:
    """Run two steps of the recipe's layer by `backend`; a :class:`UserError` where it cannot be had here."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), explained(f"--backend {backend}"):
        layer = architecture.layer(task.input_size, **recipe.layer, **_keyword(architecture, backend)).to(device)
        unroll(layer, torch.zeros(2, 1, task.input_size, device=device))


def _keyword(architecture: Any, backend: str | None) -> dict[str, str]:
    """`backend` as a keyword of the layer. A layer without it, such as a plugin's, cannot be told which to use."""
    if backend is None:
        return {}
    if "backend" not in inspect.signature(architecture.layer).parameters:
        raise UserError(f"--backend {backend}: the layer of {architecture.name} has no keyword backend to choose by")
    return {"backend": backend}


def output_size(layer: nn.Module, hidden_size: int | None) -> int:
    """Width H of a layer's output: its attribute ``output_size`` where it has one, else its hidden size.

    Raises:
        ValueError: it has neither, or one that is no width.
    """
    size: Any = getattr(layer, "output_size", hidden_size)
    if size is None:
        raise ValueError(
            "the width of the layer's output is not known: give the layer a keyword hidden_size, or set an attribute"
            " output_size in its constructor"
        )
    if isinstance(size, bool) or not isinstance(size, Integral) or int(size) < 1:
        raise ValueError(
            f"the layer's attribute output_size must be the width of its output, a whole number above 0, got {size!r}"
        )
    return int(size)


def wrong_width(layer: nn.Module, given: int, expected: int) -> str:
    """What is wrong with a layer whose output is `given` wide where the read-out expects another width; what to do."""
    says = "attribute output_size" if hasattr(layer, "output_size") else "hidden_size"
    return (
        f"its layer gave an output of width {given}, but its {says} is {expected}: set self.output_size = {given} in"
        f" the constructor of the layer, or return {expected} numbers at each step"
    )


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
