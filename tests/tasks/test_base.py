from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from tasks import Data, Sources, Splits, Task
from tasks.base import checksum, require_choice


def split(n: int = 4, **fields: Tensor) -> Data:
    inputs = torch.arange(n * 6, dtype=torch.uint8).view(n, 3, 2)
    return Data(**{"inputs": inputs, "targets": torch.arange(n), **fields})


class Toy(Task):
    """Three steps of two channels."""

    name, title, kind, metric = "toy", "Toy", "classification", "accuracy"
    input_size, output_size, length = 2, 3, 3

    def load(self, sources: Sources) -> Splits:
        return Splits.of(split(8), split(4), split(2))


def test_tensors_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="as many samples each, got 4 inputs, 3 targets, 4 lengths"):
        split(4, targets=torch.arange(3), lengths=torch.arange(4))


def test_head_keeps_the_first_samples_of_every_tensor() -> None:
    data = split(4, lengths=torch.tensor([3, 1, 2, 3])).head(2)
    assert len(data) == 2
    assert data.inputs.tolist() == split(4).inputs[:2].tolist()
    assert data.targets.tolist() == [0, 1]
    assert data.lengths is not None
    assert data.lengths.tolist() == [3, 1]


def test_head_of_more_than_there_is_keeps_all_and_of_none_is_refused() -> None:
    assert len(split(4).head(9)) == 4
    with pytest.raises(ValueError, match="cut to 0 samples: keep at least 1 of its 4"):
        split(4).head(0)


def test_to_moves_every_tensor_and_keeps_the_rest() -> None:
    data = Data(torch.empty(2, 0), torch.empty(2, 0), torch.ones(2), fresh=True).to("meta")
    assert {tensor.device.type for tensor in data.tensors().values()} == {"meta"}
    assert len(data.tensors()) == 3
    assert data.fresh


def test_a_subclass_may_hold_more_tensors() -> None:
    @dataclass(frozen=True, eq=False)
    class Weighted(Data):
        weights: Tensor | None = None

    data = Weighted(torch.zeros(3, 2), torch.zeros(3), weights=torch.tensor([1.0, 2.0, 3.0]))
    assert isinstance(data.head(2), Weighted)
    assert data.head(2).weights.tolist() == [1.0, 2.0]
    assert data.to("meta").weights.device.type == "meta"
    assert checksum(data) != checksum(replace(data, weights=torch.ones(3)))


def test_batches_hold_the_asked_samples_step_by_step() -> None:
    data = split(4, lengths=torch.tensor([3, 1, 2, 3]))
    batch = Toy().batch(data, torch.tensor([2, 0, 2]))
    assert batch.inputs.shape == (3, 3, 2)
    assert batch.inputs.dtype == torch.float32
    assert batch.inputs.is_contiguous()
    for column, sample in enumerate((2, 0, 2)):
        assert batch.inputs[:, column].tolist() == data.inputs[sample].tolist()
    assert batch.targets.tolist() == [2, 0, 2]
    assert batch.lengths is not None
    assert batch.lengths.tolist() == [2, 3, 2]


def test_rows_without_channels_have_one() -> None:
    batch = Toy().batch(split(4, inputs=torch.arange(12).view(4, 3)), torch.tensor([1]))
    assert batch.inputs.tolist() == [[[3.0]], [[4.0]], [[5.0]]]
    assert batch.lengths is None


@pytest.mark.parametrize(
    ("kind", "output_size", "loss"),
    [("classification", 3, "cross_entropy"), ("classification", 1, "bce"), ("regression", 1, "mse")],
)
def test_the_loss_follows_from_kind_and_output_size(kind: str, output_size: int, loss: str) -> None:
    assert type("Other", (Toy,), {"kind": kind, "output_size": output_size})().loss == loss


@pytest.mark.parametrize(("metric", "higher"), [("accuracy", True), ("mse", False), ("rmse", False)])
def test_only_accuracy_grows(metric: str, higher: bool) -> None:
    assert type("Other", (Toy,), {"metric": metric})().higher_is_better is higher


def test_tasks_have_no_encoder_unless_they_say_so() -> None:
    assert Toy().encoder() is None


def test_the_checksum_is_the_same_for_the_same_splits() -> None:
    splits = Toy().load(Sources(root=None))  # type: ignore[arg-type]
    assert splits.checksum == checksum(split(8), split(4), split(2))
    assert len(splits.checksum) == 64


def test_the_checksum_sees_values_types_shapes_order_and_constants() -> None:
    whole, data = torch.arange(6), split()
    variants = [
        checksum(data),
        checksum(replace(data, targets=data.targets.flip(0))),
        checksum(replace(data, targets=data.targets.int())),
        checksum(replace(data, inputs=data.inputs.view(4, 6))),
        checksum(replace(data, lengths=data.targets)),
        checksum(data.head(3)),
        checksum(data, whole),
        checksum(data, whole[:3], whole[3:]),
        checksum(data, whole[3:], whole[:3]),
    ]
    assert len(set(variants)) == len(variants)


def test_the_checksum_does_not_see_how_a_tensor_lies_in_memory() -> None:
    turned = torch.arange(6).view(2, 3).t()
    assert not turned.is_contiguous()
    assert checksum(turned) == checksum(turned.contiguous())


def test_a_choice_that_is_none_lists_the_choices() -> None:
    require_choice("colour", "red", ("red", "blue"))
    with pytest.raises(ValueError, match="colour must be one of red, blue, got 'green'"):
        require_choice("colour", "green", ("red", "blue"))
