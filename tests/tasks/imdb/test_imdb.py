from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tasks import Data, Sources
from tasks.imdb.task import IMDB
from tasks.imdb.tokens import PADDING, UNKNOWN

TEXTS = ("a film", "Naïve?<br /><br />It isn't. ", "\xa0so  well-made ", "terrible acting, ", "£5 for £0 \u2014 ")


class Miniature:
    """30 training and 26 test reviews, half of them positive, each with its number and part in it; three vectors."""

    def __init__(self, root: Path) -> None:
        self.root, self.told = root, list[tuple[str, int, int]]()
        numbers = np.random.default_rng(0)
        for part, count in (("train", 15), ("test", 13)):
            for label in ("neg", "pos"):
                folder = root / "imdb/aclImdb" / part / label
                folder.mkdir(parents=True)
                for number in range(count):
                    text = "".join(numbers.choice(TEXTS, numbers.integers(1, 12)))
                    (folder / f"{number}_{7 * (label == 'pos') + 2}.txt").write_text(
                        f"{part}{label}{number} {text}", encoding="utf-8"
                    )
        (root / "imdb/aclImdb/train/pos/3_9.txt").write_text("\nlate\n", encoding="utf-8")
        (root / "glove").mkdir()
        vectors = "".join(
            f"{word} {' '.join([number] * 100)}\n" for number, word in enumerate_text("film", "so", "zzz")
        )
        (root / "glove/glove.6B.100d.txt").write_text(vectors, encoding="utf-8")

    @property
    def sources(self) -> Sources:
        return Sources(self.root, offline=True, report=lambda *report: self.told.append(report))

    @property
    def tokenised(self) -> bool:
        """Whether reviews were tokenised since this was last asked."""
        told, self.told = self.told, []
        return any(what == "tokenising reviews" for what, _, _ in told)

    def task(self, embedding: Any = "glove", readout: Any = "padded", words: int = 40) -> IMDB:
        reviews, glove = IMDB.datasets
        contents = {pattern: 15 if pattern.startswith("train") else 13 for pattern in reviews.contents}
        order = np.random.RandomState(0).permutation(30).astype("<i8")
        sizes = {
            "datasets": (
                replace(reviews, name="miniature-reviews", contents=contents),
                replace(glove, name="miniature-glove", pinned=False),
            ),
            "train_size": 20,
            "words": words,
            "order_sha256": sha256(order.tobytes()).hexdigest(),
        }
        return type("MiniatureIMDB", (IMDB,), sizes)(embedding=embedding, readout=readout)


def enumerate_text(*words: str) -> Iterator[tuple[str, str]]:
    """Words with their numbers from 1 as text."""
    return ((str(number), word) for number, word in enumerate(words, start=1))


@pytest.fixture
def miniature(tmp_path: Path) -> Miniature:
    return Miniature(tmp_path / "data")


def said(task: IMDB, data: Data, number: int) -> list[str]:
    """The words of one review."""
    numbers = task.batch(data, torch.tensor([number])).inputs[:, 0]
    return [task.vocabulary[word] for word in numbers]


class Last(nn.Module):
    """A recurrence with a long memory under the embedding, read as the harness reads one."""

    def __init__(self, embedding: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.embedding, self.layer, self.head = embedding, nn.GRU(100, 8), nn.Linear(8, 1)

    def forward(self, words: Tensor, lengths: Tensor | None) -> Tensor:
        output, _ = self.layer(self.embedding(words))
        last = output[-1] if lengths is None else output[lengths - 1, torch.arange(len(lengths))]
        return self.head(last).squeeze(1)


def test_the_published_sizes() -> None:
    task = IMDB()
    assert (task.input_size, task.output_size, task.length, task.loss) == (100, 1, None, "bce")
    assert (task.train_size, task.words, task.embedding, task.readout) == (17_500, 25_000, "glove", "padded")
    assert [dataset.name for dataset in task.needs()] == ["aclimdb", "glove"]
    assert [dataset.name for dataset in IMDB(embedding="random").needs()] == ["aclimdb"]


@pytest.mark.parametrize("keyword", ["embedding", "readout"])
def test_another_variant_is_refused_with_the_choices(keyword: str) -> None:
    choices = {"embedding": "glove, random", "readout": "padded, last"}[keyword]
    with pytest.raises(ValueError, match=f"^{keyword} must be one of {choices}, got 'fasttext'$"):
        IMDB(**{keyword: "fasttext"})  # type: ignore[arg-type]


def test_the_parts_are_disjoint_complete_and_in_the_frozen_order(miniature: Miniature) -> None:
    task = miniature.task(words=1000)
    splits = task.load(miniature.sources)
    names = [f"train{label}{number}" for label in ("neg", "pos") for number in sorted(range(15), key="{}_".format)]
    wanted = [names[place] for place in np.random.RandomState(0).permutation(30)]
    found = [said(task, splits.train, number)[0] for number in range(20)]
    assert [word if word != "<pad>" else "trainpos3" for word in found] == wanted[:20]
    for data, labels in (
        (splits.train, wanted[:20]),
        (splits.valid, wanted[20:]),
        (splits.test, ["neg"] * 13 + ["pos"] * 13),
    ):
        assert data.targets.tolist() == [int("pos" in label) for label in labels]
        assert data.targets.dtype == torch.int64


def test_words_that_only_other_parts_hold_are_unknown(miniature: Miniature) -> None:
    task = miniature.task(words=1000)
    splits = task.load(miniature.sources)
    assert not any(re.match("test", word) for word in task.vocabulary)
    for data in (splits.valid, splits.test):
        assert all(said(task, data, number)[0] in ("<unk>", "<pad>") for number in range(len(data)))
    small = miniature.task(embedding="random", words=5)
    small.load(miniature.sources)
    assert small.vocabulary[2:] == task.vocabulary[2:7]


def test_streams_are_compact_and_each_part_has_its_own(miniature: Miniature) -> None:
    splits = miniature.task().load(miniature.sources)
    for data in (splits.train, splits.valid, splits.test):
        stream, lengths = data.tensors()["stream"], data.lengths
        assert stream.dtype == torch.int16
        assert lengths is not None
        assert len(stream) == lengths.sum()
        assert lengths.min() >= 1
        assert data.inputs.tolist() == [0, *lengths.cumsum(0)[:-1].tolist()]


def test_a_batch_is_padded_to_its_longest_review(miniature: Miniature) -> None:
    task = miniature.task(readout="last")
    train = task.load(miniature.sources).train
    assert train.lengths is not None
    index = torch.tensor([4, 11, 4])
    batch = task.batch(train, index)
    assert batch.inputs.dtype == torch.int64
    assert batch.inputs.is_contiguous()
    assert batch.inputs.shape == (max(train.lengths[index]), 3)
    assert batch.lengths is not None
    assert batch.lengths.tolist() == train.lengths[index].tolist()
    assert torch.equal(batch.targets, train.targets[index])
    for column, number in enumerate(index.tolist()):
        end = int(train.lengths[number])
        assert torch.equal(batch.inputs[:end, column], task.batch(train, index[column : column + 1]).inputs[:, 0])
        assert (batch.inputs[end:, column] == PADDING).all()


def test_the_last_word_is_read_whatever_shares_the_batch_and_the_padding_only_as_published(miniature) -> None:
    last, padded = miniature.task(readout="last"), miniature.task()
    splits = last.load(miniature.sources)
    assert padded.load(miniature.sources).checksum == splits.checksum
    data, lengths = splits.test, splits.test.lengths
    short, long = torch.stack([lengths.argmin(), lengths.argmax()]).unsqueeze(1)
    model = Last(last.encoder()).eval()

    def predicted(task: IMDB, *index: Tensor) -> Tensor:
        batch = task.batch(data, torch.cat(index))
        return model(batch.inputs, batch.lengths)[0]

    assert lengths[short] < lengths[long]
    assert torch.allclose(predicted(last, short), predicted(last, short, long), atol=1e-6)
    assert torch.allclose(predicted(padded, short), predicted(last, short), atol=1e-6)
    assert abs(predicted(padded, short, long) - predicted(last, short)) > 1e-3


@pytest.mark.parametrize("size", [1, 3, 8, 25, 26])
def test_accuracy_as_a_sum_is_exact_and_the_published_mean_of_batches_is_not(miniature: Miniature, size: int) -> None:
    task = miniature.task(readout="last")
    test = task.load(miniature.sources).test
    right, means = 0, []
    for index in torch.arange(len(test)).split(size):
        batch = task.batch(test, index)
        hits = (torch.ones(len(index)) == batch.targets).double()  # all are called positive: half of them are
        right, means = right + int(hits.sum()), [*means, float(hits.mean())]
    assert right / len(test) == 0.5
    assert (np.mean(means) == 0.5) == (26 % size == 0)


def test_known_words_start_from_their_vectors_and_others_from_noise(miniature: Miniature) -> None:
    task = miniature.task()
    task.load(miniature.sources)
    torch.manual_seed(3)
    weight = task.encoder().weight.detach()
    assert weight.shape == (42, 100)
    for number, word in enumerate(task.vocabulary):
        known = {"film": 1.0, "so": 2.0, "<unk>": 0.0, "<pad>": 0.0}.get(word)
        if known is None:
            assert 0.7 < weight[number].std() < 1.3
        else:
            assert (weight[number] == known).all()
    assert {"film", "so"} <= set(task.vocabulary)
    torch.manual_seed(3)
    assert torch.equal(task.encoder().weight, weight)
    assert not torch.equal(task.encoder().weight, weight)


def test_random_vectors_need_no_file_and_are_other_data(miniature: Miniature) -> None:
    with_vectors = miniature.task().load(miniature.sources).checksum
    (miniature.root / "glove/glove.6B.100d.txt").unlink()
    task = miniature.task(embedding="random")
    assert task.missing(miniature.sources) is None
    assert task.load(miniature.sources).checksum != with_vectors
    weight = task.encoder().weight.detach()
    assert not weight[[UNKNOWN, PADDING]].any()
    assert 0.9 < weight[2:].std() < 1.1


def test_the_padding_stays_zero_while_all_else_learns(miniature: Miniature) -> None:
    task = miniature.task()
    data = task.load(miniature.sources).train
    encoder = task.encoder(word_dropout=0.3)
    before, model = encoder.weight.detach().clone(), Last(encoder)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=0.01)
    for _ in range(3):
        batch = task.batch(data, torch.arange(20))
        loss = nn.functional.binary_cross_entropy_with_logits(model(batch.inputs, batch.lengths), batch.targets.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert not encoder.weight[PADDING].any()
    changed = (encoder.weight != before).any(dim=1)
    assert changed[2:].all()
    assert changed[UNKNOWN]


def test_an_encoder_needs_the_words(miniature: Miniature) -> None:
    with pytest.raises(ValueError, match="load the task first"):
        miniature.task().encoder()
    task = miniature.task()
    task.load(miniature.sources)
    with pytest.raises(ValueError, match="word_dropout must be at least 0 and below 1, got 1.0"):
        task.encoder(word_dropout=1.0)


def test_loading_twice_gives_the_same_and_draws_from_no_global_generator(miniature: Miniature) -> None:
    states = random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state()
    first = miniature.task().load(miniature.sources)
    elsewhere = replace(miniature.sources, cache=miniature.root / "elsewhere")
    assert miniature.task().load(elsewhere).checksum == first.checksum
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tobytes() == states[1]
    assert torch.equal(torch.get_rng_state(), states[2])


def test_work_done_is_kept_and_other_reviews_or_sizes_are_worked_on_anew(miniature: Miniature) -> None:
    first = miniature.task().load(miniature.sources)
    assert miniature.tokenised
    again = miniature.task().load(miniature.sources)
    assert not miniature.tokenised
    assert again.checksum == first.checksum
    assert miniature.task(words=41).load(miniature.sources).checksum != first.checksum
    assert miniature.tokenised
    (miniature.root / "imdb/aclImdb/train/neg/2_2.txt").write_text("another review")
    assert miniature.task().load(miniature.sources).checksum != first.checksum
    assert miniature.tokenised


def test_damaged_work_is_done_again(miniature: Miniature) -> None:
    first = miniature.task().load(miniature.sources)
    kept = [file for file in miniature.sources.caches.rglob("*") if file.is_file() and file.stat().st_size > 500]
    assert kept
    for file in kept:
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    assert miniature.tokenised
    assert miniature.task().load(miniature.sources).checksum == first.checksum
    assert miniature.tokenised


def test_a_review_that_is_missing_empty_or_no_text_is_one_sentence(miniature: Miniature) -> None:
    folder = miniature.root / "imdb/aclImdb"
    for content, told in ((b"", "is empty"), (b"caf\xe9", "is damaged")):
        (folder / "test/neg/5_2.txt").write_bytes(content)
        with pytest.raises(
            ValueError, match=f"^{re.escape(str(folder))}/test/neg/5_2.txt {told}.*: put a good copy there "
        ):
            miniature.task().load(miniature.sources)
    (folder / "test/neg/5_2.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks test/neg/\*\.txt \(12 of 13 files\)"):
        miniature.task().load(miniature.sources)


def test_vectors_that_are_missing_are_told_before_the_work_with_what_does_without(miniature: Miniature) -> None:
    (miniature.root / "glove/glove.6B.100d.txt").unlink()
    wanted = r"lacks glove\.6B\.100d\.txt.*, or choose imdb\[embedding=random\], which needs no vectors$"
    assert re.search(wanted, miniature.task().missing(miniature.sources) or "")
    with pytest.raises(FileNotFoundError, match=wanted):
        miniature.task().load(miniature.sources)
    assert not miniature.tokenised


@pytest.mark.parametrize("place", ["imdb/aclImdb", "IMDB/aclImdb", "aclImdb"])
def test_reviews_are_found_where_others_put_them(miniature: Miniature, place: str) -> None:
    first = miniature.task().load(miniature.sources)
    (miniature.root / "imdb/aclImdb").rename(miniature.root / "moved")
    (miniature.root / place).parent.mkdir(exist_ok=True)
    (miniature.root / "moved").rename(miniature.root / place)
    assert miniature.task().load(miniature.sources).checksum == first.checksum


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """The real reviews, in the folder that HARNESS_DATA names; tokenised there once, where that may be written."""
    root = os.environ.get("HARNESS_DATA")
    if not root:
        pytest.skip("HARNESS_DATA names no folder with the real IMDB reviews")
    cache = None if os.access(root, os.W_OK) else tmp_path_factory.mktemp("cache")
    sources = Sources(Path(root), offline=True, cache=cache)
    if told := IMDB(embedding="random").missing(sources):
        pytest.skip(f"the real IMDB reviews are not complete: {told}")
    return sources


def test_the_real_reviews_in_the_published_parts(real: Sources) -> None:
    task = IMDB(embedding="random")
    splits = task.load(real)
    parts = (splits.train, splits.valid, splits.test)
    assert [len(part) for part in parts] == [17_500, 7500, 25_000]
    assert (splits.train.targets.bincount() + splits.valid.targets.bincount()).tolist() == [12_500, 12_500]
    assert splits.test.targets.bincount().tolist() == [12_500, 12_500]
    assert len(task.vocabulary) == 25_002
    assert task.vocabulary[:6] == ["<unk>", "<pad>", "the", ",", ".", "and"]
    lengths = [part.lengths for part in parts if part.lengths is not None]
    assert [int(part.max()) for part in lengths] == [2142, 2789, 2637]
    assert [int(part.sum()) for part in lengths] == [4_778_101, 2_033_446, 6_658_084]
    assert splits.checksum == "1089c8fd9aa65429c103130732fbe5d6b5b76bcc3ddc53d4bda7d0f4dbda8934"  # with spaCy 3.8
    assert sum(tensor.nbytes for part in parts for tensor in part.tensors().values()) < 30e6
    batch = task.batch(splits.test, torch.arange(32))
    assert task.encoder()(batch.inputs).shape == (int(lengths[2][:32].max()), 32, 100)


def test_the_real_vectors(real: Sources) -> None:
    task = IMDB()
    if told := task.missing(real):
        pytest.skip(f"the real GloVe vectors are not there: {told}")
    task.load(real)
    weight = task.encoder().weight
    assert weight[task.vocabulary.index("the"), :3].tolist() == pytest.approx([-0.038194, -0.24487, 0.72812], rel=1e-6)
