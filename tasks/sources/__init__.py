"""Where data files come from: the data folder, downloads, imports, checksums, and what is worked out of them and kept.

- ``root.py``: the data folder, and what may be done to fill it;
- ``dataset.py``: a data set: which files it has, where they lie, and all that can be done with it;
- ``contents.py``: patterns of names, and where in an archive or a folder they fit;
- ``checksums.py``: sha256 of files, those published and those recorded at an import;
- ``fetching.py``: files from the network, or from a mirror;
- ``taking.py``, ``archives.py``: files out of an archive or a folder that somebody has already;
- ``staging.py``: the hidden folder where files wait until they are verified;
- ``status.py``: how a data set is: there or not, whole or damaged;
- ``caches.py``: arrays worked out of the files once, kept in a checksummed form;
- ``trouble.py``, ``progress.py``, ``locks.py``: one sentence, how far it is, one at a time.
"""

from __future__ import annotations

from tasks.sources.dataset import DataSet, Download, take_any
from tasks.sources.root import Report, Sources, library
from tasks.sources.status import Check, State
from tasks.sources.taking import Taken
from tasks.sources.trouble import NotThere, Refused, Wrong

__all__ = [
    "Check",
    "DataSet",
    "Download",
    "NotThere",
    "Refused",
    "Report",
    "Sources",
    "State",
    "Taken",
    "Wrong",
    "library",
    "take_any",
]
