"""How does each published table look on its results page? What is a row, what stands beside what, and in which words."""

import pandas

from dbp.tables import attacks, p1
from dbp.tables.beside import source
from dbp.tables.listing import Listing
from dbp.tables.readable import SideBySide, side_by_side

MODELS = ("VAE", "DRAW1", "DRAW16", "DRAW16 (attention)", "A", "B", "C")
TARGETS = {"none": "without DBP", "attached": "with DBP", "detached": "with DBP, target detached"}
ATTACKED = {"none": "encoder + mixtures, without DBP", "attached": "encoder + mixtures, with DBP",
            "detached": "encoder + mixtures, with DBP, target detached"}
WORDS = TARGETS | p1.NAMES | {
    "latent": "attack in latent space", "output": "attack in output space", "lam": "λ", "eps": "ε",
    "clean": "clean", "adv": "under FGSM", "adv_train": "FGSM training", "adv_train_gp": "and the penalty, λ = 10",
    "A": "model A", "B": "model B", "C": "model C",
}
STAND_INS = {"toy-faces": ("paper, CelebA", "ours, toy faces"), "colour-digits": ("paper, SVHN", "ours, colour digits")}

# What says which cell it is, in the long lists, where every reading stands.
LISTED = {
    ("P1", 1): ["on", "model", "measure", "reading", "dbp", "target"], ("P1", 2): ["on", "model", "space", "dbp", "target"],
    ("P1", 3): ["on", "model", "measure", "target", "reading", "eps"],
    ("P1", 4): ["on", "crafted_on", "measure", "target", "eps"],
    ("P2", 2): ["model", "measure", "lam", "outputs", "reduction"], ("P2", 3): ["model", "method", "measure", "eps"],
    ("P2", 4): ["measure", "lam"],
}


def list_all(name: str, number: int, table: pandas.DataFrame) -> Listing:
    """Every cell of a table, one a line, with its file for those who want to compute with it.

    What was not run under a reading that the scorecard does not count is left out.

    Args:
        name, number: of the published table.
        table: of `dbp.tables.beside.compare`.

    Raises:
        ValueError: the table has no results page.
    """
    source(name, number)
    listed = table[table["counted"] | table["ours"].notna()]
    return Listing(listed, LISTED[name, number], f"{name.lower()}_table_{number}", percent=name == "P2" or number > 2)


def arrange(name: str, number: int, table: pandas.DataFrame, on: str | None = None) -> SideBySide:
    """A published table with ours beside it, as its results page shows it.

    Args:
        name: "P1" or "P2".
        number: of the table.
        table: of `dbp.tables.beside.compare`.
        on: of P1: the images, such as MNIST or toy-faces.

    Raises:
        ValueError: the table has no results page, or does not know these images.
    """
    source(name, number)
    if name == "P2":
        return _p2(number, table)
    if on not in set(table["on"]):
        raise ValueError(f"P1 Table {number} has no cells on {on!r}; there are {', '.join(table['on'].unique())}")
    part, sides = table[table["on"] == on], STAND_INS.get(on, ("paper", "ours"))
    if number > 2:
        return _attacked(number, part, sides, comparable=on not in STAND_INS)
    part = part[~((part["target"] == "detached") & part["ours"].isna())]  # which the paper does not have
    part = _sorted(part, reading=p1.NAMES, space=("latent", "output"), model=MODELS, target=TARGETS)
    how = {"names": WORDS, "sides": sides, "ours_only": ("detached",)}
    if number == 1:
        return side_by_side(part, ["reading", "model"], "target", scale="factor", **how)
    return side_by_side(part, ["space", "model"], "target", scale="area", comparable=on not in STAND_INS, **how)


def network(row: pandas.Series) -> str:
    """What a row of P1 Tables 3 and 4 attacks, in words."""
    return ATTACKED[row["target"]] if row["model"] == attacks.ENCODER else row["model"]


def _p2(number: int, table: pandas.DataFrame) -> SideBySide:
    if number == 2:
        table = table[(table["reduction"] == "mean") & (table["outputs"] == "softmax")]
        table = _sorted(table, measure=("clean", "adv"), model=MODELS, lam=sorted(table["lam"].unique()))
        return side_by_side(table, ["measure", "lam"], "model", names=WORDS)
    if number == 3:
        table = _sorted(table, model=MODELS, measure=("clean", "adv"), eps=sorted(table["eps"].unique()),
                        method=("adv_train", "adv_train_gp"))
        return side_by_side(table, ["measure", "eps"], "method", split="model", names=WORDS)
    table = _sorted(table, measure=("clean", "adv"), lam=sorted(table["lam"].unique()))
    return side_by_side(table, ["lam"], "measure", names=WORDS)


def _attacked(number: int, part: pandas.DataFrame, sides: tuple[str, str], comparable: bool) -> SideBySide:
    """P1 Tables 3 and 4, with what is left under everything beside each budget."""
    part = part[part["literal"].astype(bool)]
    part = _sorted(part, crafted_on=("MLP", "LeNet", "CvNet"), model=("MLP", "LeNet", "CvNet", attacks.ENCODER),
                   target=[*TARGETS], measure=("FGSM", "PGD"))
    part = part.assign(network=part.apply(network, axis=1), under=[_under(row) for row in part.to_dict("records")])
    how = {"names": {"network": "classifier"}, "sides": sides, "comparable": comparable}
    if number == 4:
        part = part.assign(made_on="made on " + part["crafted_on"])
        return side_by_side(part, ["made_on", "network"], "under", **how)
    worst = part.assign(ours=part["worst"], theirs=None, verdict="not in the paper", uninformative=False,
                        under=[f"all attacks{_budget(eps)}" for eps in part["eps"]])
    worst = worst[worst["ours"].notna()].drop_duplicates(["network", "under"])
    return side_by_side(pandas.concat([part, worst]), ["network"], "under", ours_only=tuple(worst["under"].unique()), **how)


def _under(row: dict) -> str:
    return row["measure"] + _budget(row["eps"])


def _budget(eps: float | None) -> str:
    return "" if eps is None or pandas.isna(eps) else f", ε = {eps:g}"


def _sorted(table: pandas.DataFrame, **orders) -> pandas.DataFrame:
    """The rows in the order of the columns' values; columns that the table lacks are passed over."""
    places = {name: {value: place for place, value in enumerate(order)} for name, order in orders.items() if name in table}
    keys = pandas.DataFrame({name: table[name].map(place) for name, place in places.items()})
    return table.loc[keys.sort_values(list(keys), kind="stable").index]
