"""No number on a page that is neither in the store, nor worked out of it, nor in ``published.toml``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import unescape
from itertools import chain

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from reports import Frames, formats
from reports.pages.templating import Page
from reports.published import FILE
from reports.site import pages

from .fakes import full, runs

NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?(?:×10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?")
THEIRS = re.compile(r"<(code|bdi|svg|time)\b.*?</\1>", re.DOTALL)
"""Names, hashes and drawings: they may have any digits."""


def said(html: str) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", THEIRS.sub(" ", html)))


def cells(page: Page, kind: str = "td|dd") -> Iterator[str]:
    """The texts of the cells and facts of a page, without what others named."""
    content = re.sub(r"<details>.*?</details>", "", page.content, flags=re.DOTALL)
    for found in re.finditer(rf"<({kind})\b[^>]*>(.*?)</\1>", content, re.DOTALL):
        yield said(found[2])


def numbers(texts: Iterable[str]) -> set[str]:
    return set(chain.from_iterable(NUMBER.findall(text) for text in texts))


@pytest.fixture(scope="module")
def site() -> dict[str, Page]:
    return {page.address: page for page in pages(full())}


def worked_out(frame: pd.DataFrame) -> set[str]:
    """Every number that may be said of these runs, worked out again by numpy and scipy."""
    found = {str(count) for count in range(len(frame) + 1)}
    for name in ("parameters", "parameters_without_embedding", "epochs", "epochs_done", "train_limit", "steps"):
        found |= {f"{int(value):,}" for value in frame[name].dropna()}
    found |= {str(value) for value in frame["seed"]} | {str(value) for value in frame["threads"]}
    found |= numbers(map(formats.duration, frame["seconds"]))
    for _, group in frame.groupby(["task", "arch", "recipe_hash", "train_limit"], dropna=False):
        done = group[group["state"] == "done"]
        found |= numbers([formats.duration(done["seconds"].mean()) if len(done) else ""])
        for name in ("test", "valid"):
            values = done[name].dropna().to_numpy()
            found |= metric_numbers(values, group["metric"].iloc[0])
    return found


def metric_numbers(values: np.ndarray, metric: str) -> set[str]:
    if not len(values):
        return set()
    told = [*values, values.mean()]
    if len(values) > 1:
        low, high = stats.t.interval(0.95, len(values) - 1, loc=values.mean(), scale=stats.sem(values))
        width = (high - low) / 2
        told_width = f"{100 * width:.2f}" if metric == "accuracy" else formats.significant(width, 2)
    else:
        told_width = "0"
    if metric == "accuracy":
        return {f"{100 * value:.2f}" for value in told} | {told_width}
    return numbers([formats.significant(value) for value in told]) | numbers([told_width])


def test_every_number_of_the_tables_of_results_is_worked_out_of_the_runs(site: dict[str, Page]) -> None:
    frame = full().runs
    allowed = worked_out(frame)
    checked = set()
    for address, page in site.items():
        tables = re.findall(r'<table class="(?:grid|ranking)[^>]*>.*?</table>', page.content, re.DOTALL)
        for table in tables:
            rows = re.sub(r'<td class="machine.*?</td>', "", table.partition("<tbody>")[2], flags=re.DOTALL)
            mean_rank = re.compile(r'<td class="number[^>]*data-value="[\d.]+"[^>]*>\s*\d\.\d\d\s*</td>')
            found = numbers(cells(Page(address, mean_rank.sub("", rows))))
            assert found <= allowed, f"{address}: {sorted(found - allowed)}"
            checked |= found
    assert len(checked) > 60


def test_every_number_of_a_run_is_that_of_the_store(site: dict[str, Page]) -> None:
    frame = full().runs
    for row in frame.sample(8, random_state=1).itertuples():
        page = site[f"runs/{row.run}.html"]
        one = frame[frame["run"] == row.run]
        facts = [text for text in cells(page, "dd") if not re.search(r"\d{4}-\d\d-\d\d|EPYC|times|^\s*0\.1\.0", text)]
        assert numbers(facts) <= worked_out(one) | {"2"}, row.run


def test_without_runs_the_only_numbers_in_tables_are_published_ones() -> None:
    published = numbers([FILE.read_text(encoding="utf-8")])
    published |= {number.replace(",", "") for number in published}
    checked = 0
    for page in pages(Frames(runs())):
        for number in numbers(cells(page, "td")):
            plain = number.replace(",", "").rstrip("0").rstrip(".")
            same = {known for known in published if known.replace(",", "").rstrip("0").rstrip(".") == plain}
            assert same, f"{page.address}: {number}"
            checked += 1
    assert checked > 100
