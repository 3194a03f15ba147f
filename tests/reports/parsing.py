"""A page as a test reads it: its elements, its text, its tables; a page that is not well-formed is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "br", "img", "input", "hr", "wbr"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    parent: Element | None = None
    children: list[Element] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text inside, with single spaces."""
        return " ".join("".join(self.pieces).split())

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """The elements inside that have this tag and these attributes ("class" as `class_`, one of its words)."""
        found = []
        for child in self.children:
            if child.tag == tag and all(value in (child.get(name) or "").split() for name, value in attributes.items()):
                found.append(child)
            found += child.all(tag, **attributes)
        return found

    def get(self, name: str) -> str | None:
        return self.attributes.get(name.rstrip("_").replace("_", "-"))

    def rows(self) -> list[list[str]]:
        """The cells of a table's body as texts."""
        (body,) = self.all("tbody")
        return [[cell.text for cell in row.children] for row in body.all("tr")]

    def every(self) -> list[Element]:
        return [inner for child in self.children for inner in (child, *child.every())]


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.here = Element("", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs), self.here)
        assert len(element.attributes) == len(attrs), f"an attribute twice in <{tag}>"
        self.here.children.append(element)
        if tag not in _VOID:
            self.here = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.here.children.append(Element(tag, dict(attrs), self.here))

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.here.tag, f"</{tag}> closes <{self.here.tag}>"
        assert self.here.parent is not None
        self.here = self.here.parent

    def handle_data(self, data: str) -> None:
        element: Element | None = self.here
        while element is not None:
            element.pieces.append(data)
            element = element.parent


def parsed(page: str) -> Element:
    """The document `page`; an element that is not closed, or closed twice, is an AssertionError."""
    builder = _Builder()
    builder.feed(page)
    builder.close()
    assert builder.here is builder.root, f"<{builder.here.tag}> is not closed"
    return builder.root


def section(page: Element, anchor: str) -> Element:
    """The part of the page whose heading has this id."""
    (found,) = [part for part in page.all("section") if anchor in (part.get("aria_labelledby") or "").split()]
    return found
