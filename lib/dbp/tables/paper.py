"""What did they print? The papers' numbers, read from paper.yaml, and how ours compare with them."""

import functools
import importlib.resources
import math

import pandas
import yaml
from scipy.special import stdtrit

from dbp.spelling import require_name
from dbp.tables.cells import Cell

VERDICTS = ("matches", "same direction", "neither moves", "undecided", "differs", "not run")


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

    Returns:
        The `Cell`; its `n` is None where no spread is printed, since then nothing says what the runs were.

    Raises:
        ValueError: nothing, or more than one number, is so named.
    """
    rows = [row for row in _cells(paper) if all(row.get(name) == value for name, value in where.items())]
    if len(rows) != 1:
        raise ValueError(f"{paper} has {len(rows)} numbers with {where}, expected one")
    std = rows[0].get("std")
    return Cell(rows[0]["mean"], std, None if std is None else _document()[paper]["runs"])


def judge(
    ours: Cell | None, theirs: Cell, *,
    our_reference: Cell | None = None, their_reference: Cell | None = None, unit_known: bool = True,
) -> str:
    """How our number stands to theirs, in one of six words. The first rule that applies decides.

    1. *not run*: there is no number of ours.
    2. *matches*: ours has at least three seeds, and the 95 % interval of ours - theirs (`welch`) contains 0. Two seeds say
       too little about their spread, and one says nothing.
    3. With references, what counts is the step from the reference cell. It goes up or down if its interval leaves out 0;
       otherwise it cannot be told from noise. Without two seeds of ours on both ends, *undecided*. Both steps go the same
       way: *same direction*. Neither can be told from noise: *neither moves*. They go opposite ways: *differs*. Only one
       moves: *undecided* if the interval of the other contains its step, which noise could then hide; else *differs*.
    4. Without references, *differs* if the interval of ours - theirs leaves out 0, else *undecided*.

    Degenerate cells. A spread of 0 is a spread, of runs that agree. A spread of unknown n, or of one run, is none. A
    published number without a spread is exact, and so is a step between two such. Where neither side has a spread, rule 4
    says *undecided*. A mean of ours that is not finite, as of runs that diverged, is *undecided*, and so is a step from one.
    In an unknown unit nothing matches, rule 4 says *undecided*, and in rule 3 so does a step on one side only, since it
    cannot be compared with the interval of the other.

    Args:
        ours, theirs: the two cells, in the same unit (but see `unit_known`).
        our_reference, their_reference: the cell that the step is counted from (lambda = 0.1 in P2 Table 2). Without
            theirs there is no direction to compare; without ours it is *undecided*, unless it matches.
        unit_known: theirs is known to be in the unit of ours. The sign of a step needs no unit.

    Returns:
        One of `VERDICTS`.
    """
    if ours is None:
        return "not run"
    if not math.isfinite(ours.mean):
        return "undecided"
    apart = _sign(welch(ours, theirs))
    if unit_known and _seeds(ours) >= 3 and apart == 0:
        return "matches"
    if their_reference is not None:
        if our_reference is None or min(_seeds(ours), _seeds(our_reference)) < 2:
            return "undecided"
        return _compare_steps((ours, our_reference), (theirs, their_reference), unit_known)
    return "differs" if unit_known and apart and (_seeds(ours) or _seeds(theirs)) else "undecided"


def welch(one: Cell, other: Cell) -> tuple[float, float]:
    """Welch's 95 % interval of the difference of two means, one - other.

    Args:
        one, other: in the same unit. One without a spread (or with a spread of an unknown number of runs) is taken as exact:
            the interval is Student's, of the other cell, and only a point where neither has a spread.

    Returns:
        (low, high), in that unit.
    """
    parts = [(cell.std**2 / cell.n, cell.n - 1) for cell in (one, other) if _seeds(cell)]
    variance, difference = sum(part for part, _ in parts), one.mean - other.mean
    if not variance > 0:
        return difference, difference
    freedom = 1 / sum((part / variance) ** 2 / degrees for part, degrees in parts)  # Welch and Satterthwaite
    half = float(stdtrit(freedom, 0.975)) * math.sqrt(variance)
    return difference - half, difference + half


def _compare_steps(ours: tuple[Cell, Cell], theirs: tuple[Cell, Cell], unit_known: bool) -> str:
    """Rule 3 of `judge`; each side is its cell and its reference."""
    intervals = [welch(*side) for side in (ours, theirs)]
    signs = [_sign(interval) for interval in intervals]
    if signs[0] == signs[1]:
        return "same direction" if signs[0] else "neither moves"
    if all(signs):
        return "differs"
    (low, high), (end, start) = intervals[signs.index(0)], ours if signs[0] else theirs
    return "undecided" if not unit_known or low <= end.mean - start.mean <= high else "differs"


def _sign(interval: tuple[float, float]) -> int:
    return (interval[0] > 0) - (interval[1] < 0)


def _seeds(cell: Cell) -> int:
    """Of how many runs its spread is; 0 where it has none, or where the mean is not finite."""
    return cell.n if cell.std is not None and (cell.n or 0) > 1 and math.isfinite(cell.mean) else 0


def _cells(paper: str) -> list[dict]:
    require_name(paper, _document(), "paper")
    return _document()[paper]["cells"]
