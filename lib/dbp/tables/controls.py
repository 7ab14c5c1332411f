"""Is it the penalty, or would any regulariser do? P1 Eq. (10) and the controls, compared where they blur the same."""

from collections.abc import Sequence

import pandas

from dbp.tables.cells import Printed, format_cell, make_cell
from dbp.tables.p1 import NAMES

# Of each method: the column that holds its strength, and the strength at which it does nothing.
STRENGTHS = {"attached": ("lam2", 0.0), "detached": ("lam2", 0.0), "KL weight": ("lam1", 1.0),
             "weight decay": ("weight_decay", 0.0), "input noise": ("input_noise", 0.0)}
MEASURES = ("reconstruction", "jacobian", "encoder_path", "whole")


def trace_paths(frame: pandas.DataFrame) -> dict[str, pandas.DataFrame]:
    """The runs of each method from strength to strength, beginning with the plain ones.

    Only the shortest trainings are taken, since the controls were not run for longer.

    Args:
        frame: records of `dbp_autoencoders`, of one model and data set.

    Returns:
        Method to its runs and the plain ones, with a column `strength`, sorted by it. The methods are "attached",
        "detached" and the controls; one without runs is left out.
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


def match_reconstruction(
    frame: pandas.DataFrame, *, method: str = "detached", strength: float = 0.01, measures: Sequence[str] = MEASURES
) -> pandas.DataFrame:
    """What does the same blur buy elsewhere? Every method at the reconstruction loss of one DBP model.

    The loss to reach is the mean over the seeds of that model. Of each other method we follow one seed at a time, from
    strength to strength, until the loss is first reached. It is reached between two neighbouring strengths, so strength
    and measures are interpolated between these two. If some seed never reaches the loss, nothing is interpolated: the
    runs of the strength whose mean loss is nearest stand for the method.

    Args:
        frame: records of `dbp_autoencoders`, of one model and data set.
        method, strength: which DBP model, of those in `trace_paths`.
        measures: columns that are compared, the `reconstruction` among them.

    Returns:
        One row a method, "plain" first: `method`; `how` ("itself", "interpolated" or "nearest"); `strength` (the mean over
        seeds, of lam1, lam2, weight_decay or input_noise); and a `Cell` over the seeds for each measure, in its unit.

    Raises:
        ValueError: there is no such DBP model.
    """
    found = trace_paths(frame)
    reference = found.get(method, pandas.DataFrame({"strength": []}))
    reference = reference[reference["strength"] == strength]
    if reference.empty:
        raise ValueError(f"no run of {method!r} has strength {strength!r}; there are {', '.join(found)}")
    loss = float(reference["reconstruction"].mean())
    rows = [_row("plain", "itself", found[method][found[method]["strength"] == 0], measures)]
    for name, runs in found.items():
        if name == method:
            rows.append(_row(name, "itself", reference, measures))
            continue
        paths = [path for _, path in runs.groupby("seed") if len(path) > 1]  # a control may have fewer seeds
        places = [_first_place(path, loss, measures) for path in paths]
        if all(place is not None for place in places):
            rows.append(_row(name, "interpolated", pandas.DataFrame(places), measures))
        else:
            means = runs.groupby("strength")["reconstruction"].mean()
            rows.append(_row(name, "nearest", runs[runs["strength"] == (means - loss).abs().idxmin()], measures))
    return pandas.DataFrame(rows)


def lay_out(table: pandas.DataFrame, measures: Sequence[str] | None = None, plain: str = "plain") -> Printed:
    """One printable table: a row a method with its strength, a column a measure.

    Args:
        table: of `match_reconstruction`.
        measures: which columns, in order; by default all.
        plain: what the network without any method is called.
    """
    cells = list(measures or [name for name in table if name not in ("method", "how", "strength")])
    texts = table[cells].map(lambda cell: format_cell(cell, percent=False))
    texts.insert(0, "method, strength", [_heading(row, plain) for row in table.itertuples()])
    return Printed(texts.rename(columns=NAMES))


def _heading(row, plain: str) -> str:
    if row.method == "plain":
        return plain
    how = {"interpolated": " (interpolated)", "nearest": " (nearest)"}.get(row.how, "")
    return f"{row.method}, {row.strength:.3g}{how}"


def _first_place(path: pandas.DataFrame, loss: float, measures: Sequence[str]) -> pandas.Series | None:
    """Where one seed's path first reaches a reconstruction loss: strength and measures, or None."""
    values = path[["strength", *measures]].astype(float)
    for (_, before), (_, after) in zip(values.iloc[:-1].iterrows(), values.iloc[1:].iterrows(), strict=True):
        low, high = before["reconstruction"], after["reconstruction"]
        if low != high and min(low, high) <= loss <= max(low, high):
            return before + (after - before) * (loss - low) / (high - low)
    return None


def _row(method: str, how: str, runs: pandas.DataFrame, measures: Sequence[str]) -> dict:
    cells = {measure: make_cell(runs[measure]) for measure in measures}
    return {"method": method, "how": how, "strength": float(runs["strength"].mean()), **cells}
