"""A published number, the recipe that is shipped for it, and runs: what the tests of the ledger are made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reports.ledger import LedgerEntry, ledger
from reports.protocols import contents
from reports.published import Published
from reports.records import PublishedRecipe, Run

from .fakes import frames, run

# Three seeds: mean 0.93, s = sqrt(0.0013).
SEEDS = (0.90, 0.92, 0.97)
TOML = """
arch = "cornn"
task = "psmnist"
[variant]
permutation = "cornn"
[layer]
hidden_size = 256
num_layers = 1
dt = 0.076
bias = true
[training]
epochs = 120
batch_size = 120
lr = 0.0054
selection = "best"
milestones = [100]
"""
OURS = TOML.replace("epochs = 120", "epochs = 8").replace("hidden_size = 256", "hidden_size = 128")
LABEL = "psmnist[permutation=cornn]"
SHIPPED = PublishedRecipe("cornn", LABEL, "published", TOML, "the code", "Split frozen.\nTested once.")
NUMBER = Published(
    id="x",
    source="A paper",
    year=2021,
    url="",
    where="Table 1",
    confidence="read in source",
    kind="mean",
    task_published="psMNIST",
    arch_published="coRNN",
    metric_published="test accuracy %",
    task=LABEL,
    variant_known=True,
    arch="cornn",
    metric="accuracy",
    value=0.95,
    std=None,
    printed="95.0",
    hidden=256,
    layers=None,
    parameters=134_200,
    note="",
    protocol="as in the code",
    recipes="cornn",
)


def runs(*tests: float, **changed: Any) -> list[Run]:
    """Done runs of the published recipe with these results, a seed each."""
    fields = {
        "arch": "cornn",
        "task": LABEL,
        "recipe": "published",
        "recipe_hash": "published",
        "epochs": 120,
    } | changed
    fields = {"epochs_done": fields["epochs"]} | fields
    start = fields["recipe_hash"]
    rows = [run(**({"run": f"{start}{i}", "seed": i, "test": test} | fields)) for i, test in enumerate(tests)]
    return frames(*rows).records()


def entry(number: Published, found: list[Run], recipes: dict[str, str] | None = None) -> LedgerEntry:
    known = contents(recipes if recipes is not None else {"published": TOML, "ours": OURS})
    (one,) = ledger([number], found, known, [SHIPPED])
    return one


def number(**changed: Any) -> Published:
    return replace(NUMBER, **changed)
