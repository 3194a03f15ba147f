"""Kernels that prove themselves before they are trusted: with those of the host in place of a GPU's."""

from __future__ import annotations

import errno
import json
import sys
import warnings
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from architectures import SRU, IndRNN, UnICORNN, kernels
from architectures.kernels import cornn as coupled
from architectures.kernels import cuda, elementwise, library
from architectures.kernels.cuda import launch, selfcheck, steps, sweeps, verdicts
from architectures.kernels.cuda.variants import COUPLED, OSCILLATOR, STEPS, Variant

from .conftest import built

USABLE, TOLD = library.state()
pytestmark = pytest.mark.skipif(not USABLE, reason=TOLD)  # where that can be built, a host compiler is there

SINGLE, DOUBLE, HALF = torch.float32, torch.float64, torch.bfloat16
UNICORNN = Variant(OSCILLATOR, SINGLE, SINGLE, SINGLE)
TYPES = [(SINGLE, SINGLE, SINGLE), (DOUBLE, DOUBLE, DOUBLE), (SINGLE, HALF, HALF), (SINGLE, HALF, SINGLE)]


class Device:
    """A GPU whose kernels run on the host; `host` may be exchanged for one with mistakes, `loading` may raise."""

    def __init__(self, launches) -> None:
        self.launches, self.capturing, self.loaded, self.driver = launches, False, [], 13000
        self.loading: BaseException | None = None

    def load(self, variant: Variant, device: int) -> None:
        if self.loading is not None:
            raise self.loading
        self.loaded.append(variant)


@pytest.fixture
def gpu(launches, monkeypatch, tmp_path):
    found = Device(launches)
    cupy = SimpleNamespace(
        __version__="14.2",
        cuda=SimpleNamespace(
            runtime=SimpleNamespace(driverGetVersion=lambda: found.driver),
            nvrtc=SimpleNamespace(getVersion=lambda: (13, 0)),
        ),
    )
    properties = SimpleNamespace(name="a GPU of the host", major=9, minor=0)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    for module in (sweeps, steps):
        monkeypatch.setattr(module, "launch", launches)
    monkeypatch.setattr(sweeps, "multiprocessors", lambda device: 132)
    monkeypatch.setattr(launch, "load", found.load)
    monkeypatch.setattr(selfcheck, "_on", lambda device: nullcontext())
    monkeypatch.setattr(selfcheck, "_place", lambda device: torch.device("cpu"))
    monkeypatch.setattr(cuda, "_on_gpu", lambda input: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: found.capturing)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(library, "folder_of_cache", lambda: tmp_path / "cache")
    for compiled in (elementwise.unicornn, elementwise.indrnn, elementwise.sru, coupled.cornn):
        monkeypatch.setattr(compiled, "fits", lambda *_, **__: False)  # as for tensors on a GPU
    for operator, function in {"cornn": steps.forward, "cornn_backward": steps.backward}.items():
        monkeypatch.setattr(torch.ops.harness, operator, function)
    selfcheck.forget()
    yield found
    selfcheck.forget()


@pytest.fixture
def mistaken(gpu, tmp_path):
    """``mistaken(right, wrong)``: from now on the kernels have `wrong` in place of `right` in their source."""

    def mistake(right: str, wrong: str) -> None:
        def host(variant: Variant):
            source = variant.source()
            assert right in source
            (tmp_path / "wrong").mkdir(exist_ok=True)
            return built(variant, tmp_path / "wrong", source.replace(right, wrong))

        cached: dict[Variant, object] = {}
        gpu.launches.host = lambda variant: cached.get(variant) or cached.setdefault(variant, host(variant))

    return mistake


@pytest.fixture
def silent():
    """A warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize(
    ("step", "types"),
    [
        *((OSCILLATOR, types) for types in TYPES[1:]),
        (STEPS["sru", 1], TYPES[2]),
        (COUPLED, TYPES[1]),
        (COUPLED, TYPES[2]),
    ],
    ids=str,
)
def test_right_kernels_pass_in_all_types(step, types, gpu, silent):
    assert selfcheck.passed(Variant(step, *types), 0)


@pytest.mark.parametrize("step", STEPS.values())
def test_every_kernel_and_route_is_tried(step, gpu, silent):
    variant = Variant(step, SINGLE, SINGLE, SINGLE)
    assert selfcheck.passed(variant, 0)
    assert {name for name, _ in gpu.launches.seen} == set(variant.kernels())
    assert {route for _, _, route, reason in verdicts.listed() if reason is None} >= {"sweep", "segments"}
    assert kernels.counts() == {}, "a check is no run"


@pytest.mark.parametrize(
    ("right", "wrong", "routes", "result"),
    [
        ("state[1], carry[1], -(s * pulled", "state[1], carry[1], -(s * T(1.01) * pulled", {"sweep"}, "the output"),
        ("dweight[1] += dy * z - dz * force", "dweight[1] += dy * z + dz * force", None, "that of the weights"),
        ("dy += (j < there ? s : T(0)) * dz", "dy += T(2) * (j < there ? s : T(0)) * dz", None, None),
        ("next[k] += column[c][k]", "next[k] -= column[c][k]", {"segments"}, None),
    ],
    ids=["forward", "gradient", "a slower iteration", "segments"],
)
def test_wrong_kernels_are_refused_by_the_result_that_is_wrong(right, wrong, routes, result, gpu, mistaken):
    mistaken(right, wrong)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        selfcheck.passed(UNICORNN, 0)
    refused = {route: reason for _, _, route, reason in verdicts.listed() if reason is not None}
    assert len(told) == len(refused)
    if routes is not None:
        assert set(refused) >= routes
        assert "sweep" in routes or "sweep" not in refused
    if result is not None:
        assert result in refused["sweep"]


def run(layer: torch.nn.Module) -> dict[tuple[str, str], int]:
    """The backends that compute a layer forward and backward."""
    kernels.reset()
    layer(torch.ones(5, 2, 3))[0].sum().backward()
    return kernels.counts()


def test_a_wrong_kernel_is_left_out_with_one_sentence_and_the_run_goes_on_by_eager(gpu, mistaken):
    mistaken("dweight[1] += dy * z - dz * force", "dweight[1] += dy * z + dz * force")
    layer = UnICORNN(3, 4, 2, dt=0.1, alpha=1.0)
    match = (
        r"UnICORNN float32 \(sweep\) are not used on GPU None: that of the weights differs from plain PyTorch by .*; "
        "please report this with the output of 'harness doctor'; plain PyTorch computes instead"
    )
    with pytest.warns(RuntimeWarning, match=match) as told:
        assert run(layer) == {("unicornn", "eager"): 2}
    assert len([one for one in told if "(sweep)" in str(one.message)]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(layer) == {("unicornn", "eager"): 2}


LAYERS = [
    lambda: UnICORNN(3, 4, dt=0.1, alpha=1.0),
    lambda: IndRNN(3, 4),
    lambda: SRU(3, 4),
]


@pytest.mark.parametrize("layer", LAYERS)
def test_right_kernels_compute_the_layers(layer, gpu, silent):
    (operation,) = (operation for operation, _ in run(layer()))
    assert kernels.counts() == {(operation, "cuda"): 1}
    assert len(gpu.loaded) == 1


def test_a_route_that_is_wrong_is_left_out_alone(gpu, mistaken, monkeypatch):
    mistaken("next[k] += column[c][k]", "next[k] -= column[c][k]")
    monkeypatch.setattr(sweeps, "by_segments", lambda *sizes: True)
    with pytest.warns(RuntimeWarning, match=r"\(segments\) are not used .*; the sweep in one piece computes instead"):
        assert run(UnICORNN(3, 4, dt=0.1, alpha=1.0)) == {("unicornn", "cuda"): 1}
    gpu.launches.seen.clear()
    run(UnICORNN(3, 4, dt=0.1, alpha=1.0))
    assert [name for name, _ in gpu.launches.seen] == ["forward", "backward", "add_rows"]


def kept(tmp_path) -> list[dict]:
    return [json.loads(file.read_text()) for file in (tmp_path / "cache" / "cuda").glob("*")]


def test_a_verdict_is_kept_on_disk_for_the_device_and_the_versions(gpu, tmp_path, silent):
    assert selfcheck.passed(UNICORNN, 0)
    (written,) = kept(tmp_path)
    assert written["verdict"] == dict.fromkeys(("sweep", "newton", "segments"))
    assert written["key"]["device"] == "a GPU of the host, 9.0"
    assert written["key"]["torch"] == torch.__version__
    selfcheck.forget()
    gpu.launches.seen.clear()
    assert selfcheck.passed(UNICORNN, 0)
    assert gpu.launches.seen == []
    assert len(gpu.loaded) == 2, "another process has to load the kernels"
    selfcheck.forget()
    gpu.driver = 13050
    assert selfcheck.passed(UNICORNN, 0)
    assert gpu.launches.seen != []
    assert len(kept(tmp_path)) == 2


def test_a_refusal_is_kept_too_and_warned_of_in_every_process(gpu, mistaken, tmp_path):
    mistaken("dweight[1] += dy * z - dz * force", "dweight[1] += dy * z + dz * force")
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match="that of the weights differs"):
            assert not selfcheck.passed(UNICORNN, 0)
        selfcheck.forget()
        gpu.launches.host = None  # it is not asked again
    assert "that of the weights" in kept(tmp_path)[0]["verdict"]["sweep"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"verdict": {"sweep": null}}', '{"verdict": 3}'])
def test_a_damaged_verdict_is_found_anew(text, gpu, tmp_path, silent):
    assert selfcheck.passed(UNICORNN, 0)
    (file,) = (tmp_path / "cache" / "cuda").iterdir()
    file.write_text(text)
    selfcheck.forget()
    gpu.launches.seen.clear()
    assert selfcheck.passed(UNICORNN, 0)
    assert gpu.launches.seen != []
    assert kept(tmp_path)[0]["verdict"]["newton"] is None


@pytest.mark.parametrize("folder", ["a file", None], ids=["cannot be written", "cannot be named"])
def test_without_a_folder_for_verdicts_kernels_are_checked_in_every_process(folder, gpu, tmp_path, monkeypatch, silent):
    def nowhere():
        if folder is None:
            raise library.Unusable("HARNESS_KERNELS names no folder")
        (tmp_path / folder).touch()
        return tmp_path / folder

    monkeypatch.setattr(library, "folder_of_cache", nowhere)
    for _ in range(2):
        gpu.launches.seen.clear()
        assert selfcheck.passed(UNICORNN, 0)
        assert gpu.launches.seen != []
        selfcheck.forget()


PASSING = [
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
    OSError(errno.ENOSPC, "No space left on device"),
    RuntimeError("operation not permitted when stream is capturing"),
]


@pytest.mark.parametrize("error", PASSING, ids=str)
def test_what_passes_by_itself_is_not_remembered(error, gpu, tmp_path):
    gpu.loading = error
    with pytest.warns(RuntimeWarning, match="cannot be compiled and loaded for GPU 0: .*; plain PyTorch computes"):
        assert not selfcheck.passed(UNICORNN, 0)
    assert list(verdicts.listed()) == []
    gpu.loading = None
    assert selfcheck.passed(UNICORNN, 0)
    assert len(kept(tmp_path)) == 1


def test_a_lack_of_memory_in_the_comparison_is_not_remembered(gpu, monkeypatch, tmp_path):
    right = sweeps.launch

    def crowded(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(sweeps, "launch", crowded)
    with pytest.warns(RuntimeWarning, match="cannot be checked on GPU 0: CUDA out of memory"):
        assert not selfcheck.passed(UNICORNN, 0)
    monkeypatch.setattr(sweeps, "launch", right)
    assert selfcheck.passed(UNICORNN, 0)


def test_a_first_call_within_a_capture_goes_by_plain_pytorch_and_the_next_one_is_checked(gpu):
    layer = UnICORNN(3, 4, dt=0.1, alpha=1.0)
    gpu.capturing = True
    with pytest.warns(RuntimeWarning, match="make one call before a capture; plain PyTorch computes instead"):
        assert run(layer) == {("unicornn", "eager"): 1}
    assert gpu.loaded == []
    gpu.capturing = False
    assert run(layer) == {("unicornn", "cuda"): 1}
    gpu.capturing = True
    assert run(layer) == {("unicornn", "cuda"): 1}


NOT_LOADED = {
    "no CuPy": (
        ImportError("No module named 'cupy'"),
        r"No module named 'cupy'\): install the extra 'cuda12' or 'cuda13'",
    ),
    "a cache that cannot be written": (
        PermissionError(errno.EACCES, "Permission denied", "/root/.cupy"),
        "CUPY_CACHE_DIR",
    ),
    "a source that does not compile": (ValueError('kernel.cu(3): error: "x" is\nundefined'), r'"x" is undefined'),
}


@pytest.mark.parametrize("case", NOT_LOADED)
def test_what_cannot_be_loaded_falls_back_in_this_process_with_one_sentence(case, gpu, tmp_path, monkeypatch):
    gpu.loading, match = NOT_LOADED[case]
    with pytest.warns(RuntimeWarning, match=match) as told:
        ran = [run(UnICORNN(3, 4, dt=0.1, alpha=1.0)) for _ in range(2)]
    assert ran == [{("unicornn", "eager"): 1}] * 2
    assert len(told) == 1
    assert ("install the extra" in str(told[0].message)) == (case == "no CuPy")
    assert not (tmp_path / "cache").exists(), "it may be mended without another version of anything"


def test_a_kernel_that_raises_is_refused_for_good(gpu, tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("an illegal memory access was encountered")

    monkeypatch.setattr(sweeps, "launch", broken)
    with pytest.warns(RuntimeWarning, match="they raise RuntimeError: an illegal memory access"):
        assert not selfcheck.passed(UNICORNN, 0)
    assert "illegal memory access" in kept(tmp_path)[0]["verdict"]["sweep"]


def test_no_mode_of_the_caller_reaches_the_check(gpu, silent):
    with torch.inference_mode(), torch.autocast("cpu", HALF), torch.device("meta"):
        assert selfcheck.passed(UNICORNN, 0)


def test_torch_compile_takes_the_verdict_as_a_constant(gpu, silent):
    given = torch.ones(5, 2, 3)

    @torch.compile(backend="eager", fullgraph=True)
    def chosen(input):
        return input + int(cuda.indrnn.fits(input, torch.ones(3), None, torch.ones(2, 3), "relu"))

    assert chosen(given)[0, 0, 0] == 2.0
