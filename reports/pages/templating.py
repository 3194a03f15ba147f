"""Templates to pages: self-contained files with their style, script and figures inside."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports import addresses, formats
from reports.ranking.rows import STATES

_HERE = Path(__file__).parent.parent
_FILTERS = (
    "clipped",
    "count",
    "duration",
    "half_width",
    "level",
    "listed",
    "metric_name",
    "metric_unit",
    "score",
    "significant",
)


@dataclass(frozen=True)
class Page:
    """A page: where it lies below the folder of the report, with ``/`` between names, and its HTML."""

    address: str
    content: str


Pages = Iterator[Page]
KNOWN_STATES = (*STATES, "skipped", "not run")
"""States that the style sheets know."""


def render(template: str, address: str, **context: Any) -> Page:
    """The page at `address`, made from `template`, which extends ``layout.html``.

    Beside the context, templates see ``href(address)``, which makes a link out of an address; ``here``, their own; and
    the names of :mod:`reports.formats` as filters.
    """

    def href(target: str) -> str:
        return addresses.relative(target, address)

    text = _environment().get_template(template).render(here=address, href=href, addresses=addresses, **context)
    return Page(address, text)


def macro(template: str, name: str) -> Any:
    """The macro `name` of `template` as a function that returns HTML."""
    return getattr(_environment().get_template(template).module, name)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {name: getattr(formats, name) for name in (*_FILTERS, "span", "value")}
    environment.globals |= {
        "base_style": Markup(_static("base.css")),
        "page_style": Markup(_static("page.css")),
        "base_script": Markup(_static("base.js")),
        "script": Markup("".join(map(_static, ("base.js", "page.js", "plot.js")))),
        "static": lambda name: Markup(_static(name)),
        "digest": _digest,
        "known_states": KNOWN_STATES,
    }
    return environment


@cache
def _digest(script: str) -> str:
    # The browser runs the script with this digest and no other: see the policy in layout.html.
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _static(name: str) -> str:
    text = (_HERE / "static" / name).read_text(encoding="utf-8")
    return _compact(text) if name.endswith(".css") else text


def _compact(css: str) -> str:
    # Every page has it inside: without what only its author reads, a page of a run is a tenth smaller.
    css = " ".join(re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL).split())
    return re.sub(r" ?([{};,]) ?|(?<=:) ", r"\1", css).replace(";}", "}").replace("}", "}\n")
