from collections.abc import Sequence
from typing import Literal

import pytest

from harness.errors import UserError
from harness.signature import keys_of, validated


class Layer:
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        dt: float | Sequence[float],
        mode: Literal["fast", "slow"] = "slow",
        bias: bool = True,
        limit: int | None = None,
        batch_first: bool = False,
        backend: str | None = None,
        device: object = None,
        dtype: object = None,
    ) -> None: ...


def test_hyper_parameters_are_the_keywords_that_a_recipe_may_set():
    assert keys_of(Layer) == ["hidden_size", "num_layers", "dt", "mode", "bias", "limit"]


def test_defaults_are_filled_in_and_a_whole_number_is_a_number():
    options = validated(Layer, {"hidden_size": 8, "dt": 1}, "here")
    assert options == {"hidden_size": 8, "num_layers": 1, "dt": 1, "mode": "slow", "bias": True, "limit": None}
    assert validated(Layer, {"hidden_size": 8, "dt": [0.1, 0.2]}, "here")["dt"] == [0.1, 0.2]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"hidden_size": 8}, "here: 'dt' must be set"),
        ({"hidden_size": 8, "dt": 0.1, "hiden": 1}, "there is no key 'hiden'"),
        ({"hidden_siz": 8, "dt": 0.1}, "did you mean 'hidden_size'?"),
        ({"hidden_size": "eight", "dt": 0.1}, "hidden_size = 'eight' is refused: input should be a valid integer"),
        ({"hidden_size": True, "dt": 0.1}, "hidden_size = True is refused"),
        ({"hidden_size": 8.5, "dt": 0.1}, "hidden_size = 8.5 is refused"),
        ({"hidden_size": 8, "dt": "x"}, "dt = 'x' is refused"),
        ({"hidden_size": 8, "dt": 0.1, "mode": "slwo"}, "input should be 'fast' or 'slow'"),
        ({"hidden_size": 8, "dt": 0.1, "bias": 1}, "bias = 1 is refused"),
    ],
)
def test_what_is_wrong_is_one_sentence(given, told):
    with pytest.raises(UserError) as caught:
        validated(Layer, given, "here")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
