"""A trial as plain values."""

from __future__ import annotations

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from harness.tuning import tally


def trial(state: TrialState, *seen: float, value: float | None = None) -> FrozenTrial:
    return create_trial(state=state, value=value, intermediate_values=dict(enumerate(seen, 1)))


@pytest.mark.parametrize(("higher", "best"), [(True, 0.5), (False, 0.3)])
def test_a_pruned_trial_tells_the_best_that_it_reached(higher: bool, best: float) -> None:
    pruned = trial(TrialState.PRUNED, 0.4, float("nan"), 0.5, 0.3, value=0.3)
    assert tally.document(pruned, "pruned", higher)["best_seen"] == best
    assert tally.document(pruned, "pruned", higher)["value"] is None


def test_other_trials_have_no_best_seen() -> None:
    assert tally.best_seen(trial(TrialState.COMPLETE, 0.2, 0.9, value=0.9), True) is None
    assert tally.best_seen(trial(TrialState.FAIL, 0.2), True) is None
    assert tally.best_seen(trial(TrialState.PRUNED, float("nan")), True) is None
    assert tally.best_seen(trial(TrialState.PRUNED), True) is None
