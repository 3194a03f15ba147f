"""Runs that look like real ones, made from a seed: what the tests of the page are fed with."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd

from reports import Frames

DEVICE = "cpu: AMD EPYC 9R14"
TITLES = {"cornn": "coRNN", "gru": "GRU", "lstm": "LSTM", "unicornn": "UnICORNN"}
SIZES = {"cornn": 134_000, "gru": 50_826, "lstm": 67_466, "unicornn": 35_082}


def run(**changed: Any) -> dict[str, Any]:
    """One row of the frame `runs`: a run of the LSTM on the digits that is done, but for what is `changed`."""
    row = {
        "run": "0123456789ab",
        "arch": "lstm",
        "arch_title": "LSTM",
        "task": "psdigits",
        "task_title": "Permuted sequential digits",
        "metric": "accuracy",
        "higher_is_better": True,
        "recipe": "standard",
        "recipe_hash": "5f3a9c0be1d24467",
        "seed": 0,
        "state": "done",
        "reason": None,
        "valid": 0.95,
        "test": 0.94,
        "parameters": 67_466,
        "parameters_without_embedding": 67_466,
        "epochs": 30,
        "epochs_done": 30,
        "train_limit": np.nan,
        "seconds": 21.5,
        "device": DEVICE,
        "threads": 2,
        "backends": "torch",
        "created": "2026-03-04T11:58:00+00:00",
        "version": "0.1.0",
        "task_protocol": "",
    }
    assert changed.keys() <= row.keys()
    return row | changed


def runs(*rows: dict[str, Any]) -> pd.DataFrame:
    """The frame `runs` of these rows; each gets an id of its own unless it already has one."""
    return pd.DataFrame(
        [{**row, "run": row["run"] if row["run"] != "0123456789ab" else f"{i:012x}"} for i, row in enumerate(rows)]
    )


def frames(*rows: dict[str, Any], curves: pd.DataFrame | None = None) -> Frames:
    """A report of these runs and nothing else."""
    return Frames(runs(*rows), pd.DataFrame() if curves is None else curves)


def curve(run_id: str, values: list[float], every: int = 40, seconds: float = 1.5) -> pd.DataFrame:
    """The curve of one run: a validation metric an epoch."""
    epoch = np.arange(1, len(values) + 1)
    return pd.DataFrame(
        {
            "run": run_id,
            "epoch": epoch,
            "step": every * epoch,
            "seconds": seconds * epoch,
            "train_loss": 1.0 / epoch,
            "valid_loss": 1.2 / epoch,
            "valid": values,
            "lr": 1e-3,
        }
    )


def store(seed: int = 0) -> Frames:
    """A store as a few weeks of work leave it: two recipes, a small training set, seeds failed, running, elsewhere."""
    random = np.random.default_rng(seed)
    maker = _Maker(random)
    for arch, test in {"cornn": 0.943, "gru": 0.957, "lstm": 0.941, "unicornn": 0.961}.items():
        maker.add(arch, "psdigits", range(3), test, 0.006, epochs=30, seconds=24.0)
    for arch, test in {"cornn": 0.9586, "gru": 0.9408, "lstm": 0.9271, "unicornn": 0.9811}.items():
        maker.add(arch, "psmnist", range(5), test, 0.0021, epochs=60, seconds=8_200.0)
    maker.add("cornn", "psmnist", range(3), 0.9693, 0.0012, epochs=120, seconds=15_900.0, recipe="published")
    maker.add("unicornn", "psmnist[permutation=cornn]", [0], 0.9786, 0.0, epochs=12, seconds=1_900.0)
    maker.add("lstm", "psmnist[permutation=cornn]", range(2), 0.9195, 0.004, epochs=60, seconds=7_700.0)
    maker.add("cornn", "smnist", [0], 0.8712, 0.0, epochs=2, seconds=61.0, train_limit=5000)
    maker.add("lstm", "smnist", [0], 0.2155, 0.0, epochs=2, seconds=35.0, train_limit=5000)
    for arch, test in {"cornn": 7.4e-4, "gru": 0.0213, "lstm": 0.1664, "unicornn": 5.1e-4}.items():
        maker.add(arch, "adding[length=500]", range(3), test, 0.18 * test, epochs=40, seconds=640.0, metric="mse")
    maker.change("unicornn", "adding[length=500]", 2, state="failed", reason="diverged at step 1874: the loss is NaN")
    maker.change("gru", "psmnist", 4, state="interrupted", reason="SIGTERM after epoch 31")
    maker.change("lstm", "psmnist", 4, state="running")
    maker.change("lstm", "psmnist", 3, device="cpu: Intel Xeon Platinum 8481C", threads=4)
    maker.add("gru", "psmnist[permutation=cornn]", range(2), 0.9, 0.0, epochs=60, seconds=900.0)
    for number in range(2):
        reason = "out of memory in epoch 1: 15.2 GiB were asked for; choose a smaller batch with --set batch_size=64"
        maker.change("gru", "psmnist[permutation=cornn]", number, state="failed", reason=reason)
    return maker.frames()


class _Maker:
    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.rows: list[dict[str, Any]] = []
        self.curves: list[pd.DataFrame] = []

    def add(
        self,
        arch: str,
        task: str,
        seeds: Any,
        test: float,
        spread: float,
        *,
        epochs: int,
        seconds: float,
        metric: str = "accuracy",
        recipe: str = "standard",
        **changed: Any,
    ) -> None:
        for seed in seeds:
            identity = f"{self.random.integers(16**12):012x}"
            reached = test + spread * self.random.standard_normal()
            took = seconds * self.random.uniform(0.95, 1.05)
            done = epochs - int(self.random.integers(epochs // 4 + 1)) if epochs > 20 else epochs
            self.rows.append(
                run(
                    run=identity,
                    arch=arch,
                    arch_title=TITLES[arch],
                    task=task,
                    task_title=_TASKS[task.partition("[")[0]][0],
                    metric=metric,
                    higher_is_better=metric == "accuracy",
                    recipe=recipe,
                    recipe_hash=hashlib.sha256(f"{arch} {task} {recipe}".encode()).hexdigest()[:16],
                    seed=seed,
                    valid=reached + 0.2 * spread * self.random.standard_normal(),
                    test=reached,
                    parameters=SIZES[arch],
                    parameters_without_embedding=SIZES[arch],
                    epochs=epochs,
                    epochs_done=done,
                    seconds=took,
                    backends="torch" if arch in ("lstm", "gru") else "eager",
                    created=f"2026-03-{1 + len(self.rows) // 24:02d}T{len(self.rows) % 24:02d}:12:40+00:00",
                    **changed,
                )
            )
            self.curves.append(curve(identity, self._values(reached, done, metric), 150, took / done))

    def change(self, arch: str, task: str, seed: int, **changed: Any) -> None:
        for row in self.rows:
            if (row["arch"], row["task"], row["seed"], row["recipe"]) == (arch, task, seed, "standard"):
                row |= changed
                if changed.get("state", "done") != "done":
                    row |= {"valid": np.nan, "test": np.nan}

    def frames(self) -> Frames:
        architectures = [
            {"name": name, "title": title, "summary": _ARCHITECTURES[name]} for name, title in TITLES.items()
        ]
        tasks = [
            {"name": name, "title": title, "metric": metric, "summary": summary}
            for name, (title, metric, summary) in _TASKS.items()
        ]
        return Frames(pd.DataFrame(self.rows), pd.concat(self.curves), pd.DataFrame(architectures), pd.DataFrame(tasks))

    def _values(self, reached: float, epochs: int, metric: str) -> list[float]:
        start = 0.1 if metric == "accuracy" else 0.17
        rate = 9 * reached if metric == "accuracy" else 5.0
        share = 1 - np.exp(-rate * np.linspace(1 / epochs, 1, epochs))
        noise = 0.05 * self.random.standard_normal(epochs) * (1 - share)
        if metric == "accuracy":
            return list(start + (reached - start) * share + noise)
        return list(start * (reached / start) ** share * np.exp(4 * noise))


_ARCHITECTURES = {
    "cornn": "Coupled oscillatory recurrent network: a second-order system of driven, damped oscillators.",
    "gru": "Gated recurrent unit, over torch's own kernels.",
    "lstm": "Long short-term memory, over torch's own kernels, with the choice of forget bias.",
    "unicornn": "Undamped independent controlled oscillators: a Hamiltonian system, stacked in layers.",
}
_TASKS = {
    "adding": (
        "Adding problem",
        "mse",
        "The sum of two marked numbers in a long sequence; fresh samples at every step.",
    ),
    "psdigits": (
        "Permuted sequential digits",
        "accuracy",
        "Digits of 8 x 8 pixels, one pixel a step, in a frozen order.",
    ),
    "psmnist": ("Permuted sequential MNIST", "accuracy", "MNIST, one pixel a step, in a frozen random order."),
    "sdigits": ("Sequential digits", "accuracy", "Digits of 8 x 8 pixels, one pixel a step, row by row."),
    "smnist": ("Sequential MNIST", "accuracy", "MNIST, one pixel a step, row by row."),
}


def hostile_texts() -> list[str]:
    """Names and messages as nobody should choose them."""
    return [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</style></title><b>",
        "{{ 7 * 7 }}{% raise %}",
        "\u202eright to left שלום עולם",
        "x" * 4000,
        "a\x00b\x1b[31m\ud800",
        "$\\frac{1}{0}$",
        "=1+1",
        "&amp;&lt;",
        "javascript:alert(1)",
        "]]>--><!--",
    ]


def hostile() -> Frames:
    """A store in which every text is hostile, on rows of every state."""
    rows, curves = [], []
    for number, text in enumerate(hostile_texts()):
        texts = dict.fromkeys(("arch", "arch_title", "task", "task_title", "recipe", "recipe_hash", "reason"), text)
        texts |= dict.fromkeys(("device", "backends", "created", "version", "task_protocol"), text)
        for seed, state in enumerate(("done", "done", "failed", text)):
            identity = f"{number} {seed} {text[:40]}"
            rows.append(run(run=identity, seed=seed, state=state, **texts))
            curves.append(curve(identity, [0.1, np.nan, np.inf, 0.7]))
    names = [{"name": text, "title": text, "summary": text, "metric": text} for text in hostile_texts()]
    return Frames(pd.DataFrame(rows), pd.concat(curves), pd.DataFrame(names), pd.DataFrame(names))
