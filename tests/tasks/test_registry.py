from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module

import pytest

import tasks
from tasks import Task


def builtin(name: str) -> type[Task]:
    module, attribute = tasks.BUILTIN[name].split(":")
    return getattr(import_module(module), attribute)


def test_importing_the_package_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys, tasks, tasks.sources; "
        "heavy = {'torch', 'numpy', 'sklearn', 'torchvision', 'pandas'} & set(sys.modules); "
        "assert not heavy, heavy; assert tasks.Task.__name__ == 'Task'; assert 'torch' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_public_name_is_served_and_others_are_not() -> None:
    for name in tasks.__all__:
        assert getattr(tasks, name) is not None
        assert name in dir(tasks)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = tasks.Nothing


@pytest.mark.parametrize("name", tasks.BUILTIN)
def test_a_task_says_what_it_is(name: str) -> None:
    task = builtin(name)
    assert issubclass(task, Task)
    assert task.name == name
    assert task.kind in ("classification", "regression")
    assert task.metric in {"classification": ("accuracy",), "regression": ("mse", "rmse")}[task.kind]
    for told in (task.title, task.protocol, task.source, task.licence, task.citation):
        assert told
        assert told == told.strip()
    summary = (task.__doc__ or "").splitlines()[0]
    assert summary.endswith(".")
    assert len(summary) < 110


@pytest.mark.parametrize("name", tasks.BUILTIN)
def test_the_keywords_of_a_variant_are_annotated_and_have_defaults(name: str) -> None:
    for keyword in inspect.signature(builtin(name), eval_str=True).parameters.values():
        assert keyword.annotation is not inspect.Parameter.empty
        assert keyword.default is not inspect.Parameter.empty


def test_titles_are_told_apart() -> None:
    assert len({builtin(name).title for name in tasks.BUILTIN}) == len(tasks.BUILTIN)
