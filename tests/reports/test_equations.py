"""Formulas: MathML where it can be made, and nothing else that a plugin may have written."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.equations import DEEPEST, LONGEST, equations, mathml

from .fakes import hostile_texts


def test_a_formula_a_line_becomes_mathml() -> None:
    first, second = equations("\\frac{x_t}{2}\n\n  \\tanh(\\mathbf{W} h)  \n")
    assert first.mathml == (
        '<math display="block"><mrow><mfrac><mrow><msub><mi>x</mi><mi>t</mi></msub></mrow>'
        "<mrow><mn>2</mn></mrow></mfrac></mrow></math>"
    )
    assert second.latex == "\\tanh(\\mathbf{W} h)"
    assert second.mathml is not None
    assert "<mi>tanh</mi>" in second.mathml


@pytest.mark.parametrize(
    "latex",
    [
        r"\frac{1",  # a fraction without a denominator
        r"\unheard{x}",
        "x" * (LONGEST + 1),
        "{" * (DEEPEST + 1) + "x" + "}" * (DEEPEST + 1),
        "a_b_c",
        r"\begin{matrix}",
    ],
)
def test_what_cannot_be_converted_keeps_its_source_only(latex: str) -> None:
    assert mathml(latex) is None
    (only,) = equations(latex)
    assert only.latex == latex


def test_links_styles_and_classes_do_not_get_through() -> None:
    found = mathml(r"\href{javascript:alert(1)}{x} \style{position:fixed}{y} \class{skip}{z}")
    assert found is not None
    elements = list(ElementTree.fromstring(found).iter())
    assert [element.attrib for element in elements] == [{"display": "block"}, *[{}] * (len(elements) - 1)]
    for word in ("javascript", "position", "skip"):
        assert word not in found


def test_elements_that_are_no_mathml_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.equations.convert", lambda latex, display: "<math><script>alert(1)</script></math>")
    assert mathml("an element that only this test asks for") is None


def test_markup_in_a_formula_is_no_markup_of_the_page() -> None:
    assert mathml(r"\text{<script>alert(1)</script>}") is None
    assert mathml(r"\text{<img src=x onerror=alert(1)>}") is None
    assert mathml(r"\text{<mi>x</mi>}") == '<math display="block"><mrow><mtext><mi>x</mi></mtext></mrow></math>'
    compared = mathml("a < b")
    assert compared is not None
    assert "<mo>&lt;</mo>" in compared


@settings(max_examples=200)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40) | st.sampled_from(hostile_texts()))
def test_any_text_gives_harmless_mathml_or_none(text: str) -> None:
    found = mathml(text)
    if found is None:
        return
    for element in ElementTree.fromstring(found).iter():
        assert element.tag.startswith("m")
        assert not {"href", "style", "class", "id", "src"} & element.attrib.keys()
