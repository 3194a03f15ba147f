"""Initialisations of the linear read-out that several papers share."""

from __future__ import annotations

from torch import nn


def kaiming_normal(head: nn.Linear) -> None:
    """Kaiming-normal weights and no bias to start with, in place: as in the code of IndRNN and of UnICORNN."""
    nn.init.kaiming_normal_(head.weight)
    if head.bias is not None:
        nn.init.zeros_(head.bias)
