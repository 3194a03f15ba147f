"""What a person does wrong is told in one sentence, with exit code 2, without a traceback, and nothing is lost."""

import sys
from pathlib import Path
from subprocess import CompletedProcess, run

import pytest

from harness.cli import run_command

PAIR = ("run", "--arch", "lstm", "--task", "psdigits", "--epochs", "1", "--train-limit", "64")


def refused(result, *told: str) -> None:
    assert result.returncode == 2, result.stdout + result.stderr
    lines = [line for line in result.stderr.strip().splitlines() if not line.startswith("lstm on psdigits, seed ")]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    for words in told:
        assert words in lines[0]
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("lst",), "there is no 'harness lst' (did you mean 'list'?)"),
        (("list", "run"), "there is no 'harness list run' (did you mean 'runs'?)"),
        (("suite", "zzz"), "there is no 'harness suite zzz' (known: list, plan, run, show, status)"),
        (("report", "--format", "xyz"), "'--format': 'xyz' is not one of 'html', "),
        (("study", "show"), "(see 'harness study show --help')"),
        (("run", "--arch", "unicorn", "--task", "psdigits"), "did you mean 'unicornn'?"),
        (("run", "--arch", "lstm", "--task", "psmist"), "did you mean 'psmnist'?"),
        (("run", "--task", "psdigits"), "--arch is missing"),
        ((*PAIR, "--set", "hidden_sise=3"), "did you mean 'hidden_size'?"),
        ((*PAIR, "--set", "hidden_size=big"), "hidden_size = 'big' is refused"),
        ((*PAIR, "--set", "hidden_size"), "not of the form key=value"),
        ((*PAIR, "--set", "hidden_size=0"), "hidden_size must be"),
        ((*PAIR, "--set", "epochs=3"), "epochs is given twice, as 1 and as 3"),
        ((*PAIR, "--seeds", "4-1"), "--seeds 4-1: write numbers and ranges"),
        ((*PAIR, "--seed", "1", "--seeds", "0-1"), "not both"),
        ((*PAIR, "--max-time", "soon"), "--max-time soon: write a time"),
        ((*PAIR, "--device", "cuda:77"), "--device cuda:77"),
        ((*PAIR, "--backend", "quantum"), "--backend must be eager, cpu, cuda, parallel or torch, got 'quantum'"),
        ((*PAIR, "--backend", "parallel"), "lstm has no backend 'parallel' here: use torch or eager"),
        (("demo", "--backend", "parallel"), "--backend parallel: "),
        ((*PAIR, "--seed", "9" * 30), "--seed"),
        ((*PAIR, "--seeds", "0-9999999999"), "at most 100000 seeds"),
        ((*PAIR, "--set", "hidden_size=nan"), "hidden_size = nan is refused"),
        ((*PAIR, "--threads", "99999999999"), "equal to 1024"),
        ((*PAIR, "--home", "~nosuchuser/x"), "~nosuchuser/x"),
        ((*PAIR, "--data-root", "~nosuchuser/x"), "~nosuchuser/x"),
        ((*PAIR, "--plugin", "~nosuchuser/x.py"), "~nosuchuser/x.py"),
        ((*PAIR, "--set", "hidden_size=2000000"), "not enough memory"),
        (
            ("run", "--arch", "unicornn", "--task", "psdigits", "--set", "dt=[]"),
            "dt must be one number or one for each",
        ),
        ((*PAIR, "--json"), "--json goes with --dry-run"),
        ((*PAIR, "--epoch"), "epoch"),
        ((*PAIR, "--threads", "0"), "--threads"),
        (("run", "--arch", "cornn", "--task", "psdigits", "--set", "dt=-0.1"), "dt must be positive"),
        (("run", "--arch", "lstm", "--task", "adding[length=1]"), "length must be at least 2"),
        (("run", "--arch", "lstm", "--task", "adding[length=10"), "must end with ]"),
        (("run", "--arch", "lstm", "--task", "psmnist", "--recipe", "published"), "no recipe is called 'published'"),
        (("show", "0123"), "there is no store at"),
        (("list", "flowers"), "flowers"),
        (("fly",), "fly"),
        (("list", "architectures", "--plugin", "nowhere.py"), "nowhere.py: there is no such file"),
    ],
)
def test_a_wrong_word(arguments, told, capsys):
    code = run_command(arguments)  # in this process, which has imported what takes long
    out, error = capsys.readouterr()
    refused(CompletedProcess(arguments, code, out, error), told)


def test_a_wrong_word_in_a_process_of_its_own(command):
    refused(command("run", "--arch", "unicorn", "--task", "psdigits"), "did you mean 'unicornn'?")


def test_a_backend_that_there_is_not(command):
    refused(command(*PAIR, HARNESS_BACKEND="quantum"), "HARNESS_BACKEND must be", "'quantum'")


def test_bad_toml(command, tmp_path):
    (tmp_path / "bad.toml").write_text("[training]\nlr = = 3\n")
    refused(
        command("run", "--arch", "lstm", "--task", "psdigits", "--recipe", "bad.toml"), "bad.toml: not TOML", "line 2"
    )


def test_missing_data_names_the_files_and_the_folder(command, tmp_path):
    result = command("run", "--arch", "lstm", "--task", "psmnist", "--data-root", str(tmp_path))
    refused(result, "train-images-idx3-ubyte", str(tmp_path / "MNIST" / "raw"), "--data-root")


def test_a_corrupt_mnist_file_is_named_with_both_checksums(command, tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{name}-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\0")
    result = command("run", "--arch", "lstm", "--task", "smnist", "--data-root", str(tmp_path))
    refused(
        result,
        "t10k-images-idx3-ubyte is damaged",
        "wanted 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    )


def test_a_read_only_store(command, tmp_path):
    url = f"sqlite:///file:{tmp_path / 'store.sqlite'}?mode=ro&uri=true"
    assert command(*PAIR, HARNESS_STORE=f"sqlite:///{tmp_path / 'store.sqlite'}").returncode == 0
    refused(command(*PAIR, "--seed", "5", HARNESS_STORE=url), "store.sqlite")
    assert command("list", "runs", HARNESS_STORE=url).stdout.count("lstm") == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"not a database at all " * 100, "store.sqlite"), (None, "store.sqlite")],
    ids=["not a database", "a folder"],
)
def test_a_store_that_is_none(command, tmp_path, content, told):
    home = tmp_path / "home"
    home.mkdir()
    if content is None:
        (home / "store.sqlite").mkdir()
    else:
        (home / "store.sqlite").write_bytes(content)
    refused(command(*PAIR, "--home", str(home)), told)
    if content is not None:
        assert (home / "store.sqlite").read_bytes() == content, "what it holds is not ours to change"


def test_a_home_that_cannot_be_made(command, tmp_path):
    (tmp_path / "file").write_text("")
    refused(command(*PAIR, "--home", str(tmp_path / "file" / "home")), "cannot create", "--home or HARNESS_HOME")


def test_a_page_that_cannot_be_written(command, tmp_path):
    (tmp_path / "site").write_text("")
    refused(command("report", "--out", "site"), "site")


def test_output_that_cannot_be_written(command):
    with Path("/dev/full").open("w") as full:
        result = command("list", "tasks", stdout=full)
    assert result.returncode == 1
    assert result.stderr == "error: [Errno 28] No space left on device\n"


def test_letters_that_the_terminal_lacks(command, tmp_path):
    plain = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = command(*PAIR, "--home", str(tmp_path / "größe"), **plain)
    assert done.returncode == 0, done.stderr
    assert "/gr\\" in done.stdout


def test_doctor_works_where_torch_is_missing(tmp_path):
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['sqlalchemy'] = None\n"
        "from harness.cli import run_command; sys.exit(run_command(['doctor']))"
    )
    result = run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "!!  torch: " in result.stdout


def test_debugging_shows_the_traceback(command):
    result = command("show", "0123", HARNESS_DEBUG="1")
    assert result.returncode == 2
    assert "Traceback" in result.stderr


@pytest.mark.parametrize("group", [(), ("list",), ("suite",)])
def test_a_group_without_a_verb_shows_its_verbs(group: tuple[str, ...], command) -> None:
    result = command(*group)
    assert result.returncode == 2
    assert result.stderr.startswith(" ".join(["Usage: harness", *group]))
    assert "error" not in result.stderr
