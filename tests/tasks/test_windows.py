"""Sequences that are stretches of one stream."""

from __future__ import annotations

import pytest
import torch

from tasks import Windows
from tasks.base import checksum

STREAM = torch.arange(10, dtype=torch.int16)


def windows(**fields) -> Windows:
    given = {"inputs": torch.tensor([0, 2, 7]), "targets": torch.arange(3), "stream": STREAM, **fields}
    return Windows(**given)


def test_windows_of_one_length_may_overlap() -> None:
    data = windows(steps=3)
    assert data.rows(torch.tensor([1, 0, 2, 1])).tolist() == [[2, 3, 4], [0, 1, 2], [7, 8, 9], [2, 3, 4]]
    assert data.rows(torch.tensor([1])).dtype == torch.int16
    assert len(data) == 3


def test_channels_stay_together() -> None:
    data = windows(stream=torch.arange(20).view(10, 2), steps=2)
    assert data.rows(torch.tensor([2])).tolist() == [[[14, 15], [16, 17]]]


@pytest.mark.parametrize("channels", [False, True])
def test_shorter_ones_are_filled_to_the_longest_of_the_batch(channels: bool) -> None:
    stream = STREAM.unsqueeze(1) if channels else STREAM
    data = windows(stream=stream, lengths=torch.tensor([1, 4, 3]), fill=-1)
    found = data.rows(torch.tensor([0, 2]))
    assert found.shape[:2] == (2, 3)
    assert found.flatten().tolist() == [0, -1, -1, 7, 8, 9]
    assert data.rows(torch.tensor([1, 2])).shape[1] == 4


@pytest.mark.parametrize(
    "fields",
    [
        {"inputs": torch.tensor([0, 2, -1]), "steps": 3},
        {"inputs": torch.tensor([0, 2, 8]), "steps": 3},
        {"lengths": torch.tensor([1, 4, 4])},
        {"lengths": torch.tensor([1, 0, 1])},
    ],
    ids=["before the stream", "behind it", "too long", "empty"],
)
def test_windows_outside_the_stream_are_refused(fields) -> None:
    with pytest.raises(ValueError, match="at least one step, and lie in the 10 of their stream"):
        windows(**fields)


def test_what_fills_must_fit_the_stream() -> None:
    with pytest.raises(ValueError, match="fill = 300 does not fit a stream of torch.uint8"):
        windows(steps=2, stream=STREAM.to(torch.uint8), fill=300)


def test_the_end_of_the_stream_is_no_error_for_a_short_one_beside_a_long_one() -> None:
    data = windows(inputs=torch.tensor([0, 2, 9]), lengths=torch.tensor([8, 1, 1]), fill=-1)
    assert data.rows(torch.tensor([2, 0])).tolist() == [[9] + [-1] * 7, list(range(8))]


def test_a_head_keeps_the_stream_and_a_checksum_sees_it() -> None:
    data = windows(steps=3)
    assert data.head(2).rows(torch.tensor([1])).tolist() == [[2, 3, 4]]
    assert torch.equal(data.head(1).stream, STREAM)
    assert checksum(data) != checksum(windows(steps=3, stream=STREAM.flip(0)))
    assert data.to("meta").stream.device.type == "meta"


@pytest.mark.parametrize("fields", [{}, {"steps": 3, "lengths": torch.ones(3, dtype=torch.int64)}])
def test_windows_have_steps_or_lengths(fields) -> None:
    with pytest.raises(ValueError, match="either one number of steps for all or lengths"):
        windows(**fields)
