"""Formulas in LaTeX to MathML that may stand on a page, whoever wrote them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from xml.etree import ElementTree

from latex2mathml.converter import convert
from markupsafe import Markup

LONGEST = 2000  # characters of a formula; what is longer is no formula that anybody reads
DEEPEST = (
    40  # elements inside each other: far from where Python's stack, and with it a page, would depend on the caller
)

# The elements of MathML Core that show something, with the number of children of those that have a fixed one.
_ELEMENTS: dict[str, int | None] = {
    **dict.fromkeys(("math", "mrow", "mi", "mn", "mo", "ms", "mtext", "mspace", "mstyle", "msqrt", "mpadded")),
    **dict.fromkeys(("mphantom", "mtable", "mtr", "mtd", "menclose")),
    **dict.fromkeys(("mfrac", "mroot", "msub", "msup", "mover", "munder"), 2),
    **dict.fromkeys(("msubsup", "munderover"), 3),
}
_ATTRIBUTES = {
    *("accent", "accentunder", "columnalign", "columnspacing", "display", "displaystyle", "fence", "form"),
    *("largeop", "linethickness", "lspace", "mathvariant", "maxsize", "minsize", "movablelimits", "notation"),
    *("rowspacing", "rspace", "scriptlevel", "separator", "stretchy", "symmetric", "width"),
}
_HARMLESS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-+% ")


@dataclass(frozen=True)
class Equation:
    """A formula: its source, and its MathML, or None where it could not be made."""

    latex: str
    mathml: Markup | None


def equations(text: str) -> list[Equation]:
    """The formulas of `text`, one a line."""
    return [Equation(line, mathml(line)) for line in map(str.strip, text.splitlines()) if line]


@lru_cache(maxsize=256)
def mathml(latex: str) -> Markup | None:
    """`latex` as a ``<math>`` element, or None where it is too long, is no LaTeX that is understood, or says more.

    Only known elements of MathML get through, and of their attributes only those that shape a formula: no link, no
    style, no script, and nothing that could be one.
    """
    if len(latex) > LONGEST:
        return None
    try:
        root = ElementTree.fromstring(convert(latex, display="block"))
        _check(root, DEEPEST)
        return Markup(ElementTree.tostring(root, encoding="unicode"))
    except Exception:  # the library raises whatever its parser stumbles over, and a page must stand all the same
        return None


def _check(element: ElementTree.Element, deepest: int) -> None:
    # HTML knows the namespace of <math> by itself; prefixes would make the elements unknown to it.
    tag = element.tag = element.tag.rpartition("}")[2]
    if not deepest or tag not in _ELEMENTS or _ELEMENTS[tag] not in (None, len(element)):
        raise ValueError(f"<{tag}> is no MathML that is known, lacks a part, or lies too deep")
    if tag in ("mi", "mo") and len(element.text or "") > 1 and (element.text or "").startswith("\\"):
        raise ValueError(f"{element.text} is no command that is known")
    for name in list(element.attrib):
        if name not in _ATTRIBUTES or not _HARMLESS.issuperset(element.attrib[name]):
            del element.attrib[name]
    for child in element:
        _check(child, deepest - 1)
