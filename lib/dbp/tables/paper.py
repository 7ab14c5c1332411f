"""What did they print? The papers' numbers, read from paper.yaml, and how ours compare with them."""

import functools
import importlib.resources
import math
from dataclasses import dataclass

VERDICTS = ("matches", "same direction", "differs", "not run")


@dataclass(frozen=True)
class Cell:
    """One number of a paper, or ours beside it.

    Attributes:
        mean: as printed; accuracies in percent.
        std: standard deviation over runs, or None where none is given (or there is one run only).
        n: number of runs, or None where the paper does not say.
    """

    mean: float
    std: float | None = None
    n: int | None = None


@functools.cache
def _document() -> dict:
    import yaml

    return yaml.safe_load((importlib.resources.files("dbp.tables") / "paper.yaml").read_text(encoding="utf-8"))


def table(paper: str, number: int):
    """Every cell of a table, one a row.

    Args:
        paper: "P1" (Sun et al. 2020) or "P2" (Seck et al. 2019).
        number: the table's number in the paper.

    Returns:
        A pandas.DataFrame with what names the cell (model, measure, lam, eps, dataset, ...), `mean` and `std`.

    Raises:
        KeyError: no such paper or table.
    """
    import pandas

    rows = [row for row in _cells(paper) if row.get("table") == number]
    if not rows:
        numbers = sorted({row["table"] for row in _cells(paper) if "table" in row})
        raise KeyError(f"{paper} has no numbers of a table {number!r}; there are {', '.join(map(str, numbers))}")
    return pandas.DataFrame(rows)


def cell(paper: str, **where) -> Cell:
    """The one number that `where` names, e.g. `cell("P2", table=2, model="C", measure="adv", lam=50)`.

    Args:
        paper: "P1" or "P2".
        where: columns of `table`, with the values of the one row.

    Raises:
        KeyError: nothing, or more than one number, is so named.
    """
    rows = [row for row in _cells(paper) if all(row.get(name) == value for name, value in where.items())]
    if len(rows) != 1:
        raise KeyError(f"{paper} has {len(rows)} numbers with {where}, expected one")
    return Cell(rows[0]["mean"], rows[0].get("std"), _document()[paper]["runs"])


def verdict(
    ours: Cell | None, theirs: Cell, *, our_reference: Cell | None = None, their_reference: Cell | None = None
) -> str:
    """How our number stands to theirs, in one of four words.

    *matches*: Welch's 95 % interval for the difference of the two means contains 0. *same direction*: it does not, but
    ours lies on the same side of our reference cell as theirs of theirs, by more than the noise (Welch again), or
    neither moves by more than the noise. *differs*: neither. *not run*: there is no number of ours. Where a spread is
    unknown, on either side, the interval is taken from the side that has one; with none at all only the direction counts.

    Args:
        ours, theirs: the two cells, in the same unit.
        our_reference, their_reference: the cell that the effect is counted from (lambda = 0.1 in P2 Table 2); without
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
    """-1, 0 or 1: which mean is larger, 0 where Welch's 95 % interval of the difference contains 0."""
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
    if paper not in _document():
        raise KeyError(f"no paper named {paper!r}; there are {', '.join(_document())}")
    return _document()[paper]["cells"]
