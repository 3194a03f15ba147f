"""The form that follows the published kernel, on the host: it is a fair opponent only if it computes the same."""

from __future__ import annotations

import ctypes
import importlib.util
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from architectures.kernels import library
from architectures.unicornn import unicornn_eager

USABLE, TOLD = library.state()
BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
pytestmark = [
    pytest.mark.skipif(not USABLE, reason=TOLD),
    pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="the benchmarks are not part of an installed package"),
]


@pytest.fixture
def published(tmp_path):
    grid = (Path(__file__).parent / "cuda_grid.h").read_text(encoding="utf-8")
    source = (BENCHMARKS / "published.cu").read_text(encoding="utf-8")
    text = f"{grid}\n{source}\nEMULATED(published_forward)\nEMULATED(published_backward)\n"
    (tmp_path / "published.cpp").write_text(text, encoding="utf-8")
    command = [*library._compiler(), "-std=c++17", "-O1", "-fPIC", "-shared", "-w", str(tmp_path / "published.cpp")]
    subprocess.run([*command, "-o", str(tmp_path / "published.so")], check=True)
    functions = ctypes.CDLL(str(tmp_path / "published.so"))

    def launch(name, grid, block, arguments):
        sizes = (ctypes.c_int * 64)()
        assert [one.itemsize for one in arguments] == list(sizes[: getattr(functions, f"{name}_sizes")(sizes)])
        held = [np.array([argument]) for argument in arguments]
        addresses = (ctypes.c_void_p * len(held))(*[one.ctypes.data for one in held])
        getattr(functions, f"{name}_launch")(ctypes.c_uint(grid), ctypes.c_uint(block), False, addresses)

    spec = importlib.util.spec_from_file_location("published", BENCHMARKS / "published.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Published(launch, 0.19, 30.65)


def test_forward_and_backward(published):
    random = torch.Generator().manual_seed(0)
    x, outside = (torch.randn(60, 3, 200, generator=random) for _ in range(2))
    w, c = torch.rand(200, generator=random), torch.rand(200, generator=random) - 0.5
    y, z = torch.randn(2, 3, 200, generator=random)
    output, *last = published.forward(x, w, c, y, z)
    gradients = published.backward(x, w, c, *last, outside)
    leaves = [part.double().requires_grad_() for part in (x, w, c, y, z)]
    wide_x, wide_w, wide_c, wide_y, wide_z = leaves
    exact, _ = unicornn_eager(wide_x, wide_w, 0.19 * torch.sigmoid(wide_c), None, (wide_y, wide_z), 30.65)
    expected = torch.autograd.grad(exact, leaves, outside.double())
    for found, wanted in zip((output, *gradients), (exact.detach(), *expected), strict=True):
        assert float((found.double() - wanted).abs().max() / wanted.abs().max()) < 1e-5
