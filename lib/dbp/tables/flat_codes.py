"""P2's norm on P1's codes, beside its relatives and the controls: who withstands what, head by head."""

import pandas

from dbp.tables.findings import difference, share
from dbp.tables.frontier import name_method


def unfold(frame: pandas.DataFrame) -> pandas.DataFrame:
    """One row a run and budget.

    Args:
        frame: records of `flat_codes_classifier`, as `dbp.runs.load` gives them.

    Returns:
        The columns `method` and `strength` (see `dbp.tables.frontier.name_method`), `head`, `components`, `seed`; `eps`,
        L-infinity, in units of the pixel range; `accuracy` under all attacks, on `attack_images` images; `clean`, on
        `test_size`; shares of 1.
    """
    columns = ["method", "strength", "head", "components", "seed", "eps", "accuracy", "attack_images", "clean", "test_size"]
    rows = []
    for run in frame.to_dict("records"):
        method, strength = name_method(run)
        for eps, accuracy in zip(run["eps"], run["worst"], strict=True):
            rows.append((method, strength, run["head"], run["components"], run["seed"], eps, accuracy,
                         run["attack_images"], run["clean"], run["test_size"]))
    return pandas.DataFrame(rows, columns=columns)


def pick(points: pandas.DataFrame, method: str, strength: float, head: str, eps: float) -> pandas.DataFrame:
    """Those rows of `unfold` that are one network with one head at one budget: one a seed, or none."""
    part = points[(points["method"] == method) & (points["strength"] == strength)]
    return part[(part["head"] == head) & (part["eps"] == eps)]


def compare(points: pandas.DataFrame, reference: tuple[str, float], head: str, eps: float, *,
            least_seeds: int = 1) -> pandas.DataFrame:
    """Every method and strength with one head, and how far the reference is ahead of it.

    Args:
        points: of `unfold`.
        reference: a method and its strength.
        head: a head of `dbp.models.heads`.
        eps: a budget of the points.
        least_seeds: methods with fewer are left out.

    Returns:
        A row each, by falling accuracy: `method`, `strength`, `seeds`; `clean` and `accuracy`, in percent, and `ahead`,
        points by which the reference's accuracy lies above it on the same seeds, as `dbp.tables.findings.Finding`; `ahead`
        is None for the reference itself and where fewer than two seeds are shared.
    """
    known, rows = pick(points, *reference, head, eps), []
    for (method, strength), _ in points.groupby(["method", "strength"], sort=False):
        part = pick(points, method, strength, head, eps)
        if len(part) < max(least_seeds, 1):
            continue
        shared = set(part["seed"]) & set(known["seed"])
        ahead = None
        if (method, strength) != reference and len(shared) > 1:
            ahead = difference(*(each[each["seed"].isin(shared)] for each in (known, part)), "accuracy")
        rows.append({"method": method, "strength": strength, "seeds": len(part),
                     "clean": share(part, "clean", int(part["test_size"].min())), "accuracy": share(part, "accuracy"),
                     "ahead": ahead})
    columns = ["method", "strength", "seeds", "clean", "accuracy", "ahead"]
    return pandas.DataFrame(sorted(rows, key=lambda row: -row["accuracy"].value), columns=columns)
