import math
from types import SimpleNamespace

import pytest
import torch

from harness.evaluation import chance_level, evaluate, loss_of


class Constant(torch.nn.Module):
    """Predicts what the inputs say."""

    def forward(self, inputs, lengths):
        return inputs


class Table:
    """A task whose batches are rows of given predictions and targets."""

    def __init__(self, loss, metric, outputs, targets):
        self.loss, self.metric, self.outputs, self.targets = loss, metric, outputs, targets

    def restore(self, values):
        return values

    def batch(self, data, index, generator=None):
        return SimpleNamespace(inputs=self.outputs[index], targets=self.targets[index], lengths=None)


class Rows(SimpleNamespace):
    def __len__(self):
        return len(self.targets)


def score(task, size):
    return evaluate(Constant(), task, Rows(targets=task.targets), size)


@pytest.mark.parametrize("size", [1, 3, 7, 8, 100])
def test_accuracy_is_exact_whatever_the_batch_size(size):
    outputs = torch.eye(3)[torch.tensor([0, 1, 2, 0, 1, 2, 0])]
    targets = torch.tensor([0, 1, 2, 1, 1, 2, 2])  # 5 of 7 right, both errors near the end
    result = score(Table("cross_entropy", "accuracy", outputs, targets), size)
    assert result.metric == 5 / 7, "a mean of batch means would weigh the last partial batch too much"
    exact = torch.nn.functional.cross_entropy(outputs.double(), targets)
    assert result.loss == pytest.approx(exact.item(), rel=1e-6)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_rmse_is_the_root_of_the_mean_over_all_samples(size):
    outputs, targets = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([1.0, 4.0, 7.0])
    result = score(Table("mse", "rmse", outputs, targets), size)
    assert result.metric == pytest.approx(math.sqrt((0 + 4 + 16) / 3), rel=1e-15)
    assert result.loss == pytest.approx(20 / 3, rel=1e-6)
    assert score(Table("mse", "mse", outputs, targets), size).metric == pytest.approx(20 / 3, rel=1e-15)


def test_two_classes_by_one_logit():
    outputs, targets = torch.tensor([[2.0], [-1.0], [0.5], [-3.0]]), torch.tensor([1, 0, 0, 0])
    assert score(Table("bce", "accuracy", outputs, targets), 3).metric == 0.75


def test_a_column_of_targets_is_not_broadcast_against_a_row_of_outputs():
    task = SimpleNamespace(loss="mse")
    assert loss_of(task, torch.tensor([[1.0], [3.0]]), torch.tensor([1.0, 3.0])).item() == 0


def test_dropout_rests_and_the_mode_comes_back():
    model = torch.nn.Sequential(torch.nn.Dropout(0.5))
    model.forward = lambda inputs, lengths, run=model.forward: run(inputs)
    task = Table("mse", "mse", torch.ones(4, 1), torch.ones(4, 1))
    model.train()
    assert evaluate(model, task, Rows(targets=task.targets), 2).metric == 0
    assert model.training


class Fresh(Table):
    """A task whose training samples are drawn anew: uniform targets from 0 to 2."""

    def __init__(self):
        super().__init__("mse", "mse", None, None)

    def batch(self, data, index, generator=None):
        return SimpleNamespace(targets=2 * torch.rand(len(index), 1, generator=generator))


def test_the_chance_level_of_classes_is_the_share_of_the_commonest_in_the_split_that_is_scored():
    trained, scored = Rows(targets=torch.tensor([0] * 9), fresh=False), Rows(targets=torch.tensor([1, 1, 2, 0, 1]))
    assert chance_level(Table("cross_entropy", "accuracy", None, None), trained, scored) == 3 / 5
    for share in (torch.tensor([1, 0, 0, 0]), torch.tensor([[0.0], [1.0], [1.0], [1.0]])):
        assert chance_level(Table("bce", "accuracy", None, None), trained, Rows(targets=share)) == 3 / 4


def test_the_chance_level_of_numbers_is_the_error_of_the_mean_of_the_training_targets_in_original_units():
    task = Table("mse", "rmse", None, None)
    task.restore = lambda values: 10 * values + 3
    trained = Rows(targets=torch.tensor([[0.0, 1.0], [2.0, 1.0]]), fresh=False)  # a mean of 1 in both outputs
    scored = Rows(targets=torch.tensor([[1.0, 3.0], [3.0, 1.0]]))
    assert chance_level(task, trained, scored) == pytest.approx(10 * math.sqrt((0 + 4 + 4 + 0) / 4))
    task.metric = "mse"
    assert chance_level(task, trained, Rows(targets=torch.tensor([2.0, 1.0]))) == pytest.approx(50.0)


def test_the_chance_level_beside_training_data_that_are_drawn_anew_is_the_same_every_time():
    trained, scored = Rows(targets=torch.empty(5000, 0), fresh=True), Rows(targets=torch.tensor([[0.5], [1.5]]))
    state = torch.get_rng_state()
    first = chance_level(Fresh(), trained, scored)
    assert first == chance_level(Fresh(), trained, scored)
    assert 0.25 <= first < 0.26, "the mean of the drawn targets is 1, or nearly so"
    assert torch.equal(torch.get_rng_state(), state)
