"""What a case needs, found out in a process of its own: time and memory of its first calls at full size.

Such a process begins with no memory in use, so that its peak is that of the case; it can be ended while a call is under
way; and one that the system kills because memory ran out takes nothing else with it. Before the full length is tried,
two short ones show what it would need, as time and memory grow with the length in proportion.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from typing import Any

from harness.errors import UserError, is_out_of_memory, one_line, with_place
from harness.neighbours import search_path
from harness.speed.cases import Case

LOOK_EVERY = 0.1
"""Seconds between two looks at the process and at whether a person wants to stop."""
SHORTER = (64, 8)
"""The fractions of the length that are tried first."""
PASSES = 3
"""Passes forward and backward in a turn: from a dense gradient, from a loss at the last step, in a training step."""
MARGIN = 1.1
"""By how much memory may be short of the estimate before a case is refused: an estimate is none to the byte."""


@dataclass(frozen=True)
class Probe:
    """What a case needs, or why it can't be measured."""

    reason: str | None = None
    wrong: bool = False
    """Whether the reason is the case itself, such as a backend that its architecture lacks, and not this machine."""
    seconds: float = 0.0
    """Of all phases once."""
    memory: dict[str, int | None] | None = None


@dataclass(frozen=True)
class Need:
    """Seconds of all phases, and bytes, at one length."""

    length: int
    seconds: float
    memory: int


def estimated(shorter: Need, longer: Need, length: int) -> Need:
    """What `length` steps will need: the same growth from step to step as between two shorter lengths."""
    ratio = (length - longer.length) / (longer.length - shorter.length)
    grown = max(0.0, longer.seconds - shorter.seconds), max(0, longer.memory - shorter.memory)
    return Need(length, longer.seconds + ratio * grown[0], round(longer.memory + ratio * grown[1]))


def refusal(need: Need, free: int, max_time: float) -> str | None:
    """Why a case is skipped that needs so much; None where it fits."""
    if need.memory > MARGIN * free:
        return f"needs about {need.memory / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free"
    if need.seconds > max_time:
        return f"one repetition takes about {need.seconds:.0f} s, more than --max-time {max_time:g} s"
    return None


def probe(
    case: Case,
    plugins: Iterable[str],
    threads: int,
    max_time: float,
    stop: Callable[[], str | None] = lambda: None,
) -> Probe:
    """Try a case in a process of its own. A reason of `stop` ends it at once and is the reason of the result."""
    order = {"case": asdict(case), "plugins": list(plugins), "threads": threads, "max_time": max_time}
    command = [sys.executable, *search_path(), "-m", "harness.speed.probe", json.dumps(order)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while True:
            try:
                out, err = process.communicate(timeout=LOOK_EVERY)
                break
            except subprocess.TimeoutExpired:
                if stop() is not None:
                    process.kill()
            except BaseException:
                process.kill()
                raise
    if asked := stop():
        return Probe(reason=asked)
    return _verdict(process.returncode, out, err, max_time)


def _verdict(code: int, out: str, err: str, max_time: float) -> Probe:
    """What the end of the process says."""
    if code == 0:
        return Probe(**json.loads(out.splitlines()[-1]))
    if code == -getattr(signal, "SIGALRM", 0):
        return Probe(reason=f"one repetition takes longer than --max-time {max_time:g} s")
    if code == -getattr(signal, "SIGKILL", 0):
        return Probe(reason="the system ended the process, as it does when memory runs out")
    last = (err.strip().splitlines() or [f"it ended with code {code}"])[-1]
    return Probe(reason=f"the first call failed: {last}")


def main(order: dict[str, Any]) -> Probe:
    """What the process does: try the case, and tell."""
    from harness.machine import subnormals_flushed

    try:
        with subnormals_flushed():
            return _try(Case(**order["case"]), order["plugins"], order["threads"], order["max_time"])
    except UserError as error:
        return Probe(reason=str(error), wrong=not is_out_of_memory(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if is_out_of_memory(error):
            return Probe(reason="there is not enough memory for it")
        wrong = isinstance(error, ValueError)  # as layers complain of what they can't do
        return Probe(reason=one_line(error) if wrong else with_place(error), wrong=wrong)


def _try(case: Case, plugins: list[str], threads: int, max_time: float) -> Probe:
    import torch

    from harness.allocation import keep_freed_memory
    from harness.registry import Registry
    from harness.speed.memory import Peak, available
    from harness.speed.subject import STREAMED, Subject, turn

    torch.set_num_threads(threads)
    registry, device = Registry(tuple(plugins)), torch.device(case.device)
    tiny = replace(case, length=2, batch=1, hidden_size=2)
    turn(Subject(tiny, registry))  # loads and starts what is used later on
    free, peak = available(device), Peak(device)
    if reason := refusal(Need(case.length, 0, _least(case)), free, max_time):
        return Probe(reason=reason)
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, in the middle of a call too
        signal.setitimer(signal.ITIMER_REAL, 2 * max_time)
    needs, subject = [], None
    for length in sorted({max(2, case.length // part) for part in SHORTER if case.length // part > 1}):
        subject = Subject(replace(case, length=length), registry)
        turn(subject)
        start = time.perf_counter()
        turn(subject)
        needs.append(Need(length, time.perf_counter() - start, peak.bytes() or 0))
    if len(needs) == 2 and (reason := refusal(estimated(needs[0], needs[1], case.length), free, max_time)):
        return Probe(reason=reason)
    del subject
    keep_freed_memory()  # as in a training; not before, so that nothing is kept of the shorter lengths
    peak.forget()
    subject, start = Subject(case, registry), time.perf_counter()
    with subject.evaluating():
        subject.forward()
    memory, middle = {"forward": peak.bytes()}, time.perf_counter()
    if case.length == 1:
        return Probe(seconds=STREAMED * (middle - start), memory=memory)
    subject.step()
    memory["step"] = peak.bytes()
    return Probe(seconds=(middle - start) + PASSES * (time.perf_counter() - middle), memory=memory)


def _least(case: Case) -> int:
    """Bytes that any backbone needs for a training step: its input, the outputs of its layers and their gradients."""
    numbers = case.length * case.batch * (case.input_size + 2 * case.hidden_size * case.num_layers)
    return numbers * (8 if case.dtype == "float64" else 4)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asked decides when to stop
    with redirect_stdout(sys.stderr):  # what a layer prints is no part of the answer
        found = main(json.loads(sys.argv[1]))
    print(json.dumps(asdict(found)))
    sys.stdout.flush()
    os._exit(0)
