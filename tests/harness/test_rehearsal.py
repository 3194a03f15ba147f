"""Mistakes in a layer or a task are told before a run begins, each in a sentence that says what must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from harness.errors import UserError
from harness.model import Model
from harness.rehearsal import rehearse
from tasks import Data, Splits, Task

RECIPE: Any = SimpleNamespace(arch="mine", task="toy")


class Toy(Task):
    name, title, kind, metric = "toy", "Toy", "classification", "accuracy"
    protocol = source = licence = citation = "made for tests"
    input_size, output_size = 2, 3

    def load(self, sources: Any) -> Splits:
        raise NotImplementedError


class Layer(nn.Module):
    """A sound layer (a running sum), or what `wrong` makes of it."""

    def __init__(self, wrong: Callable[[Tensor], Any] = lambda output: (output, None)) -> None:
        super().__init__()
        self.linear, self.wrong = nn.Linear(2, 8), wrong

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        return self.wrong(self.linear(input).cumsum(0))


class BatchFirst(nn.Module):
    """An LSTM that takes the first dimension for the batch, as a person forgets it: every shape is right."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2, 8, batch_first=True)

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        return self.lstm(input)


def splits(targets: Tensor, **changes: Any) -> Splits:
    part = Data(torch.rand(len(targets), 7, 2, generator=torch.Generator().manual_seed(0)), targets)
    return replace(Splits.of(part, part, part), **changes)


GOOD = torch.tensor([0, 1, 2, 1])


def told(layer: nn.Module | None = None, task: Task | None = None, data: Splits | None = None, **model: Any) -> str:
    """The sentence of the refusal."""
    with pytest.raises(UserError) as refusal:
        rehearse(RECIPE, task or Toy(), Model(layer or Layer(), nn.Linear(8, 3), **model), data or splits(GOOD))
    return str(refusal.value)


NOISY = Layer(lambda output: (output + torch.randn_like(output), None))


@pytest.mark.parametrize(
    "lstm", [nn.LSTM(2, 8), nn.LSTM(2, 8, num_layers=2, dropout=0.5), nn.LSTM(2, 4, bidirectional=True), Layer(), NOISY]
)
def test_a_sound_layer_passes_and_leaves_the_random_numbers_alone(lstm: nn.Module) -> None:
    model, before = Model(lstm, nn.Linear(8, 3)), torch.get_rng_state()
    rehearse(RECIPE, Toy(), model, splits(GOOD))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_single_sample_and_a_single_step_are_enough() -> None:
    part = Data(torch.rand(1, 1, 2), torch.tensor([2]))
    rehearse(RECIPE, Toy(), Model(Layer(), nn.Linear(8, 3)), Splits.of(part, part, part))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (
            lambda output: output,
            "architecture mine: its layer returns a Tensor: must be its output and its final state, like"
            " torch.nn.LSTM's",
        ),
        (
            lambda output: (output, None, None),
            "architecture mine: its layer returns 3 values: must be its output and its final state, like"
            " torch.nn.LSTM's",
        ),
        (
            lambda output: (output[-1], None),
            "architecture mine: its layer gave an output of shape (3, 8) for inputs of shape (5, 3, 2): must be"
            " (L, N, H) = (5, 3, 8)",
        ),
        (
            lambda output: (output.transpose(0, 1), None),
            "architecture mine: its layer gave an output of shape (3, 5, 8) for inputs of shape (5, 3, 2): must be"
            " (L, N, H) = (5, 3, 8)",
        ),
    ],
)
def test_a_layer_that_breaks_the_contract(wrong: Callable[[Tensor], Any], sentence: str) -> None:
    assert told(Layer(wrong)) == sentence


def test_a_layer_whose_width_is_not_what_it_says() -> None:
    layer = Layer(lambda output: (output[..., :6], None))
    layer.output_size = 8  # type: ignore[assignment]
    assert told(layer) == (
        "architecture mine: its layer gave an output of width 6, but its attribute output_size is 8: set"
        " self.output_size = 6 in the constructor of the layer, or return 8 numbers at each step"
    )


def test_a_layer_that_takes_time_for_the_batch_though_every_shape_is_right() -> None:
    assert told(BatchFirst()) == (
        "architecture mine: its layer lets a sequence see the others of its batch: the first dimension of its input"
        " must be read as time, (L, N, H_in)"
    )


@pytest.mark.parametrize("says", [None, 8])
def test_a_width_that_is_not_the_expected_one_is_told_with_the_attribute_that_mends_it(says: int | None) -> None:
    layer = Layer(lambda output: (output[..., :6], None))
    if says is not None:
        layer.output_size = says  # type: ignore[assignment]
    sentence = told(layer)
    assert "width 6" in sentence
    assert "self.output_size = 6" in sentence
    assert ("attribute output_size is 8" if says else "hidden_size is 8") in sentence


class Both(nn.Module):
    """A layer that reads both ways; what it does with the lengths is up to `pack`."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2, 4, bidirectional=True)

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        return self.lstm(input, hx)


class Packed(Both):
    """Reads no padding; without lengths all steps count."""

    def forward(self, input: Tensor, hx: Any = None, lengths: Tensor | None = None) -> Any:  # type: ignore[override]
        if lengths is None:
            return self.lstm(input, hx)
        output, state = self.lstm(pack_padded_sequence(input, lengths.cpu(), enforce_sorted=False), hx)
        return pad_packed_sequence(output, total_length=len(input))[0], state


class Sorted(Both):
    """Forgets that batches come in any order."""

    def forward(self, input: Tensor, hx: Any = None, lengths: Tensor | None = None) -> Any:  # type: ignore[override]
        output, state = self.lstm(input if lengths is None else pack_padded_sequence(input, lengths.cpu()), hx)
        return (output if lengths is None else pad_packed_sequence(output)[0]), state


class Ignorant(Both):
    """Asks for the lengths and makes no use of them."""

    def forward(self, input: Tensor, hx: Any = None, lengths: Tensor | None = None) -> Any:  # type: ignore[override]
        return self.lstm(input, hx)


class Demanding(Packed):
    """Cannot do without lengths, which a task of one length has not."""

    def forward(self, input: Tensor, hx: Any = None, *, lengths: Tensor) -> Any:  # type: ignore[override]
        assert lengths.dtype == torch.int64
        return super().forward(input, hx, lengths)


def ahead(steps: int) -> Layer:
    """A layer that also reads the input so many steps later."""
    return Layer(lambda output: (output + torch.cat((output, output[:1].expand(steps, -1, -1)))[steps:], None))


def mean() -> Layer:
    return Layer(lambda output: (output.mean(0, keepdim=True).expand_as(output), None))


RAGGED = {"lengths": torch.tensor([2, 7, 1, 3])}


def ragged() -> Splits:
    part = replace(splits(GOOD).train, **RAGGED)
    return Splits.of(part, part, part)


@pytest.mark.parametrize(
    "layer", [Both(), mean(), ahead(1), ahead(20)], ids=["both ways", "mean", "1 ahead", "20 ahead"]
)
def test_a_layer_that_reads_the_padding_is_refused_where_lengths_differ_and_only_there(layer: nn.Module) -> None:
    rehearse(RECIPE, Toy(), Model(layer, nn.Linear(8, 3)), splits(GOOD))
    sentence = told(layer, data=ragged())
    assert sentence.startswith("architecture mine: its layer reads steps that come after the one it answers")
    assert "keyword lengths" in sentence
    assert "toy" in sentence


@pytest.mark.parametrize(
    "layer", [nn.LSTM(2, 8), nn.GRU(2, 8, num_layers=2, dropout=0.5), Layer(), NOISY, Packed(), Demanding()]
)
def test_a_layer_that_reads_no_padding_passes_where_lengths_differ(layer: nn.Module) -> None:
    rehearse(RECIPE, Toy(), Model(layer, nn.Linear(8, 3)), ragged())


def test_a_layer_that_is_given_lengths_must_use_them() -> None:
    rehearse(RECIPE, Toy(), Model(Ignorant(), nn.Linear(8, 3)), splits(GOOD))
    assert "is given the lengths" in told(Ignorant(), data=ragged())


def test_a_layer_that_wants_sorted_lengths_is_told() -> None:
    assert told(Sorted(), data=ragged()).startswith("architecture mine: its layer fails on inputs of shape (24, 5, 2)")


def test_padding_that_the_task_wants_read_is_part_of_its_sequences() -> None:
    class Padded(Toy):
        reads_padding = True

        def batch(self, data: Any, index: Tensor, generator: Any = None) -> Any:
            return replace(super().batch(data, index, generator), lengths=None)

    rehearse(RECIPE, Padded(), Model(Both(), nn.Linear(8, 3)), ragged())


def test_a_layer_that_raises_is_told_with_the_place() -> None:
    layer = Layer()
    layer.linear = nn.Linear(5, 8)
    sentence = told(layer)
    assert sentence.startswith("architecture mine: its layer fails on inputs of shape (5, 3, 2): RuntimeError: ")
    assert sentence.endswith(")")


@pytest.mark.parametrize(("wrong", "shown"), [(3, "3"), (-1, "-1")])
@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_a_class_out_of_range_in_any_split(wrong: int, shown: str, part: str) -> None:
    bad = splits(torch.tensor([0, 1, wrong, 1]))
    assert told(data=splits(GOOD, **{part: bad.train})) == (
        f"task toy: the {part} split has a class {shown}, but output_size = 3 means classes 0 to 2"
    )


def test_the_classes_of_one_logit_are_two() -> None:
    task = Toy()
    task.output_size = 1
    assert told(task=task) == "task toy: the train split has a class 2, but output_size = 1 means classes 0 to 1"
    for targets in (GOOD.clamp(max=1), GOOD.clamp(max=1).float()):
        rehearse(RECIPE, task, Model(Layer(), nn.Linear(8, 1)), splits(targets))


def test_classes_that_are_no_whole_numbers() -> None:
    assert told(data=splits(GOOD.float())) == (
        "task toy: the train split has classes of type torch.float32: must be torch.int64"
    )


def regression(width: int = 3) -> Toy:
    task = Toy()
    task.kind, task.metric, task.output_size = "regression", "mse", width  # type: ignore[misc]
    return task


def test_targets_of_a_regression() -> None:
    rehearse(RECIPE, regression(), Model(Layer(), nn.Linear(8, 3)), splits(torch.rand(4, 3)))
    rehearse(RECIPE, regression(1), Model(Layer(), nn.Linear(8, 1)), splits(torch.rand(4)))
    assert told(task=regression(), data=splits(torch.rand(4, 2))) == (
        "task toy: the targets of a batch of 3 have the shape (3, 2), must be (3, 3) by its kind and output_size"
    )
    assert told(task=regression(), data=splits(torch.full((4, 3), float("nan")))) == (
        "task toy: the train split has targets that are no finite numbers: mend or leave out these samples in load"
    )


def test_channels_that_are_not_those_of_the_task() -> None:
    task = Toy()
    task.input_size = 4
    assert told(task=task) == (
        "task toy: its batch of 3 sequences has the shape (7, 3, 2), must be (L, 3, 4) by its input_size"
    )
    assert told(encoder=nn.Linear(2, 6)) == (
        "task toy: what its encoder makes of a batch of 3 sequences has the shape (7, 3, 6), must be (L, 3, 2) by its"
        " input_size"
    )
