"""A case made ready: the model, its data, and the calls that are timed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from harness.errors import UserError, explained
from harness.model import output_size, unroll, wrong_width
from harness.registry import Registry, resolve
from harness.signature import keys_of, layer_options
from harness.speed.cases import BEST, Case
from harness.speed.stopwatch import Stopwatch

CLASSES = 10
"""Outputs of the linear read-out that a training step has above the backbone."""
CLIP_NORM = 1.0


class Subject:
    """The backbone of a case with a linear read-out, an optimiser, and random data of its size.

    Its hyper-parameters are the defaults of the architecture, but there is no dropout unless the case says so.
    Raises :class:`UserError` where the architecture refuses the sizes or the backend.
    """

    def __init__(self, case: Case, registry: Registry) -> None:
        architecture = registry.architecture(case.arch)
        self.case, self.device, dtype = case, torch.device(case.device), getattr(torch, case.dtype)
        keys = keys_of(architecture.layer)
        no_dropout = {key: 0.0 for key in keys if key.endswith("dropout")}
        given = {"hidden_size": case.hidden_size, "num_layers": case.num_layers, **dict(case.changes)}
        where = f"architecture {case.arch}"
        self.layer = layer_options(architecture, {**no_dropout, **given}, where)
        """All keywords of the backbone."""
        with torch.random.fork_rng(devices=[]), explained(where):
            torch.manual_seed(0)
            backbone = architecture.layer(case.input_size, **self.layer, **_backend(architecture.layer, case))
            head = nn.Linear(output_size(backbone, case.hidden_size), CLASSES)
            self.input = torch.randn(case.length, case.batch, case.input_size).to(self.device, dtype)
            self.targets = torch.randint(CLASSES, (case.batch,)).to(self.device)
        self.backbone, self.head = backbone.to(self.device, dtype), head.to(self.device, dtype)
        self.parameters = [*self.backbone.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.Adam(self.parameters, lr=1e-3, foreach=True)

    def forward(self) -> None:
        """Forward without gradients; in :meth:`evaluating` as a prediction."""
        with torch.no_grad():
            unroll(self.backbone, self.input)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """The backbone in evaluation mode."""
        self.backbone.eval()
        try:
            yield
        finally:
            self.backbone.train()

    def stream(self, state: Any = None) -> Any:
        """One time step without gradients: the state after it, of the layer's own kind, as the next call takes it."""
        with torch.no_grad():
            return unroll(self.backbone, self.input[:1], state=state)[1]

    def keeping_forward(self) -> Tensor:
        """Forward with all that gradients need; the output (L, N, H)."""
        output: Tensor = unroll(self.backbone, self.input)[0]
        if output.shape[-1] != self.head.in_features:
            wrong = wrong_width(self.backbone, output.shape[-1], self.head.in_features)
            raise UserError(f"architecture {self.case.arch}: {wrong}")
        return output

    def loss(self, output: Tensor) -> Tensor:
        """Cross-entropy of the read-out of the last step."""
        return nn.functional.cross_entropy(self.head(output[-1]), self.targets)

    def step(self) -> None:
        """A training step: forward, read-out of the last step, loss, backward, clipping, optimiser."""
        self.forget_gradients()
        self.loss(self.keeping_forward()).backward()
        self.update()

    def update(self) -> None:
        """Clip the gradients that there are, and update the parameters."""
        nn.utils.clip_grad_norm_(self.parameters, CLIP_NORM)
        self.optimizer.step()

    def forget_gradients(self) -> None:
        """As before the first backward pass."""
        self.optimizer.zero_grad(set_to_none=True)

    def work(self, registry: Registry) -> dict[str, dict[str, int]]:
        """Bytes to be moved and operations, forward and backward, as the architecture tells; empty where it doesn't."""
        tell = registry.architecture(self.case.arch).cost
        if tell is None:
            return {}
        case, size = self.case, getattr(torch, self.case.dtype).itemsize
        cost = tell(case.length, case.batch, case.input_size, case.hidden_size, case.num_layers)
        passes = {"forward": cost.forward, "backward": cost.backward}
        return {name: {"bytes": one.numbers * size, "operations": one.operations} for name, one in passes.items()}


def _backend(layer: Callable[..., Any], case: Case) -> dict[str, str]:
    """The keyword that makes a layer use the backend of a case."""
    if case.backend == BEST:
        return {}
    if "backend" not in inspect.signature(layer).parameters:
        raise UserError(f"{case.arch} has no choice of backends")
    return {"backend": case.backend}


STREAMED = 100
"""Calls of ``streaming`` in a turn, after the first one, which begins without a state."""

Laps = dict[str, list[tuple[float, float]]]
"""Phase -> wall and CPU seconds of each of its calls."""


def turn(subject: Subject) -> Laps:
    """Every phase of a training once; of a case that is one step long ``forward``, and ``streaming`` many times."""
    watch, laps = Stopwatch(subject.device), Laps()
    with subject.evaluating():
        watch.start()
        subject.forward()
        laps["forward"] = [watch.lap()]
    if subject.case.length == 1:
        return laps | {"streaming": _streamed(subject, watch)}
    watch.start()
    output = subject.keeping_forward()
    kept = watch.lap()
    gradient = torch.randn_like(output)
    watch.start()
    output.backward(gradient)
    laps |= _backward("", kept, watch.lap())
    del output, gradient
    subject.forget_gradients()
    watch.start()
    output = subject.keeping_forward()
    kept = watch.lap()
    loss = subject.loss(output)
    watch.start()
    loss.backward()
    laps |= _backward("_last_step", kept, watch.lap())
    del output, loss
    subject.forget_gradients()
    watch.start()
    subject.step()
    laps["step"] = [watch.lap()]
    subject.update()  # with the gradients of the step
    laps["optimizer"] = [watch.lap()]
    subject.forget_gradients()
    return laps


def _backward(suffix: str, kept: tuple[float, float], backward: tuple[float, float]) -> Laps:
    both = kept[0] + backward[0], kept[1] + backward[1]
    return {f"backward{suffix}": [backward], f"forward_backward{suffix}": [both]}


def _streamed(subject: Subject, watch: Stopwatch) -> list[tuple[float, float]]:
    with subject.evaluating():
        state = subject.stream()
        laps = []
        watch.start()
        for _ in range(STREAMED):
            state = subject.stream(state)
            laps.append(watch.lap())
    return laps


def backends_that_ran() -> dict[str, dict[str, int]]:
    """Operation -> backend -> how often, since the last call; then they are forgotten."""
    found: dict[str, dict[str, int]] = {}
    for (operation, backend), count in resolve("architectures.kernels:counts")().items():
        found.setdefault(operation, {})[backend] = count
    resolve("architectures.kernels:reset")()
    return found
