"""Building, caching and loading the compiled recurrences, and what happens where that can't be done."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from architectures import UnICORNN, kernels
from architectures.kernels import library

COMPILER = """#!{python}
import os, pathlib, sys
if "--version" in sys.argv:
    print("pretend 1.0")
    sys.exit()
with open({log!r}, "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
{body}
"""


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, tmp_path):
    """An empty cache, and no library loaded yet."""
    monkeypatch.setattr(library, "_loaded", [])
    monkeypatch.setenv("HARNESS_KERNELS", str(tmp_path / "cache"))


@pytest.fixture
def pretend(monkeypatch, tmp_path):
    """Makes CXX name a compiler that runs `body`; returns the file in which its calls are noted."""

    def make(body: str) -> Path:
        log, file = tmp_path / "calls", tmp_path / "cxx"
        log.touch()
        file.write_text(COMPILER.format(python=sys.executable, log=str(log), body=body))
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("CXX", str(file))
        return log

    return make


# The real library, built once for all tests, stands in for what a compiler writes.
BUILT = library.find() if library.state()[0] else None
needs_library = pytest.mark.skipif(BUILT is None, reason=library.state()[1])
COPY = "import shutil; shutil.copy({file!r}, sys.argv[sys.argv.index('-o') + 1])"


def test_nothing_is_built_at_import(tmp_path):
    code = "import architectures.kernels.library, architectures.kernels.elementwise, architectures.unicornn"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ})
    assert not (tmp_path / "cache").exists()


@needs_library
def test_built_once_and_found_again(pretend, caplog):
    log = pretend(COPY.format(file=str(BUILT.file)))
    with caplog.at_level("INFO", logger="architectures"):
        first = library.find()
    assert [record.message for record in caplog.records] == [
        f"compiling the recurrences for this processor, once, into {first.file.parent}"
    ]
    assert first.functions.unicornn_forward_f32 is not None
    assert (first.compiler, library.OWN_MACHINE in first.flags) == ("pretend 1.0", True)
    assert library.find().file == first.file
    assert len(log.read_text().splitlines()) == 1
    assert library.load() is library.load()


@needs_library
def test_changed_sources_are_another_library(pretend, monkeypatch, tmp_path):
    log = pretend(COPY.format(file=str(BUILT.file)))
    library.find()
    changed = tmp_path / "source"
    changed.mkdir()
    (changed / "new.cpp").write_text("")
    monkeypatch.setattr(library, "SOURCE", changed)
    library.find()
    assert len(log.read_text().splitlines()) == 2


@needs_library
def test_another_processor_is_another_library(pretend, monkeypatch):
    pretend(COPY.format(file=str(BUILT.file)))
    here = library.find().file
    monkeypatch.setattr(library, "_cpu", lambda: "fpu only")
    assert library.find().file != here


@needs_library
def test_a_compiler_that_does_not_know_this_processor(pretend):
    log = pretend("if '-march=native' in sys.argv: sys.exit('error: unknown')\n" + COPY.format(file=str(BUILT.file)))
    assert library.OWN_MACHINE not in library.find().flags
    assert len(log.read_text().splitlines()) == 2


def _warned() -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert library.load() is None
        assert library.load() is None
    (warning,) = [one for one in caught if one.category is RuntimeWarning]
    usable, told = library.state()
    assert not usable
    assert str(warning.message) == f"{told}; recurrences run as plain PyTorch, which is slower"
    return told


def test_no_compiler(monkeypatch, tmp_path):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(library.importlib.util, "find_spec", lambda name: None)
    assert "there is no C++ compiler: none of c++, g++, clang++ is on the path" in _warned()


def test_the_named_compiler_is_missing(monkeypatch):
    monkeypatch.setenv("CXX", "/nowhere/c++ -O1")
    assert _warned() == "the compiler that CXX names is not there: /nowhere/c++ -O1"


def test_a_compiler_that_cannot_be_read(monkeypatch):
    monkeypatch.setenv("CXX", 'c++ "-O1')
    assert _warned() == 'CXX is no command (No closing quotation): c++ "-O1'


@needs_library
def test_a_blank_name_is_no_compiler(monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    usual = library._compiler()
    monkeypatch.setenv("CXX", " ")
    assert library._compiler() == usual


def test_a_folder_of_nobody(monkeypatch):
    monkeypatch.setenv("HARNESS_KERNELS", "~nobody-of-this-name/cache")
    assert _warned().startswith("HARNESS_KERNELS names no folder (")


def test_a_compiler_that_fails(pretend):
    pretend("print('x.cpp:1: note', file=sys.stderr); sys.exit('x.cpp:2: error: no such luck')")
    assert _warned().endswith("cannot build the compiled recurrences: x.cpp:2: error: no such luck")


def test_a_cache_that_cannot_be_written(monkeypatch):
    def refuse(self, *_, **__):
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)  # root may write wherever the file system can
    assert "cannot be used: [Errno 30] Read-only file system" in _warned()


def test_a_cache_that_is_a_file(tmp_path):
    (tmp_path / "cache").write_text("")
    assert "cannot be used: [Errno" in _warned()


def test_a_library_of_another_kind_of_machine(pretend):
    pretend("open(sys.argv[sys.argv.index('-o') + 1], 'wb').write(b'\\x7fELF of another machine')")
    assert "cannot be used" in _warned()


def _no_note(found: Path) -> None:
    (found.parent / "built.json").unlink()  # it is written last


def _half(found: Path) -> None:
    content = found.read_bytes()
    found.unlink()  # the loaded one stays as it is
    found.write_bytes(content[: len(content) // 2])


@needs_library
@pytest.mark.parametrize("damage", [_no_note, _half, Path.unlink], ids=["no note", "half", "none"])
def test_a_damaged_library_is_built_anew(pretend, damage):
    log = pretend(COPY.format(file=str(BUILT.file)))
    found = library.find().file
    damage(found)
    assert library.find().file == found
    assert len(log.read_text().splitlines()) == 2
    assert found.read_bytes() == BUILT.file.read_bytes()


def test_a_compiler_that_is_killed_leaves_nothing_behind(pretend, tmp_path):
    log = pretend("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert _warned() == f"the compiler {tmp_path / 'cxx'} was killed before it was done"
    assert all("-march=native" in line for line in log.read_text().splitlines()), "no other flags were tried"
    assert not list((tmp_path / "cache").rglob("built.json"))


@needs_library
@pytest.mark.parametrize("note", ["", "{}", "null", "[]", '{"file": 3, "compiler": "", "flags": []}'])
def test_a_note_that_says_nothing(pretend, note):
    pretend(COPY.format(file=str(BUILT.file)))
    found = library.find().file
    (found.parent / "built.json").write_text(note)
    assert library.find().file == found


@needs_library
def test_the_note_tells_how_it_was_built(pretend):
    pretend(COPY.format(file=str(BUILT.file)))
    found = library.find()
    note = json.loads((found.file.parent / "built.json").read_text())
    digest = hashlib.sha256(BUILT.file.read_bytes()).hexdigest()
    assert note == {
        "file": found.file.name,
        "compiler": "pretend 1.0",
        "flags": list(found.flags),
        "sha256": digest,
    }
    usable, told = library.state()
    assert usable
    assert told == f"{found.file}, built by pretend 1.0 {' '.join(found.flags)}"


def test_without_a_library_layers_run_as_plain_pytorch(monkeypatch):
    monkeypatch.setenv("CXX", "/nowhere/c++")
    layer = UnICORNN(1, 2, dt=0.1, alpha=1.0)
    with pytest.warns(RuntimeWarning, match="recurrences run as plain PyTorch"):
        layer(torch.zeros(3, 1, 1))
    assert kernels.counts() == {("unicornn", "eager"): 1}
    layer.backend = "cpu"
    with pytest.raises(ValueError, match="unicornn has no backend 'cpu' here: use eager"):
        layer(torch.zeros(3, 1, 1))


def test_who_asks_for_eager_builds_nothing(monkeypatch):
    monkeypatch.setenv("CXX", "/nowhere/c++")
    monkeypatch.setenv("HARNESS_BACKEND", "eager")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        UnICORNN(1, 2, dt=0.1, alpha=1.0)(torch.zeros(3, 1, 1))
    assert kernels.counts() == {("unicornn", "eager"): 1}


def test_the_compiler_of_a_package_is_not_looked_for_in_the_current_folder(monkeypatch, tmp_path):
    (tmp_path / "ziglang.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(library.importlib.util, "find_spec", lambda name: object())
    done = subprocess.run([*library._compiler(), "--version"], capture_output=True, text=True)
    assert done.returncode != 7
