"""The shorter way to the output of the last step gives the bits of the longer one, and its gradients."""

import pytest
import torch

from architectures import SRU, CoRNN, IndRNN, UnICORNN

LAYERS = {
    "cornn": lambda **k: CoRNN(3, 8, 2, dt=0.1, **k),
    "unicornn": lambda **k: UnICORNN(3, 8, 2, dt=0.1, alpha=2.0, **k),
    "unicornn with dropout": lambda **k: UnICORNN(3, 8, 2, dt=0.1, alpha=2.0, dropout=0.5, **k),
    "indrnn": lambda **k: IndRNN(3, 8, 2, **k),
    "indrnn, normalised before": lambda **k: IndRNN(3, 8, 2, batch_norm="before", dropout=0.2, **k),
    "indrnn, normalised after": lambda **k: IndRNN(3, 8, 2, batch_norm="after", **k),
    "sru": lambda **k: SRU(3, 8, 2, dropout=0.2, **k),
}


def outcome(layer, input, read):
    torch.manual_seed(1)
    input = input.clone().requires_grad_()
    last = read(layer, input)
    weight = torch.linspace(-1, 1, last.numel()).view_as(last)
    return [last, *torch.autograd.grad((last * weight).sum(), [input, *layer.parameters()])]


@pytest.mark.parametrize("backend", [None, "eager"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_it_is_the_last_of_all_outputs(name, training, backend):
    torch.manual_seed(0)
    layer = LAYERS[name](backend=backend).train(training)
    input = torch.randn(70, 4, 3)
    whole = outcome(layer, input, lambda layer, input: layer(input)[0][-1])
    short = outcome(layer, input, lambda layer, input: layer.last_output(input))
    assert all(torch.equal(one, other) for one, other in zip(whole, short, strict=True))


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="last_output is for inputs .L, N, 3. without batch_first"):
        LAYERS["indrnn"]().last_output(torch.zeros(5, 3))
    with pytest.raises(ValueError, match="without batch_first"):
        LAYERS["indrnn"](batch_first=True).last_output(torch.zeros(2, 5, 3))
    with pytest.raises(ValueError, match="IndRNN"):
        LAYERS["indrnn"]().last_output(torch.zeros(5, 2, 4))
