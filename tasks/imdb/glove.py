"""GloVe's vectors of words, out of their text file.

torchtext's own reader is not used: it keeps all the vectors in a pickle beside the file and trusts the one it finds
there, writes to where data may be read-only, and switches the verification of certificates off for the whole process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tasks.sources import Report, Wrong

INTERVAL = 20_000
"""Lines between two reports of progress."""


def vectors_of(file: Path, words: Sequence[str], width: int, report: Report) -> dict[str, np.ndarray]:
    """The vectors of those of `words` that have one, looked up as torchtext does: as they are written, bare of blanks.

    Returns:
        ``places`` (k,) int32, which of `words` have a vector, ascending; ``vectors`` (k, width) float32.

    Raises:
        Wrong: a line does not hold `width` numbers, or no word has a vector.
    """
    wanted = {word.strip().encode() for word in words}
    found, size, read = dict[bytes, np.ndarray](), file.stat().st_size, 0
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            read += len(line)
            if number % INTERVAL == 0:
                report("reading vectors", read, size)
            word, _, numbers = line.rstrip().partition(b" ")
            if word in wanted:
                found[word] = _parsed(numbers, width, f"{file}, line {number}")
    report("reading vectors", size, size)
    return _placed(file, words, found)


def _parsed(numbers: bytes, width: int, where: str) -> np.ndarray:
    try:
        vector = np.array([float(number) for number in numbers.split(b" ")], np.float32)
    except ValueError:
        vector = np.empty(0, np.float32)
    if len(vector) != width or not np.isfinite(vector).all():
        raise Wrong(f"{where}: a word and {width} numbers should stand here")
    return vector


def _placed(file: Path, words: Sequence[str], found: Mapping[bytes, np.ndarray]) -> dict[str, np.ndarray]:
    stripped = [word.strip().encode() for word in words]
    places = [place for place, word in enumerate(stripped) if word in found]
    if not places:
        raise Wrong(f"{file} has no vector for any of {len(words)} words")
    return {"places": np.array(places, np.int32), "vectors": np.stack([found[stripped[place]] for place in places])}
