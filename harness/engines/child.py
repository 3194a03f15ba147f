"""A process that carries units out: ``python -m harness.engines.child`` is started by the engine ``processes``.

The first line of JSON on the standard input is what all units have in common, each further one a unit. Events go to the
standard output, one line of JSON each, after an empty line that says that all is ready. The end of the input means that
there is no unit any more, or that the driver has died: what is under way is stopped then, with a checkpoint, as by
SIGTERM. Exit codes: 0, or 2 with a sentence on standard error where no unit could be carried out.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

from harness.engines.engine import Conditions, Event, document_of
from harness.engines.hand import Hand
from harness.engines.unit import unit_of
from harness.errors import UserError
from harness.masking import mask
from harness.store import Store

READY = b"\n"


def main() -> int:
    """Carry out what comes on standard input."""
    for name in ("SIGINT", "SIGHUP"):  # the driver hears these, and asks for an end by SIGTERM
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    warnings.formatwarning = lambda message, *_, **__: f"warning: {mask(str(message))}\n"
    given, out = os.dup(0), os.dup(1)
    os.dup2(2, 1)  # what a plugin prints is no event
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)  # nor is a unit for it to read, or for a program that it calls
    lines = _Lines(given)
    first = lines.next()
    if first is None:
        return 0
    try:
        return _work(first, lines, out)
    except UserError as error:
        print(mask(f"error: {error}"), file=sys.stderr)
        return 2


def _work(common: dict[str, Any], lines: _Lines, out: int) -> int:
    conditions = Conditions.from_dict(common["conditions"])
    lock = threading.Lock()

    def tell(event: Event) -> None:
        with lock:
            _write(out, json.dumps(document_of(event)).encode() + b"\n")

    hand = Hand(conditions, Store.open(conditions.store_url), tell)
    _write(out, READY)
    while (document := lines.next()) is not None:
        tell(hand.carry_out(unit_of(document)))
    return 0


def _write(out: int, text: bytes) -> None:
    """Write all of it; a driver that is gone hears nothing, and the end of the input tells of that."""
    try:
        while text:
            text = text[os.write(out, text) :]
    except BrokenPipeError:
        return


class _Lines:
    """Lines of JSON from the standard input, read ahead, so that its end is seen while a unit is under way."""

    def __init__(self, given: int) -> None:
        self._given = given
        self._found: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._busy = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def next(self) -> dict[str, Any] | None:
        """The next line; None at the end."""
        self._busy.clear()
        found = self._found.get()
        self._busy.set()
        return found

    def _read(self) -> None:
        for line in _lines(self._given):
            self._found.put(json.loads(line))
        self._found.put(None)
        if self._busy.is_set():
            os.kill(os.getpid(), signal.SIGTERM)


def _lines(given: int) -> Iterator[bytes]:
    """Read without a buffer: a thread that waits in a buffered read would hinder the end of the process."""
    rest = b""
    while part := os.read(given, 65536):
        *whole, rest = (rest + part).split(b"\n")
        yield from whole


if __name__ == "__main__":
    sys.exit(main())
