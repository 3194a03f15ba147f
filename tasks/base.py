"""What a task is: a data set in compact form, and how rows of it become a batch of sequences.

Shapes: n samples of a split, L steps of a sequence, N sequences of a batch, H_in and H_out channels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from tasks.sources import DataSet, Sources


@dataclass(frozen=True, eq=False)
class Data:
    """One split, compact and resident on one device.

    A subclass may hold more tensors as fields of its own: they are moved, cut and checksummed with the rest. Rows are
    along the first dimension, one for each sample, except in the fields named in `shared`.

    Raises:
        ValueError: the tensors do not hold the same number of samples.
    """

    shared: ClassVar[frozenset[str]] = frozenset()
    """Names of the tensors that all samples share, which have no row for each."""

    inputs: Tensor
    """(n, ...) in the smallest type that holds the values exactly, e.g. uint8 pixels."""
    targets: Tensor
    """(n,) int64 classes, or (n, H_out) float32 values in the original units."""
    lengths: Tensor | None = None
    """(n,) int64, the number of steps of each sequence, where they differ."""
    fresh: bool = False
    """Samples are drawn anew for every batch: the tensors are (n, 0), with n the samples of one evaluation interval."""

    def __post_init__(self) -> None:
        counts = {name: len(tensor) for name, tensor in self.tensors().items() if name not in self.shared}
        if len(set(counts.values())) > 1:
            told = ", ".join(f"{count} {name}" for name, count in counts.items())
            raise ValueError(f"the tensors of one split must hold as many samples each, got {told}")

    def __len__(self) -> int:
        return len(self.inputs)

    def tensors(self) -> dict[str, Tensor]:
        """The fields that are tensors, in the order of their declaration."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}

    def to(self, device: torch.device | str) -> Self:
        """The same split on `device`."""
        moved: dict[str, Any] = {name: tensor.to(device) for name, tensor in self.tensors().items()}
        return replace(self, **moved)

    def head(self, n: int) -> Self:
        """The first `n` samples, or all where there are fewer; ``ValueError`` where `n` is below 1.

        Training splits are stored in a frozen shuffled order, so their head is a random subset, the same every time.
        """
        if n < 1:
            raise ValueError(f"a split cannot be cut to {n} samples: keep at least 1 of its {len(self)}")
        cut: dict[str, Any] = {name: tensor[:n] for name, tensor in self.tensors().items() if name not in self.shared}
        return replace(self, **cut)

    def rows(self, index: Tensor) -> Tensor:
        """The inputs of the samples at `index` ((N,) int64, on the device of the split): (N, ...), still compact."""
        return self.inputs.index_select(0, index)


@dataclass(frozen=True, eq=False)
class Splits:
    """The three parts of a data set and the checksum that tells it from every other."""

    train: Data
    valid: Data
    test: Data
    checksum: str
    """Hexadecimal sha256 over names, types, shapes and bytes of all tensors, in order."""

    @classmethod
    def of(cls, train: Data, valid: Data, test: Data, *constants: Tensor) -> Splits:
        """Splits with their checksum; `constants` are what all samples share: a permutation, padding noise."""
        return cls(train, valid, test, checksum(train, valid, test, *constants))


@dataclass(frozen=True, eq=False)
class Batch:
    """N sequences as a network reads them, on the device of their split."""

    inputs: Tensor
    """(L, N, H_in) float32; with an encoder, whatever the encoder reads."""
    targets: Tensor
    """(N,) int64 or (N, H_out) float32."""
    lengths: Tensor | None = None
    """(N,) int64, where sequences differ in length and the tail is padding."""


class Task(ABC):
    """A data set and its protocol. Subclass it; the constructor's keywords are the variant of the task.

    Keywords are annotated (``Literal``, ``int``, ``bool``) and have defaults; a value that does not fit raises
    ``ValueError``. What a task is called, how it is measured and where it comes from is written in the class.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    kind: ClassVar[Literal["classification", "regression"]]
    metric: ClassVar[Literal["accuracy", "mse", "rmse"]]
    """Accuracy is a fraction in [0, 1]; errors are in the original units of the targets."""
    protocol: ClassVar[str]
    source: ClassVar[str]
    licence: ClassVar[str]
    citation: ClassVar[str]
    url: ClassVar[str] = ""
    """A page about the data, or the paper that defines the task."""

    input_size: int
    """H_in, the channels of a step."""
    output_size: int
    """H_out: the number of classes (1 for two classes told apart by one logit), or of predicted values."""
    length: int | None = None
    """L, the number of steps, or None where sequences differ in length."""

    datasets: ClassVar[tuple[DataSet, ...]] = ()
    """The data sets of others that the variants of the task read; none where the data are generated or installed."""

    def needs(self) -> tuple[DataSet, ...]:
        """Those of `datasets` that this variant reads."""
        return self.datasets

    reads_padding: bool = False
    """Whether the prediction is read behind the padding of a batch, so that it depends on what shares the batch."""

    @property
    def pinned(self) -> bool:
        """Whether there is one data set only that :meth:`load` accepts, by checksums that come with the project."""
        return all(dataset.pinned for dataset in self.needs())

    @property
    def higher_is_better(self) -> bool:
        """The direction of the metric."""
        return self.metric == "accuracy"

    @property
    def chance(self) -> float | None:
        """The test metric of a constant prediction, as far as it is known without the data; None where it is not.

        Here classes count as even. A task whose classes are not, or that asks for values, overrides it. Runs keep what
        was computed from their data; this stands for it in runs of versions that did not.
        """
        return 1 / max(2, self.output_size) if self.kind == "classification" else None

    @property
    def loss(self) -> Literal["cross_entropy", "bce", "mse"]:
        """The training loss that fits the kind and the output size; ``bce`` works on logits."""
        if self.kind == "regression":
            return "mse"
        return "bce" if self.output_size == 1 else "cross_entropy"

    @abstractmethod
    def load(self, sources: Sources) -> Splits:
        """Read, verify and split the data set. ``OSError`` or ``ValueError`` with one sentence where that fails."""

    def missing(self, sources: Sources) -> str | None:
        """One sentence on what :meth:`load` would lack in `sources` and have to download, or None; reads no data."""
        told = [sentence for dataset in self.needs() if (sentence := dataset.missing(sources))]
        return "; ".join(told) or None

    def batch(self, data: Data, index: Tensor, generator: torch.Generator | None = None) -> Batch:
        """The samples at `index` ((N,) int64) as sequences, on the device of `data`.

        Only what is drawn anew uses `generator`: in training, a CPU generator seeded for this batch from the seed of
        the run, the epoch and the step; in evaluations None, because what they see is the same every time. Of fresh
        data just the length of `index` counts.
        """
        index = index.to(data.inputs.device)
        lengths = None if data.lengths is None else data.lengths.index_select(0, index)
        return Batch(self.sequences(data.rows(index)), data.targets.index_select(0, index), lengths)

    def sequences(self, rows: Tensor) -> Tensor:
        """Compact rows (N, L, H_in), or (N, L) of one channel, as contiguous (L, N, H_in) float32.

        Tasks that scale, permute or pad their rows override this; it works on the device that `rows` are on.
        """
        steps = rows.unsqueeze(-1) if rows.dim() == 2 else rows
        return steps.transpose(0, 1).contiguous().to(torch.float32)

    def encoder(self) -> nn.Module | None:
        """What stands between batch and network and learns with it, e.g. an embedding; most tasks need none.

        It is asked for after :meth:`load` on the same instance, so what it needs of the data may be kept there.
        Keywords of an override, annotated and with defaults, are hyper-parameters: a recipe sets them in its table
        ``encoder``.
        """
        return None

    def restore(self, values: Tensor) -> Tensor:
        """Predictions or targets (N, H_out) on the scale of the training, in the original units, where the metric is.

        The identity unless a task trains on scaled targets; like :meth:`encoder`, asked for after :meth:`load`.
        """
        return values


def checksum(*parts: Data | Tensor) -> str:
    """Hexadecimal sha256 over `parts` in order: of each tensor its name, type, shape and bytes."""
    digest = sha256()
    for part in parts:
        for name, tensor in part.tensors().items() if isinstance(part, Data) else [("constant", part)]:
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def require_choice(keyword: str, value: object, choices: tuple[object, ...]) -> None:
    """``ValueError`` that lists the `choices` where `value` is none of them."""
    if value not in choices:
        raise ValueError(f"{keyword} must be one of {', '.join(map(str, choices))}, got {value!r}")
