"""Kernels are compared with plain PyTorch at their first use on a device, and left out where they differ.

The comparison is of a small batch of odd sizes, forward and every gradient, by every route that the kernels may take
(:data:`.verdicts.ROUTES`). Its verdict is kept on disk, beside the compiled recurrences for the CPU, for this kind of
device, version of the driver, of torch and of CuPy, and text of the source. Where the kernels can't be compiled or
loaded, the reason is remembered for this process only, since it may be mended; what passes by itself, such as a lack of
memory, is not remembered at all.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Lock, Thread
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from architectures.kernels import elementwise, library
from architectures.kernels.cuda import launch, steps, sweeps
from architectures.kernels.cuda.variants import COUPLED, OSCILLATOR, STEPS, Variant
from architectures.kernels.cuda.verdicts import KNOWN, ROUTES, Verdict

__all__ = ["passed"]

SIZE = 301, 3, 11
"""Steps, sequences and units: more than a chunk of Newton's iteration, a segment and a warp, and multiples of none."""
COUPLED_SIZE = 67, 3, 11
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-3, torch.bfloat16: 0.04}
"""The largest error relative to the largest value of a result, by the coarsest type in memory; rounding stays far
below. Approximations (``fast_math``) and products in TF32 have the last one."""
LOOSE = 0.1

_PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EINTR, errno.ENOMEM}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}

T = TypeVar("T")
_told: set[str] = set()
_lock = Lock()


class Left(NamedTuple):
    """Results by name."""

    found: dict[str, Tensor]
    expected: dict[str, Tensor]


def passed(variant: Variant, device: int, route: str = "sweep") -> bool:
    """Whether kernels may be used on a GPU, where `route` is the way through the sequence; checks them if need be.

    One warning tells of those that may not.
    """
    with _lock:
        verdict = KNOWN.get((variant, device)) or _examine(variant, device)
    return verdict[route] is None


def forget() -> None:
    """Forget what this process knows, as a test does; what is on disk stays."""
    KNOWN.clear()
    _told.clear()


def _examine(variant: Variant, device: int) -> Verdict:
    """A verdict from disk or by a comparison; remembered if it is one."""
    try:
        if torch.cuda.is_current_stream_capturing():
            reason = (
                f"the CUDA kernels of {variant} were not used before this CUDA graph: make one call before a capture"
            )
            _tell(reason)
            return _all(variant, reason)
        _apart(device, lambda: launch.load(variant, device))
    except Exception as error:  # of the import of CuPy, of NVRTC, of the driver, of the cache on disk
        reason, lasts = _why_not_loaded(variant, device, error), not _passes(error)
        _tell(reason)
        return _remembered(variant, device, _all(variant, reason)) if lasts else _all(variant, reason)
    file = _file(variant, device)
    verdict = _read(variant, file)
    if verdict is None:
        try:
            verdict = _apart(device, lambda: {route: _compared(variant, route, device) for route in _routes(variant)})
        except Exception as error:
            _tell(f"the CUDA kernels of {variant} cannot be checked on GPU {device}: {_one_line(error)}")
            return _all(variant, _one_line(error))
        _write(file, _key(variant, device), verdict)
    for route, why in verdict.items():
        if why is not None:
            _tell(
                f"the CUDA kernels of {variant} ({route}) are not used on GPU {device}: {why}; please report this with "
                "the output of 'harness doctor'",
                ROUTES[route],
            )
    return _remembered(variant, device, verdict)


def _compared(variant: Variant, route: str, device: int) -> str | None:
    """Why a route is left out. Raises only what passes by itself."""
    try:
        errors = _errors(variant, route, _place(device))
    except Exception as error:
        if _passes(error):
            raise
        return f"they raise {type(error).__name__}: {_one_line(error)}"
    limit = _limit(variant)
    wrong = {name: error for name, error in errors.items() if not error <= limit}
    if not wrong:
        return None
    worst = max(wrong, key=lambda name: (wrong[name] != wrong[name], wrong[name]))
    return (
        f"{worst} differs from plain PyTorch by {wrong[worst]:.2g} of its largest value (at most {limit:.2g} is right)"
    )


def _errors(variant: Variant, route: str, device: torch.device) -> dict[str, float]:
    """The largest error of each result, relative to its largest value or to 1."""
    results = _coupled(variant, device) if variant.step == COUPLED else _swept(variant, route, device)
    errors: dict[str, float] = {}
    for found, expected in results:
        for name, tensor in found.items():
            exact = expected[name]
            error = float((tensor.cpu().double() - exact).abs().max() / exact.abs().max().clamp_min(1.0))
            errors[name] = max(errors.get(name, 0.0), error) if error == error else error
    return errors


def _swept(variant: Variant, route: str, device: torch.device) -> Iterator[Left]:
    """UnICORNN, IndRNN or SRU: with what is kept of every step, and with what ``memory="low"`` keeps."""
    (length, batch, width), (name, number) = SIZE, _operation(variant)
    draw = _Draw()
    gates = 3 if name == "sru" else 1
    scale = 0.1 if name == "unicornn" else 1.0  # else some of its units would be chaotic, and rounding grow
    input = draw.normal(length, batch, gates * width, dtype=variant.input, scale=scale)
    skip = draw.normal(length, batch, width, dtype=variant.input) if name == "sru" else None
    rows = {
        # From steps that Newton's iteration takes 256 at once to those that it does not pay for.
        "unicornn": lambda: [draw.uniform(width) + 0.5, torch.logspace(-3, -0.15, width), 0.1 * draw.normal(width)],
        "indrnn": lambda: [1.8 * draw.uniform(width) - 0.9, draw.normal(width)],
        "sru": lambda: [0.5 * draw.normal(width) for _ in range(4)],
    }[name]()
    weight = torch.stack([row.double() for row in rows]).to(variant.computed)
    initial = draw.normal(2 if name == "unicornn" else 1, batch, width, dtype=variant.computed, scale=0.5)
    outside = draw.normal(length, batch, width, dtype=variant.output)
    outside_final = draw.normal(*initial.shape, dtype=variant.computed)
    constant = 2.0 if name == "unicornn" else float(number or 0)

    leaves = [
        part.double().clone().requires_grad_() for part in (input, weight, initial, *(() if skip is None else (skip,)))
    ]
    output, final = _plain(name, constant, *leaves)
    gradients = torch.autograd.grad([output, final], leaves, [outside.double(), outside_final.double()])
    names = ("the gradient of the input", "that of the weights", "that of the initial state", "that of the highway")
    expected = {"the output": output.detach(), "the final state": final.detach()}
    expected |= dict(zip(names, gradients, strict=False))

    there = [None if part is None else part.to(device) for part in (input, skip, weight, initial)]
    given: list[Any] = [name, *there]
    forward: Any = sweeps.forward
    backward: Any = sweeps.backward
    keeps = (elementwise.EVERYTHING, elementwise.STATES) if route == "sweep" else (elementwise.EVERYTHING,)
    for keep in keeps:
        with torch.no_grad():
            output, kept, states, final = forward(*given, constant, keep, variant.output, variant.fast, route=route)
            every = None if keep == elementwise.STATES else kept if name == "sru" else output
            outer = outside.to(device), outside_final.to(device), variant.output, variant.fast
            d_input, d_skip, d_weight, d_initial = backward(*given, every, states, final, constant, *outer, route=route)
        found = dict(zip(names, (d_input, d_weight, d_initial, d_skip), strict=True))
        yield Left(
            {"the output": output, "the final state": final} | {n: found[n] for n in names[: len(leaves)]}, expected
        )


def _plain(
    name: str, constant: float, input: Tensor, weight: Tensor, initial: Tensor, *skip: Tensor
) -> tuple[Tensor, Tensor]:
    """Output and final states, one below the other, in plain PyTorch."""
    from architectures import indrnn, sru, unicornn

    forms: dict[str, Any] = {"unicornn": unicornn.unicornn_eager, "indrnn": indrnn.indrnn_eager, "sru": sru.sru_eager}
    activation = next(
        word for word, number in elementwise.ACTIVATIONS.items() if number == constant or name == "unicornn"
    )
    if name == "unicornn":
        output, state = forms[name](input, *weight, (initial[0], initial[1]), constant)
        return output, torch.stack(state)
    if name == "indrnn":
        output, last = forms[name](input, *weight, initial[0], activation)
    else:
        output, last = forms[name](input, skip[0], weight[:2], weight[2:], initial[0], activation)
    return output, last.unsqueeze(0)


def _coupled(variant: Variant, device: torch.device) -> Iterator[Left]:
    """coRNN, with its steps launched one by one: its graphs are compared with that when they are recorded."""
    from architectures.cornn import cornn_eager

    draw, (length, batch, width) = _Draw(), COUPLED_SIZE
    drive = draw.normal(length, batch, width, dtype=variant.input)
    weight = ((2 * draw.uniform(width, 2 * width) - 1) * (2 * width) ** -0.5).to(variant.computed)
    y, z = (draw.normal(batch, width, dtype=variant.computed) for _ in range(2))
    outside = draw.normal(length, batch, width, dtype=variant.output)
    last = [draw.normal(batch, width, dtype=variant.computed) for _ in range(2)]
    names = ("the output", "the final y", "the final z")
    of = ("the gradient of the drive", "that of the weight", "that of the initial y", "that of the initial z")
    forward: Any = steps.forward
    backward: Any = steps.backward
    for damping in ("explicit", "implicit"):
        setting = 0.076, 0.4, 8.0
        leaves = [part.double().clone().requires_grad_() for part in (drive, weight, y, z)]
        output, state = cornn_eager(leaves[0], leaves[1], (leaves[2], leaves[3]), *setting, damping)
        gradients = torch.autograd.grad([output, *state], leaves, [part.double() for part in (outside, *last)])
        results = (output.detach(), *(part.detach() for part in state), *gradients)
        expected = dict(zip((*names, *of), results, strict=True))
        there = [part.to(device) for part in (drive, weight, y, z)]
        constants = *setting, damping == "implicit"
        with torch.no_grad():
            left = forward(*there, *constants, True, variant.output, variant.fast, route="sweep")
            outer = [part.to(device) for part in (outside, *last)]
            given = backward(
                *there[1:], *constants, left[0], left[3], *outer, True, variant.input, variant.fast, route="sweep"
            )
        yield Left(dict(zip((*names, *of), (*left[:3], *given), strict=True)), expected)


class _Draw:
    """The same numbers every time."""

    def __init__(self) -> None:
        self._random = torch.Generator().manual_seed(0)

    def normal(self, *shape: int, dtype: torch.dtype = torch.float64, scale: float = 1.0) -> Tensor:
        return (scale * torch.randn(*shape, generator=self._random, dtype=torch.float64)).to(dtype)

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self._random, dtype=torch.float64)


def _operation(variant: Variant) -> tuple[str, int | None]:
    return next(operation for operation, step in STEPS.items() if step == variant.step)


def _routes(variant: Variant) -> tuple[str, ...]:
    if variant.step == COUPLED:
        return ("sweep",)
    return ("sweep", "newton", "segments") if variant.step == OSCILLATOR else ("sweep", "segments")


def _limit(variant: Variant) -> float:
    if variant.fast or (variant.step == COUPLED and _in_tf32()):
        return LOOSE
    return max(TOLERANCE[dtype] for dtype in (variant.computed, variant.input, variant.output))


def _in_tf32() -> bool:
    return bool(torch.backends.cuda.matmul.fp32_precision == "tf32")


def _all(variant: Variant, reason: str) -> Verdict:
    return dict.fromkeys(_routes(variant), reason)


def _remembered(variant: Variant, device: int, verdict: Verdict) -> Verdict:
    return KNOWN.setdefault((variant, device), verdict)


def _place(device: int) -> torch.device:
    return torch.device("cuda", device)


@contextmanager
def _on(device: int) -> Iterator[None]:
    """With a GPU and a stream of its own as the current ones."""
    with torch.cuda.device(device), torch.cuda.stream(torch.cuda.Stream(device)):
        yield


def _apart(device: int, work: Callable[[], T]) -> T:
    """The work in a thread of its own: no mode of the caller's (autocast, tracing, inference) is in force there."""
    results: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            with _on(device):
                results.append(work())
        except Exception as error:
            errors.append(error)

    thread = Thread(target=run, name="check of CUDA kernels")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _tell(reason: str, instead: str = ROUTES["sweep"]) -> None:
    if reason not in _told:
        _told.add(reason)
        warnings.warn(f"{reason}; {instead} computes instead", RuntimeWarning, stacklevel=5)


def _why_not_loaded(variant: Variant, device: int, error: Exception) -> str:
    """In one sentence, with what to do."""
    if isinstance(error, OSError) and error.errno in _FORBIDDEN:
        return f"CuPy cannot write its cache ({_one_line(error)}): name a folder that can be written in CUPY_CACHE_DIR"
    if isinstance(error, ImportError):
        return (
            f"CuPy cannot be loaded ({_one_line(error)}): install the extra 'cuda12' or 'cuda13' of this package, "
            "by the version of CUDA that torch was built for"
        )
    return f"the CUDA kernels of {variant} cannot be compiled and loaded for GPU {device}: {_one_line(error)}"


def _passes(error: Exception) -> bool:
    """Whether an error may be gone at the next call: a lack of memory, of room on disk, of files; another's capture."""
    text = str(error).lower()
    return (
        isinstance(error, (torch.OutOfMemoryError, MemoryError))
        or (isinstance(error, OSError) and error.errno in _PASSING)
        or any(words in text for words in ("out of memory", "out_of_memory", "no space left", "stream is capturing"))
    )


def _key(variant: Variant, device: int) -> dict[str, str]:
    """All that a verdict depends on."""
    import cupy

    properties = torch.cuda.get_device_properties(device)
    text = "\n".join((*variant.options(), variant.source()))
    return {
        "kernels": str(variant),
        "device": f"{properties.name}, {properties.major}.{properties.minor}",
        "driver": str(cupy.cuda.runtime.driverGetVersion()),
        "torch": torch.__version__,
        "cupy": cupy.__version__,
        "nvrtc": ".".join(map(str, cupy.cuda.nvrtc.getVersion())),
        "source": hashlib.sha256(text.encode()).hexdigest(),
        "products": "tf32" if variant.step == COUPLED and _in_tf32() else "float32",
        "check": _own_version(),
    }


@cache
def _own_version() -> str:
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def _file(variant: Variant, device: int) -> Path | None:
    """Where the verdict is kept; None where there is no such folder."""
    key = json.dumps(_key(variant, device), sort_keys=True)
    try:
        return library.folder_of_cache() / "cuda" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
    except library.Unusable:
        return None


def _read(variant: Variant, file: Path | None) -> Verdict | None:
    try:
        verdict = json.loads(file.read_text(encoding="utf-8"))["verdict"] if file is not None else None
        known = isinstance(verdict, dict) and set(verdict) == set(_routes(variant))
        return verdict if known else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(file: Path | None, key: dict[str, str], verdict: Verdict) -> None:
    """Whole or not at all; where that can't be done, the kernels are checked again next time."""
    if file is None:
        return
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps({"key": key, "verdict": verdict}, indent=1), encoding="utf-8")
        part.replace(file)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
