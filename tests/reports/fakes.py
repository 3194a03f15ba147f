"""Runs that look like real ones, made from a seed: what the tests of the page are fed with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
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
        "selection": "best",
        "command": "python -m harness run --arch lstm --task psdigits --seed 0 --threads 2",
        "environment": "e0e0e0e0",
        "warnings": "",
        "steps": 1200,
        "data_checksum": "",
        "operations": "lstm: torch 1,200 times",
        "default": False,
        "chance_valid": np.nan,
        "chance_test": np.nan,
        "code": None,
        "architecture_version": None,
        "updated": "2026-03-04T12:58:00+00:00",
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


def full(seed: int = 0) -> Frames:
    """The store of :func:`store` with all that the command line can tell: recipes, environments, studies, timings."""
    known = store(seed)
    names = known.runs[["recipe_hash", "arch", "task"]].drop_duplicates()
    recipes = [
        {"recipe_hash": r.recipe_hash, "toml": _TOML.format(arch=r.arch, task=r.task)} for r in names.itertuples()
    ]
    settings = {"hardware.cpu": DEVICE.removeprefix("cpu: "), "software.torch": "2.15.0", "software.python": "3.11.9"}
    environments = [{"environment": "e0e0e0e0", "name": name, "value": value} for name, value in settings.items()]
    published = known.runs[known.runs["recipe"] == "published"].iloc[0]
    shipped = {
        "arch": published["arch"],
        "task": published["task"],
        "recipe_hash": published["recipe_hash"],
        "toml": _TOML.format(arch=published["arch"], task=published["task"]),
        "source": "the authors' repository, default arguments of its script",
        "deviations": "The test set is evaluated once, not after every epoch.\nThe split is frozen.",
    }
    architectures = known.architectures.assign(
        equations=[_EQUATIONS.get(name, "") for name in known.architectures["name"]],
        paper="A. Author, B. Author: A recurrent network. Conference on Networks, 2021",
        paper_url="https://example.org/paper",
        code_url="https://example.org/code",
        origin="built-in",
    )
    tasks = known.tasks.assign(
        protocol="57,000 training, 3,000 validation and 10,000 test samples, frozen.",
        citation="LeCun et al., Gradient-based learning applied to document recognition, 1998",
        licence="CC BY-SA 3.0",
        url="https://example.org/data",
        length="784",
    )
    return replace(
        known,
        recipes=pd.DataFrame(recipes),
        environments=pd.DataFrame(environments),
        published_recipes=pd.DataFrame([shipped]),
        architectures=architectures,
        tasks=tasks,
        skipped=pd.DataFrame([{"arch": "gru", "task": "smnist", "reason": "would need 31 GiB of memory"}]),
        **studies(seed),
        timings=timings(seed),
    )


_TOML = """arch = "{arch}"
task = "{task}"

[layer]
hidden_size = 128
num_layers = 1

[training]
epochs = 60
batch_size = 50
optimizer = "adam"
lr = 0.005
selection = "best"
"""
_EQUATIONS = {
    "cornn": r"z_t = z_{t-1} + \Delta t \left( \tanh(W y_{t-1} + V u_t + b) - \gamma y_{t-1} - \epsilon z_{t-1} \right)"
    "\n"
    r"y_t = y_{t-1} + \Delta t\, z_t",
    "unicornn": r"z_t = z_{t-1} - \Delta t\, \sigma(c) \odot (\tanh(w \odot y_{t-1} + V u_t) + \alpha y_{t-1})",
}


def studies(seed: int = 0) -> dict[str, pd.DataFrame]:
    """The frames `trials`, `studies` and `importance` of two studies of 30 trials, some ended early, one failed."""
    random = np.random.default_rng(seed + 1)
    trials, searches, importance = [], [], []
    for arch in ("cornn", "unicornn"):
        study = f"{arch}-psdigits"
        for number in range(30):
            dt, lr = 10 ** random.uniform(-2.5, 0), 10 ** random.uniform(-4, -1.5)
            value = (
                0.95 - 0.08 * abs(np.log10(dt) + 1) - 0.05 * abs(np.log10(lr) + 2.4) + 0.01 * random.standard_normal()
            )
            state = "failed" if number == 11 else "pruned" if number % 4 == 3 else "complete"
            trials.append(
                {
                    "study": study,
                    "arch": arch,
                    "task": "psdigits",
                    "metric": "accuracy",
                    "higher_is_better": True,
                    "trial": number,
                    "state": state,
                    "value": value if state == "complete" else np.nan,
                    "best_seen": value - 0.1 if state == "pruned" else np.nan,
                    "epochs": 30 if state == "complete" else 7,
                    "seconds": 9.5 if state == "complete" else 2.5,
                    "parameters": SIZES[arch],
                    "values": json.dumps({"dt": dt, "lr": lr, "batch_size": int(random.choice([32, 64, 128]))}),
                    "reason": "diverged at step 60" if state == "failed" else None,
                }
            )
        ranges = {"dt": "0.003..1 log", "lr": "0.0001..0.03 log", "batch_size": "32, 64 or 128"}
        searches.append(
            {
                "study": study,
                "sampler": "tpe",
                "pruner": "median",
                "seed": "7",
                "epochs": 30,
                "matched": "",
                "ranges": json.dumps(ranges),
            }
        )
        shares = {"dt": 0.71, "lr": 0.22, "batch_size": 0.07}
        importance += [{"study": study, "key": key, "share": share} for key, share in shares.items()]
    frames = {"trials": trials, "studies": searches, "importance": importance}
    return {name: pd.DataFrame(rows) for name, rows in frames.items()}


def timings(seed: int = 0) -> pd.DataFrame:
    """The frame `timings`: four architectures over lengths, batches and widths, UnICORNN's figure, and one left out."""
    random = np.random.default_rng(seed + 2)
    cost = {"cornn": 9e-9, "gru": 6e-8, "lstm": 4e-8, "unicornn": 2e-9}
    bars = {"lstm": 35.4, "unicornn": 10.0}
    cases = [("", length, 32, 128) for length in (100, 300, 1000, 3000)]
    cases += [("", 300, batch, 128) for batch in (8, 128)] + [("", 300, 32, width) for width in (32, 512)]
    cases += [("unicornn-figure", length, 128, 128) for length in (1000, 2000)]
    rows = []
    for number, (preset, length, batch, width) in enumerate(cases):
        for arch, each in cost.items():
            if preset and arch not in bars:
                continue
            for phase, share in {"forward": 0.3, "backward": 0.6, "forward_backward": 0.9, "step": 1.0}.items():
                seconds = share * each * length * batch * width * random.uniform(0.95, 1.05) + 1e-4
                rows.append(
                    _TIMING
                    | {"timing": f"{number:03d}{arch}", "sitting": f"sitting{number // 4}", "preset": preset or None}
                    | {"arch": arch, "length": length, "batch": batch, "hidden_size": width, "phase": phase}
                    | {"seconds": seconds, "lower_quartile": 0.97 * seconds, "upper_quartile": 1.04 * seconds}
                    | {"least": 0.95 * seconds, "cpu_seconds": 1.9 * seconds, "memory": 16.0 * length * batch * width}
                    | {
                        "floor": 0.5 * seconds,
                        "copy_floor": 0.5 * seconds,
                        "product_floor": 0.1 * seconds,
                        "reached": 0.5,
                    }
                    | {"backend": "best", "backends": "torch" if arch in ("gru", "lstm") else "cpu"}
                )
                if preset and phase == "forward_backward":
                    rows[-1]["published_seconds"] = bars[arch] / 1e3 * length / 1000
                    rows[-1]["published_source"] = "labels of the bars, measured on a GPU; batch 128 is assumed"
    left_out = _TIMING | {"timing": "skipped", "arch": "gru", "length": 100_000, "state": "skipped"}
    return pd.DataFrame([*rows, left_out | {"reason": "would need 41 GiB of memory"}])


_TIMING: dict[str, Any] = {
    "timing": "",
    "sitting": "sitting9",
    "preset": None,
    "arch": "",
    "length": 100,
    "batch": 32,
    "input_size": 1,
    "hidden_size": 128,
    "num_layers": 1,
    "dtype": "float32",
    "device": DEVICE,
    "threads": 2,
    "backend": "best",
    "backends": "",
    "state": "done",
    "reason": None,
    "phase": None,
    "repetitions": 20,
    "seconds": np.nan,
    "lower_quartile": np.nan,
    "upper_quartile": np.nan,
    "least": np.nan,
    "cpu_seconds": np.nan,
    "compile_seconds": 0.1,
    "memory": np.nan,
    "bytes": 1e8,
    "operations": 1e9,
    "copy_floor": np.nan,
    "product_floor": np.nan,
    "floor": np.nan,
    "reached": np.nan,
    "created": "2026-03-05T10:00:00.000000Z",
    "version": "0.1.0",
    "published_seconds": np.nan,
    "published_source": None,
}


def many(architectures: int, tasks: int, runs: int, epochs: int = 30) -> Frames:
    """A store of `runs` done runs, spread evenly over all pairs, each with a curve."""
    random = np.random.default_rng(3)
    pairs = [(a, t) for t in range(tasks) for a in range(architectures)]
    rows, tests = [], random.uniform(0.5, 0.99, len(pairs))
    for number in range(runs):
        place, seed = number % len(pairs), number // len(pairs)
        arch, task = pairs[place]
        reached = float(tests[place] + 0.01 * random.standard_normal())
        rows.append(
            run(run=f"{number:012x}", seed=seed, test=reached, valid=reached, recipe_hash=f"{place:016x}")
            | {"arch": f"cell-{arch:02d}", "arch_title": f"Cell {arch}"}
            | {"task": f"task-{task:02d}", "task_title": f"Task {task}"}
        )
    steps = np.tile(np.arange(1, epochs + 1), runs)
    rising = 1 - np.exp(-5 * np.linspace(1 / epochs, 1, epochs))
    curves = pd.DataFrame(
        {
            "run": np.repeat([row["run"] for row in rows], epochs),
            "epoch": steps,
            "step": 40 * steps,
            "seconds": 1.5 * steps,
            "train_loss": 1.0 / steps,
            "valid_loss": 1.2 / steps,
            "valid": np.concatenate([row["test"] * rising for row in rows]) if rows else [],
            "lr": 1e-3,
        }
    )
    recipes = [{"recipe_hash": f"{p:016x}", "toml": _TOML.format(arch=a, task=t)} for p, (a, t) in enumerate(pairs)]
    lines = {f"software.library-{number}": f"1.{number}" for number in range(20)}
    environments = [{"environment": "e0e0e0e0", "name": name, "value": value} for name, value in lines.items()]
    return Frames(pd.DataFrame(rows), curves, recipes=pd.DataFrame(recipes), environments=pd.DataFrame(environments))


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
                    steps=150 * done,
                    command=f"python -m harness run --arch {arch} --task '{task}' --recipe {recipe} --seed {seed}",
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
    texts = hostile_texts()
    for number, text in enumerate(texts):
        changed = dict.fromkeys(("arch", "arch_title", "task", "task_title", "recipe", "recipe_hash", "reason"), text)
        changed |= dict.fromkeys(("device", "backends", "created", "version", "task_protocol"), text)
        changed |= dict.fromkeys(("command", "environment", "warnings", "data_checksum", "operations"), text)
        for seed, state in enumerate(("done", "done", "failed", text)):
            identity = f"{number} {seed} {text[:40]}"
            rows.append(run(run=identity, seed=seed, state=state, **changed))
            curves.append(curve(identity, [0.1, np.nan, np.inf, 0.7]))
    entry = ("name", "title", "summary", "metric", "equations", "paper", "paper_url", "code_url", "origin", "protocol")
    names = pd.DataFrame([dict.fromkeys((*entry, "citation", "licence", "url", "length"), text) for text in texts])
    trial = {"higher_is_better": True, "trial": 0, "value": 0.5, "best_seen": np.nan, "seconds": 1.0}
    numbers = {"epochs": 1, "parameters": 5}
    words = ("study", "arch", "task", "metric", "state", "values", "reason")
    times = (
        "timing",
        "sitting",
        "preset",
        "arch",
        "dtype",
        "device",
        "backend",
        "backends",
        "state",
        "reason",
        "phase",
    )
    return Frames(
        pd.DataFrame(rows),
        pd.concat(curves),
        architectures=names,
        tasks=names,
        recipes=pd.DataFrame([dict.fromkeys(("recipe_hash", "toml"), text) for text in texts]),
        environments=pd.DataFrame([dict.fromkeys(("environment", "name", "value"), text) for text in texts]),
        trials=pd.DataFrame([trial | numbers | dict.fromkeys(words, text) for text in texts]),
        studies=pd.DataFrame(
            [
                {"epochs": 3} | dict.fromkeys(("study", "sampler", "pruner", "seed", "matched", "ranges"), text)
                for text in texts
            ]
        ),
        importance=pd.DataFrame([{"study": text, "key": text, "share": 0.5} for text in texts]),
        timings=pd.DataFrame(
            [_TIMING | {"seconds": 0.5} | dict.fromkeys((*times, "published_source"), text) for text in texts]
        ),
        skipped=pd.DataFrame([dict.fromkeys(("arch", "task", "reason"), text) for text in texts]),
        published_recipes=pd.DataFrame(
            [dict.fromkeys(("arch", "task", "recipe_hash", "toml", "source", "deviations"), text) for text in texts]
        ),
    )
