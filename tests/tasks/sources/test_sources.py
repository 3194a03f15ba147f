from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tasks.mnist import files
from tasks.sources import DataSet, library
from tasks.sources.contents import Contents, few


def installed(folder: Path, name: str, code: str, version: str = "0.99.1") -> None:
    """Write a package `name` of this `code` into `folder` as an installer would leave it."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(code)
    record = folder / f"{name}-{version}.dist-info"
    record.mkdir()
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages that comes before all others, with no torchvision loaded yet."""
    for module in [module for module in sys.modules if module.split(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, module)
    (tmp_path / "site").mkdir()  # a folder that is not there yet would be remembered as none
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path / "site"


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'numpy', 'pooch', 'requests', 'filelock'}"
    code = f"import sys, tasks.sources.caches; heavy = {heavy} & set(sys.modules); assert not heavy, heavy"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_library_is_the_module() -> None:
    assert library("json.decoder", "json").__name__ == "json.decoder"


def test_a_library_that_is_not_installed_says_how_to_get_it() -> None:
    with pytest.raises(OSError, match=r"^no-such-thing is not installed: pip install no-such-thing$"):
        library("no_such_thing", "no-such-thing")


@pytest.mark.parametrize("raised", ["RuntimeError", "ImportError", "OSError", "AttributeError"])
def test_a_torchvision_of_another_torch_is_one_sentence(site: Path, miniature, raised: str) -> None:
    installed(site, "torchvision", f"raise {raised}('operator torchvision::nms\\n does not exist')")
    with pytest.raises(OSError, match="torchvision") as caught:
        files.read(miniature.sources, miniature.dataset)
    assert str(caught.value) == (
        f"torchvision 0.99.1 cannot be imported beside torch {torch.__version__} "
        "(operator torchvision::nms does not exist): "
        "install the two in versions and builds (CPU or CUDA) that belong together"
    )


NAMES = ["top/list.txt", "top/signals/a.csv", "top/signals/b.csv", "top/signals/deep/c.csv", "list.txt"]


def test_patterns_fit_below_any_folder_and_stars_stay_in_one() -> None:
    place = Contents({"list.txt": 1, "signals/*.csv": 2}).place(NAMES, ())
    assert place is not None
    assert (place.prefix, place.lacks) == ("top", [])
    assert place.names == {"list.txt", "signals/a.csv", "signals/b.csv"}
    assert place.inside("list.txt") == "top/list.txt"


def test_hidden_files_and_those_of_a_macintosh_belong_to_no_data_set() -> None:
    contents = Contents({"signals/*.csv": 1})
    assert not contents.fits("signals/._a.csv")
    assert not contents.fits("__MACOSX/signals/a.csv")
    assert contents.fits("x/signals/a.csv")
    assert not contents.holds("x/signals/a.csv")


def test_of_two_complete_places_the_one_with_the_usual_name_counts() -> None:
    names = ["Fashion/raw/images", "MNIST/raw/images", "images"]
    place = Contents({"images": 1}).place(names, ["MNIST/raw"])
    assert place is not None
    assert place.prefix == "MNIST/raw"


def test_an_incomplete_place_says_what_it_lacks() -> None:
    place = Contents({"list.txt": 1, "signals/*.csv": 3}).place(NAMES, ())
    assert place is not None
    assert place.lacks == ["signals/*.csv (2 of 3 files)"]
    assert Contents({"nothing": 1}).place(NAMES, ()) is None


def test_a_sentence_names_three_files_and_counts_the_others() -> None:
    contents = Contents({f"{name}.txt": 1 for name in "abcdef"})
    assert str(contents) == few(contents.lacks({})) == "a.txt, b.txt, c.txt and 3 more"


def test_too_many_files_are_no_lack() -> None:
    contents = Contents({"signals/*.csv": 1})
    place = contents.place(NAMES, ["top"])
    assert place is not None
    assert (place.lacks, place.surplus) == ([], ["2 files signals/*.csv instead of 1"])


@pytest.mark.parametrize("folders", ["toy", (), ("",), ("/toy",), ("toy/../..",), ["toy"], (1,)])
def test_a_data_set_with_folders_that_are_none_is_refused(folders: object) -> None:
    with pytest.raises(
        ValueError, match="the folders of data set toy are a tuple of paths relative to the data folder"
    ):
        DataSet("toy", "The toy", folders, {"list.txt": 1}, 1, "none")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "Toy", "the toy", "toy/../x", "toy\n", "toy_1"])
def test_a_data_set_with_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="the name of a data set is lower-case letters, digits and hyphens, got "):
        DataSet(name, "The toy", ("toy",), {"list.txt": 1}, 1, "none")


def test_a_data_set_without_contents_is_refused() -> None:
    with pytest.raises(ValueError, match="data set toy-1 has no contents: say which files it has"):
        DataSet("toy-1", "The toy", ("toy",), {}, 1, "none")
