"""Reviews as numbers of words: spaCy's rule-based English tokens, torchtext's field and vocabulary.

The text is taken as torchtext 0.6 takes it for the published scripts: the first line of each file, neither lower-cased
nor freed of HTML line breaks, cut into tokens by rules (which need no trained model), words numbered by their frequency
in the training part and, where that is equal, by the alphabet. The rules belong to a release of spaCy: another one may
cut some words otherwise, which the checksum of the data then tells.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from tasks.sources import Report, Wrong, library

UNKNOWN, PADDING = 0, 1
"""Numbers of what torchtext calls ``<unk>`` and ``<pad>``; words follow."""

INTERVAL = 250
"""Reviews between two reports of progress."""


def numbered(folder: Path, names: Sequence[str], training: int, words: int, report: Report) -> dict[str, np.ndarray]:
    """The reviews `names` in `folder` as numbers of words.

    Args:
        training: how many of the reviews, the first ones, decide the vocabulary.
        words: how many words the vocabulary holds at most, besides the unknown one and the padding.

    Returns:
        ``ids`` (T,) int16, all reviews one after the other; ``lengths`` (n,) int32 of the reviews, at least 1;
        ``words`` (bytes,) uint8, the vocabulary in the order of its numbers, see :func:`words_of`.

    Raises:
        Wrong: a file is empty or not UTF-8.
        OSError: spaCy or torchtext is not there.
    """
    field, first_seen = english_field(), dict[str, int]()
    stream, lengths = array("i"), np.empty(len(names), np.int32)
    for number, name in enumerate(names):
        if number % INTERVAL == 0:
            report("tokenising reviews", number, len(names))
        tokens = field.preprocess(first_line(folder / name)) or [field.pad_token]
        stream.extend(first_seen.setdefault(token, len(first_seen)) for token in tokens)
        lengths[number] = len(tokens)
    seen = list(first_seen)
    field.build_vocab([map(seen.__getitem__, stream[: int(lengths[:training].sum())])], max_size=words)
    ids = np.array([field.vocab.stoi[token] for token in seen], np.int16)[np.frombuffer(stream, np.int32)]
    report("tokenising reviews", len(names), len(names))
    return {"ids": ids, "lengths": lengths, "words": np.frombuffer("\n".join(field.vocab.itos).encode(), np.uint8)}


def words_of(encoded: np.ndarray) -> list[str]:
    """The vocabulary out of the bytes that :func:`numbered` gives; no word holds a line end."""
    return encoded.tobytes().decode().split("\n")


def english_field() -> Any:
    """torchtext's field as the published scripts make it, with the tokens of ``spacy.blank("en")``."""
    state = random.getstate()  # the import of spaCy draws from Python's global generator
    try:
        tokenizer: Callable[[str], Any] = library("spacy", "spacy").blank("en").tokenizer
    finally:
        random.setstate(state)
    return library("torchtext.data", "torchtext").Field(tokenize=lambda text: [token.text for token in tokenizer(text)])


def require_text(folder: Path, names: Iterable[str]) -> None:
    """``Wrong`` unless every one of the reviews `names` is text, and not empty."""
    for name in names:
        first_line(folder / name)


def first_line(file: Path) -> str:
    """The review in `file`; ``Wrong`` where it is empty or no text."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Wrong(f"{file} is damaged (byte {error.start} is not UTF-8)") from error
    if not text:
        raise Wrong(f"{file} is empty, which no review is")
    return text.split("\n", 1)[0]


def releases() -> tuple[str, ...]:
    """The libraries that decide what :func:`numbered` returns, as ``"distribution==version"``; imports none of them."""
    try:
        return tuple(f"{name}=={version(name)}" for name in ("spacy", "torchtext"))
    except PackageNotFoundError as error:
        raise OSError(f"{error.name} is not installed: pip install {error.name}") from error
