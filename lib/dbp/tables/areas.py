"""P1 Table 2, ours beside theirs: areas under distortion-distortion curves, and two networks compared pair by pair.

The headings DBP and NO DBP are swapped in print (see `paper.yaml`); the column `dbp` here says which is which.
"""

import numpy as np
import pandas

from dbp.intervals import bootstrap
from dbp.tables import p1, paper
from dbp.tables.cells import Cell, Printed, format_cell, make_cells

SPACES = ("latent", "output")


def compare_table2(frame: pandas.DataFrame) -> pandas.DataFrame:
    """P1 Table 2, cell by cell, from the same networks as Table 1.

    Rendered faces are not CelebA: their cells stand under their own name and can at best go in the *same direction*.

    Args:
        frame: records of `auddc`, as `dbp.runs.load` gives them.

    Returns:
        One row a published cell and target, with the columns: `on` (MNIST, CelebA or toy-faces); the paper's `dataset`,
        `model`, `dbp` and `printed` (its heading); `space` ("latent" or "output"); `target` ("attached", "detached";
        "none" without the penalty); over the seeds, the cells of the reference area (`ours`), of the lower `envelope` with
        the straight line and of the `line` itself; `pairs`, a 95 % bootstrap interval of the area over pairs, each the mean
        of its seeds, or None; `collapsed`, the pairs of all seeds that were left out; `theirs`, and the `verdict` of
        `dbp.tables.paper.judge`. All are areas, without a unit.

    Raises:
        ValueError: a column is missing, or a seed occurs twice in a cell.
    """
    table1, published, rows = frame[p1.is_of_table1(frame)], paper.read_table("P1", 2), []
    for records_of, (on, dataset, _) in p1.COLUMNS.items():
        part = table1[table1["dataset"] == records_of]
        if part.empty and records_of == "toy-faces":
            continue
        part = part.assign(model=part["model"].replace(p1.MODELS))
        for space in SPACES:
            columns = {"ours": space, "envelope": f"{space}_envelope", "line": "line"}
            found = {name: _cells(part, column) for name, column in columns.items()}
            wanted = (published["dataset"] == dataset) & (published["measure"] == f"auddc_{space}")
            for cell in published[wanted].itertuples():
                theirs = {dbp: _theirs(cell, dbp) for dbp in (False, True)}
                for target in p1.TARGETS if cell.dbp else ("none",):
                    runs = part[(part["model"] == cell.model) & (part["target"] == target)]
                    ours, plain = (found["ours"].get((cell.model, name)) for name in (target, "none"))
                    rows.append({
                        "on": on, "dataset": dataset, "model": cell.model, "space": space, "target": target, "dbp": cell.dbp,
                        "printed": cell.printed, "ours": ours,
                        **{name: found[name].get((cell.model, target)) for name in ("envelope", "line")},
                        "pairs": interval_over_pairs(runs, space), "collapsed": int(runs["collapsed"].sum()),
                        "theirs": theirs[cell.dbp], "verdict": _judge(on == dataset, cell.dbp, ours, plain, theirs),
                    })
    return pandas.DataFrame(rows)


def lay_out(table: pandas.DataFrame, models: list[str], on: str = "MNIST") -> Printed:
    """What a chapter needs of both spaces: the paper's step and ours for the attached target, and the verdict.

    Args:
        table: of `compare_table2`.
        models: of the paper's rows, in order.
        on: MNIST, CelebA or toy-faces.
    """
    rows = []
    for space in SPACES:
        for model in models:
            part = table[(table["on"] == on) & (table["model"] == model) & (table["space"] == space)].set_index("target")
            if part.empty:
                continue
            steps = {side: " → ".join(_text(part.loc[target], side) for target in ("none", "attached"))
                     for side in ("theirs", "ours")}
            rows.append({"model, space": f"{model}, {space}", "the paper, without → with DBP": steps["theirs"],
                         "ours, plain → attached": steps["ours"], "verdict": part.loc["attached", "verdict"]})
    return Printed(pandas.DataFrame(rows))


def areas_by_pair(frame: pandas.DataFrame, measure: str) -> pandas.Series:
    """The area of each pair, its mean over the runs, NaN where one of them has collapsed.

    Args:
        frame: records of `auddc`, whose runs may have different numbers of pairs; those that all have are taken.
        measure: a key of their `areas`, such as "latent" or "output_envelope".

    Returns:
        Areas, by the indices (image, target).
    """
    columns = []
    for areas in frame["areas"]:
        pairs = pandas.MultiIndex.from_arrays([areas["image"], areas["target"]], names=["image", "target"])
        columns.append(pandas.Series(areas[measure], index=pairs, dtype=float))
    return pandas.concat(columns, axis=1, join="inner").mean(axis=1, skipna=False)


def interval_over_pairs(frame: pandas.DataFrame, measure: str) -> tuple[float, float] | None:
    """A 95 % bootstrap interval of the mean area over pairs, each the mean over the runs; None with fewer than two pairs."""
    areas = areas_by_pair(frame, measure).dropna() if len(frame) else ()
    return bootstrap(areas) if len(areas) > 1 else None


def compare_by_pair(
    one: pandas.DataFrame, other: pandas.DataFrame, measure: str, other_measure: str | None = None
) -> tuple[float, float, float]:
    """How much larger the area of `one` is than that of `other`, pair by pair: the mean difference, its 95 % interval.

    The interval is a bootstrap over pairs, each the mean over the runs. It says how far the choice of images matters, not
    how far that of the networks does: for that, look at the spread over seeds.

    Args:
        one, other: records of `auddc` on the same data set.
        measure, other_measure: of `one` and `other`, a key of `areas`; by default the same for both.

    Raises:
        ValueError: fewer than two pairs are in both.
    """
    sides = areas_by_pair(one, measure), areas_by_pair(other, other_measure or measure)
    difference = (sides[0] - sides[1]).dropna()
    return float(np.mean(difference)), *bootstrap(difference)


def _cells(part: pandas.DataFrame, column: str) -> dict[tuple, Cell]:
    return make_cells(part[part[column].notna()], ["model", "target"], column, percent=False) if len(part) else {}


def _theirs(cell, dbp: bool) -> Cell:
    return paper.read_cell("P1", table=2, model=cell.model, dataset=cell.dataset, measure=cell.measure, dbp=dbp)


def _judge(same_images: bool, dbp: bool, ours: Cell | None, plain: Cell | None, theirs: dict[bool, Cell]) -> str:
    references = {"our_reference": plain, "their_reference": theirs[False]} if dbp else {}
    return paper.judge(ours, theirs[dbp], **references, unit_known=same_images)


def _text(row: pandas.Series, side: str) -> str:
    cell = row[side]
    if cell is None and side == "ours" and row["collapsed"]:
        return "collapsed"
    return format_cell(cell, percent=False)
