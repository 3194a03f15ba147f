"""Captures of CUDA graphs, with a stand-in for torch's: what is cleared, shared and, where they fail, given back."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from architectures.kernels.cuda import capturing

POOL = (0, 5)
DEVICE = torch.device("cuda:1")
STATE = torch.zeros(16, dtype=torch.uint8)


class Torch:
    """As much of ``torch.cuda`` as a capture needs: `told` is what was asked of it, `current` its current stream."""

    def __init__(self, monkeypatch) -> None:
        self.told: list[object] = []
        self.before = self.current = SimpleNamespace(name="before", device=DEVICE)
        self.side = SimpleNamespace(name="side", device=DEVICE)
        self.open = False  # whether the allocator still uses the pool
        self.end_fails = self.begin_fails = False
        self.generator = SimpleNamespace(graphsafe_set_state=lambda fresh: self.tell("generator", fresh.state))
        stand_ins = {
            "CUDAGraph": lambda: SimpleNamespace(
                capture_begin=self.begin, capture_end=self.end, reset=lambda: self.tell("reset")
            ),
            "current_stream": lambda device=None: self.current,
            "set_stream": self.use,
            "synchronize": lambda device=None: self.tell("synchronize"),
            "get_rng_state": lambda device: STATE,
            "default_generators": (None, self.generator),
        }
        for name, stand_in in stand_ins.items():
            monkeypatch.setattr(torch.cuda, name, stand_in)
        own = {"ClearCublasWorkspaces": lambda: self.tell("clear"), "EndAllocateToPool": self.end_pool}
        own["ReleasePool"] = lambda index, pool: self.tell("release", index, pool)
        for name, stand_in in own.items():
            monkeypatch.setattr(torch._C, f"_cuda_{name[0].lower()}{name[1:]}", stand_in, raising=False)
        monkeypatch.setattr(torch, "Generator", self.fresh)
        monkeypatch.setattr(capturing, "_failed", [])

    def tell(self, *what: object) -> None:
        self.told.append(what if len(what) > 1 else what[0])

    def use(self, stream) -> None:
        self.current = stream

    def fresh(self, device):
        made = SimpleNamespace(device=device, state=None)
        made.set_state = lambda state: setattr(made, "state", state)
        return made

    def begin(self, pool, capture_error_mode) -> None:
        self.open = True
        self.tell("begin", self.current.name, pool, capture_error_mode)
        if self.begin_fails:
            raise RuntimeError("operation not permitted")

    def end(self) -> None:
        self.tell("end")
        if self.end_fails:  # as in every version of torch: before the pool is ended
            raise RuntimeError("operation failed due to a previous error during capture")
        self.open = False

    def end_pool(self, index, pool) -> None:
        if not self.open:
            raise RuntimeError("not currently recording to this pool")
        self.open = False
        self.tell("end pool", index, pool)


@pytest.fixture
def fake(monkeypatch) -> Torch:
    return Torch(monkeypatch)


def capture(fake: Torch, work):
    return capturing.capture(work, fake.side, POOL)


def test_workspaces_are_cleared_before_and_after_so_that_the_graph_owns_its_own(fake):
    graph, result = capture(fake, lambda: fake.tell("work") or 7)
    assert result == 7
    assert graph.capture_begin == fake.begin
    begun = ("begin", "side", POOL, "thread_local")
    assert fake.told == ["synchronize", "clear", begun, "work", "end", "clear"]
    assert fake.current is fake.before
    assert capturing._failed == []


def refuses() -> None:
    raise RuntimeError("operation not permitted when stream is capturing")


def interrupts() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("work", "begin_fails", "end_fails", "error"),
    [
        (refuses, False, True, "operation not permitted when stream"),
        (refuses, False, False, "operation not permitted when stream"),
        (lambda: None, False, True, "previous error during capture"),
        (lambda: None, True, True, "operation not permitted"),
        (interrupts, False, True, None),
    ],
    ids=["work and end", "work", "end", "begin", "interrupted"],
)
def test_what_fails_leaves_nothing_behind(work, begin_fails, end_fails, error, fake):
    fake.begin_fails, fake.end_fails = begin_fails, end_fails
    with pytest.raises(KeyboardInterrupt if work is interrupts else RuntimeError, match=error):
        capture(fake, work)
    assert fake.current is fake.before
    assert not fake.open
    assert any(one[0] == "generator" and one[1] is STATE for one in fake.told if isinstance(one, tuple))
    released = [one for one in fake.told if one == ("release", 1, POOL)]
    assert len(released) == int(end_fails), "released once, and by torch itself where the capture ended"
    assert fake.told[-1] == "clear"
    assert "reset" in fake.told, "the graph is kept, without its memory"
    assert len(capturing._failed) == 1


def test_the_next_capture_is_as_the_first(fake):
    fake.end_fails = True
    with pytest.raises(RuntimeError):
        capture(fake, lambda: None)
    fake.end_fails, fake.told = False, []
    capture(fake, lambda: None)
    assert fake.told == ["synchronize", "clear", ("begin", "side", POOL, "thread_local"), "end", "clear"]
