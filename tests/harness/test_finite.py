"""NaN and infinity in data are told with their place before a run begins."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from harness.errors import UserError
from harness.finite import require_finite
from tasks import Data, Splits, Windows


def sound() -> Data:
    return Data(torch.zeros(4, 5, 2), torch.zeros(4, 1))


def told(part: str, data: Data) -> str:
    parts: dict[str, Any] = {"train": sound(), "valid": sound(), "test": sound(), part: data}
    with pytest.raises(UserError) as caught:
        require_finite(Splits.of(**parts), "task mine")
    return str(caught.value)


@pytest.mark.parametrize("part", ["train", "valid", "test"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_an_input_is_told_with_its_place(part: str, value: float) -> None:
    inputs = torch.zeros(4, 5, 2)
    inputs[2, 3, 1] = value
    sentence = told(part, Data(inputs, torch.zeros(4, 1)))
    assert sentence.startswith(
        f"task mine: inputs of the {part} split hold {value} at sample 2, time step 3, channel 1 (counted from 0)"
    )


def test_a_target_is_told_with_its_sample() -> None:
    targets = torch.tensor([[0.0], [float("nan")], [0.0], [0.0]])
    assert "targets of the test split hold nan at sample 1, value 0 " in told("test", Data(torch.zeros(4, 5), targets))


def test_a_number_beyond_float32_is_infinite() -> None:
    inputs = torch.zeros(4, 5, dtype=torch.float64)
    inputs[0, 4] = 1e300
    assert "hold inf at sample 0, time step 4 " in told("train", Data(inputs, torch.zeros(4, 1)))


def test_a_value_of_a_stream_is_told_by_the_sequence_that_reads_it() -> None:
    stream = torch.zeros(20, 2)
    stream[13, 1] = float("nan")
    data = Windows(inputs=torch.tensor([0, 10]), targets=torch.zeros(2, 1), stream=stream, steps=8)
    assert "stream of the valid split hold nan at sample 1, time step 3, channel 1 " in told("valid", data)


def test_what_no_sequence_reads_may_be_anything() -> None:
    stream = torch.zeros(20, 2)
    stream[9] = float("nan")
    data = Windows(inputs=torch.tensor([0, 10]), targets=torch.zeros(2, 1), stream=stream, steps=8)
    require_finite(Splits.of(data, data, data), "task mine")
    stream[17, 0] = float("inf")
    assert "hold inf at sample 1, time step 7, channel 0 " in told("train", data)


def test_sound_data_pass_whatever_their_type() -> None:
    pixels = Data(torch.zeros(4, 5, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64))
    fresh = Data(torch.zeros(4, 0), torch.zeros(4, 0), fresh=True)
    require_finite(Splits.of(fresh, pixels, sound()), "task mine")
