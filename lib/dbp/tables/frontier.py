"""What does robustness cost in clean accuracy? Every defence of the book under the strongest attack, one row a network."""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

import pandas

from dbp.intervals import student, wilson
from dbp.tables.costs import count_training

PLAIN = "no defence"
# What a penalty is called in `dbp.experiments.flat_codes`, which has more of them than P1.
PENALTIES = {"code_l1": "code L1", "code_frobenius2": "contractive", "loss_gradient_l1": "DBP {target}, L1"}
OTHERS = {"lam1": ("KL weight", 1.0), "weight_decay": ("weight decay", 0.0), "input_noise": ("input noise", 0.0)}
COLUMNS = ["family", "strength", "seed", "images", "eps", "accuracy", "test_images", "clean", "cost"]


def collect(frames: Mapping[str, pandas.DataFrame]) -> pandas.DataFrame:
    """The networks of MNIST that were attacked as strongly as the book can.

    Args:
        frames: experiment to its records, as `dbp.runs.load` gives them, of any of "worst_case", "gmm_classifier" and
            "flat_codes_classifier".

    Returns:
        A row a network and budget: `family`, the defence; `strength` within it, lambda or the budget that was trained with,
        0 where there is none; `seed`; `eps`, L-infinity, in units of the pixel range, and `accuracy` under all attacks,
        on the `images` that were attacked; `clean` accuracy on all `test_images`, both shares of 1; and `cost`, operations
        of the training (of the heads, whose fitting is not counted, those of the encoder).
    """
    rows: list[dict] = []
    for experiment, frame in frames.items():
        for run in frame.to_dict("records"):
            if run.get("dataset") == "mnist":
                rows += _of_p2(run) if experiment == "worst_case" else _of_codes(run)
    return pandas.DataFrame(rows, columns=COLUMNS)


def summarise(points: pandas.DataFrame, eps: float) -> pandas.DataFrame:
    """Means over the seeds at one budget, with 95 % intervals over seeds and images.

    The interval of an accuracy adds two variances: Student's over the seeds, and Wilson's over the images, which all seeds
    share; with one seed it is Wilson's alone.

    Args:
        points: of `collect`.
        eps: one of its budgets.

    Returns:
        A row a family and strength: both; `seeds`, `images`; `clean`, `accuracy`, with `clean_low`, `clean_high`, `low` and
        `high`, shares of 1; mean `cost`; and `best`: no other mean is as high in both accuracies, and higher in one.

    Raises:
        ValueError: two networks of one seed under one family and strength.
    """
    rows = []
    for (family, strength), group in points[points["eps"] == eps].groupby(["family", "strength"], sort=False):
        if group["seed"].duplicated().any():
            raise ValueError(f"points must hold each seed once, but {family!r} at {strength} has {sorted(group['seed'])}")
        row = {"family": family, "strength": strength, "seeds": len(group), "images": int(group["images"].min()),
               "cost": group["cost"].mean()}
        for name, low, high, of in (
                ("clean", "clean_low", "clean_high", "test_images"), ("accuracy", "low", "high", "images")):
            row[name] = fmean(group[name])
            row[low], row[high] = interval(list(group[name]), int(group[of].min()))
        rows.append(row)
    table = pandas.DataFrame(rows)
    return table.assign(best=[not any(_beats(other, row) for other in rows) for row in rows])


def interval(shares: Sequence[float], images: int) -> tuple[float, float]:
    """A 95 % interval of the mean of accuracies on the same `images`, over seeds and images, see `summarise`."""
    mean = fmean(shares)
    low, high = (abs(end - mean) for end in wilson(round(mean * images), images))
    spread = (student(shares)[1] - mean) if len(shares) > 1 else 0.0
    return max(0.0, mean - math.hypot(low, spread)), min(1.0, mean + math.hypot(high, spread))


def _beats(other: dict, row: dict) -> bool:
    pair = [(other[name], row[name]) for name in ("clean", "accuracy")]
    return all(theirs >= ours for theirs, ours in pair) and any(theirs > ours for theirs, ours in pair)


def _of_p2(run: dict) -> Iterator[dict]:
    family, strength = _defence(run)
    cost = count_training(run["experiment"], run)
    for eps in run["budgets"]:
        yield _point(run, f"{run['model']}: {family}", strength, eps, run[f"worst_{eps}"], cost)


def _defence(run: dict) -> tuple[str, float]:
    """A network of P2's two experiments: what it was trained with, and how much of it."""
    lam = run["lam"]
    if run["experiment"] == "l1_penalty":
        return (f"Jacobian of the {run['outputs']}, {run['reduction']}", lam) if lam else (PLAIN, 0.0)
    training = {"fgsm": "FGSM training", "pgd": "PGD training", "none": ""}[run["attack"]]
    penalty = {"none": "", "loss_gradient_l1": "loss gradient, L1", "summed": "P2's footnote",
               "one_row": f"Jacobian of the {run['outputs']}, {run['reduction']}"}[run["penalty"]]
    if penalty and training:
        penalty += f" (λ {lam:g}, {run['outputs']}, {run['reduction']}, {run['points']} points)"
    name = " + ".join(part for part in (training, penalty) if part) or PLAIN
    labels = ", plain labels" if not run["label_smoothing"] else ", predicted labels" if run["labels"] == "predicted" else ""
    return f"{name}{labels}, {run['max_epochs']:g} x {run['train_size']:g} images", run["eps"] if training else lam


def _of_codes(run: dict) -> Iterator[dict]:
    """A network of P1, or one beside it."""
    if run["head"] == "none":
        family, strength, cost = f"{run['model']}: {PLAIN}", 0.0, count_training(run["experiment"], run)
    else:
        family, strength = name_method(run)
        head = "GMM by BIC" if run["components"] == "bic" else run["head"]
        family, cost = f"{run['model']}: {family}, {head}", count_training(run["experiment"], run)
    for eps, accuracy in zip(run["eps"], run["worst"], strict=True):
        yield _point(run, family, strength, eps, accuracy, cost)


def _point(run: dict, family: str, strength: float, eps: float, accuracy: float, cost: float) -> dict:
    row = (family, strength, run["seed"], run["attack_images"], eps, accuracy, run["test_size"], run["clean"], cost)
    return dict(zip(COLUMNS, row, strict=True))


def name_method(run: dict) -> tuple[str, float]:
    """How an autoencoder was trained, and how strongly.

    Args:
        run: of `dbp_autoencoders` or `flat_codes`, or of an experiment on top of them.

    Returns:
        The method, as profiles name it, and lambda_2 or the control's own strength; "plain" and 0 where there is none.
    """
    if run["lam2"] > 0:
        name = PENALTIES.get(run.get("penalty"), "DBP {target}").format(target=run["target"])
        return name + (" from the start" if run.get("start") == 0 else ""), run["lam2"]
    for field, (name, none) in OTHERS.items():
        if run[field] != none:
            return name, run[field]
    return "plain", 0.0
