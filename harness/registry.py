"""Names to architectures and tasks: built-in, installed as a plugin, or defined in a single file.

Built-ins are lazy ``"module:attribute"`` strings: naming them imports nothing. Installed plugins announce themselves by
entry points of the groups ``harness.architectures`` and ``harness.tasks``; files come from ``--plugin my_cell.py``.
Where two claim a name, the built-in wins, then the file, then the plugin whose distribution comes first by name.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import re
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache, cached_property, partial
from hashlib import sha256
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Literal

from harness import neighbours
from harness.errors import UserError, did_you_mean, one_line
from harness.home import expanded
from harness.textfile import encoding_of

Kind = Literal["architecture", "task"]
BUILT_IN, FILE = "built-in", "file "
"""The origin of what comes with the project, and how that of what a file defines begins."""
NAME = re.compile(r"[A-Za-z][\w.-]{0,63}")
TASK_WORDS: dict[str, tuple[str, ...]] = {
    "title": (),
    "kind": ("classification", "regression"),
    "metric": ("accuracy", "mse", "rmse"),
}
"""What a task's class must say, and what it may say."""
CLOSE = 0.85
"""How alike two names are, of 1, where one is taken for a slip of the other."""
ROOMS: dict[Kind, str] = {"architecture": "architectures", "task": "tasks"}


@dataclass(frozen=True)
class Entry:
    """One row of a registry: a name, where it came from, and either a way to load it or the reason why not."""

    name: str
    kind: Kind
    origin: str
    target: str = ""
    value: Any = None
    file: str = ""
    title: str = ""
    summary: str = ""
    problem: str | None = None
    version: str | None = None
    code: str = ""
    """Hash of the source of what isn't built-in, as it was imported."""

    @property
    def source(self) -> str:
        """Its origin without the folders of a file, which say nothing elsewhere: ``file my_cell.py``."""
        return f"{FILE}{Path(self.file).name}" if self.origin.startswith(FILE) else self.origin

    def load(self) -> Any:
        """The object behind the name; a :class:`UserError` that names the origin where it cannot be had."""
        if self.problem:
            raise UserError(f"{self.kind} '{self.name}' ({self.origin}) cannot be used: {self.problem}")
        return self.value if self.value is not None else resolve(self.target)


@dataclass
class Registry:
    """All architectures and tasks that a command can name. `files` are the paths given by ``--plugin``."""

    files: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)

    @cached_property
    def architectures(self) -> dict[str, Entry]:
        """Name to entry, built-ins first, each group in the order of its names."""
        return self._collect("architecture")

    @cached_property
    def tasks(self) -> dict[str, Entry]:
        """Name to entry, built-ins first, each group in the order of its names."""
        return self._collect("task")

    def architecture(self, name: str) -> Any:
        """The descriptor of an architecture (``architectures.Architecture``)."""
        return self._entry("architecture", name).load()

    def task(self, name: str) -> Any:
        """The class of a task (a subclass of ``tasks.Task``); its constructor takes the variant."""
        return self._entry("task", name).load()

    def refuse_unknown(self, arch: str | None, task: str | None) -> None:
        """A :class:`UserError` where a name that is given is none; imports nothing but plugins."""
        if arch is not None:
            self._entry("architecture", arch)
        if task is not None:
            self._entry("task", task.partition("[")[0])

    def entries(self, arch: str, task: str) -> tuple[Entry, Entry]:
        """The rows of an architecture and a task; a :class:`UserError` where there is none of a name."""
        return self._entry("architecture", arch), self._entry("task", task)

    def fingerprints(self, arch: str, task: str) -> dict[str, str]:
        """Hashes of the source of what isn't built-in, by kind: a changed plugin makes other runs."""
        return {entry.kind: entry.code for entry in self.entries(arch, task) if entry.origin != BUILT_IN}

    def plugins(self, arch: str, task: str) -> dict[str, dict[str, str]]:
        """What isn't built-in of a pair, by kind: its title, where it came from and its version where it says one."""
        return {
            entry.kind: {
                "title": entry.title,
                "origin": entry.source,
                **({"version": entry.version} if entry.version else {}),
            }
            for entry in self.entries(arch, task)
            if entry.origin != BUILT_IN
        }

    def _entry(self, kind: Kind, name: str) -> Entry:
        known = self.architectures if kind == "architecture" else self.tasks
        if name not in known:
            raise UserError(
                f"no {kind} is called '{name}'{did_you_mean(name, known)}; see 'harness list {kind}s', and name a file"
                " of your own with --plugin"
            )
        return known[name]

    def _collect(self, kind: Kind) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        for entry in [*_built_in(kind), *self._from_files(kind), *_installed(kind)]:
            winner = found.setdefault(entry.name, entry)
            if winner is not entry:
                self.warnings.append(
                    f"{kind} '{entry.name}' of {entry.origin} is hidden by {winner.origin}: give it another name"
                )
        return found

    def _from_files(self, kind: Kind) -> list[Entry]:
        return [entry for file in self.files for entry in _defined_in(import_file(file), kind, f"{FILE}{file}")]


def resolve(target: str) -> Any:
    """The object that ``"module:attribute"`` names; a :class:`UserError` where another package has taken the name."""
    module, _, attribute = target.partition(":")
    if wrong := neighbours.imported_before(module):
        raise UserError(wrong)
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        if wrong := neighbours.overwritten(module):
            raise UserError(wrong) from error
        raise


def import_file(path: str) -> Any:
    """Import a plugin file under a name of its own, once per process."""
    file = expanded(path).resolve()
    name = f"harness_plugin_{file.stem}_{sha256(str(file).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    if not file.is_file():
        raise UserError(f"--plugin {path}: there is no such file")
    with file.open("rb") as stream:
        if (encoding := encoding_of(stream.read(4))) in ("utf-16", "utf-32"):  # which Python does not read
            raise UserError(f"--plugin {path}: is {encoding.upper()} from byte 0 on: save the file as UTF-8")
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UserError(f"--plugin {path}: not a Python file (its name must end in .py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with redirect_stdout(sys.stderr):  # what it prints is no part of a document that is printed
            spec.loader.exec_module(module)
    except KeyboardInterrupt:
        del sys.modules[name]
        raise
    except BaseException as error:
        del sys.modules[name]
        raise UserError(f"--plugin {path}: {type(error).__name__}{_line_of(error, file)}: {one_line(error)}") from error
    origin = f"--plugin {path}"
    if not [*_defined_in(module, "architecture", origin), *_defined_in(module, "task", origin)]:
        raise UserError(f"--plugin {path}: defines no architectures.Architecture and no subclass of tasks.Task")
    return module


def _built_in(kind: Kind) -> list[Entry]:
    targets: dict[str, str] = resolve(f"{ROOMS[kind]}:BUILTIN")
    return [_read_off(name, kind, target) for name, target in sorted(targets.items())]


def _read_off(name: str, kind: Kind, target: str) -> Entry:
    """A built-in, with title and summary read off its source: importing it would import torch."""
    module, _, attribute = target.partition(":")
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return Entry(name, kind, BUILT_IN, target)
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    title, summary = attribute, ast.get_docstring(tree)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == attribute:
            given = {getattr(n.targets[0], "id", ""): n.value for n in node.body if isinstance(n, ast.Assign)}
            title, summary = _constant(given.get("title"), title), ast.get_docstring(node)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == attribute:
            given = {k.arg or "": k.value for k in getattr(node.value, "keywords", ())}
            title = _constant(given.get("title"), title)
    return Entry(name, kind, BUILT_IN, target, title=title, summary=_first_line(summary))


def _constant(node: ast.expr | None, default: str) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else default


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n", 1)[0]


def _installed(kind: Kind) -> list[Entry]:
    points = entry_points(group=f"harness.{ROOMS[kind]}")
    return [_from_entry_point(kind, point) for point in sorted(points, key=lambda p: (_distribution(p), p.name))]


def _from_entry_point(kind: Kind, point: EntryPoint) -> Entry:
    """Import a plugin; one that fails becomes a row with its reason instead of an end of the program."""
    origin = f"plugin {_distribution(point)}"
    try:
        with redirect_stdout(sys.stderr):
            value = point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Entry(point.name, kind, origin, problem=f"{type(error).__name__}: {one_line(error)}")
    if not _fits(value, kind):
        return Entry(point.name, kind, origin, problem=f"{point.value} is no {_expected(kind)}")
    if problem := _problem(value, kind):
        return Entry(point.name, kind, origin, problem=problem)
    if value.name != point.name:
        return Entry(point.name, kind, origin, problem=f"{point.value} calls itself '{value.name}'")
    try:
        return _loaded(value, kind, origin, sys.modules[point.module])
    except (OSError, TypeError) as error:
        return Entry(point.name, kind, origin, problem=f"its source cannot be read ({one_line(error)})")


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.module


def _defined_in(module: Any, kind: Kind, origin: str) -> list[Entry]:
    """What a plugin file defines: descriptors, and task classes written in this very file."""
    own = [value for value in vars(module).values() if _fits(value, kind) and _is_own(value, kind, module)]
    for value in own:
        if problem := _problem(value, kind):
            raise UserError(f"{origin}: {kind} '{value.name}': {problem}")
    return [_loaded(value, kind, origin, module) for value in own]


def _is_own(value: Any, kind: Kind, module: Any) -> bool:
    """Whether a module defines what it has, instead of having imported it."""
    if kind == "task":
        return bool(value.__module__ == module.__name__)
    return all(value is not resolve(target) for target in resolve("architectures:BUILTIN").values())


def _problem(value: Any, kind: Kind) -> str | None:
    """What a plugin's architecture or task lacks, in words for whoever wrote it."""
    if not isinstance(value.name, str) or not NAME.fullmatch(value.name) or value.name == "standard":
        return "its name must be letters, digits, '-', '_' and '.', beginning with a letter, and not 'standard'"
    if kind == "architecture":
        from harness.signature import options_of  # costs time that listing the built-ins should not

        if unknown := _unknown_attributes(value):
            return unknown
        if not isinstance(value.version, str | None):
            return f'its version must be text, such as version="{value.version}", got {value.version!r}'
        try:
            options_of(value.layer)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return f"its layer's signature cannot be read ({type(error).__name__}: {one_line(error)})"
        return None
    if unknown := _misspelt(value):
        return unknown
    for name, choices in TASK_WORDS.items():
        given = getattr(value, name, None)
        if given is None or (choices and given not in choices):
            allowed = f" ({', '.join(choices)})" if choices else ""
            return f"the class needs an attribute {name}{allowed}" + (f", got {given!r}" if given is not None else "")
    return None


def _unknown_attributes(architecture: Any) -> str | None:
    """What a descriptor says that nothing reads: an attribute set on it, or one of a class derived from it."""
    unknown_names = resolve("architectures.descriptor:unknown_names")
    for name in ("Architecture", "Paper", "StableStep"):
        descriptor = resolve(f"architectures:{name}")
        for one in (architecture, architecture.paper, architecture.stable_step):
            if isinstance(one, descriptor):
                derived = type(one).__mro__[: type(one).__mro__.index(descriptor)]
                given = {**vars(one), **{key: None for cls in derived for key in vars(cls)}}
                if unknown := unknown_names(descriptor, [key for key in given if not key.startswith("_")]):
                    return f"{name} has no {unknown}: leave it out, or begin its name with an underscore"
    return None


def _misspelt(task: Any) -> str | None:
    """A setting in the class of a task that is close to one of the contract which the class lacks.

    A task may have attributes of its own, so others are let be, and so are all methods.
    """
    contract = resolve("tasks:Task")
    derived = task.__mro__[: task.__mro__.index(contract)]
    methods = (FunctionType, classmethod, staticmethod)
    own = {key for cls in derived for key, one in vars(cls).items() if key[0] != "_" and not isinstance(one, methods)}
    known = {key for key in (*vars(contract), *contract.__annotations__) if key[0] != "_"}
    lacking = known - {key for cls in derived for key in vars(cls)}
    for key in sorted(own - known):
        if near := get_close_matches(key, sorted(lacking), n=1, cutoff=CLOSE):
            return (
                f"nothing reads the attribute '{key}' of its class: did you mean '{near[0]}'? An attribute of your own"
                f" that is so much like it begins with an underscore, '_{key}'"
            )
    return None


def _loaded(value: Any, kind: Kind, origin: str, module: Any) -> Entry:
    text = (value.__doc__ if kind == "task" else None) or module.__doc__
    version = value.version if kind == "architecture" else None
    file = module.__file__ or ""
    code = _source_hash(value, kind, module)
    return Entry(value.name, kind, origin, "", value, file, value.title, _first_line(text), version=version, code=code)


def _source_hash(value: Any, kind: Kind, module: ModuleType) -> str:
    """16 hex digits over the file that registers a plugin's architecture or task, and the one that defines it."""
    definition = value if kind == "task" else inspect.unwrap(value.layer)
    while isinstance(definition, partial):
        definition = definition.func
    files = {module.__file__: module} if module.__file__ else {}
    defined = inspect.isclass(definition) or inspect.isfunction(definition)
    if defined and (file := inspect.getsourcefile(definition)):
        files.setdefault(file, inspect.getmodule(definition) or module)
    return sha256(b"".join(_source(file, files[file]) for file in sorted(files))).hexdigest()[:16]


@cache
def _source(file: str, _module: ModuleType) -> bytes:
    """The text of a module when it was first asked for: a later edit changes the file, and not the code that runs."""
    return Path(file).read_bytes()


def _fits(value: Any, kind: Kind) -> bool:
    if kind == "architecture":
        return isinstance(value, resolve("architectures:Architecture"))
    return isinstance(value, type) and issubclass(value, resolve("tasks:Task")) and hasattr(value, "name")


def _expected(kind: Kind) -> str:
    return "architectures.Architecture" if kind == "architecture" else "subclass of tasks.Task with a name"


def _line_of(error: BaseException, file: Path) -> str:
    """``" in line 12"`` where the traceback of `error` passes through `file`."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" in line {line}" if line else ""
