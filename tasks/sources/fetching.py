"""Downloads: from where they are published or from a mirror, verified before anything is unpacked."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tasks.sources import checksums
from tasks.sources.root import Report, Sources
from tasks.sources.staging import staging
from tasks.sources.taking import bring, from_archive
from tasks.sources.trouble import Refused, reason

if TYPE_CHECKING:
    from tasks.sources.dataset import DataSet, Download

MIRROR = "HARNESS_MIRROR"
"""Names the environment variable with the address that every download is taken from instead of its own."""
_MIRROR = re.compile(
    r"(?P<scheme>https?://)((?P<user>[^:/?#@\s]*)(:(?P<password>[^/?#@\s]*))?@)?"
    r"(?P<rest>(\[[0-9A-Fa-f:.]+\]|[^:/?#@\s\[\]]+)(:\d+)?(/[^?#@\s]*)?)"
)
SILENCE = 30.0
"""Seconds without a byte after which a connection is given up."""
TRIES = 2


def fetch(dataset: DataSet, sources: Sources, *, again: bool = False) -> Path:
    """Download `dataset`; see :meth:`DataSet.fetch`."""
    there = dataset.folder(sources.root)
    if not again and whole(dataset, sources, there):
        return there
    if wrong := dataset.obstacle(there) or (None if again else dataset.surplus(there)):
        raise Refused(wrong)
    if not dataset.downloads:
        raise Refused(
            f"{dataset.title} cannot be downloaded from anywhere: "
            f"import an archive or a folder that you have with {sources.command(f'data import {dataset.name} PATH')}"
        )
    if sources.offline:
        raise Refused(
            f"{dataset.title} cannot be downloaded because the network must not be used: leave out --offline "
            f"(HARNESS_OFFLINE), or import a copy with {sources.command(f'data import {dataset.name} PATH')}"
        )
    addresses = [address(dataset, download) for download in dataset.downloads]
    destination = sources.root / dataset.folders[0]
    with staging(sources, destination, f"brings {dataset.title}") as work:
        if not again and whole(dataset, sources, destination):
            return destination  # brought by the process that this one waited for
        feeds = []
        for url, download in zip(addresses, dataset.downloads, strict=True):
            file = retrieve(dataset, url, work / download.file, download, sources)
            feeds.append(from_archive(dataset, file, url, sources))
        bring(dataset, sources, work, destination, feeds, replace=again)
    return destination


def whole(dataset: DataSet, sources: Sources, folder: Path) -> bool:
    """Whether `folder` holds all the files, and none is known to be damaged."""
    if dataset.absent(folder):
        return False
    try:
        found = checksums.of(folder, dataset.files(folder), sources, dataset.title)
        checksums.compare(folder, found, dataset.checksums(folder), dataset.repair(sources))
    except OSError:
        return False
    return True


def instead(dataset: DataSet, sources: Sources) -> str:
    """What to do where a download fails."""
    mirror = f"look after the mirror in {MIRROR}" if os.environ.get(MIRROR) else f"name a mirror in {MIRROR}"
    return f"try again, {mirror}, or import a copy with {sources.command(f'data import {dataset.name} PATH')}"


def address(dataset: DataSet, download: Download) -> str:
    """Where to get `download` from: the mirror, if there is one, else where it is published."""
    found = mirror()
    return download.url if found is None else f"{found[0]}/{dataset.name}/{download.file}"


def mirror() -> tuple[str, tuple[str, str] | None] | None:
    """The address that :data:`MIRROR` names, and the user and password in it, which no message tells."""
    given = os.environ.get(MIRROR, "")
    if not given:
        return None
    form = _MIRROR.fullmatch(given.rstrip("/"))
    if form is None:  # nothing of it is quoted, as it may hold a password
        raise Refused(
            f"{MIRROR} must be an address such as https://host/path or https://user:password@host/path, with"
            " @ : / ? # % and spaces in a password written as %40 %3A %2F %3F %23 %25 %20"
        )
    user = None if form["user"] is None else (unquote(form["user"]), unquote(form["password"] or ""))
    return form["scheme"] + form["rest"], user


def retrieve(dataset: DataSet, url: str, file: Path, download: Download, sources: Sources) -> Path:
    """Download `url` to `file` and verify it; a connection that breaks is tried once more, from the beginning."""
    from pooch import HTTPDownloader  # here: most who import this package download nothing
    from requests import RequestException

    progress = Meter(sources.report, f"downloading {url}", download.size)
    # As it lies there, byte for byte: requests would unpack what a server sends packed, and the sum would not fit.
    named = mirror()
    get = HTTPDownloader(
        progress,
        chunk_size=1 << 16,
        timeout=SILENCE,
        headers={"Accept-Encoding": "identity"},
        auth=None if named is None else named[1],
    )
    for tried in range(1, TRIES + 1):
        try:
            get(url, str(file), None)
            break
        except RequestException as error:
            final = error.response is not None and error.response.status_code < 500
            if tried == TRIES or final:
                raise Refused(
                    f"{dataset.title} could not be downloaded from {url} ({cause(error)}): {instead(dataset, sources)}"
                ) from error
    if download.hash:
        algorithm, _, wanted = download.hash.partition(":")
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, algorithm).hexdigest()
        if found != wanted:
            raise Refused(
                f"{url} is not the file that was published as {dataset.title} ({algorithm} {found}, wanted {wanted}): "
                f"{instead(dataset, sources)}"
            )
    return file


def cause(error: BaseException) -> str:
    """What lies at the bottom of an error of the network: libraries wrap it several times."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"{response.status_code} {response.reason}"
    while below := error.__cause__ or error.__context__:
        error = below
    return reason(error)


class Meter:
    """A report, as pooch tells progress."""

    def __init__(self, report: Report, what: str, size: int | None) -> None:
        self.report, self.what = report, what
        self.size, self.done, self.total = size or 0, 0, 0

    def update(self, size: int) -> None:
        """So many bytes more have come; where their number is not known, all but one."""
        self.done += size
        total = self.total or max(self.size, self.done + 1)
        self.report(self.what, min(self.done, total - 1), total)

    def reset(self) -> None:
        """The file is complete."""
        self.done = 0

    def close(self) -> None:
        """The file is complete, and told so."""
        self.report(self.what, self.done or 1, self.done or 1)
