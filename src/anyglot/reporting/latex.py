"""A table of a report as LaTeX, with booktabs' rules."""

from __future__ import annotations

from anyglot.reporting.elements import Cell, Table
from anyglot.reporting.markdown import cell_text

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "‖": r"$\|$",
    "σ": r"$\sigma$",
    "–": "--",
    "→": r"$\rightarrow$",
    "≤": r"$\le$",
    "×": r"$\times$",
}


def latex_escaped(text: str) -> str:
    """A text as LaTeX prints it, on one line."""
    return "".join(_SPECIAL.get(character, character) for character in " ".join(text.split()))


def latex_table(table: Table, label: str = "") -> str:
    r"""A `table` environment with caption and, if given, label; needs \usepackage{booktabs}."""
    numeric = [
        bool(table.rows) and all(not isinstance(row[column], str) for row in table.rows)
        for column in range(len(table.columns))
    ]
    caption = f"{table.title}. {table.note}" if table.note else f"{table.title}."
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\begin{{tabular}}{{{''.join('r' if right else 'l' for right in numeric)}}}",
        r"\toprule",
        _row(table.columns, table.decimals),
        r"\midrule",
        *(_row(row, table.decimals) for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
        rf"\caption{{{latex_escaped(caption)}}}",
        *([rf"\label{{{label}}}"] if label else []),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _row(cells: tuple[Cell, ...], decimals: int) -> str:
    return " & ".join(latex_escaped(cell_text(cell, decimals)) for cell in cells) + r" \\"
