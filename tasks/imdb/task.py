"""IMDB: sentiment of film reviews, read word by word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Annotated, ClassVar, Literal, get_args

import numpy as np
import torch
from annotated_types import Ge, Lt
from torch import Tensor

from tasks import permutations
from tasks.base import Batch, Data, Splits, Task, require_choice
from tasks.imdb import glove, tokens
from tasks.imdb.embedding import WordEmbedding
from tasks.sources import DataSet, Download, Sources
from tasks.sources.caches import cached
from tasks.windows import Windows

Vectors = Literal["glove", "random"]
Readout = Literal["padded", "last"]

REVIEWS = DataSet(
    name="aclimdb",
    title="Large Movie Review Dataset",
    folders=("imdb/aclImdb", "IMDB/aclImdb", "aclImdb"),
    contents={f"{part}/{label}/*.txt": 12_500 for part in ("train", "test") for label in ("neg", "pos")},
    size=65_483_508,
    licence="none stated; the authors ask to be cited",
    downloads=(
        Download(
            "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
            hash="sha256:c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
            size=84_125_825,
        ),
    ),
    archives=("aclImdb_v1.tar.gz",),
    examine=lambda dataset, folder, digest, sources: tokens.require_text(folder, dataset.files(folder)),
)
"""The labelled reviews. Nobody publishes checksums of the files, so those of an import are recorded."""

GLOVE = DataSet(
    name="glove",
    title="GloVe 6B",
    folders=("glove", ".vector_cache"),
    contents={"glove.6B.100d.txt": 1},
    size=347_116_733,
    licence="PDDL 1.0",
    downloads=(
        Download(
            "https://nlp.stanford.edu/data/glove.6B.zip",
            hash="sha256:617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb",
            size=862_182_613,
        ),
    ),
    archives=("glove.6B.zip",),
    pinned=True,
)

WITHOUT_VECTORS = ", or choose imdb[embedding=random], which needs no vectors"


class IMDB(Task):
    """Film reviews read word by word, praise or not: up to 2789 steps.

    50 000 reviews, half of them positive. The 25 000 of the official training part are split once and for all into
    17 500 for training and 7500 for validation; the test is the official one. A word is a token of spaCy's English
    rules as it is written, with its capitals; the vocabulary is the 25 000 most frequent ones of the 17 500 reviews.
    Of the test reviews, 123 stand word for word among the official training reviews too.

    `embedding`, what the vectors of the words are before the training, which changes them:

    - ``glove`` (default): those of GloVe 6B, drawn from N(0, 1) for words that it has none of (all words with capitals
      among them); the unknown word zero.
    - ``random``: all drawn from N(0, 1), for want of GloVe; the unknown word zero. Not the published task.

    `readout`, the state that the prediction is read from:

    - ``padded`` (default): the one after the padding to the longest review of the batch, as published. The prediction
      then depends on which reviews share a batch: on ``eval_batch_size``, and in training on ``bucket``. Evaluations go
      in the order of the data.
    - ``last``: the one after the last word of each review, as in the standard recipes, whose batches are made of
      reviews of similar length.

    Raises:
        ValueError: `embedding` or `readout` is none of these.
    """

    name = "imdb"
    title = "IMDB reviews"
    kind = "classification"
    metric = "accuracy"
    protocol = (
        "As in the coRNN and UnICORNN code: 17500, 7500 and 25000 reviews, torchtext's vocabulary of 25000 words, "
        "trained GloVe vectors, one logit read after the padding. There the split is drawn anew in every run and "
        "accuracy is a mean over batches; here the split is frozen and accuracy is exact. embedding=random and "
        "readout=last depart from the published protocol."
    )
    source = "The Large Movie Review Dataset; GloVe vectors trained on Wikipedia 2014 and Gigaword 5."
    licence = "reviews: none stated, to be cited; GloVe: PDDL 1.0"
    citation = (
        "A. L. Maas, R. E. Daly, P. T. Pham, D. Huang, A. Y. Ng, C. Potts: Learning word vectors for sentiment "
        "analysis. ACL 2011. J. Pennington, R. Socher, C. D. Manning: GloVe: global vectors for word representation. "
        "EMNLP 2014."
    )
    url = "https://ai.stanford.edu/~amaas/data/sentiment/"

    input_size = 100
    output_size = 1

    datasets = (REVIEWS, GLOVE)
    train_size: ClassVar[int] = 17_500
    """How many of the official training reviews train; the others validate."""
    words: ClassVar[int] = 25_000
    """How many words the vocabulary holds at most, besides the unknown one and the padding."""
    order_sha256: ClassVar[str] = "3035a0ab61183489f5c22bb5c4e1938039849ff4b5d0a38ff3513e4aa4ea36fa"
    """Of the order in which the official training reviews, sorted by class and name, are dealt to the two parts."""

    def __init__(self, embedding: Vectors = "glove", readout: Readout = "padded") -> None:
        require_choice("embedding", embedding, get_args(Vectors))
        require_choice("readout", readout, get_args(Readout))
        self.embedding = embedding
        self.readout = readout
        self.reads_padding = readout == "padded"
        self.vocabulary: list[str] = []
        """The words in the order of their numbers, once the task is loaded; ``<unk>`` and ``<pad>`` come first."""
        self._known: tuple[Tensor, ...] = ()

    def needs(self) -> tuple[DataSet, ...]:
        """The reviews, and GloVe where `embedding` is."""
        return self.datasets if self.embedding == "glove" else self.datasets[:1]

    def missing(self, sources: Sources) -> str | None:
        """What the data folder lacks, and what does without GloVe where it is that."""
        told = super().missing(sources)
        lacks_vectors = any(dataset.missing(sources) for dataset in self.needs()[1:])
        return f"{told}{WITHOUT_VECTORS}" if lacks_vectors else told

    def load(self, sources: Sources) -> Splits:
        """Numbers of words as an int16 stream for each part; ``OSError`` where files are missing or damaged."""
        reviews, *vectors = self.needs()
        folder, digest = reviews.verified(sources)
        found = [_vectors_at(dataset, sources) for dataset in vectors]  # before a minute of work that may be in vain
        parts = self._dealt(reviews.files(folder))
        with reviews.advised(sources):
            text = self._text(sources, folder, digest, [name for part in parts for name in part])
        self.vocabulary = tokens.words_of(text["words"])
        self._known = ()
        for dataset, (file, digest) in zip(vectors, found, strict=True):
            with dataset.advised(sources):
                self._known = self._vectors(sources, file, digest)
        train, valid, test = _streams(parts, text["ids"], text["lengths"])
        return Splits.of(train, valid, test, *self._known)

    def batch(self, data: Data, index: Tensor, generator: torch.Generator | None = None) -> Batch:
        """The reviews at `index`, padded to the longest; their lengths with ``readout=last`` only."""
        batch = super().batch(data, index, generator)
        return batch if self.readout == "last" else replace(batch, lengths=None)

    def sequences(self, rows: Tensor) -> Tensor:
        """Numbers of words (N, L) as (L, N) int64, for the encoder."""
        return rows.t().to(torch.int64, memory_format=torch.contiguous_format)

    def encoder(self, *, word_dropout: Annotated[float, Ge(0.0), Lt(1.0)] = 0.0) -> WordEmbedding:
        """Numbers of words (L, N) to trained vectors (L, N, 100).

        Args:
            word_dropout: how probable it is for a word of the vocabulary to be dropped from a whole batch.

        Raises:
            ValueError: `word_dropout` is not in [0, 1), or the task is not loaded, so that the words are unknown.
        """
        if not self.vocabulary:
            raise ValueError("the words are known once the reviews are: load the task first")
        padding = tokens.PADDING
        made = WordEmbedding(len(self.vocabulary), self.input_size, padding=padding, word_dropout=word_dropout)
        with torch.no_grad():
            if self._known:
                places, vectors = self._known
                made.weight[places] = vectors
            made.weight[[tokens.UNKNOWN, padding]] = 0.0
        return made

    def _dealt(self, names: list[str]) -> list[list[str]]:
        """The files of the training, the validation and the test reviews."""
        official = [name for name in names if name.startswith("train/")]
        order = permutations.shuffled(len(official), seed=0, wanted=self.order_sha256)
        dealt = [official[place] for place in order]
        test = [name for name in names if name.startswith("test/")]
        return [dealt[: self.train_size], dealt[self.train_size :], test]

    def _text(self, sources: Sources, folder: Path, digest: str, names: list[str]) -> dict[str, np.ndarray]:
        what = f"{digest} {self.order_sha256} {self.train_size} {self.words}"
        return cached(
            sources,
            self.name,
            sha256(what.encode()).hexdigest(),
            lambda: tokens.numbered(folder, names, self.train_size, self.words, sources.report),
            code=("tasks.imdb.tokens", *tokens.releases()),
        )

    def _vectors(self, sources: Sources, file: Path, digest: str) -> tuple[Tensor, Tensor]:
        """Which words have a vector, and the vectors."""
        found = cached(
            sources,
            f"{self.name}_glove",
            sha256("\n".join((digest, *self.vocabulary)).encode()).hexdigest(),
            lambda: glove.vectors_of(file, self.vocabulary, self.input_size, sources.report),
            code=("tasks.imdb.glove",),
        )
        return torch.tensor(found["places"], dtype=torch.int64), torch.tensor(found["vectors"])


def _streams(parts: list[list[str]], ids: np.ndarray, lengths: np.ndarray) -> Iterator[Data]:
    """The `parts`, lists of the files of reviews, each with the stretch of all words `ids` that it reads."""
    first = begin = 0
    for names in parts:
        size = torch.tensor(lengths[first : first + len(names)], dtype=torch.int64)
        end = begin + int(size.sum())
        yield Windows(
            inputs=size.cumsum(0) - size,
            targets=torch.tensor([name.split("/")[1] == "pos" for name in names], dtype=torch.int64),
            lengths=size,
            stream=torch.tensor(ids[begin:end]),
            fill=tokens.PADDING,
        )
        first, begin = first + len(names), end


def _vectors_at(dataset: DataSet, sources: Sources) -> tuple[Path, str]:
    """The file of the vectors and its digest; ``OSError`` that also says what does without it."""
    try:
        folder, digest = dataset.verified(sources)
    except OSError as error:
        kind = FileNotFoundError if isinstance(error, FileNotFoundError) else OSError
        raise kind(f"{error}{WITHOUT_VECTORS}") from error
    return folder / dataset.files(folder)[0], digest
