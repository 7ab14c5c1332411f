"""Each published table of the results pages: every cell of ours beside it, and which one the scorecard counts."""

from dataclasses import dataclass

import numpy as np
import pandas

from dbp.tables import areas, attacks, p1, p2, paper
from dbp.tables.scorecard import NOT_COLUMNS

# Of each table: the experiment whose records are compared, and the columns that name a published cell.
_P1 = ["model", "dataset", "measure"]
SOURCES = {
    ("P1", 1): ("dbp_autoencoders", [*_P1, "dbp"]), ("P1", 2): ("auddc", [*_P1, "dbp"]),
    ("P1", 3): ("gmm_classifier", _P1), ("P1", 4): ("gmm_classifier", [*_P1, "crafted_on"]),
    ("P2", 2): ("l1_penalty", ["model", "measure", "lam"]),
    ("P2", 3): ("l1_adversarial_training", ["model", "method", "measure", "eps"]),
    ("P2", 4): ("l1_adversarial_training", ["measure", "lam"]),
}


@dataclass(frozen=True)
class Source:
    """Where the cells of a table come from.

    Attributes:
        experiment: whose records are compared, as `dbp.runs.load` names it.
        place: the columns that name a published cell.
    """

    experiment: str
    place: list[str]


def source(name: str, number: int) -> Source:
    """The experiment and the columns of a table.

    Args:
        name: "P1" or "P2".
        number: of the table.

    Raises:
        ValueError: the table has no results page.
    """
    if (name, number) not in SOURCES:
        known = ", ".join(f"{found} Table {table}" for found, table in SOURCES)
        raise ValueError(f"there is no results page of {name} Table {number!r}; there are {known}")
    return Source(*SOURCES[name, number])


def compare(name: str, number: int, frame: pandas.DataFrame) -> pandas.DataFrame:
    """A published table with all that we have beside it, under every reading and on every set of images.

    Which row is *counted*: on the paper's own images; of P1 Table 1 the norm of d x' / d x, as its heading says, and of
    Tables 1 to 4 the loss of Eq. (10) as it reads, the target attached; in Tables 3 and 4 an encoder's probabilities are
    climbed; of P2 Table 2 the mean entry of the Jacobian of the softmax.

    Args:
        name: "P1" or "P2".
        number: of the table.
        frame: records of its experiment (`source`), as `dbp.runs.load` gives them; empty if there are none.

    Returns:
        One row a cell: what names it, the two cells `ours` and `theirs` (None where there is none), the `verdict` ("not in
        the paper" where nothing was published), whether the cell is `uninformative`, and whether the row is `counted`. Every
        published cell is counted, as *not run* if there is nothing of ours. P1 Table 1 has also `ratio` and `their_ratio`,
        the natural logarithms of with / without DBP.

    Raises:
        ValueError: the table has no results page, or two rows would be counted for one published cell.
    """
    place = source(name, number).place
    table = _compare(name, number, frame) if len(frame) else pandas.DataFrame(columns=[*place, "counted"])
    twice = table.loc[table["counted"].astype(bool), place].duplicated()
    if twice.any():
        raise ValueError(f"{name} Table {number} would count {int(twice.sum())} cells twice")
    there = {tuple(row) for row in table.loc[table["counted"].astype(bool), place].to_numpy()}
    missing = [_not_run(name, number, row) for row in _published(name, number) if _key(row, place) not in there]
    table = pandas.concat([table, pandas.DataFrame(missing)], ignore_index=True) if missing else table
    for side in ("ours", "theirs"):  # None, not NaN, where a table was put together
        table[side] = table[side].astype(object).where(table[side].notna(), None)
    marks = table["uninformative"].eq(True) if "uninformative" in table else False
    known = {column: table[column].astype(bool) for column in ("counted", "dbp", "literal") if column in table}
    table = table.assign(uninformative=marks, **known)  # which the rows that were put in have made objects of
    return _with_their_ratio(table) if (name, number) == ("P1", 1) else table


def lost(name: str, number: int, table: pandas.DataFrame) -> list[tuple]:
    """Published cells that do not stand exactly once in a table, and cells of it that were not published.

    Args:
        name, number: of the published table.
        table: with the columns that name its cells, as `compare` gives them; only its counted rows, for all that is said
            about a published table.

    Returns:
        What names each such cell; empty if the table is complete.
    """
    place = source(name, number).place
    published = [_key(row, place) for row in _published(name, number)]
    found = [tuple(row) for row in table[place].to_numpy()]
    return [key for key in dict.fromkeys([*published, *found]) if published.count(key) != 1 or found.count(key) != 1]


def _compare(name: str, number: int, frame: pandas.DataFrame) -> pandas.DataFrame:
    """The comparison of the table's own module, with the column `counted`."""
    if name == "P2" and number == 2:
        table = p2.compare_table2(frame)
        counted = (table["reduction"] == "mean") & (table["outputs"] == "softmax") & table["theirs"].notna()
        return table.assign(counted=counted)
    if name == "P2":
        return p2.compare_tables_3_and_4(frame)[number].assign(counted=True)
    if number == 1:
        table = p1.compare_table1(frame)
        literal = table["reading"].isin(["reconstruction", "jacobian"])
    elif number == 2:
        table = areas.compare_table2(frame)
        table, literal = table.assign(measure="auddc_" + table["space"]), True
    else:
        table = attacks.compare_tables_3_and_4(frame)[number]
        literal = table["literal"] & table["theirs"].notna()
    return table.assign(counted=literal & (table["on"] == table["dataset"]) & table["target"].isin(["none", "attached"]))


def _published(name: str, number: int) -> list[dict]:
    return paper.read_table(name, number).to_dict("records")


def _key(row: dict, place: list[str]) -> tuple:
    return tuple(row[column] for column in place)


def _not_run(name: str, number: int, row: dict) -> dict:
    where = {column: row[column] for column in row if column not in NOT_COLUMNS and not pandas.isna(row[column])}
    theirs = paper.read_cell(name, table=number, **where)
    found = where | {"ours": None, "theirs": theirs, "verdict": "not run", "counted": True}
    if name == "P2":
        return found | ({"reduction": "mean", "outputs": "softmax"} if number == 2 else {})
    penalised = where["dbp"] if number < 3 else where["model"] == attacks.ENCODER
    found |= {"on": where["dataset"], "target": "attached" if penalised else "none"}
    return found | {
        1: {"reading": "jacobian" if where["measure"] == "gradient" else "reconstruction", "ratio": None},
        2: {"space": where["measure"].removeprefix("auddc_"), "collapsed": 0},
    }.get(number, {"literal": True, "eps": None, "worst": None})


def _with_their_ratio(table: pandas.DataFrame) -> pandas.DataFrame:
    ratios = []
    for row in table.to_dict("records"):
        where = {column: row[column] for column in _P1}
        with_dbp, without = (paper.read_cell("P1", table=1, dbp=dbp, **where).mean for dbp in (True, False))
        ratios.append(float(np.log(with_dbp / without)) if row["dbp"] else None)
    return table.assign(ratio=table["ratio"].astype(object).where(table["ratio"].notna(), None), their_ratio=ratios)
