from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tasks.sources import Refused, Sources, caches
from tasks.sources.caches import cached

CODE = ("tasks.sources.caches", "numpy==1.2.3")


class Work:
    """Something to be worked out, and how often it was."""

    def __init__(self) -> None:
        self.done = 0
        self.arrays = {
            "tokens": np.arange(1000, dtype=np.uint16),
            "table": np.linspace(0, 1, 60).reshape(3, 4, 5).astype(np.float32),
            "words": np.array(["one", "twenty"]),
            "size": np.array(7),
            "nothing": np.empty((0, 3), np.int64),
            "flags": np.array([[True, False]]),
        }

    def __call__(self) -> dict[str, np.ndarray]:
        self.done += 1
        return self.arrays


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def told() -> list[tuple[str, int, int]]:
    return []


@pytest.fixture
def sources(tmp_path: Path, told) -> Sources:
    return Sources(tmp_path / "data", cache=tmp_path / "cache", report=lambda *step: told.append(step))


def stored(sources: Sources) -> Path:
    (file,) = sources.caches.glob("*.npz")
    return file


def same(one, other) -> bool:
    return list(one) == list(other) and all(
        one[name].dtype == other[name].dtype
        and one[name].shape == other[name].shape
        and np.array_equal(one[name], other[name])
        for name in one
    )


def test_what_was_worked_out_once_is_read(sources: Sources, work: Work) -> None:
    made = cached(sources, "toy", "digest", work, code=CODE)
    read = cached(sources, "toy", "digest", work, code=CODE)
    assert work.done == 1
    assert same(made, work.arrays)
    assert same(read, work.arrays)
    assert stored(sources).name == f"toy-{caches.key('digest', CODE)}.npz"
    read["tokens"][0] = 5  # they are nobody else's


def test_anybody_can_read_the_file(sources: Sources, work: Work) -> None:
    cached(sources, "toy", "digest", work, code=CODE)
    with np.load(stored(sources), allow_pickle=False) as file:
        assert sorted(file.files) == sorted([*work.arrays, "sha256"])


def test_other_data_code_or_libraries_make_another(sources: Sources, work: Work, tmp_path: Path) -> None:
    keys = {
        caches.key("digest", CODE),
        caches.key("other", CODE),
        caches.key("digest", ("tasks.sources.root", "numpy==1.2.3")),
        caches.key("digest", ("tasks.sources.caches", "numpy==1.2.4")),
        caches.key("digest", ("tasks.sources.caches",)),
    }
    assert len(keys) == 5
    cached(sources, "toy", "digest", work, code=CODE)
    cached(sources, "toy", "other", work, code=CODE)
    assert work.done == 2


def test_the_source_of_a_module_counts_and_not_its_name_alone(tmp_path: Path, monkeypatch) -> None:
    module, file = ModuleType("plugin_of_a_test"), tmp_path / "plugin.py"
    module.__file__ = str(file)
    monkeypatch.setitem(sys.modules, "plugin_of_a_test", module)
    file.write_text("one = 1")
    before = caches.key("digest", ("plugin_of_a_test",))
    file.write_text("one = 2")
    assert caches.key("digest", ("plugin_of_a_test",)) != before


def test_a_module_that_is_not_there(sources: Sources, work: Work) -> None:
    with pytest.raises(ValueError, match="named by modules and distribution==version, got 'no_such_module'"):
        cached(sources, "toy", "digest", work, code=("no_such_module",))


def test_columns_first_and_read_only_become_plain_arrays(sources: Sources) -> None:
    table = np.asfortranarray(np.arange(12.0).reshape(3, 4))
    table.flags.writeable = False
    for _ in range(2):
        found = cached(sources, "toy", "digest", lambda: {"table": table}, code=CODE)
        assert found["table"].flags.c_contiguous
        assert np.array_equal(found["table"], table)


@pytest.mark.parametrize("bad", [{"a": np.array([object()])}, {"sha256": np.zeros(3)}])
def test_what_cannot_be_stored_without_pickle_is_refused(sources: Sources, bad) -> None:
    with pytest.raises(ValueError, match="a cache holds arrays of numbers or text not named sha256"):
        cached(sources, "toy", "digest", lambda: bad, code=CODE)
    assert not list(sources.caches.glob("*.npz"))


def test_no_flipped_bit_is_read(sources: Sources, work: Work, told) -> None:
    """A bit is flipped at 200 places; where the flip changes nothing that is read, what is read is right."""
    cached(sources, "toy", "digest", work, code=CODE)
    file = stored(sources)
    content = file.read_bytes()
    for place in range(0, len(content), len(content) // 200):
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert same(cached(sources, "toy", "digest", work, code=CODE), work.arrays)
    assert work.done > 100
    again = [step for step in told if "is damaged" in step[0]]
    assert len(again) == 2 * (work.done - 1)
    assert again[0][0].startswith(f"preparing toy anew: {file} is damaged (")
    assert again[1][1] == again[1][2]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "garbage": lambda content: b"not a cache",
    "no checksum": lambda content: content.replace(b"sha256.npy", b"sha257.npy"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_cache_is_made_anew(sources: Sources, work: Work, damage) -> None:
    cached(sources, "toy", "digest", work, code=CODE)
    file = stored(sources)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    for _ in range(2):
        assert same(cached(sources, "toy", "digest", work, code=CODE), work.arrays)
    assert work.done == 2
    assert len(file.read_bytes()) == len(whole)


def test_a_whole_file_of_other_arrays_is_made_anew(sources: Sources, work: Work) -> None:
    cached(sources, "toy", "digest", work, code=CODE)
    with np.load(stored(sources)) as file:
        arrays = dict(file)
    arrays["tokens"] = arrays["tokens"][::-1]
    np.savez(stored(sources), **arrays)
    assert same(cached(sources, "toy", "digest", work, code=CODE), work.arrays)
    assert work.done == 2


def test_what_a_killed_writer_left_goes_with_the_next_cache(sources: Sources, work: Work) -> None:
    cached(sources, "toy", "digest", work, code=CODE)
    (sources.caches / ".toy-0123456789abcdef.npz.partial").write_bytes(b"half")
    other = sources.caches / ".toy-b-0123456789abcdef.npz.partial"
    other.write_bytes(b"written just now by the one who prepares toy-b")
    cached(sources, "toy", "other", work, code=CODE)
    assert list(sources.caches.glob(".toy*")) == [other]


def test_a_cache_of_pickles_is_never_unpickled(sources: Sources, work: Work, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return os.mkdir, (str(tmp_path / "sprung"),)

    cached(sources, "toy", "digest", work, code=CODE)
    np.savez(stored(sources), tokens=np.array([Trap()], dtype=object), sha256=np.zeros(32, np.uint8))
    assert same(cached(sources, "toy", "digest", work, code=CODE), work.arrays)
    assert not (tmp_path / "sprung").exists()


def test_older_caches_of_the_name_go_but_for_the_last_used(sources: Sources, work: Work) -> None:
    for number in range(5):
        cached(sources, "toy", f"digest {number}", work, code=CODE)
        file = sources.caches / f"toy-{caches.key(f'digest {number}', CODE)}.npz"
        os.utime(file, (number, number))
    cached(sources, "toy-more", "digest", work, code=CODE)
    cached(sources, "toy", "digest 2", work, code=CODE)  # used: of the old ones it goes last
    cached(sources, "toy", "digest 9", work, code=CODE)
    left = {file.name for file in sources.caches.glob("*.npz")}
    kept = [f"toy-{caches.key(f'digest {number}', CODE)}.npz" for number in (2, 4, 9)]
    assert left == {*kept, f"toy-more-{caches.key('digest', CODE)}.npz"}


def test_without_a_folder_of_its_own_the_cache_lies_in_the_data_folder(tmp_path: Path, work: Work) -> None:
    cached(Sources(tmp_path), "toy", "digest", work, code=CODE)
    assert list((tmp_path / ".cache").glob("toy-*.npz"))


def test_errors_of_the_work_are_its_own(sources: Sources) -> None:
    def fails() -> dict[str, np.ndarray]:
        raise PermissionError(13, "Permission denied", "some.txt")

    with pytest.raises(PermissionError, match="some.txt"):
        cached(sources, "toy", "digest", fails, code=CODE)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(sources: Sources, work: Work, monkeypatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Refused) as caught:
        cached(sources, "toy", "digest", work, code=CODE)
    assert str(caught.value) == (
        f"the disk of {sources.caches} is full (No space left on device): "
        "make room there, or name another home with --home or HARNESS_HOME"
    )
    assert [file.name for file in sources.caches.iterdir()] == ["toy.lock"]


def test_a_folder_that_cannot_be_written_is_told_before_the_work(tmp_path: Path, work: Work) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Refused, match=r"file/cache cannot be written \(.+\): make it writable, or name another home"):
        cached(Sources(tmp_path, cache=tmp_path / "file" / "cache"), "toy", "digest", work, code=CODE)
    assert work.done == 0


MAKE = """
import sys
from pathlib import Path
import numpy as np
from tasks.sources import Sources, caches
def make():
    print("making", flush=True)
    sys.stdin.readline()
    return {"a": np.arange(100_000), "b": np.ones(100_000)}
if sys.argv[2] == "half":
    write, written = np.lib.format.write_array, []
    def stop(*arguments, **options):
        if written:
            print("half written", flush=True)
            sys.stdin.readline()
        written.append(write(*arguments, **options))
    np.lib.format.write_array = stop
sources = Sources(Path(sys.argv[1]), report=lambda what, done, total: print(what, flush=True))
print(caches.cached(sources, "toy", "digest", make, code=())["a"].sum(), flush=True)
"""


def test_of_two_at_once_one_works_and_the_other_waits_and_reads(tmp_path: Path, child) -> None:
    with child(MAKE, tmp_path, "whole") as first:
        assert first.stdout.readline() == "making\n"
        with child(MAKE, tmp_path, "whole") as second:
            assert second.stdout.readline() == "waiting for another process that prepares toy\n"
            first.stdin.write("\n")
            first.stdin.flush()
            assert first.stdout.read() == "4999950000\n"
            rest = second.stdout.read()
    assert rest.endswith("\n4999950000\n")
    assert "making" not in rest


def test_a_cache_whose_writer_was_killed_is_made_anew(tmp_path: Path, child) -> None:
    with child(MAKE, tmp_path, "half") as process:
        assert process.stdout.readline() == "making\n"
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "half written\n"
        process.kill()
    folder = Sources(tmp_path).caches
    assert not list(folder.glob("*.npz"))
    assert list(folder.glob(".toy-*.partial")), "nothing was half-written, and this test shows nothing"
    with child(MAKE, tmp_path, "whole") as process:
        assert process.communicate("\n")[0] == "making\n4999950000\n"
    assert len(list(folder.glob("*.npz"))) == 1
    assert not list(folder.glob(".toy-*.partial"))
