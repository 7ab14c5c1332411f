"""A published table as a person can read it: paper and ours side by side, a mark a verdict, the difference in colour.

A mark says the verdict without colour, and its name can be heard. The colours are two, blue and orange, which readers with
any kind of colour blindness can tell apart; they are translucent, so that they can be read on a dark page too.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas

from dbp.spelling import require_name
from dbp.tables.cells import Cell, format_cell

MARKS = {"matches": "✓", "same direction": "⇈", "neither moves": "○", "undecided": "?", "differs": "✗", "not run": "–"}
WIDE = "↔"  # a cell that is uninformative
MOST_COLUMNS = 8
TINTS = (0.13, 0.26, 0.42)  # how opaque a small, a middling and a large difference are
HIGHER, LOWER = "0,114,178", "213,94,0"  # Okabe and Ito's blue and vermilion


@dataclass(frozen=True)
class Scale:
    """How a difference is written and coloured.

    Attributes:
        steps: from where on it is coloured lightly, more, and most, in its unit.
        name: what is subtracted from what, for the legend.
        text: how a difference is written.
        percent: how a cell is written, as in `dbp.tables.cells.format_cell`.
        edge: how a step is written.
    """

    steps: tuple[float, float, float]
    name: str
    text: str
    percent: bool
    edge: str = "{:g}"


SCALES = {
    "points": Scale((1, 5, 20), "ours minus the paper's, in points", "{:+.1f}", True),
    "area": Scale((0.02, 0.1, 0.3), "ours minus the paper's, an area", "{:+.3f}", False),
    "factor": Scale((np.log(1.25), np.log(3), np.log(30)), "how many times our factor is the paper's", "×\u202f{:.3g}",
                    False),
}


def side_by_side(
    table: pandas.DataFrame, rows: Sequence[str], across: str, *, scale: str = "points", split: str | None = None,
    names: Mapping | None = None, sides: tuple[str, str] = ("paper", "ours"), ours_only: Sequence = (),
    comparable: bool = True,
) -> "SideBySide":
    """Lay a comparison out: what `across` holds from left to right, the paper and ours under each.

    Args:
        table: a row a cell, in the order in which they are to stand, as `dbp.tables.beside.compare` gives them; with the
            scale "factor" also their logarithms, `ratio` and `their_ratio`.
        rows: one or two columns; with two the first gathers the rows in groups.
        across: the column whose values stand beside each other.
        scale: what is said about a difference, a key of `SCALES`; "factor" writes with / without DBP below both numbers.
        split: a column; each of its values has a table of its own.
        names: values and columns to what is written for them.
        sides: what the two sides are called.
        ours_only: values of `across` beside which nothing of the paper stands, since it does already.
        comparable: whether ours minus theirs means anything; it does not between two sets of images.

    Returns:
        A `SideBySide`, which a page shows.

    Raises:
        ValueError: there is no such scale, two rows have one place, or a table would have more than `MOST_COLUMNS` columns.
    """
    require_name(scale, SCALES, "scale")
    parts = {"": table} if split is None else {value: part for value, part in table.groupby(split, sort=False)}
    for part in parts.values():
        if part.duplicated([*rows, across]).any():
            first = part[part.duplicated([*rows, across])].iloc[0]
            raise ValueError(f"two cells have one place: {first[[*rows, across]].to_dict()}")
        columns = 1 + sum(1 if value in ours_only else 2 for value in part[across].unique())
        if columns > MOST_COLUMNS:
            raise ValueError(f"a table has at most {MOST_COLUMNS} columns, but this would have {columns}; split it")
    return SideBySide(parts, tuple(rows), across, scale, dict(names or {}), sides, tuple(ours_only), comparable)


@dataclass(frozen=True)
class SideBySide:
    """One or several tables with one legend; made by `side_by_side`, shown by a notebook.

    Attributes:
        parts: caption to the cells of a table.
        rows, across, scale, names, sides, ours_only, comparable: as of `side_by_side`.
    """

    parts: dict[str, pandas.DataFrame]
    rows: tuple[str, ...]
    across: str
    scale: str
    names: dict = field(default_factory=dict)
    sides: tuple[str, str] = ("paper", "ours")
    ours_only: tuple = ()
    comparable: bool = True

    def _repr_html_(self) -> str:
        tables = [f'<div class="dbp-scroll" style="overflow-x:auto">{self._table(caption, part)}</div>'
                  for caption, part in self.parts.items()]
        return "\n".join([*tables, legend(self)]) if self.parts else "<p>not run</p>"

    def __repr__(self) -> str:
        return "\n\n".join((f"{self.name(caption)}\n" if caption != "" else "") + _texts(self, part).to_string(index=False)
                           for caption, part in self.parts.items()) or "not run"

    def name(self, value) -> str:
        """What is written for a value or a column."""
        if value in self.names:
            return self.names[value]
        return f"{value:g}" if isinstance(value, float) else str(value)

    def columns(self, part: pandas.DataFrame) -> list[tuple]:
        """The columns behind the first: (value of `across`, "theirs" or "ours")."""
        return [(value, side) for value in part[self.across].unique()
                for side in (("ours",) if value in self.ours_only else ("theirs", "ours"))]

    def heading(self, part: pandas.DataFrame, value, side: str) -> str:
        """Of a column: whose numbers, and of how many runs, if all of its cells have as many."""
        counts = _counts(part[part[self.across] == value][side])
        return self.sides[side == "ours"] + (f", {_runs(*counts)}" if len(counts) == 1 and None not in counts else "")

    def said(self, part: pandas.DataFrame, row: pandas.Series, side: str) -> tuple[str, str, str]:
        """A cell: its number; its mark and verdict in words ("" where there is none); and what stands below, in small."""
        cell = row[side]
        if cell is None:
            collapsed = side == "ours" and row.get("collapsed") and self.scale == "area"
            return ("collapsed" if collapsed else "–"), row["verdict"] if side == "ours" else "", ""
        number = format_cell(cell, percent=SCALES[self.scale].percent).removesuffix(" (one seed)")
        if side == "theirs" and cell.std is None:
            number = f"{cell.mean:.10g}"  # as printed
        below = []
        if self.scale == "factor":
            ratio = row["their_ratio"] if side == "theirs" else row["ratio"] and row["ratio"].mean
            below += [SCALES["factor"].text.format(np.exp(ratio))] if ratio is not None and not pandas.isna(ratio) else []
        elif side == "ours" and difference(row, self) is not None:
            below += [SCALES[self.scale].text.format(difference(row, self)).replace("-", "−")]
        counts = _counts(part[part[self.across] == row[self.across]][side])
        below += [_runs(cell.n)] if len(counts) > 1 and cell.n else []
        return number, row["verdict"] if side == "ours" else "", ", ".join(below)

    def _table(self, caption: str, part: pandas.DataFrame) -> str:
        columns, group = self.columns(part), self.rows[0] if len(self.rows) == 2 else None
        spans = {value: sum(1 for other, _ in columns if other == value) for value, _ in columns}
        out = ['<table class="dataframe dbp-table dbp-beside">',
               f"<caption>{html.escape(self.name(caption))}</caption>" if caption != "" else "",
               f'<thead><tr><th rowspan="2" scope="col">{_safe(self.name(self.rows[-1]))}</th>',
               *(f'<th colspan="{span}" scope="colgroup" class="first">{_safe(self.name(value))}</th>'
                 for value, span in spans.items()),
               "</tr><tr>", *(f'<th scope="col"{first}>{_safe(self.heading(part, *column))}</th>'
                              for column, first in zip(columns, _firsts(columns), strict=True)),
               "</tr></thead><tbody>"]
        for name, rows in part.groupby(group, sort=False) if group else [(None, part)]:
            if group:
                out.append(f'<tr><th colspan="{1 + len(columns)}" scope="rowgroup">{_safe(self.name(name))}</th></tr>')
            for label, cells in rows.groupby(self.rows[-1], sort=False):
                found = {row[self.across]: row for _, row in cells.iterrows()}
                out += [f'<tr><th scope="row">{_safe(self.name(label))}</th>',
                        *(self._cell(part, found.get(value), side).replace("<td", f"<td{first}", 1)
                          for (value, side), first in zip(columns, _firsts(columns), strict=True)), "</tr>"]
        return "".join([*out, "</tbody></table>"])

    def _cell(self, part: pandas.DataFrame, row: pandas.Series | None, side: str) -> str:
        if row is None:
            return "<td></td>"
        number, verdict, below = self.said(part, row, side)
        tint = _tint(difference(row, self), SCALES[self.scale].steps) if side == "ours" else ""
        marks = _marks(verdict, row["uninformative"]) if verdict in MARKS and number != "–" else ""
        small = f'<br><span style="font-size:0.85em">{_safe(below)}</span>' if below else ""
        return f"<td{tint}>{_safe(number)}{marks}{small}</td>"


def difference(row: pandas.Series, table: SideBySide) -> float | None:
    """Ours minus theirs, in the unit of the scale (for factors, of the logarithms); None where it means nothing."""
    if table.scale == "factor":
        ratio = row["ratio"]
        return None if ratio is None or not np.isfinite(ratio.mean) else ratio.mean - row["their_ratio"]
    known = table.comparable and row["ours"] is not None and row["theirs"] is not None and np.isfinite(row["ours"].mean)
    return row["ours"].mean - row["theirs"].mean if known else None


def legend(table: SideBySide) -> str:
    """What the marks and colours of a table mean, those that it has; HTML."""
    rows = pandas.concat(table.parts.values())
    verdicts = [verdict for verdict in MARKS if (rows["verdict"] == verdict).any()]
    marks = [f"{MARKS[verdict]}&nbsp;{verdict}" for verdict in verdicts]
    marks += [f"{WIDE}&nbsp;uninformative"] if rows["uninformative"].any() else []
    scale, lines = SCALES[table.scale], [" &ensp; ".join(marks)]
    if any(difference(row, table) is not None for _, row in rows.iterrows()):
        edges = [scale.edge.format(np.exp(step) if table.scale == "factor" else step) for step in scale.steps]
        below, above = ("1/{}", "{}") if table.scale == "factor" else ("−{}", "+{}")
        boxes = [(below.format(edge), -step, "less than ") for edge, step in zip(edges, scale.steps, strict=True)][::-1]
        boxes += [(above.format(edge), step, "more than ") for edge, step in zip(edges, scale.steps, strict=True)]
        lines.append(f"Colour: {scale.name}. " + " ".join(
            f'<span{_tint(step * 1.0001, scale.steps, "padding:0 0.4em;white-space:nowrap")}>{words}{edge}</span>'
            for edge, step, words in boxes))
    return '<p class="dbp-legend" style="font-size:0.85em">' + "<br>".join(lines) + "</p>"


def _texts(table: SideBySide, part: pandas.DataFrame) -> pandas.DataFrame:
    """The same as texts, for where no HTML is shown."""
    rows = []
    for key, cells in part.groupby(list(table.rows), sort=False):
        found = {row[table.across]: row for _, row in cells.iterrows()}
        line = {table.name(column): table.name(value) for column, value in zip(table.rows, key, strict=True)}
        for value, side in table.columns(part):
            row, text = found.get(value), ""
            if row is not None:
                number, verdict, below = table.said(part, row, side)
                marks = [MARKS[verdict]] if verdict in MARKS and number != "–" else []
                marks += [WIDE] if marks and row["uninformative"] else []
                text = " ".join([number, *([f"({below})"] if below else []), *marks])
            line[f"{table.name(value)}: {table.heading(part, value, side)}"] = text
        rows.append(line)
    return pandas.DataFrame(rows)


def _firsts(columns: list[tuple]) -> list[str]:
    """What marks the first column of each heading, before which a line is drawn."""
    return [' class="first"' if i == 0 or columns[i - 1][0] != value else "" for i, (value, _) in enumerate(columns)]


def _counts(cells: pandas.Series) -> set:
    return {cell.n for cell in cells if isinstance(cell, Cell)}


def _runs(n: int) -> str:
    return "one seed" if n == 1 else f"n = {n}"


def _marks(verdict: str, uninformative: bool) -> str:
    words = {MARKS[verdict]: verdict} | ({WIDE: "uninformative"} if uninformative else {})
    return "".join(f' <span role="img" aria-label="{said}" title="{said}">{mark}</span>' for mark, said in words.items())


def _tint(value: float | None, steps: Sequence[float], style: str = "") -> str:
    """The style of a cell whose difference this is."""
    level = sum(abs(value) >= step for step in steps) if value is not None else 0
    color = f"background:rgba({HIGHER if value > 0 else LOWER},{TINTS[level - 1]})" if level else ""
    found = ";".join(part for part in (color, style) if part)
    return f' style="{found}"' if found else ""


def _safe(text: str) -> str:
    return html.escape(text).replace("n = ", "n&nbsp;=&nbsp;")  # which are not parted at the end of a line
