"""Which implementation of a recurrence runs, and a counter of those that really ran.

An *operation* is one recurrence over a whole sequence ("cornn", "unicornn", "lstm", ...); a *backend* is one way to
compute it. Every operation of this package has a readable form in plain PyTorch, its oracle: the backend ``eager``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import ParamSpec, TypeVar

__all__ = ["BACKENDS", "PORTABLE", "add", "choose", "counts", "exporting", "ran", "reset", "run"]

BACKENDS = ("eager", "cpu", "cuda", "parallel", "torch")
"""Every backend an operation may have: plain PyTorch, compiled for the CPU, compiled for CUDA, parallel in time, and
torch's own fused operator."""

PORTABLE = ("torch", "eager")
"""The backends made of torch's own operators: what they computed can be loaded where this package is not installed."""

P = ParamSpec("P")
T = TypeVar("T")

_counts: Counter[tuple[str, str]] = Counter()
_lock = Lock()  # trials of a study may run in threads of one process, and `+=` on a Counter is not atomic


def run(
    operation: str,
    requested: str | None,
    implementations: Mapping[str, Callable[P, T]],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Call the implementation that :func:`choose` picks, and count it.

    `implementations` maps the backends of an operation, best first, to what computes it. One that can't compute every
    call has an attribute ``fits``, a function of the same arguments that says whether it can compute this one; one that
    is slower than those after it on some calls has an attribute ``pays``, which says whether it is not on this one. One
    that counts what it does itself, because a compiler may take the call away from here, has an attribute ``counts``.
    What is exported is not counted, as nothing is computed.
    """

    def fits(backend: str) -> bool:
        own = getattr(implementations[backend], "fits", None)
        return own is None or own(*args, **kwargs)

    def pays(backend: str) -> bool:
        own = getattr(implementations[backend], "pays", None)
        return own is None or own(*args, **kwargs)

    backend = choose(operation, requested, tuple(implementations), fits, pays)
    implementation = implementations[backend]
    result = implementation(*args, **kwargs)
    if not getattr(implementation, "counts", False) and not exporting():
        ran(operation, backend)
    return result


def choose(
    operation: str,
    requested: str | None,
    backends: Sequence[str],
    fits: Callable[[str], bool] = lambda backend: True,
    pays: Callable[[str], bool] = lambda backend: True,
) -> str:
    """The backend to run: `requested` (a layer's keyword), else ``HARNESS_BACKEND``, else the first that fits and pays.

    `backends` names those of the operation, best first, and `fits` tells of one of them whether it can compute this
    call, `pays` whether it is worth it; they are asked no more than is needed. The environment variable speaks to all
    operations at once, so one that lacks the backend it names uses its best; the keyword speaks to one, so there this
    is a ``ValueError``, as is a name that is no backend at all. What is exported takes one of :data:`PORTABLE`, even
    where another one is asked for.
    """
    if exporting():
        backends = [backend for backend in backends if backend in PORTABLE]
        requested = requested if requested in backends else None
    if requested is not None:
        if requested not in backends or not fits(requested):
            here = [backend for backend in backends if fits(backend)]
            raise ValueError(f"{operation} has no backend {requested!r} here: use {_listed(here)}")
        return requested
    wished = os.environ.get("HARNESS_BACKEND") or None
    if wished is not None:
        known("HARNESS_BACKEND", wished)
        if wished in backends and fits(wished):
            return wished
    return next(backend for backend in backends if fits(backend) and pays(backend))


def exporting() -> bool:
    """Whether a program is being made for others to load: by ``torch.export``, ``torch.onnx`` or ``torch.jit``."""
    import torch

    if torch.compiler.is_exporting():
        return True
    return not torch.compiler.is_compiling() and torch.jit.is_tracing()


def known(name: str, backend: str | None) -> None:
    """Refuse a `backend` that is neither None nor one of :data:`BACKENDS`; the ``ValueError`` begins with `name`."""
    if backend is not None and backend not in BACKENDS:
        raise ValueError(f"{name} must be {_listed(BACKENDS)}, got {backend!r}")


def ran(operation: str, backend: str) -> None:
    """Count one execution of `operation` by `backend`."""
    with _lock:
        _counts[operation, backend] += 1


def add(more: Mapping[tuple[str, str], int]) -> None:
    """Count executions that did not come by here, such as those of a graph that was replayed."""
    with _lock:
        _counts.update(more)


def counts() -> dict[tuple[str, str], int]:
    """How often each (operation, backend) ran since the start of the process or the last :func:`reset`."""
    with _lock:
        return {which: count for which, count in _counts.items() if count}


def reset() -> None:
    """Forget all counts."""
    with _lock:
        _counts.clear()


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
