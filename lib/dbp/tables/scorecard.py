"""Every published cell with ours and a verdict: the rows of the scorecard, as texts."""

from collections.abc import Callable, Mapping, Sequence

import pandas

from dbp.tables import p2 as tables
from dbp.tables import paper
from dbp.tables.paper import Cell

NOT_COLUMNS = {"table", "mean", "std", "printed"}  # of `paper.yaml`: what is in a cell, not where it stands


def beside(
    table: pandas.DataFrame, columns: Sequence[str], as_text: Callable[[Cell | None], str] = tables.as_text
) -> pandas.DataFrame:
    """Published cells with ours.

    Args:
        table: one row a cell, with the two cells (`ours`, `theirs`) and the `verdict`, as `tables` and `p1_tables` make it.
        columns: that say which cell it is.
        as_text: how a cell is written.

    Returns:
        Texts: `columns`, the paper, ours, seeds, verdict.
    """
    texts = _named(table, columns)
    texts["the paper"], texts["ours"] = table["theirs"].map(as_text), table["ours"].map(as_text)
    texts["seeds"] = table["ours"].map(lambda cell: str(cell.n) if cell else "–")
    return texts.assign(verdict=table["verdict"])


def not_run(name: str, number: int, columns: Sequence[str] | None = None) -> pandas.DataFrame:
    """The published cells of a table of which nothing was run, in the form of `beside`.

    Args:
        name: "P1" or "P2".
        number: of the table.
        columns: that say which cell it is; by default all that the table has.
    """
    table = paper.table(name, number)
    columns = [column for column in table if column not in NOT_COLUMNS] if columns is None else columns
    texts = _named(table, columns)
    texts["the paper"] = [f"{row['mean']:g}" + (f" ± {row['std']:g}" if row.get("std", 0) > 0 else "")
                          for _, row in table.iterrows()]
    return texts.assign(ours="–", seeds="–", verdict="not run")


def count(parts: Mapping[str, pandas.DataFrame]) -> pandas.DataFrame:
    """How many cells of each table have which verdict: a row a table, a column a verdict.

    Args:
        parts: name of the table to its cells, as `beside` and `not_run` give them.
    """
    found = {name: part["verdict"].value_counts() for name, part in parts.items()}
    counts = pandas.DataFrame(found).T.reindex(columns=paper.VERDICTS).fillna(0).astype(int)
    return counts.rename_axis("table").reset_index()


def _named(table: pandas.DataFrame, columns: Sequence[str]) -> pandas.DataFrame:
    return table[list(columns)].map(lambda value: f"{value:g}" if isinstance(value, float) else str(value))
