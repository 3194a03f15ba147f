"""What a campaign costs: the arithmetic, and that the page tells what the measured file gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import campaign_cost
import pytest
import service_times
import simulation
import step_times
from campaign_cost import Plan, cost, figure
from pages import PAGE, printed, read_block, replace_block, table

from harness.home import Home
from harness.machine import Machine
from harness.registry import Registry


def pair(arch: str, task: str, run: float, test: float, data: str = "own") -> dict[str, Any]:
    return {
        **{"arch": arch, "task": task, "measured_on": task, "data": data},
        **{"run_seconds": run, "test_seconds": test, "epochs": 2},
    }


DOCUMENT: dict[str, Any] = {
    "pairs": [pair("a", "t", 100.0, 10.0), pair("b", "t", 300.0, 0.0)],
    "not_measured": ["u"],
    "environment": {"hardware": {"cpu": "a processor"}, "software": {"torch": "1", "python": "3"}},
    "threads": 1,
    "device": "cpu",
    "date": "2026-01-01",
}


def test_trials_are_not_tested_and_seeds_are() -> None:
    answer = cost(DOCUMENT, Plan(architectures=2, tasks=1, seeds=5, trials=10, cores=(1,)))
    hours = [pair["core_hours"] * 3600 for pair in answer["pairs"]]
    assert hours == pytest.approx([10 * 90 + 5 * 100, 10 * 300 + 5 * 300])
    assert answer["core_hours"] * 3600 == pytest.approx(sum(hours))
    assert answer["runs"] == 2 * 15


def test_pairs_that_do_not_exist_count_as_the_mean() -> None:
    few = cost(DOCUMENT, Plan(2, 1, 5, 10))
    many = cost(DOCUMENT, Plan(12, 12, 5, 10))
    assert many["core_hours"] == pytest.approx(few["core_hours"] * 72)


def test_no_number_of_cores_makes_a_study_shorter() -> None:
    answer = cost(DOCUMENT, Plan(2, 1, 5, 10, cores=(1, 1000)))
    assert answer["days"]["1"] == answer["days_if_divided_evenly"]["1"]
    assert answer["days"]["1000"] * 86400 == pytest.approx(10 * 300 + 300)
    assert (answer["longest_pair"]["arch"], answer["longest_pair"]["task"]) == ("b", "t")


def test_a_task_without_data_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "times.json"
    file.write_text(json.dumps(DOCUMENT))
    assert campaign_cost.main([str(file)]) == 0
    told = capsys.readouterr().out
    assert "Not measured, for want of data: u." in told
    assert "2 pairs: 2 architectures and 1 tasks" in told
    assert campaign_cost.main([str(file), "--json", "--trials", "0"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"] == 0


@pytest.mark.parametrize(
    ("value", "told"), [(0.01234, "0.0123"), (4.5678, "4.57"), (789.4, "789"), (12345.0, "12,300"), (999.9, "1,000")]
)
def test_figures_have_three_digits_and_no_exponent(value: float, told: str) -> None:
    assert figure(value) == told


def test_the_page_tells_the_cost_of_the_measured_file() -> None:
    document = json.loads(campaign_cost.FILE.read_text(encoding="utf-8"))
    told = campaign_cost.markdown(cost(document, Plan()), document)
    assert read_block(PAGE, "campaign cost") == told, "run: python benchmarks/campaign_cost.py --docs"


def test_the_page_tells_the_measured_service_times() -> None:
    document = json.loads(service_times.FILE.read_text(encoding="utf-8"))
    told = service_times.markdown(document)
    assert read_block(PAGE, "service times") == told, "run: python benchmarks/service_times.py --docs"


def test_the_page_tells_what_was_simulated() -> None:
    document = json.loads(simulation.FILE.read_text(encoding="utf-8"))
    told = simulation.told_of(document, table, "- ")
    assert read_block(PAGE, "simulation") == told, "run: python benchmarks/simulation.py --docs"


def test_the_simulation_took_what_was_measured() -> None:
    """Whoever measures anew has to simulate anew."""
    services = json.loads(service_times.FILE.read_text(encoding="utf-8"))
    for name, content in json.loads(simulation.FILE.read_text(encoding="utf-8"))["load"].items():
        costs = simulation.costs_of(services, name.partition(" ")[0], None, None)
        assert (content and content["costs"]) == (costs and vars(costs))


def test_a_block_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- begin one: by hand -->\nold\n<!-- end one -->\nafter\n")
    replace_block(page, "one", "| new |")
    assert read_block(page, "one") == "| new |"
    assert page.read_text().startswith("before\n<!-- begin one: by hand -->\n")
    assert page.read_text().endswith("<!-- end one -->\nafter\n")
    with pytest.raises(LookupError, match="two"):
        replace_block(page, "two", "")


def test_of_what_pytest_prints_the_figures_are_kept() -> None:
    told = "suite quick, 90 runs:\n  local: 9 s\n  ratio: 1.9\n"
    output = f"=== session ===\n\n{told}.\n\n---- benchmark ----\nName  Min\n"
    assert printed(output) == f"```text\n{told}```"
    with pytest.raises(LookupError, match="did the benchmark run"):
        printed("=== 1 skipped ===\n")


def test_what_a_task_is_measured_on_depends_on_the_data_at_hand(tmp_path: Path) -> None:
    registry, machine = Registry(), Machine(Home(tmp_path), tmp_path / "data", offline=True)
    worms, digits, smnist = (
        step_times.subject(registry, machine, task) for task in ("eigenworms", "sdigits", "smnist")
    )
    assert worms is not None
    assert worms.data == "random numbers"
    assert digits is not None
    assert digits.data == "own"
    assert smnist is None


def test_random_numbers_have_the_published_shape() -> None:
    task = Registry().task("eigenworms")()
    splits = step_times.random_splits(task)
    assert splits.train.inputs.shape == (181, 17_984, 6)
    assert (len(splits.valid), len(splits.test)) == (39, 39)


def test_a_pair_is_measured(tmp_path: Path) -> None:
    registry, machine = Registry(), Machine(Home(tmp_path), tmp_path, offline=True, device="cpu")
    what = step_times.subject(registry, machine, "sdigits")
    assert what is not None
    (row,) = step_times.measure_task(registry, machine, what, ["lstm"])
    assert (row["arch"], row["task"], row["epochs"]) == ("lstm", "sdigits", 30)
    epoch = row["steps_per_epoch"] * row["step_seconds"] + row["validation_seconds"]
    assert row["run_seconds"] == pytest.approx(30 * epoch + row["test_seconds"])
