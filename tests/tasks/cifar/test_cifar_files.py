from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tasks
from tasks.cifar.files import FILES, META
from tasks.cifar.task import CIFARTask, NoisePaddedCIFAR10
from tasks.sources import Sources, checksums

from .cifar_batches import NAMES, Miniature, pickled, real_sources


@pytest.fixture
def small(tmp_path: Path, torchvision: None) -> Miniature:
    return Miniature.write(tmp_path / "data")


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.place),)


def flipped(content: bytes) -> bytes:
    return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]


DAMAGE = {
    "one bit": flipped,
    "truncated": lambda content: content[:-7],
    "garbage": lambda content: b"<html>not found</html>",
    "empty": lambda content: b"",
}


def test_the_files_that_are_read_are_those_with_published_checksums() -> None:
    assert set(checksums.published("cifar10")) == {*FILES, META}
    assert FILES == NAMES


def test_the_miniature_is_pickled_as_python_2_did(small: Miniature) -> None:
    content = (small.folder / "data_batch_1").read_bytes()
    assert content.startswith(b"\x80\x02}q\x00(U\x0bbatch_labelq\x01U\x15training batch 1 of 5q\x02U\x06labelsq\x03]")
    assert b"cnumpy.core.multiarray\n_reconstruct\n" in content
    assert b"T" + (20 * 3072).to_bytes(4, "little") + small.pixels[0].tobytes() in content


@pytest.mark.parametrize("name", [*NAMES, META])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_batch_is_refused(small: Miniature, name: str, damage) -> None:
    file = small.folder / name
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(OSError, match=rf"^{re.escape(str(file))} is damaged or another file \(sha256 \w{{64}}, wanted"):
        small.padded().load(small.sources)


@pytest.mark.parametrize("name", [*NAMES, META])
def test_a_pickle_that_would_run_code_is_not_opened(small: Miniature, name: str, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    (small.folder / name).write_bytes(pickled(Trap(sprung)))
    with pytest.raises(OSError, match="is damaged or another file"):
        small.sequential().load(small.sources)
    assert not sprung.exists()


def test_the_trap_is_one(small: Miniature, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    (small.folder / "data_batch_1").write_bytes(pickled(Trap(sprung)))
    small.vouch()
    with pytest.raises(TypeError):
        small.sequential().load(small.sources)
    assert sprung.exists()


@pytest.mark.parametrize(
    "known", [[], [name for name in (*NAMES, META) if name != "data_batch_3"]], ids=["none", "others"]
)
def test_a_pickle_that_nobody_vouches_for_is_not_opened(small: Miniature, tmp_path: Path, known: set[str]) -> None:
    sprung = tmp_path / "sprung"
    (small.folder / "data_batch_3").write_bytes(pickled(Trap(sprung)))
    small.vouch()
    small.sums = {name: small.sums[name] for name in known}
    with pytest.raises(OSError, match="is a pickle whose checksum is not known, and to open it could run any code"):
        small.sequential().load(small.sources)
    assert not sprung.exists()


def test_other_files_than_the_real_ones_are_not_cifar(small: Miniature) -> None:
    with pytest.raises(OSError, match="is damaged or another file"):
        NoisePaddedCIFAR10().load(small.sources)


def test_missing_files_are_named(small: Miniature) -> None:
    (small.folder / "data_batch_4").unlink()
    (small.folder / META).unlink()
    told = small.padded().missing(small.sources)
    assert told is not None
    assert "data_batch_[1-5] (4 of 5 files), batches.meta" in told
    with pytest.raises(
        FileNotFoundError, match=r"^CIFAR-10 lacks data_batch_\[1-5\] \(4 of 5 files\), batches.meta in"
    ):
        small.padded().load(small.sources)


def test_without_torchvision_there_is_one_sentence_before_any_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.datasets.cifar", None)
    with pytest.raises(OSError, match=r"^torchvision .*(: pip install|: install the two in) "):
        NoisePaddedCIFAR10().load(Sources(tmp_path))
    assert not list(tmp_path.iterdir())


# Imported before anything is measured: the library that reads, and torch._dynamo, which any optimizer imports too.
PEAK = """
import json, re, sys
from dataclasses import replace
from pathlib import Path
import torch._dynamo
import torchvision.datasets.cifar
from tasks import Sources
import tasks
from tasks.cifar.task import CIFARTask, NoisePaddedCIFAR10 as task
from tasks.cifar.files import CIFAR10

def resident(key):
    return int(re.search(key + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

root, images, order_sha256, sums = json.loads(sys.argv[1])
if sums:
    sizes = dict(datasets=(replace(CIFAR10, sums=sums),), images=images, order_sha256=order_sha256, held_out=10)
    task = type("Miniature", (task,), sizes)
Path("/proc/self/clear_refs").write_text("5")  # forget the peak of the imports
before = resident("VmRSS")
splits = task().load(Sources(Path(root), offline=True))
compact = sum(part.inputs.nbytes for part in (splits.train, splits.valid, splits.test))
assert compact == images * 6 * 3072
print((resident("VmHWM") - before) / compact)
"""


def peak(root: Path, task: CIFARTask, sums: dict[str, str]) -> float:
    """Memory that loading takes at its peak in a process of its own, in units of the compact images."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("this system does not tell the peak memory of a part of a process")
    told = json.dumps([str(root), task.images, task.order_sha256, sums])
    command = [sys.executable, "-c", PEAK, told]
    done = subprocess.run(command, cwd=Path(tasks.__file__).parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def test_loading_takes_less_than_half_as_much_again_as_the_images(tmp_path: Path, torchvision: None) -> None:
    large = Miniature.write(tmp_path, images=10_000)  # as large as the real ones: 184 MB
    assert 1 < peak(tmp_path, large.padded(), large.sums) < 1.5


def test_loading_the_real_files_takes_less_than_half_as_much_again(torchvision: None) -> None:
    assert 1 < peak(real_sources().root, NoisePaddedCIFAR10(), {}) < 1.5
