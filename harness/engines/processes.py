"""Units in processes of this machine: each with cores of its own, and a GPU where there are several."""

from __future__ import annotations

import itertools
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from harness.engines import cores
from harness.engines.child import READY
from harness.engines.engine import Conditions, Ended, Event, Said, event_of
from harness.engines.unit import RunUnit, Unit
from harness.errors import UserError
from harness.masking import mask
from harness.neighbours import search_path

PATIENCE = 5.0
"""Seconds that an idle process may take to end before it is killed."""
LAST_WORDS = 2.0
"""Seconds to hear what a process that has ended left to say."""


@dataclass(eq=False)
class _Child:
    """A process, and the unit that it carries out."""

    process: subprocess.Popen[bytes]
    place: int
    unit: Unit | None = None
    task: object = None
    """What the data are of that it has loaded."""
    said: str = ""
    ready: bool = False
    """Whether it has come so far as to take units."""
    listeners: list[threading.Thread] = field(default_factory=list)


class Processes:
    """An :class:`~harness.engines.engine.Engine` with up to `workers` processes, which live from unit to unit.

    Each is started when it is first needed, and stopped by the end of its standard input: also where this process dies.
    """

    def __init__(self, conditions: Conditions, workers: int | None = None) -> None:
        self.threads = conditions.machine().wanted_threads()
        self.workers = workers or cores.usual_workers(self.threads)
        self._conditions = conditions
        self._cores = cores.shares(self.workers, self.threads)
        self._children: list[_Child] = []
        self._events: queue.SimpleQueue[Event | _Child] = queue.SimpleQueue()
        self._told: set[str] = set()
        self._gpus = cores.gpus()
        self._stopping = False
        self._broken: str | None = None
        """Why no process can be started."""

    def free(self) -> int:
        """How many processes have no unit, those not yet started among them; none once asked to stop."""
        if self._stopping:
            return 0
        return self.workers - sum(child.unit is not None for child in self._children)

    def begin(self, unit: Unit) -> None:
        """Give a unit to a process that is idle, to one that has the data of its task where there is one.

        A :class:`~harness.errors.UserError` where no process could train it.
        """
        if self._broken is not None:
            raise UserError(self._broken)
        if ":" in unit.device and len(self._gpus) > 1:
            raise UserError(f"{unit.name}: device {unit.device} names a GPU, but each process gets one: say cuda")
        task = _task(unit)
        idle = [child for child in self._children if child.unit is None and child.process.poll() is None]
        fitting = [child for child in idle if child.task == task]
        if not fitting and len(self._children) < self.workers:
            fitting = [self._start()]
        child = (fitting or idle or [self._start()])[0]
        child.unit, child.task = unit, task
        self._send(child, unit.to_dict())

    def poll(self, timeout: float) -> list[Event]:
        """What happened since the last call, and waits up to `timeout` seconds for the first of it."""
        found: list[Event] = []
        wait: float | None = timeout
        while True:
            try:
                event = self._events.get(timeout=wait) if wait else self._events.get_nowait()
            except queue.Empty:
                return found
            wait = None
            if isinstance(event, _Child):
                found += self._bury(event)
                continue
            if isinstance(event, Ended):
                for child in self._children:
                    if child.unit is not None and child.unit.key == event.key:
                        child.unit = None
            found.append(event)

    def stop(self) -> None:
        """Ask the processes that have a unit to stop it."""
        if self._stopping:  # a second signal would end them at once
            return
        self._stopping = True
        for child in self._children:
            if child.unit is not None:
                with suppress(ProcessLookupError):
                    child.process.terminate()

    def close(self) -> None:
        """End all processes: those that are idle by themselves, the others at once."""
        deadline = time.monotonic() + PATIENCE
        for child in self._children:
            if child.unit is not None:
                child.process.kill()
            with suppress(OSError):
                _pipe(child.process.stdin).close()
        for child in self._children:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                child.process.kill()
                child.process.wait()
            _close(child)
        self._children.clear()

    def _start(self) -> _Child:
        place = next(number for number in itertools.count() if all(child.place != number for child in self._children))
        group = 0 if os.name == "posix" else None  # one of its own: Ctrl-C reaches the driver alone
        process = subprocess.Popen(
            [sys.executable, *search_path(), "-m", "harness.engines.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=group,
            env=self._environment(place),
        )
        if self._cores is not None and place < len(self._cores):
            with suppress(OSError):  # it has ended already, or this system doesn't let it be chosen
                os.sched_setaffinity(process.pid, self._cores[place])
        child = _Child(process, place)
        self._children.append(child)
        said = threading.Thread(target=self._listen, args=(child, _pipe(process.stderr)), daemon=True)
        heard = threading.Thread(target=self._hear, args=(child, _pipe(process.stdout)), daemon=True)
        child.listeners = [said, heard]
        for thread in child.listeners:
            thread.start()
        threading.Thread(target=self._see_to_its_end, args=(child,), daemon=True).start()
        self._send(child, {"conditions": self._conditions.to_dict()})
        return child

    def _environment(self, place: int) -> dict[str, str]:
        """Threads of libraries, and the GPU of a process: in turn, where there are several."""
        found = {**os.environ, "OMP_NUM_THREADS": str(self.threads)}
        if len(self._gpus) > 1:
            found["CUDA_VISIBLE_DEVICES"] = self._gpus[place % len(self._gpus)]
        return found

    def _send(self, child: _Child, document: dict[str, Any]) -> None:
        with suppress(BrokenPipeError):  # it has ended, and will be buried
            stream = _pipe(child.process.stdin)
            stream.write(json.dumps(document).encode() + b"\n")
            stream.flush()

    def _hear(self, child: _Child, stream: IO[bytes]) -> None:
        """Pass on the events of a process."""
        for line in stream:
            if line == READY:
                child.ready = True
                continue
            with suppress(ValueError):  # of a process that was killed in the middle of a line
                self._events.put(event_of(json.loads(line)))

    def _see_to_its_end(self, child: _Child) -> None:
        """Tell of the end of a process when all that it said has been heard, and end what it has left running."""
        child.process.wait()
        _kill_group(child.process.pid)
        for thread in child.listeners:  # they end with the pipes, unless a program holds them that left the group
            thread.join(LAST_WORDS)
        self._events.put(child)

    def _listen(self, child: _Child, stream: IO[bytes]) -> None:
        for line in stream:
            child.said = mask(line.decode(errors="replace").rstrip()) or child.said
            key = child.unit.key if child.unit is not None else None
            if child.said.startswith("warning: ") and child.said not in self._told:  # not once for each process
                self._told.add(child.said)
                self._events.put(Said(key, child.said))

    def _bury(self, child: _Child) -> list[Event]:
        """Look after a process that has ended; its unit died with it, or was refused with the last it said."""
        code = child.process.wait()
        if child in self._children:
            self._children.remove(child)
        _close(child)
        if child.unit is None:
            return []
        if self._stopping and code == -signal.SIGTERM:  # before it could heed that
            return [Ended(child.unit.key, "over", "interrupted", "stopped before it began")]
        told = f" ({child.said})" if child.said and code >= 0 else ""
        if code <= 0 or child.ready:
            return [Ended(child.unit.key, "died", sentence=_how(code) + told)]
        self._broken = f"processes of the engine cannot be started here: one ended {_how(code)}{told}"
        if code == 2 and child.said.startswith("error: "):
            self._broken = child.said.removeprefix("error: ")
        return [Ended(child.unit.key, "refused", sentence=self._broken)]  # another one would end in the same way


def _close(child: _Child) -> None:
    """Close the pipes of a process that has ended; those that somebody reads still are left to that thread."""
    for thread in child.listeners:
        thread.join(LAST_WORDS)
    if not any(thread.is_alive() for thread in child.listeners):
        for stream in (child.process.stdin, child.process.stdout, child.process.stderr):
            with suppress(OSError):
                _pipe(stream).close()


def _kill_group(leader: int) -> None:
    """End the programs that a process has left behind, which may hold its pipes or memory of a GPU."""
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)


def _task(unit: Unit) -> object:
    """What the data of a unit are told by."""
    if isinstance(unit, RunUnit):
        return unit.recipe["task"], json.dumps(unit.recipe.get("variant", {}), sort_keys=True), unit.device
    return unit.storage, unit.study, unit.device


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


def _how(code: int) -> str:
    if code < 0:
        try:
            return f"by {signal.Signals(-code).name}"
        except ValueError:
            return f"by signal {-code}"
    return f"with code {code}"
