from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.imdb import glove
from tasks.imdb.embedding import WordEmbedding
from tasks.sources import Wrong

PADDING = 1


def silent(what: str, done: int, total: int) -> None:
    """A report that nobody reads."""


def vectors_of(tmp_path: Path, text: str, *words: str):
    file = tmp_path / "glove.6B.3d.txt"
    file.write_bytes(text.encode())
    return glove.vectors_of(file, words, 3, silent)


def test_rows_of_the_words_are_kept_and_no_others(tmp_path: Path) -> None:
    found = vectors_of(tmp_path, "the 1 2 3\nof 4 5 6\nnaïve -.1 1e-3 0.25\n", "<unk>", "naïve", "The", "the")
    assert found["places"].tolist() == [1, 3]
    assert np.array_equal(found["vectors"], np.array([[-0.1, 1e-3, 0.25], [1, 2, 3]], np.float32))
    assert found["vectors"].dtype == np.float32


def test_words_are_looked_up_bare_of_blanks_and_the_last_line_of_a_word_counts(tmp_path: Path) -> None:
    found = vectors_of(tmp_path, "a 1 1 1\nb 2 2 2\na 3 3 3\n", "a", "\xa0a ", "  ")
    assert found["places"].tolist() == [0, 1]
    assert found["vectors"].tolist() == [[3, 3, 3], [3, 3, 3]]


@pytest.mark.parametrize("line", ["b 1 2", "b 1 2 3 4", "b", "b 1 two 3", "b 1 nan 3", "b 1  3"])
def test_a_line_that_is_no_vector_is_named(tmp_path: Path, line: str) -> None:
    where = re.escape(f"{tmp_path / 'glove.6B.3d.txt'}, line 2")
    with pytest.raises(Wrong, match=rf"^{where}: a word and 3 numbers should stand here$"):
        vectors_of(tmp_path, f"a 1 2 3\n{line}\n", "b")


def test_a_file_of_other_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Wrong, match="has no vector for any of 2 words$"):
        vectors_of(tmp_path, "a 1 2 3\n", "b", "c")


def embedding(word_dropout: float, words: int = 200, width: int = 3) -> WordEmbedding:
    torch.manual_seed(0)
    return WordEmbedding(words, width, padding=PADDING, word_dropout=word_dropout)


@pytest.mark.parametrize("share", [-0.1, 1.0, 1.5, float("nan")])
def test_a_share_of_words_is_from_zero_to_below_one(share: float) -> None:
    with pytest.raises(ValueError, match="word_dropout must be at least 0 and below 1, got"):
        embedding(share)


def test_whole_words_are_dropped_from_a_batch_and_the_others_scaled() -> None:
    layer = embedding(0.65)
    words = torch.arange(200).repeat(5, 4, 1).flatten(1, 2)[:, torch.randperm(800)]
    read = layer(words)
    assert read.shape == (5, 800, 3)
    dropped = {int(word) for word in words[(read == 0).all(dim=-1)]} - {PADDING}
    assert 100 < len(dropped) < 160  # 130 of 200 are expected, with a deviation of 7
    kept = torch.tensor([word not in dropped for word in range(200)])
    wanted = layer.weight.detach() / (1 - 0.65) * kept.unsqueeze(1)
    assert torch.equal(read, wanted[words])
    assert not torch.equal(layer(words), read), "every batch drops words of its own"


def test_gradients_are_those_of_a_masked_copy_of_all_vectors() -> None:
    layer = embedding(0.5)
    words, weights = torch.randint(200, (7, 30)), torch.randn(7, 30, 3)
    torch.manual_seed(5)
    (layer(words) * weights).sum().backward()
    torch.manual_seed(5)
    mask = torch.empty(200).bernoulli_(0.5) / 0.5
    copy = layer.weight.detach().clone().requires_grad_()
    (torch.nn.functional.embedding(words, copy * mask.unsqueeze(1), PADDING) * weights).sum().backward()
    assert layer.weight.grad is not None
    assert torch.allclose(layer.weight.grad, copy.grad, rtol=1e-6, atol=1e-6)
    assert not copy.grad[PADDING].any()


@pytest.mark.parametrize("training", [True, False])
def test_nothing_is_dropped_in_evaluations_nor_with_a_share_of_zero(training: bool) -> None:
    layer = embedding(0.0 if training else 0.65).train(training)
    words, state = torch.randint(200, (4, 6)), torch.get_rng_state()
    assert torch.equal(layer(words), layer.weight[words])
    assert torch.equal(torch.get_rng_state(), state)


def test_the_expectation_is_the_vector() -> None:
    layer = embedding(0.3, words=4, width=1)
    words = torch.tensor([[0, 2, 3]])
    mean = torch.stack([layer(words) for _ in range(4000)]).mean(dim=0)
    deviation = layer.weight[words].abs() * (0.3 / 0.7 / 4000) ** 0.5
    assert ((mean - layer.weight[words]).abs() < 4 * deviation).all()
