import pickle

import pytest
import torch

from harness import checkpoint
from harness.errors import UserError


def test_what_is_saved_is_loaded(tmp_path):
    checkpoint.save({"weights": {"a": torch.arange(3.0)}, "list": [1, "x", None, 2.5]}, tmp_path / "deep" / "c.pt")
    state = checkpoint.load(tmp_path / "deep" / "c.pt")
    assert torch.equal(state["weights"]["a"], torch.arange(3.0))
    assert state["list"] == [1, "x", None, 2.5]
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["c.pt"]


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # it is one that torch would not write
def test_a_file_that_would_run_code_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    file = tmp_path / "c.pt"
    torch.save({"version": checkpoint.VERSION, "evil": Evil()}, file)
    assert checkpoint.load(file) is None
    file.write_bytes(pickle.dumps(Evil()))
    assert checkpoint.load(file) is None
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"garbage" * 50, lambda b: b[200:]]
)
def test_a_damaged_file_is_no_checkpoint(tmp_path, damage):
    file = tmp_path / "c.pt"
    checkpoint.save({"a": torch.ones(1000)}, file)
    file.write_bytes(damage(file.read_bytes()))
    assert checkpoint.load(file) is None
    assert checkpoint.load(tmp_path / "none.pt") is None


def test_one_of_another_version_is_not_trusted(tmp_path):
    torch.save({"version": checkpoint.VERSION + 1}, tmp_path / "c.pt")
    assert checkpoint.load(tmp_path / "c.pt") is None


def test_when_writing_fails_the_old_one_stays(tmp_path, monkeypatch):
    file = tmp_path / "c.pt"
    checkpoint.save({"a": 1}, file)

    def full(state, stream):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(UserError, match="No space left on device.*what was saved before is kept"):
        checkpoint.save({"a": 2}, file)
    monkeypatch.undo()
    assert checkpoint.load(file)["a"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"]
