"""Vectors of words that learn with the network, and the dropping of whole words."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WordEmbedding(nn.Embedding):
    """An embedding that forgets words for the time of a batch: in training, each with the probability `word_dropout`.

    A word that is dropped reads as zeros wherever it stands in the batch; all others are scaled by
    1 / (1 - `word_dropout`), so that the expectation stays. As in AWD-LSTM (S. Merity, N. S. Keskar, R. Socher, 2018,
    after Y. Gal, Z. Ghahramani, 2016) and in UnICORNN's code. The padding is zero and never learns.

    Raises:
        ValueError: `word_dropout` is not in [0, 1).
    """

    def __init__(self, words: int, width: int, *, padding: int, word_dropout: float = 0.0) -> None:
        if not 0.0 <= word_dropout < 1.0:
            raise ValueError(f"word_dropout must be at least 0 and below 1, got {word_dropout}")
        super().__init__(words, width, padding_idx=padding)
        self.padding = padding
        self.word_dropout = word_dropout

    def forward(self, input: Tensor) -> Tensor:
        """Numbers of words (L, N) int64 to vectors (L, N, width)."""
        if not self.training or self.word_dropout == 0.0:
            return super().forward(input)
        # Dropped words are read as the padding: the same values and gradients as those of a masked copy of all vectors,
        # and what is dropped costs nothing in the backward pass.
        kept = torch.empty(self.num_embeddings, device=input.device).bernoulli_(1.0 - self.word_dropout).bool()
        numbers = torch.arange(self.num_embeddings, device=input.device).masked_fill_(~kept, self.padding)
        return super().forward(numbers[input]) / (1.0 - self.word_dropout)

    def extra_repr(self) -> str:
        """What it is made of."""
        return f"{super().extra_repr()}, word_dropout={self.word_dropout}"
