"""The page tells what the benchmark of waiting threads measured."""

from __future__ import annotations

import json

import threads
from pages import SPEED, read_block


def test_the_page_tells_the_measured_throughput() -> None:
    document = json.loads(threads.FILE.read_text(encoding="utf-8"))
    assert read_block(SPEED, "threads") == threads.markdown(document), "run: python benchmarks/threads.py --docs"


def test_a_rate_is_the_median_of_the_turns_of_its_kind() -> None:
    turn = {"arch": "gru", "threads": 2, "wait": "passive", "disturbed": True}
    turns = [turn | {"steps_per_second": rate} for rate in (1.0, 9.0, 2.0)]
    others = [turn | changes | {"steps_per_second": 100.0} for changes in ({"threads": 1}, {"disturbed": False})]
    assert threads.rate({"turns": turns + others}, "gru", {"threads": 2, "name": "passive"}, True) == 2.0
