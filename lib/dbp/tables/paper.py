"""What did they print? The papers' numbers, read from paper.yaml, and how ours compare with them."""

import functools
import importlib.resources
import math

import pandas
import yaml

from dbp.spelling import require_name
from dbp.tables.cells import Cell

VERDICTS = ("matches", "same direction", "differs", "not run")


@functools.cache
def _document() -> dict:
    return yaml.safe_load((importlib.resources.files("dbp.tables") / "paper.yaml").read_text(encoding="utf-8"))


def read_table(paper: str, number: int) -> pandas.DataFrame:
    """Every cell of a table, one a row.

    Args:
        paper: "P1" (Sun et al. 2020) or "P2" (Seck et al. 2019).
        number: the table's number in the paper.

    Returns:
        A pandas.DataFrame with what names the cell (model, measure, lam, eps, dataset, ...), `mean` and `std`.

    Raises:
        ValueError: no such paper or table.
    """
    rows = [row for row in _cells(paper) if row.get("table") == number]
    if not rows:
        numbers = sorted({row["table"] for row in _cells(paper) if "table" in row})
        raise ValueError(f"{paper} has no numbers of a table {number!r}; there are {', '.join(map(str, numbers))}")
    return pandas.DataFrame(rows)


def read_cell(paper: str, **where) -> Cell:
    """The one number that `where` names, e.g. `read_cell("P2", table=2, model="C", measure="adv", lam=50)`.

    Args:
        paper: "P1" or "P2".
        where: columns of `read_table`, with the values of the one row.

    Raises:
        ValueError: nothing, or more than one number, is so named.
    """
    rows = [row for row in _cells(paper) if all(row.get(name) == value for name, value in where.items())]
    if len(rows) != 1:
        raise ValueError(f"{paper} has {len(rows)} numbers with {where}, expected one")
    return Cell(rows[0]["mean"], rows[0].get("std"), _document()[paper]["runs"])


def judge(
    ours: Cell | None, theirs: Cell, *, our_reference: Cell | None = None, their_reference: Cell | None = None
) -> str:
    """How our number stands to theirs, in one of four words.

    Two means differ if Welch's 95 % interval of their difference leaves out 0. Where only one side has a spread, the
    interval is made from that one; where neither has, any difference counts.

    *matches*: ours and theirs do not differ. *same direction*: they do, but the step from the reference cell goes the same
    way on both sides, up or down, or is a difference on neither. *differs*: none of these. *not run*: there is no number of
    ours.

    Args:
        ours, theirs: the two cells, in the same unit.
        our_reference, their_reference: the cell that the step is counted from (lambda = 0.1 in P2 Table 2); without
            them there is no direction to compare.

    Returns:
        One of `VERDICTS`.
    """
    if ours is None:
        return "not run"
    if _sign(ours, theirs) == 0:
        return "matches"
    if our_reference is None or their_reference is None:
        return "differs"
    return "same direction" if _sign(ours, our_reference) == _sign(theirs, their_reference) else "differs"


def _sign(a: Cell, b: Cell) -> int:
    """The sign of a - b, or 0 where Welch's 95 % interval of the difference contains 0."""
    from scipy.stats import t

    parts = [(cell.std**2 / cell.n, cell.n - 1) for cell in (a, b) if cell.std is not None and (cell.n or 0) > 1]
    variance = sum(part for part, _ in parts)
    difference = a.mean - b.mean
    if variance > 0:
        freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
        if abs(difference) <= t.ppf(0.975, freedom) * math.sqrt(variance):
            return 0
    return (difference > 0) - (difference < 0)


def _cells(paper: str) -> list[dict]:
    require_name(paper, _document(), "paper")
    return _document()[paper]["cells"]
