from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from tasks import mnist_files
from tasks.sources import library, require_md5


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
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path / "site"


def test_a_library_is_the_module() -> None:
    assert library("json.decoder", "json").__name__ == "json.decoder"


def test_a_library_that_is_not_installed_says_how_to_get_it() -> None:
    with pytest.raises(OSError, match=r"^no-such-thing is not installed: pip install no-such-thing$"):
        library("no_such_thing", "no-such-thing")


@pytest.mark.parametrize("raised", ["RuntimeError", "ImportError", "OSError", "AttributeError"])
def test_a_torchvision_of_another_torch_is_one_sentence(site: Path, miniature, raised: str) -> None:
    installed(site, "torchvision", f"raise {raised}('operator torchvision::nms\\n does not exist')")
    with pytest.raises(OSError, match="torchvision") as caught:
        mnist_files.read(miniature.sources, miniature.md5s())
    assert str(caught.value) == (
        f"torchvision 0.99.1 cannot be imported beside torch {torch.__version__} "
        "(operator torchvision::nms does not exist): "
        "install the two in versions and builds (CPU or CUDA) that belong together"
    )


def test_a_good_md5_passes_and_a_bad_one_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "abc"
    file.write_text("abc")
    require_md5(file, "900150983cd24fb0d6963f7d28e17f72")
    with pytest.raises(OSError, match=r"^shown is damaged or another file \(md5 900150983cd24fb0d6963f7d28e17f72, wan"):
        require_md5(file, "0" * 32, told_as=Path("shown"))


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=rf"^{tmp_path} cannot be read \(Is a directory\): make it readable"):
        require_md5(tmp_path, "0" * 32)
