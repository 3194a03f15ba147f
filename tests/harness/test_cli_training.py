import pytest

from harness.cli.training import exit_code, parse_changes, parse_seeds, seconds
from harness.errors import UserError
from harness.store import Run


@pytest.mark.parametrize(
    ("text", "value"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), (" 10 m ", 600), (None, None)]
)
def test_times(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "soon", "-3", "0", "0s", "10 d", "1e3"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(UserError, match="write a time above zero such as 90s, 10m or 2h"):
        seconds(text)


@pytest.mark.parametrize(
    ("seed", "seeds", "found"),
    [
        (None, None, (0,)),
        (3, None, (3,)),
        (None, "0-4", (0, 1, 2, 3, 4)),
        (None, "1,5,7", (1, 5, 7)),
        (None, "5, 0-2, 1", (5, 0, 1, 2)),
    ],
)
def test_seeds(seed, seeds, found):
    assert parse_seeds(seed, seeds) == found


@pytest.mark.parametrize("seeds", ["", "a", "3-1", "1-", "-2", "1,,2"])
def test_what_are_no_seeds_is_refused(seeds):
    with pytest.raises(UserError, match="write numbers and ranges such as 0-4 or 1,5,7"):
        parse_seeds(None, seeds)


def test_short_options_and_set_are_one_mapping_without_contradictions():
    assert parse_changes(["lr=0.1", "epochs=3"], 3, "10s", None) == {"lr": 0.1, "epochs": 3, "max_time": 10.0}
    with pytest.raises(UserError, match="epochs is given twice, as 3 and as 4"):
        parse_changes(["epochs=4"], 3, None, None)


def a_run(state, reason=None):
    return Run("a", "t", 0, "mse", {}, "standard", "0" * 16, state=state, reason=reason)


def test_exit_codes_tell_done_from_failed_from_interrupted():
    done, failed = a_run("done"), a_run("failed", "diverged")
    assert exit_code([done, done]) == 0
    assert exit_code([failed, done]) == 1
    assert exit_code([failed, a_run("interrupted", "stopped by SIGINT")]) == 130
    assert exit_code([done, a_run("interrupted", "stopped by SIGTERM")]) == 143
