"""A sitting with clocks and calls that are made up: who takes turns when, how often, and what is told in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch

from harness.registry import Registry
from harness.speed import sitting as module
from harness.speed.cases import Case
from harness.speed.floors import Copy, Product, buffers
from harness.speed.probe import Probe
from harness.speed.sitting import Limits, Sitting
from harness.speed.stopwatch import Stopwatch
from harness.speed.subject import STREAMED, Subject, turn
from harness.store import Timing

CPU = torch.device("cpu")
QUICK, SLOW = Case("gru", 4, 2, 3), Case("lstm", 4, 2, 3)
PASSES = ("forward", "backward", "forward_backward", "backward_last_step", "forward_backward_last_step")
PHASES = (*PASSES, "step", "optimizer")


class Clock:
    """Time that passes only when a call is made, and a record of the calls."""

    def __init__(self, **seconds: float) -> None:
        self.now, self.seconds, self.calls = 0.0, seconds, []

    def __call__(self) -> float:
        return self.now

    def act(self, subject: Subject) -> dict[str, list[tuple[float, float]]]:
        arch = subject.case.arch
        self.calls.append(arch)
        self.now += self.seconds[arch]
        first = 5.0 if self.calls.count(arch) == 1 else 0.0
        return {name: [(first + self.calls.count(arch), 2.0)] for name in PHASES}


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Sitting]:
    """A sitting of which copies and products are recorded among the calls, and nothing is probed."""

    def build(clock: Clock, limits: Limits, **options: Any) -> Sitting:
        def call(self: Any) -> None:
            clock.calls.append(type(self).__name__.lower())
            self.seconds.append(0.5)

        monkeypatch.setattr(module.Copy, "__call__", call)
        monkeypatch.setattr(module.Product, "__call__", call)
        given = {"probe": lambda *_: Probe(memory={"forward": 1, "step": 2}), "act": clock.act, "clock": clock}
        return Sitting(Registry(), limits, 1, **given | options)

    return build


def by_arch(timings: Iterable[Timing]) -> dict[str, Timing]:
    return {timing.arch: timing for timing in timings}


def test_cases_copies_and_products_take_turns(make: Callable[..., Sitting]) -> None:
    clock = Clock(gru=1.0, lstm=3.0)
    found = by_arch(make(clock, Limits(2, 100.0)).measure([QUICK, SLOW]))
    assert clock.calls == ["product", "gru", "copy", "lstm", "copy"] * 3
    step = found["gru"].phases["step"]
    assert (step.first, step.wall, step.cpu) == (6.0, [2.0, 3.0], [2.0, 2.0])
    assert step.compiling == 6.0 - 2.5
    assert found["gru"].reason is None
    assert found["gru"].memory == {"forward": 1, "step": 2}
    assert found["gru"].references["copy"]["seconds"] == [0.5, 0.5], "the first one warms up"
    assert found["gru"].sitting == found["lstm"].sitting
    assert found["gru"].layer["forget_bias"] == 1
    assert {"load_average", "load_average_after", "clock_mhz", "library", "precision"} <= set(found["gru"].environment)


def test_a_case_that_is_slow_has_fewer_turns_and_says_so(make: Callable[..., Sitting]) -> None:
    clock = Clock(gru=1.0, lstm=30.0)
    found = by_arch(make(clock, Limits(5, 100.0)).measure([QUICK, SLOW]))
    assert clock.calls.count("gru") == 6
    assert clock.calls.count("lstm") == 3, "a fourth would end after 120 seconds"
    assert found["lstm"].reason == "2 of 5 repetitions: no more fitted into --max-time 100 s"
    assert len(found["lstm"].phases["step"].wall) == 2


def test_one_repetition_always_takes_place(make: Callable[..., Sitting]) -> None:
    clock = Clock(gru=1000.0)
    [timing] = make(clock, Limits(5, 1.0)).measure([QUICK])
    assert len(timing.phases["step"].wall) == 1


def test_what_was_measured_before_a_signal_is_told(make: Callable[..., Sitting]) -> None:
    clock = Clock(gru=1.0, lstm=1.0)
    sitting = make(clock, Limits(9, 100.0), stop=lambda: "stopped by SIGINT" if clock.now >= 5 else None)
    found = by_arch(sitting.measure([QUICK, SLOW]))
    assert found["gru"].reason == "2 of 9 repetitions: stopped by SIGINT"
    assert found["lstm"].reason == "1 of 9 repetitions: stopped by SIGINT"


def test_nothing_is_told_of_a_case_that_only_warmed_up(make: Callable[..., Sitting]) -> None:
    clock = Clock(gru=1.0, lstm=1.0)
    sitting = make(clock, Limits(9, 100.0), stop=lambda: "stopped by SIGTERM" if clock.now >= 2 else None)
    assert list(sitting.measure([QUICK, SLOW])) == []


def test_a_signal_while_cases_are_tried_ends_the_trying(make: Callable[..., Sitting]) -> None:
    clock, tried = Clock(gru=1.0), []

    def probe(case: Case, *_: Any) -> Probe:
        tried.append(case)
        return Probe(reason="stopped by SIGINT")

    sitting = make(clock, Limits(), probe=probe, stop=lambda: "stopped by SIGINT" if tried else None)
    assert list(sitting.measure([QUICK, SLOW])) == []
    assert tried == [QUICK]


def test_what_does_not_fit_is_told_with_its_reason_and_takes_no_turn(make: Callable[..., Sitting]) -> None:
    clock = Clock(gru=1.0)
    reasons = {"lstm": "needs about 9.0 GB of memory, 1.0 GB are free"}
    sitting = make(clock, Limits(1, 9.0), probe=lambda case, *_: Probe(reason=reasons.get(case.arch)))
    found = by_arch(sitting.measure([SLOW, QUICK]))
    assert (found["lstm"].state, found["lstm"].reason, found["lstm"].phases) == ("skipped", reasons["lstm"], {})
    assert found["gru"].state == "done"
    assert "lstm" not in clock.calls
    assert sitting.mistakes == []


def test_what_no_machine_could_measure_is_no_timing(make: Callable[..., Sitting]) -> None:
    sitting = make(Clock(), Limits(), probe=lambda *_: Probe(reason="lstm has no backend 'cpu' here", wrong=True))
    assert list(sitting.measure([SLOW])) == []
    assert [timing.reason for timing in sitting.mistakes] == ["lstm has no backend 'cpu' here"]


def test_time_left_is_told(make: Callable[..., Sitting]) -> None:
    clock, told = Clock(gru=1.0, lstm=2.0), []
    sitting = make(clock, Limits(3, 100.0), report=lambda what, done, total: told.append((what, done, total)))
    list(sitting.measure([QUICK, SLOW]))
    assert told[:2] == [("trying the cases", 0, 2), ("trying the cases", 1, 2)]
    measuring = [(done, total) for what, done, total in told if what == "measuring"]
    assert measuring[0] == (0, 1), "the time left is reckoned from here"
    assert measuring[2:] == [
        (3.0, 12.0),
        (4.0, 12.0),
        (6.0, 12.0),
        (7.0, 12.0),
        (9.0, 12.0),
        (10.0, 12.0),
        (12.0, 12.0),
    ]


def test_a_stopwatch_starts_anew_at_every_lap() -> None:
    wall, cpu = iter([1.0, 2.0, 10.0, 14.0]), iter([0.0, 5.0, 7.0, 8.0])
    watch = Stopwatch(CPU, lambda: next(wall), lambda: next(cpu))
    assert watch.lap() == (1.0, 5.0)
    watch.start()
    assert watch.lap() == (4.0, 1.0)


def test_a_turn_times_every_phase_of_a_real_layer_and_leaves_no_gradient() -> None:
    subject = Subject(Case("unicornn", 5, 2, 3, num_layers=2, input_size=4, dtype="float64"), Registry())
    before = [parameter.clone() for parameter in subject.parameters]
    laps = turn(subject)
    assert tuple(laps) == PHASES
    assert all(wall > 0 for [(wall, _)] in laps.values())
    assert laps["forward_backward"][0] > laps["backward"][0]
    assert laps["forward_backward_last_step"][0] > laps["backward_last_step"][0]
    assert all(parameter.grad is None for parameter in subject.parameters)
    assert subject.input.dtype == torch.float64
    assert any(not torch.equal(old, new) for old, new in zip(before, subject.parameters, strict=True)), (
        "a step was taken"
    )


class Recording(torch.nn.Module):
    """A layer that keeps what it was called with: length, state, mode, and whether gradients are kept."""

    def __init__(self, calls: list[tuple[Any, ...]]) -> None:
        super().__init__()
        self.calls = calls
        self.weight = torch.nn.Parameter(torch.ones(3))

    def forward(self, x: torch.Tensor, state: Any = None) -> tuple[torch.Tensor, int]:
        self.calls.append((len(x), state, self.training, torch.is_grad_enabled()))
        return self.weight * torch.ones(*x.shape[:2], 3), (state or 0) + 1


def recorded(length: int) -> tuple[dict[str, list[tuple[float, float]]], list[tuple[Any, ...]]]:
    subject, calls = Subject(Case("gru", length, 2, 3), Registry()), []
    subject.backbone = Recording(calls)
    subject.parameters = [*subject.backbone.parameters(), *subject.head.parameters()]
    subject.optimizer = torch.optim.Adam(subject.parameters)
    return turn(subject), calls


def test_a_forward_pass_is_that_of_a_prediction_and_the_others_those_of_a_training() -> None:
    _, calls = recorded(5)
    assert calls == [(5, None, False, False), *[(5, None, True, True)] * 3]


def test_one_step_at_a_time_the_state_is_carried() -> None:
    laps, calls = recorded(1)
    assert calls[1:] == [(1, state or None, False, False) for state in range(STREAMED + 1)], "the first warms up"
    assert list(laps) == ["forward", "streaming"]
    assert len(laps["streaming"]) == STREAMED


def test_the_gradient_of_a_loss_at_the_last_step_reaches_the_layer() -> None:
    """`backward_last_step` hands the layer zeros everywhere but at the last step, `backward` none."""
    seen: list[list[bool]] = []

    class Seeing(Recording):
        def forward(self, x: torch.Tensor, state: Any = None) -> tuple[torch.Tensor, int]:
            output, state = super().forward(x, state)
            if output.requires_grad:
                output.register_hook(lambda grad: seen.append([bool(step.any()) for step in grad]))
            return output, state

    subject = Subject(Case("gru", 4, 2, 3), Registry())
    subject.backbone = Seeing([])
    subject.parameters = [*subject.backbone.parameters(), *subject.head.parameters()]
    subject.optimizer = torch.optim.Adam(subject.parameters)
    turn(subject)
    last = [False, False, False, True]
    assert seen == [[True] * 4, last, last]


def test_there_is_no_dropout_unless_it_is_asked_for() -> None:
    sizes = {"length": 2, "batch": 2, "hidden_size": 3}
    assert Subject(Case("sru", **sizes), Registry()).layer["dropout"] == 0
    assert Subject(Case("sru", **sizes, changes=(("dropout", 0.5),)), Registry()).layer["dropout"] == 0.5


def test_copies_share_buffers_and_know_their_bytes() -> None:
    both = buffers(CPU, [80, 800])
    small, large = Copy(both, 80), Copy(both, 800)
    for copy in (small, large):
        copy()
        copy()
        assert len(copy.told()["seconds"]) == 1
    assert (small.told()["bytes"], large.told()["bytes"]) == (80, 800)
    product = Product(CPU, torch.float32)
    assert product.operations == 2 * 1024**3


def test_a_turn_that_fails_ends_its_case_and_no_other(make: Callable[..., Sitting]) -> None:
    clock = Clock(gru=1.0, lstm=3.0)

    def act(subject: Subject) -> dict[str, tuple[float, float]]:
        laps = clock.act(subject)
        if subject.case.arch == "gru" and clock.calls.count("gru") == failing:
            raise RuntimeError("not enough memory")
        return laps

    failing = 3
    found = by_arch(make(clock, Limits(4, 100.0), act=act).measure([QUICK, SLOW]))
    assert found["gru"].reason == "1 of 4 repetitions: the next one failed: not enough memory"
    assert len(found["lstm"].phases["step"].wall) == 4
    failing, clock.calls = 2, []
    found = by_arch(make(clock, Limits(4, 100.0), act=act).measure([QUICK, SLOW]))
    assert (found["gru"].state, found["gru"].reason) == ("skipped", "a repetition failed: not enough memory")
    assert len(found["lstm"].phases["step"].wall) == 4
