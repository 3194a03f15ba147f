"""The page of times: every case with its numbers, ratios within sittings alone, whatever the frame holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reports import addresses
from reports.frames import Frames
from reports.pages import speed
from reports.report import Report

from .fakes import full, hostile_texts, timings
from .parsing import Element, parsed


def content(frame: pd.DataFrame) -> str:
    known = full()
    (page,) = speed.pages(Report(Frames(known.runs, architectures=known.architectures, timings=frame)))
    assert page.address == addresses.SPEED
    return page.content


def table(page: str) -> list[dict[str, str]]:
    (found,) = [one for one in parsed(page).all("table") if one.get("id") == "cases-table"]
    heads = [head.text for head in found.all("thead")[0].all("th")]
    return [dict(zip(heads, row, strict=True)) for row in found.rows()]


@pytest.fixture(scope="module")
def tree() -> Element:
    return parsed(content(timings()))


def test_the_same_timings_give_the_same_bytes_in_any_order() -> None:
    frame = timings()
    assert content(frame.sample(frac=1, random_state=5).iloc[:, ::-1]) == content(frame)


def test_a_store_without_timings_says_how_to_measure() -> None:
    page = parsed(content(pd.DataFrame()))
    (empty,) = page.all("p", class_="empty")
    assert empty.text.startswith("No layer has been timed yet: python -m harness speed measures")
    assert page.all("figure") == []


def test_a_row_says_all_that_was_measured() -> None:
    frame = timings()
    frame.loc[frame["arch"] == "unicornn", "backend"] = "cpu"
    rows = [row for row in table(content(frame)) if row["Architecture"] == "LSTM" and row["L"] == "3,000"]
    (row,) = rows
    step = frame.query("arch == 'lstm' and length == 3000 and phase == 'step'").iloc[0]
    both = frame.query("arch == 'lstm' and length == 3000 and phase == 'forward_backward'").iloc[0]
    assert row["Backend"] == "torchasked: best"
    assert (row["N"], row["H_in"], row["H"], row["Layers"], row["Threads"], row["Numbers"]) == (
        *("32", "1", "128", "1", "2", "float32"),
    )
    low, high = (f"{1e3 * step[name]:.0f}" for name in ("lower_quartile", "upper_quartile"))
    assert row["Training step"] == f"{1e3 * step['seconds']:.0f}{low}–{high}"
    assert row["Tokens per second"] == f"{3000 * 32 / step['seconds']:,.0f}"
    assert row["Memory, MB"] == f"{step['memory'] / 1e6:.0f}"
    assert row["Copy floor"] == f"{1e3 * both['copy_floor']:.0f}"
    assert row["Product floor"] == f"{1e3 * both['product_floor']:.1f}"
    assert row["Reached, %"] == "50"
    assert row["Ratio of steps"] == "1.00baseline"


def test_the_gradient_of_training_has_a_column_and_sets_what_is_reached() -> None:
    frame = timings()
    dense = frame[(frame["arch"] == "lstm") & (frame["length"] == 3000)]
    assert "Backward, loss at last step" not in table(content(dense))[0]
    slow = dense[dense["phase"].isin(["backward", "forward_backward"])].copy()
    slow["phase"] += "_last_step"
    slow = slow.assign(seconds=10 * slow["seconds"], reached=0.05)
    (row,) = table(content(pd.concat([dense, slow]).assign(warning="a step takes 900 ms: likely subnormal")))
    backward = slow[slow["phase"] == "backward_last_step"]["seconds"].item()
    assert row["Backward, loss at last step"].startswith(f"{1e3 * backward:.0f}")
    assert row["Reached, %"] == "5.0"
    assert row["Measured"].endswith("a step takes 900 ms: likely subnormal")


def test_one_step_at_a_time_has_its_99th_percentile() -> None:
    frame = timings()
    one = frame[(frame["arch"] == "lstm") & (frame["length"] == 3000) & (frame["phase"] == "step")]
    (row,) = table(content(one.assign(phase="streaming", seconds=5e-5, p99=2e-4)))
    assert row["One step, streaming"].endswith("p99 0.200")


def test_ratios_are_taken_within_a_sitting_and_to_equal_sizes() -> None:
    frame = timings()
    here = frame[(frame["length"] == 100) & frame["arch"].isin(["lstm", "gru"])]
    gru, _ = table(content(here))
    seconds = here[here["phase"] == "step"].set_index("arch")["seconds"]
    assert gru["Ratio of steps"] == f"{seconds['gru'] / seconds['lstm']:.2f}of LSTM"
    apart = here.assign(sitting=here["arch"])
    assert [row["Ratio of steps"] for row in table(content(apart))] == ["1.00baseline"] * 2
    unequal = here.assign(batch=[8 if arch == "gru" else 32 for arch in here["arch"]])
    assert {row["Ratio of steps"] for row in table(content(unequal))} == {"–", "1.00baseline"}


def test_without_the_lstm_the_first_by_name_is_the_baseline() -> None:
    frame = timings()
    frame = frame[(frame["length"] == 100) & frame["arch"].isin(["cornn", "unicornn"])]
    assert [row["Ratio of steps"][-8:] for row in table(content(frame))] == ["baseline", "of coRNN"]


def test_a_case_that_was_measured_again_counts_once_and_keeps_its_older_timing() -> None:
    frame = timings()
    old = frame[(frame["length"] == 100) & (frame["arch"] == "lstm")]
    new = old.assign(timing="again", sitting="later", created="2026-04-01T10:00:00Z", seconds=2 * old["seconds"])
    first, second = table(content(pd.concat([old, new])))
    assert first["Measured"] == "2026-04-01newest of 2"
    assert second["Measured"] == "2026-03-05older"


def test_a_skipped_case_says_why(tree: Element) -> None:
    (found,) = [one for one in tree.all("table") if one.get("id") == "skipped-table"]
    assert found.rows()[0][0] == "GRU"
    assert found.rows()[0][-1] == "would need 41 GiB of memory"


def test_the_source_of_published_times_is_printed_as_given(tree: Element) -> None:
    (part,) = tree.all("section", class_="beside")
    assert "labels of the bars, measured on a GPU; batch 128 is assumed" in part.text
    assert "between the two only the ratios can be compared" in part.text


def test_identifiers_are_unique_and_rows_can_be_linked_to(tree: Element) -> None:
    identifiers = [name for element in tree.every() if (name := element.get("id"))]
    assert len(identifiers) == len(set(identifiers))
    assert "timing-000lstm" in identifiers
    inside = {link for a in tree.all("a") if (link := a.get("href") or "").startswith("#")}
    assert {link[1:] for link in inside} <= set(identifiers)


def test_hostile_names_stay_text() -> None:
    frame, texts = timings(), hostile_texts()
    texts += ["", "=" * 10_000]
    parts = []
    for number, text in enumerate(texts):
        one = frame[(frame["arch"] == "lstm")].copy()
        words = ("arch", "preset", "device", "dtype", "backend", "backends", "sitting", "published_source", "created")
        one[list(words)] = text
        one["timing"] = [f"{text}{timing}" for timing in one["timing"]]
        one["changes"] = text
        skip = one.iloc[:1].assign(timing=f"skip{number}", state="skipped", reason=text)
        parts += [one, skip]
    page = content(pd.concat(parts))
    tree = parsed(page)
    assert len(page.encode()) < 1_000_000
    assert len(tree.all("script")) == 1
    assert tree.all("img") == []
    assert "=" * 801 not in page
    identifiers = [name for element in tree.every() if (name := element.get("id"))]
    assert len(identifiers) == len(set(identifiers))


def test_numbers_that_are_not_known_leave_gaps() -> None:
    frame = timings()
    numbers = ["lower_quartile", "upper_quartile", "memory", "copy_floor", "product_floor", "floor", "reached"]
    frame[numbers] = np.nan
    frame.loc[frame["phase"] == "backward", "seconds"] = np.inf
    frame.loc[frame["arch"] == "gru", "seconds"] = np.nan
    page = content(frame.assign(created=None, backends=None, sitting=None))
    row = next(row for row in table(page) if row["Architecture"] == "LSTM")
    assert (row["Backward"], row["Memory, MB"], row["Copy floor"], row["Reached, %"]) == ("–", "–", "–", "–")
    assert "GRU" not in {row["Architecture"] for row in table(page)}
    assert "nan" not in page
    assert parsed(page).all("section", aria_labelledby="floors") == []


def test_two_thousand_cases_stay_below_a_megabyte() -> None:
    one = timings()
    one = one[(one["length"] == 100) & (one["arch"] == "lstm")]
    parts = []
    for number in range(2000):
        arch, length, batch, width = f"cell{number % 40:02d}", 10 + number // 40, 2 ** (number % 5), 2 ** (number % 7)
        sizes = {"length": length, "batch": batch, "hidden_size": width}
        parts.append(one.assign(timing=f"{number:012d}", arch=arch, **sizes))
    page = content(pd.concat(parts))
    assert len(page.encode()) < 1_000_000
    assert len(table(page)) == speed.MOST_ROWS
    assert f"{2000 - speed.MOST_ROWS:,} further timings, the oldest, are not shown" in parsed(page).text


def test_the_figures_can_be_exported_and_have_names_of_their_own() -> None:
    found = speed.drawings(Report(replace(full(), curves=pd.DataFrame())))
    names = [panel.name for drawing in found for panel in drawing.panels]
    assert len(names) == len(set(names)) > 12
    assert {name.split("-")[1] for name in names} == {"length", "batch", "hidden", "floors", "published"}
