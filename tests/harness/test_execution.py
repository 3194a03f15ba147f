import os
import shutil
import signal
import sys
from dataclasses import replace

import pytest
import torch

from harness import checkpoint
from harness.errors import UserError
from harness.execution import Job, Monitor, execute
from harness.home import Home
from harness.machine import Machine
from harness.recipes import named
from harness.store import Store


@pytest.fixture
def store(tmp_path):
    return Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}")


class Ear(Monitor):
    """Remembers what it heard; may do something at a step."""

    def __init__(self, at=None, then=None):
        self.ends, self.resumed, self.at, self.then = [], [], at, then
        self.steps = 0

    def on_start(self, run, resumed):
        self.resumed.append(None if resumed is None else (resumed.epoch, resumed.step))

    def on_step(self, progress, steps, loss):
        self.steps += 1
        if self.steps == self.at:
            self.then()

    def on_end(self, run, known):
        self.ends.append((run.seed, run.state, known))


def do(job, store, seeds=(0,), ear=None, **options):
    return list(execute(job, store, seeds, ear or Ear(), **options))


def test_a_run_is_stored_with_all_that_is_needed_to_repeat_it(job, store):
    made = job(hidden_size=6)
    [run] = do(made, store)
    stored = store.get(run.id)
    assert (stored.state, stored.reason, stored.seed, stored.arch, stored.task) == ("done", None, 0, "mean", "sign")
    assert stored.recipe == made.named.recipe.to_dict()
    assert stored.recipe_hash == made.named.recipe.hash
    assert stored.recipe_name == "standard, batch_size=16, epochs=3, hidden_size=6, lr=0.05"
    assert stored.data_checksum == made.splits.checksum
    assert (stored.parameters, stored.epochs_done, stored.steps_done) == (6 * 2 + 6 * 2 + 2, 3, 15)
    assert [point.epoch for point in stored.curve] == [1, 2, 3]
    assert 0 <= stored.metrics["test"] <= 1
    assert stored.metrics["valid"] == max(point.valid for point in stored.curve)
    assert set(stored.recipe["code"]) == {"architecture", "task"}
    assert stored.environment["threads"] == torch.get_num_threads()
    folder = made.machine.home.run(run.id)
    assert [file.name for file in folder.iterdir()] == ["weights.pt"]
    made.model(0).load_state_dict(checkpoint.load(folder / "weights.pt")["weights"])


def test_a_run_keeps_what_a_constant_prediction_reaches_on_both_splits(job, store):
    made = job()
    [run] = do(made, store)
    assert set(run.metrics) == {"valid", "test", "chance_valid", "chance_test"}
    for part in ("valid", "test"):
        targets = getattr(made.splits, part).targets
        assert run.metrics[f"chance_{part}"] == targets.bincount().max().item() / len(targets)
    assert store.runs_frame()[["chance_valid", "chance_test"]].values.tolist() == [
        [run.metrics["chance_valid"], run.metrics["chance_test"]]
    ]


def test_a_result_is_kept_where_the_chance_level_cannot_be_computed(job, store, monkeypatch):
    def broken(task, train, data):
        raise TypeError("no targets")

    monkeypatch.setattr("harness.execution.chance_level", broken)
    [run] = do(job(), store)
    assert (run.state, set(run.metrics)) == ("done", {"valid", "test"})
    assert any("no targets" in warning for warning in run.warnings)


def test_a_layer_that_breaks_its_contract_leaves_nothing_behind(job, store):
    made = job(trouble="contract")
    with pytest.raises(UserError, match="architecture mean: its layer returns a Tensor"):
        do(made, store)
    assert store.runs() == []
    assert not (made.machine.home.path / "runs").exists()


def test_what_is_done_is_not_done_again_unless_asked(job, store):
    made, ear = job(), Ear()
    [first] = do(made, store, ear=ear)
    [same] = do(made, store, ear=ear)
    assert same.id == first.id
    assert ear.ends == [(0, "done", False), (0, "done", True)]
    [again] = do(made, store, again=True)
    assert again.id != first.id
    assert again.metrics == first.metrics
    assert len(store.runs()) == 2


def test_several_seeds_are_several_runs_of_one_recipe(job, store):
    runs = do(job(), store, seeds=(3, 0, 1))
    assert [run.seed for run in runs] == [3, 0, 1]
    assert len({run.recipe_hash for run in runs}) == 1
    assert len({tuple(point.train_loss for point in store.get(run.id).curve) for run in runs}) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_interrupts_and_the_same_call_goes_on(job, store, number):
    made = job(epochs=4, dropout=0.5)
    [whole] = do(made, store)
    store.delete([whole.id])
    ear = Ear(at=8, then=lambda: os.kill(os.getpid(), number))
    before = signal.getsignal(number)
    [run] = do(made, store, seeds=(0, 1), ear=ear)
    assert signal.getsignal(number) is before
    assert (run.state, run.reason) == ("interrupted", f"stopped by {signal.Signals(number).name}")
    assert (run.epochs_done, run.steps_done, run.metrics["test"]) == (1, 8, None)
    ear = Ear()
    done, other = do(made, store, seeds=(0, 1), ear=ear)
    assert ear.resumed == [(1, 3), None]
    assert (done.id, done.state, done.reason) == (run.id, "done", None)
    assert done.metrics == whole.metrics
    assert len(store.runs()) == 2
    assert other.seed == 1


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("part", ["valid", "test"])
def test_a_signal_during_an_evaluation_is_heeded_and_costs_nothing(job, store, part):
    made = job(epochs=2, dropout=0.5)
    [whole] = do(made, store)
    store.delete([whole.id])
    data, batch = getattr(made.splits, part), made.task.batch
    made.task.batch = lambda given, *rest: (given is data and interrupt()) or batch(given, *rest)
    made.named.recipe.training.__dict__["eval_batch_size"] = 10  # several batches, so that one comes after the signal
    [run] = do(made, store, seeds=(0, 1))
    assert (run.state, run.metrics["test"]) == ("interrupted", None)
    made.task.batch = batch
    [done] = do(made, store)
    assert done.id == run.id
    assert done.metrics == whole.metrics


def test_a_signal_at_the_very_end_keeps_the_run_and_leaves_the_other_seeds(job, store):
    class Late(Ear):
        def on_pause(self, progress):
            if progress.over and len(store.runs()) == 1:
                interrupt()

    made, runs = job(epochs=1), []
    with pytest.raises(KeyboardInterrupt):
        runs.extend(execute(made, store, (0, 1), Late()))
    assert len(store.runs()) == 1


def test_a_signal_that_the_process_ignores_stays_ignored(job, store):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        [run] = do(job(), store, ear=Ear(at=3, then=lambda: os.kill(os.getpid(), signal.SIGHUP)))
        assert run.state == "done"
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_unfinished_run_of_another_machine_is_left_to_it(job, store):
    made = job()
    [run] = do(made, store, ear=Ear(at=3, then=interrupt))
    shutil.rmtree(made.machine.home.run(run.id))
    store.update(run.id, environment={**run.environment, "hostname": "elsewhere"})
    [own] = do(made, store)
    assert own.id != run.id
    assert store.get(run.id).state == "interrupted"


def test_what_is_done_is_shown_even_if_doing_it_again_failed(job, store):
    made = job()
    [done] = do(made, store)
    store.add(replace(done, id="f" * 12, state="failed", created="2999-01-01T00:00:00.000000Z"))
    [shown] = do(made, store)
    assert shown.id == done.id


def test_a_run_that_was_killed_goes_on_from_its_checkpoint(job, store):
    class Killed(BaseException):
        """Ends the run without any of its clean-up of state, as kill -9 does to the store."""

    def die():
        raise Killed

    made = job(epochs=4, dropout=0.5, checkpoint_every=0.0)
    [whole] = do(made, store)
    store.delete([whole.id])
    with pytest.raises(Killed):
        do(made, store, ear=Ear(at=12, then=die))
    [left] = store.runs()
    assert left.state == "running"
    ear = Ear()
    [done] = do(made, store, ear=ear)
    assert ear.resumed == [(2, 1)]
    assert (done.id, done.state) == (left.id, "done")
    assert done.metrics == whole.metrics
    assert [(p.epoch, p.train_loss) for p in store.get(done.id).curve] == [(p.epoch, p.train_loss) for p in whole.curve]


def test_a_damaged_checkpoint_costs_time_but_no_numbers(job, store):
    made = job(epochs=3)
    [run] = do(made, store, ear=Ear(at=7, then=lambda: os.kill(os.getpid(), signal.SIGINT)))
    (made.machine.home.run(run.id) / "checkpoint.pt").write_bytes(b"damaged")
    ear = Ear()
    [done] = do(made, store, ear=ear)
    assert ear.resumed == [None]
    assert done.id == run.id
    store.delete([done.id])
    assert do(made, store)[0].metrics == done.metrics


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("nan", "diverged at step 7 (loss nan)"),
        ("memory", "out of memory at step 7: use a smaller batch (--set batch_size=8) or a smaller layer"),
        ("bug", "RuntimeError: mat1 and mat2 do not fit (tiny.py, line "),
        ("exit", "SystemExit: 3 (tiny.py, line "),
    ],
)
def test_a_failed_run_is_stored_with_its_reason_and_its_curve(job, store, trouble, reason):
    made = job(trouble=trouble, at=7)
    runs = do(made, store, seeds=(0, 1))
    assert [run.state for run in runs] == ["failed", "failed"], "one seed's failure doesn't end the others"
    assert reason in runs[0].reason
    stored = store.get(runs[0].id)
    assert [point.epoch for point in stored.curve] == [1]
    assert stored.metrics["test"] is None
    assert [run.id for run in do(made, store, seeds=(0, 1))] == [run.id for run in runs], "tried again as the same runs"


def test_two_processes_do_not_train_the_same_run(job, store):
    made = job()
    ear = Ear(at=1, then=lambda: refused(made, store))

    def refused(made, store):
        with pytest.raises(UserError, match="mean on sign with seed 0 is being trained by another process"):
            do(made, store)

    do(made, store, ear=ear)
    assert len(store.runs()) == 1


def test_changed_data_of_a_plugin_are_another_run(job, store):
    [first] = do(job(), store)
    made = job()
    made._splits = replace(made.splits, checksum="other")
    [second] = do(made, store)
    assert second.id != first.id
    assert [run.id for run in do(job(), store)] == [first.id]


@pytest.mark.parametrize("pinned", [True, False])
def test_other_data_of_a_built_in_task_are_another_run_unless_there_is_one_data_set_only(
    registry, store, tmp_path, monkeypatch, pinned
):
    changes = {"epochs": 1, "train_limit": 10, "hidden_size": 2}
    made = Job(
        registry,
        named(registry, "lstm", "basicmotions", changes=changes),
        Machine(Home(tmp_path), tmp_path, True, "cpu"),
    )
    [first] = do(made, store)
    assert made.task.pinned, "what comes with a package is verified by a checksum of the project"
    monkeypatch.setattr(type(made.task), "pinned", pinned)
    made._splits = replace(made.splits, checksum="other")
    [second] = do(made, store)
    assert (second.id == first.id) is pinned


@pytest.mark.parametrize(
    ("device", "told"), [("cuda:99", "CUDA devices"), ("meta", "only auto, cpu and cuda"), ("x", "--device x")]
)
def test_a_device_that_is_not_here_is_one_sentence(job, device, told):
    with pytest.raises(UserError, match=told):
        replace(job().machine, device=device).torch_device()


def test_what_a_task_or_layer_complains_of_reaches_the_person(job, store):
    with pytest.raises(UserError, match="task sign: length must be at least 1, got 0"):
        job(length=0)
    with pytest.raises(UserError, match="task sign: sign lacks signs.csv: put it there"):
        do(job(bad=True), store)
    with pytest.raises(UserError, match="architecture mean: scale must be positive, got -1"):
        do(job(scale=-1.0), store)
    assert store.runs() == []


def test_backends_are_counted_over_all_sittings(registry, store, tmp_path):
    named_recipe = named(registry, "gru", "sign", changes={"epochs": 3, "batch_size": 16, "hidden_size": 3})
    machine = Machine(Home(tmp_path / "home"), tmp_path, True, "cpu")
    [whole] = do(Job(registry, named_recipe, machine), store)
    assert whole.backends == {"gru (native)": {"torch": 3 * 5 + 3 + 1}}  # steps, validations, test
    store.delete([whole.id])
    made = Job(registry, named_recipe, machine)
    do(made, store, ear=Ear(at=7, then=lambda: os.kill(os.getpid(), signal.SIGINT)))
    assert do(made, store)[0].backends == whole.backends


def test_other_threads_after_an_interruption_are_a_warning(job, store):
    made = job()
    do(made, store, ear=Ear(at=7, then=lambda: os.kill(os.getpid(), signal.SIGINT)))
    before, made.threads = made.threads, 99
    assert do(made, store)[0].warnings == [f"went on with threads 99 after {before}: the last digits may differ"]


@pytest.mark.parametrize(("asked", "found"), [(None, "flushed"), ("keep", "kept")])
def test_a_run_records_what_became_of_subnormal_numbers(job, store, monkeypatch, asked, found):
    if asked is None:
        monkeypatch.delenv("HARNESS_SUBNORMALS", raising=False)
    else:
        monkeypatch.setenv("HARNESS_SUBNORMALS", asked)
    [run] = do(job(), store)
    assert run.environment["subnormals"] == found
    assert sys.float_info.min / 2 > 0, "this thread is as it was"


def test_another_choice_of_subnormals_after_an_interruption_is_a_warning(job, store, monkeypatch):
    made = job()
    do(made, store, ear=Ear(at=7, then=lambda: os.kill(os.getpid(), signal.SIGINT)))
    monkeypatch.setenv("HARNESS_SUBNORMALS", "keep")
    assert do(made, store)[0].warnings == ["went on with subnormals kept after flushed: the last digits may differ"]


def test_no_other_word_for_subnormals_is_taken(job, store, monkeypatch):
    monkeypatch.setenv("HARNESS_SUBNORMALS", "maybe")
    with pytest.raises(UserError, match="HARNESS_SUBNORMALS=maybe"):
        do(job(), store)
