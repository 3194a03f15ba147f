"""What each architecture says about itself."""

from __future__ import annotations

import ast
import inspect
import sys
from typing import get_type_hints
from xml.etree import ElementTree

import optuna
import pytest
import torch
from latex2mathml.converter import convert
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


def hyper_of(architecture, point):
    """The hyper-parameters that a point of the search space means."""
    step, hyper = architecture.stable_step, {**architecture.defaults, **point}
    if step is not None and step.key in point:
        hyper[step.of] = hyper.pop(step.key) * step.largest(hyper)
    return hyper


def test_search_space_samples_build_a_layer(architecture):
    space, step = architecture.search_space(), architecture.stable_step
    known = set(inspect.signature(architecture.layer).parameters) - NOT_HYPER
    assert set(space) <= known | {step.key if step else ""}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        architecture.layer(2, **{**hyper_of(architecture, study.ask(space).params), "hidden_size": 4})


def test_search_space_holds_the_defaults(architecture):
    step, hyper = architecture.stable_step, dict(architecture.defaults)
    if step is not None:
        hyper[step.key] = hyper[step.of] / step.largest(hyper)
    for name, distribution in architecture.search_space().items():
        assert distribution._contains(distribution.to_internal_repr(hyper[name])), name


STEPPED = [
    ("cornn", {"gamma": gamma, "epsilon": epsilon, "damping": damping})
    for gamma, epsilon in [(0.1, 1.0), (1.0, 1.0), (100.0, 20.0), (66.0, 15.0), (1e-6, 3.0)]
    for damping in ("explicit", "implicit")
]
STEPPED += [("unicornn", {"alpha": alpha}) for alpha in (0.0, 1.0, 30.65, 50.0, 1e4)]


@pytest.mark.parametrize(("name", "hyper"), STEPPED)
def test_the_largest_stable_step_is_where_the_constraint_begins(load, name, hyper):
    architecture = load(name)
    largest = architecture.stable_step.largest(hyper)
    assert architecture.constraint({**hyper, "dt": 0.999 * largest}) is None
    assert architecture.constraint({**hyper, "dt": 1.001 * largest}) is not None


@pytest.mark.parametrize(("name", "hyper"), STEPPED)
def test_the_largest_step_depends_on_nothing_else_and_goes_one_way(load, name, hyper):
    """The least limit of a space is then at one of its corners."""
    step = load(name).stable_step
    assert set(hyper) == set(step.depends)
    for key in (key for key, value in hyper.items() if isinstance(value, float)):
        limits = [step.largest({**hyper, key: value}) for value in (0.01, 0.5, 1.0, 7.0, 50.0, 500.0)]
        assert limits in (sorted(limits), sorted(limits, reverse=True)), key


def test_equations_become_mathml(architecture):
    """A command that the converter does not know would stay in the page as it is typed."""
    assert architecture.equations
    for equation in architecture.equations:
        assert "\n" not in equation
        root = ElementTree.fromstring(convert(equation))
        text = "".join(root.itertext())
        assert "\\" not in text
        assert "=" in text
        assert not [part.text for part in root.iter() if part.tag.endswith("merror")]


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
