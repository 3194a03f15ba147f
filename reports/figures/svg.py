"""From matplotlib's SVG to a drawing that belongs to the page: its colours, its font, no identifiers that may clash."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree

_SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d+")
_FONT_SIZE = re.compile(r"font(?:-size)?:[^;]*?([\d.]+px)")


def inlined(text: str, label: str, colours: Mapping[str, str], attributes: Mapping[str, str] | None = None) -> str:
    """The drawing `text` as an ``<svg>`` element to be put into HTML.

    `label` is what a screen reader says instead. `colours` maps the colours drawn with (``"#010203"``) to CSS
    colours, as ``currentColor`` or ``var(--series-1)``, so that one drawing serves both colour schemes.
    `attributes` are added to the element.
    """
    root = ElementTree.fromstring(text)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    for element in root.iter():
        _tidy(element, colours)
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    root.attrib.pop("version", None)
    root.attrib.update({"role": "img", "aria-label": label, **(attributes or {})})
    return ElementTree.tostring(_flat(root), encoding="unicode")


def _tidy(element: ElementTree.Element, colours: Mapping[str, str]) -> None:
    if element.tag not in (f"{{{_SVG}}}path", f"{{{_SVG}}}clipPath"):
        element.attrib.pop("id", None)  # "figure_1", "line2d_3": the same in every figure, and nothing refers to them
    if "style" in element.attrib:
        element.set("style", _restyled(element.attrib["style"], colours))
    for name in ("d", "x", "y", "transform"):
        if name in element.attrib:
            element.set(name, _shorter(element.attrib[name]))
    if _LINK in element.attrib:
        element.set("href", element.attrib.pop(_LINK))
    styles = {child.get("style") if child.tag == f"{{{_SVG}}}use" else None for child in element}
    if len(styles) == 1 and (style := styles.pop()):
        # The markers of one line are all alike: their style is said once, by the group around them.
        element.set("style", _restyled(style, colours))
        for child in element:
            del child.attrib["style"]


def _shorter(text: str) -> str:
    # matplotlib writes six decimals. A tenth of a unit is a seventh of a pixel at most, enough for curves; what
    # is short, as a marker is small, keeps a hundredth. In a path of lines alone the L between points is understood.
    decimals = 1 if len(text) > 800 else 2
    text = _NUMBER.sub(lambda found: f"{float(found[0]):.{decimals}f}".rstrip("0").rstrip("."), text)
    if not re.search("[CQ]", text):
        text = text.replace("L", "")
    return " ".join(text.split())


def _restyled(style: str, colours: Mapping[str, str]) -> str:
    # Of the font only the size is kept: the page has its own family.
    declarations = [part.strip() for part in style.split(";") if part.strip() and not part.strip().startswith("font")]
    if size := _FONT_SIZE.search(style):
        declarations.append(f"font-size: {size[1]}")
    text = "; ".join(declarations)
    for drawn, shown in colours.items():
        text = text.replace(drawn, shown)
    return text


def _flat(element: ElementTree.Element) -> ElementTree.Element:
    # HTML knows the namespace of an <svg> by itself; prefixes would make the elements unknown to it.
    for child in element.iter():
        child.tag = child.tag.partition("}")[2]
        child.text, child.tail = (child.text or "").strip(), None
    return element
