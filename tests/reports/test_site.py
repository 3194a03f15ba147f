"""The folder: pages written whole or not at all, those of before cleared away, and one sentence where it can't be."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reports import Frames, addresses, changes, render, second_process, site
from reports.changes import Snapshot
from reports.pages.templating import Page
from reports.report import Report

from .fakes import frames, full, hostile, many, run, runs, store
from .parsing import parsed


@pytest.fixture
def small() -> Frames:
    return frames(run())


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def overview_and_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site of two kinds of pages: what is tested of the folder doesn't depend on the others."""

    def pages(report: Report, now: Snapshot, before: Snapshot | None, kinds: object) -> Iterator[Page]:
        told = changes.changes(before, now).summary if before else "first"
        yield Page("index.html", f"<!DOCTYPE html>{len(report.runs)} runs: {told}")
        yield from (Page(addresses.task(task.name), f"<!DOCTYPE html>{task.name}") for task in report.tasks)

    monkeypatch.setattr(site, "_pages", pages)


def test_the_pages_are_written_to_the_folder_which_is_made(small: Frames, tmp_path: Path) -> None:
    path = render(small, tmp_path / "deep" / "site")
    assert path == tmp_path / "deep" / "site" / "index.html"
    written = files(path.parent)
    assert {"index.html", "report.json", "tasks/psdigits.html"} <= written.keys()
    assert {page.address: page.content.encode() for page in site.pages(small)} | {
        "report.json": written["report.json"]
    } == written


def test_the_same_frames_give_the_same_bytes_in_any_order_and_in_any_folder(tmp_path: Path) -> None:
    first = store()
    shuffled = replace(
        first,
        runs=first.runs.sample(frac=1, random_state=7).iloc[:, ::-1],
        curves=first.curves.sample(frac=1, random_state=8),
        architectures=first.architectures.iloc[::-1],
        tasks=first.tasks.iloc[::-1],
    )
    render(first, tmp_path / "a")
    render(shuffled, tmp_path / "b")
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_rendering_again_changes_nothing_also_when_there_are_changes_to_tell(tmp_path: Path) -> None:
    render(frames(run(run="a")), tmp_path)
    more = frames(run(run="a"), run(run="b", arch="gru", test=0.99))
    render(more, tmp_path)
    once = files(tmp_path)
    assert "1 run more, 1 new row and 1 row changed" in parsed(once["index.html"].decode()).text
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    render(more, tmp_path)
    assert files(tmp_path) == once
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}.items() <= times.items()


def test_a_first_report_tells_no_changes(small: Frames, tmp_path: Path) -> None:
    assert "previous report" not in render(small, tmp_path).read_text()


@pytest.mark.parametrize("foreign", [b"", b'{"mine": true}', b"\xff\x00", b'{"current": null, "pages": ["my.txt"]}'])
def test_a_foreign_report_json_is_ignored_and_replaced(foreign: bytes, small: Frames, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_bytes(foreign)
    (tmp_path / "my.txt").write_text("mine")
    assert "previous report" not in render(small, tmp_path).read_text()
    assert changes.remembered(tmp_path).current is not None
    assert (tmp_path / "my.txt").read_text() == "mine"


@pytest.mark.usefixtures("overview_and_tasks")
def test_pages_of_an_earlier_report_go_and_nothing_else_does(tmp_path: Path) -> None:
    render(frames(run(task="kept"), run(task="gone", run="g")), tmp_path)
    (tmp_path / "tasks" / "mine.html").write_text("mine")
    (tmp_path / "tasks" / "notes").mkdir()
    render(frames(run(task="kept")), tmp_path)
    assert files(tmp_path).keys() == {"index.html", "report.json", "tasks/kept.html", "tasks/mine.html"}
    assert (tmp_path / "tasks" / "notes").is_dir()


@pytest.mark.usefixtures("overview_and_tasks")
def test_a_page_that_somebody_removed_is_written_again_or_not_missed(tmp_path: Path) -> None:
    both = frames(run(task="kept"), run(task="gone", run="g"))
    render(both, tmp_path)
    (tmp_path / "tasks" / "kept.html").unlink()
    (tmp_path / "tasks" / "gone.html").unlink()
    render(frames(run(task="kept")), tmp_path)
    assert files(tmp_path).keys() == {"index.html", "report.json", "tasks/kept.html"}


def test_two_processes_write_what_one_writes(tmp_path: Path) -> None:
    first = render(store(), tmp_path / "one").parent
    with second_process() as pool:
        assert files(first) == files(render(store(), tmp_path / "two", pool).parent)
    assert any(name.startswith("runs/") for name in files(first))


def test_what_stops_the_other_process_is_one_sentence_too(small: Frames, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("mine")
    told = r"^cannot write the report to \S+ \(there is a file of that name\): name a folder"
    with second_process() as second, pytest.raises(OSError, match=told):
        render(small, tmp_path, second)
    assert (tmp_path / "runs").read_text() == "mine"


def test_an_out_that_is_a_file_is_one_sentence(small: Frames, tmp_path: Path) -> None:
    file = tmp_path / "site"
    file.write_text("mine")
    with pytest.raises(OSError, match="cannot write the report to") as caught:
        render(small, file)
    message = f"cannot write the report to {file} (there is a file of that name): name a folder that can be written"
    assert str(caught.value) == message
    assert file.read_text() == "mine"


def test_an_out_below_a_file_is_one_sentence(small: Frames, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        OSError, match=r"^cannot write the report to \S+ \(Not a directory\): name a folder that can be"
    ):
        render(small, tmp_path / "file" / "site")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_an_out_without_permission_is_one_sentence(small: Frames, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match=r"^cannot write the report to \S+ \(Permission denied\)"):
        render(small, tmp_path / "site")


def test_a_folder_where_a_page_should_be_is_one_sentence(small: Frames, tmp_path: Path) -> None:
    (tmp_path / "index.html").mkdir()
    with pytest.raises(OSError, match=r"^cannot write the report to \S+ \(Is a directory\)"):
        render(small, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["index.html"]


@pytest.mark.usefixtures("overview_and_tasks")
def test_a_page_that_cannot_be_removed_is_one_sentence(tmp_path: Path) -> None:
    render(frames(run(task="gone")), tmp_path)
    (tmp_path / "tasks" / "gone.html").unlink()
    (tmp_path / "tasks" / "gone.html").mkdir()
    with pytest.raises(OSError, match=r"^cannot remove a page of the report in \S+ \(.+\): name a folder"):
        render(frames(run(task="kept")), tmp_path)


def test_a_disk_that_is_full_leaves_the_old_page(
    small: Frames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render(frames(run(test=0.1)), tmp_path)
    before = files(tmp_path)
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        write(path, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"^cannot write the report to \S+ \(No space left on device\)"):
        render(small, tmp_path)
    assert files(tmp_path) == before


def test_a_page_of_somebody_else_is_not_replaced(small: Frames, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<!DOCTYPE html>\n<html lang="en">my own site')
    with pytest.raises(
        OSError, match=r"^cannot write the report to \S+: index\.html is there, and no page of a report"
    ):
        render(small, tmp_path)
    assert files(tmp_path) == {"index.html": b'<!DOCTYPE html>\n<html lang="en">my own site'}


def test_pages_of_a_report_that_was_cut_off_are_replaced(small: Frames, tmp_path: Path) -> None:
    render(frames(run(test=0.1)), tmp_path)
    (tmp_path / "report.json").unlink()
    render(small, tmp_path)
    (tmp_path / "report.json").unlink()
    render(small, tmp_path / "new")
    (tmp_path / "new" / "report.json").unlink()
    assert files(tmp_path / "new").items() <= files(tmp_path).items()


def test_letters_that_a_font_lacks_warn_nobody(tmp_path: Path) -> None:
    rows = (run(run=arch, arch=arch, arch_title=arch, task="\u6f22", metric="\u5b57") for arch in ("\u6f22", "b"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        render(frames(*rows), tmp_path)


def test_every_link_between_pages_leads_to_a_page_and_to_a_place_on_it(tmp_path: Path) -> None:
    render(store(), tmp_path)
    trees = {path.resolve(): parsed(path.read_text()) for path in tmp_path.rglob("*.html")}
    places = {path: {element.get("id") for element in tree.every()} for path, tree in trees.items()}
    for path, tree in trees.items():
        for link in tree.all("a"):
            target, _, anchor = (link.get("href") or "").partition("#")
            if target.startswith(("http:", "https:")):
                continue
            page = (path.parent / target).resolve() if target else path
            assert page in trees, f"{path.name}: {target}"
            assert not anchor or anchor in places[page], f"{path.name}: {target}#{anchor}"


def test_two_names_that_differ_never_share_a_page() -> None:
    names = ["A", "a", "a b", "a-b", "a/b", "..", "", "a" * 300, "a" * 301]
    found = [page.address for page in site.pages(Frames(runs(*(run(task=name, arch=name) for name in names))))]
    assert len(found) == len(set(found))


def test_no_page_asks_the_network_for_anything_and_only_our_script_runs() -> None:
    for page in site.pages(full()):
        tree = parsed(page.content)
        for element in tree.every():
            for name, value in element.attributes.items():
                if name in ("src", "action", "data", "poster", "srcset") or (name == "href" and element.tag != "a"):
                    assert (value or "").startswith(("#", "data:")), (page.address, element.tag, name, value)
        assert "@import" not in page.content
        assert not re.search(r"url\((?!#)", page.content)
        (policy,) = [e.get("content") for e in tree.all("meta") if e.get("http_equiv") == "Content-Security-Policy"]
        assert policy is not None
        assert "default-src 'none'" in policy
        allowed = set(re.findall(r"'sha256-([^']*)'", policy))
        scripts = ["".join(script.pieces).encode() for script in tree.all("script")]
        assert {base64.b64encode(hashlib.sha256(script).digest()).decode() for script in scripts} == allowed


def test_what_others_write_stays_text_on_every_page() -> None:
    for page in site.pages(hostile()):
        tree = parsed(page.content)
        assert not tree.all("img"), page.address
        assert "alert(1)" not in "".join(piece for script in tree.all("script") for piece in script.pieces)
        for element in tree.every():
            assert not [name for name in element.attributes if name.startswith("on") or name == "srcdoc"], page.address
            assert not (element.get("href") or "").startswith("javascript"), page.address


def test_every_page_of_a_leaderboard_of_twelve_by_twelve_with_five_seeds_is_below_a_megabyte() -> None:
    sizes = {page.address: len(page.content.encode()) for page in site.pages(many(12, 12, 720))}
    assert len(sizes) > 12 + 12 + 144 + 720
    assert max(sizes.values()) < 1_000_000
