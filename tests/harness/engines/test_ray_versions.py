"""What is compared between where a campaign is begun and where it is trained."""

from __future__ import annotations

from harness.engines import versions

MINE = {"python": "3.11", "recurrent-harness": "0.2.0", "torch": "2.11.0", "sources": "aaaa"}


def test_the_same_versions_do_not_differ():
    here = versions.here()
    assert versions.difference(here, dict(here)) is None
    assert {"python", "recurrent-harness", "torch", "numpy", "optuna", "sources"} == set(here)


def test_both_versions_are_told():
    assert versions.difference(MINE, {**MINE, "torch": "2.10.0"}) == "torch 2.10.0 instead of 2.11.0"
    other = {**MINE, "python": "3.12", "sources": "bbbb"}
    assert versions.difference(MINE, other) == (
        "Python 3.12 instead of 3.11 and the sources of recurrent-harness bbbb instead of aaaa"
    )


def test_what_is_not_installed_is_told():
    without = {name: version for name, version in MINE.items() if name != "torch"}
    assert versions.difference(MINE, without) == "torch none instead of 2.11.0"


def test_sources_that_differ_with_the_version_are_told_by_it():
    assert versions.difference(MINE, {**MINE, "recurrent-harness": "0.1.0", "sources": "bbbb"}) == (
        "recurrent-harness 0.1.0 instead of 0.2.0"
    )


def test_a_build_for_another_kind_of_machine_is_the_same_version(monkeypatch):
    monkeypatch.setattr(versions.metadata, "version", lambda name: "2.11.0+cu130")
    assert versions.here()["torch"] == "2.11.0"


def test_the_digest_is_over_the_content_and_the_names_of_the_sources(monkeypatch, tmp_path):
    def digest() -> str:
        files = [(file.name, file) for file in sorted(tmp_path.iterdir())]
        monkeypatch.setattr(versions, "_files", lambda: iter(files))
        versions.sources.cache_clear()
        return versions.sources()

    (tmp_path / "a.py").write_text("x = 1\n")
    first = digest()
    assert digest() == first
    (tmp_path / "a.py").write_text("x = 2\n")
    second = digest()
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert len({first, second, digest()}) == 3
    versions.sources.cache_clear()


def test_the_sources_are_those_of_the_rooms_that_take_part_in_a_run():
    names = [name for name, _ in versions._files()]
    assert {"harness/engines/versions.py", "architectures/lstm.py", "tasks/adding.py"} <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.startswith(("reports", "tests"))]
    assert names == sorted(names, key=lambda name: (versions.ROOMS.index(name.split("/")[0]), name.split("/")))
