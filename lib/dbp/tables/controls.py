"""Is it the penalty, or would any regulariser do? The runs of P1 Eq. (10) beside the controls, at equal reconstruction."""

import numpy as np
import pandas

from dbp.tables.p1 import NAMES, as_number
from dbp.tables.p2 import Printed
from dbp.tables.paper import Cell

# Method to the column of its strength, and the strength that stands for no effect.
STRENGTHS = {"attached": ("lam2", 0.0), "detached": ("lam2", 0.0), "KL weight": ("lam1", 1.0),
             "weight decay": ("weight_decay", 0.0), "input noise": ("input_noise", 0.0)}
MEASURES = ("reconstruction", "jacobian", "encoder_path", "whole")


def paths(frame: pandas.DataFrame) -> dict[str, pandas.DataFrame]:
    """For every method its runs from no effect on, at the number of epochs that the controls ran.

    Args:
        frame: records of `dbp_autoencoders` of one model and data set.

    Returns:
        Method ("attached", "detached" and the controls; those with runs only) to its runs and the plain ones, with a
        column `strength`, sorted by it.
    """
    frame = frame[frame["max_epochs"] == frame["max_epochs"].min()]
    idle = pandas.DataFrame({column: frame[column] == none for column, none in STRENGTHS.values()})
    found = {}
    for method, (column, _) in STRENGTHS.items():
        own = ~idle[column] & idle.drop(columns=column).all(axis=1)
        if column == "lam2":
            own &= frame["target"] == method
        runs = frame[own | idle.all(axis=1)]
        if own.any():
            found[method] = runs.assign(strength=runs[column]).sort_values(["strength", "seed"])
    return found


def matched(frame: pandas.DataFrame, *, method: str = "detached", strength: float = 0.01) -> pandas.DataFrame:
    """Every method where it reconstructs as badly as one DBP model: what does the same blur buy elsewhere?

    Each seed's path over the strengths is followed from the plain run to the first place where its reconstruction loss
    reaches that of the DBP model (the mean over its seeds), straight between neighbouring strengths.

    Args:
        frame: records of `dbp_autoencoders` of one model and data set.
        method, strength: the DBP model, of those in `paths`.

    Returns:
        One row a method: `method`, `how` ("itself", "interpolated", or "nearest" where some seed's path does not reach
        that loss), `strength` (the mean over seeds; of lam1, lam2, weight_decay or input_noise), and a `Cell` over the
        seeds for reconstruction (nats a pixel value), jacobian, encoder_path and whole.

    Raises:
        ValueError: there is no such DBP model.
    """
    found = paths(frame)
    reference = found.get(method, pandas.DataFrame({"strength": []}))
    reference = reference[reference["strength"] == strength]
    if reference.empty:
        raise ValueError(f"no run of {method!r} has strength {strength!r}; there are {', '.join(found)}")
    loss = float(reference["reconstruction"].mean())
    rows = [_row("plain", "itself", found[method][found[method]["strength"] == 0])]
    for name, runs in found.items():
        if name == method:
            rows.append(_row(name, "itself", reference))
            continue
        paths_of = [path for _, path in runs.groupby("seed") if len(path) > 1]  # a control may have fewer seeds
        places = [_place(path, loss) for path in paths_of]
        if all(place is not None for place in places):
            rows.append(_row(name, "interpolated", pandas.DataFrame(places)))
        else:
            means = runs.groupby("strength")["reconstruction"].mean()
            rows.append(_row(name, "nearest", runs[runs["strength"] == (means - loss).abs().idxmin()]))
    return pandas.DataFrame(rows)


def _place(path: pandas.DataFrame, loss: float) -> pandas.Series | None:
    """Where one seed's path first reaches a reconstruction loss: strength and measures, or None."""
    values = path[["strength", *MEASURES]].astype(float)
    for (_, before), (_, after) in zip(values.iloc[:-1].iterrows(), values.iloc[1:].iterrows(), strict=True):
        low, high = before["reconstruction"], after["reconstruction"]
        if low != high and min(low, high) <= loss <= max(low, high):
            return before + (after - before) * (loss - low) / (high - low)
    return None


def _row(method: str, how: str, runs: pandas.DataFrame) -> dict:
    values = runs[list(MEASURES)].astype(float)
    spread = values.std() if len(values) > 1 else dict.fromkeys(MEASURES)
    cells = {measure: Cell(float(values[measure].mean()), spread[measure], len(values)) for measure in MEASURES}
    return {"method": method, "how": how, "strength": float(np.mean(runs["strength"])), **cells}


def printed(table: pandas.DataFrame) -> Printed:
    """`matched` as a table of texts."""
    texts = table.assign(strength=[f"{value:.3g}" for value in table["strength"]])
    texts[list(MEASURES)] = table[list(MEASURES)].map(as_number)
    return Printed(texts.rename(columns=NAMES))
