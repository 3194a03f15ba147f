"""Where studies are kept, and one clear sentence for each way in which that can be wrong."""

import json
import os
import resource
import subprocess
import sys

import pytest

from harness.errors import UserError
from harness.home import Home
from harness.tuning import tally
from harness.tuning.journal import JournalFile
from harness.tuning.storage import Address, address, journal, journals, open_storage
from harness.tuning.study import Study
from harness.tuning.summary import every

LINE = {"op_code": 0, "worker_id": "w", "study_name": "s", "directions": [1]}


@pytest.fixture
def file(tmp_path):
    return JournalFile(tmp_path / "j.journal", tmp_path / "j.lock")


def test_what_was_appended_is_read_from_any_line_on(file):
    lines = [{**LINE, "n": n} for n in range(5)]
    file.append_logs(lines[:2])
    assert list(file.read_logs(0)) == lines[:2]
    file.append_logs(lines[2:])
    assert list(file.read_logs(2)) == lines[2:]
    assert list(file.read_logs(5)) == []
    assert list(JournalFile(file.path, file.path.with_suffix(".lock")).read_logs(3)) == lines[3:]


@pytest.mark.parametrize("torn", [b"{", b'{"op_code": 5, "worker', b"\0" * 5000, b"x" * 9000])
def test_a_line_that_was_cut_off_is_no_line(file, torn):
    file.append_logs([LINE])
    with file.path.open("ab") as raw:
        raw.write(torn)
    assert list(file.read_logs(0)) == [LINE]
    file.append_logs([LINE])
    assert list(file.read_logs(0)) == [LINE, LINE]
    assert len(file.path.read_bytes().splitlines()) == 2


@pytest.mark.parametrize("damage", [b"nonsense\n", b"\xff\xfe\n", b"[1]\n", b'{"op_code": 1}\n'])
def test_a_damaged_journal_says_where_and_what_to_do(plan, opened, home, damage):
    study = Study.begin(opened(), "s", plan())
    study.fill(2)
    path = study.opened.address.path
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], damage, *lines[2:]]))
    with pytest.raises(UserError, match="is damaged in line 3") as told:
        opened()
    assert "head -n 2" in str(told.value)
    with pytest.warns(UserWarning, match="is damaged in line 3"):
        assert list(every(None, home)) == []
    path.write_bytes(b"".join(lines[:4]))
    assert tally.counted(Study.load(opened(), "s").trials()) > 0, "the advice holds"


def test_lines_that_make_no_sense_together_are_damage_too(plan, opened):
    study = Study.begin(opened(), "s", plan())
    with study.opened.address.path.open("a") as raw:
        raw.write(json.dumps({"op_code": 99, "worker_id": "w"}) + "\n")
    with pytest.raises(UserError, match="is damaged"):
        opened()


def test_a_full_disk_keeps_earlier_trials_and_the_study_goes_on_when_there_is_room(plan, opened, worker):
    study = Study.begin(opened(), "s", plan())
    study.fill(3)
    size = study.opened.address.path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
    try:
        with pytest.raises(UserError, match="s.journal cannot be written .*all earlier trials are kept"):
            study.fill(5)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert study.opened.address.path.stat().st_size == size
    again = Study.begin(opened(), "s", plan())
    assert tally.counted(again.trials()) == 3
    again.fill(5)
    assert worker(again).run() == 0
    assert tally.counts(again.trials())["complete"] == 5


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nonsense://host/x", "cannot be kept in nonsense: use a journal file"),
        ("postgresql+asyncx://u:hush%21@h/db", "names an unknown database, postgresql"),
        ("://", "is no database URL"),
        ("sqlite://", "must name a file for studies"),
        ("sqlite:///file:/x.sqlite?uri=true", "must name a file for studies"),
        ("postgresql://u:hush%21@127.0.0.1:9/db", "cannot be used: "),
        ("postgresql+psycopg://u:x@127.0.0.1:9/db?password=hush%21", "cannot be used: "),
        ("mssql+pyodbc://u:hush%21@h/db", "mssql"),
        ("postgresql+hush://u:hush%21@h:nine/db", "is no database URL"),
        ("sqlite:////nowhere/at/all/studies.sqlite", "cannot create /nowhere"),
    ],
)
def test_a_wrong_url_is_one_sentence_without_a_password(url, told, tmp_path):
    if os.geteuid() == 0 and "nowhere" in url:
        url = url.replace("/nowhere", "/proc/nowhere")
        told = "cannot create /proc/nowhere"
    if "postgresql" in url:
        pytest.importorskip("psycopg", reason="needs the extra postgresql")
    with pytest.raises(UserError, match=told) as refused:
        open_storage(address(url), Home(tmp_path))
    sentence = str(refused.value)
    assert "hush!" not in sentence
    assert "hush%21" not in sentence
    assert "\n" not in sentence


def test_a_database_that_is_none_and_a_study_that_is_not_there(tmp_path, home, opened, plan):
    (tmp_path / "x.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(UserError, match="is not a SQLite database"):
        open_storage(address(f"sqlite:///{tmp_path / 'x.sqlite'}"), home)
    with pytest.raises(UserError, match="there are no studies in"):
        open_storage(Address(journal(home, "none")), home, create=False)
    Study.begin(opened(), "s", plan())
    with pytest.raises(UserError, match=r"there is no study 'z' .*\(known: s\)"):
        Study.load(opened(), "z")


def test_names_of_studies_become_names_of_files(home):
    path = journal(home, "cornn-adding[length=500]/..")
    assert path.parent == home.path / "studies"
    assert path.suffix == ".journal"


@pytest.mark.parametrize("name", ["x" * 260, "é" * 120, "a/b " * 100, "x" * 4000])
def test_the_name_of_a_study_may_be_longer_than_that_of_a_file(name, home, plan, opened):
    names = [name, name + "y"]
    for study in names:
        Study.begin(opened(study), study, plan())
    assert len(journals(home)) == 2
    assert sorted(study.name for study in every(None, home)) == sorted(names)
    assert Study.load(opened(name), name).name == name
    assert journal(home, "sru-sdigits").name == "sru-sdigits.journal"


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_four_processes_take_every_trial_once(tmp_path, home, plan, kind, registry):
    text = str(tmp_path / "many.journal") if kind == "journal" else f"sqlite:///{tmp_path / 'many.sqlite'}"
    study = Study.begin(open_storage(address(text), home), "s", plan(sampler="random"))
    study.fill(40)
    code = (
        "import sys; from harness.home import Home; from pathlib import Path\n"
        "from harness.tuning.storage import address, open_storage; from harness.tuning.study import Study\n"
        "from optuna.trial import TrialState\n"
        "study = Study.load(open_storage(address(sys.argv[1]), Home(Path(sys.argv[2]))), 's')\n"
        "while claim := study.claim({'lock': sys.argv[3]}):\n"
        "    print(claim.number); study.tell(claim, TrialState.COMPLETE, 0.5)\n"
    )
    command = [sys.executable, "-c", code, text, str(home.path)]
    workers = [
        subprocess.Popen([*command, str(n)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for n in range(4)
    ]
    taken = []
    for one in workers:
        out, complaints = one.communicate(timeout=300)
        assert one.returncode == 0, complaints
        assert complaints == ""
        taken += map(int, out.split())
    assert sorted(taken) == list(range(40))
    assert tally.counts(study.trials())["complete"] == 40
