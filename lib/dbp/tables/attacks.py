"""P1 Tables 3 and 4, ours beside theirs: encoder and mixtures, and other classifiers, by white box and by black box.

The paper does not give eps. It is calibrated: for each attack it is the eps of our grid at which our own MLP and LeNet
(CvNet on colours) come nearest to the published accuracies of theirs. So a match of these cells is partly made by hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas

from dbp.experiments import dbp_autoencoders
from dbp.experiments.gmm_classifier import READINGS
from dbp.tables import p1, paper
from dbp.tables.cells import Cell, Printed, format_cell, make_cells

# Of the runs' data set: its name in the table, and the paper's column that it is compared with.
COLUMNS = {"mnist": ("MNIST", "MNIST"), "svhn": ("SVHN", "SVHN"), "colour-digits": ("colour-digits", "SVHN")}
CLASSIFIERS = {"mlp": "MLP", "lenet": "LeNet", "cvnet": "CvNet"}  # ours to the paper's
ENCODER = "Encoder(DBP)+GMM"
RIVAL = {"MNIST": "LeNet", "SVHN": "CvNet"}  # the strongest that the paper sets beside it
TARGETS = {"none": "without DBP", "attached": "DBP, attached", "detached": "DBP, detached"}
PLACE, HOW = ["on", "classifier", "target"], ["box", "attack", "by", "eps"]


@dataclass(frozen=True)
class Calibration:
    """Where our classifiers come nearest to the paper's under one attack.

    Attributes:
        eps: of our grid, L-infinity, in units of the pixel range.
        distance: the mean over the classifiers of |ours - theirs|, in percentage points.
        differences: classifier to ours - theirs at this eps, in percentage points.
        alone: classifier to the eps at which it alone would have the published accuracy, on straight lines between our
            budgets (eps 0 is its clean accuracy); None if it never has.
    """

    eps: float
    distance: float
    differences: dict[str, float]
    alone: dict[str, float | None]


def calibrate(curves: Mapping[str, Mapping[float, float]], printed: Mapping[str, float]) -> Calibration:
    """Find the eps at which our accuracies come nearest to the published ones, by the mean |ours - theirs|.

    Args:
        curves: classifier to its accuracies, eps to percent; budgets that not all have are left out, and so is eps 0.
        printed: classifier to the published accuracy under this attack, in percent.

    Raises:
        ValueError: other classifiers on one side than on the other, or no common eps.
    """
    if not printed or curves.keys() != printed.keys():
        raise ValueError(f"curves must be of {', '.join(printed)}, as published, but are of {', '.join(curves)}")
    common = sorted(set.intersection(*(set(curve) for curve in curves.values())) - {0.0})
    if not common:
        raise ValueError(f"curves must have an eps above 0 in common, but have {[*map(sorted, curves.values())]}")
    apart = {eps: {name: curve[eps] - printed[name] for name, curve in curves.items()} for eps in common}
    eps = min(common, key=lambda eps: sum(map(abs, apart[eps].values())))  # of equals the smallest
    alone = {name: _crossing(curve, printed[name]) for name, curve in curves.items()}
    return Calibration(eps, sum(map(abs, apart[eps].values())) / len(printed), apart[eps], alone)


def unfold(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Every accuracy of every run, a row each; of the autoencoders those of `dbp.tables.p1.is_of_table1`.

    Args:
        frame: records of `gmm_classifier`, as `dbp.runs.load` gives them.

    Returns:
        The columns `on` (MNIST, SVHN or colour-digits); `classifier` (MLP, LeNet, CvNet, or the head on the codes: GMM, GMM
        by BIC, QDA, LDA, softmax); `target` of the penalty ("attached", "detached"; "none" without it, as for MLP, LeNet
        and CvNet); `seed`; `box` ("white", "black", "both"); `attack` ("fgsm", "pgd"; "any" for the worst of all); `by`:
        what a white box climbs (one of `READINGS`, or "strongest"), what a black box is made on (MLP, LeNet, CvNet), and
        "worst" for both together; `eps`, 0 for no attack; and `accuracy`, a share of 1.
    """
    rows = []
    for place, run in _runs(frame):
        curves = {("both", "any", "worst"): run["worst"]}
        for box in ("white", "black"):
            for name, curve in run[box].items():
                attack, by = ("any", name) if name == "strongest" else name.split("_", 1)
                curves[box, attack, CLASSIFIERS.get(by, by)] = curve
        for (box, attack, by), curve in curves.items():
            for eps, accuracy in zip((0.0, *run["eps"]), (run["clean_few"], *curve), strict=True):
                rows.append(place | {"box": box, "attack": attack, "by": by, "eps": eps, "accuracy": accuracy})
    return pandas.DataFrame(rows, columns=[*PLACE, "seed", *HOW, "accuracy"])


def count_black_only(frame: pandas.DataFrame) -> pandas.DataFrame:
    """How many images black box breaks that the strongest white box does not: above 0 the white box was not finished.

    Args:
        frame: records of `gmm_classifier`, as `dbp.runs.load` gives them.

    Returns:
        A row a run and eps: `on`, `classifier`, `target` and `seed` of `unfold`, `eps`, `images` and `black_only`. Runs
        without a black box are left out.
    """
    rows = [place | {"eps": eps, "images": run["attack_images"], "black_only": count}
            for place, run in _runs(frame) if run["black"] for eps, count in zip(run["eps"], run["black_only"], strict=True)]
    return pandas.DataFrame(rows, columns=[*PLACE, "seed", "eps", "images", "black_only"])


def calibrations(frame: pandas.DataFrame) -> dict[tuple[str, str], Calibration]:
    """The calibrated eps of each data set and attack, from the means over the seeds of our own classifiers.

    Args:
        frame: records of `gmm_classifier`.

    Returns:
        (`on`, `attack`) to the `Calibration`; where not all of the paper's classifiers have records there is none.
    """
    return _calibrations(make_cells(unfold(frame), [*PLACE, *HOW], "accuracy"))


def compare_tables_3_and_4(frame: pandas.DataFrame) -> dict[int, pandas.DataFrame]:
    """P1 Tables 3 and 4, cell by cell, at the calibrated eps of each attack.

    A step is counted, in Table 3, for MLP, LeNet and CvNet from their clean accuracy; for the encoder from LeNet (CvNet on
    colours) under the same attack, since the paper's claim is that it withstands what breaks these. In Table 4, from the
    classifier that the examples were made on, under the same examples. The paper prints no spread. Colour digits are not
    SVHN: their cells stand under their own name and can at best go in the *same direction*.

    Args:
        frame: records of `gmm_classifier`, as `dbp.runs.load` gives them; those with the head "GMM" are compared.

    Returns:
        Table number to one row a published cell and reading, with the columns: `on` (MNIST, SVHN or colour-digits); the
        paper's `dataset`, `model` and `measure` ("FGSM" or "PGD"); in Table 4 `crafted_on`; `target` ("attached",
        "detached"; "none" for classifiers, and for the encoder without the penalty, which the paper does not print);
        `reading` of what the attack climbs; whether this is the `literal` one, the probabilities for the encoder, else the
        cross-entropy; `eps`; the cells `ours`, `theirs` and, at this eps, `worst`, right under white and black box
        together, in percent; and the `verdict` of `dbp.tables.paper.judge`, or "not in the paper".

    Raises:
        ValueError: a column is missing, or a seed occurs twice in a cell.
    """
    cells = make_cells(unfold(frame), [*PLACE, *HOW], "accuracy")
    rows, eps_of = {3: [], 4: []}, _calibrations(cells)
    for records_of, (on, dataset) in COLUMNS.items():
        if records_of != "colour-digits" or any(key[0] == on for key in cells):
            for number in rows:
                published = paper.read_table("P1", number)
                for cell in published[published["dataset"] == dataset].to_dict("records"):
                    found = eps_of.get((on, cell["measure"].lower()))
                    rows[number] += _rows(number, on, cell, found and found.eps, cells)
    return {number: pandas.DataFrame(found) for number, found in rows.items()}


def lay_out(table: pandas.DataFrame, on: str = "MNIST", *, reading: str | None = None) -> Printed:
    """One printable table of one data set, short enough for a chapter; verdicts are on the pages of results.

    Args:
        table: one of `compare_tables_3_and_4`.
        on: MNIST, SVHN or colour-digits.
        reading: of what the attack climbs; by default the literal one.

    Returns:
        Four columns: the `classifier` (in Table 4 what the images were `made on`), whose number it is, and a column an
        attack, with its eps in the heading. A paper's number stands once, above ours for each reading of the penalty.
    """
    part = table[(table["on"] == on) & (table["literal"] if reading is None else table["reading"] == reading)]
    first, rows = "made on" if "crafted_on" in table else "classifier", {}
    for row in part.to_dict("records"):
        encoder, eps = row["model"] == ENCODER, row["eps"]
        name = row.get("crafted_on", "encoder and mixtures" if encoder else row["model"])
        attack = row["measure"] if pandas.isna(eps) else f"{row['measure']}, ε = {eps:g}"
        theirs = "the paper" if on == row["dataset"] else f"the paper, {row['dataset']}"
        for whose, found in (
                (theirs, row["theirs"]), (f"ours, {TARGETS[row['target']]}" if encoder else "ours", row["ours"])):
            place = rows.setdefault((name, whose), {})
            if place.get(attack, "–") == "–":
                place[attack] = format_cell(found)
    return Printed(pandas.DataFrame([{first: name, "whose": whose} | found for (name, whose), found in rows.items()]))


def _runs(frame: pandas.DataFrame) -> list[tuple[dict, dict]]:
    """The runs that are compared, each with its place: on, classifier, target, seed."""
    if frame.empty:
        return []
    encoders, found = frame["experiment"] == dbp_autoencoders.NAME, []
    chosen = [frame[~encoders]]
    if encoders.any():
        chosen.append(frame[encoders][p1.is_of_table1(frame[encoders])])
    for run in [run for part in chosen for run in part.to_dict("records")]:
        if run["experiment"] == dbp_autoencoders.NAME:
            classifier, target = "GMM by BIC" if run["components"] == "bic" else run["head"], run["target"]
        else:
            classifier, target = CLASSIFIERS[run["model"]], "none"
        on = COLUMNS[run["dataset"]][0]
        found.append(({"on": on, "classifier": classifier, "target": target, "seed": run["seed"]}, run))
    return found


def _calibrations(cells: Mapping[tuple, Cell]) -> dict[tuple[str, str], Calibration]:
    table, found = paper.read_table("P1", 3), {}
    table = table[table["model"] != ENCODER]
    for on, dataset in COLUMNS.values():
        for measure, part in table[table["dataset"] == dataset].groupby("measure"):
            printed = dict(zip(part["model"], part["mean"], strict=True))
            attack = measure.lower()
            curves = {name: {key[-1]: cell.mean for key, cell in cells.items()
                             if key[:-1] == (on, name, "none", "white", attack, "cross_entropy")} for name in printed}
            if all(curves.values()):
                found[on, attack] = calibrate(curves, printed)
    return found


def _crossing(curve: Mapping[float, float], level: float) -> float | None:
    """The smallest eps at which straight lines between the points of a curve reach a level."""
    points = sorted(curve.items())
    for (low, before), (high, after) in zip(points, points[1:], strict=False):
        if min(before, after) <= level <= max(before, after):
            return low if before == after else low + (high - low) * (level - before) / (after - before)
    return None


def _rows(number: int, on: str, cell: dict, eps: float | None, cells: Mapping[tuple, Cell]) -> list[dict]:
    """The rows of one published cell."""
    dataset, model, attack, made_on = cell["dataset"], cell["model"], cell["measure"].lower(), cell.get("crafted_on")
    encoder, rows = model == ENCODER, []
    classifier = "GMM" if encoder else model
    for target in TARGETS if encoder else ("none",):
        for reading in READINGS if number == 3 else ("cross_entropy",):
            how = ("white", attack, reading) if number == 3 else ("black", attack, made_on)
            ours, worst = (cells.get((on, classifier, target, *way, eps)) for way in (how, ("both", "any", "worst")))
            if number == 3 and not encoder:  # from its clean accuracy
                start = cells.get((on, model, "none", *how, 0.0))
                their_start = paper.read_cell("P1", section=5.4, model=model, dataset=dataset, measure="clean")
            else:  # from the rival, or from what the examples were made on, under the same attack
                other = made_on or RIVAL[dataset]
                start = cells.get((on, other, "none", "white", attack, "cross_entropy", eps))
                their_start = paper.read_cell("P1", table=3, model=other, dataset=dataset, measure=cell["measure"])
            theirs = None if encoder and target == "none" else Cell(cell["mean"])
            verdict = "not in the paper" if theirs is None else paper.judge(
                ours, theirs, our_reference=start, their_reference=their_start, unit_known=on == dataset)
            rows.append({
                "on": on, "dataset": dataset, "model": model, "measure": cell["measure"],
                **({"crafted_on": made_on} if made_on else {}), "target": target, "reading": reading,
                "literal": number == 4 or reading == ("probabilities" if encoder else "cross_entropy"), "eps": eps,
                "ours": ours, "worst": worst, "theirs": theirs, "verdict": verdict})
    return rows
