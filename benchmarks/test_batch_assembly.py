"""What assembling a batch costs, as a share of the training step that it is part of, for every task.

The data are made up in the compact form and the sizes of the real ones, so that nothing has to be downloaded: the time
does not depend on the values. Every task is trained by its standard recipe, by each of the four architectures.
"""

from __future__ import annotations

from statistics import median, quantiles

import pytest
import torch

from harness.execution import Job
from harness.home import Home
from harness.machine import Machine
from harness.recipes import named
from harness.registry import Registry
from tasks import Data, Splits, Windows

ROUNDS = 7
WORDS = 25_002
TASKS = [
    "adding[length=1000]",
    "sdigits",
    "psmnist",
    "ncifar",
    "ncifar[noise=fresh]",
    "scifar",
    "har2",
    "imdb[embedding=random]",
    "imdb[embedding=random,readout=last]",
    "eigenworms",
    "bidmc-hr",
    "bidmc-hr[source=recordings]",
    "basicmotions",
    "japanesevowels",
]


def rows(task: str, n: int) -> torch.Tensor:
    """Compact inputs of `n` samples as the task keeps them."""
    name = task.partition("[")[0]
    if name in ("sdigits", "psmnist", "ncifar", "scifar"):
        width = {"sdigits": 64, "psmnist": 784}.get(name, 3072)
        return torch.randint(0, 255, (n, width), dtype=torch.uint8)
    shape = {"har2": (128, 9), "eigenworms": (17_984, 6), "bidmc-hr": (4000, 2), "basicmotions": (100, 6)}
    return torch.randn(n, *shape.get(name, (29, 12)))


def made_up(task: str, job: Job) -> Data:
    """One split in the compact form of the task."""
    n = min(job.named.recipe.training.batch_size * 20, 2000)
    outputs = job.task.output_size
    targets = torch.randn(n, 1) if job.task.kind == "regression" else torch.randint(0, max(outputs, 2), (n,))
    if task.startswith("imdb"):
        lengths = torch.empty(n).log_normal_(5.4, 0.6).long().clamp_(10, 2789)  # median 220, mean 265: as the reviews
        stream = torch.randint(2, WORDS, (int(lengths.sum()),), dtype=torch.int16)
        return Windows(inputs=lengths.cumsum(0) - lengths, targets=targets, lengths=lengths, stream=stream, fill=1)
    if "recordings" in task:
        return Windows(
            inputs=torch.randint(0, 56_000, (n,)), targets=targets, stream=torch.randn(60_001, 2), steps=4000
        )
    lengths = torch.randint(7, 30, (n,)) if task == "japanesevowels" else None
    return Data(rows(task, n), targets, lengths)


def ready(task: str, arch: str, tmp_path) -> Job:
    """The pair with made-up data in place of the real ones; fresh data need none."""
    torch.manual_seed(0)
    job = Job(Registry(), named(Registry(), arch, task), Machine(Home(tmp_path), tmp_path, True, "cpu", 2))
    if not task.startswith("adding"):
        data = made_up(task, job)
        job._splits = Splits(data, data, data, "made up")
        job.task.vocabulary = [""] * WORDS
    return job


@pytest.mark.parametrize("arch", ["cornn", "unicornn", "lstm", "gru"])
@pytest.mark.parametrize("task", TASKS)
def test_share_of_a_training_step(task, arch, benchmark, seconds, tmp_path):
    job = ready(task, arch, tmp_path)
    trainer = job.trainer(0)
    index = trainer.batches(0)[0]

    def assemble() -> None:
        job.task.batch(trainer.train_data, index, trainer.generator(0, 0))

    def step() -> None:
        trainer.step(index, trainer.generator(0, 0))

    step(), assemble()
    pairs = [(seconds(assemble), seconds(step)) for _ in range(ROUNDS if task != "eigenworms" else 3)]
    benchmark.pedantic(assemble, rounds=ROUNDS)
    low, share, high = quantiles([a / s for a, s in pairs], n=4)
    a, s = (median(pair[which] for pair in pairs) for which in (0, 1))
    benchmark.extra_info.update(share=share, quartiles=[low, high], threads=torch.get_num_threads())
    print(
        f"\n{task}, {arch}, batch {len(index)}: batch {a * 1e3:.2f} ms of a step of {s * 1e3:.1f} ms,"
        f" {share:.2%} (quartiles {low:.2%} to {high:.2%}), {torch.get_num_threads()} threads"
    )
