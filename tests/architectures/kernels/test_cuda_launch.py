"""Launches through CuPy, with a stand-in for CuPy and for the device; and what happens where there is neither."""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from architectures import UnICORNN, cornn, indrnn, kernels, sru, unicornn
from architectures.kernels import cuda
from architectures.kernels.cuda import launch
from architectures.kernels.cuda.variants import ADDED, STEPS, Variant, variant

SINGLE, DOUBLE, HALF = torch.float32, torch.float64, torch.bfloat16
KIND = Variant("UnICORNN<T>", SINGLE, SINGLE, SINGLE)


class CuPy(SimpleNamespace):
    """As much of CuPy as a launch needs; `seen` are the launches, with the stream and the device they ran on."""

    def __init__(self, device: SimpleNamespace) -> None:
        self.seen, self.compiled, self.current, self.loaded = [], [], None, []
        super().__init__(seen=self.seen, compiled=self.compiled, loaded=self.loaded, RawModule=self.module)
        self.cuda = SimpleNamespace(ExternalStream=self.stream, Stream=object)
        self.device = device

    @contextmanager
    def stream(self, address, device):
        before, self.current = self.current, (address, device)
        yield
        self.current = before

    def module(self, code, options=()):
        self.compiled.append((code, options))

        def get_function(name):
            def kernel(grid, block, arguments):
                self.seen.append((name, grid, block, arguments, self.current))

            kernel.compile = lambda: self.loaded.append((name, self.device.number))
            kernel.num_regs = 32
            return kernel

        return SimpleNamespace(get_function=get_function)


@pytest.fixture
def device(monkeypatch) -> SimpleNamespace:
    """A GPU that isn't there: number, stream, and whether a graph is being captured may be set."""
    found = SimpleNamespace(number=0, stream=7, capturing=False)
    stream = lambda: SimpleNamespace(cuda_stream=found.stream)  # noqa: E731
    properties = lambda number: SimpleNamespace(multi_processor_count=132)  # noqa: E731
    for name, stand_in in {
        "current_device": lambda: found.number,
        "current_stream": stream,
        "is_current_stream_capturing": lambda: found.capturing,
        "get_device_properties": properties,
        "device": lambda number: nullcontext(),
    }.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    return found


@pytest.fixture(autouse=True)
def _anew():
    """Nothing compiled, nothing told."""

    def forget() -> None:
        for cached in (launch._kernel, launch._module, launch.multiprocessors):
            cached.cache_clear()
        launch._launched.clear()

    forget()
    yield
    forget()


@pytest.fixture
def cupy(monkeypatch, device) -> CuPy:
    found = CuPy(device)
    monkeypatch.setitem(sys.modules, "cupy", found)
    return found


def test_a_launch_is_on_torchs_current_stream_and_device(cupy, device):
    arguments = [np.int64(3), np.float32(0.5)]
    launch.launch(KIND, "forward", 8192, arguments)
    device.number, device.stream = 1, 9
    launch.launch(KIND, "forward", 8192, arguments)
    assert cupy.seen == [("forward", (256,), (32,), tuple(arguments), place) for place in ((7, 0), (9, 1))]
    assert len(cupy.compiled) == 1  # CuPy compiles one module anew for every device
    assert cupy.compiled[0] == (KIND.source(), KIND.options())


def test_no_kernel_is_compiled_while_a_graph_is_captured(cupy, device):
    device.capturing = True
    with pytest.raises(RuntimeError, match="make one before a CUDA graph is captured"):
        launch.launch(KIND, "forward", 1, [])
    device.capturing = False
    launch.launch(KIND, "forward", 1, [])
    device.capturing = True
    launch.launch(KIND, "forward", 1, [])
    device.number = 1
    with pytest.raises(RuntimeError, match="make one before"):
        launch.launch(KIND, "forward", 1, [])
    assert len(cupy.seen) == 2


def test_kernels_are_loaded_for_the_captures_to_come(cupy, device):
    launch.load(KIND, 0)
    assert cupy.loaded == [(name, 0) for name in KIND.kernels()]
    device.capturing = True
    launch.launch(KIND, "forward_newton", 32, [])
    device.number = 1
    with pytest.raises(RuntimeError, match="make one before"):
        launch.launch(KIND, "forward_newton", 32, [])


@pytest.mark.parametrize(
    ("layer", "own", "arguments"),
    [
        (indrnn, cuda.indrnn, (None, None, None, "tanh")),
        (sru, cuda.sru, (None, None, None, None, "tanh")),
        (unicornn, cuda.unicornn, (None, None, None, ())),
        (cornn, cuda.cornn, (None, ())),
    ],
    ids=["indrnn", "sru", "unicornn", "cornn"],
)
def test_it_is_the_first_choice(layer, own, arguments, monkeypatch):
    assert next(iter(layer._BACKENDS.items())) == ("cuda", own)
    asked = []
    monkeypatch.setattr(cuda.selfcheck, "passed", lambda kind, device: asked.append((kind.fast, device)) or True)
    stand_in = SimpleNamespace(device=torch.device("cuda:1"), dtype=SINGLE, dim=lambda: 3)
    arguments = [stand_in if part is None else part for part in arguments]
    assert own.fits(stand_in, *arguments)
    assert cuda.fast(own).fits(stand_in, *arguments)
    assert asked == [(False, 1), (True, 1)]
    stand_in.dtype = torch.int64
    assert not own.fits(stand_in, *arguments)
    assert not own.fits(torch.zeros(1), *arguments)
    assert len(asked) == 2


def test_on_the_cpu_cuda_is_no_backend():
    layer = UnICORNN(1, 2, dt=0.1, alpha=1.0, backend="cuda")
    with pytest.raises(ValueError, match="unicornn has no backend 'cuda' here: use"):
        layer(torch.zeros(3, 1, 1))
    assert kernels.counts().get(("unicornn", "cuda")) is None


@pytest.mark.parametrize("fast", [False, True])
def test_the_source_is_one_text_with_nothing_to_include(fast):
    lines = Variant("UnICORNN<T>", SINGLE, SINGLE, SINGLE, fast).source().splitlines()
    assert not [line for line in lines if line.startswith('#include "')]
    assert any("struct UnICORNN" in line for line in lines)
    assert any("approximate_tanh" in line for line in lines) == fast


def test_variants():
    assert variant("sru", 2.0, SINGLE, HALF, SINGLE, False) == Variant(STEPS["sru", 2], SINGLE, HALF, SINGLE)
    assert variant("unicornn", 30.65, DOUBLE, DOUBLE, DOUBLE, True).fast is False  # there are none for float64
    assert not set(ADDED) & set(KIND.options())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((SINGLE, SINGLE), (SINGLE, SINGLE, SINGLE)),
        ((DOUBLE, DOUBLE), (DOUBLE, DOUBLE, DOUBLE)),
        ((HALF, HALF), (HALF, SINGLE, HALF)),
        ((HALF, SINGLE), (SINGLE, SINGLE, HALF)),
        ((torch.float16, SINGLE), (SINGLE, SINGLE, SINGLE)),
        ((torch.float16, torch.float16), (SINGLE, SINGLE, SINGLE)),
        ((DOUBLE, SINGLE), (DOUBLE, DOUBLE, DOUBLE)),
    ],
)
def test_types(given, expected):
    stream, weight = (torch.zeros(*shape, dtype=dtype) for shape, dtype in zip(((1, 1, 1), (1,)), given, strict=True))
    assert cuda.types(stream, weight) == expected


def test_a_highway_of_another_type_is_read_with_the_gates():
    gates, skip, weight = torch.zeros(1, 1, 3, dtype=HALF), torch.zeros(1, 1, 1), torch.zeros(1)
    assert cuda.types(gates, skip, weight) == (SINGLE, SINGLE, SINGLE)
