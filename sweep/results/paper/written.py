"""A table on the page: Markdown, LaTeX, HTML, plain text, and the numbers as CSV."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence

import pyarrow as pa
from rich import box
from rich.table import Table
from rich.text import Text

from sweep.console import WIDE, Console, styled
from sweep.results import cells
from sweep.results.paper import references
from sweep.results.paper.printed import SIGNS, Cell, Cite, Printed, Prose
from sweep.results.tables import as_csv as csv_of
from sweep.results.tables import html_page

MINUS = "\N{MINUS SIGN}"


def as_markdown(printed: Printed) -> str:
    """A pipe table, and the words around it; BibTeX in a block of code."""

    def cell(one: Cell) -> str:
        text = cells.markdown(_shown(one))
        marks = "\\*" * one.stars + "".join(one.signs)
        return f"**{text}**{marks}" if one.bold else f"{text}{marks}"

    def line(values: Sequence[str]) -> str:
        return f"| {' | '.join(values)} |\n"

    columns = [cells.markdown(column.name) for column in printed.columns]
    text = line([cells.markdown(printed.rows), *columns]) + "| --- " + "| ---: " * len(columns) + "|\n"
    for label, values in _heads(printed):
        text += line([f"*{cells.markdown(label)}*" if label else "", *map(cells.markdown, values)])
    for section in printed.sections:
        if section.title:
            text += line([f"**{cells.markdown(section.title)}**", *[""] * len(columns)])
        text += "".join(line([cells.markdown(one.label), *map(cell, one.cells)]) for one in section.lines)
    prose = [_paragraph(_prose(part, _on_a_line, _in_words)) for part in (printed.caption, printed.methods)]
    notes = "".join(f"- {_paragraph(_on_a_line(note))}\n" for note in _notes(printed))
    bibliography = f"```bibtex\n{_bibtex(printed)}```\n" if printed.cited else ""
    return "\n".join(
        part for part in (text, f"{prose[0]}\n", notes, f"{prose[1]}\n" if prose[1] else "", bibliography) if part
    )


def as_latex(printed: Printed) -> str:
    """A table with booktabs, a paragraph of methods for natbib's commands, and BibTeX in comments."""

    def cell(one: Cell) -> str:
        text = cells.latex(one.shown).replace("-", "$-$").replace("+", "$+$")
        marks = f"$^{{{'*' * one.stars}{''.join(_LATEX_SIGNS[sign] for sign in one.signs)}}}$"
        return (rf"\textbf{{{text}}}" if one.bold else text) + (marks if one.stars or one.signs else "")

    def line(values: Sequence[str]) -> str:
        text = " & ".join(values)
        return (f"{{{text[0]}}}{text[1:]}" if text.startswith(("[", "*")) else text) + r" \\"

    width = len(printed.columns)
    lines = [r"\begin{table*}", r"\centering", r"\small", rf"\begin{{tabular}}{{l{'r' * width}}}", r"\toprule"]
    if printed.groups:
        spans = [rf"\multicolumn{{{count}}}{{c}}{{{cells.latex(group)}}}" for group, count in printed.groups]
        lines.append(line(["", *spans]))
        lines.append(_rules(printed))
    lines.append(line([cells.latex(printed.rows), *(cells.latex(column.name) for column in printed.columns)]))
    lines += [line([cells.latex(label), *map(cells.latex, values)]) for label, values in _heads(printed, groups=False)]
    for section in printed.sections:
        lines.append(r"\midrule")
        if section.title:
            lines.append(rf"\multicolumn{{{width + 1}}}{{l}}{{\textit{{{cells.latex(section.title)}}}}} \\")
        lines += [line([cells.latex(one.label), *map(cell, one.cells)]) for one in section.lines]
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines.append(rf"\caption{{{_prose(printed.caption, cells.latex, _citep)}}}")
    lines.append(rf"\label{{tab:{printed.label}}}")
    if notes := " ".join(cells.latex(f"{note}.") for note in _notes(printed)):
        for sign, order in _LATEX_SIGNS.items():
            notes = notes.replace(sign, f"${order}$")
        lines += ["", rf"\footnotesize {notes}"]
    lines.append(r"\end{table*}")
    if printed.methods:
        lines += ["", _prose(printed.methods, cells.latex, _citep)]
    comments = [f"% {line}".rstrip() for line in _bibtex(printed).splitlines()]
    return "\n".join([*lines, *(["", *comments] if comments else [])]) + "\n"


def as_html(printed: Printed) -> str:
    """A page with the table, that asks the network for nothing and runs nothing."""

    def row(label: str, values: Sequence[str]) -> str:
        parts = "".join(f'<td class="number">{value}</td>' for value in values)
        return f'<tr><th scope="row">{label}</th>{parts}</tr>\n'

    def cell(one: Cell) -> str:
        text, marks = cells.in_html(_shown(one)), "*" * one.stars + "".join(one.signs)
        return (f"<b>{text}</b>" if one.bold else text) + (f"<sup>{marks}</sup>" if marks else "")

    head = ""
    if printed.groups:
        spans = "".join(f'<th colspan="{count}">{cells.in_html(group)}</th>' for group, count in printed.groups)
        head = f"<tr><td></td>{spans}</tr>\n"
    names = "".join(f'<th scope="col" class="number">{cells.in_html(column.name)}</th>' for column in printed.columns)
    head += f'<tr><th scope="col">{cells.in_html(printed.rows)}</th>{names}</tr>\n'
    for label, values in _heads(printed, groups=False):
        head += row(cells.in_html(label), [cells.in_html(value) for value in values])
    body = ""
    for section in printed.sections:
        if section.title:
            title = cells.in_html(section.title)
            body += f'<tr><th scope="rowgroup" colspan="{len(printed.columns) + 1}">{title}</th></tr>\n'
        body += "".join(row(cells.in_html(one.label), [*map(cell, one.cells)]) for one in section.lines)
    caption = _prose(printed.caption, cells.in_html, _in_words)
    table = f"<table>\n<caption>{caption}</caption>\n<thead>\n{head}</thead>\n<tbody>\n{body}</tbody>\n</table>\n"
    notes = "".join(f"<li>{cells.in_html(note)}</li>\n" for note in _notes(printed))
    said = f"<ul>\n{notes}</ul>\n" if notes else ""
    methods = _prose(printed.methods, cells.in_html, _in_words)
    entries = f"<pre>{cells.in_html(_bibtex(printed))}</pre>\n" if printed.cited else ""
    return html_page(f"{table}{said}{f'<p>{methods}</p>' if methods else ''}\n{entries}")


def as_text(printed: Printed) -> str:
    """For a person at a terminal, without colours: a dot stands before what is bold elsewhere."""
    text = io.StringIO()
    console = Console(file=text, width=WIDE)
    for part in for_terminal(printed):
        console.print(part, soft_wrap=not isinstance(part, Table))
    return text.getvalue()


def for_terminal(printed: Printed) -> list[Table | Text | str]:
    """The table and the words around it; BibTeX is for files."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    heads = _heads(printed, groups=False)
    table.add_column("\n".join([printed.rows, *(label for label, _ in heads)]), no_wrap=True)
    for place, column in enumerate(printed.columns):
        table.add_column("\n".join([column.name, *(values[place] for _, values in heads)]), justify="right")
    for section in printed.sections:
        if section.title:
            table.add_row(styled(section.title, "italic"))
        for one in section.lines:
            table.add_row(one.label, *map(_plain, one.cells))
    said = [f"  {note}" for note in _notes(printed)]
    dot = ["• what is bold on paper"] if _has_bold(printed) else []
    methods = _prose(printed.methods, str, _in_words)
    return [table, _prose(printed.caption, str, _in_words), *dot, *said, *(["", methods] if methods else [])]


def as_csv(printed: Printed) -> str:
    """The numbers exactly, a line for each cell: what papers have side by side, scripts want below each other."""
    rows = [
        {
            "section": section.title,
            "group": column.group,
            "column": column.name,
            "condition": line.label,
            "value": cell.value,
            "is_difference": cell.is_difference,
            "p_adjusted": cell.p,
            "bold": cell.bold,
            **{name: getattr(cell, name) for name in ("seeds", "planned", "collapsed", "failed", "missing")},
        }
        for section in printed.sections
        for line in section.lines
        for column, cell in zip(printed.columns, line.cells, strict=True)
    ]
    return csv_of(pa.Table.from_pylist(rows))


FORMATS: dict[str, Callable[[Printed], str]] = {
    "table": as_text,
    "csv": as_csv,
    "markdown": as_markdown,
    "latex": as_latex,
    "html": as_html,
}

_LATEX_SIGNS = {"†": r"\dagger", "‡": r"\ddagger"}


def _on_a_line(text: str) -> str:
    """Text within a paragraph of Markdown: a line end would begin another one."""
    return cells.markdown(re.sub(r"\s", " ", text))


def _paragraph(text: str) -> str:
    """A line of Markdown that is a paragraph, whatever it begins with."""
    return re.sub(r"^(?=[#+=-])|^(\d+)(?=[.)])", r"\1\\", text.strip())


def _shown(cell: Cell) -> str:
    return cell.shown.replace("-", MINUS)


def _plain(cell: Cell) -> str:
    return ("•" if cell.bold else "") + _shown(cell) + "*" * cell.stars + "".join(cell.signs)


def _has_bold(printed: Printed) -> bool:
    return any(cell.bold for section in printed.sections for line in section.lines for cell in line.cells)


def _heads(printed: Printed, groups: bool = True) -> list[tuple[str, list[str]]]:
    """What stands below the columns' names: groups, where no other line has them, and what is said of each."""
    lines: list[tuple[str, list[str]]] = []
    if groups and printed.groups:
        starts = [column.group if not place or printed.columns[place - 1].group != column.group else ""
                  for place, column in enumerate(printed.columns)]  # fmt: skip
        lines.append(("", starts))
    lines += [(label, [column.about[place] for column in printed.columns]) for place, label in enumerate(printed.about)]
    return lines


def _rules(printed: Printed) -> str:
    """A line below each group of columns."""
    rules, start = "", 2
    for group, count in printed.groups:
        if group:
            rules += rf"\cmidrule(lr){{{start}-{start + count - 1}}}"
        start += count
    return rules


def _notes(printed: Printed) -> list[str]:
    return [*(f"{sign} {SIGNS[sign]}" for sign in printed.signs), *printed.notes]


def _prose(prose: Prose, escape: Callable[[str], str], cited: Callable[[Cite], str]) -> str:
    return "".join(cited(part) if isinstance(part, Cite) else escape(part) for part in prose).strip()


def _in_words(cited: Cite) -> str:
    return f" ({'; '.join(references.short(key) for key in cited.keys)})"


def _citep(cited: Cite) -> str:
    return rf"~\citep{{{','.join(cited.keys)}}}"


def _bibtex(printed: Printed) -> str:
    return "".join(f"{references.bibtex(key)}\n" for key in printed.cited)
