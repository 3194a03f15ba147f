from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from tasks import Data, Sources, Splits, series
from tasks.samples import BasicMotions, JapaneseVowels, Sample, dealt
from tasks.sources import library

SOURCES = Sources(Path("not-needed"), offline=True)
CHECKSUMS = {
    BasicMotions: "37f43f0a254b631240963347540ad4a1682f7286ff75e3550297996fec8a2ed3",
    JapaneseVowels: "fe521139650dcd942607034f756a95ea7989876781102400179c0d36b9c0abfa",
}


@pytest.fixture(scope="module")
def motions() -> Splits:
    return BasicMotions().load(SOURCES)


@pytest.fixture(scope="module")
def vowels() -> Splits:
    return JapaneseVowels().load(SOURCES)


def parts(splits: Splits) -> tuple[Data, Data, Data]:
    return splits.train, splits.valid, splits.test


def official(loader: str, part: str) -> tuple[list[np.ndarray], list[str]]:
    """What aeon itself loads: series (C, L) and their classes."""
    cases, classes = getattr(library("aeon.datasets", "aeon"), loader)(split=part)
    return list(cases), list(classes)


@pytest.mark.parametrize("task", CHECKSUMS)
def test_the_splits_are_frozen(task: type[Sample]) -> None:
    assert task().load(SOURCES).checksum == CHECKSUMS[task]
    assert task().pinned
    assert task().missing(SOURCES) is None


def test_the_sizes_of_the_motions(motions: Splits) -> None:
    task = BasicMotions()
    assert (task.length, task.input_size, task.output_size, task.loss) == (100, 6, 4, "cross_entropy")
    assert [tuple(part.inputs.shape) for part in parts(motions)] == [(32, 100, 6), (8, 100, 6), (40, 100, 6)]
    assert [part.targets.bincount().tolist() for part in parts(motions)] == [[8] * 4, [2] * 4, [10] * 4]
    assert all(part.lengths is None for part in parts(motions))


def test_the_sizes_of_the_vowels(vowels: Splits) -> None:
    task = JapaneseVowels()
    assert (task.length, task.input_size, task.output_size, task.loss) == (None, 12, 9, "cross_entropy")
    assert [tuple(part.inputs.shape) for part in parts(vowels)] == [(216, 29, 12), (54, 29, 12), (370, 29, 12)]
    speakers = [part.targets.bincount().tolist() for part in parts(vowels)]
    assert speakers == [[24] * 9, [6] * 9, [31, 35, 88, 44, 29, 24, 40, 50, 29]]
    lengths = torch.cat([part.lengths for part in parts(vowels) if part.lengths is not None])
    assert (len(lengths), lengths.min(), lengths.max()) == (640, 7, 29)


@pytest.mark.parametrize(
    ("task", "loader"), [(BasicMotions, "load_basic_motions"), (JapaneseVowels, "load_japanese_vowels")]
)
def test_series_keep_their_classes_and_their_official_part(task: type[Sample], loader: str) -> None:
    splits = task().load(SOURCES)
    names = sorted({*official(loader, "train")[1]})
    for found, part in ((parts(splits)[:2], "train"), (parts(splits)[2:], "test")):
        cases, classes = official(loader, part)
        wanted = {
            case.T.astype(np.float32).tobytes(): names.index(name) for case, name in zip(cases, classes, strict=True)
        }
        assert len(wanted) == len(cases)
        rows = [row for data in found for row in zip(*data.tensors().values(), strict=True)]
        got = {inputs[: length[0] if length else None].numpy().tobytes(): int(y) for inputs, y, *length in rows}
        assert got == wanted


def test_nothing_but_zeros_stands_behind_the_end(vowels: Splits) -> None:
    for part in parts(vowels):
        assert part.lengths is not None
        behind = torch.arange(29) >= part.lengths.unsqueeze(1)
        assert not part.inputs[behind].any()
        assert part.inputs[~behind].abs().sum(dim=1).min() > 0


def test_no_read_out_sees_the_padding(vowels: Splits) -> None:
    torch.manual_seed(0)
    task, network = JapaneseVowels(), torch.nn.GRU(12, 7)
    data = vowels.test

    def read(inputs: torch.Tensor) -> torch.Tensor:
        batch = task.batch(Data(inputs, data.targets, data.lengths), torch.arange(0, 370, 7))
        assert batch.lengths is not None
        packed = pack_padded_sequence(batch.inputs, batch.lengths, enforce_sorted=False)
        states, _ = network(batch.inputs)
        last = states[batch.lengths - 1, torch.arange(len(batch.lengths))]
        assert torch.allclose(network(packed)[1][0], last, rtol=0, atol=1e-6)
        return last

    behind = torch.arange(29) >= data.lengths.unsqueeze(1) if data.lengths is not None else torch.empty(0)
    assert torch.equal(read(data.inputs), read(data.inputs.masked_fill(behind.unsqueeze(-1), 1000.0)))


def test_the_head_of_training_is_a_mixture_of_all_classes(vowels: Splits, motions: Splits) -> None:
    assert vowels.train.head(72).targets.bincount(minlength=9).min() >= 3
    assert motions.train.head(16).targets.bincount(minlength=4).min() >= 2


def test_every_fifth_of_a_class_validates_in_the_shuffled_order() -> None:
    classes, order = np.repeat([0, 1, 2], 10), np.random.RandomState(5).permutation(30)
    train, valid = dealt(classes, order)
    assert np.bincount(classes[valid]).tolist() == [2, 2, 2]
    assert sorted([*train, *valid]) == list(range(30))
    place = np.argsort(order)
    assert (np.diff(place[train]) > 0).all()
    assert (np.diff(place[valid]) > 0).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found._replace(values=found.values + np.float32(1e-6)),
        lambda found: found._replace(labels=found.labels[::-1]),
        lambda found: series.Series(*(array[:-1] for array in found)),
    ],
    ids=["values", "classes", "a series less"],
)
@pytest.mark.parametrize("task", CHECKSUMS)
def test_other_series_than_the_frozen_ones_are_refused(
    task: type[Sample], change: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = series.read
    monkeypatch.setattr(series, "read", lambda file: change(read(file)))
    with pytest.raises(ValueError, match=r"of the installed aeon are not the series .* another release of aeon$"):
        task().load(SOURCES)


def test_where_aeon_has_no_such_file_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BasicMotions, "files", "Nothing")
    with pytest.raises(ValueError, match="Nothing_TRAIN.ts cannot be read as time series"):
        BasicMotions().load(SOURCES)


@pytest.mark.parametrize("task", [BasicMotions(), JapaneseVowels()], ids=lambda task: task.name)
def test_the_stated_chance_is_the_share_of_the_commonest_class_of_the_test(task: Sample) -> None:
    found = task.load(SOURCES).test.targets
    assert task.chance == int(found.bincount().max()) / len(found)
