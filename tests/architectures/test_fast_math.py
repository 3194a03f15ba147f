"""Approximations are a hyper-parameter of the layers, for the kernels on a GPU."""

import pytest
import torch

from architectures import kernels
from architectures.cornn import CoRNN
from architectures.indrnn import IndRNN
from architectures.kernels import cuda
from architectures.sru import SRU
from architectures.unicornn import UnICORNN

LAYERS = {
    "cornn": (CoRNN, {"dt": 0.1}),
    "unicornn": (UnICORNN, {"dt": 0.1, "alpha": 1.0}),
    "indrnn": (IndRNN, {}),
    "sru": (SRU, {}),
}


@pytest.fixture
def offered(monkeypatch):
    """The implementations that a layer offered for its last recurrence."""
    seen, run = {}, kernels.run

    def spy(operation, requested, implementations, *args):
        seen.clear(), seen.update(implementations)
        return run(operation, requested, implementations, *args)

    monkeypatch.setattr(kernels, "run", spy)
    return seen


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_offers_approximations_to_the_gpu_only_where_that_is_asked_for(name, offered):
    layer, settings = LAYERS[name]
    own = getattr(cuda, name)
    for given, expected in ((None, {}), (False, {}), (True, {"fast_math": True})):
        layer(2, 3, 2, fast_math=given, **settings)(torch.zeros(4, 1, 2))
        for found, plain in ((offered["cuda"], own), (offered["cuda"].fits, own.fits)):
            assert getattr(found, "keywords", {}) == expected
            assert getattr(found, "func", found) is plain


@pytest.mark.parametrize("name", LAYERS)
def test_other_backends_calculate_as_always(name):
    layer, settings = LAYERS[name]
    input = torch.randn(5, 2, 2, generator=torch.Generator().manual_seed(0))
    outputs = []
    for given in (None, True):
        torch.manual_seed(0)
        outputs.append(layer(2, 3, fast_math=given, **settings)(input)[0])
    assert torch.equal(*outputs)


def test_it_shows():
    assert "fast_math=True" in repr(SRU(2, 3, fast_math=True))
    assert "fast_math" not in repr(SRU(2, 3))
