from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from torchtext.data import Field, LabelField
from torchtext.datasets import IMDB

from tasks.imdb import tokens
from tasks.imdb.tokens import PADDING, UNKNOWN
from tasks.sources import Wrong


def silent(what: str, done: int, total: int) -> None:
    """A report that nobody reads."""


def written(folder: Path, *texts: str | bytes) -> list[str]:
    """Files that hold `texts`, named in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{number}_9.txt" for number in range(len(texts))]
    for name, text in zip(names, texts, strict=True):
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return names


def numbered(folder: Path, *texts: str | bytes, training: int | None = None, words: int = 1000):
    made = tokens.numbered(folder, written(folder, *texts), training or len(texts), words, silent)
    return made, tokens.words_of(made["words"])


def test_tokens_are_those_of_the_english_rules_as_they_are_written(tmp_path: Path) -> None:
    made, words = numbered(tmp_path, "It's Mr. Bean's naïve film.<br /><br />Is n't, isn't  it \x85 £5?")
    told = "It|'s|Mr.|Bean|'s|naïve|film.<br|/><br|/>Is|n't|,|is|n't| |it|\x85 |£|5|?"
    assert [words[number] for number in made["ids"]] == told.split("|")
    assert made["lengths"].tolist() == [19]


def test_words_are_numbered_by_frequency_and_ties_by_the_alphabet(tmp_path: Path) -> None:
    made, words = numbered(tmp_path, "zebra ape ape Zebra", "ape éclair bee bee")
    assert words == ["<unk>", "<pad>", "ape", "bee", "Zebra", "zebra", "éclair"]
    assert made["ids"].tolist() == [5, 2, 2, 4, 2, 6, 3, 3]
    assert made["lengths"].tolist() == [4, 4]
    assert (made["ids"].dtype, made["lengths"].dtype, made["words"].dtype) == (np.int16, np.int32, np.uint8)


def test_the_vocabulary_is_of_the_training_part_alone(tmp_path: Path) -> None:
    made, words = numbered(tmp_path, "good film", "bad film", "awful awful awful film", training=2)
    assert words == ["<unk>", "<pad>", "film", "bad", "good"]
    assert made["ids"][-4:].tolist() == [UNKNOWN, UNKNOWN, UNKNOWN, 2]


def test_the_vocabulary_holds_so_many_words_besides_the_unknown_one_and_the_padding(tmp_path: Path) -> None:
    made, words = numbered(tmp_path, "d c b a a", words=3)
    assert words == ["<unk>", "<pad>", "a", "b", "c"]
    assert made["ids"].tolist() == [UNKNOWN, 4, 3, 2, 2]


def test_numbers_are_those_of_torchtexts_own_reader(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    vocabulary = ["a", "A", "film", "<br />", "it's", "well-made", "don't", "\xa0", "  ", "élan", "(sic)", "etc."]
    texts = [" ".join(random.choice(vocabulary, random.integers(1, 30))) for _ in range(40)]
    made, words = numbered(tmp_path / "pos", *texts, words=12)
    starts = np.split(made["ids"].tolist(), np.cumsum(made["lengths"])[:-1])

    tokenizer = tokens.english_field().tokenize
    text, label = Field(tokenize=tokenizer), LabelField()
    reviews = IMDB(str(tmp_path), text, label)
    text.build_vocab(reviews, max_size=12)
    assert text.vocab.itos == words
    wanted = [text.numericalize([review.text]).flatten().tolist() for review in reviews]
    assert len(wanted) == 40
    assert sorted(wanted) == sorted(review.tolist() for review in starts)


def test_the_first_line_is_the_review_and_a_blank_one_is_padding(tmp_path: Path) -> None:
    made, words = numbered(tmp_path, "one line\nand no more", "a line\r\nof Windows", "\nlate", "two\rlines")
    assert made["lengths"].tolist() == [2, 2, 1, 1]
    assert [words[number] for number in made["ids"]] == ["one", "line", "a", "line", "<pad>", "two"]
    assert made["ids"][4] == PADDING


def test_words_that_are_blanks_of_any_kind_survive_the_cache(tmp_path: Path) -> None:
    blanks = ["\x85", "\u2028", "\x1c", "\xa0", "\t", "\u3000"]
    made, words = numbered(tmp_path, *(f"a {blank} b" for blank in blanks))
    assert len(words) == made["ids"].max() + 1
    assert {word.strip(" ") for word in words[2:]} == {"a", "b", *blanks}


def test_a_file_that_is_no_text_is_named_with_the_place(tmp_path: Path) -> None:
    file = re.escape(str(tmp_path / "1_9.txt"))
    with pytest.raises(Wrong, match=rf"^{file} is damaged \(byte 4 is not UTF-8\)$"):
        numbered(tmp_path, "fine", b"good\xe9film")


def test_an_empty_file_is_no_review(tmp_path: Path) -> None:
    file = re.escape(str(tmp_path / "1_9.txt"))
    with pytest.raises(Wrong, match=rf"^{file} is empty, which no review is$"):
        numbered(tmp_path, "fine", "")


def test_progress_is_reported_from_none_to_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "INTERVAL", 2)
    told: list[tuple[str, int, int]] = []
    tokens.numbered(tmp_path, written(tmp_path, *"abcde"), 5, 10, lambda *report: told.append(report))
    assert told == [("tokenising reviews", done, 5) for done in (0, 2, 4, 5)]


def test_the_libraries_that_decide_are_named_with_their_releases(monkeypatch: pytest.MonkeyPatch) -> None:
    spacy, torchtext = tokens.releases()
    assert re.fullmatch(r"spacy==3\.\d+\.\d+\S*", spacy)
    assert torchtext == "torchtext==0.6.0"

    def without(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(tokens, "version", without)
    with pytest.raises(OSError, match=r"^spacy is not installed: pip install spacy$"):
        tokens.releases()


def test_no_global_generator_and_no_web_in_a_process_that_starts_with_it(tmp_path: Path) -> None:
    names = written(tmp_path, "good film", "bad film")
    code = f"""
import random, socket, ssl
from pathlib import Path
import numpy, torch
def refuse(*arguments): raise AssertionError("the web was touched")
socket.socket.connect = socket.getaddrinfo = refuse
context = ssl._create_default_https_context
before = random.getstate(), numpy.random.get_state()[1].tobytes(), torch.get_rng_state()
from tasks.imdb import tokens
tokens.numbered(Path({str(tmp_path)!r}), {names!r}, 1, 10, lambda *report: None)
assert random.getstate() == before[0]
assert numpy.random.get_state()[1].tobytes() == before[1]
assert torch.equal(torch.get_rng_state(), before[2])
assert ssl._create_default_https_context is context
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == names
