from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tasks import Data
from tasks.cifar import noise
from tasks.cifar.noise import frozen_seed
from tasks.cifar.task import Images, NoisePaddedCIFAR10


@pytest.fixture
def parts() -> list[Images]:
    """Training, validation and test, of 20 images each."""
    pixels = torch.randint(256, (3, 20, 3072), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return [Images(pixels[part], torch.arange(20) % 10, part=part) for part in range(3)]


def padding(task: NoisePaddedCIFAR10, data: Data, index: list[int], seed: int | None = None) -> Tensor:
    """The noise (968, N, 96) of a batch, of training where there is a seed."""
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    inputs = task.batch(data, torch.tensor(index), generator).inputs
    assert inputs.shape == (1000, len(index), 96)
    return inputs[32:]


def test_the_frozen_noise_is_what_its_seed_draws() -> None:
    drawn = np.random.RandomState(0).standard_normal((968, 96)).astype(np.float32)
    assert np.array_equal(noise.frozen().numpy(), drawn)


@pytest.mark.parametrize(
    "tamper",
    [lambda content: content[:-1] + b"\x00", lambda content: content[:-4], lambda content: b"", lambda _: b"<html>"],
    ids=["one bit", "truncated", "empty", "garbage"],
)
def test_a_damaged_file_of_noise_is_refused(tamper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = noise.FILE.read_bytes()
    assert tamper(content) != content
    (tmp_path / "noise.f32").write_bytes(tamper(content))
    monkeypatch.setattr(noise, "FILE", tmp_path / "noise.f32")
    with pytest.raises(ValueError, match=r"noise\.f32 does not hold the frozen noise \(sha256 .*: install this"):
        noise.frozen()


def test_resident_noise_is_read_once_for_each_device() -> None:
    cpu = torch.device("cpu")
    assert noise.resident(cpu) is noise.resident(cpu)
    assert noise.resident(torch.device("meta")).device.type == "meta"


def test_fixed_noise_is_the_same_behind_every_image_of_all_parts(parts: list[Images]) -> None:
    task = NoisePaddedCIFAR10()
    frozen = noise.frozen()
    for data in parts:
        for seed in (None, 3, 4):
            assert torch.equal(padding(task, data, [0, 7, 3], seed), frozen.unsqueeze(1).expand(-1, 3, -1))


def test_a_batch_that_is_written_to_leaves_the_fixed_noise_alone(parts: list[Images]) -> None:
    task = NoisePaddedCIFAR10()
    padding(task, parts[0], [0, 1]).zero_()
    assert torch.equal(padding(task, parts[0], [0])[:, 0], noise.frozen())


def test_fresh_noise_differs_by_image_and_by_generator(parts: list[Images]) -> None:
    task = NoisePaddedCIFAR10("fresh")
    first = padding(task, parts[0], [5, 5, 6], seed=1)
    assert torch.equal(padding(task, parts[0], [5, 5, 6], seed=1), first)
    assert not torch.equal(first[:, 0], first[:, 1])  # of one image twice
    assert not torch.equal(first[:, 1], first[:, 2])
    assert not torch.isclose(padding(task, parts[0], [5, 5, 6], seed=2), first).all(dim=0).any()
    assert not torch.equal(first[:, 0], noise.frozen())


def test_fresh_noise_takes_as_much_of_the_generator_whatever_the_batch(parts: list[Images]) -> None:
    task = NoisePaddedCIFAR10("fresh")
    states = []
    for index in ([0], list(range(20))):
        generator = torch.Generator().manual_seed(9)
        task.batch(parts[0], torch.tensor(index), generator)
        states.append(generator.get_state())
    assert torch.equal(*states)
    assert not torch.equal(states[0], torch.Generator().manual_seed(9).get_state())


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_fresh_noise_does_not_depend_on_the_number_of_threads(parts: list[Images], threads: int, monkeypatch) -> None:
    task = NoisePaddedCIFAR10("fresh")
    before = padding(task, parts[0], [0, 1, 2], seed=7)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert torch.equal(padding(task, parts[0], [0, 1, 2], seed=7), before)
    assert len({float(share[0, 0, 0]) for share in before.chunk(noise.SHARES)}) == noise.SHARES


def test_batches_that_are_kept_stay_as_they_are(parts: list[Images]) -> None:
    task = NoisePaddedCIFAR10()
    kept = [task.batch(parts[0], torch.tensor([place, place])).inputs[:32, :1] for place in range(6)]
    again = [task.batch(parts[0], torch.tensor([place, place])).inputs[:32, :1].clone() for place in range(6)]
    assert all(torch.equal(one, other) for one, other in zip(kept, again, strict=True))


def test_no_noise_is_drawn_from_the_global_generators(parts: list[Images]) -> None:
    task = NoisePaddedCIFAR10("fresh")
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    padding(task, parts[0], [0, 1], seed=0)
    padding(task, parts[2], [0, 1])
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)


@pytest.mark.parametrize("seed", [None, 0])
def test_fresh_noise_is_normal(parts: list[Images], seed: int | None) -> None:
    task = NoisePaddedCIFAR10("fresh")
    drawn = padding(task, parts[0], list(range(20)), seed).double()
    n = drawn.numel()
    assert abs(drawn.mean()) < 4 / n**0.5
    assert abs(drawn.var() - 1) < 4 * (2 / n) ** 0.5
    # Noise of two images, or of two steps, has nothing to do with one another.
    assert abs((drawn[:, :-1] * drawn[:, 1:]).mean()) < 4 / (n * 19 / 20) ** 0.5
    assert abs((drawn[:-1] * drawn[1:]).mean()) < 4 / (n * 967 / 968) ** 0.5


def test_in_evaluations_an_image_has_its_noise_in_every_batch(parts: list[Images]) -> None:
    task = NoisePaddedCIFAR10("fresh")
    together = padding(task, parts[2], list(range(20)))
    alone = torch.cat([padding(task, parts[2], [place]) for place in range(20)], dim=1)
    assert torch.equal(alone, together)
    assert torch.equal(padding(task, parts[2], [9, 2, 9]), together[:, [9, 2, 9]])
    assert torch.equal(padding(task, parts[2].head(4), [3]), together[:, [3]])


def test_in_evaluations_no_two_images_share_their_noise(parts: list[Images]) -> None:
    task = NoisePaddedCIFAR10("fresh")
    drawn = [padding(task, data, [0, 1]) for data in parts]
    firsts = {tuple(one[0, column].tolist()) for one in drawn for column in (0, 1)}
    assert len(firsts) == 6


def test_in_evaluations_every_machine_draws_the_same(parts: list[Images]) -> None:
    drawn = padding(NoisePaddedCIFAR10("fresh"), parts[2], [0])[:, 0]
    levels = torch.searchsorted(noise.quantiles(), drawn)  # whatever the last digit of a level is
    assert (
        sha256(levels.numpy().astype("<i8").tobytes()).hexdigest()
        == "02a6946fbecb8396954e6c0672c9ae337d085b638f56ea763fb2a70d1572f261"
    )


def test_the_levels_are_quantiles_of_the_normal_distribution() -> None:
    levels = noise.quantiles().double()
    assert len(levels.unique()) == 2**16
    assert torch.equal(levels.flip(0), -levels)
    assert float(levels.var(correction=0)) == pytest.approx(1.0, abs=1e-6)
    share = 0.5 * (1 + torch.erf(levels[[1000, 32768, 64000]] / 2**0.5))
    assert share.tolist() == pytest.approx([1000.5 / 65536, 32768.5 / 65536, 64000.5 / 65536], abs=1e-5)


def test_a_block_at_a_time_is_drawn_and_the_last_may_be_short(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = torch.empty(1000), torch.empty(1003)
    noise.draw(whole, 3)
    monkeypatch.setattr(noise, "BLOCK", 100)
    noise.draw(parts, 3)
    assert torch.equal(parts[:1000], whole)
    assert len(parts[1000:].unique()) == 3


def test_seeds_of_frozen_noise_are_told_apart_in_the_largest_part() -> None:
    assert frozen_seed(0, 48_000) < frozen_seed(1, 0)
    assert frozen_seed(1, 3000) < frozen_seed(2, 0)
