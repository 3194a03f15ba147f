"""Optuna's own dashboard opens what ``tune`` writes."""

from __future__ import annotations

import io
import json

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from harness.tuning.study import Study


def get(app, path):
    """Status and content of a page of a WSGI application."""
    status = []
    environ = {
        **{"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "localhost"},
        **{"SERVER_PORT": "80", "wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO(), "wsgi.url_scheme": "http"},
        **{"wsgi.version": (1, 0), "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": True},
    }
    body = b"".join(app(environ, lambda line, headers, error=None: status.append(line)))
    return status[0], body


@pytest.fixture
def done(plan, opened, worker):
    study = Study.begin(opened(), "s", plan())
    study.fill(3)
    assert worker(study).run() == 0
    return study


def test_the_dashboard_shows_study_trials_and_attributes(done):
    dashboard = pytest.importorskip("optuna_dashboard", reason="needs optuna-dashboard, of the extra dashboard")
    storage = JournalStorage(JournalFileBackend(str(done.opened.address.path)))  # as its command line opens a file
    app = dashboard.wsgi(storage)
    assert get(app, "/dashboard")[0].startswith("200")
    status, body = get(app, "/api/studies")
    assert status.startswith("200")
    [summary] = json.loads(body)["study_summaries"]
    assert summary["study_name"] == "s"
    status, body = get(app, f"/api/studies/{summary['study_id']}")
    assert status.startswith("200")
    trials = json.loads(body)["trials"]
    assert [trial["state"] for trial in trials] == ["Complete"] * 3
    assert all(any(one["key"] == "run" for one in trial["user_attrs"]) for trial in trials)


def test_optuna_opens_the_journal_by_itself(done):
    storage = JournalStorage(JournalFileBackend(str(done.opened.address.path)))
    study = optuna.load_study(study_name="s", storage=storage)
    assert study.best_value == max(trial.value for trial in done.trials())
    assert len(study.trials_dataframe()) == 3
