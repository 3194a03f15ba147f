"""How exactly a run calculates: in float32, unless its recipe says TF32 or bfloat16."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal

import torch

Precision = Literal["tf32", "bfloat16"]


@contextmanager
def calculating(precision: Precision | None) -> Iterator[None]:
    """A scope for updates and evaluations on a GPU, in which TF32 is used where the precision is ``tf32``.

    There matrix products and cuDNN round their inputs to 10 bits. Otherwise float32 is float32, also for cuDNN, which
    takes TF32 for granted. On the CPU nothing changes.
    """
    cuda, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = cuda.allow_tf32, cudnn.allow_tf32
    cuda.allow_tf32 = cudnn.allow_tf32 = precision == "tf32"
    try:
        yield
    finally:
        cuda.allow_tf32, cudnn.allow_tf32 = before


def mixed(precision: Precision | None, device: torch.device) -> AbstractContextManager[Any]:
    """A scope for the forward pass, torch's autocast where the precision is ``bfloat16``.

    There products are computed in bfloat16; weights, states of the recurrences and sums stay float32.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
