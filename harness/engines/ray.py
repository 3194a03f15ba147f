"""Units on a Ray cluster: each a task of Ray on some node, with the desk on the driver's node for what all share.

Ray's own retries are not used: who begins units counts their lives. What a node refuses for a reason of its own (no
data, another version) is tried on the others, and the node is left out from then on.
"""

from __future__ import annotations

import importlib
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.engines import joining
from harness.engines.dispatch import ANSWER, Dispatch
from harness.engines.engine import Conditions, Ended, Event, Said
from harness.engines.nodes import Bars, Watch, needs
from harness.engines.reasons import Scope, death, may_go_elsewhere, refuse, refused, scope, task_of
from harness.engines.unit import Unit
from harness.errors import UserError
from harness.home import expanded

LOOK = 0.1
"""Seconds between two looks at what the units do."""
GRACE = 30.0
"""Seconds in which a node may join that can take a unit that no other can."""
STARTING = 10.0
"""Seconds after which a unit that has not begun is taken to wait for others that use the cluster."""
TRIES = 4
"""Nodes on which a unit is tried that is refused for a reason which may be its own."""


@dataclass
class _Errand:
    """A unit that was begun: its task in the cluster, which is another one after a node refused it."""

    unit: Unit
    task: Any = None
    attempt: str = ""
    node: str | None = None
    """Where it is trained; None while it waits."""
    since: float = field(default_factory=time.monotonic)
    refusals: dict[str, str] = field(default_factory=dict)
    """Node -> why it refused."""
    tries: int = 0
    """Nodes that refused it for a reason of which is not known whether others have it."""
    stranded_at: float | None = None


def open_ray(
    conditions: Conditions, workers: int | None = None, address: str | None = None, shared: str | Path | None = None
) -> RayEngine:
    """Join a cluster and open a desk on this node.

    Args:
        workers: units at once; None for as many as the cluster takes.
        address: ``host:port`` of its head; None for ``RAY_ADDRESS``, else the cluster on this machine.
        shared: a folder that all nodes see, for checkpoints and caches.

    Raises:
        UserError: there is no such cluster, it cannot be joined from here, or its node here has other versions.
    """
    plugins = {path: expanded(path).read_bytes() for path in conditions.plugins}
    found = joining.join(address)
    try:
        return RayEngine(found, conditions, workers, None if shared is None else str(expanded(shared)), plugins)
    except BaseException:
        joining.leave()
        raise


class RayEngine:
    """An :class:`~harness.engines.engine.Engine` on the cluster that this process has joined. See :func:`open_ray`."""

    def __init__(
        self,
        address: str,
        conditions: Conditions,
        workers: int | None,
        shared: str | None,
        plugins: dict[str, bytes],
    ) -> None:
        self.address, self.workers = address, workers
        self._ray = importlib.import_module("ray")
        self._watch, self._bars = Watch(address), Bars()
        self._dispatch = Dispatch(conditions, shared, plugins)
        self._errands: dict[str, _Errand] = {}
        self._events: list[Event] = []
        self._stopping = self._closed = False
        self._lost = ""
        self._looked_at = 0.0

    def free(self) -> int:
        """What the nodes have room for and isn't begun, at most ``workers``; none while others use the cluster.

        Where nothing is begun it is one at least: whether there is a node for a unit at all is for :meth:`begin` to
        say.
        """
        if self._stopping:
            return 0
        if not self._errands:
            return 1
        now, out = time.monotonic(), self._bars.everywhere()
        if any(one.node is None and now - one.since > STARTING for one in self._errands.values()):
            return 0
        like = next(reversed(self._errands.values())).unit.resources
        room = sum(node.room(like) for node in self._watch.alive.values() if node.id not in out)
        return max(0, min(room, self.workers or room) - len(self._errands))

    def begin(self, unit: Unit) -> None:
        """Hand a unit to the cluster; a :class:`UserError` where no node of it has what the unit needs."""
        if self._lost:
            raise UserError(f"{self._lost}: when it is back, the same command goes on where it was")
        refuse(unit, self._watch.seen(), self.address)  # one that died may be replaced, and is waited for
        self._errands[unit.key] = errand = _Errand(unit)
        self._send(errand)

    def poll(self, timeout: float) -> list[Event]:
        """What happened since the last call, and waits up to `timeout` seconds for the first of it."""
        deadline = time.monotonic() + timeout
        while True:
            self._look()
            left = deadline - time.monotonic()
            if self._events or left <= 0:
                events, self._events = self._events, []
                return events
            self._wait(min(LOOK, left))

    def stop(self) -> None:
        """Ask the units under way to stop; those that only wait are taken back."""
        self._stopping = True
        if self._lost:
            return
        with suppress(self._ray.exceptions.RayError):
            self._dispatch.ask("stop", "stopped by the driver")
        for errand in self._errands.values():
            if errand.node is None:
                self._ray.cancel(errand.task)

    def close(self) -> None:
        """Leave the cluster, which ends all that was begun there."""
        if not self._closed:
            self._closed = True
            self._watch.end()
            joining.leave()

    def _send(self, errand: _Errand) -> None:
        """Give a unit to Ray, for any node that isn't left out; where none is left that is its end."""
        if self._stopping:
            self._end(errand, Ended(errand.unit.key, "over", "interrupted"))
            return
        reasons = {**self._bars.reasons(task_of(errand.unit)), **errand.refusals}
        unit, needed = errand.unit, errand.unit.resources
        fitting = {node.id for node in self._watch.alive.values() if node.room(needed)}
        if fitting and fitting <= reasons.keys():
            told = {self._watch.name(node): reason for node, reason in reasons.items() if node in self._watch.alive}
            self._end(errand, Ended(unit.key, "refused", sentence=refused(unit, told)))
            return
        errand.attempt, errand.node, errand.since = uuid.uuid4().hex[:12], None, time.monotonic()
        out = [node for node in reasons if node in self._watch.alive]
        errand.task = self._dispatch.send(unit, errand.attempt, out)

    def _look(self) -> None:
        """Take the news and the ends, and look at the nodes now and then."""
        if self._lost:
            return
        ended: list[Any] = []
        try:
            if tasks := [one.task for one in self._errands.values()]:
                ended, _ = self._ray.wait(tasks, num_returns=len(tasks), timeout=0)
            self._take_news()
            for errand in [one for one in self._errands.values() if one.task in ended]:
                self._conclude(errand)
        except (self._ray.exceptions.RayError, TimeoutError) as error:
            self._watch_for_the_end(error)
        if time.monotonic() - self._looked_at > 1:
            self._looked_at = time.monotonic()
            self._events += [Said(None, line) for line in self._watch.changes()]
            self._take_back_stranded()
            if self._watch.gone():
                self._lose(f"the Ray cluster at {self.address} went away")

    def _take_news(self) -> None:
        of = {one.attempt: one for one in self._errands.values()}
        for attempt, event in self._dispatch.ask("news"):
            if attempt in of and isinstance(event, str):
                of[attempt].node = event
            elif attempt in of:
                self._events.append(event)

    def _conclude(self, errand: _Errand) -> None:
        """A unit's task is over: it ended, or a node refused it, or it died."""
        errors, unit = self._ray.exceptions, errand.unit
        try:
            result = self._ray.get(errand.task, timeout=ANSWER)
        except errors.TaskCancelledError:
            self._end(errand, Ended(unit.key, "over", "interrupted"))
        except errors.GetTimeoutError:
            raise
        except errors.RayError as error:
            if errand.node is not None and isinstance(error, errors.NodeDiedError):
                self._watch.died(errand.node)
            where = self._watch.name(errand.node) if errand.node else ""
            self._end(errand, Ended(unit.key, "died", sentence=death(error, where), where=where))
        else:
            node = result["node"]
            ended = Ended(**result["ended"]) if "ended" in result else None
            if ended is None:
                self._refused(errand, node, result["refused"], "all")
            elif may_go_elsewhere(ended) and errand.tries < TRIES:
                self._refused(errand, node, ended.sentence, scope(ended.sentence))
            else:
                self._end(errand, replace(ended, where=self._watch.name(node)))

    def _refused(self, errand: _Errand, node: str, reason: str, scope: Scope) -> None:
        """A node refused a unit: it goes to another one, and this one may be left out for others like it."""
        task = task_of(errand.unit)
        errand.refusals[node] = reason
        errand.tries += scope == "none"
        if scope != "none" and self._bars.add(node, None if scope == "all" else task, reason):
            what = "" if scope == "all" else f" for {task}"
            self._events.append(Said(None, f"{self._watch.name(node)} is left out{what}: {reason}"))
        self._dispatch.ask("over", errand.attempt)
        self._send(errand)

    def _end(self, errand: _Errand, ended: Ended) -> None:
        if errand.attempt:
            self._dispatch.ask("over", errand.attempt)
        del self._errands[errand.unit.key]
        self._events.append(ended)

    def _take_back_stranded(self) -> None:
        """End what waits for a node that isn't there any more."""
        now = time.monotonic()
        for errand in [one for one in self._errands.values() if one.node is None]:
            out = self._bars.reasons(task_of(errand.unit))
            nodes = [node for node in self._watch.alive.values() if node.id not in {**out, **errand.refusals}]
            if any(node.room(errand.unit.resources) for node in nodes):
                errand.stranded_at = None
            elif errand.stranded_at is None:
                errand.stranded_at = now
            elif now - errand.stranded_at > GRACE:
                with suppress(self._ray.exceptions.RayError):
                    self._ray.cancel(errand.task)
                lacks = f"no node is left in the cluster with {needs(errand.unit.resources)}"
                self._end(errand, Ended(errand.unit.key, "refused", sentence=f"{errand.unit.name}: {lacks}"))

    def _watch_for_the_end(self, error: Exception) -> None:
        """The desk did not answer: that may pass, unless it is dead or the cluster is."""
        if isinstance(error, self._ray.exceptions.ActorDiedError):
            self._lose("the campaign's desk on this node died, or the whole node")

    def _lose(self, why: str) -> None:
        self._lost = why
        for errand in list(self._errands.values()):
            self._events.append(Ended(errand.unit.key, "died", sentence=f"as {why}"))
        self._errands.clear()

    def _wait(self, seconds: float) -> None:
        tasks = [one.task for one in self._errands.values()]
        if tasks and not self._lost:
            self._ray.wait(tasks, num_returns=1, timeout=seconds)
        else:
            time.sleep(seconds)
