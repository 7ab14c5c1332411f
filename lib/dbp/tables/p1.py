"""P1 Table 1, ours beside theirs.

The paper prints the headings DBP and NO DBP swapped (see `paper.yaml`); here `dbp` says which is which. It calls the
second measure the magnitude of d x' / d x and trains on the gradient of the loss, so three readings stand beside it.
"""

import pandas

from dbp.tables import paper
from dbp.tables.p2 import Printed
from dbp.tables.paper import Cell

# Where the runs of a data set are compared with which column of the paper, and the measure that is its reconstruction loss.
COLUMNS = {"mnist": ("MNIST", "MNIST", "reconstruction"), "celeba": ("CelebA", "CelebA", "reconstruction"),
           "toy-faces": ("toy-faces", "CelebA", "squared_error")}
GRADIENTS = ("jacobian", "whole", "encoder_path")
TARGETS = ("attached", "detached")
MODELS = {"ConvVAE": "VAE"}
NAMES = {"reconstruction": "reconstruction loss", "jacobian": "norm of dx'/dx", "whole": "loss gradient, whole",
         "encoder_path": "loss gradient, encoder path"}


def p1_table1(frame: pandas.DataFrame) -> pandas.DataFrame:
    """P1 Table 1, cell by cell, from the longest runs of each model.

    The effect of the penalty is counted from the same model without it. Faces that are rendered are not CelebA: their
    cells are under their own name, can at best go in the *same direction*, and those of CelebA stay *not run* without it.

    Args:
        frame: records of `dbp_autoencoders`, as `dbp.runs.records.load` gives them.

    Returns:
        One row a published cell, reading of the gradient ("jacobian", "whole", "encoder_path"; "reconstruction" for
        itself) and target: `on` (MNIST, CelebA or toy-faces), the paper's `dataset`, model, measure, reading, target
        ("attached", "detached"; "none" without the penalty), dbp, `printed` (the paper's heading), the two cells (`ours`,
        `theirs`) and the `verdict`. Ours has the unit of `dbp.metrics.reconstruction` and `autoencoder_gradients`;
        the reconstruction loss of faces is their squared error, since a density may exceed 1.
    """
    table1, rows = frame[_of_table_1(frame)], []
    for records_of, (on, dataset, loss) in COLUMNS.items():
        part = table1[table1["dataset"] == records_of]
        if part.empty and records_of == "toy-faces":
            continue
        cells = paper.table("P1", 1)
        for cell in cells[cells["dataset"] == dataset].itertuples():
            for reading in (("reconstruction",) if cell.measure == "reconstruction" else GRADIENTS):
                for target in TARGETS if cell.dbp else ("none",):
                    column = loss if reading == "reconstruction" else reading
                    ours, plain = (_ours(part, cell.model, t, column) for t in (target, "none"))
                    rows.append({
                        "on": on, "dataset": dataset, "model": cell.model, "measure": cell.measure, "reading": reading,
                        "target": target, "dbp": cell.dbp, "printed": cell.printed, "ours": ours, "theirs": _theirs(cell),
                        "verdict": _verdict(on, cell, ours, plain),
                    })
    return pandas.DataFrame(rows)


def _of_table_1(frame: pandas.DataFrame) -> pandas.Series:
    """Runs without a control; of the penalised ones the strength that most models were run with, at the most epochs."""
    plain = (frame["lam1"] == 1) & (frame["weight_decay"] == 0) & (frame["input_noise"] == 0)
    of = ["dataset", "model"]
    longest = frame["max_epochs"] == frame.groupby(of)["max_epochs"].transform("max")
    penalised = frame[frame["lam2"] > 0]
    usual = penalised.groupby("dataset")["lam2"].agg(lambda values: values.mode().iloc[0])
    return plain & longest & ((frame["lam2"] == 0) | (frame["lam2"] == frame["dataset"].map(usual)))


def _ours(part: pandas.DataFrame, model: str, target: str, column: str) -> Cell | None:
    runs = part[(part["model"].replace(MODELS) == model) & (part["target"] == target)]
    if runs.empty:
        return None
    if runs["seed"].duplicated().any():
        raise ValueError(f"the records of {model}, {target}, hold a seed twice: {sorted(runs['seed'])}")
    values = runs[column]
    return Cell(float(values.mean()), float(values.std()) if len(values) > 1 else None, len(values))


def _theirs(cell) -> Cell:
    return paper.cell("P1", table=1, model=cell.model, dataset=cell.dataset, measure=cell.measure, dbp=cell.dbp)


def _verdict(on: str, cell, ours: Cell | None, plain: Cell | None) -> str:
    theirs = _theirs(cell)
    if ours is None:
        return "not run"
    if not cell.dbp:
        return paper.verdict(ours, theirs) if on == cell.dataset else "differs"
    theirs_plain = paper.cell("P1", table=1, model=cell.model, dataset=cell.dataset, measure=cell.measure, dbp=False)
    verdict = paper.verdict(ours, theirs, our_reference=plain, their_reference=theirs_plain)
    if verdict == "matches" and on != cell.dataset:  # a number of other images can agree by chance only
        return "same direction" if plain and (ours.mean > plain.mean) == (theirs.mean > theirs_plain.mean) else "differs"
    return verdict


def as_number(cell: Cell | None) -> str:
    """A cell to three significant digits, with its spread, as `0.107 ± 0.002`, `9.54`, or a dash for nothing."""
    if cell is None:
        return "–"
    text = _rounded(cell.mean, 3)
    return f"{text} ± {_rounded(cell.std, 1)}" if cell.std is not None else f"{text} (one seed)" if cell.n == 1 else text


def _rounded(value: float, digits: int) -> str:
    return f"{float(f'{value:.{digits}g}'):g}"  # 1010, not 1.01e+03


def side_by_side(table: pandas.DataFrame, models: list[str], on: str = "MNIST") -> Printed:
    """One printable table: a row a model and measure; the paper without and with DBP, then ours, with both targets.

    Args:
        table: of `p1_table1`.
        models: of the paper's columns, in order.
        on: MNIST, CelebA or toy-faces.
    """
    rows = []
    for model in models:
        part = table[(table["on"] == on) & (table["model"] == model)]
        for reading in ("reconstruction", *GRADIENTS):
            cells = part[part["reading"] == reading].set_index("target")
            if cells.empty:
                continue
            row = {"": model if reading == "reconstruction" else "", "measure": NAMES[reading],
                   "paper, without": as_number(cells.loc["none", "theirs"]),
                   "with DBP": as_number(cells.loc["attached", "theirs"]),
                   "ours, without": as_number(cells.loc["none", "ours"])}
            for target in TARGETS:
                ours = cells.loc[target, "ours"]
                if ours is not None or target == "attached":
                    row |= {target: as_number(ours), f"verdict on {target}": cells.loc[target, "verdict"]}
            rows.append(row)
    return Printed(pandas.DataFrame(rows).fillna("–"))
