"""Under tox the tests are about the package as it is installed, not about the source beside them."""

import os
from pathlib import Path

import pytest

import architectures
import harness
import reports
import tasks


@pytest.mark.skipif("TOX_ENV_NAME" not in os.environ, reason="not run by tox: the source may be installed as editable")
@pytest.mark.parametrize("package", [harness, architectures, tasks, reports], ids=lambda package: package.__name__)
def test_the_installed_package_is_the_one_that_is_tested(package):
    assert "site-packages" in Path(package.__file__).parts


def test_what_is_no_code_is_installed_too():
    for package, file in [
        (harness, "recipes/psmnist/unicornn.toml"),
        (harness, "suites/quick.toml"),
        (tasks, "permutations/unicornn.txt"),
        (tasks, "cifar/noise.f32"),
        (tasks, "sources/checksums/mnist.sha256"),
        (reports, "templates/overview.html"),
        (reports, "published.toml"),
        (reports, "static/page.css"),
    ]:
        assert Path(package.__file__).parent.joinpath(file).is_file()
