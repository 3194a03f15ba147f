from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from tasks import Data, Sources, Splits, permutations, series
from tasks.eigenworms import EigenWorms, Split

STEPS, CHANNELS = 8, 2
TWINS = np.random.RandomState(3).permutation(259)[:46].reshape(2, 23)
"""The indices of the 23 series that equal another one, and of those others."""
CUTS = {"TRAIN": slice(0, 128), "TEST": slice(128, 259)}


class Miniature(EigenWorms):
    """EigenWorms of 8 steps and 2 channels."""

    input_size = CHANNELS
    length = STEPS


def made() -> tuple[np.ndarray, np.ndarray]:
    """259 series (C, L) with 23 duplicates, with few digits so that many begin alike, and their classes 1 to 5."""
    random = np.random.RandomState(2)
    cases = random.randint(-2, 3, (259, CHANNELS, STEPS)) / 4
    cases[:, 0, 3] = random.permutation(259) / 8
    classes = np.array([str(number) for number in random.randint(1, 6, 259)])
    cases[TWINS[1]], classes[TWINS[1]] = cases[TWINS[0]], classes[TWINS[0]]
    return cases, classes


def ts(cases: Sequence[np.ndarray], classes: Sequence[str], length: int | None = STEPS) -> str:
    """Series (C, L) as the archive writes them: channels between colons, the class last."""
    head = [
        "#Movements of worms",
        "@problemName EigenWorms",
        "@timeStamps false",
        "@missing false",
        "@univariate false",
    ]
    head += [f"@dimensions {len(cases[0])}", f"@equalLength {str(length is not None).lower()}"]
    head += [f"@seriesLength {length}"] * (length is not None) + ["@classLabel true 1 2 3 4 5", "@data"]
    channels = [":".join(",".join(map(str, channel)) for channel in case.tolist()) for case in cases]
    return "\n".join([*head, *(f"{row}:{label}" for row, label in zip(channels, classes, strict=True))]) + "\n"


def arff(cases: Sequence[np.ndarray], classes: Sequence[str]) -> str:
    """Series (C, L) in Weka's format: a relational attribute, its channels between written-out line ends."""
    head = ["%Movements of worms", "@relation 'EigenWorms'", "", "@attribute relationalAtt relational"]
    head += [f"@attribute att{step} numeric" for step in range(cases[0].shape[1])]
    head += ["@end relationalAtt", "@attribute activity {1,2,3,4,5}", "", "@data"]
    channels = [r"\n".join(",".join(map(str, channel)) for channel in case.tolist()) for case in cases]
    return "\n".join([*head, *(f"'{row}',{label}" for row, label in zip(channels, classes, strict=True))]) + "\n"


def write(root: Path, cases: np.ndarray, classes: np.ndarray, form: Any = ts) -> Sources:
    folder = root / "EigenWorms"
    folder.mkdir(parents=True, exist_ok=True)
    for part, cut in CUTS.items():
        (folder / f"EigenWorms_{part}.{form.__name__}").write_text(form(cases[cut], classes[cut]), encoding="utf-8")
    return Sources(root, offline=True)


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return write(tmp_path, *made())


def parts(splits: Splits) -> tuple[Data, Data, Data]:
    return splits.train, splits.valid, splits.test


def pairs(one: Data, other: Data) -> int:
    """How many pairs of equal series two parts hold."""
    return sum(bool(torch.equal(mine, yours)) for mine in one.inputs for yours in other.inputs)


def test_the_published_sizes() -> None:
    task = EigenWorms()
    assert (task.length, task.input_size, task.output_size, task.loss) == (17984, 6, 5, "cross_entropy")
    assert (task.unique, task.split, task.normalise) == (False, 2345, False)
    assert not task.pinned


@pytest.mark.parametrize("split", [0, "2345", None, 1234])
def test_another_split_is_refused_with_the_choices(split: Any) -> None:
    with pytest.raises(ValueError, match="split must be one of 2345, 3456, 4567, 5678, 6789, got"):
        EigenWorms(unique=True, split=split)


def test_the_splits_without_duplicates_are_for_the_variant_without() -> None:
    with pytest.raises(ValueError, match="split=3456 is one of the splits without duplicates: set unique=true with it"):
        EigenWorms(split=3456)


def test_the_pooled_series_are_shuffled_once_and_for_all(sources: Sources) -> None:
    cases, classes = made()
    splits = Miniature().load(sources)
    assert [len(part) for part in parts(splits)] == [181, 39, 39]
    order = np.random.RandomState(0).permutation(259)
    found = torch.cat([part.inputs for part in parts(splits)])
    assert found.dtype == torch.float32
    assert np.array_equal(found.numpy(), cases[order].transpose(0, 2, 1))
    targets = torch.cat([part.targets for part in parts(splits)])
    assert targets.dtype == torch.int64
    assert targets.tolist() == [int(label) - 1 for label in classes[order]]


def test_classes_are_numbered_in_sorted_order() -> None:
    assert series.coded(np.array(["walking", "10", "9", "walking", "badminton"])).tolist() == [3, 0, 1, 3, 2]


@pytest.mark.parametrize("variant", [{}, {"unique": True, "split": 4567}], ids=["pooled", "unique"])
def test_both_forms_of_the_archive_are_the_same_data(sources: Sources, tmp_path: Path, variant: dict[str, Any]) -> None:
    other = write(tmp_path / "arff", *made(), form=arff)
    assert Miniature().missing(other) is None
    assert Miniature(**variant).load(other).checksum == Miniature(**variant).load(sources).checksum


def test_the_first_form_is_read_where_both_are(sources: Sources) -> None:
    for part in CUTS:
        (sources.root / "EigenWorms" / f"EigenWorms_{part}.arff").write_text("damaged", encoding="utf-8")
    assert len(Miniature().load(sources).train) == 181


def test_the_whole_archive_is_a_place_too(sources: Sources) -> None:
    (sources.root / "Multivariate_ts").mkdir()
    (sources.root / "EigenWorms").rename(sources.root / "Multivariate_ts" / "EigenWorms")
    assert len(Miniature().load(sources).train) == 181


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    nowhere = Sources(tmp_path, offline=True)
    told = EigenWorms().missing(nowhere)
    assert told is not None
    assert "EigenWorms_TRAIN.ts, EigenWorms_TEST.ts" in told
    with pytest.raises(FileNotFoundError, match="EigenWorms_TRAIN.ts"):
        EigenWorms().load(nowhere)


def test_the_pooled_split_has_the_same_series_in_training_and_test(sources: Sources) -> None:
    place = np.argsort(np.random.RandomState(0).permutation(259))
    torn = [
        (place[one] < 181) != (place[other] < 181) and max(place[one], place[other]) >= 220 for one, other in TWINS.T
    ]
    splits = Miniature().load(sources)
    assert pairs(splits.train, splits.test) == sum(torn) > 0


@pytest.mark.parametrize("split", get_args(Split))
def test_no_series_is_in_two_parts_of_the_splits_without_duplicates(sources: Sources, split: Any) -> None:
    splits = Miniature(unique=True, split=split).load(sources)
    train, valid, test = parts(splits)
    assert [len(train), len(valid), len(test)] == [165, 35, 36]
    shared = {"train and test": pairs(train, test), "train and valid": pairs(train, valid), "both": pairs(valid, test)}
    assert not any(shared.values()), f"pairs of equal series: {shared}"
    whole = torch.cat([part.inputs for part in parts(splits)]).numpy()
    cases, _ = made()
    assert np.array_equal(np.unique(whole, axis=0), np.unique(cases.transpose(0, 2, 1).astype(np.float32), axis=0))


@pytest.mark.parametrize("split", get_args(Split))
def test_the_published_splits_index_for_index(sources: Sources, split: Any) -> None:
    """As the LinOSS code: float32, numpy.unique over the series, then the permutation, cut at 70 and 85 percent."""
    cases, classes = made()
    whole = cases.transpose(0, 2, 1).astype(np.float32)
    whole, first = np.unique(whole, axis=0, return_index=True)
    order = permutations.read(f"eigenworms-{split}").numpy()
    splits = Miniature(unique=True, split=split).load(sources)
    for part, index in zip(parts(splits), (order[:165], order[165:200], order[200:]), strict=True):
        assert np.array_equal(part.inputs.numpy(), whole[index])
        assert part.targets.tolist() == [int(label) - 1 for label in classes[first][index]]


@pytest.mark.parametrize("seed", range(5))
def test_duplicates_are_found_as_numpy_finds_them(seed: int) -> None:
    random = np.random.RandomState(seed)
    values = random.randint(-1, 2, (80, 2, 2)).astype(np.float32)
    values[random.rand(80, 2, 2) < 0.3] *= -1.0  # makes -0.0, which is 0.0
    assert series.distinct(values).tolist() == np.unique(values, axis=0, return_index=True)[1].tolist()
    assert len(series.distinct(values)) < 80


def test_one_value_in_all_the_steps_makes_another_series() -> None:
    values = np.zeros((3, 1000, 6), dtype=np.float32)
    values[1, 999, 5] = 1e-38
    assert series.distinct(values).tolist() == [0, 1]


def test_normalised_by_the_training_part_alone(sources: Sources) -> None:
    plain, scaled = Miniature().load(sources), Miniature(normalise=True).load(sources)
    values = plain.train.inputs.double().flatten(0, 1)
    mean, deviation = values.mean(dim=0), values.std(dim=0, correction=0)
    for before, after in zip(parts(plain), parts(scaled), strict=True):
        assert torch.allclose(after.inputs.double(), (before.inputs - mean) / deviation, rtol=0, atol=1e-5)
    assert plain.checksum != scaled.checksum


def test_a_batch_is_step_by_step(sources: Sources) -> None:
    task = Miniature()
    train = task.load(sources).train
    batch = task.batch(train, torch.tensor([7, 0, 7]))
    assert batch.inputs.shape == (STEPS, 3, CHANNELS)
    assert batch.inputs.is_contiguous()
    assert torch.equal(batch.inputs[:, 1], train.inputs[0])
    assert torch.equal(batch.targets, train.targets[[7, 0, 7]])
    assert batch.lengths is None


def test_series_of_unequal_length_are_padded_and_keep_their_lengths(tmp_path: Path) -> None:
    cases = [np.arange(6.0).reshape(2, 3), -np.arange(10.0).reshape(2, 5) - 1, np.ones((2, 1))]
    file = tmp_path / "ragged.ts"
    file.write_text(ts(cases, ["b", "a", "B"], length=None), encoding="utf-8")
    found = series.read(file)
    assert found.lengths.tolist() == [3, 5, 1]
    assert found.labels.tolist() == ["b", "a", "b"]
    assert found.values.shape == (3, 5, 2)
    for row, case in zip(found.values, cases, strict=True):
        assert np.array_equal(row[: case.shape[1]], case.T)
        assert not row[case.shape[1] :].any()


def harmed(sources: Sources, change: Any, part: str = "TEST") -> None:
    file = sources.root / "EigenWorms" / f"EigenWorms_{part}.ts"
    file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: text[: len(text) * 2 // 3], "EigenWorms_TEST.ts cannot be read as time series \\("),
        (lambda text: text.replace(",", ",x", 1), "EigenWorms_TEST.ts cannot be read as time series \\("),
        (lambda text: "", "EigenWorms_TEST.ts holds series of no steps of 0 channels, not 8 of 2: put"),
        (lambda text: "\n".join(text.splitlines()[:-1]), "EigenWorms holds 258 series of 5 classes, not 259 of 5: put"),
        (lambda text: text.replace(":3\n", ":7\n"), "EigenWorms holds 259 series of 6 classes, not 259 of 5: put"),
        (lambda text: text.replace("1\n", "\n"), "EigenWorms holds 259 series of 6 classes, not 259 of 5: put"),
    ],
    ids=["truncated", "no number", "empty", "a series less", "another class", "classes cut off"],
)
def test_damaged_files_are_one_sentence(sources: Sources, change: Any, sentence: str) -> None:
    harmed(sources, change)
    with pytest.raises(ValueError, match=sentence) as told:
        Miniature().load(sources)
    assert "\n" not in str(told.value)
    assert "put a good copy there" in str(told.value)


def test_a_missing_class_is_told(tmp_path: Path) -> None:
    cases, classes = made()
    sources = write(tmp_path, cases, np.where(classes == "5", "4", classes))
    with pytest.raises(
        ValueError,
        match="holds 259 series of 4 classes, not 259 of 5: put a good copy there \\(harness data import",
    ):
        Miniature().load(sources)


def test_other_steps_and_channels_are_told(sources: Sources) -> None:
    with pytest.raises(
        ValueError, match="EigenWorms_TRAIN.ts holds series of 8 steps of 2 channels, not 17984 of 6: put .* --again$"
    ):
        EigenWorms().load(sources)


def test_values_that_are_missing_are_told(sources: Sources) -> None:
    harmed(sources, lambda text: text.replace("0.25", "?", 1))
    with pytest.raises(
        ValueError, match="EigenWorms_TEST.ts has values that are missing or no numbers: put a good copy"
    ):
        Miniature().load(sources)


def test_other_duplicates_than_the_published_are_told(tmp_path: Path) -> None:
    cases, classes = made()
    cases[TWINS[1, 0], 0, 0] += 1
    sources = write(tmp_path, cases, classes)
    with pytest.raises(OSError, match="237 of the 259 series of EigenWorms differ from each other, not 236 as in the"):
        Miniature(unique=True).load(sources)
    assert len(Miniature().load(sources).train) == 181


def test_without_aeon_it_is_told_what_to_install(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(distribution: str) -> str:
        raise PackageNotFoundError(distribution)

    monkeypatch.setattr(series, "version", absent)
    with pytest.raises(OSError, match="aeon is not installed: pip install aeon"):
        Miniature().load(sources)


def test_aeon_is_imported_by_nobody_but_load() -> None:
    code = (
        "import sys; from tasks import eigenworms, samples; eigenworms.EigenWorms(), samples.BasicMotions(); "
        "assert not {'aeon', 'numba', 'pandas'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_real_series() -> None:
    root = os.environ.get("HARNESS_DATA")
    if not root:
        pytest.skip("HARNESS_DATA names no folder with the real EigenWorms")
    real = Sources(Path(root), offline=True)
    if absent := EigenWorms().missing(real):
        pytest.skip(absent)
    splits = EigenWorms().load(real)
    assert [tuple(part.inputs.shape) for part in parts(splits)] == [(n, 17984, 6) for n in (181, 39, 39)]
    for split in get_args(Split):
        published = EigenWorms(unique=True, split=split).load(real)
        assert [len(part) for part in parts(published)] == [165, 35, 36]
        assert pairs(published.train, published.test) == 0
