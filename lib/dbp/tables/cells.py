"""What stands in a cell of a table? Mean, spread and number of its runs, and how they are written; the same everywhere."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas


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


def make_cell(values: Sequence[float]) -> Cell:
    """The cell of some runs: mean, standard deviation (n - 1), and how many they are.

    Args:
        values: one a run, at least one, in any unit. One that is not a number stays visible: then the mean is none either.

    Returns:
        A `Cell` in that unit; its `std` is None where there is one value only.
    """
    values = pandas.Series(values, dtype=float)
    std = float(values.std(skipna=False)) if len(values) > 1 else None
    return Cell(float(values.mean(skipna=False)), std, len(values))


def make_cells(frame: pandas.DataFrame, by: list[str], measure: str, *, percent: bool = True) -> dict[tuple, Cell]:
    """The cells of a measure over the seeds, a cell a group of runs.

    Args:
        frame: records, one row a run, as `dbp.runs.load` gives them.
        by: columns; the runs that agree in them are one group.
        measure: the column of the values.
        percent: the measure is a share of 1 and goes into the cell in percent; otherwise it keeps its unit.

    Returns:
        The values of `by` to the `Cell`.

    Raises:
        ValueError: a column is missing, or a seed occurs twice in a group, which would count one run as two.
    """
    missing = [name for name in (*by, measure, "seed") if name not in frame]
    if missing:
        raise ValueError(f"the records have no column {', '.join(map(repr, missing))}; there are {', '.join(frame)}")
    cells = {}
    for key, group in frame.groupby(by, sort=False):
        if group["seed"].duplicated().any():
            where = ", ".join(f"{name} {value!r}" for name, value in zip(by, key, strict=True))
            raise ValueError(f"the records of {where} hold a seed twice: {sorted(group['seed'])}")
        cells[key] = make_cell((100 if percent else 1) * group[measure])
    return cells


def format_cell(cell: Cell | None, *, percent: bool = True) -> str:
    """A cell as a text: `18.2 ± 10.0`, `18.2 (one seed)`, `18.2` where nothing is known of the runs, or a dash for no cell.

    Args:
        cell: what is written.
        percent: with one decimal, or two where the spread is below 0.095; otherwise the spread to one significant digit
            and the mean to three, or more where the spread has more decimals: `0.107 ± 0.002`, `9.50 ± 0.04`.
    """
    if cell is None:
        return "–"
    if percent:
        decimals = 2 if cell.std is not None and cell.std < 0.095 else 1
        mean, std = (value if value is None else f"{value:.{decimals}f}" for value in (cell.mean, cell.std))
    else:
        mean, std = _round(cell.mean, 3), None if cell.std is None else _round(cell.std, 1)
        if std is not None and _decimals(std) > _decimals(mean):
            mean = f"{cell.mean:.{_decimals(std)}f}"
    if std is not None:
        return f"{mean} ± {std}"
    return f"{mean} (one seed)" if cell.n == 1 else mean


def _round(value: float, digits: int) -> str:
    return f"{float(f'{value:.{digits}g}'):g}"  # 1010, not 1.01e+03


def _decimals(number: str) -> int:
    return len(number.partition(".")[2])


@dataclass(frozen=True)
class Printed:
    """A table of texts that shows without an index, the same on every page.

    Attributes:
        frame: what is shown.
    """

    frame: pandas.DataFrame

    def _repr_html_(self) -> str:
        named = self.frame.rename_axis(columns=None)  # a name of the columns would show as a column of its own
        return named.to_html(index=False, border=0, classes="dbp-table", justify="left")

    def __repr__(self) -> str:
        return self.frame.to_string(index=False)
