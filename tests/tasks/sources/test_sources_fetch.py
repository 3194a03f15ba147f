"""Downloads, from a server of this machine that can be told to misbehave."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tasks.sources import DataSet, Download, Refused, Sources, fetching


@dataclass
class Server:
    """Serves `files` by path; `cut` breaks off so many downloads half way, `hold` waits half way for `go`."""

    files: dict[str, bytes] = field(default_factory=dict)
    cut: int = 0
    status: int = 404
    hold: bool = False
    length: bool = True
    asked: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(handler.path)
        self.authorizations.append(handler.headers.get("Authorization"))
        content = self.files.get(handler.path)
        if content is None:
            handler.send_error(self.status)
            return
        handler.send_response(200)
        if self.length:
            handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[: len(content) // 2])
        if self.cut:
            self.cut -= 1
            return
        if self.hold:
            handler.wfile.flush()
            self.held.set()
            self.go.wait(900)
        handler.wfile.write(content[len(content) // 2 :])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    state = Server()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        state.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield state
        state.go.set()
        http.shutdown()
        thread.join()


@pytest.fixture
def dataset(toy, server: Server) -> DataSet:
    """The toy with an archive on the server."""
    content = toy.pack("tar.gz").read_bytes()
    server.files = {"/v1/toy.tar.gz": content, "/v1/toy.tar.gz?get=1": content}
    md5 = hashlib.md5(content).hexdigest()
    return replace(
        toy.published, downloads=(Download(f"{server.url}/v1/toy.tar.gz?get=1", f"md5:{md5}", len(content)),)
    )


def test_what_is_missing_is_downloaded_once(toy, server: Server, dataset: DataSet) -> None:
    assert dataset.missing(toy.sources)
    assert dataset.verified(toy.sources)[0] == toy.folder
    assert dataset.require(toy.sources) == dataset.fetch(toy.sources) == toy.folder
    assert toy.held() == toy.files
    assert toy.tidy()
    assert server.asked == ["/v1/toy.tar.gz?get=1"]


def test_it_is_downloaded_again_where_that_is_wanted(toy, server: Server, dataset: DataSet) -> None:
    dataset.fetch(toy.sources)
    (toy.folder / "list.txt").write_bytes(b"damaged")
    dataset.fetch(toy.sources, again=True)
    assert toy.held() == toy.files
    assert len(server.asked) == 2


@pytest.mark.parametrize("published", [True, False])
def test_what_is_damaged_is_downloaded_anew_and_what_is_whole_is_not(toy, server, dataset, published: bool) -> None:
    dataset = dataset if published else replace(dataset, sums={}, pinned=False)
    dataset.fetch(toy.sources)
    assert dataset.fetch(toy.sources) == toy.folder
    assert len(server.asked) == 1
    (toy.folder / "list.txt").write_bytes(b"damaged")
    assert dataset.repair(toy.sources).endswith(", or download it anew with harness data fetch toy --again")
    assert dataset.fetch(toy.sources) == toy.folder
    assert toy.held() == toy.files
    assert len(server.asked) == 2


def test_other_data_replace_what_is_recorded_only_where_that_is_wanted(toy, server: Server, dataset) -> None:
    dataset = replace(dataset, sums={}, pinned=False)
    mine = dict(toy.files)
    toy.files["list.txt"] = b"other"
    dataset.take(toy.sources, toy.pack())
    assert dataset.fetch(toy.sources) == toy.folder
    assert toy.held() == toy.files
    dataset.fetch(toy.sources, again=True)
    assert toy.held() == mine
    assert dataset.check(toy.sources).state == "recorded"


def test_too_many_files_are_no_reason_to_download(toy, server: Server, dataset: DataSet) -> None:
    toy.write(toy.folder)
    (toy.folder / "signals" / "d.csv").write_bytes(b"mine")
    for attempt in (dataset.require, dataset.fetch):
        with pytest.raises(Refused, match=r"has 4 files signals/\*\.csv instead of 3: remove the others$"):
            attempt(toy.sources)
    assert server.asked == []
    assert (toy.folder / "signals" / "d.csv").exists()


def test_an_archive_in_the_data_folder_goes_before_a_download(toy, server: Server, dataset: DataSet) -> None:
    toy.root.mkdir()
    toy.pack("zip").rename(toy.root / "toy.zip")
    replace(dataset, archives=("toy.zip",)).require(toy.sources)
    assert toy.held() == toy.files
    assert server.asked == []


def test_progress_is_told_in_bytes(toy, server: Server, dataset: DataSet) -> None:
    dataset.fetch(toy.sources)
    told = [(done, total) for what, done, total in toy.reported if what.startswith("downloading")]
    size = len(server.files["/v1/toy.tar.gz"])
    assert told[-1] == (size, size)
    assert all(done < total for done, total in told[:-1])


def test_files_that_are_served_one_by_one_and_packed(toy, server: Server) -> None:
    files = {"list.txt": toy.files["list.txt"], "a.csv": toy.files["signals/a.csv"]}
    server.files = {"/list.txt": files["list.txt"], "/a.csv.gz": gzip.compress(files["a.csv"])}
    dataset = replace(
        toy.dataset,
        contents={"list.txt": 1, "*.csv": 1},
        downloads=(Download(f"{server.url}/list.txt"), Download(f"{server.url}/a.csv.gz")),
    )
    dataset.fetch(toy.sources)
    assert toy.held() == files
    assert dataset.check(toy.sources).state == "recorded"


def test_bytes_arrive_as_they_lie_there(toy, server: Server, dataset: DataSet, monkeypatch) -> None:
    """A server may call a .gz packed for the way; unpacking it on arrival would change its checksum."""
    asked = {}

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.update(handler.headers)
        Server.answer(server, handler)

    monkeypatch.setattr(server, "answer", answer)
    dataset.fetch(toy.sources)
    assert asked["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("length", [True, False])
def test_a_connection_that_breaks_is_tried_once_more(toy, server: Server, dataset: DataSet, length: bool) -> None:
    server.cut, server.length = 1, length
    if length:
        dataset.fetch(toy.sources)
        assert toy.held() == toy.files
        assert len(server.asked) == 2
    else:  # without a length only the checksum can tell
        with pytest.raises(
            Refused, match=r"is not the file that was published as The toy \(md5 \w{32}, wanted \w{32}\)"
        ):
            dataset.fetch(toy.sources)
        assert toy.nothing_there()


def test_a_connection_that_breaks_again_is_one_sentence_and_leaves_nothing(toy, server: Server, dataset) -> None:
    server.cut = 2
    with pytest.raises(
        Refused, match=r"^The toy could not be downloaded from http://\S+ \(.*\): try again, name a mirror"
    ):
        dataset.fetch(toy.sources)
    assert toy.nothing_there()
    dataset.fetch(toy.sources)
    assert toy.held() == toy.files


@pytest.mark.parametrize(("status", "times"), [(404, 1), (403, 1), (503, 2)])
def test_an_address_that_is_refused(toy, server: Server, dataset: DataSet, status: int, times: int) -> None:
    server.files, server.status = {}, status
    with pytest.raises(
        Refused, match=rf"could not be downloaded from \S+ \({status} \w.*\): try again, name a mirror in"
    ):
        dataset.fetch(toy.sources)
    assert len(server.asked) == times
    assert toy.nothing_there()


def test_a_server_that_is_not_there(toy, server: Server, dataset: DataSet) -> None:
    dead = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    dead.server_close()
    dataset = replace(dataset, downloads=(Download(f"http://127.0.0.1:{dead.server_port}/toy.zip"),))
    with pytest.raises(Refused, match=r"\(Connection refused\)"):
        dataset.fetch(toy.sources)


def test_a_server_that_falls_silent(toy, server: Server, dataset: DataSet, monkeypatch) -> None:
    monkeypatch.setattr(fetching, "SILENCE", 0.2)
    server.hold = True
    with pytest.raises(Refused, match="timed out"):
        dataset.fetch(toy.sources)
    assert toy.nothing_there()


def test_other_bytes_are_refused_with_both_checksums_and_nothing_is_unpacked(toy, server, dataset) -> None:
    content = server.files["/v1/toy.tar.gz"][:-1] + b"!"
    server.files["/v1/toy.tar.gz?get=1"] = content
    with pytest.raises(Refused) as caught:
        dataset.fetch(toy.sources)
    wanted = dataset.downloads[0].hash.removeprefix("md5:")
    assert re.search(rf"\(md5 {hashlib.md5(content).hexdigest()}, wanted {wanted}\): try again", str(caught.value))
    assert toy.nothing_there()


def test_other_files_in_an_archive_without_a_published_checksum(toy, server: Server, dataset: DataSet) -> None:
    toy.files["list.txt"] = b"other"
    server.files["/v1/toy.tar.gz?get=1"] = toy.pack("tar.gz").read_bytes()
    dataset = replace(dataset, downloads=(Download(dataset.downloads[0].url),))
    with pytest.raises(Refused, match=r"list\.txt has sha256 \w{64}, wanted \w{64}") as caught:
        dataset.fetch(toy.sources)
    assert dataset.downloads[0].url in str(caught.value)
    assert toy.nothing_there()


def test_a_mirror_takes_the_place_of_every_address(toy, server: Server, dataset: DataSet, monkeypatch) -> None:
    server.files = {"/our/mirror/toy/toy.tar.gz": server.files["/v1/toy.tar.gz"]}
    monkeypatch.setenv("HARNESS_MIRROR", f"{server.url}/our/mirror/")
    dataset.fetch(toy.sources)
    assert toy.held() == toy.files
    assert server.asked == ["/our/mirror/toy/toy.tar.gz"]


def test_the_password_of_a_mirror_is_sent_and_told_nowhere(toy, server: Server, dataset: DataSet, monkeypatch) -> None:
    told: list[str] = []
    sources = replace(toy.sources, report=lambda what, _done, _total: told.append(what))
    server.files = {"/toy/toy.tar.gz": server.files["/v1/toy.tar.gz"]}
    monkeypatch.setenv("HARNESS_MIRROR", server.url.replace("://", "://me:Ti%40ger@"))
    dataset.fetch(sources)
    assert toy.held() == toy.files
    assert server.authorizations == [f"Basic {base64.b64encode(b'me:Ti@ger').decode()}"]
    server.files = {}
    with pytest.raises(Refused, match=rf"could not be downloaded from {server.url}/toy/toy.tar.gz") as refused:
        dataset.fetch(sources, again=True)
    assert "ger" not in str(refused.value).replace("toy.tar.gz", "")
    assert told
    assert not [line for line in told if "me:" in line or "ger" in line]


def test_a_mirror_with_other_bytes_is_refused(toy, server: Server, dataset: DataSet, monkeypatch) -> None:
    server.files = {"/toy/toy.tar.gz": b"something else"}
    monkeypatch.setenv("HARNESS_MIRROR", server.url)
    with pytest.raises(Refused, match=rf"^{server.url}/toy/toy.tar.gz is not the file that was published") as told:
        dataset.fetch(toy.sources)
    assert ": try again, look after the mirror in HARNESS_MIRROR, or import a copy" in str(told.value)
    server.files = {}
    with pytest.raises(Refused, match="look after the mirror in HARNESS_MIRROR, or import a copy"):
        dataset.fetch(toy.sources)


@pytest.mark.parametrize(
    "mirror",
    [
        "/a/folder",
        "host/path",
        "file:///etc",
        "https://me:p@Tiger/w:Tiger#1@host/path",
        "https://me:Tiger/x@host",
        "https://me:Tiger",
        "https:/me:Tiger@host",
        "me:Tiger@host",
    ],
)
def test_a_mirror_that_is_no_address(toy, server: Server, dataset: DataSet, monkeypatch, mirror: str) -> None:
    monkeypatch.setenv("HARNESS_MIRROR", mirror)
    with pytest.raises(Refused, match=r"HARNESS_MIRROR must be an address such as https://host/path ") as told:
        dataset.fetch(toy.sources)
    assert "Tiger" not in str(told.value)
    assert server.asked == []


def test_offline_never_asks(toy, server: Server, dataset: DataSet) -> None:
    offline = Sources(toy.root, offline=True)
    with pytest.raises(FileNotFoundError, match="lacks list.txt, signals/.* and the network must not be used: import"):
        dataset.require(offline)
    with pytest.raises(Refused, match="because the network must not be used: leave out --offline"):
        dataset.fetch(offline)
    assert server.asked == []
    assert not toy.root.exists()


def test_what_nobody_serves_says_how_to_import_it(toy) -> None:
    with pytest.raises(
        FileNotFoundError, match="cannot be downloaded from anywhere: import an archive .* import toy PATH"
    ):
        toy.dataset.require(toy.sources)
    with pytest.raises(Refused, match="cannot be downloaded from anywhere: import an archive .* import toy PATH"):
        toy.dataset.fetch(toy.sources)


FETCH = """
import sys
from pathlib import Path
from tasks.sources import DataSet, Download, Sources, fetching
fetching.SILENCE = 900.0
root, url = sys.argv[1:]
dataset = DataSet("toy", "The toy", ("lab/toy",), {"list.txt": 1, "signals/*.csv": 3}, 20_000, "none", (Download(url),))
print(dataset.fetch(Sources(Path(root), report=lambda what, done, total: print(what, flush=True))))
"""


def test_of_two_at_once_one_downloads_and_the_other_waits(toy, server: Server, dataset: DataSet, child) -> None:
    server.hold = True
    arguments = toy.root, dataset.downloads[0].url
    with child(FETCH, *arguments) as first:
        assert server.held.wait(900)
        with child(FETCH, *arguments) as second:
            assert second.stdout.readline() == "waiting for another process that brings The toy\n"
            server.go.set()
            assert first.stdout.read().endswith(f"{toy.folder}\n")
            assert second.stdout.read().endswith(f"{toy.folder}\n")
    assert len(server.asked) == 1
    assert toy.held() == toy.files


def test_a_download_that_was_killed_is_not_trusted_and_leaves_nothing(toy, server: Server, dataset, child) -> None:
    server.hold = True
    with child(FETCH, toy.root, dataset.downloads[0].url) as process:
        assert server.held.wait(900)
        process.kill()
    assert not toy.tidy(), "the killed process left its staging, or this test shows nothing"
    assert dataset.missing(toy.sources)
    server.go.set()
    dataset.fetch(toy.sources)
    assert toy.held() == toy.files
    assert toy.tidy()
