"""Updates as recorded work, which is kept and done again here in place of a CUDA graph."""

import warnings

import pytest
import torch
from torch import nn

from architectures import kernels
from harness.capture import WARM_UP, Device, Updates, _cudnn_draws, recorder
from harness.training import Interrupted


class Tape:
    """Records work by keeping it; like a graph, it reads and writes the same tensors every time."""

    def __init__(self, trainer, mistake=0.0, refuses=False, synchronizes=False, crowded_at=None):
        self.trainer, self.mistake, self.refuses = trainer, mistake, refuses
        self.synchronizes, self.crowded_at = synchronizes, crowded_at
        self.usually = self.replays = self.released = 0

    def usual(self, work):
        self.usually += 1
        result = work()
        if self.usually == self.crowded_at:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return result

    def waits(self, work):
        work()
        return self.synchronizes

    def release(self):
        self.released += 1

    def record(self, work):
        if self.refuses:
            raise RuntimeError("operation not permitted when stream is capturing")
        random, held = torch.get_rng_state(), [(t, t.detach().clone()) for t in self.trainer._changing()]
        result = work().clone()
        for tensor, value in held:  # to record is not to do
            tensor.data.copy_(value)
        torch.set_rng_state(random)

        def replay():
            self.replays += 1
            counted = kernels.counts()
            result.copy_(work())
            kernels.reset(), kernels.add(counted)  # a graph runs without Python, which counts
            next(self.trainer.model.parameters()).data.add_(self.mistake)

        return result, replay

    def random_state(self):
        return torch.get_rng_state()

    def set_random_state(self, state):
        torch.set_rng_state(state)


def taped(made, **options):
    """A trainer whose updates are recorded on a tape, and the tape."""
    names = ("mistake", "refuses", "synchronizes", "crowded_at")
    of_tape = {name: options.pop(name) for name in names if name in options}
    trainer = made.trainer(0, **options)
    tape = Tape(trainer, **of_tape)
    trainer._updates = Updates(trainer._update, trainer._changing, tape)
    return trainer, tape


def ends_like(trainer, expected):
    outcome = trainer.run()
    return all(torch.equal(outcome.weights[name], value) for name, value in expected.weights.items())


@pytest.fixture
def made(job):
    return job(epochs=3, dropout=0.5, optimizer="adamw", schedule="cosine_steps", clip_norm=1.0)


def test_a_run_by_recorded_updates_has_the_same_numbers(made):
    expected = made.trainer(0).run()
    trainer, tape = taped(made)
    assert ends_like(trainer, expected)
    full, partial = 3 * 4, 3  # batches of 16 and of 6 samples
    assert tape.usually == WARM_UP + 1
    assert tape.replays == full - WARM_UP, "each full batch after the first ones, the compared one among them"
    assert partial + full == 3 * trainer.steps


def test_an_interrupted_run_goes_on_with_the_same_numbers(made, tmp_path):
    expected, asked = made.trainer(0).run(), iter(range(100))
    first, _ = taped(made, file=tmp_path / "c.pt", stop=lambda: "stopped" if next(asked) == 8 else None)
    with pytest.raises(Interrupted):
        first.run()
    again, tape = taped(made, file=tmp_path / "c.pt")
    again.resume()
    assert ends_like(again, expected)
    assert tape.replays > 0


def test_a_graph_that_calculates_something_else_is_given_up(made):
    expected = made.trainer(0).run()
    trainer, tape = taped(made, mistake=1e-6)
    with pytest.warns(UserWarning, match="gives other numbers than the steps launched one by one"):
        assert ends_like(trainer, expected)
    assert tape.replays == 1


def test_what_cannot_be_recorded_is_done_as_usual(made):
    expected = made.trainer(0).run()
    trainer, tape = taped(made, refuses=True)
    with pytest.warns(UserWarning, match="cannot be recorded .operation not permitted"):
        assert ends_like(trainer, expected)
    assert tape.replays == 0
    assert tape.released == 1


def test_a_graph_that_leaves_no_memory_for_the_comparison_is_dropped(made):
    """The update that did not fit had changed the weights: they are set back, and it is made again."""
    expected = made.trainer(0).run()
    trainer, tape = taped(made, crowded_at=WARM_UP + 1)
    with pytest.warns(UserWarning, match="does not fit into memory beside an update made as usual"):
        assert ends_like(trainer, expected)
    assert tape.replays == 1
    assert tape.released == 1


def test_an_update_that_waits_for_the_device_is_not_recorded(made):
    expected = made.trainer(0).run()
    trainer, tape = taped(made, synchronizes=True, refuses=True)
    with pytest.warns(UserWarning, match="is not tried, as it makes the host wait"):
        assert ends_like(trainer, expected)
    assert tape.usually == WARM_UP


def test_waiting_is_seen_by_the_warning_of_torch_and_others_are_passed_on(monkeypatch):
    modes = []
    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: 0)
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", modes.append)
    device = Device.__new__(Device)

    def waiting():
        warnings.warn("called a synchronizing CUDA operation", stacklevel=1)
        warnings.warn("something else", stacklevel=1)

    with pytest.warns(UserWarning, match="something else") as told:
        assert device.waits(waiting)
    assert len(told) == 1
    assert not device.waits(lambda: None)
    assert modes == ["warn", 0, "warn", 0]


def test_nothing_is_recorded_where_cudnn_draws_dropout():
    """Its random numbers are in no state that could be set back."""
    assert recorder(torch.device("cuda"), nn.Sequential(nn.LSTM(2, 3, num_layers=2, dropout=0.5))) is None
    assert not _cudnn_draws(nn.Sequential(nn.LSTM(2, 3, num_layers=2), nn.GRU(3, 3), nn.Dropout(0.5)))


def test_sequences_of_unequal_length_are_not_recorded():
    seen = []
    updates = Updates(lambda *batch: seen.append(batch) or torch.zeros(()), list, Tape(None))
    for _ in range(9):
        updates(torch.zeros(3, 2, 1), torch.tensor([3, 2]), torch.zeros(2))
    assert len(seen) == 9


def test_backends_of_replayed_updates_are_counted():
    kernels.reset()

    class Counting(Tape):
        def record(self, work):
            result = work()

            def replay():
                return None

            return result, replay

    def update(*batch):
        kernels.ran("cornn", "cuda")
        return torch.zeros(())

    updates = Updates(update, list, Counting(None))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for _ in range(10):
            updates(torch.zeros(3, 2, 1), None, torch.zeros(2))
    assert kernels.counts() == {("cornn", "cuda"): 10 + 1}, "one was made both ways"


def test_nothing_is_recorded_on_the_cpu_or_where_that_is_turned_off(monkeypatch):
    model = nn.Linear(1, 1)
    assert recorder(torch.device("cpu"), model) is None
    monkeypatch.setenv("HARNESS_CUDA_GRAPHS", "0")
    assert recorder(torch.device("cuda"), model) is None
