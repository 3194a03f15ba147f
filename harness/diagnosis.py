"""The findings of ``doctor``: packages, devices, backends, data sets, plugins, store."""

from __future__ import annotations

import errno
import importlib
import importlib.util
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from filelock import FileLock

from harness.errors import UserError, explained, one_line
from harness.home import Home
from harness.registry import BUILT_IN, Entry, Registry, resolve

PACKAGES = {
    "torch": "torch",
    "torchvision": "torchvision",
    "torchtext": "torchtext",
    "numpy": "numpy",
    "optuna": "optuna",
    "pandas": "pandas",
    "scipy": "scipy",
    "scikit-learn": "sklearn",
    "matplotlib": "matplotlib",
    "jinja2": "jinja2",
    "SQLAlchemy": "sqlalchemy",
    "pydantic": "pydantic",
    "tomlkit": "tomlkit",
    "filelock": "filelock",
    "psutil": "psutil",
    "pooch": "pooch",
    "aeon": "aeon",
    "spacy": "spacy",
}
"""Distributions that the project needs, with the module each is imported by."""
OPTIONAL = {
    "cupy": ("CUDA kernels", "'cupy-cuda12x[ctk]', or 'cupy-cuda13x[ctk]' with CUDA 13"),
    "psycopg": ("a store on PostgreSQL", "'psycopg[binary]'"),
    "ray": ("runs on a cluster", "ray"),
}
"""Modules that some features need: what for, and what to install."""

FOLDERS = ("locks", "runs", "studies", "recipes", "cache")
"""What is written below the home."""

State = Literal["ok", "absent", "broken"]


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis. Only what is broken and `needed` makes the machine unfit."""

    section: str
    name: str
    state: State
    detail: str
    advice: str = ""
    needed: bool = False


def diagnose(registry: Registry, home: Home, data_root: Path, offline: bool) -> list[Finding]:
    """Look at everything. Nothing is changed, but the store is made where there is none."""
    sections: dict[str, Callable[[], Iterator[Finding]]] = {
        "packages": _packages,
        "devices": _devices,
        "backends": partial(_backends, registry),
        "data sets": partial(_data, registry, data_root, offline),
        "plugins": partial(_plugins, registry),
        "store": partial(_store, home),
    }
    return [finding for name, look in sections.items() for finding in _guarded(name, look)]


def _guarded(section: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of a section; one that can't even be looked at is a finding too."""
    try:
        yield from look()
    except Exception as error:
        advice = "mend what is broken above first"
        yield Finding(section, section, "broken", f"cannot be checked: {one_line(error)}", advice, needed=True)


def _packages() -> Iterator[Finding]:
    for name, module in PACKAGES.items():
        try:
            importlib.import_module(module)
            yield Finding("packages", name, "ok", version(name), needed=True)
        except PackageNotFoundError:
            yield Finding("packages", name, "ok", "present", needed=True)
        except ModuleNotFoundError as error:
            advice = f"python -m pip install {name}"
            yield Finding("packages", name, "broken", one_line(error), advice, needed=True)
        except Exception as error:  # a torchvision that was built for another torch fails with a RuntimeError
            advice = "install builds that belong to the installed torch (both for the CPU, or both for one CUDA)"
            yield Finding("packages", name, "broken", f"{version(name)}: {one_line(error)}", advice, needed=True)
    for module, (purpose, package) in OPTIONAL.items():
        if importlib.util.find_spec(module) is None:
            advice = f"python -m pip install {package}"
            yield Finding("packages", module, "absent", f"not installed; optional, for {purpose}", advice)
        else:
            yield Finding("packages", module, "ok", f"installed; optional, for {purpose}")


def _devices() -> Iterator[Finding]:
    import torch

    from harness.environment import collect

    here = collect(torch.get_num_threads())
    model = here["hardware"]["cpu"] or "unknown model"
    yield Finding("devices", "cpu", "ok", f"{model}, threads: {here['threads']}", needed=True)
    if not torch.cuda.is_available():
        yield Finding("devices", "cuda", "absent", "no CUDA device that this torch can use; everything runs on the CPU")
    for index in range(torch.cuda.device_count()):
        yield Finding("devices", f"cuda:{index}", "ok", torch.cuda.get_device_name(index))


def _backends(registry: Registry) -> Iterator[Finding]:
    """Every built-in layer by every backend that it has here, and what the backends rest on."""
    import torch

    for device in ("cpu", "cuda")[: 1 + torch.cuda.is_available()]:
        for entry in registry.architectures.values():
            if entry.origin == BUILT_IN:
                yield _layer(entry, device)
    usable, sentence = resolve("architectures.kernels.library:state")()
    advice = "" if usable else "mend that, or go on without: the recurrences then run as plain PyTorch, far slower"
    yield Finding("backends", "compiled for the CPU", "ok" if usable else "absent", sentence, advice)
    yield from _cuda()
    if torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled:
        detail = "LSTM on the CPU uses it (not in float64); torch has no such path for GRU"
        yield Finding("backends", "oneDNN", "ok", detail)
    else:
        yield Finding("backends", "oneDNN", "absent", "this torch is without it; LSTM on the CPU is slower")


def _layer(entry: Entry, device: str) -> Finding:
    """A layer run once as a run would, and once by each backend."""
    name = entry.name if device == "cpu" else f"{entry.name} on {device}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # what it warns of is a finding of its own
            usual = _ran(entry, device, None)
            here = [backend for backend in resolve("architectures.kernels:BACKENDS") if _has(entry, device, backend)]
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Finding("backends", name, "broken", f"{type(error).__name__}: {one_line(error)}", needed=True)
    others = [backend for backend in here if backend not in usual]
    also = f"; also has {', '.join(others)}" if others else ""
    return Finding("backends", name, "ok", f"runs by {', '.join(usual) or 'its own code'}{also}", needed=True)


def _has(entry: Entry, device: str, backend: str) -> bool:
    try:
        return _ran(entry, device, backend) == [backend]
    except ValueError:  # so a layer refuses a backend that it lacks here
        return False


def _ran(entry: Entry, device: str, backend: str | None) -> list[str]:
    """The backends that compute a layer, forward and backward, where `backend` is its keyword."""
    import torch

    architecture = entry.load()
    settings = {**architecture.defaults, "hidden_size": 4, "backend": backend, "device": device}
    resolve("architectures.kernels:reset")()
    architecture.layer(2, **settings)(torch.ones(3, 2, 2, device=device))[0].sum().backward()
    return sorted({ran for _, ran in resolve("architectures.kernels:counts")()})


def _cuda() -> Iterator[Finding]:
    """What kernels compiled for CUDA need, and what the checks of those that the layers asked for have found."""
    import torch

    lacking = [] if torch.cuda.is_available() else ["a CUDA device that this torch can use"]
    if importlib.util.find_spec("cupy") is None:
        lacking.append("the package cupy")
    if lacking:
        yield Finding("backends", "compiled for CUDA", "absent", f"needs {' and '.join(lacking)}")
        return
    yield Finding("backends", "compiled for CUDA", "ok", "a CUDA device and cupy are here")
    for kernels, device, route, reason in resolve("architectures.kernels.cuda.verdicts:listed")():
        name = f"{kernels}, {route} on cuda:{device}"
        if reason is None:
            yield Finding("backends", name, "ok", "agrees with plain PyTorch")
        else:
            instead = resolve("architectures.kernels.cuda.verdicts:ROUTES")[route]
            yield Finding("backends", name, "broken", reason, f"{instead} computes instead; please report this")


def _data(registry: Registry, root: Path, offline: bool) -> Iterator[Finding]:
    sources = resolve("tasks:Sources")(root=root, offline=offline)
    yield Finding("data sets", "folder", "ok", str(root))
    for entry in registry.tasks.values():
        if entry.problem:
            continue
        try:
            with explained(entry.origin):
                task = entry.load()()
                lacking = task.missing(sources)
                blocked = any(one.obstacle(one.folder(root)) or one.surplus(one.folder(root)) for one in task.needs())
        except UserError as error:
            yield Finding("data sets", entry.name, "broken", str(error), needed=entry.origin == BUILT_IN)
            continue
        if lacking and not task.needs():  # in the task's own words: 'data fetch' and 'data import' don't know of it
            yield Finding("data sets", entry.name, "absent", lacking)
        elif lacking:
            state: State = "broken" if blocked else "absent"
            yield Finding("data sets", entry.name, state, "cannot be used" if blocked else "not there", lacking)
        else:
            yield Finding("data sets", entry.name, "ok", "present")


def _plugins(registry: Registry) -> Iterator[Finding]:
    for entry in [*registry.architectures.values(), *registry.tasks.values()]:
        if entry.problem:
            yield Finding("plugins", f"{entry.kind} {entry.name}", "broken", f"{entry.origin}: {entry.problem}")
        elif entry.origin != BUILT_IN:
            yield Finding("plugins", f"{entry.kind} {entry.name}", "ok", entry.origin)
    for warning in registry.warnings:
        yield Finding("plugins", "names", "broken", warning)


def _store(home: Home) -> Iterator[Finding]:
    from harness.store import open_store

    yield _home(home)
    try:
        store = open_store(home.path)
        count = store.count()
    except UserError as error:
        yield Finding("store", "store", "broken", str(error), needed=True)
    else:
        yield Finding("store", "store", "ok", f"{store.name}, runs: {count:,}", needed=True)


def _home(home: Home) -> Finding:
    """Whether checkpoints, locks and journals can be written."""
    advice = "make it writable, or name another home with --home or HARNESS_HOME; what is there can be listed and shown"
    try:
        home.folder()
        for folder in (home.path, *(path for path in map(home.path.joinpath, FOLDERS) if path.exists())):
            with tempfile.TemporaryFile(dir=folder):
                pass
        locked = home.locks() / "doctor.lock"
        with FileLock(locked):
            pass
        locked.unlink(missing_ok=True)
        for file in [*home.journals(), *home.locks().glob("*.lock")]:
            if not os.access(file, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
    except UserError as error:
        return Finding("store", "home", "broken", str(error), advice, needed=True)
    except OSError as error:
        where = error.filename or home.path
        why = error.strerror or one_line(error)
        return Finding(
            "store", "home", "broken", f"{home.path} cannot be written: {where} ({why})", advice, needed=True
        )
    return Finding("store", "home", "ok", str(home.path), needed=True)
