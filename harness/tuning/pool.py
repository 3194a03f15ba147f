"""Several workers on one study, each a process of its own: one that dies takes nothing with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

from harness.errors import UserError
from harness.interruption import Interruption, listening
from harness.tuning import tally
from harness.tuning.study import Study
from harness.tuning.worker import STOPPED, Order

LOOK = 0.25
"""Seconds between two looks at the workers."""
COUNT = 1.0
"""Seconds between two looks at the trials."""
DEATHS = 3
"""Workers for each one asked for that may die without an end of a trial in between, before the pool gives up."""


@dataclass
class _Process:
    """A worker's process, and the last line that it wrote."""

    process: subprocess.Popen[bytes]
    said: str = ""
    listener: threading.Thread | None = None


@dataclass
class Pool:
    """Up to `size` workers that follow one order.

    Attributes:
        show: hears how the study stands, about once a second.
        tell: hears a line for the person now and then: of a worker that died, or what one said.
    """

    study: Study
    order: Order
    size: int
    show: Callable[[Study], None] = lambda study: None
    tell: Callable[[str], None] = lambda line: None
    _workers: list[_Process] = field(default_factory=list)
    _deaths: int = 0
    _over: int = 0
    _told: set[str] = field(default_factory=set)

    def run(self, timeout: float | None = None) -> str | None:
        """Train until no trial is open, or for `timeout` seconds.

        Returns why that ended early: ``timeout``, or the signal that asked for an end; None where all is done. Raises
        :class:`UserError` with the sentence of a worker that cannot go on, and where workers die again and again.
        """
        deadline = time.monotonic() + timeout if timeout is not None else None
        counted_at = -COUNT
        try:
            with listening() as asked, asked.deferred():
                while True:
                    if reason := self._end(asked, deadline):
                        return reason
                    now = time.monotonic()
                    if now - counted_at >= COUNT:
                        counted_at = now
                        self.show(self.study)
                    self._bury()
                    if not self._hire():
                        return None
                    time.sleep(LOOK)
        finally:
            self._dismiss()
            self.show(self.study)

    def _end(self, asked: Interruption, deadline: float | None) -> str | None:
        if asked.reason():
            return asked.reason()
        return "timeout" if deadline is not None and time.monotonic() >= deadline else None

    def _hire(self) -> bool:
        """Start workers for the trials that wait; whether any worker is there."""
        trials = self.study.trials()
        if tally.ended(trials) > self._over:
            self._over, self._deaths = tally.ended(trials), 0
        for _ in range(min(self.size - len(self._workers), tally.claimable(trials, self.order.trials))):
            self._workers.append(self._start())
        if (
            not self._workers and tally.counts(trials)["running"]
        ):  # of other pools; whoever looks after them takes what they lose
            self._workers.append(self._start())
        return bool(self._workers)

    def _start(self) -> _Process:
        command = [sys.executable, "-m", "harness.tuning.worker"]
        group = 0 if os.name == "posix" else None  # one of its own: Ctrl-C reaches the pool alone
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, process_group=group)
        worker = _Process(process)
        worker.listener = threading.Thread(target=self._listen, args=(worker, process.stderr), daemon=True)
        worker.listener.start()
        assert process.stdin is not None
        try:
            process.stdin.write(self.order.line())
            process.stdin.flush()
        except BrokenPipeError:  # it has ended already, and will be buried
            return worker
        return worker

    def _listen(self, worker: _Process, stream: IO[bytes] | None) -> None:
        for line in stream or ():
            worker.said = line.decode(errors="replace").rstrip()
            if worker.said.startswith("warning: ") and worker.said not in self._told:  # not once for each worker
                self._told.add(worker.said)
                self.tell(worker.said)

    def _bury(self) -> None:
        """Look after workers that have ended: those that are done, and those that died."""
        for worker in [one for one in self._workers if one.process.poll() is not None]:
            self._workers.remove(worker)
            self._close(worker)
            code = worker.process.returncode
            if code == 2 and worker.said.startswith("error: "):
                raise UserError(worker.said.removeprefix("error: "))
            if code in (0, STOPPED):
                continue
            self._deaths += 1
            lost = self.study.recover()
            trials = f"; trial {', '.join(map(str, lost))} begins again where it was" if lost else ""
            self.tell(f"warning: a worker ended {_how(code)}{trials}")
            if self._deaths >= DEATHS * self.size:
                raise UserError(
                    f"{self._deaths} workers in a row ended before their trials did, the last {_how(code)}"
                    f"{f' ({worker.said})' if worker.said else ''}: mend that, and give the same command again"
                )

    def _dismiss(self) -> None:
        """Ask all workers to stop, wait for their checkpoints, and take in trials of any that died over it."""
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            try:
                worker.process.wait()
            except KeyboardInterrupt:  # asked once more: at once, then
                for other in self._workers:
                    other.process.kill()
                worker.process.wait()
            self._close(worker)
        self._workers.clear()
        self.study.recover()

    def _close(self, worker: _Process) -> None:
        if worker.listener is not None:
            worker.listener.join()
        for stream in (worker.process.stdin, worker.process.stderr):
            if stream is not None:
                stream.close()


def _how(code: int) -> str:
    if code < 0:
        try:
            return f"by {signal.Signals(-code).name}"
        except ValueError:
            return f"by signal {-code}"
    return f"with code {code}"
