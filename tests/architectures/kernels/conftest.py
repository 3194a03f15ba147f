"""The kernels for CUDA on the host: grid and blocks as loops, and memory in which a wrong address shows."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from architectures.kernels import library
from architectures.kernels.cuda.geometry import blocks
from architectures.kernels.cuda.variants import Variant

Host = Callable[[Variant], ctypes.CDLL]
MARGIN = 64  # elements around every tensor that must stay as they are


def built(variant: Variant, folder: Path, source: str) -> ctypes.CDLL:
    """Kernels for the host from a source."""
    grid = (Path(__file__).parent / "cuda_grid.h").read_text(encoding="utf-8")
    ends = "\n".join(f"EMULATED({name})" for name in variant.kernels())
    (folder / "kernels.cpp").write_text(f"{grid}\n{source}\n{ends}\n", encoding="utf-8")
    types = [option for option in variant.options() if option.startswith("-D")]
    command = [*library._compiler(), "-std=c++17", "-O1", "-fPIC", "-shared", "-w", *types]
    subprocess.run([*command, str(folder / "kernels.cpp"), "-o", str(folder / "kernels.so")], check=True)
    return ctypes.CDLL(str(folder / "kernels.so"))


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """Kernels for the host, compiled once."""

    @cache
    def build(variant: Variant) -> ctypes.CDLL:
        return built(variant, tmp_path_factory.mktemp("kernels"), variant.source())

    return build


class Launches:
    """Stands for the GPU: runs each launch on the host and remembers it."""

    def __init__(self, host: Host) -> None:
        self.host, self.multiprocessors, self.reversed = host, 132, False
        self.segments = False  # whether the sweep backward is cut into segments
        self.newton = False  # whether the sweep forward of UnICORNN is parallel in time
        self.seen: list[tuple[str, int]] = []

    def __call__(self, variant: Variant, name: str, threads: int, arguments: list[Any]) -> None:
        functions = self.host(variant)
        sizes = (ctypes.c_int * 64)()
        wanted = list(sizes[: getattr(functions, f"{name}_sizes")(sizes)])
        assert [argument.itemsize for argument in arguments] == wanted
        assert all(isinstance(argument, np.generic) for argument in arguments)
        held = [np.array([argument]) for argument in arguments]
        addresses = (ctypes.c_void_p * len(held))(*[one.ctypes.data for one in held])
        grid, block = blocks(threads, self.multiprocessors)
        getattr(functions, f"{name}_launch")(ctypes.c_uint(grid), ctypes.c_uint(block), self.reversed, addresses)
        self.seen.append((name, threads))


class Guarded:
    """Memory for results, poisoned, with margins around it."""

    def __init__(self) -> None:
        self.all: list[tuple[Tensor, int]] = []

    def __call__(self, *shape: Any, dtype: torch.dtype, device: Any = None) -> Tensor:
        shape = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
        count = int(np.prod(shape))
        whole = torch.full((count + 2 * MARGIN,), float("nan"), dtype=dtype)
        self.all.append((whole, count))
        return whole[MARGIN : MARGIN + count].view(shape)

    def untouched(self) -> bool:
        return all(bool(whole[:MARGIN].isnan().all() and whole[MARGIN + n :].isnan().all()) for whole, n in self.all)


@pytest.fixture
def poisoned() -> Guarded:
    return Guarded()


@pytest.fixture
def launches(host) -> Launches:
    return Launches(host)
