"""coRNN on CUDA without a GPU: its kernels on the host, launched by the same Python with the same arguments.

The products are torch's on the CPU. Graphs are stood in for by lists of launches; what doesn't run is a GPU.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from architectures import CoRNN, kernels
from architectures.cornn import cornn_eager
from architectures.kernels import cornn as coupled
from architectures.kernels import cuda, library
from architectures.kernels.cuda import graphs, steps

USABLE, TOLD = library.state()
pytestmark = pytest.mark.skipif(not USABLE, reason=TOLD)  # where that can be built, a host compiler is there

EPS = {torch.float32: 2.0**-23, torch.float64: 2.0**-52, torch.bfloat16: 2.0**-7}
PSMNIST = (0.076, 0.4, 8.0)
ADDING = (0.06, 66.0, 15.0)
SIZES = [(1, 1, 1), (1, 17, 33), (7, 3, 3), (33, 17, 33), (9, 65, 70), (3, 300, 5), (200, 2, 17), (5, 0, 4)]
BOTH = pytest.mark.parametrize("replayed", [False, True], ids=["launched", "replayed"])


class Emulated(torch.autograd.Function):
    """The operator, as torch would call the CUDA kernels of it."""

    @staticmethod
    def forward(ctx, *inputs):
        output = steps.forward(*inputs)
        coupled._remember(ctx, inputs, output)
        return output

    @staticmethod
    def backward(ctx, *gradients):
        return coupled._gradients(ctx, *gradients)


class Listed:
    """In place of a CUDA graph: the work, done again at every replay."""

    def __init__(self, work: Callable[[], None], side: object) -> None:
        work()
        self.replay = work


@pytest.fixture
def gpu(launches, poisoned, monkeypatch):
    monkeypatch.setattr(coupled, "_empty", poisoned)
    monkeypatch.setattr(steps, "launch", launches)
    monkeypatch.setattr(torch.ops.harness, "cornn", Emulated.apply)
    monkeypatch.setattr(torch.ops.harness, "cornn_backward", steps.backward)
    yield launches
    assert poisoned.untouched()


@pytest.fixture
def use_graphs(monkeypatch):
    """``use_graphs(True)``: replay on the CPU what a GPU would."""
    cache = graphs.Cache()

    def use(replayed: bool) -> graphs.Cache:
        monkeypatch.setattr(graphs, "CACHE", cache)
        monkeypatch.setattr(graphs, "Graph", Listed)
        monkeypatch.setattr(graphs, "_side", lambda: None)
        monkeypatch.setattr(graphs, "possible", lambda device: replayed)
        monkeypatch.setattr(steps, "_stream", lambda device: (0, 7))
        return cache

    return use


def inputs(length: int, batch: int, width: int, dtype: torch.dtype, seed: int = 0) -> list[Tensor]:
    """Drive, weight (as ``nn.Linear`` starts) and initial states."""
    random = torch.Generator().manual_seed(seed)
    shapes = (length, batch, width), (batch, width), (batch, width)
    drive, y0, z0 = (torch.randn(*shape, generator=random) for shape in shapes)
    weight = (2 * torch.rand(width, 2 * width, generator=random) - 1) * (2 * width) ** -0.5
    return [tensor.to(dtype) for tensor in (drive, weight, y0, z0)]


def results(function, tensors: list[Tensor], setting=PSMNIST, damping="explicit", **keywords) -> list[Tensor]:
    """Output, final y and z, and the gradients of all inputs for random gradients of output and final states."""
    drive, weight, y0, z0 = tensors = [tensor.detach().requires_grad_() for tensor in tensors]
    output, (y, z) = function(drive, weight, (y0, z0), *setting, damping, **keywords)
    random = torch.Generator().manual_seed(99)
    found = [output, y, z]
    outside = [torch.randn(part.shape, generator=random).to(part) for part in found]
    return [*(part.detach() for part in found), *torch.autograd.grad(found, tensors, outside)]


def exact(tensors: list[Tensor], setting=PSMNIST, damping="explicit") -> list[Tensor]:
    return results(cornn_eager, [tensor.double() for tensor in tensors], setting, damping)


def off(actual: list[Tensor], expected: list[Tensor]) -> float:
    """The largest error, relative to the largest value of each tensor or to 1; infinite where anything is NaN."""
    errors = [0.0]
    for a, e in zip(actual, expected, strict=True):
        assert a.shape == e.shape
        if e.numel():
            errors.append(float((a.double() - e).abs().max() / max(float(e.abs().max()), 1.0)))
    return max(errors) if all(error == error for error in errors) else float("inf")


def equal(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@BOTH
@pytest.mark.parametrize("damping", ["explicit", "implicit"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_odd_sizes(size, dtype, damping, replayed, gpu, use_graphs):
    use_graphs(replayed)
    given = inputs(*size, dtype)
    assert off(results(cuda.cornn, given, damping=damping), exact(given, damping=damping)) <= 16 * EPS[dtype]
    assert kernels.counts() == {("cornn", "cuda"): 1}


@pytest.mark.parametrize("setting", [PSMNIST, ADDING], ids=["psmnist", "adding"])
def test_no_further_off_than_plain_pytorch(setting, gpu, use_graphs):
    """Rounding is a matter of luck, so it is the errors of a few seeds that are compared, each summed up."""
    use_graphs(False)
    totals = {cornn_eager: [0.0] * 7, cuda.cornn: [0.0] * 7}
    for seed in range(4):
        given = inputs(784, 3, 24, torch.float32, seed)
        wanted = exact(given, setting)
        for function, total in totals.items():
            for place, (one, right) in enumerate(zip(results(function, given, setting), wanted, strict=True)):
                total[place] += off([one], [right])
    plain, ours = totals.values()
    few = 4 * EPS[torch.float32]  # a seed's below it are as good as float32 is, plain and ours
    assert max(ours) <= 1.25 * max(*plain, few)
    assert all(one <= 2 * max(other, few) for one, other in zip(ours, plain, strict=True)), (ours, plain)


@BOTH
def test_without_steps_the_states_stay(replayed, gpu, use_graphs):
    use_graphs(replayed)
    given = inputs(0, 2, 3, torch.float32)
    output, y, z, _, d_weight, d_y, d_z = results(cuda.cornn, given)
    assert output.shape == (0, 2, 3)
    assert equal([y, z], given[2:])
    assert not d_weight.any()
    assert d_y.all()
    assert d_z.all()


def test_one_product_and_one_kernel_a_step_then_one_of_each_for_the_weight(gpu, use_graphs, monkeypatch):
    use_graphs(False)
    order, product, added = [], torch.mm, Tensor.addmm_

    def launched(kind, name, threads, arguments):
        gpu(kind, name, threads, arguments)
        order.append((name, threads))

    def mm(one, other, *, out):
        order.append(("product", tuple(one.shape), tuple(other.shape)))
        return product(one, other, out=out)

    def addmm(self, one, other):
        order.append(("added product", tuple(one.shape), tuple(other.shape)))
        return added(self, one, other)

    monkeypatch.setattr(steps, "launch", launched)
    monkeypatch.setattr(torch, "mm", mm)
    monkeypatch.setattr(Tensor, "addmm_", addmm)
    results(cuda.cornn, inputs(3, 2, 5, torch.float32))
    forward = [("product", (2, 10), (10, 5)), ("forward_step", 10)]
    backward = [("backward_step", 10), ("product", (2, 5), (5, 10))]
    of_weight = [("states_before", 10), ("added product", (5, 6), (6, 10))]
    assert order == 3 * forward + 3 * backward + of_weight


@pytest.mark.parametrize("length", [1, 63, 64, 130, 191])
def test_replays_give_the_bits_of_launches(length, gpu, use_graphs):
    given, found = inputs(length, 3, 7, torch.float32), []
    for replayed in (False, True, True):  # recorded, and replayed with what the last call left in the buffers
        cache = use_graphs(replayed)
        found.append(results(cuda.cornn, given))
        found.append(results(cuda.cornn, inputs(length, 3, 7, torch.float32, seed=1)))
    assert len(cache) == 2
    assert equal(found[0], found[2])
    assert equal(found[1], found[3])
    assert equal(found[0], found[4])
    assert equal(found[1], found[5])


def test_what_shares_a_graph_and_what_does_not(gpu, use_graphs, monkeypatch):
    cache = use_graphs(True)

    def added(given: list[Tensor], **keywords) -> int:
        before = len(cache)
        results(cuda.cornn, given, **keywords)
        return len(cache) - before

    given = inputs(5, 3, 7, torch.float32)
    assert added(given) == 2  # forward and backward
    assert added(inputs(70, 3, 7, torch.float32, seed=1)) == 0  # another length, another weight
    assert added(inputs(5, 4, 7, torch.float32)) == 2
    assert added(given, damping="implicit") == 2
    assert added(given, setting=ADDING) == 2
    assert added([tensor.double() for tensor in given]) == 2
    monkeypatch.setattr(steps, "_stream", lambda device: (0, 8))
    assert added(given) == 2
    monkeypatch.setattr(steps, "_stream", lambda device: (1, 8))
    assert added(given) == 2
    before = torch.backends.cuda.matmul.fp32_precision
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    try:
        assert added(given) == 2
    finally:
        torch.backends.cuda.matmul.fp32_precision = before
    with torch.no_grad():
        before = len(cache)
        cuda.cornn(*given[:2], (given[2], given[3]), *PSMNIST, "explicit")
        assert len(cache) == before + 1  # the tanh isn't kept


def test_graphs_first_recorded_for_inference_serve_training(gpu, use_graphs):
    given = inputs(5, 3, 7, torch.float32)
    expected = exact(given)
    cache = use_graphs(True)
    with torch.inference_mode():
        cuda.cornn(*given[:2], (given[2], given[3]), *PSMNIST, "explicit")
        assert len(cache) == 1
    with torch.no_grad():
        output = cuda.cornn(*given[:2], (given[2], given[3]), *PSMNIST, "explicit")[0]
        assert len(cache) == 1
    assert off([output], expected[:1]) <= 16 * EPS[torch.float32]
    assert not any(tensor.is_inference() for one in cache._kept.values() for tensor in one.buffers.values())


def test_where_a_graph_is_refused_the_steps_are_launched(gpu, use_graphs, monkeypatch):
    cache = use_graphs(True)

    class Wrong(Listed):
        def __init__(self, work, side):
            super().__init__(work, side)
            self.replay = lambda: None

    given = inputs(130, 3, 7, torch.float32)
    expected = exact(given)
    monkeypatch.setattr(graphs, "Graph", Wrong)
    with pytest.warns(RuntimeWarning, match="other results .* are launched one by one"):
        found = results(cuda.cornn, given)
    assert off(found, expected) <= 16 * EPS[torch.float32]
    assert len(cache) == 0


@BOTH
def test_bits_do_not_depend_on_the_geometry_or_the_order_of_threads(replayed, gpu, use_graphs):
    use_graphs(replayed)
    given, found = inputs(70, 40, 9, torch.float32), []
    for gpu.multiprocessors, gpu.reversed in ((1, False), (132, False), (132, True)):
        found.append(results(cuda.cornn, given))
    assert equal(found[0], found[1])
    assert equal(found[0], found[2])


VIEWS = {
    "batch first": lambda tensor: tensor.transpose(0, -2).contiguous().transpose(0, -2),
    "columns apart": lambda tensor: tensor.repeat_interleave(2, -1)[..., ::2],
    "columns of a wider one": lambda tensor: torch.cat((tensor, tensor), -1)[..., tensor.shape[-1] :],
    "expanded": lambda tensor: tensor[..., :1, :].expand_as(tensor),
}


@BOTH
@pytest.mark.parametrize("view", VIEWS)
def test_views(view, replayed, gpu, use_graphs):
    use_graphs(replayed)
    seen = [VIEWS[view](tensor) for tensor in inputs(6, 5, 7, torch.float32)]
    assert not seen[0].is_contiguous()
    assert equal(results(cuda.cornn, seen), results(cuda.cornn, [tensor.contiguous() for tensor in seen]))


@pytest.mark.parametrize("used", [(0,), (1,), (2,), (1, 2)], ids=["output", "final y", "final z", "final y and z"])
def test_gradients_where_only_some_results_are_used(used, gpu, use_graphs):
    use_graphs(False)
    found = []
    for function in (cuda.cornn, cornn_eager):
        tensors = [tensor.requires_grad_() for tensor in inputs(5, 3, 4, torch.float64)]
        output, state = function(tensors[0], tensors[1], (tensors[2], tensors[3]), *PSMNIST, "explicit")
        loss = sum((output, *state)[which].square().sum() for which in used)
        found.append(list(torch.autograd.grad(loss, tensors)))
    assert off(*found) <= 16 * EPS[torch.float64]


@pytest.mark.parametrize("needed", range(4), ids=["drive", "weight", "y0", "z0"])
def test_gradient_of_one_input_alone(needed, gpu, use_graphs):
    use_graphs(False)
    found = []
    for function in (cuda.cornn, cornn_eager):
        tensors = inputs(5, 3, 4, torch.float64)
        tensors[needed].requires_grad_()
        output, (y, z) = function(tensors[0], tensors[1], (tensors[2], tensors[3]), *PSMNIST, "implicit")
        found.append(list(torch.autograd.grad(output.sum() + y.prod() + z.sum(), tensors[needed])))
    assert off(*found) <= 16 * EPS[torch.float64]


@BOTH
def test_bfloat16_in_memory_with_a_state_in_float32(replayed, gpu, use_graphs):
    """The output is the exact one, rounded once: no rounding goes on from step to step."""
    use_graphs(replayed)
    given = inputs(200, 3, 17, torch.bfloat16)
    found, wanted = results(cuda.cornn, given), exact(given)
    assert all(part.dtype == torch.bfloat16 for part in found)
    assert off(found[:1], wanted[:1]) <= 0.5 * EPS[torch.bfloat16]
    assert off(found, wanted) <= 4 * EPS[torch.bfloat16]


def test_an_input_in_bfloat16_among_float32_is_read_as_it_is(gpu, use_graphs):
    """As under autocast: only the gradient of that input is rounded."""
    use_graphs(True)
    given = inputs(70, 3, 17, torch.float32)
    given[0] = given[0].bfloat16()
    found, wanted = results(cuda.cornn, given), exact(given)
    assert found[3].dtype == torch.bfloat16
    assert off([found.pop(3)], [wanted.pop(3)]) <= 0.5 * EPS[torch.bfloat16]
    assert off(found, wanted) <= 16 * EPS[torch.float32]


def test_autocast_does_not_reach_the_products(gpu, use_graphs):
    use_graphs(False)
    given = inputs(9, 3, 17, torch.float32)
    expected = results(cuda.cornn, given)
    with torch.autocast("cpu", torch.bfloat16):
        found = results(cuda.cornn, given)
    assert equal(found, expected)


def test_on_the_cpu_cuda_is_no_backend():
    with pytest.raises(ValueError, match="cornn has no backend 'cuda' here: use"):
        CoRNN(1, 2, dt=0.1, backend="cuda")(torch.zeros(3, 1, 1))


def test_too_large_for_32_bits_is_refused():
    drive = torch.empty(1).expand(2**31, 1, 1)
    net = steps._Net.of(torch.zeros(1, 1), drive.dtype, drive.dtype, (0.1, 1.0, 1.0, 1.0), False)
    with pytest.raises(ValueError, match="at most 2,147,483,647 steps"):
        net.check(len(drive))


@pytest.mark.parametrize("name", ["cornn", "cornn_backward"])
def test_torch_compile_captures_around_the_operators(name):
    """They replay graphs of their own, with buffers that a graph of torch.compile must not hold."""
    assert torch.Tag.cudagraph_unsafe in getattr(torch.ops.harness, name).default.tags
