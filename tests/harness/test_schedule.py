import pytest
import torch

from harness.recipe import Training
from harness.schedule import learning_rate, optimizer


def test_step_drops_in_the_epoch_after_a_milestone():
    training = Training(epochs=120, lr=1.0, schedule="step", milestones=[100], decay=0.1)
    rates = [learning_rate(training, epoch) for epoch in range(120)]
    assert rates == [1.0] * 100 + [0.1] * 20  # (epoch + 1) % 100 == 0 ends the 100th epoch: the last 20 are slower


def test_two_milestones_multiply():
    training = Training(epochs=6, lr=1.0, schedule="step", milestones=[2, 4], decay=0.5)
    assert [learning_rate(training, epoch) for epoch in range(6)] == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_cosine_starts_at_the_rate_and_is_half_in_the_middle():
    training = Training(epochs=10, lr=0.2, schedule="cosine")
    assert learning_rate(training, 0) == 0.2
    assert learning_rate(training, 5) == pytest.approx(0.1, rel=1e-15)
    assert 0 < learning_rate(training, 9) < 0.01


def test_only_cosine_steps_changes_within_an_epoch():
    by_step = Training(epochs=2, lr=0.2, schedule="cosine_steps")
    assert learning_rate(by_step, 0) == 0.2
    assert learning_rate(by_step, 1) == pytest.approx(0.1, rel=1e-15)
    assert learning_rate(by_step, 1.999) < 1e-6
    for other in (Training(epochs=2, lr=0.2, schedule="cosine"), Training(epochs=2, lr=0.2)):
        assert learning_rate(other, 1.999) == learning_rate(other, 1)


@pytest.mark.parametrize(("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)])
def test_optimizer_takes_its_settings_from_the_recipe(name, kind):
    training = Training(optimizer=name, lr=0.3, weight_decay=0.01)
    made = optimizer(training, torch.nn.Linear(2, 2))
    assert type(made) is kind
    assert made.defaults["lr"] == 0.3
    assert made.defaults["weight_decay"] == 0.01
    assert made.defaults["betas"] == (0.9, 0.999)
