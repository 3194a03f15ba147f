"""A unit on a node of the cluster: what is its own there (folders, plugins, the line to the desk), then a Hand."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.engines.engine import Conditions, Ended, Progressed, Said
from harness.engines.hand import Hand
from harness.engines.remote import DeskStore, DeskStudy, Line, ServedStore
from harness.engines.unit import unit_of
from harness.errors import UserError
from harness.home import Home
from harness.store import Store


@dataclass
class _Post:
    """The Hand of this process, with what one campaign gave it; the line is another one for every unit."""

    hand: Hand
    line: Line
    plugins: dict[str, str]
    """Path here -> path on the driver's machine."""


_posts: dict[str, _Post] = {}


def carry_out(parcel: Mapping[str, Any], node: str) -> dict[str, Any]:
    """Train a unit; what :func:`harness.engines.outpost.receive` returns of it."""
    line = Line(parcel["desk"], parcel["attempt"])
    if line.tell(node) is not None:
        ended = Ended(parcel["unit"]["key"], "over", "interrupted")
        return {"ended": asdict(ended)}
    for name, value in parcel["environment"].items():
        os.environ.pop(name, None)
        os.environ.update({} if value is None else {name: value})
    try:
        post = _post(parcel, node, line)
    except UserError as error:  # the node's disk, or the like
        return {"refused": str(error), "all": True}
    ended = post.hand.carry_out(unit_of(parcel["unit"]))
    for here, there in post.plugins.items():
        ended = replace(ended, sentence=ended.sentence.replace(here, there))
    return {"ended": asdict(ended)}


def _post(parcel: Mapping[str, Any], node: str, line: Line) -> _Post:
    campaign = parcel["campaign"]
    if campaign in _posts:
        _posts[campaign].line = line
        return _posts[campaign]
    conditions, plugins = _conditions_here(parcel, node)

    def current() -> Line:
        return _posts[campaign].line

    def tell(event: Progressed | Said) -> str | None:
        reason = current().tell(event)
        if reason is not None and isinstance(event, Said) and event.key is None:  # while data are prepared
            signal.raise_signal(signal.SIGTERM)
        return reason

    hand = Hand(conditions, _store(parcel, current), tell, lambda unit: DeskStudy(current, unit.storage, unit.study))
    _posts.clear()  # a campaign before this one is over; its data need not stay in memory
    _posts[campaign] = _Post(hand, line, plugins)
    return _posts[campaign]


def _store(parcel: Mapping[str, Any], line: Any) -> Store:
    if parcel["served"]:
        store = ServedStore.open(Conditions.from_dict(dict(parcel["conditions"])).store_url)
        store.line = line
        return store
    return DeskStore(line, parcel["store_name"])


def _conditions_here(parcel: Mapping[str, Any], node: str) -> tuple[Conditions, dict[str, str]]:
    """The conditions of a campaign as they are on this node, and the plugin files that were written for it."""
    given = Conditions.from_dict(dict(parcel["conditions"]))
    driver = given.home if node == parcel["at"] else None
    home = Home.find(parcel["shared"] or os.environ.get("HARNESS_HOME") or driver)
    data = os.environ.get("HARNESS_DATA") or given.data_root
    files = {str(_written(home, Path(path).name, text)): path for path, text in parcel["plugins"].items()}
    return replace(given, home=str(home.path), data_root=data, plugins=tuple(files)), files


def _written(home: Home, name: str, text: bytes) -> Path:
    """A plugin file in the node's home, in a folder that is named for what it holds."""
    file = home.folder("cache", "plugins", sha256(text).hexdigest()[:16]) / name
    if file.exists() and file.read_bytes() == text:
        return file
    whole = file.with_name(f"{name}.{os.getpid()}.new")
    try:
        whole.write_bytes(text)
        whole.replace(file)
    except OSError as error:
        raise UserError(f"cannot write the plugin file {file} ({error.strerror}): make its folder writable") from error
    return file
