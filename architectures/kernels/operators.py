"""What the operators around the compiled recurrences share: when they can compute, in which type, and by what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from architectures.kernels import library

SUFFIX = {torch.float32: "f32", torch.float64: "f64"}
"""How the names of the C functions for a dtype end."""


SHORT = 2
"""Steps up to which a call of plain PyTorch takes less time: ``benchmarks/streaming.py`` measures it."""


def fits(input: Tensor, *_: Any, **__: Any) -> bool:
    """Whether the library is there and can compute on tensors such as `input`.

    It can't under the transforms of ``torch.func`` and in forward mode, which torch's custom operators don't take part
    in: the derivatives would be missing without a word.
    """
    if transformed():
        return False
    return input.device.type == "cpu" and (input.dtype in SUFFIX or autocast(input)) and _usable()


def transformed() -> bool:
    """Whether a transform of ``torch.func`` is active, or derivatives are taken in forward mode."""
    return torch._C._are_functorch_transforms_active() or torch.autograd.forward_ad._current_level >= 0


def again(
    oracle: Callable[..., tuple[Tensor, ...]], tensors: Sequence[Tensor | None], gradients: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """The gradients of `tensors` by plain PyTorch, which can be differentiated again (``create_graph=True``).

    `oracle` computes from the `tensors` the results whose `gradients` are given; None stands for zeros. The tensors are
    views of the given ones, so that a result that depends on one of them by a detour counts once.
    """
    views = [None if tensor is None else tensor.view_as(tensor) for tensor in tensors]
    wanted = [view for view in views if view is not None and view.requires_grad]
    given = [pair for pair in zip(oracle(*views), gradients, strict=True) if pair[1] is not None]
    if not wanted or not given:
        return [None] * len(views)
    results, outside = zip(*given, strict=True)
    found = iter(torch.autograd.grad(results, wanted, outside, create_graph=True, allow_unused=True))
    return [next(found) if view is not None and view.requires_grad else None for view in views]


def differentiated_again() -> bool:
    """Whether, in a backward pass, gradients of the gradients will be asked for."""
    return torch.is_grad_enabled() and not torch.compiler.is_compiling()


def wants_gradients(*arguments: Any) -> bool:
    """Whether a call with these arguments, tensors and tuples of them among them, is to be differentiated."""
    if not torch.is_grad_enabled():
        return False
    tensors = (part for given in arguments for part in (given if isinstance(given, tuple) else (given,)))
    return any(isinstance(tensor, Tensor) and tensor.requires_grad for tensor in tensors)


def pays(input: Tensor, *others: Any, **_: Any) -> bool:
    """Whether a compiled recurrence over `input` (L, N, H) takes less time than plain PyTorch, as measured.

    It has a price for each call, which a few steps are not worth: where a network streams, say. Calls that are to be
    differentiated take the compiled form always, so that the numbers of a training do not hang on the length.
    """
    return len(input) > SHORT or wants_gradients(input, *others)


def computed_in(input: Tensor) -> torch.dtype:
    """The dtype of a recurrence over `input`: float32 under autocast, which leaves float64 as it is."""
    return torch.float32 if autocast(input) and input.dtype != torch.float64 else input.dtype


def autocast(input: Tensor) -> bool:
    """Whether `input` is in an autocast region of its device."""
    return torch.is_autocast_enabled(input.device.type)


def plain(*tensors: Tensor | None) -> bool:
    """Whether nothing but autograd has to know of a call with these tensors: it needn't be one of an operator."""
    return (
        not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and torch._C._len_torch_dispatch_stack() == 0
        and all(tensor is None or type(tensor) in (Tensor, torch.nn.Parameter) for tensor in tensors)
    )


@torch.compiler.assume_constant_result
def _usable() -> bool:
    return library.load() is not None


def function(name: str, dtype: torch.dtype) -> Any:
    """The C function `name` of the library for a dtype; only where the operator :func:`fits`."""
    loaded = library.load()
    assert loaded is not None  # as `fits` saw to
    return getattr(loaded.functions, f"{name}_{SUFFIX[dtype]}")


def empty(*shape: Any, **kind: Any) -> Tensor:
    """Memory for the results, which the C functions write."""
    return torch.empty(*shape, **kind)


def no_second_derivatives(what: str) -> Callable[..., None]:
    """The derivative of a derivative, which there is none of: it raises ``NotImplementedError``; `what` begins why."""

    def refuse(ctx: Any, *_: Any) -> None:
        raise NotImplementedError(f"{what} no second derivatives: use backend='eager' (or HARNESS_BACKEND=eager)")

    return refuse
