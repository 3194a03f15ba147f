"""HAR-2, on a miniature in the format of UCI's files and on the real ones where they are."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
import torch

from tasks import DataSet, Sources
from tasks.har2.files import ACTIVITIES, CHANNELS, PARTS, UCI_HAR, Part, arrays_of
from tasks.har2.task import HAR2

MINIATURE_PARTS = {
    "train": Part((1, 3, 5, 6, 7, 8, 11), (7, 6, 5, 8, 9, 7)),
    "test": Part((2, 4), (2, 3, 2, 2, 3, 2)),
}


def sha256_of_order(n: int) -> str:
    return hashlib.sha256(np.random.RandomState(0).permutation(n).astype("<i8").tobytes()).hexdigest()


def examine(dataset: DataSet, folder: Path, digest: str, sources: Sources) -> None:
    """What an import of the miniature asks for."""
    arrays_of(folder, digest, sources, MINIATURE_PARTS)


class MiniatureHAR2(HAR2):
    """42 windows of seven persons for training and validation, 14 of two for the test."""

    datasets = (replace(UCI_HAR, name="uci-har-miniature", downloads=(), examine=examine),)
    parts = MINIATURE_PARTS
    train_size = 30
    train_subjects = 5
    order_sha256 = sha256_of_order(42)
    subjects_sha256 = sha256_of_order(7)


def written(row: np.ndarray) -> str:
    """128 numbers as MATLAB on Windows writes them: 16 columns each, three digits of exponent."""
    numbers = (f"{value: .7e}" for value in row)
    return "".join(f" {number[:-2]}0{number[-2:]}" for number in numbers) + "\n"


@dataclass
class Files:
    """The unpacked archive below `root`, and what was written into it."""

    root: Path
    arrays: dict[str, np.ndarray]

    @property
    def folder(self) -> Path:
        return self.root / "UCI HAR Dataset"

    @property
    def sources(self) -> Sources:
        return Sources(self.root, offline=True)

    def load(self, **variant: Any) -> Any:
        return MiniatureHAR2(**variant).load(self.sources)

    def rows(self, data: Any) -> list[int]:
        """The numbers of the windows of `data` among the official training windows."""
        return [self._places[row[0].numpy().tobytes()] for row in data.inputs]

    @property
    def _places(self) -> dict[bytes, int]:
        return {row[0].tobytes(): place for place, row in enumerate(self.arrays["train"])}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path / "data", {})
    random = np.random.default_rng(0)
    for name, part in MINIATURE_PARTS.items():
        values = random.normal(0.3, 1.5, (sum(part.windows), 128, 9)) * np.arange(1, 10)
        inputs = np.float32(np.round(values, 3))  # the files have eight digits
        activities = random.permutation(np.repeat(np.arange(1, 7), part.windows))
        subjects = np.sort(np.resize(part.subjects, len(activities)))
        made.arrays |= {name: inputs, f"{name}_activities": activities, f"{name}_subjects": subjects}
        signals = made.folder / name / "Inertial Signals"
        signals.mkdir(parents=True)
        for place, channel in enumerate(CHANNELS):
            text = "".join(written(row) for row in inputs[:, :, place])
            (signals / f"{channel}_{name}.txt").write_text(text)
        (made.folder / name / f"y_{name}.txt").write_text("".join(f"{label}\n" for label in activities))
        (made.folder / name / f"subject_{name}.txt").write_text("".join(f"{person}\n" for person in subjects))
    labels = "".join(f"{number} {name}\n" for number, name in enumerate(ACTIVITIES, start=1))
    (made.folder / "activity_labels.txt").write_text(labels)
    return made


def test_the_published_sizes_and_variants() -> None:
    task = HAR2()
    assert (task.length, task.input_size, task.output_size, task.loss) == (128, 9, 1, "bce")
    assert (task.validation, task.normalise) == ("windows", False)
    assert not task.pinned
    with pytest.raises(ValueError, match="validation must be one of windows, subjects, got 'persons'"):
        HAR2(validation="persons")  # type: ignore[arg-type]


def test_the_channels_are_in_the_published_order(files: Files) -> None:
    assert " ".join(CHANNELS) == (
        "body_acc_x body_acc_y body_acc_z body_gyro_x body_gyro_y body_gyro_z total_acc_x total_acc_y total_acc_z"
    )
    task = MiniatureHAR2()
    test = task.load(files.sources).test
    batch = task.batch(test, torch.tensor([3, 0]))
    assert batch.inputs.shape == (128, 2, 9)
    assert np.array_equal(batch.inputs[:, 0].numpy(), files.arrays["test"][3])
    assert batch.inputs.dtype == torch.float32


def test_class_one_is_walking_walking_downstairs_and_standing(files: Files) -> None:
    splits = files.load()
    assert splits.test.targets.tolist() == [int(a in (1, 3, 5)) for a in files.arrays["test_activities"]]
    activities = files.arrays["train_activities"]
    assert splits.train.targets.tolist() == [int(activities[row] in (1, 3, 5)) for row in files.rows(splits.train)]
    assert splits.train.targets.dtype == torch.int64


def test_windows_are_dealt_in_a_frozen_order(files: Files) -> None:
    splits = files.load()
    dealt = files.rows(splits.train) + files.rows(splits.valid)
    assert dealt == np.random.RandomState(0).permutation(42).tolist()
    assert (len(splits.train), len(splits.valid), len(splits.test)) == (30, 12, 14)
    assert splits.checksum == files.load(validation="windows").checksum


def test_split_by_subject_no_person_is_in_two_parts(files: Files) -> None:
    splits = files.load(validation="subjects")
    rows = files.rows(splits.train), files.rows(splits.valid)
    train, valid = ({int(files.arrays["train_subjects"][row]) for row in part} for part in rows)
    assert (len(train), len(valid)) == (5, 2)
    assert train | valid == set(MINIATURE_PARTS["train"].subjects)
    order = np.random.RandomState(0).permutation(42).tolist()
    assert rows[0] == [row for row in order if files.arrays["train_subjects"][row] in train]
    by_window = files.load()
    shared = {int(files.arrays["train_subjects"][row]) for row in files.rows(by_window.valid)}
    assert shared & {int(files.arrays["train_subjects"][row]) for row in files.rows(by_window.train)}


@pytest.mark.parametrize("validation", ["windows", "subjects"])
def test_normalisation_is_fitted_on_the_training_part_alone(files: Files, validation: str) -> None:
    raw, scaled = files.load(validation=validation), files.load(validation=validation, normalise=True)
    values = raw.train.inputs.double().flatten(0, 1)
    mean, deviation = values.mean(dim=0), values.std(dim=0, correction=0)
    for before, after in ((raw.train, scaled.train), (raw.valid, scaled.valid), (raw.test, scaled.test)):
        torch.testing.assert_close(after.inputs.double(), (before.inputs - mean) / deviation, rtol=1e-5, atol=1e-6)
        assert torch.equal(before.targets, after.targets)
    assert raw.checksum != scaled.checksum


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def refusal(files: Files) -> str:
    """The one sentence with which the files are refused."""
    with pytest.raises((ValueError, OSError)) as caught:
        files.load()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_letters_between_the_numbers_are_refused_with_their_place(files: Files) -> None:
    signal = files.folder / "train" / "Inertial Signals" / "body_gyro_y_train.txt"
    lines = signal.read_text().splitlines()
    lines[5] = lines[5][:16] + "  1.2x45678e-001" + lines[5][32:]
    signal.write_text("\n".join(lines))
    assert re.fullmatch(
        rf"{signal} is damaged \(could not convert string '1.2x45678e-001' to float32 at row 5, column 2\): "
        r"put a good copy there \(harness data import uci-har-miniature PATH --again\)",
        refusal(files),
    )


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda lines: lines[:-1], r"holds 41 x 128 numbers instead of 42 x 128"),
        (lambda lines: [*lines, lines[0]], r"holds 43 x 128 numbers instead of 42 x 128"),
        (lambda lines: [line[16:] for line in lines], r"holds 42 x 127 numbers instead of 42 x 128"),
        (lambda lines: [*lines[:-1], lines[-1][:160]], r"is damaged \(the number of columns changed from 128 to 10"),
        (
            lambda lines: [lines[0][:-16] + "             NaN", *lines[1:]],
            r"holds numbers that are missing or infinite",
        ),
    ],
    ids=["a row less", "a row more", "a column less", "cut off", "not a number"],
)
def test_a_signal_of_another_shape_is_refused(files: Files, damage: Any, told: str) -> None:
    signal = files.folder / "train" / "Inertial Signals" / "total_acc_z_train.txt"
    signal.write_text("\n".join(damage(signal.read_text().splitlines())) + "\n")
    assert re.match(rf"{signal} {told}.*: put a good copy there", refusal(files))


def test_other_persons_than_the_official_ones_are_refused(files: Files) -> None:
    edit(files.folder / "test" / "subject_test.txt", "4\n", "5\n")
    assert refusal(files) == (
        f"{files.folder / 'test'} is not the official part, with the persons 2, 4: "
        "put a good copy there (harness data import uci-har-miniature PATH --again)"
    )


def test_other_activities_than_the_official_ones_are_refused(files: Files) -> None:
    labels = files.folder / "train" / "y_train.txt"
    lines = labels.read_text().split()
    lines[lines.index("1")] = "2"
    labels.write_text("\n".join(lines))
    assert refusal(files) == (
        f"{files.folder / 'train'} is not the official part, with 7, 6, 5, 8, 9, 7 windows of the activities 1 to 6: "
        "put a good copy there (harness data import uci-har-miniature PATH --again)"
    )


def test_activities_under_other_numbers_are_refused(files: Files) -> None:
    edit(
        files.folder / "activity_labels.txt", "2 WALKING_UPSTAIRS\n3 WALKING_DOWN", "2 WALKING_DOWNSTAIRS\n3 WALKING_UP"
    )
    assert "activity_labels.txt does not say 1 WALKING, 2 WALKING_UPSTAIRS" in refusal(files)


def test_a_missing_file_is_named(files: Files) -> None:
    (files.folder / "test" / "Inertial Signals" / "body_acc_x_test.txt").unlink()
    assert "lacks test/Inertial Signals/body_acc_x_test.txt" in refusal(files)
    assert "body_acc_x_test.txt" in (MiniatureHAR2().missing(files.sources) or "")


def zipped(files: Files) -> bytes:
    """The archive as UCI packs it, with what a Macintosh leaves beside the files."""
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        for file in sorted(files.folder.rglob("*.txt")):
            name = file.relative_to(files.root).as_posix()
            archive.write(file, name)
            archive.writestr(f"__MACOSX/{name.replace(file.name, '._' + file.name)}", "Mac OS X")
    return buffer.getvalue()


def wrapped(content: bytes) -> bytes:
    """The archive around the archive, as it is downloaded."""
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        archive.writestr("UCI HAR Dataset.zip", content)
        archive.writestr("UCI HAR Dataset.names", "Human Activity Recognition")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("UCI HAR Dataset.zip", zipped),
        ("human+activity+recognition+using+smartphones.zip", lambda f: wrapped(zipped(f))),
    ],
    ids=["inner", "outer"],
)
def test_the_archive_in_the_data_folder_or_imported_is_as_good_as_the_files(
    files: Files, tmp_path: Path, name: str, pack: Any
) -> None:
    wanted = files.load().checksum
    lying, imported = Sources(tmp_path / "lying", offline=True), Sources(tmp_path / "imported", offline=True)
    assert MiniatureHAR2().missing(lying) is not None
    lying.root.mkdir()
    (lying.root / name).write_bytes(pack(files))
    assert MiniatureHAR2().missing(lying) is None
    assert MiniatureHAR2().load(lying).checksum == wanted
    MiniatureHAR2.datasets[0].take(imported, lying.root / name)
    assert MiniatureHAR2().load(imported).checksum == wanted


def test_what_repairs_the_downloaded_files_is_told(files: Files) -> None:
    class Downloaded(MiniatureHAR2):
        datasets = (replace(UCI_HAR, name="uci-har-miniature"),)

    edit(files.folder / "activity_labels.txt", "1 WALKING", "1 RUNNING")
    with pytest.raises(ValueError, match=r"download it anew with harness data fetch uci-har-miniature --again$"):
        Downloaded().load(files.sources)


def test_a_damaged_archive_in_the_data_folder_is_one_sentence(files: Files, tmp_path: Path) -> None:
    sources = Sources(tmp_path / "other", offline=True)
    sources.root.mkdir()
    (sources.root / "UCI HAR Dataset.zip").write_bytes(zipped(files)[:-4000])
    with pytest.raises(OSError, match=r"UCI HAR Dataset\.zip") as caught:
        MiniatureHAR2().load(sources)
    assert "\n" not in str(caught.value)


def test_after_an_import_a_changed_digit_is_refused(files: Files) -> None:
    MiniatureHAR2.datasets[0].take(files.sources, files.folder)
    signal = files.folder / "test" / "Inertial Signals" / "body_acc_x_test.txt"
    text = signal.read_text()
    signal.write_text(text[:5] + ("1" if text[5] != "1" else "2") + text[6:])
    assert re.match(rf"{signal} is damaged or another file \(sha256 \w{{64}}, wanted \w{{64}}\)", refusal(files))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """The real files, in the folder that HARNESS_DATA names."""
    root = os.environ.get("HARNESS_DATA")
    if not root:
        pytest.skip("HARNESS_DATA names no folder with the real UCI HAR data")
    sources = Sources(Path(root), offline=True, cache=tmp_path_factory.mktemp("cache"))
    if told := HAR2().missing(sources):
        pytest.skip(told)
    return sources


def test_the_real_windows_in_the_published_parts(real: Sources) -> None:
    splits = HAR2().load(real)
    parts = splits.train, splits.valid, splits.test
    assert [len(part) for part in parts] == [5147, 2205, 2947]
    assert sum(int(part.targets.sum()) for part in parts[:2]) == 1226 + 986 + 1374
    assert int(splits.test.targets.sum()) == 496 + 420 + 532
    share = splits.train.targets.double().mean().item()
    deviation = (share * (1 - share) / 2205) ** 0.5
    assert splits.valid.targets.double().mean().item() == pytest.approx(share, abs=4 * deviation)
    # The total acceleration of a person at rest is one g, whichever way the telephone lies.
    assert splits.test.inputs[..., 6:].double().norm(dim=-1).median().item() == pytest.approx(1.0, abs=0.05)


def test_the_real_windows_by_person(real: Sources) -> None:
    splits = HAR2(validation="subjects").load(real)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [5164, 2188, 2947]
    assert len(PARTS["train"].subjects) == 21
    assert len(PARTS["test"].subjects) == 9
    assert not set(PARTS["train"].subjects) & set(PARTS["test"].subjects)


def test_the_real_windows_normalised(real: Sources) -> None:
    splits = HAR2(normalise=True).load(real)
    values = splits.train.inputs.double().flatten(0, 1)
    torch.testing.assert_close(values.mean(dim=0), torch.zeros(9, dtype=torch.float64), rtol=0, atol=1e-6)
    torch.testing.assert_close(values.std(dim=0, correction=0), torch.ones(9, dtype=torch.float64), rtol=1e-6, atol=0)
    assert splits.test.inputs.double().flatten(0, 1).mean(dim=0).abs().max() > 1e-3
