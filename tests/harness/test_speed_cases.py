"""What is measured: combinations of options, presets, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import UserError
from harness.registry import Registry
from harness.speed.cases import Case, grid
from harness.speed.presets import Preset, preset, presets
from harness.speed.wanted import Wanted
from harness.store import Phase, Run, Timing


def test_the_cases_are_all_combinations_and_those_of_a_size_stand_together() -> None:
    found = Wanted(
        arch=["lstm,gru"], length=["10", "20,10"], hidden=["4"], backend=["eager,torch"], device=["cpu"]
    ).cases(Registry())
    assert [(case.length, case.arch, case.backend) for case in found] == [
        (length, arch, backend) for length in (10, 20) for arch in ("lstm", "gru") for backend in ("eager", "torch")
    ]
    assert {(case.batch, case.hidden_size, case.num_layers, case.input_size) for case in found} == {(32, 4, 1, 1)}


def test_without_an_architecture_all_are_meant_and_plugins_too(plugin: str) -> None:
    registry = Registry((plugin,))
    found = Wanted(device=["cpu"]).cases(registry)
    assert [case.arch for case in found] == list(registry.architectures)
    assert "mean" in registry.architectures


def test_a_name_says_what_differs_from_the_usual() -> None:
    assert Case("gru", 784, 32, 128).name == "gru 784x32x128"
    given = Case("gru", 7, 3, 2, 4, 5, "cuda:0", "float64", "torch", (("dropout", 0.5),))
    assert given.name == "gru 7x3x2, 4 layers, cuda:0, float64, torch, dropout=0.5"
    assert grid(arch=["gru"], length=[1], batch=[2], hidden_size=[3], changes=[(("dt", [0.1]),)]) == [
        Case("gru", 1, 2, 3, changes=(("dt", [0.1]),))
    ]


def a_run_of(arch: str, task: str, **layer: Any) -> Run:
    return Run(arch, task, 0, "accuracy", {"layer": layer}, "standard", "c0ffee", "cpu")


def test_the_layers_of_runs_at_the_sizes_of_their_tasks() -> None:
    runs = (
        a_run_of("unicornn", "psdigits", hidden_size=7, num_layers=2, dt=[0.1, 0.2], alpha=1.0, dropout=0.3),
        a_run_of("lstm", "adding[length=50]", hidden_size=5),
        a_run_of("lstm", "adding[length=50]", hidden_size=5, num_layers=1, dropout=0.0),
    )
    found = Wanted(runs=runs, batch=["1,8"], device=["cpu"]).cases(Registry())
    assert [
        (case.arch, case.length, case.batch, case.hidden_size, case.num_layers, case.input_size) for case in found
    ] == [
        ("unicornn", 64, 1, 7, 2, 1),
        ("unicornn", 64, 8, 7, 2, 1),
        ("lstm", 50, 1, 5, 1, 2),
        ("lstm", 50, 8, 5, 1, 2),
    ], "equal layers are one case"
    changed = dict(found[0].changes)
    assert changed["dt"] == [0.1, 0.2]
    assert "dropout" not in changed, "nothing is dropped where a model is used"
    assert found[2].changes == ()
    [alone] = Wanted(runs=runs[1:2], device=["cpu"]).cases(Registry())
    assert alone.batch == 1, "one sequence at a time, as a sensor gives them"


@pytest.mark.parametrize(
    ("run", "options", "told"),
    [
        (("lstm", "adding"), {}, "run [0-9a-f]+ of lstm says no hidden_size: give --arch and --hidden instead"),
        (("lstm", "japanesevowels", 5), {}, "the sequences of japanesevowels differ in length: name .* with --length"),
        (("lsmt", "adding", 5), {}, "no architecture is called 'lsmt'"),
        (("lstm", "adding[lenght=5]", 5), {}, "task adding\\[lenght=5\\] of run [0-9a-f]+: "),
        (("lstm", "adding", 5), {"hidden": ["3"]}, "--run or --task and --hidden don't go together"),
        (("lstm", "adding", 5), {"changes": ["dt=3"]}, "--run or --task and --set don't go together"),
    ],
)
def test_what_a_run_does_not_say_or_says_already(run: tuple[Any, ...], options: dict[str, Any], told: str) -> None:
    arch, task, *hidden = run
    stored = a_run_of(arch, task, **({"hidden_size": hidden[0]} if hidden else {}))
    with pytest.raises(UserError, match=told):
        Wanted(runs=(stored,), device=["cpu"], **options).cases(Registry())


def test_sequences_of_different_lengths_are_measured_at_those_that_are_named() -> None:
    run = a_run_of("gru", "japanesevowels", hidden_size=5)
    found = Wanted(runs=(run,), length=["20,29"], device=["cpu"]).cases(Registry())
    assert [(case.length, case.input_size) for case in found] == [(20, 12), (29, 12)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"arch": ["lsmt"]}, "no architecture is called 'lsmt' \\(did you mean 'lstm'\\?\\)"),
        ({"arch": ["lstm,"]}, "--arch: an empty word"),
        ({"length": ["0"]}, "--length 0: write whole numbers from 1 to"),
        ({"length": ["-3"]}, "--length -3: write whole numbers"),
        ({"batch": ["1e3"]}, "--batch 1e3: write whole numbers"),
        ({"hidden": ["99999999999"]}, "--hidden 99999999999: write whole numbers"),
        ({"layers": ["2,x"]}, "--layers x: write whole numbers"),
        ({"backend": ["quantum"]}, "--backend quantum: there is no such choice \\(known: best, cpu, cuda"),
        ({"dtype": ["float16"]}, "--dtype float16: there is no such choice \\(did you mean 'float"),
        ({"device": ["tpu"]}, "--device tpu"),
        ({"device": ["cuda:77"]}, "--device cuda:77: this machine has"),
        ({"preset": "unicorn-figure"}, "--preset unicorn-figure: there is no such preset \\(did you mean 'unicornn-fi"),
        ({"preset": "unicornn-figure", "length": ["3"]}, "--preset unicornn-figure and --length don't go together"),
        ({"preset": "unicornn-figure", "changes": ["dt=3"]}, "--preset unicornn-figure and --set don't go together"),
        ({"changes": ["hidden_size=3"]}, "--set hidden_size: sizes are given by --hidden"),
        ({"changes": ["dt"]}, "'dt' is not of the form key=value"),
    ],
)
def test_mistakes_are_told_in_one_sentence(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told) as refused:
        Wanted(**{"device": ["cpu"]} | options).cases(Registry())
    assert "\n" not in str(refused.value)


def test_a_backend_of_the_environment_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_BACKEND", "quantum")
    with pytest.raises(UserError, match="HARNESS_BACKEND must be .*, got 'quantum'"):
        Wanted(device=["cpu"]).cases(Registry())


def test_the_preset_holds_the_published_bars_and_its_cases_have_their_sizes() -> None:
    found = preset("unicornn-figure")
    assert found.milliseconds["lstm"] == {"1000": 35.4, "2000": 71.3}
    assert found.milliseconds["unicornn"] == {"1000": 10.0, "2000": 19.7}
    known = [name for name in found.milliseconds if name in Registry().architectures]
    assert known == ["lstm", "sru", "indrnn", "unicornn"]
    cases = Wanted(preset="unicornn-figure", device=["cpu"]).cases(Registry())
    assert [(case.length, case.arch) for case in cases] == [(n, arch) for n in (1000, 2000) for arch in known]
    assert {(case.batch, case.hidden_size, case.input_size) for case in cases} == {(128, 128, 128)}
    assert dict(cases[2].changes) == {"batch_norm": "none"}


@pytest.mark.parametrize("name", presets())
def test_every_preset_says_its_source_and_what_is_assumed(name: str) -> None:
    found = preset(name)
    assert found.source
    assert found.assumed
    assert found.baseline in found.milliseconds


def test_ratios_are_to_the_baseline_of_the_same_sitting_and_length(tmp_path: Path) -> None:
    bars = {"lstm": {"10": 40.0}, "sru": {"10": 10.0}}
    given = Preset("fig", "", "", "", "forward_backward", "lstm", {}, {}, bars)

    def timing(arch: str, seconds: float, sitting: str = "a", length: int = 10, name: str | None = "fig") -> Timing:
        sizes = {"length": length, "batch": 1, "input_size": 1, "hidden_size": 1, "num_layers": 1}
        phases = {"forward_backward": Phase(9.0, [seconds] * 3, [0.0] * 3)}
        return Timing(sitting, arch, {}, **sizes, dtype="float32", device="cpu", threads=1, preset=name, phases=phases)

    of_the_preset = [timing("lstm", 2.0), timing("sru", 1.0), timing("sru", 1.0, "b"), timing("sru", 1.0, length=20)]
    rows = given.beside([*of_the_preset, timing("sru", 7.0, name=None)])
    assert [(row["seconds"], row["published_seconds"], row["ratio"], row["published_ratio"]) for row in rows] == [
        (2.0, 0.04, 1.0, 1.0),
        (1.0, 0.01, 0.5, 0.25),
        (1.0, 0.01, None, 0.25),
        (1.0, None, None, None),
    ]
