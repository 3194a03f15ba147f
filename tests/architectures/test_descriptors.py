"""What each architecture says about itself."""

from __future__ import annotations

import ast
import inspect
import sys
from typing import get_type_hints

import optuna
import pytest
import torch
from torch import nn

from architectures import BUILTIN

NOT_HYPER = {"self", "input_size", "batch_first", "backend", "device", "dtype"}


def test_names(load):
    assert {name: load(name).name for name in BUILTIN} == {name: name for name in BUILTIN}
    assert [load(name).title for name in BUILTIN] == ["coRNN", "UnICORNN", "IndRNN", "SRU", "LSTM", "GRU"]


def test_module_opens_with_a_summary_of_one_line(architecture):
    """Listings read it from the source, without importing the module."""
    source = inspect.getsource(sys.modules[architecture.layer.__module__])
    summary = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
    assert 20 < len(summary) < 120
    assert summary.endswith(".")


def test_constructor_can_be_validated_from_its_annotations(architecture):
    parameters = inspect.signature(architecture.layer).parameters
    assert set(get_type_hints(architecture.layer.__init__)) - {"return"} == set(parameters)
    assert list(parameters)[:3] == ["input_size", "hidden_size", "num_layers"]
    assert {"batch_first", "backend", "device", "dtype", "bias"} <= set(parameters)


def test_defaults_are_hyper_parameters_and_build_a_layer(architecture):
    hyper = set(inspect.signature(architecture.layer).parameters) - NOT_HYPER
    assert {"hidden_size", "num_layers"} <= set(architecture.defaults) <= hyper
    architecture.layer(1, **architecture.defaults)
    assert architecture.constraint is None or architecture.constraint(architecture.defaults) is None


def test_search_space_samples_build_a_layer(architecture):
    space = architecture.search_space()
    assert set(space) <= set(inspect.signature(architecture.layer).parameters) - NOT_HYPER
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        architecture.layer(2, **{**architecture.defaults, "hidden_size": 4, **study.ask(space).params})


def test_search_space_holds_the_defaults(architecture):
    for name, distribution in architecture.search_space().items():
        assert distribution._contains(distribution.to_internal_repr(architecture.defaults[name])), name


def test_paper_can_be_found(architecture):
    paper = architecture.paper
    assert paper.title
    assert paper.authors
    assert paper.venue
    assert 1990 < paper.year < 2100
    assert paper.url.startswith("https://")


@pytest.mark.parametrize(
    ("name", "input_size", "hidden_size", "num_layers", "output_size", "count"),
    [
        ("cornn", 1, 128, 1, 10, 34_314),  # (ps)MNIST of the paper, 34k
        ("cornn", 1, 256, 1, 10, 134_154),  # 134k
        ("cornn", 9, 64, 1, 1, 8_897),  # HAR-2, 9k
        ("cornn", 96, 128, 1, 10, 46_474),  # noise-padded CIFAR-10, 46k
        ("cornn", 100, 128, 1, 1, 45_825),  # IMDB, 46k
        ("unicornn", 1, 128, 3, 10, 35_338),  # psMNIST, 35k
        ("unicornn", 1, 256, 3, 10, 136_202),  # 135k
        ("unicornn", 96, 128, 3, 10, 47_498),  # noise-padded CIFAR-10, 47k
        ("unicornn", 6, 32, 2, 5, 1_573),  # EigenWorms, 1.5k
        ("unicornn", 100, 128, 2, 1, 30_081),  # IMDB, 30k
        ("indrnn", 1, 128, 6, 10, 86_410),  # psMNIST, as the log of the authors tells
        ("sru", 1, 128, 2, 1, 50_817),  # (4 * 128 + 4 * 128) + (3 * 128 * 128 + 4 * 128) + 129
        ("lstm", 1, 128, 1, 10, 68_362),  # 4 (128 + 128 * 128 + 2 * 128) + 1290
        ("gru", 1, 128, 1, 10, 51_594),  # 3 (128 + 128 * 128 + 2 * 128) + 1290
    ],
)
def test_parameter_counts_with_a_linear_read_out(load, name, input_size, hidden_size, num_layers, output_size, count):
    architecture = load(name)
    sizes = {"hidden_size": hidden_size, "num_layers": num_layers}
    layer = architecture.layer(input_size, **{**architecture.defaults, **sizes, "device": torch.device("meta")})
    head = nn.Linear(hidden_size, output_size, device="meta")
    assert sum(p.numel() for part in (layer, head) for p in part.parameters()) == count
