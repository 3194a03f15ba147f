"""Names given to filters, refused where nothing has them: a mistyped one would look like an empty store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from harness.home import expanded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.store import Store


def refuse_unknown(store: Store, arch: str | None = None, task: str | None = None) -> None:
    """Raise :class:`UserError` where neither a plugin nor a stored run has such an architecture, or such a task."""
    if arch is None and task is None:
        return
    from harness.registry import Registry

    registry, stored = Registry(), store.pairs()
    if arch is not None:
        _refuse("--arch", arch, {*registry.architectures, *(one for one, _ in stored)})
    if task is not None and task.partition("[")[0] not in registry.tasks:
        _refuse("--task", task, {*registry.tasks, *(one for _, one in stored)})


def refuse_mistyped(arch: str | None, task: str | None, plugins: Sequence[str] | None) -> None:
    """Raise :class:`UserError` where no architecture or no task has the name that was given for one."""
    from harness.registry import Registry

    Registry(tuple(plugins or ())).refuse_unknown(arch, task)


def refuse_missing(home: str | None) -> None:
    """Raise :class:`UserError` where the home that somebody named is no folder: a verb that only reads makes none.

    Beside a store elsewhere (``HARNESS_STORE``) that of the environment need not be there.
    """
    named = home or ("" if os.environ.get("HARNESS_STORE") else os.environ.get("HARNESS_HOME"))
    if not named:
        return
    from harness.errors import UserError

    if not expanded(named, "--home" if home else "HARNESS_HOME").is_dir():
        where = f"--home {home}" if home else f"HARNESS_HOME = {named}"
        raise UserError(f"{where}: there is no such folder yet; 'run', 'tune', 'speed' and 'import' make one")


def _refuse(option: str, name: str, known: Iterable[str]) -> None:
    from harness.errors import UserError, did_you_mean

    if name not in known:
        raise UserError(f"{option} {name}: neither is it installed, nor has a stored run it{did_you_mean(name, known)}")
