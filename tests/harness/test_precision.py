"""Less than float32 only where the recipe says so."""

import pytest
import torch

from harness.precision import calculating, mixed


def flags():
    return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize(("precision", "allowed"), [(None, False), ("bfloat16", False), ("tf32", True)])
def test_tf32_is_on_where_the_recipe_says_so_and_afterwards_as_before(precision, allowed):
    before = flags()
    with calculating(precision):
        assert flags() == (allowed, allowed)
    assert flags() == before


def test_bfloat16_is_for_products_only():
    weight = torch.ones(2, 2)
    with mixed("bfloat16", torch.device("cpu")):
        assert (weight @ weight).dtype == torch.bfloat16
        assert (weight + weight).dtype == torch.float32
    with mixed(None, torch.device("cpu")):
        assert (weight @ weight).dtype == torch.float32


def test_a_run_in_bfloat16_learns_and_says_so_in_its_recipe(job):
    plain, made = job(epochs=5), job(epochs=5, precision="bfloat16")
    assert "precision" not in plain.named.recipe.to_dict()["training"], "older hashes stay"
    assert made.named.recipe.hash != plain.named.recipe.hash
    trainer, seen = made.trainer(0), []
    trainer.model.head.register_forward_hook(lambda module, args, output: seen.append(output.dtype))
    assert trainer.run().valid.metric > 0.7
    assert set(seen) == {torch.bfloat16}
    assert {value.dtype for value in trainer.model.state_dict().values()} == {torch.float32}
