"""Every cell of a table, one a line: folded on a page, sorted by its headings, and taken home as CSV."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import pandas

from dbp.tables.cells import format_cell


def list_numbers(table: pandas.DataFrame, where: Sequence[str]) -> pandas.DataFrame:
    """The cells of a comparison as numbers, for a CSV.

    Args:
        table: a row a cell, as `dbp.tables.beside.compare` gives them.
        where: columns that say which cell it is; those that the table lacks are left out.

    Returns:
        `where`; `paper`, `paper_std`, `ours`, `ours_std` in the unit of the cells (NaN where there is none) and `seeds` of
        ours; `verdict`, `uninformative` and whether the scorecard counts the row (`counted`).
    """
    found = table[[name for name in where if name in table]].copy()
    for name, side in (("paper", "theirs"), ("ours", "ours")):
        found[name] = [cell.mean if cell else float("nan") for cell in table[side]]
        found[f"{name}_std"] = [cell.std if cell and cell.std is not None else float("nan") for cell in table[side]]
    found["seeds"] = pandas.array([cell.n if cell else None for cell in table["ours"]], dtype="Int64")
    return found.assign(**{name: table[name].to_list() for name in ("verdict", "uninformative", "counted") if name in table})


@dataclass(frozen=True)
class Listing:
    """A folded list of cells with a link to its CSV, which needs neither a network nor a server.

    Attributes:
        table: a row a cell, as `dbp.tables.beside.compare` gives them.
        where: columns that say which cell it is.
        file: name of the CSV, without its ending.
        percent: how a cell is written, as in `dbp.tables.cells.format_cell`.
    """

    table: pandas.DataFrame
    where: Sequence[str]
    file: str
    percent: bool = True

    def csv(self) -> str:
        """The numbers of `list_numbers` as CSV, to six significant digits."""
        return list_numbers(self.table, self.where).to_csv(index=False, float_format="%.6g", lineterminator="\n")

    def _repr_html_(self) -> str:
        texts, numbers = self._texts(), list_numbers(self.table, self.where)
        link = (f'<p><a download="{self.file}.csv" href="data:text/csv;charset=utf-8,{quote(self.csv())}">'
                f"Download {self.file}.csv</a></p>")
        values = {"the paper": numbers["paper"].to_list(), "ours": numbers["ours"].to_list()}
        return _fold(texts, f"All {len(texts)} cells, one a line", link, values)

    def __repr__(self) -> str:
        return self._texts().to_string(index=False)

    def _texts(self) -> pandas.DataFrame:
        where = [name for name in self.where if name in self.table]
        texts = self.table[where].map(_text)
        for name, side in (("the paper", "theirs"), ("ours", "ours")):
            texts[name] = [format_cell(cell, percent=self.percent).removesuffix(" (one seed)") for cell in self.table[side]]
        texts["seeds"] = [str(cell.n) if cell else "–" for cell in self.table["ours"]]
        texts["verdict"] = self.table["verdict"]
        for name in ("uninformative", "counted"):
            if name in self.table and not (name == "counted" and self.table[name].all()):
                texts[name] = self.table[name].map({True: "yes", False: "no"})
        return texts


@dataclass(frozen=True)
class Folded:
    """A long table of texts behind one line, sorted by its headings.

    Attributes:
        frame: what is shown.
        title: the line.
    """

    frame: pandas.DataFrame
    title: str

    def _repr_html_(self) -> str:
        return _fold(self.frame, self.title)

    def __repr__(self) -> str:
        return f"{self.title}\n{self.frame.to_string(index=False)}"


def _fold(texts: pandas.DataFrame, title: str, before: str = "", values: Mapping[str, Sequence[float]] | None = None) -> str:
    """A folded table; `values` are what some of its columns are sorted by, instead of their texts."""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in texts)
    lines = []
    for i, row in enumerate(texts.to_dict("records")):
        cells = [f"<td{_value(values[name][i]) if name in (values or {}) else ''}>{html.escape(text)}</td>"
                 for name, text in row.items()]
        lines.append("<tr>" + "".join(cells) + "</tr>")
    return (f'<details class="dbp-listing"><summary>{html.escape(title)}</summary>{before}'
            '<div class="dbp-scroll" style="overflow-x:auto"><table class="dataframe dbp-table dbp-sortable">'
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div></details>")


def _text(value) -> str:
    if isinstance(value, str | bool):
        return {True: "yes", False: "no"}.get(value, value)
    return "–" if pandas.isna(value) else f"{value:g}"


def _value(number: float) -> str:
    return "" if pandas.isna(number) else f' data-value="{number:.6g}"'
