"""Losses that are watched without waiting, with copies that arrive when the test says so."""

import math
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from harness import losses as module
from harness.losses import LOOK_EVERY, Losses


class Flight:
    """A copy under way."""

    def __init__(self, values):
        self.values, self.there = values, False

    @property
    def arrived(self):
        return self

    def query(self):
        return self.there


@pytest.fixture
def flights(monkeypatch):
    """All copies that were asked for, in order."""
    asked = []
    monkeypatch.setattr(module, "_copied", lambda values: asked.append(Flight(values.clone())) or asked[-1])
    return asked


@pytest.fixture
def far(flights):
    """The losses of 300 steps on a device that is far away."""
    found = Losses(300, torch.device("cpu"))
    found.waits = False
    found.begin(0)
    return found


def put(losses, start, stop, loss=1.0):
    for step in range(start, stop):
        losses.put(step, torch.tensor(loss))


def test_on_the_cpu_every_loss_is_seen_at_once():
    losses = Losses(3, torch.device("cpu"))
    losses.begin(0)
    losses.put(0, torch.tensor(2.0))
    assert losses.largest(1, exactly=False) == 2.0
    losses.put(1, torch.tensor(float("nan")))
    assert math.isnan(losses.largest(2, exactly=False))
    assert losses.first() == 2.0


def test_a_gpu_is_asked_after_the_first_step_and_then_now_and_then(far, flights):
    put(far, 0, 200)
    assert len(flights) == 1 + 199 // LOOK_EVERY
    assert far.largest(200, exactly=False) is None, "nothing has arrived"


def test_a_loss_that_is_not_finite_is_seen_when_its_copy_arrives(far, flights):
    put(far, 0, 10)
    put(far, 10, 11, float("nan"))
    put(far, 11, 70)
    flights[0].there = True
    assert far.largest(70, exactly=False) == 1.0
    flights[1].there = True
    assert math.isnan(far.largest(70, exactly=False))


def test_the_newest_loss_is_the_last_that_arrived(far, flights):
    put(far, 0, 1, 5.0)
    assert far.newest(1) == 5.0, "the first is waited for"
    put(far, 1, 100, 2.0)
    flights[0].there = True
    assert far.newest(100) == 5.0
    flights[1].there = True
    assert far.newest(100) == 2.0


def test_the_end_of_an_epoch_waits_for_all_of_them(far, flights):
    put(far, 0, 299)
    put(far, 299, 300, 7.0)
    assert far.largest(300, exactly=True) == 7.0
    assert far.largest(300, exactly=True) is None, "all were seen"


def test_an_epoch_that_goes_on_looks_at_what_is_new(far, flights):
    far.begin(100)
    put(far, 100, 101, 3.0)
    assert len(flights) == 1
    assert flights[0].values.tolist() == [3.0, 3.0]


def test_a_copy_is_awaited_on_the_stream_and_the_device_of_its_values(monkeypatch):
    place, told = torch.device("cuda:1"), []

    @contextmanager
    def current(device):
        told.append(("current", device))
        yield
        told.append("no longer")

    monkeypatch.setattr(torch.cuda, "device", current)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device=None: ("stream of", device))
    monkeypatch.setattr(torch.cuda, "Event", lambda: SimpleNamespace(record=lambda stream: told.append(stream)))
    values = SimpleNamespace(device=place, to=lambda where, non_blocking: (where, non_blocking))
    assert module._copied(values).values == ("cpu", True)
    assert told == [("current", place), ("stream of", place), "no longer"]
