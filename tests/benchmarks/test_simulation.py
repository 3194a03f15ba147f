"""The simulation against what queueing theory knows exactly, and against a measurement of the real desk."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from cluster import Answer, Campaign, Cluster, Costs, Habits, fixed, one_of
from events import Clock, Process, Servers, Steps

FREE = Costs(call=0.0, latency=0.0, write=0.0, computing=0.0, begin=0.0)
SILENT = Habits(progress_every=math.inf, calls_at_start=0, calls_at_end=0, desk_calls=0, lives=math.inf)
HOUR = 3600.0


def mean_wait(servers: int, arrivals: float, service: Callable[[Random], float], customers: int = 200_000) -> float:
    """Mean time in the queue of customers that come at random, `arrivals` of them a second."""
    clock, random = Clock(), Random(1)
    queue = Servers(clock, servers)

    def customer() -> Steps:
        yield queue.serve(service(random))

    def source() -> Steps:
        while True:
            yield clock.pause(random.expovariate(arrivals))
            Process(customer()).resume()

    Process(source()).resume()
    clock.run(customers / arrivals)
    return queue.waited_seconds / queue.served


@pytest.mark.parametrize("load", [0.3, 0.8])
def test_one_server_with_exponential_services_is_m_m_1(load: float) -> None:
    assert mean_wait(1, load, lambda random: random.expovariate(1.0)) == pytest.approx(load / (1 - load), rel=0.05)


@pytest.mark.parametrize("load", [0.3, 0.8])
def test_one_server_with_equal_services_is_m_d_1(load: float) -> None:
    assert mean_wait(1, load, lambda random: 1.0) == pytest.approx(load / (1 - load) / 2, rel=0.05)


def test_several_servers_are_m_m_c() -> None:
    servers, load = 4, 3.2
    waits = load**servers / math.factorial(servers) * servers / (servers - load)
    erlang = waits / (sum(load**k / math.factorial(k) for k in range(servers)) + waits)
    expected = erlang / (servers - load)
    assert mean_wait(servers, load, lambda random: random.expovariate(1.0)) == pytest.approx(expected, rel=0.05)


def desk_alone(workers: int, call: float, exponential: bool = True, latency: float = 0.0) -> Answer:
    """Workers that do nothing but train for a second and tell the desk."""
    costs = Costs(call=call, latency=latency, write=0.0, computing=0.0, begin=0.0, exponential=exponential)
    return Campaign(costs, Cluster(workers), Habits(), fixed(1e9)).watch(1500.0, warm_up=100.0)


def finite_source(workers: int, call: float, pause: float) -> float:
    """Calls a second of M/M/1 with a finite source, by mean value analysis; it holds for any distribution of pauses."""
    queue, rate = 0.0, 0.0
    for count in range(1, workers + 1):
        stay = call * (1 + queue)
        rate = count / (pause + stay)
        queue = rate * stay
    return rate


@pytest.mark.parametrize("workers", [1, 50, 100, 110, 200])
def test_workers_that_wait_for_the_desk_are_a_finite_source(workers: int) -> None:
    rate = finite_source(workers, 0.01, 1.0)
    answer = desk_alone(workers, 0.01)
    assert answer.utilisation * workers == pytest.approx(rate, rel=0.01)
    assert answer.desk_busy == pytest.approx(rate * 0.01, rel=0.03)


def test_beyond_saturation_more_workers_bring_nothing() -> None:
    answers = [desk_alone(workers, 0.01, exponential=False) for workers in (90, 200, 400)]
    assert answers[0].utilisation == pytest.approx(1 / 1.01, rel=1e-3)  # equal services that never meet
    for workers, answer in zip((200, 400), answers[1:], strict=True):
        assert answer.utilisation * workers == pytest.approx(100.0, rel=1e-3)


def test_one_worker_alone_pays_for_every_call() -> None:
    costs = Costs(call=0.01, latency=0.02, write=0.03, computing=0.02, begin=0.5)
    habits = Habits(progress_every=2.0, calls_at_start=3, calls_at_end=4, desk_calls=1)
    answer = Campaign(costs, Cluster(1), habits, fixed(10.0, log_every=4.0)).watch(100_000.0)
    calls, writes = 5 + 1 + 1, 2 + 3 + 4  # signs of life, or writes of the curve, and at start and end
    cycle = 10.0 + calls * 0.03 + writes * 0.06 + 0.5
    assert answer.runs_per_hour == pytest.approx(HOUR / cycle, rel=1e-3)
    assert answer.desk_busy == pytest.approx((calls * 0.01 + writes * 0.03) / cycle, rel=1e-3)
    assert answer.store_busy == pytest.approx(writes * 0.01 / cycle, rel=1e-3)
    assert answer.driver_busy == pytest.approx(0.5 / cycle, rel=1e-3)


def test_a_server_is_called_by_the_workers_themselves() -> None:
    costs = Costs(call=0.0, latency=0.0, write=1.0, computing=0.0, begin=0.0, writers=4, behind_desk=False)
    habits = Habits(progress_every=math.inf, calls_at_start=1, calls_at_end=0, desk_calls=0)
    answer = Campaign(costs, Cluster(12), habits, fixed(1.0)).watch(2000.0, warm_up=100.0)
    assert answer.store_busy == pytest.approx(1.0, rel=1e-3)
    assert answer.runs_per_hour == pytest.approx(4 * HOUR, rel=1e-2)
    assert answer.desk_busy == 0.0


@pytest.mark.parametrize("hours", [0.2, 1.0, 2.0])
def test_runs_that_begin_anew_take_what_theory_says(hours: float) -> None:
    """With failures at rate r, work T that is lost by each takes (exp(r T) - 1) / r in the mean."""
    cluster = Cluster(64, per_node=1, mean_time_between_failures=HOUR, repair=0.0)
    answer = Campaign(FREE, cluster, SILENT, fixed(hours * HOUR)).watch(800 * HOUR, warm_up=50 * HOUR)
    assert answer.kept == pytest.approx(hours / math.expm1(hours), rel=0.03)
    assert answer.deaths == pytest.approx(64 * 800, rel=0.03)


def test_a_shared_folder_keeps_all_but_the_last_checkpoint() -> None:
    cluster = Cluster(64, per_node=16, mean_time_between_failures=HOUR, repair=0.0)
    habits = Habits(
        math.inf, checkpoint_every=60.0, shared=True, calls_at_start=0, calls_at_end=0, desk_calls=0, lives=math.inf
    )
    answer = Campaign(FREE, cluster, habits, fixed(24 * HOUR)).watch(500 * HOUR)
    assert answer.kept == pytest.approx(1 - 30.0 / HOUR, abs=5e-4)  # half an interval of every hour


def test_nodes_that_are_away_train_nothing() -> None:
    cluster = Cluster(64, per_node=1, mean_time_between_failures=HOUR, repair=HOUR)
    answer = Campaign(FREE, cluster, SILENT, fixed(300.0)).watch(300 * HOUR, warm_up=30 * HOUR)
    assert answer.utilisation == pytest.approx(0.5, rel=0.02)


def test_a_unit_is_given_up_after_its_lives() -> None:
    cluster = Cluster(1, per_node=1, mean_time_between_failures=HOUR, repair=0.0)
    habits = replace(SILENT, lives=3)
    answer = Campaign(FREE, cluster, habits, fixed(1e6 * HOUR)).watch(300 * HOUR)
    assert (answer.given_up, answer.finished) == (answer.deaths // 3, 0)
    assert answer.kept < 0.02


def test_a_process_that_was_killed_never_goes_on() -> None:
    clock, went_on = Clock(), []

    def steps() -> Steps:
        yield clock.pause(1.0)
        went_on.append(clock.now)
        yield clock.pause(1.0)
        went_on.append(clock.now)

    process = Process(steps())
    process.resume()
    clock.run(1.5)
    process.kill()
    clock.run(10.0)
    assert went_on == [1.0]


def test_the_same_seed_gives_the_same_answer() -> None:
    draw = one_of([(10.0, 1.0), (500.0, 5.0)])
    cluster = Cluster(20, per_node=5, mean_time_between_failures=200.0)
    costs = Costs(call=1e-3, latency=1e-3, write=4e-3, computing=1e-3, begin=1e-3)
    first, again, other = (Campaign(costs, cluster, Habits(), draw, seed).watch(500.0) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_real_desk_serves_as_many_calls_as_the_simulated_one() -> None:
    """The service and the way there are measured with one client and with many; the numbers between are predicted."""
    from service_times import FILE

    desk = json.loads(FILE.read_text(encoding="utf-8"))["desk"] if FILE.is_file() else None
    if desk is None:
        pytest.skip("needs a measurement of the desk in benchmarks/measured/service_times.json")
    for found in desk["throughput"]:
        costs = Costs(desk["call_seconds"], desk["round_trip"] - desk["call_seconds"], 0.0, 0.0, 0.0)
        habits = Habits(progress_every=found["pause"])
        answer = Campaign(costs, Cluster(found["clients"]), habits, fixed(1e9)).watch(60.0, warm_up=5.0)
        predicted = answer.utilisation * found["clients"] / found["pause"]
        assert predicted == pytest.approx(found["calls_per_second"], rel=0.25), found
