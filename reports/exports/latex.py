"""Tables for LaTeX, with the rules of booktabs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import pandas as pd

from reports.exports.files import File
from reports.exports.sheets import Cell, Sheet, sheets
from reports.report import Report

_SPECIAL = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
    "…": r"\ldots{}",
}
_POWER = re.compile(r"×10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_DIGITS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def files(report: Report) -> Iterator[File]:
    """``all.tex``, which shows them all, and a file a table, to be read by ``\\input``."""
    found = sheets(report)
    yield File("all.tex", _document([sheet.name for sheet in found]))
    for sheet in found:
        yield File(f"{sheet.name}.tex", table(sheet))


def table(sheet: Sheet) -> str:
    """A ``table`` environment of one sheet."""
    if not sheet.rows:
        return f"% {sheet.name}: there are no runs yet\n"
    heads = [escaped(head) for head in sheet.heads]
    # The end of a row takes what begins with [ or * for an argument: an empty group stands before.
    content = [
        ["{}" + _cell(cell) if not place else _cell(cell) for place, cell in enumerate(row)] for row in sheet.rows
    ]
    aligned = "".join("r" if cell.number else "l" for cell in sheet.rows[0])
    text = (
        pd.DataFrame(content, columns=pd.Index(heads))
        .style.hide(axis="index")
        .to_latex(
            hrules=True,
            column_format=aligned,
            caption=escaped(sheet.caption),
            label=f"tab:{sheet.name}",
            position_float="centering",
        )
    )
    notes = "".join(f"% {' '.join(note.split())}\n" for note in sheet.notes)
    return f"% needs \\usepackage{{booktabs}}\n{notes}{text}"


def escaped(text: str) -> str:
    """`text` as LaTeX sets it, with nothing in it that LaTeX would run."""
    line = _POWER.sub(lambda found: f"\0{found[1].translate(_DIGITS)}\1", " ".join(text.split()))
    # Signs without a shape, as those that turn the direction of writing, would act on what stands around them.
    line = "".join(_SPECIAL.get(sign, sign) for sign in line if unicodedata.category(sign) != "Cf")
    return re.sub("\0([^\1]*)\1", r"$\\times 10^{\1}$", line)


def _cell(cell: Cell) -> str:
    return rf"\textbf{{{escaped(cell.text)}}}" if cell.best else escaped(cell.text)


def _document(names: list[str]) -> str:
    lines = ["% names in other scripts than Latin need lualatex or xelatex"]
    lines += [r"\documentclass{article}", r"\usepackage{booktabs}", r"\usepackage[margin=1.5cm,landscape]{geometry}"]
    lines += [r"\begin{document}", *(rf"\input{{{name}}}" for name in names), r"\end{document}", ""]
    return "\n".join(lines)
