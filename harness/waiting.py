"""How OpenMP's threads wait for each other: asleep, so that a busy machine does not slow training down many times over.

After each parallel region the threads of OpenMP's GNU runtime, which torch brings along on Linux, spin for some
milliseconds. Where something else has a core of theirs, the others spin at every barrier until the system lets the
late one run: two threads then train several times slower than one (``benchmarks/threads.py`` measures it, and
docs/speed.md has the table). The main thread and that of autograd have a team each, which compete in the same way.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping

POLICY = "OMP_WAIT_POLICY"
OTHERS = ("GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Variables that say the same to single runtimes."""


def wait_asleep(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set ``OMP_WAIT_POLICY=passive`` for this process and its children, unless a variable says how threads wait.

    The runtime reads it when it is loaded: before torch is imported. One thread never waits.
    """
    if not any(name in environment for name in (POLICY, *OTHERS)):
        environment[POLICY] = "passive"


def waiting(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that say how threads wait, as they are now."""
    return {name: environment[name] for name in (POLICY, *OTHERS) if name in environment}
