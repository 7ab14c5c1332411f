"""Every published cell with ours and a verdict: the rows of the scorecard, as texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas

from dbp.tables import paper
from dbp.tables.cells import format_cell
from dbp.tables.readable import MARKS, WIDE

NOT_COLUMNS = {"table", "mean", "std", "printed"}  # of `paper.yaml`: what is in a cell, not where it stands


def list_cells(table: pandas.DataFrame, columns: Sequence[str], *, percent: bool = True) -> pandas.DataFrame:
    """Published cells with ours, a row a cell.

    Args:
        table: one row a cell, with the two cells (`ours`, `theirs`) and the `verdict`, as `dbp.tables.p1` and
            `dbp.tables.p2` make it.
        columns: that say which cell it is.
        percent: how a cell is written, as of `dbp.tables.cells.format_cell`.

    Returns:
        Texts: `columns`, the paper, ours, seeds, verdict; and the mark `uninformative` (bool) if the table has it.
    """
    texts = _named(table, columns)
    for name, side in (("the paper", "theirs"), ("ours", "ours")):
        texts[name] = table[side].map(lambda cell: format_cell(cell, percent=percent))
    texts["seeds"] = table["ours"].map(lambda cell: str(cell.n) if cell else "–")
    return texts.assign(**{name: table[name] for name in ("verdict", "uninformative") if name in table})


def list_not_run(name: str, number: int, columns: Sequence[str] | None = None) -> pandas.DataFrame:
    """The published cells of a table of which nothing was run, in the form of `list_cells`.

    Args:
        name: "P1" or "P2".
        number: of the table.
        columns: that say which cell it is; by default all that the table has.

    Raises:
        ValueError: no such paper or table.
    """
    table = paper.read_table(name, number)
    columns = [column for column in table if column not in NOT_COLUMNS] if columns is None else columns
    texts = _named(table, columns)
    texts["the paper"] = [f"{row['mean']:.10g}" + (f" ± {row['std']:g}" if row.get("std", 0) > 0 else "")
                          for _, row in table.iterrows()]
    return texts.assign(ours="–", seeds="–", verdict="not run")


def count_verdicts(parts: Mapping[str, pandas.DataFrame]) -> pandas.DataFrame:
    """How many cells of each table have which verdict.

    Args:
        parts: name of the table to its cells, as `list_cells` and `list_not_run` give them, or the tables of `dbp.tables.p1`
            and `p2` themselves.

    Returns:
        A row a table, with a column a verdict, and how many of the cells, whatever their verdict, are marked
        `uninformative` (0 in tables without that mark).
    """
    found = {name: part["verdict"].value_counts() for name, part in parts.items()}
    counts = pandas.DataFrame(found).T.reindex(columns=paper.VERDICTS).fillna(0).astype(int)
    counts["uninformative"] = [int(part["uninformative"].eq(True).sum()) if "uninformative" in part else 0
                               for part in parts.values()]
    return counts.rename_axis("table").reset_index()


@dataclass(frozen=True)
class Count:
    """The verdicts of all tables in one, each with a link to its page; Markdown, so that the builder checks the links.

    Attributes:
        counts: of `count_verdicts`.
        pages: name of a table to the file of its results page, or nothing where it has none.
    """

    counts: pandas.DataFrame
    pages: Mapping[str, str]

    def _repr_markdown_(self) -> str:
        heads = ["table", "cells", *(f"{MARKS[verdict]} {verdict}" for verdict in paper.VERDICTS), f"{WIDE} uninformative"]
        lines = [heads, ["---", *["--:"] * (len(heads) - 1)]]
        for row in self._rows():
            name = f"[{row[0]}]({self.pages[row[0]]})" if row[0] in self.pages else row[0]
            lines.append([name, *("" if number == 0 else str(number) for number in row[1:])])
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def __repr__(self) -> str:
        names = ["table", "cells", *paper.VERDICTS, "uninformative"]
        return pandas.DataFrame(self._rows(), columns=names).to_string(index=False)

    def _rows(self) -> list[list]:
        numbers = self.counts[[*paper.VERDICTS, "uninformative"]]
        cells = self.counts[list(paper.VERDICTS)].sum(axis=1)
        rows = [[name, int(total), *map(int, row)] for name, total, row in
                zip(self.counts["table"], cells, numbers.to_numpy(), strict=True)]
        return [*rows, ["all", int(cells.sum()), *map(int, numbers.sum())]]


def _named(table: pandas.DataFrame, columns: Sequence[str]) -> pandas.DataFrame:
    return table[list(columns)].map(lambda value: f"{value:g}" if isinstance(value, float) else str(value))
