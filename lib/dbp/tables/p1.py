"""P1 Table 1, ours beside theirs.

The paper prints the headings DBP and NO DBP swapped (see `paper.yaml`); the column `dbp` here says which is which. It calls
its second measure the magnitude of d x' / d x, but penalises the gradient of the loss. So three readings stand beside it.

It prints one number a cell, in a unit that it does not name. What can be compared is the factor by which DBP changes it.
"""

import math

import numpy as np
import pandas

from dbp.tables import paper
from dbp.tables.cells import Cell, make_cell, make_cells

# Of the runs' data set: its name in the table, the paper's column that it is compared with, and its reconstruction loss.
COLUMNS = {"mnist": ("MNIST", "MNIST", "reconstruction"), "celeba": ("CelebA", "CelebA", "reconstruction"),
           "toy-faces": ("toy-faces", "CelebA", "squared_error")}
GRADIENTS = ("jacobian", "whole", "encoder_path")
TARGETS = ("attached", "detached")
MODELS = {"ConvVAE": "VAE"}  # ours to the paper's
NAMES = {"reconstruction": "reconstruction loss", "jacobian": "norm of dx'/dx", "whole": "loss gradient, whole",
         "encoder_path": "loss gradient, encoder path"}


def compare_table1(frame: pandas.DataFrame) -> pandas.DataFrame:
    """P1 Table 1, cell by cell, from the longest runs of each model.

    A cell without the penalty is *undecided*, since the paper's unit is unknown. One with it is judged by the `ratio`, the
    logarithm of with / without, seed by seed, beside the paper's, by the rules of `dbp.tables.paper.judge`; the reference is
    0, no change. Rendered faces are not CelebA: their cells stand under their own name and can at best go in the *same
    direction*, and those of CelebA are *not run* without CelebA.

    Args:
        frame: records of `dbp_autoencoders`, as `dbp.runs.load` gives them.

    Returns:
        One row a published cell, target and reading of the gradient, with the columns: `on` (MNIST, CelebA or toy-faces);
        the paper's `dataset`, `model`, `measure`, `dbp` and `printed` (its heading); `reading` ("jacobian", "whole",
        "encoder_path"; "reconstruction" for itself); `target` ("attached", "detached"; "none" without the penalty); the two
        cells (`ours`, `theirs`); `ratio`, the `Cell` of our log ratios (natural logarithm, no unit) over the seeds that have
        both, None without the penalty, without such a seed, or where a value is not positive; and the `verdict`. Ours has
        the unit of `dbp.metrics.reconstruction` and `autoencoder_gradients`; the reconstruction loss of toy-faces is their
        squared error, since a density may exceed 1.

    Raises:
        ValueError: a column is missing, or a seed occurs twice in a cell.
    """
    table1, published, rows = frame[is_of_table1(frame)], paper.read_table("P1", 1), []
    for records_of, (on, dataset, loss) in COLUMNS.items():
        part = table1[table1["dataset"] == records_of]
        if part.empty and records_of == "toy-faces":
            continue
        part = part.assign(model=part["model"].replace(MODELS))
        columns = {"reconstruction": loss} | {reading: reading for reading in GRADIENTS}
        found = {reading: make_cells(part, ["model", "target"], column, percent=False)
                 for reading, column in columns.items()}
        ratios = {reading: _log_ratios(part, column) for reading, column in columns.items()}
        for cell in published[published["dataset"] == dataset].itertuples():
            for reading in (("reconstruction",) if cell.measure == "reconstruction" else GRADIENTS):
                for target in TARGETS if cell.dbp else ("none",):
                    ours, ratio = (cells[reading].get((cell.model, target)) for cells in (found, ratios))
                    rows.append({
                        "on": on, "dataset": dataset, "model": cell.model, "measure": cell.measure, "reading": reading,
                        "target": target, "dbp": cell.dbp, "printed": cell.printed, "ours": ours,
                        "theirs": _theirs(cell, cell.dbp), "ratio": ratio, "verdict": _judge(on, cell, ours, ratio),
                    })
    return pandas.DataFrame(rows)


def is_of_table1(frame: pandas.DataFrame) -> pandas.Series:
    """Runs without a control; of the penalised ones the strength that most models were run with, at the most epochs."""
    plain = (frame["lam1"] == 1) & (frame["weight_decay"] == 0) & (frame["input_noise"] == 0)
    longest = frame["max_epochs"] == frame.groupby(["dataset", "model"])["max_epochs"].transform("max")
    penalised = frame[frame["lam2"] > 0]
    usual = penalised.groupby("dataset")["lam2"].agg(lambda values: values.mode().iloc[0])
    return plain & longest & ((frame["lam2"] == 0) | (frame["lam2"] == frame["dataset"].map(usual)))


def _theirs(cell, dbp: bool) -> Cell:
    return paper.read_cell("P1", table=1, model=cell.model, dataset=cell.dataset, measure=cell.measure, dbp=dbp)


def _log_ratios(part: pandas.DataFrame, measure: str) -> dict[tuple[str, str], Cell]:
    """(model, target) to the cell of log(with / without DBP), each seed beside itself."""
    values, cells = part.set_index(["model", "target", "seed"])[measure].sort_index(), {}
    for model, target in part.groupby(["model", "target"]).groups:
        if target == "none" or (model, "none") not in values.index:
            continue
        pairs = pandas.concat([values.loc[model, target], values.loc[model, "none"]], axis=1, join="inner").to_numpy()
        if len(pairs) and (pairs > 0).all() and np.isfinite(pairs).all():
            cells[model, target] = make_cell(np.log(pairs[:, 0] / pairs[:, 1]))
    return cells


def _judge(on: str, cell, ours: Cell | None, ratio: Cell | None) -> str:
    if ours is None:
        return "not run"
    if ratio is None:  # without the penalty, where only the unknown unit is left to compare, or no seed has both
        return "undecided"
    step = Cell(math.log(_theirs(cell, True).mean / _theirs(cell, False).mean))
    no_change = {"our_reference": Cell(0.0, 0.0, ratio.n), "their_reference": Cell(0.0)}
    verdict = paper.judge(ratio, step, **no_change)
    if verdict == "matches" and on != cell.dataset:  # on other images their factor is no target, only its direction is
        return paper.judge(ratio, step, **no_change, unit_known=False)
    return verdict
