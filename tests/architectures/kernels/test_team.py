"""The compiled recurrences work with torch's threads, and without them where there are none to be had."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from architectures.kernels import library, team

from ...processes import PATIENCE

USABLE, REASON = library.state()
LINUX = sys.platform == "linux"
compiled = pytest.mark.skipif(not USABLE, reason=REASON)

BEGIN = """
import ctypes, os, sys
import torch
from architectures.kernels import elementwise, library, team
torch.manual_seed(0)
torch.set_num_threads(2)
drive, w, s, zeros = torch.randn(70, 4, 64), torch.rand(64), torch.full((64,), 0.1), torch.zeros(4, 64)
def run():
    return elementwise.unicornn(drive, w, s, None, (zeros, zeros), 3.0)[0]
def threads():
    return len(os.listdir("/proc/self/task"))
"""


def said(script: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", BEGIN + script], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.skipif(not LINUX, reason="only on Linux can the runtime of torch be told")
def test_the_runtime_of_torch_is_found():
    if "OpenMP" not in torch.__config__.parallel_info():
        pytest.skip("this torch was built without OpenMP")
    assert team.parallel()


@pytest.mark.skipif(not LINUX, reason="only Linux lists what a process has loaded")
def test_of_several_runtimes_the_one_of_torch_is_meant(monkeypatch):
    own = Path(torch.__file__).resolve().parent / "lib" / "libgomp.so.1"
    maps = "\n".join(f"7f00 r-xp 00000000 fe:00 1   {file}" for file in ("/a b/libgomp-98b2.so.1", own, "/c/libomp.so"))
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: maps)
    assert team._runtimes() == [str(own)]
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: maps.replace(str(own), "/d/libc.so.6"))
    assert team._runtimes() == []  # two strangers: no telling which is torch's


@compiled
@pytest.mark.skipif(not LINUX, reason="only Linux lists the threads of a process")
def test_no_threads_are_started_beside_those_of_torch():
    before, after = said("torch.ones(1 << 20).add_(1); library.load(); one = threads(); run(); print(one, threads())")
    assert before == after


@compiled
def test_the_threads_of_torch_and_our_own_give_the_same_bits():
    assert said("""
with_team = run()
library.load().functions.use_team(ctypes.c_void_p(None))
print(torch.equal(with_team, run()))
""") == ["True"]


@compiled
@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system has no fork")
def test_a_forked_process_has_lost_the_threads_and_still_computes():
    assert said("""
before = run()
child = os.fork()
if child == 0:
    os._exit(0 if torch.equal(run(), before) else 1)
print(os.waitpid(child, 0)[1])
""") == ["0"]
