"""Leaky-integrator network: at every step a unit goes part of the way to where its input pulls it."""

import torch
from torch import Tensor, nn

from architectures import Architecture


class Leaky(nn.Module):
    """h' = h + leak * (tanh(u V + h W + b) - h) in every layer, with the contract of ``torch.nn.RNN``."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, *, leak: float = 0.5) -> None:
        super().__init__()
        if hidden_size < 1 or num_layers < 1:
            raise ValueError(f"hidden_size and num_layers must be at least 1, got {hidden_size} and {num_layers}")
        if not 0 < leak <= 1:
            raise ValueError(f"leak must be above 0 and at most 1, got {leak}")
        self.hidden_size, self.num_layers, self.leak = hidden_size, num_layers, leak
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.inward = nn.ModuleList(nn.Linear(size, hidden_size) for size in sizes)
        self.recurrent = nn.ParameterList(nn.init.orthogonal_(torch.empty(hidden_size, hidden_size)) for _ in sizes)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Input (L, N, H_in) and initial state (num_layers, N, H) to output (L, N, H) and final state."""
        if hx is None:
            hx = input.new_zeros(self.num_layers, *input.shape[1:-1], self.hidden_size)
        output, final = input, []
        for inward, weight, h in zip(self.inward, self.recurrent, hx, strict=True):
            steps = []
            for drive in inward(output).unbind(0):
                h = torch.lerp(h, torch.tanh(drive + h @ weight), self.leak)
                steps.append(h)
            output = torch.stack(steps)
            final.append(h)
        return output, torch.stack(final)


ARCHITECTURE = Architecture(name="leaky", title="Leaky RNN", layer=Leaky, defaults={"hidden_size": 128})
