"""The compiled recurrences for the CPU: built once from ``source/``, kept in a cache of the user, loaded by ctypes.

Nothing happens at import. :func:`load` finds the library or builds it, which takes some ten seconds once for each
machine type, compiler and version of the sources. Where that can't be done it warns once and says why, and what calls
it goes on in plain PyTorch.

The cache is ``HARNESS_KERNELS`` or the user's cache folder; the compiler is ``CXX``, else the first of ``c++``, ``g++``
and ``clang++`` that there is, else the one in the package ``ziglang``.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import json
import logging
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from filelock import FileLock
from platformdirs import user_cache_path

from architectures.kernels import team

__all__ = ["Library", "built", "find", "load", "state"]

SOURCE = Path(__file__).parent / "source"
FLAGS = (
    *("-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"),
    *("-fPIC", "-shared", "-pthread"),
)
OWN_MACHINE = "-march=native"
COMPILERS = ("c++", "g++", "clang++")
BUILD_SECONDS = 600

_log = logging.getLogger(__name__)
_lock = Lock()
_loaded: list[Library | None] = []  # empty until the first call of load


class Library:
    """A loaded library: `functions` by ctypes, the `file` it lies in, and how it was built (`compiler`, `flags`)."""

    def __init__(self, file: Path, compiler: str, flags: Sequence[str]) -> None:
        self.functions = ctypes.CDLL(str(file))
        self.file, self.compiler, self.flags = file, compiler, tuple(flags)


class Unusable(Exception):
    """Why there is no library, in one sentence."""


def load() -> Library | None:
    """The library, found or built at the first call; None, after one warning that says why, where there can be none."""
    if not _loaded:
        with _lock:
            if not _loaded:
                _loaded.append(_found_or_warned())
    return _loaded[0]


def state() -> tuple[bool, str]:
    """Whether the library can be used, and a sentence on where it is and how it was built, or why there is none."""
    try:
        library = _loaded[0] if _loaded and _loaded[0] is not None else find()
    except Unusable as reason:
        return False, str(reason)
    return True, f"{library.file}, built by {library.compiler} {' '.join(library.flags)}"


def built() -> str | None:
    """Compiler and flags of the library that is in use; None before it is loaded and where there is none."""
    library = _loaded[0] if _loaded else None
    return None if library is None else f"{library.compiler} {' '.join(library.flags)}"


def find() -> Library:
    """The library from the cache, or built into it. Raises :class:`Unusable`."""
    compiler = _compiler()
    folder = folder_of_cache() / _key(compiler)
    try:
        built = _note(folder)
        if built is None:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / "lock"):  # of several processes that start together, one builds
                built = _note(folder) or _build(compiler, folder)
        return Library(folder / built["file"], built["compiler"], built["flags"])
    except (OSError, ValueError, KeyError, TypeError, NotImplementedError) as error:
        raise Unusable(f"the compiled recurrences in {folder} cannot be used: {_one_line(error)}") from error


def _note(folder: Path) -> dict[str, Any] | None:
    """What is noted of the library there, if it is all there; to load a piece of one could end the process."""
    try:
        built = json.loads((folder / "built.json").read_text(encoding="utf-8"))
        whole = hashlib.sha256((folder / built["file"]).read_bytes()).hexdigest() == built["sha256"]
        return built if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def folder_of_cache() -> Path:
    """Where built libraries are kept: one folder for each machine type, compiler and version of the sources."""
    own = os.environ.get("HARNESS_KERNELS")
    try:
        folder = Path(own).expanduser() if own else user_cache_path("recurrent-harness", appauthor=False) / "kernels"
    except RuntimeError as error:
        if own:
            raise Unusable(f"HARNESS_KERNELS names no folder ({_one_line(error)}): {own}") from error
        folder = Path("~")
    if not own and not folder.is_absolute():  # of older platformdirs, which leave the ~ where it is
        raise Unusable("this user has no home directory for compiled libraries: name a folder with HARNESS_KERNELS")
    return folder


def _found_or_warned() -> Library | None:
    try:
        library = find()
        library.functions.use_team(ctypes.c_void_p(team.parallel()))
        return library
    except Unusable as reason:
        warnings.warn(f"{reason}; recurrences run as plain PyTorch, which is slower", RuntimeWarning, stacklevel=2)
        return None


def _compiler() -> list[str]:
    """The words that call the C++ compiler."""
    named = os.environ.get("CXX", "").strip()
    if named:
        try:
            words = shlex.split(named)
        except ValueError as error:
            raise Unusable(f"CXX is no command ({_one_line(error)}): {named}") from error
        if shutil.which(words[0]) is None:
            raise Unusable(f"the compiler that CXX names is not there: {named}")
        return words
    for name in COMPILERS:
        if (file := shutil.which(name)) is not None:
            return [file]
    if importlib.util.find_spec("ziglang") is not None:
        return [sys.executable, "-P", "-m", "ziglang", "c++"]  # -P: no ziglang.py of the current folder
    raise Unusable(
        f"there is no C++ compiler: none of {', '.join(COMPILERS)} is on the path; install one, name it in CXX, or"
        " 'python -m pip install ziglang'"
    )


def _key(compiler: Sequence[str]) -> str:
    """Changes with all that the library depends on: sources, flags, compiler, kind of processor."""
    digest = hashlib.sha256()
    for file in sorted(SOURCE.iterdir()):
        digest.update(f"{file.name}\n".encode() + file.read_bytes())
    path = Path(shutil.which(compiler[0]) or compiler[0]).resolve()
    made = path.stat().st_mtime_ns if path.exists() else 0
    digest.update(repr((FLAGS, list(compiler), str(path), made, sys.platform, platform.machine(), _cpu())).encode())
    return digest.hexdigest()[:16]


@cache
def _cpu() -> str:
    """What the processor can do: a library built for one with more instructions must not be loaded on one with less."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.partition(":")[0].strip() in ("flags", "Features"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def _build(compiler: Sequence[str], folder: Path) -> dict[str, Any]:
    """Compile into `folder`: first the library, last the note on it, which is returned. Raises :class:`Unusable`."""
    _log.info("compiling the recurrences for this processor, once, into %s", folder)
    sources = [str(file) for file in sorted(SOURCE.glob("*.cpp"))]
    tried = ((*FLAGS, OWN_MACHINE), FLAGS)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        for flags in tried:
            built = Path(made) / f"recurrences{'.dll' if sys.platform == 'win32' else '.so'}"
            failure = _run([*compiler, *flags, *sources, "-o", str(built)])
            if failure is None:
                break
        else:
            raise Unusable(f"{shlex.join(compiler)} cannot build the compiled recurrences: {failure}")
        digest = hashlib.sha256(built.read_bytes()).hexdigest()
        built.replace(folder / built.name)
        note = {"file": built.name, "compiler": _version(compiler), "flags": flags, "sha256": digest}
        (Path(made) / "note").write_text(json.dumps(note), encoding="utf-8")
        (Path(made) / "note").replace(folder / "built.json")
    return note


def _run(command: Sequence[str]) -> str | None:
    """Run a compiler: None where it did its work, else what it complained of.

    Raises :class:`Unusable` where it was ended before it could say anything: it is no reason to try other flags.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=BUILD_SECONDS,
            start_new_session=True,  # Ctrl-C is for this process, which heeds it where nothing is lost
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unusable(f"the compiler did not end its work: {_one_line(error)}") from error
    if done.returncode == 0:
        return None
    if done.returncode < 0 or "Killed" in done.stderr:
        raise Unusable(f"the compiler {command[0]} was killed before it was done")
    lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
    return lines[0].strip() if lines else f"it ended with code {done.returncode}"


def _version(compiler: Sequence[str]) -> str:
    try:
        asked = subprocess.run([*compiler, "--version"], capture_output=True, text=True, timeout=BUILD_SECONDS)
        return asked.stdout.splitlines()[0].strip()
    except (OSError, IndexError, subprocess.TimeoutExpired):
        return shlex.join(compiler)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
