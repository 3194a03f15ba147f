from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks import permutations

FIRST = {
    "unicornn": [327, 72, 48, 129, 109, 101, 69, 569],
    "cornn": [91, 97, 471, 426, 157, 451, 312, 198],
    "expRNN": [319, 576, 323, 107, 355, 716, 197, 20],
    "lmu": [693, 85, 647, 392, 765, 14, 299, 711],
    "bitreversal": [0, 512, 256, 768, 128, 640, 384, 64],
}
DEALT = {
    "eigenworms-2345": [164, 8, 168, 32, 106, 26, 105, 232],
    "eigenworms-3456": [95, 191, 129, 60, 127, 128, 18, 226],
    "eigenworms-4567": [103, 185, 10, 16, 63, 78, 4, 75],
    "eigenworms-5678": [16, 87, 138, 139, 150, 219, 86, 88],
    "eigenworms-6789": [26, 0, 164, 167, 47, 154, 102, 153],
}
SIZES = {**dict.fromkeys(FIRST, 784), "digits": 64, **dict.fromkeys(DEALT, 236)}


@pytest.mark.parametrize(("name", "first"), [*FIRST.items(), *DEALT.items()])
def test_the_published_permutations_begin_as_published(name: str, first: list[int]) -> None:
    assert permutations.read(name)[:8].tolist() == first


@pytest.mark.parametrize(("name", "size"), SIZES.items())
def test_every_step_is_fed_once(name: str, size: int) -> None:
    steps = permutations.read(name)
    assert steps.dtype == torch.int64
    assert sorted(steps.tolist()) == list(range(size))


def test_every_file_has_a_checksum_and_every_checksum_a_file() -> None:
    files = {file.name.removesuffix(".txt") for file in permutations.FOLDER.iterdir() if file.name.endswith(".txt")}
    assert files == set(permutations.SHA256) == set(SIZES)


@pytest.mark.parametrize(("name", "seed"), [("expRNN", 92916), ("lmu", 0), ("digits", 0)])
def test_the_numpy_ones_are_what_their_seed_draws(name: str, seed: int) -> None:
    drawn = np.random.RandomState(seed).permutation(SIZES[name])
    assert permutations.read(name).tolist() == drawn.tolist()


@pytest.mark.parametrize("name", DEALT)
def test_the_jax_ones_are_what_their_seed_draws(name: str) -> None:
    jax = pytest.importorskip("jax", reason="needs jax, which nothing else here does")
    before = jax.config.jax_threefry_partitionable
    jax.config.update("jax_threefry_partitionable", False)  # as in the releases before 0.5
    try:
        key = jax.random.split(jax.random.PRNGKey(int(name.removeprefix("eigenworms-"))), 4)[0]
        drawn = jax.random.permutation(jax.random.split(key)[0], SIZES[name])
    finally:
        jax.config.update("jax_threefry_partitionable", before)
    assert permutations.read(name).tolist() == drawn.tolist()


def test_bit_reversal_reads_ten_bits_backwards() -> None:
    reversed_bits = [int(f"{number:010b}"[::-1], 2) for number in range(1024)]
    assert permutations.read("bitreversal").tolist() == [number for number in reversed_bits if number < 784]


def swap(text: str) -> str:
    numbers = text.split()
    return " ".join([numbers[1], numbers[0], *numbers[2:]])


@pytest.mark.parametrize(
    "tamper",
    [swap, lambda text: text[: len(text) // 2], lambda text: text + "x", lambda text: text + "é", lambda text: ""],
    ids=["swapped", "truncated", "garbage", "not ascii", "empty"],
)
def test_a_tampered_file_is_refused(tamper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = (permutations.FOLDER / "cornn.txt").read_text(encoding="ascii")
    (tmp_path / "cornn.txt").write_text(tamper(original), encoding="utf-8")
    monkeypatch.setattr(permutations, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"cornn\.txt does not hold the frozen permutation .*: install this package"):
        permutations.read("cornn")


def test_line_ends_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = permutations.read("lmu")
    shutil.copy(str(permutations.FOLDER / "lmu.txt"), tmp_path)
    (tmp_path / "lmu.txt").write_bytes((tmp_path / "lmu.txt").read_bytes().replace(b"\n", b"\r\n"))
    monkeypatch.setattr(permutations, "FOLDER", tmp_path)
    assert torch.equal(permutations.read("lmu"), wanted)


def test_a_resident_permutation_is_read_once_for_each_device() -> None:
    cpu = torch.device("cpu")
    assert permutations.resident("digits", cpu) is permutations.resident("digits", cpu)
    assert permutations.resident("digits", torch.device("meta")).device.type == "meta"
    assert torch.equal(permutations.resident("digits", cpu), permutations.read("digits"))


def test_another_order_of_samples_than_the_frozen_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"numpy .* draws another order of 10 samples than the frozen one \(sha256 "):
        permutations.shuffled(10, seed=0, wanted="0" * 64)
