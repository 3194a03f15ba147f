"""What there is to know about a task: sizes, metric, protocol, variants, licence, citation, data sets, recipes."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from harness import signature
from harness.errors import explained
from harness.recipe import split_variant
from harness.recipes import listed
from harness.registry import Registry

LOSSES = {
    "cross_entropy": "the cross-entropy",
    "bce": "the binary cross-entropy of the logit",
    "mse": "the mean squared error",
}


def facts(registry: Registry, name: str) -> dict[str, Any]:
    """All about the task `name`, in its default variant or in the one that it carries (``adding[length=500]``)."""
    bare, variant = split_variant(name)
    task_class = registry.task(bare)
    options = signature.validated(task_class, variant, f"task {bare}")
    with explained(f"task {bare}"):
        task = task_class(**options)
    return {
        "name": name,
        "title": task.title,
        "summary": registry.tasks[bare].summary,
        "origin": registry.tasks[bare].origin,
        "kind": task.kind,
        "metric": task.metric,
        "better": "higher" if task.higher_is_better else "lower",
        "length": task.length,
        "input_size": task.input_size,
        "output_size": task.output_size,
        "loss": task.loss,
        "protocol": task.protocol,
        "variants": _options(task_class),
        "encoder": _options(task_class.encoder),
        "source": task.source,
        "licence": task.licence,
        "citation": task.citation,
        "data_sets": [
            {"name": d.name, "title": d.title, "size": d.size, "licence": d.licence}
            for d in (task.needs() if variant else task_class.datasets)
        ],
        "recipes": [f"{arch}: {recipe}" for of, arch, recipe, _ in listed(registry) if of == bare],
    }


def _options(constructor: Any) -> dict[str, dict[str, Any]]:
    """Keyword to its default and its choices; those are None where any value of the default's type may be tried."""
    found = {}
    for name, field in signature.options_of(constructor).model_fields.items():
        choices = list(get_args(field.annotation)) if get_origin(field.annotation) is Literal else None
        found[name] = {
            "default": field.get_default(),
            "choices": [False, True] if field.annotation is bool else choices,
        }
    return found


def page(registry: Registry, name: str) -> list[tuple[str, str]]:
    """The facts of a task as headings and texts for people."""
    told = facts(registry, name)
    length = length_of(told["length"])
    inputs = _count(told["input_size"], "input")
    rows = [
        ("title", told["title"]),
        ("summary", told["summary"]),
        ("sizes", f"sequences of {length}, {inputs} a step, {_count(told['output_size'], 'output')}"),
        ("kind", f"{told['kind']}, {told['metric']}, {told['better']} is better; trained on {LOSSES[told['loss']]}"),
        ("protocol", told["protocol"]),
        *((f"variant {name}", _choices(option)) for name, option in told["variants"].items()),
        *((f"encoder {name}", _choices(option)) for name, option in told["encoder"].items()),
        ("source", told["source"]),
        ("licence", told["licence"]),
        ("citation", told["citation"]),
        *(
            ("data set", f"{d['title']} ({d['name']}, {d['size'] / 1e6:,.0f} MB; {d['licence']})")
            for d in told["data_sets"]
        ),
        ("recipes", ", ".join(told["recipes"])),
    ]
    return [(heading, " ".join(str(text).split())) for heading, text in rows if text]


def length_of(steps: int | None) -> str:
    """Of sequences: ``784 steps``, or ``different lengths``."""
    return "different lengths" if steps is None else f"{steps:,} steps"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _choices(option: dict[str, Any]) -> str:
    if option["choices"] is None:
        return f"{option['default']} (default)"
    return ", ".join(f"{_word(c)} (default)" if c == option["default"] else _word(c) for c in option["choices"])


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
