"""Tables and figures for LaTeX: booktabs and graphicx are all that it needs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import starmap

import pandas as pd

from reports.exports.figures import drawings
from reports.exports.files import File
from reports.exports.sheets import Cell, Sheet, sheets
from reports.figures.drawing import Drawing
from reports.report import Report

_SPECIAL = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "†": r"\dag{}",
    "−": "$-$",
    "–": "--",
    "…": r"\ldots{}",
}
LONG, COLUMN = 40, "4cm"
"""Texts of more signs than that are broken into lines of this width."""
WIDE = 110
"""Tables with more signs than that in a row are set smaller."""
_POWER = re.compile(r"×10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_DIGITS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def files(report: Report) -> Iterator[File]:
    """``all.tex``, which shows them all, a file a table and one of all figures, to be read by ``\\input``."""
    found = sheets(report)
    yield File("all.tex", _document([*(sheet.name for sheet in found), "figures"]))
    for sheet in found:
        yield File(f"{sheet.name}.tex", table(sheet))
    yield File("figures.tex", "% needs \\usepackage{graphicx}\n" + "".join(starmap(figure, drawings(report))))


def table(sheet: Sheet) -> str:
    """A ``table`` environment of one sheet."""
    if not sheet.rows:
        return f"% {sheet.name}: there are no runs yet\n"
    heads = [escaped(head) for head in sheet.heads]
    # The end of a row takes what begins with [ or * for an argument: an empty group stands before.
    content = [
        ["{}" + _cell(cell) if not place else _cell(cell) for place, cell in enumerate(row)] for row in sheet.rows
    ]
    aligned = "".join(_alignment([row[place] for row in sheet.rows]) for place in range(len(heads)))
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
    notes = "".join(f"{escaped(note)}\\par\n" for note in sheet.notes)
    below = (
        f"\\par\\smallskip\n\\begin{{minipage}}{{\\linewidth}}\\footnotesize\n{notes}\\end{{minipage}}\n"
        if notes
        else ""
    )
    start, end = "\\begin{tabular}", "\\end{table}"
    if max(sum(len(cell.text) for cell in row) for row in sheet.rows) > WIDE:
        text = text.replace(start, f"\\footnotesize\\setlength{{\\tabcolsep}}{{3pt}}\n{start}", 1)
    return f"% needs \\usepackage{{booktabs}}\n{text.replace(end, below + end)}"


def figure(of: str, drawing: Drawing) -> str:
    """A ``figure`` environment of all panels of a figure, on a page of its own; `of` begins its caption."""
    room = "width=0.48\\linewidth,height=0.4" if len(drawing.panels) > 1 else "width=0.8\\linewidth,height=0.8"
    size = rf"{room}\textheight,keepaspectratio"
    panels = (rf"\includegraphics[{size}]{{figures/{panel.name}.pdf}}" for panel in drawing.panels)
    caption = escaped(" ".join([f"{of}: {drawing.heading}.", drawing.caption, *drawing.notes]))
    lines = [r"\begin{figure}[p]", r"\centering", *panels, rf"\caption{{{caption}}}"]
    return "\n".join([*lines, rf"\label{{fig:{drawing.panels[0].name}}}", r"\end{figure}", r"\clearpage", ""])


def escaped(text: str) -> str:
    """`text` as LaTeX sets it, with nothing in it that LaTeX would run."""
    line = _POWER.sub(lambda found: f"\0{found[1].translate(_DIGITS)}\1", " ".join(text.split()))
    # Signs without a shape, as those that turn the direction of writing, would act on what stands around them.
    line = "".join(_SPECIAL.get(sign, sign) for sign in line if unicodedata.category(sign) != "Cf")
    return re.sub("\0([^\1]*)\1", r"$\\times 10^{\1}$", line)


def _alignment(cells: Sequence[Cell]) -> str:
    """How a column stands: numbers to the right, texts to the left, long texts on several lines."""
    if cells[0].number:
        return "r"
    return f"p{{{COLUMN}}}" if max(len(cell.text) for cell in cells) > LONG else "l"


def _cell(cell: Cell) -> str:
    return rf"\textbf{{{escaped(cell.text)}}}" if cell.best else escaped(cell.text)


def _document(names: list[str]) -> str:
    lines = ["% names in other scripts than Latin need lualatex or xelatex"]
    packages = (r"\usepackage{booktabs,graphicx}", r"\usepackage[margin=1.5cm,landscape]{geometry}")
    lines += [r"\documentclass{article}", *packages]
    lines += [r"\begin{document}", *(rf"\input{{{name}}}" for name in names), r"\end{document}", ""]
    return "\n".join(lines)
