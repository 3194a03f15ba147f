"""Divisions by the time of a step. The times are made up: nothing here depends on how fast this machine is."""

from __future__ import annotations

import pytest

from harness.errors import UserError
from harness.home import Home
from harness.machine import Machine
from harness.matching import match_step_time, pacing
from harness.matching.pacing import Lap
from harness.recipes import named


@pytest.fixture
def machine(tmp_path):
    return Machine(Home(tmp_path / "home"), tmp_path, True, "cpu", None)


def search(seconds, start=10, target=1.0, allowed=lambda size: size):
    """Sizes in the order they were tried, where a step of size h takes ``seconds(h)``."""
    return list(pacing._search(lambda size: Lap(seconds(size), target, 5), allowed, start))


@pytest.mark.parametrize("wanted", [1, 3, 10, 64, 87, 500])
@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_search_finds_the_size_of_a_time(wanted, power):
    tried = search(lambda size: (size / wanted) ** power)
    assert abs((tried[-1] / wanted) ** power - 1) <= pacing.CLOSE
    assert len(set(tried)) == len(tried), "no size is measured twice"


def test_the_search_ends_between_two_neighbours():
    assert set(search(lambda size: 0.5 if size <= 20 else 2.0)) >= {20, 21}


def test_the_search_ends_where_there_is_nothing_smaller():
    tried = search(lambda size: 5.0)
    assert tried[-1] == 1
    assert len(tried) < pacing.SIZES


def test_the_search_ends_where_no_size_is_slow_enough():
    assert len(search(lambda size: 0.5)) == pacing.SIZES


def test_sizes_that_the_layer_refuses_are_not_measured():
    tried = search(lambda size: size / 100, 8, allowed=lambda size: -(-size // 8) * 8)
    assert all(size % 8 == 0 for size in tried)


def test_the_search_ends_where_the_layer_takes_no_other_size():
    assert search(lambda size: 5.0, allowed=lambda size: None) == [10]


@pytest.fixture
def clock(monkeypatch):
    """Makes a step take as many milliseconds as the layer has units, times what the architecture is given here."""
    factors = {"mean": 1e-3, "lstm": 0.5e-3}

    class Steps:
        def __init__(self, job, recipe):
            self.seconds = factors[recipe.arch] * recipe.layer["hidden_size"]

        def __call__(self):
            return self.seconds

    monkeypatch.setattr(pacing, "_Steps", Steps)
    return factors


def test_a_time_is_matched_and_told(clock, registry, machine):
    told = []
    found = match_step_time(registry, named(registry, "mean", "sign"), machine, "20ms", told.append)
    assert found.recipe.layer["hidden_size"] == 20
    assert found.name == "standard, hidden_size=20 (20ms a step)"
    (sentence,) = told
    assert "a step of mean with hidden_size=20 takes 20 ms: medians of 15 on cpu with 1 threads" in sentence
    assert "--set hidden_size=20 has the same again" in sentence


def test_an_architecture_is_matched_by_its_standard_recipe_on_the_same_task(clock, registry, machine, monkeypatch):
    seen = []
    real = pacing._standard
    monkeypatch.setattr(pacing, "_standard", lambda *given: seen.append(real(*given)) or seen[-1])
    told = []
    found = match_step_time(registry, named(registry, "mean", "sign[length=7]"), machine, "lstm", told.append)
    assert (seen[0].arch, seen[0].variant) == ("lstm", {"length": 7, "bad": False})
    assert found.recipe.layer["hidden_size"] == 64, "half a millisecond for each of the 128 units"
    assert "one of lstm with its standard recipe 64 ms" in told[0]
    assert found.name == "standard, hidden_size=64 (step time of lstm)"


def test_a_recipe_that_has_the_time_already_keeps_its_name(clock, registry, machine):
    standard = named(registry, "mean", "sign")
    assert match_step_time(registry, standard, machine, "4ms") is standard


def test_a_time_that_cannot_be_had_tells_the_nearest(clock, registry, machine):
    clock["mean"] = 10e-3
    with pytest.raises(UserError, match=r"within 10% of 4 ms a step here \(nearest: 10 ms at hidden_size=1 and 40 ms"):
        match_step_time(registry, named(registry, "mean", "sign"), machine, "4ms")


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("fast", "neither a time such as 5ms or 0.2s nor an architecture"),
        ("lstn", "did you mean 'lstm'?"),
        ("0ms", "write a time above zero"),
        ("5", "neither a time"),
    ],
)
def test_what_is_no_time_is_one_sentence(registry, machine, target, told):
    with pytest.raises(UserError) as caught:
        match_step_time(registry, named(registry, "mean", "sign"), machine, target)
    assert told in str(caught.value)
    assert f"--match-step-time {target}" in str(caught.value)


def test_real_steps_are_measured_in_turns(registry, machine, monkeypatch):
    """The machinery on real models; whatever it finds, or that it finds nothing, depends on the machine."""
    order = []
    real = pacing._Steps.__call__

    def noted(steps):
        order.append(steps._trainer.recipe.arch)
        return real(steps)

    monkeypatch.setattr(pacing._Steps, "__call__", noted)
    monkeypatch.setattr(pacing, "SIZES", 2)
    monkeypatch.setattr(pacing, "TOLERANCE", float("inf"))
    told = []
    match_step_time(registry, named(registry, "mean", "sign"), machine, "gru", told.append)
    assert order[:6] == ["gru", "mean", "gru", "mean", "mean", "gru"], "each warmed up, then in turns, first by turns"
    assert told
