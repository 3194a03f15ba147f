"""Where a run happens: hardware, software, threads, load and the state of the source; saved with every run."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from harness import __version__
from harness.waiting import waiting

LIBRARIES = ("torch", "numpy", "optuna")
"""Packages whose versions are recorded, without importing them."""
PROBE_SECONDS = 5.0
"""Longest time that a program such as git or nvidia-smi is waited for."""
PASSING = ("pid", "load_average")
"""What differs between the environments of any two runs and explains nothing."""


def collect(threads: int | None = None) -> dict[str, Any]:
    """What is known of this machine and process, as JSON values; None for what can't be found out.

    Args:
        threads: the number that a run uses; otherwise torch's own where it is loaded. Torch is never imported here.
    """
    return {
        "hostname": _probe(platform.node),
        "pid": os.getpid(),
        "threads": threads if threads is not None else _probe(lambda: sys.modules["torch"].get_num_threads()),
        "openmp_wait": waiting(),
        "load_average": _probe(lambda: [round(load, 2) for load in os.getloadavg()]),
        "hardware": {
            "cpu": _probe(_cpu_model),
            "physical_cores": _probe(_physical_cores),
            "logical_cores": os.cpu_count(),
            "memory_bytes": _probe(_memory),
            "gpus": _probe(_gpus) or [],
        },
        "software": {
            "harness": __version__,
            **{name: _probe(partial(metadata.version, name)) for name in LIBRARIES},
            "cuda": _probe(lambda: sys.modules["torch"].version.cuda),
            "onednn": _probe(lambda: sys.modules["torch"].backends.mkldnn.is_available()),
            "kernels": kernels(),
            "python": platform.python_version(),
            "os": _probe(platform.platform),
        },
        "git": _probe(git_state),
    }


def lasting(environment: Mapping[str, Any]) -> dict[str, Any]:
    """An environment without what is :data:`PASSING`: equal for runs of one machine and one software."""
    return {key: value for key, value in environment.items() if key not in PASSING}


def kernels() -> str | None:
    """Compiler and flags of the compiled recurrences where they are in use; None before, as to ask could build them."""
    return _probe(lambda: sys.modules["architectures.kernels.library"].built())


def device_label(environment: Mapping[str, Any], device: str = "cpu") -> str:
    """The device of a run as tables name it: ``cpu: Intel Xeon Gold 6230`` or ``cuda: NVIDIA H100``."""
    hardware = environment.get("hardware")
    if not isinstance(hardware, Mapping):
        return device
    gpus = hardware.get("gpus")
    model = hardware.get("cpu") if device == "cpu" else gpus[0] if isinstance(gpus, list) and gpus else None
    return f"{device}: {model}" if model else device


def is_cut_off(state: str, environment: Mapping[str, Any]) -> bool:
    """Whether a run that says it is running was killed, as far as this machine can tell."""
    return state == "running" and not may_be_alive(environment)


def may_be_alive(environment: Mapping[str, Any]) -> bool:
    """Whether the process that saved this may still be running; one on another machine can't be asked, so it may."""
    pid = environment.get("pid")
    if environment.get("hostname") != _probe(platform.node) or not isinstance(pid, int):
        return True
    import psutil

    return 0 <= pid < 2**31 and psutil.pid_exists(pid)


def git_state(folder: Path | None = None) -> dict[str, Any] | None:
    """Commit of the source tree at `folder` (this program's) and whether tracked files differ; None without git."""
    root = folder or Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():  # an installed copy may lie below another project's repository
        return None
    commit = _output("git", "-C", str(root), "rev-parse", "HEAD")
    changes = _output("git", "-C", str(root), "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": bool(changes)}


def _probe(find: Callable[[], Any]) -> Any:
    """What `find` returns, or None: a machine that keeps something to itself must not cost anybody a run."""
    try:
        return find()
    except Exception:
        return None


def _output(*command: str) -> str:
    """Standard output of a program that only looks; an exception where it fails, hangs or isn't there."""
    looking = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS, check=True, env=looking)
    return done.stdout.strip()


def _cpu_model() -> str:
    if sys.platform == "darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string")
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Hardware", "cpu model"):
                return " ".join(value.split())
    return platform.processor() or platform.machine()


def _physical_cores() -> int | None:
    import psutil

    return psutil.cpu_count(logical=False)


def _memory() -> int:
    import psutil

    return int(psutil.virtual_memory().total)


def _gpus() -> list[str]:
    """Names of the GPUs, from torch where it already uses them: asking it earlier would claim memory on each."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is not None and cuda.is_initialized():
        return [cuda.get_device_name(index) for index in range(cuda.device_count())]
    return _output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader").splitlines()
