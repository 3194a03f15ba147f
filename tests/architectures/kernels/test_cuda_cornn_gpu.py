"""coRNN on a GPU: accuracy, graphs against launches, streams, captures of others, compilers, autocast, devices."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from architectures import CoRNN, kernels
from architectures.cornn import cornn_eager
from architectures.kernels import cuda
from architectures.kernels.cuda import graphs

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU that this torch can use"),
    # What could not be recorded, or gave other results than its steps, would be warned of and launched.
    pytest.mark.filterwarnings("error:a CUDA graph:RuntimeWarning"),
]

EPS = {torch.float32: 2.0**-23, torch.float64: 2.0**-52, torch.bfloat16: 2.0**-7}
PUBLISHED = {"psmnist": (0.076, 0.4, 8.0), "smnist": (0.042, 2.7, 4.7), "adding": (0.06, 66.0, 15.0)}
PSMNIST = PUBLISHED["psmnist"]
SWITCHED = pytest.mark.parametrize("switch", ["0", "1"], ids=["launched", "replayed"])


@pytest.fixture(autouse=True)
def _anew():
    """No graph of another test, and no products in TF32."""
    before = torch.backends.cuda.matmul.fp32_precision
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    graphs.CACHE.clear()
    yield
    torch.backends.cuda.matmul.fp32_precision = before


def inputs(
    length: int, batch: int, width: int, dtype: torch.dtype, device: str = "cuda", seed: int = 0
) -> list[Tensor]:
    """Drive, weight (as ``nn.Linear`` starts) and initial states."""
    random = torch.Generator().manual_seed(seed)
    shapes = (length, batch, width), (batch, width), (batch, width)
    drive, y0, z0 = (torch.randn(*shape, generator=random) for shape in shapes)
    weight = (2 * torch.rand(width, 2 * width, generator=random) - 1) * (2 * width) ** -0.5
    return [tensor.to(device, dtype) for tensor in (drive, weight, y0, z0)]


def results(function, tensors: list[Tensor], setting=PSMNIST, damping="explicit", **keywords) -> list[Tensor]:
    """Output, final y and z, and the gradients of all inputs for random gradients of output and final states."""
    drive, weight, y0, z0 = tensors = [tensor.detach().requires_grad_() for tensor in tensors]
    output, (y, z) = function(drive, weight, (y0, z0), *setting, damping, **keywords)
    random = torch.Generator().manual_seed(99)
    found = [output, y, z]
    outside = [torch.randn(part.shape, generator=random).to(part) for part in found]
    return [*(part.detach() for part in found), *torch.autograd.grad(found, tensors, outside)]


def off(actual: list[Tensor], expected: list[Tensor]) -> float:
    """The largest error, relative to the largest value of each tensor or to 1; infinite where anything is NaN."""
    pairs = zip(actual, expected, strict=True)
    errors = [float((a.double() - e).abs().max() / max(1.0, float(e.abs().max()))) for a, e in pairs]
    return max(errors) if all(error == error for error in errors) else float("inf")


def equal(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a.cpu(), b.cpu()) for a, b in zip(one, other, strict=True))


@SWITCHED
@pytest.mark.parametrize("damping", ["explicit", "implicit"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("size", [(1, 1, 1), (67, 3, 5), (129, 2, 65), (130, 120, 256)], ids=str)
def test_tolerance(size, dtype, damping, switch, monkeypatch):
    monkeypatch.setenv(graphs.SWITCH, switch)
    given = inputs(*size, dtype)
    exact = results(cornn_eager, [tensor.double() for tensor in given], damping=damping)
    assert off(results(cuda.cornn, given, damping=damping), exact) <= 64 * EPS[dtype]
    assert kernels.counts() == {("cornn", "cuda"): 1}
    assert len(graphs.CACHE) == 2 * int(switch)


@pytest.mark.parametrize("setting", PUBLISHED)
def test_no_further_off_than_plain_pytorch(setting):
    given = inputs(784, 50, 128, torch.float32)
    exact = results(cornn_eager, [tensor.double() for tensor in given], PUBLISHED[setting])
    plain, ours = (results(function, given, PUBLISHED[setting]) for function in (cornn_eager, cuda.cornn))
    for one, other, wanted in zip(ours, plain, exact, strict=True):
        assert off([one], [wanted]) <= max(2 * off([other], [wanted]), 8 * EPS[torch.float32])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("size", [(1, 1, 1), (63, 3, 5), (191, 17, 33), (784, 120, 256)], ids=str)
def test_replays_give_the_bits_of_launches(size, dtype, monkeypatch):
    found = []
    for switch in ("0", "1", "1"):
        monkeypatch.setenv(graphs.SWITCH, switch)
        found += [results(cuda.cornn, inputs(*size, dtype, seed=seed)) for seed in (0, 1)]
    assert len(graphs.CACHE) == 2
    for place in (2, 4):
        assert equal(found[0], found[place])
        assert equal(found[1], found[place + 1])


@SWITCHED
def test_two_streams_at_once(switch, monkeypatch):
    """The inputs are late, and both streams work at the same sizes: shared buffers would mix them up."""
    monkeypatch.setenv(graphs.SWITCH, switch)
    given = [inputs(200, 20, 64, torch.float32, seed=seed) for seed in (0, 1)]
    expected = [results(cuda.cornn, one) for one in given]
    streams = [torch.cuda.Stream() for _ in given]
    for _ in range(3):
        found = []
        torch.cuda.synchronize()
        for stream, one in zip(streams, given, strict=True):
            with torch.cuda.stream(stream):
                late = [torch.zeros_like(part) for part in one]
                torch.cuda._sleep(5_000_000)
                for part, value in zip(late, one, strict=True):
                    part.copy_(value)
                found.append(results(cuda.cornn, late))
        torch.cuda.synchronize()
        assert all(equal(one, other) for one, other in zip(found, expected, strict=True))


def test_in_a_cuda_graph_of_the_caller():
    given = [part.requires_grad_() for part in inputs(70, 4, 33, torch.float32)]

    def both() -> list[Tensor]:
        output, _ = cuda.cornn(given[0], given[1], (given[2], given[3]), *PSMNIST, "explicit")
        return [output, *torch.autograd.grad(output.square().sum(), given)]

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        both()
    torch.cuda.current_stream().wait_stream(stream)
    kept = len(graphs.CACHE)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = both()
    assert len(graphs.CACHE) == kept
    with torch.no_grad():
        given[0].normal_()
    graph.replay()
    assert equal([part.detach().clone() for part in captured], both())


def test_a_weight_that_changes_in_place_and_one_that_is_gone():
    first, second = inputs(70, 4, 33, torch.float32), inputs(70, 4, 33, torch.float32, seed=1)
    expected = results(cuda.cornn, second)
    graphs.CACHE.clear()
    results(cuda.cornn, first)
    with torch.no_grad():
        for part, value in zip(first, second, strict=True):
            part.copy_(value)
    assert equal(results(cuda.cornn, first), expected)
    del first
    torch.cuda.empty_cache()
    assert equal(results(cuda.cornn, second), expected)


def test_dropped_graphs_are_made_again(monkeypatch):
    monkeypatch.setattr(graphs, "CACHE", graphs.Cache(most=2))
    given = [inputs(70, batch, 33, torch.float32) for batch in (3, 4)]
    expected = [results(cuda.cornn, one) for one in given]
    for _ in range(3):
        assert all(equal(results(cuda.cornn, one), wanted) for one, wanted in zip(given, expected, strict=True))


def test_fast_math_is_near_and_not_the_same():
    given = inputs(100, 3, 64, torch.float32)
    plain, fast = (results(cuda.cornn, given, fast_math=fast) for fast in (False, True))
    assert not torch.equal(plain[0], fast[0])
    assert off(fast[:1], [plain[0].double()]) < 1e-2


@pytest.mark.parametrize("mode", [None, "reduce-overhead"])
def test_layers_take_it_by_themselves(mode):
    model, ones = CoRNN(3, 5, 2, dt=0.1).cuda(), torch.ones(70, 2, 3, device="cuda")
    expected = model(ones)[0]
    expected.sum().backward()
    assert kernels.counts() == {("cornn", "cuda"): 2}
    whole = torch.compile(model, fullgraph=True, mode=mode)
    for _ in range(4):
        torch.testing.assert_close(whole(ones)[0], expected)
    assert {backend for _, backend in kernels.counts()} == {"cuda"}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast(dtype):
    model = CoRNN(3, 5, 2, dt=0.1).cuda()
    with torch.autocast("cuda", dtype):
        output, _ = model(torch.randn(9, 2, 3, device="cuda"))
    assert output.dtype == torch.float32
    output.sum().backward()
    assert all(parameter.grad.dtype == torch.float32 for parameter in model.parameters())
    assert kernels.counts() == {("cornn", "cuda"): 2}


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there are not two GPUs")
def test_two_devices_in_one_process():
    found = [results(cuda.cornn, inputs(70, 3, 9, torch.float32, f"cuda:{n}")) for n in (0, 1, 0, 1)]
    assert len(graphs.CACHE) == 4
    assert all(equal(other, found[0]) for other in found[1:])


def test_a_failed_capture_leaves_stream_allocator_and_dropout_as_they_were():
    """Waits for a GPU: what torch itself leaves open where ``capture_end`` raises."""
    from architectures.kernels.cuda.capturing import capture

    stream, ones = torch.cuda.Stream(), torch.ones(1000, device="cuda")
    before, reserved = torch.cuda.current_stream(), torch.cuda.memory_reserved()
    torch.manual_seed(0)
    expected = torch.nn.functional.dropout(ones)
    torch.manual_seed(0)

    def work() -> float:
        torch.nn.functional.dropout(ones)
        return float(ones.sum())  # waits for the device, which no capture can

    with pytest.raises(RuntimeError):
        capture(work, stream, torch.cuda.graph_pool_handle())
    assert torch.cuda.current_stream() == before
    assert torch.equal(torch.nn.functional.dropout(ones), expected)
    torch.cuda.empty_cache()
    assert torch.cuda.memory_reserved() <= reserved
    graph, result = capture(lambda: ones * 2, stream, torch.cuda.graph_pool_handle())
    graph.replay()
    assert torch.equal(result, ones * 2)


def test_graphs_outlive_another_one_of_their_stream():
    """Waits for a GPU: torch 2.13 and later free the workspaces of cuBLAS of a stream with the first graph dropped."""
    given = [inputs(70, batch, 256, torch.float32) for batch in (3, 40)]
    expected = [results(cuda.cornn, one) for one in given]
    graphs.CACHE._drop(next(iter(graphs.CACHE._kept)))
    garbage = [torch.full((2**20,), float("nan"), device="cuda") for _ in range(64)]
    assert all(equal(results(cuda.cornn, one), wanted) for one, wanted in zip(given, expected, strict=True))
    del garbage
