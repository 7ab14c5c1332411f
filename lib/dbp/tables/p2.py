"""Ours beside theirs: turns records into the rows of a published table, with mean, spread and verdict a cell."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas

from dbp.experiments.l1_adversarial_training import METHODS
from dbp.metrics import student
from dbp.tables import paper
from dbp.tables.paper import Cell

# Which measure of a record a published row is.
P2_MEASURES = {"clean": "clean", "adv": "fgsm_0.3"}

# A clean accuracy below this, in percent, is a network that gives the same answer to nearly every digit.
COLLAPSED = 20


def summarise(frame: pandas.DataFrame, by: list[str], measure: str) -> dict[tuple, Cell]:
    """Mean, standard deviation (n - 1) and number of seeds of an accuracy, in percent, a group.

    Args:
        frame: records, one row a run, with the columns `by` and `measure` (a share of 1).

    Returns:
        A `Cell` for each value of `by`; its `std` is None where there is one seed only.

    Raises:
        KeyError: a column is missing.
        ValueError: a seed occurs twice in a group, which would count one run as two.
    """
    cells = {}
    for key, group in frame.groupby(by, sort=False):
        if group["seed"].duplicated().any():
            raise ValueError(f"the records of {dict(zip(by, key, strict=True))} hold a seed twice: {sorted(group['seed'])}")
        values = 100 * group[measure]
        cells[key] = Cell(float(values.mean()), float(values.std()) if len(values) > 1 else None, len(values))
    return cells


def p2_table2(frame: pandas.DataFrame) -> pandas.DataFrame:
    """P2 Table 2, cell by cell, for every reading of the penalty (`unit`, `outputs`).

    The effect of a lambda is counted from lambda = 0.1, the smallest one that the paper prints; our lambda = 0 has no
    published cell beside it. Both sides' cells and the verdict's rule are those of `dbp.tables.paper`.

    Args:
        frame: records of `l1_penalty`, as `dbp.runs.records.load` gives them.

    Returns:
        One row a model, measure, lambda, unit and outputs, with the two cells (`ours`, `theirs`; None where there is
        none), the `verdict`, and whether our networks `collapsed` to a constant answer, which counts as *differs*.
        Readings without any record are left out.
    """
    readings = [reading for reading in frame.groupby(["unit", "outputs"]).groups if reading != ("none", "none")]
    models = list(frame["model"].unique())
    rows = []
    for measure, column in P2_MEASURES.items():
        ours = summarise(frame, ["model", "lam", "unit", "outputs"], column)
        for model in models:
            for unit, outputs in readings:
                baseline = ours.get((model, 0.0, "none", "none"))
                rows.append(_row(model, measure, 0.0, unit, outputs, baseline, None, None, None))
                for lam in sorted(paper.table("P2", 2)["lam"].unique()):
                    cell = ours.get((model, lam, unit, outputs))
                    # The reference itself has no direction: it matches or it differs.
                    reference = (ours.get((model, 0.1, unit, outputs)), _theirs(model, measure, 0.1))
                    reference = (None, None) if lam == 0.1 else reference
                    rows.append(_row(model, measure, lam, unit, outputs, cell, _theirs(model, measure, lam), *reference))
    table, clean = pandas.DataFrame(rows), summarise(frame, ["model", "lam", "unit", "outputs"], "clean")
    where = [tuple(row) for row in table[["model", "lam", "unit", "outputs"]].to_numpy()]
    table["collapsed"] = [key in clean and clean[key].mean < COLLAPSED for key in where]
    # A constant network is no match, however near its share of correct answers comes to a published number.
    table.loc[table["collapsed"] & table["verdict"].isin(paper.VERDICTS[:2]), "verdict"] = "differs"
    return table


def p2_tables_3_and_4(frame: pandas.DataFrame) -> dict[int, pandas.DataFrame]:
    """P2 Tables 3 and 4, cell by cell, from the largest runs of each model.

    The effect of the penalty is counted from adversarial training alone at the same epsilon; that of adversarial training,
    from its smallest epsilon; that of a lambda in Table 4, from lambda = 0. The verdict's rule is that of `dbp.tables.paper`.

    Args:
        frame: records of `l1_adversarial_training`, as `dbp.runs.records.load` gives them.

    Returns:
        Table number to one row a published cell: model, method, eps, lam, measure, the two cells (`ours`, `theirs`) and the
        `verdict`.
    """
    largest = frame[frame["train_size"] == frame.groupby("model")["train_size"].transform("max")]
    ours = {}
    for method in ("adv_train", "adv_train_gp"):
        part = of_method(largest, method)
        for eps in part["eps"].unique():
            for measure, column in (("clean", "clean"), ("adv", f"fgsm_{eps:g}")):
                cells = summarise(part[part["eps"] == eps], ["model", "lam"], column)
                ours |= {(model, eps, lam, measure): cell for (model, lam), cell in cells.items()}
    return {3: _beside(ours, 3, lambda eps, lam: (eps if lam else 0.05, 0)), 4: _beside(ours, 4, lambda eps, lam: (eps, 0))}


def _beside(ours: Mapping[tuple, Cell], number: int, reference: Callable[[float, float], tuple[float, float]]):
    """The published cells of a table with ours; `reference` gives (eps, lam) of the cell that an effect is counted from."""
    names, rows = ["model", "eps", "lam", "measure"], []
    for model, eps, lam, measure in paper.table("P2", number)[names].itertuples(index=False):
        key, base = (model, eps, lam, measure), (model, *reference(eps, lam), measure)
        cells = [paper.cell("P2", table=number, **dict(zip(names, place, strict=True))) for place in (key, base)]
        references = {} if base == key else {"our_reference": ours.get(base), "their_reference": cells[1]}
        verdict = paper.verdict(ours.get(key), cells[0], **references)
        rows.append(dict(zip(names, key, strict=True)) | {
            "method": "adv_train_gp" if lam else "adv_train", "ours": ours.get(key), "theirs": cells[0], "verdict": verdict})
    return pandas.DataFrame(rows)


def of_method(frame: pandas.DataFrame, method: str) -> pandas.DataFrame:
    """The records of one method of `dbp.experiments.l1_adversarial_training`, whatever the model, budget and size.

    Args:
        frame: its records, as `dbp.runs.records.load` gives them.
        method: a key of `METHODS`.
    """
    wanted = {"attack": "fgsm", "labels": "true", "label_smoothing": 0.1} | METHODS[method]
    return frame[(frame[list(wanted)] == pandas.Series(wanted)).all(axis=1)]


def paired(one: pandas.DataFrame, other: pandas.DataFrame, measure: str) -> tuple[float, float, float]:
    """How much more `one` reaches than `other`, seed by seed: the mean difference, in points, and its 95 % interval.

    Args:
        one, other: records, one row a seed, that differ in what is compared only.
        measure: a share of 1.

    Raises:
        ValueError: a seed occurs twice, or fewer than two seeds are in both.
    """
    sides = [side.set_index("seed")[measure] for side in (one, other)]
    if any(side.index.has_duplicates for side in sides):
        raise ValueError(f"each seed must occur once, but the seeds are {[sorted(side.index) for side in sides]}")
    differences = (100 * (sides[0] - sides[1])).dropna()
    return float(differences.mean()), *student(differences)


def as_text(cell: Cell | None) -> str:
    """A cell as `18.2 ± 10.0`, `18.2 (one seed)`, or a dash for nothing; the number of decimals follows the spread."""
    if cell is None:
        return "–"
    if cell.std is None:
        return f"{cell.mean:.1f} (one seed)" if cell.n == 1 else f"{cell.mean:.1f}"
    decimals = 2 if cell.std < 0.095 else 1
    return f"{cell.mean:.{decimals}f} ± {cell.std:.{decimals}f}"


def wide(table: pandas.DataFrame, model: str, measure: str, names: Mapping[tuple[str, str], str]) -> "Printed":
    """One printable table: a row a lambda; the paper's column, then ours and its verdict for every reading in `names`.

    Args:
        table: of `p2_table2`.
        names: the heading of each reading (`unit`, `outputs`), in order; readings without records are left out.
    """
    part = table[(table["model"] == model) & (table["measure"] == measure)]
    columns: dict[str, dict[float, str]] = {"λ": {}, "the paper": {}}
    for (unit, outputs), name in names.items():
        for row in part[(part["unit"] == unit) & (part["outputs"] == outputs)].sort_values("lam").itertuples():
            columns["λ"][row.lam] = f"{row.lam:g}"
            columns["the paper"][row.lam] = as_text(row.theirs)
            columns.setdefault(name, {})[row.lam] = as_text(row.ours) + (", collapsed" if row.collapsed else "")
            columns.setdefault(f"verdict on {name}", {})[row.lam] = row.verdict
    return Printed(pandas.DataFrame(columns).reset_index(drop=True))


def made_by(frame: pandas.DataFrame) -> str:
    """Three lines on how the records in `frame` were made: runs, seeds; images, epochs; penalty, device, dates."""
    named = [name for name in ("model", "lam", "unit", "outputs", "eps", "attack", "train_size") if name in frame]
    kinds = sorted({*frame["estimator" if "estimator" in frame else "penalty"]} - {"none"})
    seeds = frame.groupby(named)["seed"].nunique()
    few = f"{seeds.min()} to {seeds.max()}" if seeds.min() < seeds.max() else f"{seeds.max()}"
    few += " seeds" if seeds.max() > 1 else " seed"
    days = sorted({str(day)[:10] for day in frame["finished"]})
    return (
        f"{len(frame)} runs, {few} a cell, {', '.join(sorted(set(frame['source'])))} MNIST\n"
        f"{frame['train_size'].max():,} training and {frame['test_size'].max():,} test images,"
        f" at most {frame['max_epochs'].max()} epochs\n"
        f"penalty by {', '.join(kinds)}; {', '.join(sorted({*frame['device']}))}, {' to '.join(sorted({days[0], days[-1]}))}"
    )


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


def _row(model, measure, lam, unit, outputs, ours, theirs, our_reference, their_reference) -> dict:
    if theirs is None:
        verdict = "not in the paper"
    else:
        verdict = paper.verdict(ours, theirs, our_reference=our_reference, their_reference=their_reference)
    return {"model": model, "measure": measure, "lam": lam, "unit": unit, "outputs": outputs, "ours": ours,
            "theirs": theirs, "verdict": verdict}


def _theirs(model: str, measure: str, lam: float) -> Cell:
    return paper.cell("P2", table=2, model=model, measure=measure, lam=lam)
