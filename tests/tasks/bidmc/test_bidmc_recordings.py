"""BIDMC from the original recordings, on a miniature in the format of PhysioNet's files, and on the real ones."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tasks import Sources, Windows
from tasks.bidmc import recordings
from tasks.bidmc.task import HeartRate, OxygenSaturation, RespiratoryRate

PATIENTS = (1182, 3386, 3386, 11342, 11342, 25323)
"""Whom the six recordings of the miniature are of."""
COLUMNS = (("RESP", "PLETH", "V", "AVR", "II"), ("II", "PLETH", "RESP"), ("I", "ABP", "II", "PLETH"))
EARLY = 2
"""The recording whose numbers start a second before its signals."""


CHECKSUMS = {
    "RESP": "bb7388236736c51491e30bbce07d85f2dd8b9762e20af7ee513055c9356c2166",
    "HR": "94fba06a2c052b576218bd914c1c325d483c5c451d2acc0b785f0a58160a9515",
    "SpO2": "c648dfe094b964a475a5ad98f1dbbd60b7ea3785fbcecd42358ce31df6b2ee29",
}
"""Of the splits of the real recordings."""


def sha256_of_order(n: int) -> str:
    return hashlib.sha256(np.random.RandomState(0).permutation(n).astype("<i8").tobytes()).hexdigest()


MINIATURE: dict[str, Any] = {
    "datasets": (
        HeartRate.datasets[0],
        replace(
            recordings.RECORDINGS,
            name="bidmc-miniature",
            contents=dict.fromkeys(recordings.RECORDINGS.contents, len(PATIENTS)),
            downloads=(),
            pinned=False,
        ),
    ),
    "patients_sha256": sha256_of_order(4),
    "order_sha256": sha256_of_order(900),
}
HEART = type("MiniatureHeartRate", (HeartRate,), MINIATURE)
BREATH = type("MiniatureRespiratoryRate", (RespiratoryRate,), MINIATURE)


def number(recording: int, second: int) -> tuple[int, str]:
    """Heart rate and respiratory rate, as written, of one second of the miniature."""
    breaths = str(10 + recording + second % 5)
    if recording == 0 and 100 <= second < 110:
        breaths = "NaN"
    if recording == 3 and second >= 240:
        breaths = "0"
    return 60 + 10 * recording + second % 7, breaths


def write(folder: Path, recording: int, patient: int) -> None:
    """A recording whose PLETH is its number plus a hundred thousandth for each sample; II is that with a minus."""
    name, samples = f"bidmc_{recording + 1:02d}", np.arange(60_001)
    pleth = [f"{recording + sample / 100_000:.5f}" for sample in samples.tolist()]
    columns = COLUMNS[recording % 3]
    other = ["0.5"] * len(pleth)
    told = {"PLETH": pleth, "II": [f"-{value}" for value in pleth]}
    rows = zip(*(told.get(column, other) for column in columns), strict=True)
    text = "\n".join(f"{sample / 125:.5g},{','.join(row)}" for sample, row in enumerate(rows))
    (folder / f"{name}_Signals.csv").write_text(f"Time [s], {', '.join(columns)}\n{text}\n")
    first = -1 if recording == EARLY else 0
    lines = []
    for second in range(first, first + 481):
        heart, breaths = number(recording, second)
        lines.append(f"{second},{heart},{heart},{breaths},98")
    (folder / f"{name}_Numerics.csv").write_text("Time [s], HR, PULSE, RESP, SpO2\n" + "\n".join(lines) + "\n")
    (folder / f"{name}_Fix.txt").write_text(
        f"{name}\nSignals sampling frequency: 125 Hz\nAge: 90+\nGender: F\nMIMIC II matched wdb ID: s{patient:05d}\n"
        f"Original numerics data file: http://physionet.org/physiobank/database/mimic2wdb/matched/s{patient:05d}/1n.dat\n"
    )


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    root = tmp_path_factory.mktemp("data")
    (root / "bidmc_csv").mkdir()
    for recording, patient in enumerate(PATIENTS):
        write(root / "bidmc_csv", recording, patient)
    return Sources(root, offline=True)


@dataclass(frozen=True)
class Found:
    """Recording and first second of every window of a part, read off its samples, and its targets."""

    recordings: list[int]
    seconds: list[int]
    targets: list[float]


def found(task: Any, part: Windows) -> Found:
    batch = task.batch(part, torch.arange(len(part)))
    first = batch.inputs[0, :, 0].double().numpy()
    recordings = np.floor(first + 1e-6)
    samples = np.rint((first - recordings) * 100_000)
    assert (samples % 125 == 0).all()
    return Found(recordings.astype(int).tolist(), (samples // 125).astype(int).tolist(), batch.targets[:, 0].tolist())


def test_the_published_checksums_are_those_of_159_files() -> None:
    lines = (files("tasks.sources") / "checksums" / "bidmc.sha256").read_text(encoding="ascii").splitlines()
    wanted = {
        f"bidmc_{number:02d}_{what}" for number in range(1, 54) for what in ("Signals.csv", "Numerics.csv", "Fix.txt")
    }
    assert {line.split("  ")[1] for line in lines} == wanted
    assert len(lines) == 159
    assert recordings.RECORDINGS.pinned


def test_no_patient_is_in_two_parts(sources: Sources) -> None:
    task = HEART(source="recordings")
    splits = task.load(sources)
    by_part = [
        {PATIENTS[recording] for recording in found(task, part).recordings}
        for part in (splits.train, splits.valid, splits.test)
    ]
    known = sorted(set(PATIENTS))
    dealt = [known[place] for place in np.random.RandomState(0).permutation(4)]
    assert by_part == [set(dealt[:2]), {dealt[2]}, {dealt[3]}]
    for part, patients in zip((splits.train, splits.valid, splits.test), by_part, strict=True):
        assert len(part.stream) == 60_001 * sum(patient in patients for patient in PATIENTS)


def test_every_recording_gives_150_windows_three_seconds_apart(sources: Sources) -> None:
    task = HEART(source="recordings")
    splits = task.load(sources)
    windows = []
    for part in (splits.train, splits.valid, splits.test):
        which = found(task, part)
        windows += list(zip(which.recordings, which.seconds, strict=True))
    assert sorted(windows) == [(recording, second) for recording in range(6) for second in range(0, 448, 3)]
    train = found(task, splits.train)
    numbers = [recording * 150 + second // 3 for recording, second in zip(train.recordings, train.seconds, strict=True)]
    assert numbers == [place for place in np.random.RandomState(0).permutation(900).tolist() if place in set(numbers)]


def test_a_window_is_pleth_and_ii_wherever_their_columns_are(sources: Sources) -> None:
    task = HEART(source="recordings")
    train = task.load(sources).train
    index = torch.tensor([0, 7, len(train) - 1])
    batch, which = task.batch(train, index), found(task, train)
    assert batch.inputs.shape == (4000, 3, 2)
    assert batch.inputs.dtype == torch.float32
    for column, place in enumerate(index.tolist()):
        samples = np.arange(4000) + which.seconds[place] * 125
        wanted = np.float32([float(f"{which.recordings[place] + sample / 100_000:.5f}") for sample in samples])
        assert np.array_equal(batch.inputs[:, column, 0].numpy(), wanted)
        assert np.array_equal(batch.inputs[:, column, 1].numpy(), -wanted)


def test_the_target_is_the_mean_of_the_seconds_of_the_window_by_their_time(sources: Sources) -> None:
    task = HEART(source="recordings")
    splits = task.load(sources)
    seen = set()
    for part in (splits.train, splits.valid, splits.test):
        which = found(task, part)
        for recording, second, target in zip(which.recordings, which.seconds, which.targets, strict=True):
            wanted = np.mean([number(recording, time)[0] for time in range(second, second + 32)])
            assert target == np.float32(wanted)
            seen.add(recording)
    assert EARLY in seen


def test_nothing_and_zero_are_no_readings_and_windows_need_24(sources: Sources) -> None:
    task = BREATH(source="recordings")
    splits = task.load(sources)
    windows: dict[tuple[int, int], float] = {}
    for part in (splits.train, splits.valid, splits.test):
        which = found(task, part)
        windows |= dict(zip(zip(which.recordings, which.seconds, strict=True), which.targets, strict=True))
    for recording in range(6):
        for second in range(0, 448, 3):
            written = [number(recording, time)[1] for time in range(second, second + 32)]
            readings = [int(value) for value in written if value not in ("NaN", "0")]
            assert ((recording, second) in windows) == (len(readings) >= 24)
            if len(readings) >= 24:
                assert windows[recording, second] == np.float32(np.mean(readings))
    assert (0, 84) not in windows  # ten seconds without a reading
    assert (3, 216) in windows  # 24 readings, then eight zeros
    assert (3, 219) not in windows


def test_normalised_inputs_are_fitted_on_the_recordings_of_the_training_part(sources: Sources) -> None:
    raw, scaled = HEART(source="recordings").load(sources), HEART(source="recordings", normalise=True).load(sources)
    values = raw.train.stream.double()
    mean, deviation = values.mean(dim=0), values.std(dim=0, correction=0)
    for before, after in ((raw.train, scaled.train), (raw.valid, scaled.valid), (raw.test, scaled.test)):
        torch.testing.assert_close(after.stream.double(), (before.stream - mean) / deviation, rtol=1e-5, atol=1e-5)
        assert torch.equal(before.inputs, after.inputs)
        assert torch.equal(before.targets, after.targets)


def test_standardised_targets_are_restored(sources: Sources) -> None:
    raw = HEART(source="recordings").load(sources)
    task = HEART(source="recordings", targets="standardised")
    scaled = task.load(sources)
    assert abs(float(scaled.train.targets.double().mean())) < 1e-6
    torch.testing.assert_close(task.restore(scaled.test.targets), raw.test.targets, rtol=1e-6, atol=0)


@pytest.fixture
def folder(sources: Sources, tmp_path: Path) -> Path:
    """The first recording alone, to be damaged."""
    for file in (sources.root / "bidmc_csv").glob("bidmc_01_*"):
        shutil.copy(file, tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("Signals.csv", "0.00001,", "0.0x001,", "PLETH, II .could not convert string '0.0x001' to float32 at row 1"),
        ("Signals.csv", "PLETH", "PPG", "does not hold numbers in columns PLETH, II .*"),
        ("Signals.csv", "0.00001,", ",", "does not hold numbers in columns PLETH, II"),
        ("Signals.csv", "0.00001,", "NaN,", "does not hold 60001 samples without a gap"),
        ("Signals.csv", "\n0.008,", "\n0.008,0,0,0,0,0\n0.008,", "does not hold 60001 samples without a gap"),
        ("Numerics.csv", "\n7,60,", "\n7,6o,", "could not convert string '6o' to float32"),
        ("Numerics.csv", " SpO2", " O2", "does not hold numbers in columns Time .*, RESP, HR, SpO2"),
        ("Fix.txt", "wdb ID: s01182", "wdb ID: ?", "does not say which patient the recording is of"),
    ],
)
def test_a_damaged_recording_is_one_sentence(folder: Path, name: str, old: str, new: str, told: str) -> None:
    file = folder / f"bidmc_01_{name}"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=told) as caught:
        recordings.parse(folder, Sources(folder))
    assert str(caught.value).startswith(f"{file} ")
    assert "\n" not in str(caught.value)


def test_a_missing_recording_is_told(sources: Sources, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"Signals\.csv \(0 of 6 files\)"):
        HEART(source="recordings").load(Sources(tmp_path, offline=True))
    assert HEART(source="recordings").missing(sources) is None


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """The real recordings, in the folder that HARNESS_DATA names."""
    root = os.environ.get("HARNESS_DATA")
    if not root:
        pytest.skip("HARNESS_DATA names no folder with the real BIDMC recordings")
    made = Sources(Path(root), offline=True, cache=tmp_path_factory.mktemp("cache"))
    if told := HeartRate(source="recordings").missing(made):
        pytest.skip(told)
    return made


@pytest.mark.parametrize(
    ("task", "sizes", "lowest", "highest"),
    [
        (RespiratoryRate, [5850, 1050, 915], 6.70, 27.38),
        (HeartRate, [5850, 1050, 1050], 56.03, 128.25),
        (OxygenSaturation, [5794, 1050, 1041], 83.87, 100.0),
    ],
)
def test_the_real_recordings(real: Sources, task: Any, sizes: list[int], lowest: float, highest: float) -> None:
    splits = task(source="recordings").load(real)
    parts = splits.train, splits.valid, splits.test
    assert [len(part) for part in parts] == sizes
    assert [len(part.stream) // 60_001 for part in parts] == [39, 7, 7]
    targets = torch.cat([part.targets for part in parts])
    assert float(targets.min()) == pytest.approx(lowest, abs=0.01)
    assert float(targets.max()) == pytest.approx(highest, abs=0.01)
    assert splits.checksum == CHECKSUMS[task.number]


def test_the_real_recordings_are_of_46_patients(real: Sources) -> None:
    folder = real.root / "bidmc_csv"
    if not folder.is_dir():
        folder = real.root / "BIDMC_raw" / "bidmc_csv"
    patients = [recordings.patient(file) for file in sorted(folder.glob("*_Fix.txt"))]
    assert (len(patients), len(set(patients))) == (53, 46)
