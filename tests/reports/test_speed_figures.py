"""The figures of times: what shares one, which timing counts, and what is fitted and drawn."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from reports.cases import Measured
from reports.figures.bars import bars, published
from reports.figures.floors import floors
from reports.figures.loglog import apart, round_values
from reports.figures.speed import MOST_SERIES, MOST_SIZES, Growth, groups, growth
from reports.figures.style import PAPER, Series
from reports.records import Timing
from reports.statistics.scaling import Scaling

from .parsing import parsed

TIMING = Timing(
    *("", "monday", "", "lstm", 100, 32, 1, 128, 1, "float32", "cpu: AMD EPYC 9R14", 2, "best", "torch", "done", ""),
    *("step", 10, 0.1, 0.09, 0.12, 2e6, 0.02, 0.01, 0.02, 0.2, "2026-03-05T10:00:00Z"),
)


def timing(**changed: object) -> Timing:
    """A step of 0.1 s of the LSTM, but for what is `changed`; an id of its own."""
    one = replace(TIMING, **changed)  # type: ignore[arg-type]
    return replace(one, timing=one.timing or sha256(repr(one).encode()).hexdigest()[:12])


def grown(*timings: Timing) -> list[Growth]:
    measured = Measured(timings)
    names = sorted({case.name for case in measured.newest})
    looks = {name: Series(number) for number, name in enumerate(names)}
    return [growth(group, str.upper, looks) for group in groups(measured)]


def lengths(*sizes: int, **changed: object) -> list[Timing]:
    return [timing(length=size, seconds=size**1.5 / 1e4, **changed) for size in sizes]


def test_the_exponent_is_that_of_the_times_and_stands_in_the_legend() -> None:
    (one,) = grown(*lengths(100, 200, 400, 800))
    step = next(fits for fits in one.exponents.values())[3]
    assert isinstance(step, Scaling)
    assert step.exponent == pytest.approx(1.5, rel=1e-12)
    assert (one.drawing.keys[0].title, one.drawing.keys[0].detail) == ("LSTM", "torch, step ∝ L^1.50")


def test_two_sizes_are_drawn_without_an_exponent_and_one_is_not_drawn() -> None:
    (two,) = grown(*lengths(100, 200))
    assert not two.fitted
    assert two.drawing.keys[0].detail == "torch"
    assert [line.cells[2] for line in two.drawing.lines] == ["100", "200"]
    assert grown(*lengths(100)) == []


@pytest.mark.parametrize(
    "other",
    [
        {"device": "cuda: H100"},
        {"threads": 1},
        {"dtype": "float64"},
        {"batch": 8},
        {"hidden_size": 64},
        {"input_size": 2},
        {"num_layers": 3},
        {"preset": "a-preset"},
    ],
    ids=str,
)
def test_what_is_not_alike_shares_no_figure(other: dict[str, object]) -> None:
    mixed = grown(*lengths(100, 200), *lengths(300, 400, 500, **other))
    against = [one for one in mixed if one.group.axis == "length"]
    assert [[line.cells[2] for line in one.drawing.lines] for one in against] == [["300", "400", "500"], ["100", "200"]]


def test_architectures_backends_and_hyper_parameters_are_series_of_their_own() -> None:
    others: list[dict[str, object]] = [{}, {"arch": "gru"}, {"backends": "eager"}, {"changes": "batch_norm=none"}]
    (one,) = grown(*(found for other in others for found in lengths(100, 200, **other)))
    assert {(key.title, key.detail) for key in one.drawing.keys} == {
        *(("GRU", "torch"), ("LSTM", "eager"), ("LSTM", "torch"), ("LSTM", "torch, batch_norm=none")),
    }


def test_the_newest_timing_is_drawn_whichever_backend_was_asked_for() -> None:
    newer = timing(length=100, seconds=0.7, backend="torch", created="2026-03-05T11:00:00+00:00")
    (one,) = grown(newer, *lengths(100, 200))
    assert one.drawing.lines[0].cells[6] == "700"


def test_an_exponent_is_fitted_to_all_sizes_and_drawn_for_some() -> None:
    (one,) = grown(*lengths(*range(100, 500, 10)))
    assert len(one.drawing.lines) == MOST_SIZES
    assert [one.drawing.lines[place].cells[2] for place in (0, -1)] == ["100", "490"]
    assert next(iter(one.exponents.values()))[3].n == 40  # type: ignore[union-attr]
    assert one.drawing.notes == ("24 of 40 sizes are not drawn; exponents are fitted to all that qualify.",)


def test_a_legend_says_from_which_size_on_its_exponent_holds_and_names_none_that_overhead_makes() -> None:
    sizes = (100, 200, 400, 3200, 6400, 12800)
    (one,) = grown(*(timing(length=size, seconds=(20 + 0.1 * size) / 1e3) for size in sizes))
    assert one.drawing.keys[0].detail == "torch, step ∝ L^0.97 (L ≥ 3,200)"
    (one,) = grown(*(timing(length=size, seconds=size**0.5 / 1e3) for size in (*sizes, 25600, 51200)))
    assert (one.drawing.keys[0].detail, one.fitted) == ("torch", False)


def test_series_beyond_those_that_can_be_told_apart_are_counted() -> None:
    (one,) = grown(*(found for number in range(15) for found in lengths(100, 200, arch=f"cell{number:02d}")))
    assert len(one.drawing.keys) == MOST_SERIES
    assert one.drawing.notes == ("3 further series, with the fewest sizes, are not drawn.",)


def test_a_step_takes_the_place_of_forward_and_backward_where_both_are_known() -> None:
    both = lengths(100, 200, phase="forward_backward", timing="")
    assert [panel.name.rpartition("-")[2] for panel in grown(*both)[0].drawing.panels] == ["backward"]
    all_phases = [replace(one, timing=str(one.length)) for one in (*both, *lengths(100, 200))]
    (one,) = grown(*all_phases)
    assert [panel.name.partition(f"{one.group.name}-")[2] for panel in one.drawing.panels] == ["step", "memory"]


def test_a_panel_has_whiskers_and_ticks_at_the_sizes() -> None:
    (one,) = grown(*lengths(100, 200, 400))
    axes = Figure().add_axes((0, 0, 1, 1))
    one.drawing.panels[0].draw(axes, PAPER)
    (whiskers,) = axes.collections
    assert whiskers.get_paths()[0].vertices.tolist() == [[100, 90], [100, 120]]
    assert list(axes.get_xticks()) == [100, 200, 400]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_times_that_are_not_positive_are_not_drawn() -> None:
    assert grown(*lengths(100, 200), timing(length=300, seconds=None), timing(length=400, seconds=0.0)) != []
    (one,) = grown(*lengths(100, 200), timing(length=300, seconds=None), timing(length=400, seconds=0.0))
    assert [line.cells[2] for line in one.drawing.lines] == ["100", "200"]


def test_a_figure_is_the_same_whatever_a_person_has_in_matplotlibrc() -> None:
    (one,) = grown(*lengths(100, 200, 400))
    first = one.drawing.svgs()
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9}):
        assert one.drawing.svgs() == first
    assert "var(--series-1)" in first[0]


def test_the_floor_is_that_of_the_largest_sitting_on_one_machine() -> None:
    here = [timing(phase="forward_backward", length=size, sitting="large") for size in (1, 2, 3)]
    elsewhere = [timing(phase="forward_backward", sitting="large", threads=1)]
    small = [timing(phase="forward_backward", length=9, sitting="small")]
    measured = Measured([*here, *elsewhere, *small, timing(sitting="large", floor=None)])
    found = floors(measured, str.upper, {case.name: Series(0) for case in measured.newest})
    assert found is not None
    assert [line.cells[2:] for line in found.lines] == [
        (f"{size} × 32 × 1 × 128, 1 layer", "100", "20.0", "20.0", "copy") for size in (1, 2, 3)
    ]
    assert found.lines[0].at == ((20.0, 100.0),)
    (panel,) = found.svgs()
    assert "100 %" in [text.text for text in parsed(panel).all("text")]


def test_without_a_floor_there_is_no_figure_of_floors() -> None:
    assert floors(Measured([timing(phase="forward", floor=None)]), str, {}) is None
    assert floors(Measured([]), str, {}) is None


def preset(arch: str, length: int, seconds: float, bar: float | None, **changed: object) -> Timing:
    same = {"preset": "figure", "phase": "forward_backward", "published_source": "a figure"}
    return timing(**same, arch=arch, length=length, seconds=seconds, published_seconds=bar, **changed)


def test_published_times_stand_beside_measured_ones_with_ratios_of_the_same_length() -> None:
    rows = [preset("lstm", 1000, 0.2, 0.04), preset("unicornn", 1000, 0.05, 0.01), preset("unicornn", 2000, 0.1, 0.02)]
    (one,) = published(Measured([*rows, preset("mine", 1000, 0.1, None)]))
    assert (one.baseline, one.sources) == ("lstm", ["a figure"])
    drawing = bars(one, str.upper, {case.case.name: Series(0) for case in one.cases})
    assert [(line.cells[0], *line.cells[2:]) for line in drawing.lines] == [
        ("LSTM", "1,000", "200", "40.0", "1.00", "1.00"),
        ("UNICORNN", "1,000", "50.0", "10.0", "0.250", "0.250"),
        ("UNICORNN", "2,000", "100", "20.0", "–", "–"),
    ]
    assert len(drawing.svgs()) == 3


def test_published_times_are_not_set_beside_two_sittings_at_once() -> None:
    monday = [preset("lstm", 1000, 0.2, 0.04), preset("unicornn", 1000, 0.05, 0.01)]
    tuesday = preset("unicornn", 1000, 0.04, 0.01, sitting="tuesday", created="2026-03-06T10:00:00Z")
    (one,) = published(Measured([*monday, tuesday]))
    assert {beside.case.first.sitting for beside in one.cases} == {"monday"}
    assert [beside.ratio for beside in one.cases] == [1.0, 0.25]


def test_ticks_are_round_few_and_apart() -> None:
    assert round_values(1, 10) == [1, 2, 5, 10]
    assert round_values(0.9, 1100) == [1, 3, 10, 30, 100, 300, 1000]
    assert round_values(1e-9, 1e9) == [1e-9, 1e-6, 1e-3, 1, 1e3, 1e6, 1e9]
    assert round_values(3.1, 3.3) == [3.2]
    assert apart([100, 101, 1000], (90, 1100)) == [101, 1000]
