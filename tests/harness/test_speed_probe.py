"""Trying a case in a process of its own: what it needs, and every way in which it may not fit."""

from __future__ import annotations

import mmap
import signal
from pathlib import Path

import pytest
import torch

from harness.speed import memory, probe
from harness.speed.cases import Case
from harness.speed.memory import Peak
from harness.speed.probe import Need, Probe, estimated, refusal

SMALL = Case("lstm", 100, 8, 16)


def test_time_and_memory_of_a_case() -> None:
    found = probe.probe(SMALL, (), 1, 60.0)
    assert found.reason is None
    assert found.seconds > 0
    assert found.memory is not None
    forward, step = found.memory["forward"], found.memory["step"]
    if forward is None:
        pytest.skip("this system doesn't tell the memory of a process")
    assert 0 < forward <= step < 200e6


def test_a_longer_sequence_needs_more_memory() -> None:
    peaks = [probe.probe(Case("unicornn", length, 32, 64), (), 1, 60.0).memory for length in (500, 2000)]
    short, long = (peak["step"] for peak in peaks)
    if short is None:
        pytest.skip("this system doesn't tell the memory of a process")
    output = 2000 * 32 * 64 * 4
    assert long > 3 * output, "an output, its gradient and the drive at least"
    assert long > 2 * short


def test_a_backend_that_the_layer_lacks_is_a_mistake() -> None:
    found = probe.probe(Case("lstm", 4, 2, 3, backend="parallel"), (), 1, 60.0)
    assert found.wrong
    assert found.reason is not None
    assert found.reason.startswith("lstm has no backend 'parallel' here: use ")


def test_a_layer_without_a_choice_of_backends(plugin: str) -> None:
    assert probe.probe(Case("mean", 4, 2, 3), (plugin,), 1, 60.0).reason is None
    found = probe.probe(Case("mean", 4, 2, 3, backend="eager"), (plugin,), 1, 60.0)
    assert (found.reason, found.wrong) == ("mean has no choice of backends", True)


def test_a_hyper_parameter_that_is_refused_is_a_mistake() -> None:
    found = probe.probe(Case("cornn", 4, 2, 3, changes=(("dt", -1.0),)), (), 1, 60.0)
    assert (found.reason, found.wrong) == ("architecture cornn: dt must be positive, got -1.0", True)


def test_what_cannot_fit_is_not_tried() -> None:
    found = probe.probe(Case("lstm", 10_000_000, 10_000, 16), (), 1, 60.0)
    assert found.reason is not None
    assert found.reason.startswith("needs about 13200.0 GB of memory, ")
    assert not found.wrong


def test_what_takes_too_long_is_ended_or_not_begun() -> None:
    found = probe.probe(Case("gru", 100_000, 16, 64), (), 1, 0.01)
    assert found.reason is not None
    assert "than --max-time 0.01 s" in found.reason
    assert not found.wrong


def test_a_signal_ends_the_process() -> None:
    asked = iter([None, "stopped by SIGINT"])
    found = probe.probe(Case("lstm", 10_000, 16, 64), (), 1, 600.0, lambda: next(asked, "stopped by SIGINT"))
    assert found.reason == "stopped by SIGINT"


@pytest.mark.parametrize(
    ("code", "err", "told"),
    [
        (-signal.SIGALRM, "", "one repetition takes longer than --max-time 7 s"),
        (-signal.SIGKILL, "", "the system ended the process, as it does when memory runs out"),
        (1, "Traceback\nImportError: no torch\n", "the first call failed: ImportError: no torch"),
        (-11, "", "the first call failed: it ended with code -11"),
    ],
)
def test_the_end_of_the_process_says_why(code: int, err: str, told: str) -> None:
    assert probe._verdict(code, "", err, 7.0) == Probe(reason=told)


def test_the_last_line_of_the_process_counts() -> None:
    assert probe._verdict(0, 'hello from a plugin\n{"seconds": 2.5}\n', "", 7.0) == Probe(seconds=2.5)


def test_needs_grow_from_step_to_step_as_between_two_shorter_lengths() -> None:
    assert estimated(Need(10, 1.5, 150), Need(20, 2.0, 200), 100) == Need(100, 6.0, 600)
    assert estimated(Need(10, 2.5, 300), Need(20, 2.0, 200), 100) == Need(100, 2.0, 200), "noise is no growth"


def test_reasons_to_skip() -> None:
    assert refusal(Need(9, 5.0, 1000), free=1000, max_time=5.0) is None
    assert refusal(Need(9, 5.0, 3 * 10**9), free=2 * 10**9, max_time=5.0) == (
        "needs about 3.0 GB of memory, 2.0 GB are free"
    )
    assert refusal(Need(9, 9.0, 10), free=20, max_time=5.0) == (
        "one repetition takes about 9 s, more than --max-time 5 s"
    )


def test_a_peak_counts_what_was_held_at_once() -> None:
    peak = Peak(torch.device("cpu"))
    if peak.bytes() is None:
        pytest.skip("this system doesn't tell the memory of a process")
    with mmap.mmap(-1, 100_000_000) as block:  # new to the process, unlike a tensor in memory that others freed
        for page in range(0, len(block), mmap.PAGESIZE):
            block[page] = 1
    assert peak.bytes() > 95e6, "although it is free again"


def test_the_limit_of_a_container_counts(tmp_path: Path) -> None:
    files = {"memory.max": "5000\n", "memory.current": "3000\n"}
    assert memory._left_to_group(lambda path: files[path.name]) == 2000
    files["memory.max"] = "max\n"
    assert memory._left_to_group(lambda path: files[path.name]) > 10**15
    assert memory.available(torch.device("cpu")) > 0
