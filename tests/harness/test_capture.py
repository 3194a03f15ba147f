"""Updates as recorded work, which is kept and done again here in place of a CUDA graph."""

import warnings

import pytest
import torch

from architectures import kernels
from harness.capture import WARM_UP, Updates, recorder
from harness.training import Interrupted


class Tape:
    """Records work by keeping it; like a graph, it reads and writes the same tensors every time."""

    def __init__(self, trainer, mistake=0.0, refuses=False):
        self.trainer, self.mistake, self.refuses = trainer, mistake, refuses
        self.usually = self.replays = 0

    def usual(self, work):
        self.usually += 1
        return work()

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
    mistake, refuses = options.pop("mistake", 0.0), options.pop("refuses", False)
    trainer = made.trainer(0, **options)
    tape = Tape(trainer, mistake, refuses)
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
    assert recorder(torch.device("cpu")) is None
    monkeypatch.setenv("HARNESS_CUDA_GRAPHS", "0")
    assert recorder(torch.device("cuda")) is None
