"""P2 Tables 2, 3 and 4, ours beside theirs: a row a published cell, with the mean and spread of both and a verdict."""

from collections.abc import Callable, Mapping

import pandas

from dbp.experiments.l1_adversarial_training import METHODS
from dbp.intervals import student
from dbp.spelling import require_name
from dbp.tables import paper
from dbp.tables.cells import Cell, Printed, format_cell, make_cells

# Which measure of a record a published row is.
MEASURES = {"clean": "clean", "adv": "fgsm_0.3"}

# A clean accuracy below this, in percent, is a network that gives the same answer to nearly every digit.
COLLAPSED = 20

READING = ["reduction", "outputs"]  # of the penalty: what P2 leaves open
BASELINE = ("none", "none")


def compare_table2(frame: pandas.DataFrame) -> pandas.DataFrame:
    """P2 Table 2, cell by cell, for every reading of the penalty.

    The effect of a lambda is counted from lambda = 0.1, the smallest one that the paper prints. Our lambda = 0 has no
    published cell beside it.

    Args:
        frame: records of `l1_penalty`, as `dbp.runs.load` gives them.

    Returns:
        One row a model, measure, lambda and reading (`reduction` and `outputs` of the penalty), with the two cells (`ours`,
        `theirs`; None where there is none), the `verdict` of `dbp.tables.paper.judge`, whether our networks `collapsed` to a
        constant answer, which *differs* whatever the numbers, and whether the cell is `uninformative`: Welch's interval of
        ours - theirs is wider than the range of the published means of its model and measure over all lambdas, so that
        nearly any of them would match. Readings without any record are left out.

    Raises:
        ValueError: a column is missing, or a seed occurs twice in a cell.
    """
    readings = [reading for reading in frame.groupby(READING).groups if reading != BASELINE]
    lambdas = sorted(paper.read_table("P2", 2)["lam"].unique())
    found = {measure: make_cells(frame, ["model", "lam", *READING], column) for measure, column in MEASURES.items()}
    rows = []
    for measure, cells in found.items():
        for model in frame["model"].unique():
            theirs = {lam: paper.read_cell("P2", table=2, model=model, measure=measure, lam=lam) for lam in lambdas}
            for reading in readings:
                ours = {lam: cells.get((model, lam, *reading)) for lam in lambdas}
                named = {"model": model, "measure": measure} | dict(zip(READING, reading, strict=True))
                baseline = cells.get((model, 0.0, *BASELINE))
                rows.append(named | {"lam": 0.0, "ours": baseline, "theirs": None, "verdict": "not in the paper"})
                for lam in lambdas:
                    # The reference itself has no direction.
                    references = {} if lam == 0.1 else {"our_reference": ours[0.1], "their_reference": theirs[0.1]}
                    verdict = paper.judge(ours[lam], theirs[lam], **references)
                    rows.append(named | {"lam": lam, "ours": ours[lam], "theirs": theirs[lam], "verdict": verdict})
    table, clean = pandas.DataFrame(rows), found["clean"]
    where = [tuple(row) for row in table[["model", "lam", *READING]].to_numpy()]
    table["collapsed"] = [key in clean and clean[key].mean < COLLAPSED for key in where]
    # A constant network is no match, however near its share of correct answers comes to a published number.
    table.loc[table["collapsed"] & table["theirs"].notna(), "verdict"] = "differs"
    return table.assign(uninformative=_is_uninformative(table, ["model", "measure"]))


def compare_tables_3_and_4(frame: pandas.DataFrame) -> dict[int, pandas.DataFrame]:
    """P2 Tables 3 and 4, cell by cell, from the largest runs of each model, and as long as a whole table has them.

    An effect is counted from the cell without it: that of the penalty from adversarial training alone at the same epsilon,
    that of adversarial training from its smallest epsilon, that of a lambda in Table 4 from lambda = 0.

    Args:
        frame: records of `l1_adversarial_training`, as `dbp.runs.load` gives them.

    Returns:
        Table number to one row a published cell: `model`, `method`, `eps`, `lam`, `measure`, the two cells (`ours`,
        `theirs`), the `verdict` of `dbp.tables.paper.judge` (a collapsed network *differs*), and whether the cell is
        `uninformative`, as in `compare_table2`: beside the range over epsilon of its model, method and measure in Table 3,
        over lambda of its measure in Table 4.

    Raises:
        ValueError: a column is missing, or a seed occurs twice in a cell.
    """
    ours = {number: _cells_by_eps(select_table(frame, number)) for number in (3, 4)}
    three = _compare(ours[3], 3, lambda eps, lam: (eps if lam else 0.05, 0))
    four = _compare(ours[4], 4, lambda eps, lam: (eps, 0))
    return {3: three.assign(uninformative=_is_uninformative(three, ["model", "method", "measure"])),
            4: four.assign(uninformative=_is_uninformative(four, ["model", "measure"]))}


def select_table(frame: pandas.DataFrame, number: int) -> pandas.DataFrame:
    """The records that stand in P2 Table 3 or 4: of each model the largest, and of those long ones that can be compared.

    A table whose cells were trained for different numbers of epochs would show the epochs. So of each cell we take the
    shortest runs that are at least as long as what *every* cell of its model reaches. (The paper's own Table 4 has 100
    epochs at lambda = 0 and 10, and 150 beyond.)

    Args:
        frame: records of `l1_adversarial_training`, as `dbp.runs.load` gives them, or their attacks.
        number: 3 or 4.

    Returns:
        The rows of the methods "adv_train" and "adv_train_gp" that have a published cell, with all their columns.
    """
    where = ["model", "eps", "lam"]
    frame = pandas.concat([select_method(frame, method) for method in ("adv_train", "adv_train_gp")])
    published = paper.read_table("P2", number)[where].drop_duplicates()
    frame = frame.merge(published.astype({"eps": float, "lam": float}), on=where)
    frame = frame[frame["train_size"] == frame.groupby("model")["train_size"].transform("max")]
    longest = frame.groupby(where)["max_epochs"].transform("max")
    enough = frame[frame["max_epochs"] >= longest.groupby(frame["model"]).transform("min")]
    return enough[enough["max_epochs"] == enough.groupby(where)["max_epochs"].transform("min")]


def select_shortest(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The runs with the fewest epochs of each kind of training, where one was made at several lengths.

    Args:
        frame: records of `l1_adversarial_training`, as `dbp.runs.load` gives them, or their attacks.
    """
    kind = ["model", "eps", "attack", "labels", "label_smoothing", "penalty", "lam", *READING, "points", "train_size"]
    return frame[frame["max_epochs"] == frame.groupby(kind)["max_epochs"].transform("min")]


def select_method(frame: pandas.DataFrame, method: str) -> pandas.DataFrame:
    """The records of one method of `dbp.experiments.l1_adversarial_training`, whatever the model, budget and size.

    Args:
        frame: its records, as `dbp.runs.load` gives them.
        method: a key of `METHODS`.

    Raises:
        ValueError: there is no such method; the message gives the nearest one.
    """
    require_name(method, METHODS, "method")
    wanted = {"attack": "fgsm", "labels": "true", "label_smoothing": 0.1} | METHODS[method]
    return frame[(frame[list(wanted)] == pandas.Series(wanted)).all(axis=1)]


def compare_by_seed(one: pandas.DataFrame, other: pandas.DataFrame, measure: str) -> tuple[float, float, float]:
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


def lay_out(table: pandas.DataFrame, model: str, measure: str, names: Mapping[tuple[str, str], str]) -> Printed:
    """One printable table: a row a lambda; the paper's column, then ours and its verdict for every reading in `names`.

    A verdict on an `uninformative` cell ends in "(wide)": nearly any number of the paper's row would match there. So a match
    says little. Means that *differ* do so in spite of it.

    Args:
        table: of `compare_table2`.
        model: "A", "B" or "C".
        measure: "clean" or "adv".
        names: the heading of each reading (`reduction`, `outputs`), in order; readings without records are left out.
    """
    part = table[(table["model"] == model) & (table["measure"] == measure)]
    columns: dict[str, dict[float, str]] = {"λ": {}, "the paper": {}}
    for (reduction, outputs), name in names.items():
        for row in part[(part["reduction"] == reduction) & (part["outputs"] == outputs)].sort_values("lam").itertuples():
            columns["λ"][row.lam] = f"{row.lam:g}"
            columns["the paper"][row.lam] = format_cell(row.theirs)
            columns.setdefault(name, {})[row.lam] = format_cell(row.ours) + (", collapsed" if row.collapsed else "")
            columns.setdefault(f"verdict on {name}", {})[row.lam] = row.verdict + (" (wide)" if row.uninformative else "")
    return Printed(pandas.DataFrame(columns).reset_index(drop=True))


def describe_runs(frame: pandas.DataFrame) -> str:
    """Three lines on how the records in `frame` were made: runs, seeds; images, epochs; penalty, device, dates."""
    named = [name for name in ("model", "lam", *READING, "eps", "attack", "train_size") if name in frame]
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


def _cells_by_eps(frame: pandas.DataFrame) -> dict[tuple, Cell]:
    """(model, eps, lam, measure) to a cell; each network is attacked with the budget that it was trained with."""
    found = {}
    for eps, part in frame.groupby("eps"):
        for measure, column in (("clean", "clean"), ("adv", f"fgsm_{eps:g}")):
            cells = make_cells(part, ["model", "lam"], column)
            found |= {(model, eps, lam, measure): cell for (model, lam), cell in cells.items()}
    return found


def _compare(ours: Mapping[tuple, Cell], number: int, reference: Callable[[float, float], tuple[float, float]]):
    """The published cells of a table with ours; `reference` gives (eps, lam) of the cell that an effect is counted from."""
    names, rows = ["model", "eps", "lam", "measure"], []
    for model, eps, lam, measure in paper.read_table("P2", number)[names].itertuples(index=False):
        key, base = (model, eps, lam, measure), (model, *reference(eps, lam), measure)
        cells = [paper.read_cell("P2", table=number, **dict(zip(names, place, strict=True))) for place in (key, base)]
        references = {} if base == key else {"our_reference": ours.get(base), "their_reference": cells[1]}
        clean = ours.get((model, eps, lam, "clean"))
        collapsed = clean is not None and clean.mean < COLLAPSED
        verdict = "differs" if collapsed else paper.judge(ours.get(key), cells[0], **references)
        rows.append(dict(zip(names, key, strict=True)) | {
            "method": "adv_train_gp" if lam else "adv_train", "ours": ours.get(key), "theirs": cells[0], "verdict": verdict})
    return pandas.DataFrame(rows)


def _is_uninformative(table: pandas.DataFrame, row: list[str]) -> pandas.Series:
    """Is the interval of ours - theirs wider than the range of the published means that agree in the columns `row`?

    Where there is nothing of ours, or one seed, it is the interval of theirs alone.
    """
    means = table["theirs"].map(lambda cell: cell.mean if cell else float("nan")).groupby([table[name] for name in row])
    widths = []
    for ours, theirs in zip(table["ours"], table["theirs"], strict=True):
        low, high = paper.welch(ours or Cell(theirs.mean), theirs) if theirs else (0.0, 0.0)
        widths.append(high - low)
    return pandas.Series(widths, table.index) > means.transform("max") - means.transform("min")
