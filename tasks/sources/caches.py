"""Arrays worked out of data files once, kept in a checksummed form and worked out anew where they are damaged."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

from tasks.sources.locks import locked
from tasks.sources.root import Sources
from tasks.sources.trouble import writing

if TYPE_CHECKING:
    import numpy as np

KEPT = 2
"""Caches of the same name and another key that are kept, the last used: of another variant, of code under work."""
SUM = "sha256"
"""The array in a cache that holds the checksum of the others."""


def cached(
    sources: Sources, name: str, source: str, make: Callable[[], Mapping[str, np.ndarray]], *, code: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """What ``make()`` returns, from the cache where it is there and whole.

    Of several processes that start at once one works and the others wait for it. A cache that is cut off, damaged or
    made of other data or by other code is never read.

    Args:
        name: of the cache, for people who look at the folder: ``"har2"``.
        source: digest of the data files, as :meth:`DataSet.verified` gives it.
        make: returns arrays of numbers or text by name (not ``"sha256"``), in C order; no objects.
        code: names of the modules whose source decides what `make` returns, and ``"distribution==version"`` of the
            libraries that do; another source or another code makes another cache.

    Raises:
        OSError: the folder of the caches cannot be written.
    """
    folder = sources.caches
    file = folder / f"{name}-{key(source, code)}.npz"
    found, trouble = _read(file)
    if found is not None:
        return found
    instead = "name another home with --home or HARNESS_HOME"
    with ExitStack() as stack:
        with writing(folder, instead):
            stack.enter_context(locked(folder / f"{name}.lock", sources.report, f"prepares {name}"))
            for left in _caches(folder, name, ".", ".partial"):  # by a process that was killed: no other has the lock
                left.unlink()
        found, trouble = _read(file)
        if found is not None:
            return found
        again = f"preparing {name} anew: {file} is damaged ({trouble})"
        if trouble:
            sources.report(again, 0, 1)
        arrays = _made(make)
        with writing(folder, instead):
            _write(file, arrays)
        if trouble:
            sources.report(again, 1, 1)
        _tidy(file, name)
    return arrays


def key(source: str, code: tuple[str, ...]) -> str:
    """16 hexadecimal digits over the digest of the data, the source of the modules and the versions in `code`."""
    digest = sha256(f"{source}\n".encode())
    for entry in code:
        digest.update(f"{entry}\n".encode())
        if "==" not in entry:
            digest.update(_source(entry))
    return digest.hexdigest()[:16]


def _source(module: str) -> bytes:
    """The source of a module, which need not be imported; one from a plugin file is found where it is loaded."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        spec = find_spec(module)
        if spec is None or spec.origin is None:
            raise ValueError(f"the code of a cache is named by modules and distribution==version, got {module!r}")
        file = spec.origin
    return Path(file).read_bytes()


def _made(make: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    import numpy as np  # here: most who import this package work out nothing

    arrays = dict(make())
    for name in arrays:
        arrays[name] = np.asarray(arrays[name], order="C")
        if name == SUM or arrays[name].dtype.hasobject:
            raise ValueError(
                f"a cache holds arrays of numbers or text not named {SUM}, got {name} of {arrays[name].dtype}"
            )
    return arrays


def _sum(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The sha256, (32,) uint8, over names, types, shapes and bytes."""
    import numpy as np

    digest = sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return np.frombuffer(digest.digest(), np.uint8)


def _read(file: Path) -> tuple[dict[str, np.ndarray] | None, str]:
    """The arrays, if the cache is whole; else what is wrong with it, which is nothing where there is none."""
    import numpy as np

    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        whole = np.array_equal(arrays.pop(SUM), _sum(arrays))
    except FileNotFoundError:
        return None, ""
    except Exception as error:  # numpy and zipfile raise ten kinds at a flipped bit; all mean the same here
        return None, f"{type(error).__name__}: {error}"
    if not whole:
        return None, "its checksum does not fit"
    with suppress(OSError):
        os.utime(file)  # the last used are kept
    return arrays, ""


def _write(file: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """As :func:`numpy.savez` writes, without pickle, without a copy, and at once or not at all."""
    import numpy as np

    partial = file.with_name(f".{file.name}.partial")
    try:
        with partial.open("wb") as stream:
            with ZipFile(stream, "w") as archive:
                for name, array in {**arrays, SUM: _sum(arrays)}.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, array, allow_pickle=False)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _caches(folder: Path, name: str, before: str = "", after: str = "") -> list[Path]:
    """The caches called `name`, and not those whose names merely begin so."""
    same = re.compile(rf"{re.escape(before + name)}-[0-9a-f]{{16}}\.npz{re.escape(after)}")
    return [file for file in folder.iterdir() if same.fullmatch(file.name)]


def _tidy(file: Path, name: str) -> None:
    """Delete older caches of this name: all but the few last used, none that a process has open where that matters."""
    with suppress(OSError):  # another process may be as quick
        others = [other for other in _caches(file.parent, name) if other != file]
        others.sort(key=lambda other: other.stat().st_mtime, reverse=True)
        for other in others[KEPT:]:
            other.unlink()
