"""The parts of the recurrence that is parallel in time: scan, chunks, convergence, fallback, choice, commands."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from architectures import UnICORNN, kernels
from architectures.kernels import parallel
from architectures.kernels.parallel import choice, newton, weights
from architectures.kernels.parallel.operation import STEP_BY_STEP
from architectures.kernels.parallel.scan import Maps, scan
from architectures.unicornn import unicornn_eager


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 7, 8, 31, 32, 33, 100])
def test_scan_equals_one_step_after_the_other(length):
    random = torch.Generator().manual_seed(length)
    maps = Maps(*torch.randn(6, length, 3, generator=random, dtype=torch.float64) / 2)
    p, q = start = torch.randn(2, 3, generator=random, dtype=torch.float64)
    expected = []
    for pp, pq, qp, qq, by_p, by_q in zip(*maps, strict=True):
        p, q = p + pp * p + pq * q + by_p, q + qp * p + qq * q + by_q
        expected.append(torch.stack([p, q]))
    torch.testing.assert_close(torch.stack(scan(maps, *start), 1), torch.stack(expected), rtol=1e-11, atol=1e-11)


def test_scan_keeps_what_is_beside_the_one():
    """A rotation by 1e-5 at every step, in float32: 1 + 1e-10 would be 1, and the radius would grow."""
    angle, steps = 1e-5, 10_000
    turn = torch.full((steps, 1), angle)
    less = torch.full((steps, 1), -2 * float(torch.sin(torch.tensor(angle / 2, dtype=torch.float64))) ** 2)
    maps = Maps(less, -turn, turn, less, torch.zeros_like(turn), torch.zeros_like(turn))
    p, q = scan(maps, torch.ones(1), torch.zeros(1))
    time = angle * torch.arange(1, steps + 1, dtype=torch.float64)
    assert float((p[:, 0] - torch.cos(time)).abs().max()) < 3e-7
    assert float((q[:, 0] - torch.sin(time)).abs().max()) < 3e-7


def one(length: int, dt: float, batch: int = 2, width: int = 3):
    random = torch.Generator().manual_seed(length)
    drive, state = (torch.randn(*shape, generator=random) for shape in ((length, batch, width), (2, batch, width)))
    w, s = torch.rand(width, generator=random), torch.full((width,), dt)
    return drive, w, s, torch.zeros(width), (state[0], state[1])


def test_chunks_that_do_not_converge_are_computed_step_by_step_and_counted(monkeypatch):
    drive, w, s, bias, state = one(300, 0.1)
    exact = unicornn_eager(drive.double(), w.double(), s.double(), bias.double(), tuple(x.double() for x in state), 1.0)
    monkeypatch.setattr(newton, "MOST", 1)
    monkeypatch.setattr(newton, "LONGEST", 64)
    output, final = parallel.unicornn(drive, w, s, bias, state, 1.0)
    assert kernels.counts() == {("unicornn", "parallel"): 1, (STEP_BY_STEP, "eager"): 5}
    torch.testing.assert_close(output.double(), exact[0], rtol=0, atol=2e-5)
    torch.testing.assert_close(final[1].double(), exact[1][1], rtol=0, atol=2e-5)


def test_only_the_chains_that_do_not_converge_are_computed_again():
    """An oscillator that steps too far explodes: the iteration does not follow it, the others are none the worse."""
    drive, w, s, bias, state = one(128, 0.05)
    calm = newton.forward(drive, torch.stack([w, s, bias]), torch.stack(state), 0.0, 64)
    w[1], s[1] = -40.0, 1.5
    wild = newton.forward(drive, torch.stack([w, s, bias]), torch.stack(state), 0.0, 64)
    assert calm[3].failed == [0, 0]
    assert wild[3].failed == [2, 2]
    assert torch.equal(wild[0][:, :, [0, 2]], calm[0][:, :, [0, 2]])
    expected = unicornn_eager(drive, w, s, bias, state, 0.0)[0]
    torch.testing.assert_close(wild[0], expected, rtol=1e-4, atol=1e-4)


def test_nan_stays_in_its_chain():
    drive, w, s, bias, state = one(70, 0.1)
    drive[30, 0, 1] = float("nan")
    output, _ = parallel.unicornn(drive, w, s, bias, state, 1.0)
    assert not output[:30].isnan().any()
    assert output[30:, 0, 1].isnan().all()
    assert not output[:, 1].isnan().any()
    assert not output[:, 0, [0, 2]].isnan().any()


def test_a_chunk_at_rest_takes_one_iteration():
    zero = torch.zeros(2, 1, 3)
    *_, report = newton.forward(torch.zeros(40, 1, 3), torch.ones(3, 3) * torch.tensor([[1], [0.1], [0]]), zero, 1.0)
    assert [int(chunk.max()) for chunk in report.iterations] == [1]


@pytest.mark.parametrize(
    ("w", "s", "alpha", "chunk"),
    [
        (1.0, 1.5e-5, 0.0, 256),
        (1.0, 0.1, 30.65, 256),
        (1.0, 0.107, 0.0, 64),
        (-1.0, 0.107, 0.0, 64),
        (4.0, 0.107, 0.0, 32),
        (1e6, 1.0, 0.0, 16),
        (float("nan"), 1.0, 0.0, 16),
        (0.0, 0.0, 0.0, 256),
    ],
)
def test_chunk_is_as_long_as_the_nonlinearity_lets_it_be(w, s, alpha, chunk):
    assert newton.chunk_length(torch.tensor([0.0, w]), torch.tensor([0.0, s]), alpha) == chunk


@pytest.mark.parametrize(
    ("chains", "length", "multiprocessors", "scans", "answer"),
    [
        (256, 17984, 132, choice.FORWARD, True),  # EigenWorms on a large card
        (8192, 784, 132, choice.FORWARD, False),  # psMNIST: nearly every multiprocessor has its chains
        (8192, 784, 132, choice.BACKWARD, True),
        (4224, 784, 132, choice.FORWARD, True),
        (4225, 784, 132, choice.FORWARD, False),
        (256, 17984, 4, choice.FORWARD, False),  # and on a small card
        (256, 31, 132, choice.FORWARD, False),
        (0, 784, 132, choice.FORWARD, False),
    ],
)
def test_it_pays_where_chains_are_few(chains, length, multiprocessors, scans, answer):
    assert parallel.pays(chains, length, multiprocessors, scans) is answer


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "architectures.kernels.parallel", *words], capture_output=True, text=True, check=False
    )


def test_command_prints_a_row_for_each_setting_and_trained_layer():
    done = command("--only", "imdb", "--train", "2")
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| IMDB")]
    assert [row.split("|")[1].strip() for row in rows] == ["IMDB, layer 1", "IMDB, layer 2"] * 2
    assert all(len(row.split("|")) == 12 for row in rows)
    assert "IMDB: 2 steps" in done.stdout


def test_command_measures_weights_from_a_file(tmp_path):
    layer = UnICORNN(2, 5, 2, dt=[0.1, 0.2], alpha=1.0)
    model = torch.nn.ModuleDict({"backbone": layer, "head": torch.nn.Linear(5, 2)})
    torch.save({"version": 1, "weights": model.state_dict()}, tmp_path / "weights.pt")
    loaded = weights.load(tmp_path / "weights.pt", [0.1, 0.2], 1.0)
    assert [cell.dt for cell in loaded.cells] == [0.1, 0.2]
    input = torch.randn(9, 2, 2)
    assert torch.equal(loaded(input)[0], layer(input)[0])
    done = command("--weights", str(tmp_path / "weights.pt"), "--dt", "0.1", "--length", "70")
    assert done.returncode == 0, done.stderr
    rows = [row.split("|") for row in done.stdout.splitlines() if row.startswith("| weights.pt")]
    assert [(row[1].strip(), row[2].strip()) for row in rows] == [
        ("weights.pt, layer 1", "70 x 16 x 5"),
        ("weights.pt, layer 2", "70 x 16 x 5"),
    ]


@pytest.mark.parametrize(
    ("saved", "dt", "complaint"),
    [
        ({"w": torch.ones(3)}, [0.1], "holds no weights of a UnICORNN"),
        (None, [0.1], "holds no weights that torch can read"),
        (UnICORNN(2, 5, 2, dt=0.1, alpha=1.0).state_dict(), [], r"--dt must be .* each of the 2 layers .*, got 0"),
        ({**UnICORNN(2, 5, dt=0.1, alpha=1.0).state_dict(), "cells.0.c": torch.ones(4)}, [0.1], "not of one size"),
    ],
)
def test_files_that_hold_no_weights(saved, dt, complaint, tmp_path):
    file = tmp_path / "file.pt"
    if saved is None:
        file.write_bytes(b"text")
    else:
        torch.save(saved, file)
    with pytest.raises(ValueError, match=complaint):
        weights.load(file, dt, 1.0)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--weights", "nowhere.pt"), "nowhere.pt"),
        (("--only", "mars"), "no setting's title contains 'mars'"),
        (("--train", "-1"), "--train must be 0 or more, got -1"),
    ],
)
def test_command_says_what_is_wrong(words, complaint):
    done = command(*words)
    assert done.returncode == 2
    assert complaint in done.stderr
