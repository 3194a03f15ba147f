import math

import pytest
import torch

from harness.errors import UserError
from harness.evaluation import evaluate
from harness.training import Failed, Interrupted, Listener


class StopAfter:
    """Asks for an end after being asked so often: before each step and before each batch of an evaluation."""

    def __init__(self, times):
        self.left = times

    def __call__(self):
        self.left -= 1
        return "stopped" if self.left < 0 else None


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def curve(trainer):
    """The curve without what a clock wrote."""
    return [(p.epoch, p.step, p.train_loss, p.valid_loss, p.valid, p.lr) for p in trainer.progress.curve]


def test_it_learns_and_its_curve_says_how(job):
    trainer = job(epochs=20).trainer(0)
    outcome = trainer.run()
    assert outcome.valid.metric > 0.9
    assert outcome.test.metric > 0.8
    points = trainer.progress.curve
    assert [point.epoch for point in points] == list(range(1, 21))
    assert [point.step for point in points] == [5 * epoch for epoch in range(1, 21)]  # 70 samples: 4 x 16 + 6
    assert points[-1].train_loss < points[0].train_loss


def test_every_sample_is_seen_once_an_epoch_the_last_partial_batch_too(job):
    trainer = job().trainer(0)
    for epoch in (0, 1):
        batches = trainer.batches(epoch)
        assert [len(batch) for batch in batches] == [16, 16, 16, 16, 6]
        assert torch.cat(batches).sort().values.tolist() == list(range(70))
    assert not torch.equal(trainer.batches(0)[0], trainer.batches(1)[0])


def test_the_train_loss_is_the_mean_over_the_samples(job):
    seen = []
    trainer = job(epochs=1).trainer(0)
    step = trainer.step
    trainer.step = lambda index, generator: seen.append((len(index), loss := step(index, generator))) or loss
    trainer.run()
    expected = sum(n * float(loss) for n, loss in seen) / 70
    assert trainer.progress.curve[0].train_loss == pytest.approx(expected, rel=1e-6)


def test_the_best_epoch_is_tested_once_and_its_weights_are_kept(job):
    made = job(epochs=8, lr=0.5)
    trainer = made.trainer(0)
    outcome = trainer.run()
    valid = [point.valid for point in trainer.progress.curve]
    assert outcome.valid.metric == max(valid)
    assert trainer.progress.best_epoch == 1 + valid.index(max(valid)), "the first of equals"
    model = made.model(0)
    model.load_state_dict(outcome.weights)
    assert evaluate(model, made.task, made.splits.test, 7).metric == outcome.test.metric
    assert evaluate(model, made.task, made.splits.valid, 7).metric == outcome.valid.metric


def test_final_takes_the_last_epoch(job):
    trainer = job(epochs=8, lr=0.5, selection="final").trainer(0)
    assert trainer.run().valid.metric == trainer.progress.curve[-1].valid


def test_the_test_split_is_evaluated_once(job):
    trainer = job(epochs=4).trainer(0)
    test, seen = trainer.splits.test, []
    batch = trainer.task.batch
    trainer.task.batch = lambda data, index, *rest: seen.append(data is test) or batch(data, index, *rest)
    trainer.run()
    assert sum(seen) == 1
    assert seen[-1]


@pytest.mark.parametrize(
    ("asked", "finished"), [(0, 0), (1, 1), (4, 4), (5, 5), (7, 6), (16, 14), (18, 15)], ids=lambda n: str(n)
)
def test_an_interrupted_run_goes_on_as_if_nothing_had_been(job, tmp_path, asked, finished):
    made = job(epochs=3, dropout=0.5, optimizer="adamw", schedule="cosine")
    whole = made.trainer(0)
    expected = whole.run()
    file = tmp_path / "c.pt"
    with pytest.raises(Interrupted):
        made.trainer(0, file=file, stop=StopAfter(asked)).run()
    torch.manual_seed(asked)  # what the caller draws in between has no influence
    again = made.trainer(0, file=file)
    progress = again.resume()
    assert progress.epoch * again.steps + progress.step == finished
    outcome = again.run()
    assert (outcome.valid, outcome.test) == (expected.valid, expected.test)
    assert same(outcome.weights, expected.weights)
    assert curve(again) == curve(whole)


def test_interrupted_at_every_step_it_still_ends_with_the_same_numbers(job, tmp_path):
    made = job(epochs=2, dropout=0.3)
    expected = made.trainer(0).run()
    for _ in range(100):
        trainer = made.trainer(0, file=tmp_path / "c.pt", stop=StopAfter(1))
        trainer.resume()
        try:
            outcome = trainer.run()
        except Interrupted:
            continue
        break
    assert same(outcome.weights, expected.weights)
    assert outcome.test == expected.test


def test_a_checkpoint_of_something_else_is_refused(job, tmp_path):
    file = tmp_path / "c.pt"
    with pytest.raises(Interrupted):
        job().trainer(0, file=file, stop=StopAfter(2)).run()
    with pytest.raises(UserError, match="of other data or another recipe"):
        job(lr=0.06).trainer(0, file=file).resume()
    with pytest.raises(UserError, match="of other data or another recipe"):
        job().trainer(1, file=file).resume()


@pytest.mark.parametrize(("trouble", "loss"), [("nan", "nan"), ("explode", None)])
def test_a_diverged_run_says_at_which_step_and_keeps_its_curve(job, trouble, loss):
    trainer = job(trouble=trouble, at=8).trainer(0)
    with pytest.raises(Failed, match="diverged at step 8") as caught:
        trainer.run()
    if loss:
        assert f"loss {loss}" in str(caught.value)
    assert [point.epoch for point in trainer.progress.curve] == [1]


def test_patience_ends_a_training_that_gets_no_better(job):
    trainer = job(epochs=100, lr=1e-12, patience=3).trainer(0)
    trainer.run()
    assert len(trainer.progress.curve) == 4, "the first epoch is the best one, and three more were waited for"


def test_max_time_ends_it_with_a_warning_and_a_test(job, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("harness.training.time.perf_counter", lambda: now[0])
    trainer = job(epochs=100, max_time=7.0).trainer(0)
    step = trainer.step
    trainer.step = lambda *args: now.__setitem__(0, now[0] + 1) or step(*args)
    outcome = trainer.run()
    assert math.isfinite(outcome.test.metric)
    assert [point.step for point in trainer.progress.curve] == [5, 7]
    assert trainer.progress.warnings == ["max_time ended the training at step 7, in epoch 2"]


def test_train_limit_trains_on_the_head_of_the_frozen_order(job):
    trainer = job(train_limit=20).trainer(0)
    assert (trainer.samples, trainer.steps) == (20, 2)
    assert torch.equal(trainer.train_data.inputs, trainer.splits.train.inputs[:20])


def test_fresh_data_have_steps_instead_of_samples(registry, job):
    from harness.execution import Job
    from harness.recipes import named

    changes = {"steps_per_epoch": 3, "epochs": 2, "batch_size": 4, "length": 6}
    trainer = Job(registry, named(registry, "mean", "adding", changes=changes), job().machine).trainer(0)
    assert (trainer.steps, trainer.samples) == (3, 12)
    drawn = [
        trainer.task.batch(trainer.train_data, trainer.batches(0)[0], trainer.generator(0, s)).inputs for s in (0, 0, 1)
    ]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    trainer.run()
    assert trainer.progress.curve[-1].step == 6
    with pytest.raises(UserError, match="train_limit means nothing for adding"):
        Job(registry, named(registry, "mean", "adding", changes={"train_limit": 5}), job().machine).trainer(0)
    with pytest.raises(UserError, match="steps_per_epoch is for tasks that draw fresh data"):
        job(steps_per_epoch=3).trainer(0)


def test_gradients_are_clipped(job):
    made = job(clip_norm=1e-3)
    trainer = made.trainer(0)
    trainer.step(trainer.batches(0)[0], None)
    norm = torch.stack([p.grad.norm() for p in trainer.model.parameters()]).norm()
    assert norm == pytest.approx(1e-3, rel=1e-4)


def test_the_listener_hears_of_steps_epochs_and_pauses(job, tmp_path):
    heard = []

    class Ear(Listener):
        def on_step(self, progress, steps, loss):
            heard.append(("step", progress.epoch, progress.step, steps, loss()))

        def on_epoch(self, progress):
            heard.append(("epoch", progress.epoch))

        def on_pause(self, progress):
            heard.append(("pause",))

    job(epochs=1).trainer(0, file=tmp_path / "c.pt", listener=Ear(), checkpoint_every=0).run()
    assert [entry[0] for entry in heard] == ["pause", "step"] * 5 + ["epoch", "pause", "pause"]
    assert all(math.isfinite(entry[4]) for entry in heard if entry[0] == "step")
