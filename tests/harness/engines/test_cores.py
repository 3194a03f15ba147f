"""Which cores processes get: of as many physical ones as possible, and only those that this process may use."""

import pytest

from harness.engines import cores


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """``machine(siblings, mine)``: one where logical cores share physical ones like this."""

    def make(siblings, mine):
        monkeypatch.setattr(cores, "TOPOLOGY", tmp_path)
        monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _: set(mine), raising=False)
        monkeypatch.setattr(cores.os, "sched_setaffinity", lambda *_: None, raising=False)
        for core, text in siblings.items():
            folder = tmp_path / f"cpu{core}" / "topology"
            folder.mkdir(parents=True)
            (folder / "thread_siblings_list").write_text(text + "\n")

    return make


SPLIT = {core: f"{core % 4},{core % 4 + 4}" for core in range(8)}
NEXT = {core: f"{core // 2 * 2}-{core // 2 * 2 + 1}" for core in range(8)}


@pytest.mark.parametrize(("siblings", "first"), [(SPLIT, [0, 1, 2, 3]), (NEXT, [0, 2, 4, 6])])
def test_physical_cores_come_before_their_second_threads(machine, siblings, first):
    machine(siblings, range(8))
    assert cores.physical() == 4
    assert cores.available()[:4] == first
    assert cores.shares(4, 1) == [[core] for core in first]
    assert cores.shares(2, 2) == [first[:2], first[2:]]
    assert sorted(core for mine in cores.shares(4, 2) for core in mine) == list(range(8))


def test_only_cores_that_this_process_may_use(machine):
    machine(NEXT, [3, 4, 5])
    assert cores.physical() == 2
    assert cores.available() == [3, 4, 5]
    assert cores.shares(2, 1) == [[3], [4]]


def test_nothing_is_pinned_where_there_are_too_few(machine):
    machine(NEXT, range(8))
    assert cores.shares(9, 1) is None
    assert cores.shares(3, 3) is None


def test_without_a_topology_each_core_counts(machine):
    machine({}, range(4))
    assert cores.physical() == 4
    assert cores.shares(2, 1) == [[0], [1]]


def test_without_affinity_nothing_is_pinned(monkeypatch):
    monkeypatch.delattr(cores.os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(cores.os, "sched_setaffinity", raising=False)
    assert cores.physical() >= 1
    assert cores.shares(1, 1) is None
