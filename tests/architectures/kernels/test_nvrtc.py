"""The steps of the elementwise family are accepted by NVRTC too, which compiles to PTX without a GPU."""

from __future__ import annotations

import ctypes
import importlib.util
from ctypes.util import find_library
from pathlib import Path

import pytest

from architectures.kernels import library

HEADERS = ("real.h", "indrnn.h", "sru.h", "unicornn.h")
STEPS = {
    "UnICORNN": ("unicornn.h", "UnICORNN<{}>", "{{2, 0}}"),
    "IndRNN relu": ("indrnn.h", "IndRNN<{}, Relu>", ""),
    "IndRNN tanh": ("indrnn.h", "IndRNN<{}, Tanh>", ""),
    "SRU": ("sru.h", "SRU<{}, Identity>", ""),
}
KERNEL = """
#include "{header}"
typedef {step} Step;
extern "C" __global__ void one(const Step::T* x, const Step::T* w, Step::T* state, Step::T* carry, Step::T* out) {{
    Step step{start};
    *out = step.forward(x, w, state, carry);
}}
extern "C" __global__ void back(const Step::T* x, const Step::T* w, Step::T* state, Step::T* adjoint, Step::T* carry,
                                Step::T* dx, Step::T* dw) {{
    Step step{start};
    step.backward(x, w, Step::kept(state), *dx, state, adjoint, carry, dx, dw);
}}
"""


def nvrtc() -> ctypes.CDLL:
    """NVRTC, of NVIDIA's packages (those of CUDA builds of torch are enough) or of the system, or a skipped test."""
    package = importlib.util.find_spec("nvidia")
    folders = [] if package is None else [Path(folder) for folder in package.submodule_search_locations or ()]
    files = sorted(str(file) for folder in folders for file in folder.glob("*/lib/libnvrtc.so.*"))
    file = next(iter(files), None) or find_library("nvrtc")
    if file is None:
        pytest.skip("NVRTC is not here (python -m pip install nvidia-cuda-nvrtc)")
    return ctypes.CDLL(file)


@pytest.mark.parametrize("dtype", ["float", "double"])
@pytest.mark.parametrize("step", STEPS)
def test_steps_compile_for_a_gpu(step, dtype):
    compiler, program, size = nvrtc(), ctypes.c_void_p(), ctypes.c_size_t()
    header, kind, start = STEPS[step]
    source = KERNEL.format(header=header, step=kind.format(dtype), start=start.format())
    texts = (ctypes.c_char_p * len(HEADERS))(*[(library.SOURCE / name).read_bytes() for name in HEADERS])
    names = (ctypes.c_char_p * len(HEADERS))(*[name.encode() for name in HEADERS])
    assert not compiler.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"one.cu", len(names), texts, names)
    options = (ctypes.c_char_p * 2)(b"--std=c++17", b"--gpu-architecture=compute_80")
    failed = compiler.nvrtcCompileProgram(program, len(options), options)
    compiler.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    compiler.nvrtcGetProgramLog(program, log)
    assert not failed, log.value.decode()
