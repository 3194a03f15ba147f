"""Exported layers are made of torch's own operators, and give the same numbers where this package is not installed."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest
import torch

from architectures import GRU, LSTM, SRU, CoRNN, IndRNN, UnICORNN, kernels

LAYERS = {
    "lstm": lambda: LSTM(3, 4, 2),
    "gru": lambda: GRU(3, 4, 2),
    "cornn": lambda: CoRNN(3, 4, 2, dt=0.1, damping="implicit", backend="cpu"),
    "unicornn": lambda: UnICORNN(3, 4, 2, dt=[0.1, 0.2], alpha=1.0),
    "indrnn": lambda: IndRNN(3, 4, 2, activation="tanh", batch_norm="after"),
    "sru": lambda: SRU(3, 4, 2, activation="tanh"),
}
LOAD = """
import sys, torch
folder = sys.argv[1]
input = torch.load(f"{folder}/input.pt")
found = {name: torch.export.load(f"{folder}/{name}.pt2").module()(input)[0] for name in sys.argv[2:]}
torch.save(found, f"{folder}/found.pt")
assert not {"architectures", "harness"} & set(sys.modules)
"""


def layer_of(name):
    torch.manual_seed(0)
    return LAYERS[name]().eval()


def test_a_file_gives_the_same_numbers_in_a_program_that_lacks_this_package(tmp_path):
    """One program for all layers, as its start takes longest; other lengths and batches than the exported ones."""
    free = ({0: torch.export.Dim("length"), 1: torch.export.Dim("batch")},)
    for name in LAYERS:
        exported = torch.export.export(layer_of(name), (torch.randn(5, 3, 3),), dynamic_shapes=free)
        torch.export.save(exported, tmp_path / f"{name}.pt2")
    assert kernels.counts() == {}, "nothing was computed"
    input = torch.randn(9, 2, 3)
    torch.save(input, tmp_path / "input.pt")
    subprocess.run([sys.executable, "-c", LOAD, str(tmp_path), *LAYERS], check=True, cwd=tmp_path, timeout=300)
    found = torch.load(tmp_path / "found.pt")
    for name in LAYERS:
        torch.testing.assert_close(found[name], layer_of(name)(input)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in LAYERS if name not in ("lstm", "gru")])  # torch's are not taken
def test_no_operator_of_this_package_is_in_a_strict_export(name):
    exported = torch.export.export(layer_of(name), (torch.randn(5, 3, 3),), strict=True)
    operators = {str(node.target) for node in exported.graph.nodes if node.op == "call_function"}
    assert operators
    assert not [operator for operator in operators if "harness" in operator]


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dynamo", [True, False], ids=["any length", "by tracing"])
def test_onnx_runtime_gives_the_same_numbers(name, dynamo, tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed: the extra test has it")
    pytest.importorskip("onnxscript", reason="onnxscript is not installed: the extra test has it")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: the extra test has it")
    layer, file = layer_of(name), str(tmp_path / "layer.onnx")
    how = {"dynamic_shapes": ({0: "length", 1: "batch"},)} if dynamo else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(layer, (torch.randn(5, 3, 3),), file, dynamo=dynamo, verbose=False, **how)
    session = runtime.InferenceSession(file, providers=["CPUExecutionProvider"])
    input = torch.randn(9, 2, 3) if dynamo else torch.randn(5, 3, 3)
    found = session.run(None, {session.get_inputs()[0].name: input.numpy()})
    output, state = layer(input)
    expected = (output, *((state,) if isinstance(state, torch.Tensor) else state))
    torch.testing.assert_close([torch.tensor(part) for part in found], list(expected), rtol=1e-4, atol=1e-5)
