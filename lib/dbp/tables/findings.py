"""What was found? A few numbers that carry the book, each from the records and with its interval."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas

from dbp.intervals import student
from dbp.tables import attacks, p1
from dbp.tables.frontier import interval


@dataclass(frozen=True)
class Finding:
    """A number with its interval.

    Attributes:
        value, low, high: an estimate and the ends of its 95 % interval.
        seeds: trainings that it rests on.
        unit: "%" for accuracies in percent, "points" for their differences, "factor", or "" for areas.
    """

    value: float
    low: float
    high: float
    seeds: int
    unit: str

    def __str__(self) -> str:
        if self.unit in ("%", "points"):
            decimals = 1 if self.high - self.low < 3 else 0
            value, low, high = (f"{round(end, decimals) + 0.0:.{decimals}f}" for end in (self.value, self.low, self.high))
            return f"{value} {self.unit} [{low}, {high}]"  # + 0.0 turns -0 into 0
        digits = "{:.2g} [{:.2g}, {:.2g}]" if self.unit == "factor" else "{:.2f} [{:.2f}, {:.2f}]"
        return digits.format(self.value, self.low, self.high)


def share(runs: pandas.DataFrame, measure: str, images: int | None = None) -> Finding:
    """An accuracy over seeds and images, in percent.

    Args:
        runs: one row a seed.
        measure: a column with shares of 1.
        images: that they are shares of; by default the column `attack_images`.
    """
    values = list(_by_seed(runs)[measure])
    low, high = interval(values, images or int(runs["attack_images"].iloc[0]))
    return Finding(100 * float(np.mean(values)), 100 * low, 100 * high, len(values), "%")


def difference(one: pandas.DataFrame, other: pandas.DataFrame, measure: str, other_measure: str | None = None, *,
               scale: float = 100, unit: str = "points") -> Finding:
    """How much more `one` has than `other`, seed by seed, with Student's interval.

    Args:
        one, other: one row a seed.
        measure, other_measure: columns of `one` and `other`, the same by default.
        scale: what a difference is multiplied by; 100 makes points of shares.
        unit: as of `Finding`.
    """
    return _paired(one[["seed", measure]], other[["seed", other_measure or measure]], lambda a, b: scale * (a - b), unit)


def factor(one: pandas.DataFrame, other: pandas.DataFrame, measure: str) -> Finding:
    """`one` divided by `other`, seed by seed: the geometric mean, with Student's interval of the logarithms."""
    found = _paired(one[["seed", measure]], other[["seed", measure]], lambda a, b: np.log(a / b), "factor")
    return Finding(*np.exp([found.value, found.low, found.high]).tolist(), found.seeds, "factor")


def penalised(attacked: pandas.DataFrame, outputs: str, lam: float) -> pandas.DataFrame:
    """P2's model C with a penalty on a mean entry of the Jacobian of `outputs`; without one where lam is 0.

    Args:
        attacked: records of `worst_case`.
        outputs: "softmax" or "logits".
        lam: lambda.
    """
    part = attacked[(attacked["experiment"] == "l1_penalty") & (attacked["model"] == "C") & (attacked["lam"] == lam)]
    if lam == 0:
        return part[part["outputs"] == "none"]
    return part[(part["outputs"] == outputs) & (part["reduction"] == "mean")]


def vaes(frame: pandas.DataFrame, target: str) -> pandas.DataFrame:
    """P1's VAEs on MNIST, as its Table 1 has them, in records of an experiment that trains or attacks autoencoders.

    Args:
        frame: records of "dbp_autoencoders" or "auddc".
        target: of the penalty, "attached" or "detached"; "none" for the VAE without one.
    """
    part = frame[(frame["dataset"] == "mnist") & (frame["model"] == "VAE")]
    return part[p1.is_of_table1(part) & (part["target"] == target)]


def withstanding(frame: pandas.DataFrame, classifier: str, eps: float, target: str = "none") -> pandas.DataFrame:
    """The classifiers of P1 Section 5.4 on MNIST in the worst case at one budget, one row a seed.

    Args:
        frame: records of `gmm_classifier`.
        classifier: GMM, softmax, MLP, LeNet, ..., see `dbp.tables.attacks.unfold`.
        eps: the budget.
        target: of the encoder's penalty.

    Returns:
        The columns `seed`, `accuracy` (a share of 1) and `attack_images`.
    """
    points = attacks.unfold(frame)
    part = points[(points["on"] == "MNIST") & (points["classifier"] == classifier) & (points["target"] == target)
                  & (points["by"] == "worst") & (points["eps"] == eps)]
    images = frame.loc[frame["dataset"] == "mnist", "attack_images"].max()
    return part[["seed", "accuracy"]].assign(attack_images=images)


def _paired(one: pandas.DataFrame, other: pandas.DataFrame, compare: Callable, unit: str) -> Finding:
    sides = [_by_seed(side).iloc[:, -1] for side in (one, other)]
    pairs = pandas.concat(sides, axis=1, join="inner").to_numpy(dtype=float)
    found = compare(pairs[:, 0], pairs[:, 1])
    return Finding(float(found.mean()), *student(found), len(found), unit)


def _by_seed(runs: pandas.DataFrame) -> pandas.DataFrame:
    if runs["seed"].duplicated().any():
        raise ValueError(f"runs must be one a seed, but the seeds are {sorted(runs['seed'])}")
    return runs.set_index("seed")
