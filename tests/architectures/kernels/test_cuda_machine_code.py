"""The CUDA kernels compiled for graphics processors that aren't here: machine code without what would make it slow.

By the NVRTC of NVIDIA's Python package, or by the one that HARNESS_TEST_NVRTC names (``tox -e nvrtc``: the newest).
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import shutil
import subprocess
from ctypes.util import find_library
from functools import cache
from pathlib import Path

import pytest
import torch

from architectures.kernels.cuda.geometry import LARGEST
from architectures.kernels.cuda.variants import ADDED, COUPLED, OSCILLATOR, STEPS, Variant

SINGLE, DOUBLE, HALF = torch.float32, torch.float64, torch.bfloat16
MACHINES = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")
TYPES = [(SINGLE, SINGLE, SINGLE), (SINGLE, HALF, HALF), (SINGLE, HALF, SINGLE), (DOUBLE, DOUBLE, DOUBLE)]
ALL = [*STEPS.values(), COUPLED]
TANH = [step for step in ALL if "Relu" not in step and "Identity" not in step]
CASES = [(Variant(step, SINGLE, SINGLE, SINGLE), machine) for step in TANH for machine in MACHINES]
CASES += [(Variant(step, SINGLE, SINGLE, SINGLE), "sm_90") for step in ALL if step not in TANH]
CASES += [(Variant(step, *types), "sm_90") for step in TANH for types in TYPES[1:]]
CASES += [
    (Variant(step, SINGLE, SINGLE, SINGLE, fast=True), machine) for step in TANH for machine in ("sm_75", "sm_90")
]

STEPS_OF_A_LOOP = 16
LIMITS = {"forward": 38, "backward": 67, "segment_maps": 83, "segment_backward": 67}
"""Instructions of a step of UnICORNN in float32, in the loop over whole chunks. They were 49 to 60, 80 to 83, 90 to 96
and 83 to 101 before pointers went on from step to step, quotients needed no test of the range and nothing was tested
for null."""

FP64 = re.compile(r"D(ADD|MUL|FMA|SETP|MNMX|MMA)|[FI]2[FI]\S*\.F?64|MUFU\.\w*64H?|F2F\.F(64|32\.F64)")
SPILLS = re.compile(r"(LD|ST)L\b")  # to and from local memory
MEETING = re.compile(r"(ATOM|RED|BAR|LDS|STS)")  # atomic operations, barriers, shared memory
CALLED = re.compile(r"\$__(?:internal|cuda)\w*")  # functions of the library, such as exact or 64-bit divisions


def packaged(pattern: str) -> str | None:
    """A file of NVIDIA's Python packages."""
    package = importlib.util.find_spec("nvidia")
    folders = [] if package is None else [Path(folder) for folder in package.submodule_search_locations or ()]
    return next(iter(sorted(str(file) for folder in folders for file in folder.glob(pattern))), None)


@pytest.fixture(scope="module")
def nvrtc() -> ctypes.CDLL:
    file = os.environ.get("HARNESS_TEST_NVRTC") or packaged("*/lib/libnvrtc.so.*") or find_library("nvrtc")
    if file is None:
        pytest.skip("NVRTC is not here (python -m pip install nvidia-cuda-nvrtc)")
    for builtins in sorted(Path(file).parent.glob("libnvrtc-builtins.so.*")):  # NVRTC 13.0 looks for it by name only
        ctypes.CDLL(str(builtins), mode=ctypes.RTLD_GLOBAL)
    return ctypes.CDLL(file)


@pytest.fixture(scope="module")
def nvdisasm() -> str:
    file = packaged("*/bin/nvdisasm") or shutil.which("nvdisasm")
    if file is None:
        pytest.skip("nvdisasm is not here (python -m pip install nvidia-cuda-nvdisasm)")
    return file


def compiled(compiler: ctypes.CDLL, source: str, options: tuple[str, ...]) -> tuple[bytes, str]:
    """The machine code of a program and what the compiler said."""
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    assert not compiler.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"sweep.cu", 0, None, None)
    try:
        words = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
        failed = compiler.nvrtcCompileProgram(program, len(options), words)
        compiler.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        compiler.nvrtcGetProgramLog(program, log)
        assert not failed, log.value.decode()
        compiler.nvrtcGetCUBINSize(program, ctypes.byref(size))
        code = ctypes.create_string_buffer(size.value)
        assert not compiler.nvrtcGetCUBIN(program, code)
        return code.raw, log.value.decode()
    finally:
        compiler.nvrtcDestroyProgram(ctypes.byref(program))


@pytest.fixture(scope="module")
def build(nvrtc, tmp_path_factory):
    """``build(variant, machine)``: a file with the machine code, and the report on resources."""
    folder = tmp_path_factory.mktemp("cubin")

    @cache
    def make(variant: Variant, machine: str) -> tuple[Path, str]:
        code, log = compiled(
            nvrtc, variant.source(), (*variant.options(), *ADDED, f"-arch={machine}", "--ptxas-options=-v")
        )
        file = folder / f"{abs(hash((variant, machine)))}.cubin"
        file.write_bytes(code)
        return file, log

    return make


def listing(nvdisasm: str, file: Path) -> str:
    return subprocess.run([nvdisasm, "-c", str(file)], check=True, capture_output=True, text=True).stdout


def instructions(text: str, least: int) -> set[str]:
    """The operations of all kernels in a listing, without their operands."""
    found = re.findall(r"^\s+/\*[0-9a-f]{4,}\*/\s+(?:\{\s*)?(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)", text, re.M)
    assert len(found) > least  # of kernels such as these; else the listing was misread
    return set(found)


def ids(part: object) -> str:
    if not isinstance(part, Variant):
        return str(part)
    types = " ".join(str(dtype)[6:] for dtype in (part.computed, part.input, part.output))
    return f"{part.step} {types}{' fast' if part.fast else ''}"


@pytest.mark.parametrize(("variant", "machine"), CASES, ids=ids)
def test_compiles_without_spills(variant, machine, build):
    log = build(variant, machine)[1]
    frames = re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", log)
    registers = [int(count) for count in re.findall(r"Used (\d+) registers", log)]
    kernels = set(variant.kernels())
    assert set(re.findall(r"Compiling entry function '(\w+)'", log)) == kernels
    assert len(frames) == len(registers) == len(kernels)
    assert set(frames) == {("0", "0", "0")}
    assert max(registers) * LARGEST <= 65536  # a block of the largest size can start


@pytest.mark.parametrize(("variant", "machine"), CASES, ids=ids)
def test_machine_code(variant, machine, build, nvdisasm):
    text = listing(nvdisasm, build(variant, machine)[0])
    found = instructions(text, 200 if variant.step == COUPLED else 1000)
    unwanted = [SPILLS, MEETING, *([FP64] if variant.computed == SINGLE else [])]
    assert {one for one in found for pattern in unwanted if pattern.match(one)} == set()
    if variant.computed == SINGLE:
        assert set(CALLED.findall(text)) == set()
    else:
        assert any(FP64.match(one) for one in found)  # or the pattern knows them no more
    assert any(one.startswith("MUFU.TANH") for one in found) == variant.fast  # approximated only when asked for


def listed(text: str) -> dict[str, list[tuple[str, str]]]:
    """By kernel its lines: ("label", name) or ("instruction", text)."""
    found: dict[str, list[tuple[str, str]]] = {}
    for part in re.split(r"(?=\.section\s+\.text\.)", text)[1:]:
        lines = found.setdefault(re.match(r"\.section\s+\.text\.(\w+)", part)[1], [])
        for line in part.splitlines():
            if label := re.match(r"(\.L_x_\d+):", line):
                lines.append(("label", label[1]))
            elif instruction := re.match(r"\s+/\*[0-9a-f]{4,}\*/\s+(.*)", line):
                lines.append(("instruction", instruction[1]))
    return found


def loops(lines: list[tuple[str, str]]) -> list[list[str]]:
    """The instructions of every innermost loop: from a label to a branch back to it."""
    places = {name: place for place, (kind, name) in enumerate(lines) if kind == "label"}
    spans = []
    for place, (kind, text) in enumerate(lines):
        target = re.search(r"\bBRA\b.*?`\((\.L_x_\d+)\)", text) if kind == "instruction" else None
        if target and places[target[1]] < place:
            spans.append((places[target[1]], place))
    inner = [(a, b) for a, b in spans if not any((c, d) != (a, b) and a <= c and d <= b for c, d in spans)]
    return [[text for kind, text in lines[a : b + 1] if kind == "instruction"] for a, b in inner]


@pytest.mark.parametrize("machine", MACHINES)
def test_instructions_of_a_step(machine, build, nvdisasm):
    kernels = listed(listing(nvdisasm, build(Variant(OSCILLATOR, SINGLE, SINGLE, SINGLE), machine)[0]))
    found = {}
    for name in LIMITS:
        # Every step has one quotient.
        whole = [body for body in loops(kernels[name]) if sum("MUFU.RCP" in one for one in body) == STEPS_OF_A_LOOP]
        found[name] = min(map(len, whole)) / STEPS_OF_A_LOOP
    assert {name: count for name, count in found.items() if count > LIMITS[name]} == {}
    assert all(count > 20 for count in found.values()), "fewer than its arithmetic: the listing was misread"


def test_the_opponent_computes_as_the_published_kernel(nvrtc, nvdisasm, tmp_path):
    """Updates in double precision, tanh and cosh in float; the loop forward is unrolled, as nothing overlaps."""
    source = Path(__file__).parents[3] / "benchmarks" / "published.cu"
    if not source.exists():
        pytest.skip("the benchmarks are not part of an installed package")
    (tmp_path / "published.cubin").write_bytes(compiled(nvrtc, source.read_text(), ("-arch=sm_90", *ADDED))[0])
    kernels = listed(listing(nvdisasm, tmp_path / "published.cubin"))
    forward = max(loops(kernels["published_forward"]), key=len)
    backward = max(loops(kernels["published_backward"]), key=len)
    assert sum("LDG.E.CONSTANT" in one for one in forward) == 4
    assert sum("STG" in one for one in backward) == 1
    for body in (forward, backward):
        assert any("DFMA" in one for one in body)
        assert not [one for one in body if "MUFU.RCP64H" in one or "LDG.E " in one]


def test_what_is_looked_for_would_be_found(nvrtc, nvdisasm, tmp_path):
    """A kernel with all that the others must not have."""
    source = """extern "C" __global__ void all(float* x, long long a, long long b, double d) {
        float local[64];
        for (int i = 0; i < 64; ++i) local[i] = x[i * a];
        x[threadIdx.x] = local[b] + float(d * x[3]) + float(a / b);
        atomicAdd(x + 7, x[5] / x[6]);
    }"""
    (tmp_path / "all.cubin").write_bytes(compiled(nvrtc, source, ("-arch=sm_90",))[0])
    text = listing(nvdisasm, tmp_path / "all.cubin")
    for pattern in (SPILLS, MEETING, FP64):
        assert re.search(rf"\b{pattern.pattern}", text), pattern.pattern
    assert CALLED.search(text)
