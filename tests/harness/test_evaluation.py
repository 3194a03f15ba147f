import math
from types import SimpleNamespace

import pytest
import torch

from harness.evaluation import evaluate, loss_of


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
