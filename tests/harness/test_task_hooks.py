"""What a task may ask of the harness: an encoder with settings, batches by length, targets on another scale, noise."""

from __future__ import annotations

import pytest
import torch

from harness.errors import UserError
from harness.evaluation import evaluate
from harness.execution import Job, execute
from harness.home import Home
from harness.machine import Machine
from harness.recipe import compose
from harness.recipes import named
from harness.registry import Registry
from harness.store import open_store

PLUGIN = '''"""Tasks that use every hook."""

import torch
from torch import nn

from tasks import Batch, Data, DataSet, Splits, Task, Windows


class Words(Task):
    """Is the last of the words of a text an even one?"""

    name, title, kind, metric = "words", "Words", "classification", "accuracy"
    protocol = source = licence = citation = "made for tests"
    input_size, output_size = 6, 1

    def load(self, sources):
        generator = torch.Generator().manual_seed(0)
        lengths = torch.randint(1, 30, (203,), generator=generator)
        stream = torch.randint(1, 9, (int(lengths.sum()),), generator=generator, dtype=torch.int16)
        starts = lengths.cumsum(0) - lengths
        targets = 1 - stream[starts + lengths - 1].long() % 2
        parts = (slice(0, 103), slice(103, 150), slice(150, 203))
        self.vocabulary = int(stream.max()) + 1
        return Splits.of(*(
            Windows(inputs=starts[p], targets=targets[p], lengths=lengths[p], stream=stream) for p in parts
        ))

    def __init__(self, padded: bool = False):
        self.reads_padding = padded

    def batch(self, data, index, generator=None):
        batch = super().batch(data, index)
        return Batch(batch.inputs, batch.targets) if self.reads_padding else batch

    def sequences(self, rows):
        return rows.t().long()

    def encoder(self, *, word_dropout: float = 0.0):
        if not 0 <= word_dropout < 1:
            raise ValueError(f"word_dropout must be from 0 to below 1, got {word_dropout}")
        return nn.Sequential(nn.Embedding(self.vocabulary, 6, padding_idx=0), nn.Dropout(word_dropout))


class Pulse(Task):
    """How fast does it beat? Trained on standardised targets."""

    name, title, kind, metric = "pulse", "Pulse", "regression", "rmse"
    protocol = source = licence = citation = "made for tests"
    input_size, output_size, length = 1, 1, 4
    datasets = (DataSet("beats", "Beats", ("beats",), {"beats.txt": 1}, 10, "none"),)

    def load(self, sources):
        inputs = torch.randn(90, 4, 1, generator=torch.Generator().manual_seed(0))
        beats = 80 + 20 * inputs.mean(dim=1)
        self.mean, self.deviation = beats[:50].mean(), beats[:50].std()
        scaled = (beats - self.mean) / self.deviation
        parts = (slice(0, 50), slice(50, 70), slice(70, 90))
        return Splits.of(*(Data(inputs[p], scaled[p]) for p in parts))

    def restore(self, values):
        return values * self.deviation + self.mean


class Noisy(Pulse):
    """The same with noise that is drawn anew in training."""

    name, title = "noisy", "Noisy"

    def batch(self, data, index, generator=None):
        plain = super().batch(data, index)
        noise = 0 if generator is None else torch.randn(plain.inputs.shape, generator=generator)
        return Batch(plain.inputs + noise, plain.targets)
'''


@pytest.fixture
def hooks(tmp_path) -> Registry:
    file = tmp_path / "hooks.py"
    file.write_text(PLUGIN)
    return Registry((str(file),))


@pytest.fixture
def make(hooks, tmp_path):
    def make(task: str, **changes) -> Job:
        recipe = named(hooks, "gru", task, changes={"epochs": 2, "batch_size": 10, "hidden_size": 4, **changes})
        return Job(hooks, recipe, Machine(Home(tmp_path / "home"), tmp_path, True, "cpu"))

    return make


def test_settings_of_the_encoder_are_a_table_of_the_recipe(hooks, make):
    recipe = compose(hooks, "gru", "words", {"encoder": {"word_dropout": 0.5}})
    assert recipe.to_dict()["encoder"] == {"word_dropout": 0.5}
    assert compose(hooks, "gru", "words", {}, {"word_dropout": 0.5}).hash == recipe.hash
    assert compose(hooks, "gru", "words", {}).hash != recipe.hash
    assert make("words", word_dropout=0.25).model(0).encoder[1].p == 0.25


def test_a_task_without_such_settings_has_no_such_table(hooks):
    assert "encoder" not in compose(hooks, "gru", "pulse", {}).to_dict()
    with pytest.raises(UserError, match="there is no key 'word_dropout' for gru on pulse"):
        compose(hooks, "gru", "pulse", {}, {"word_dropout": 0.5})


def test_a_wrong_setting_of_the_encoder_is_one_sentence(hooks, make):
    with pytest.raises(UserError, match="encoder of words: word_dropout = 'x' is refused"):
        compose(hooks, "gru", "words", {"encoder": {"word_dropout": "x"}})
    with pytest.raises(UserError, match="task words: word_dropout must be from 0 to below 1, got 2"):
        make("words", word_dropout=2.0).model(0)


def test_the_data_are_loaded_before_the_encoder_is_asked_for(make):
    assert make("words").model(0).encoder[0].num_embeddings == 9


def test_a_bucket_sorts_by_length_inside_pools_and_shuffles_the_batches(make):
    trainer = make("words", bucket=5).trainer(0)
    lengths = trainer.train_data.lengths
    batches = trainer.batches(0)
    assert [len(batch) for batch in batches] == [10] * 10 + [3]
    assert torch.cat(batches).sort().values.tolist() == list(range(103))
    spread = [int(lengths[batch].max() - lengths[batch].min()) for batch in batches[:10]]
    random = [int(lengths[batch].max() - lengths[batch].min()) for batch in make("words").trainer(0).batches(0)[:10]]
    assert max(spread) < min(random), "a fifth of a pool spans less than a random batch"
    longest = [int(lengths[batch].max()) for batch in batches]
    assert longest != sorted(longest)
    assert not torch.equal(batches[0], trainer.batches(1)[0])
    assert all(torch.equal(one, other) for one, other in zip(batches, trainer.batches(0), strict=True))


def test_a_bucket_without_lengths_is_refused(make):
    with pytest.raises(UserError, match="bucket is for sequences of different lengths; those of pulse have one length"):
        make("pulse", bucket=5).trainer(0)


def test_an_evaluation_by_length_scores_the_same_with_less_padding(make):
    job = make("words")
    model, steps = job.model(0), {False: 0, True: 0}
    scores = []
    for by_length in (False, True):
        model.backbone.register_forward_pre_hook(
            lambda module, args, kind=by_length: steps.__setitem__(kind, steps[kind] + len(args[0]))
        )
        scores.append(evaluate(model, job.task, job.splits.test, 10, by_length=by_length))
        model.backbone._forward_pre_hooks.clear()
    assert scores[0].metric == scores[1].metric
    assert scores[0].loss == pytest.approx(scores[1].loss, rel=1e-6)
    assert steps[True] < steps[False]


def test_where_the_padding_is_read_evaluations_keep_the_order_of_the_data(make):
    seen = []
    for task, bucket in (("words[padded=true]", None), ("words[padded=true]", 5), ("words", 5)):
        changes = {} if bucket is None else {"bucket": bucket}
        trainer = make(task, epochs=1, eval_batch_size=10, **changes).trainer(0)
        seen.append([])
        batch = trainer.task.batch
        trainer.task.batch = lambda data, index, generator=None, batch=batch: (
            (seen[-1].append(index.tolist()) if generator is None else None) or batch(data, index, generator)
        )
        trainer.run()
    plain, padded, last = seen
    assert padded == plain, "a setting of the training must not change what is measured"
    assert last != plain


def test_the_name_of_a_variant_can_be_typed_back(hooks, make):
    label = make("words[padded=true]").label
    assert label == "words[padded=true]"
    assert make(label).label == label


def test_padding_has_no_effect_on_what_is_read(make):
    job = make("words")
    model, test = job.model(0).eval(), job.splits.test
    alone = [
        model(batch.inputs, batch.lengths) for batch in (job.task.batch(test, torch.tensor([i])) for i in range(9))
    ]
    batch = job.task.batch(test, torch.arange(9))
    assert len(set(batch.lengths.tolist())) > 1
    torch.testing.assert_close(model(batch.inputs, batch.lengths), torch.cat(alone))


def test_an_error_is_in_the_original_units_whatever_the_scale_of_the_training(make):
    job = make("pulse")

    class Off(torch.nn.Module):
        """Right but for 0.1 standard deviations."""

        def forward(self, inputs, lengths=None):
            beats = 80 + 20 * inputs.mean(dim=0)
            return (beats - job.task.mean) / job.task.deviation + 0.1

    _ = job.splits
    score = evaluate(Off(), job.task, job.splits.test, 7)
    assert score.metric == pytest.approx(0.1 * float(job.task.deviation), rel=1e-5), "beats, not standard deviations"
    assert score.loss == pytest.approx(0.01, rel=1e-4), "the loss stays on the scale of the training"


def test_the_noise_of_training_comes_from_seed_epoch_and_step(make):
    job = make("noisy")
    trainer, index = job.trainer(0), torch.arange(4)
    drawn = [
        job.task.batch(job.splits.train, index, t.generator(epoch, step)).inputs
        for t, epoch, step in [
            (trainer, 0, 0),
            (job.trainer(0), 0, 0),
            (trainer, 0, 1),
            (trainer, 1, 0),
            (job.trainer(1), 0, 0),
        ]
    ]
    assert torch.equal(drawn[0], drawn[1])
    assert all(not torch.equal(drawn[0], other) for other in drawn[2:])


def test_a_run_that_was_interrupted_draws_the_same_noise(make, tmp_path):
    whole, cut = (
        make("noisy").trainer(0),
        make("noisy").trainer(0, file=tmp_path / "c.pt", stop=iter([None] * 4 + ["x"]).__next__),
    )
    whole.run()
    with pytest.raises(Exception, match="x"):
        cut.run()
    rest = make("noisy").trainer(0, file=tmp_path / "c.pt")
    assert rest.resume() is not None
    rest.run()
    assert [p.train_loss for p in rest.progress.curve] == [p.train_loss for p in whole.progress.curve]


def test_padded_sequences_and_encoders_train_to_the_end(make, tmp_path):
    job = make("words", bucket=3, word_dropout=0.1, epochs=30, lr=0.02)
    from harness.execution import Monitor

    [run] = execute(job, open_store(tmp_path / "home"), [0], Monitor())
    assert run.state == "done"
    assert run.metrics["test"] > 0.8
    assert run.parameters - run.parameters_without_embedding == 9 * 6
    assert run.recipe["encoder"] == {"word_dropout": 0.1}
