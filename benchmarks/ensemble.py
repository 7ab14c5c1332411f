"""Measure Auto-PGD, Square and the ensemble beside torchattacks' own: accuracies on 500 digits, and ratios of times.

    python benchmarks/ensemble.py            a quarter of an hour on a quiet core; writes ENSEMBLE.md and ensemble.json
    python benchmarks/ensemble.py --quick    a trial on few images, written nowhere
    python benchmarks/ensemble.py --again    the rows of the ensemble only, which are not timed; the others are kept
"""

import argparse
import json
from collections.abc import Callable, Iterator

import torch
from measure import side_by_side
from run import HERE, about, write
from torch import Tensor, nn

from dbp import data, runs
from dbp.attacks import apgd, square, strongest
from dbp.models.classifiers import build_classifier
from dbp.training import ClassifierTraining, fit_classifier, penalised_cross_entropy

IMAGES, EPS, ROUNDS = 500, 0.1, 3
STEPS, TARGETS, QUERIES = 100, 9, 5000  # as in the papers that the attacks are from
ENSEMBLE = "the ensemble, AutoAttack"
AGREES = 0.01  # accuracies, shares of 1


def networks() -> dict[str, nn.Module]:
    """MLP and LeNet as the book attacks them, and model C with P2's penalty on the logits, after two epochs."""
    train, validation = data.partition(data.load("mnist").train, (55_000, 5_000), 0)
    penalised, generator = build_classifier("C", seed=0), torch.Generator().manual_seed(0)
    fit_classifier(penalised, train, validation, ClassifierTraining(max_epochs=2), generator=generator,
                   objective=penalised_cross_entropy(25.0, outputs="logits"))
    found = {"C, penalised": penalised.eval()}
    return found | {name: runs.trained("undefended_classifiers", model=name, seed=0) for name in ("mlp", "lenet")}


def pairs(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Iterator[tuple[str, Callable, Callable]]:
    """What is measured: a name, our images and theirs, as functions of nothing."""
    import torchattacks

    box = dict(norm="Linf", eps=eps)
    theirs = {
        "Auto-PGD, cross-entropy": torchattacks.APGD(model, **box, steps=STEPS),
        "Auto-PGD, targeted DLR": torchattacks.APGDT(model, **box, steps=STEPS, n_classes=TARGETS + 1),
        "Square": torchattacks.Square(model, **box, n_queries=QUERIES),
    }
    ours = {
        "Auto-PGD, cross-entropy": lambda: apgd(model, x, y, eps, steps=STEPS),
        "Auto-PGD, targeted DLR": lambda: apgd(model, x, y, eps, steps=STEPS, loss="dlr", targets=TARGETS),
        "Square": lambda: square(model, x, y, eps, queries=QUERIES),
    }
    for name, peer in theirs.items():
        yield name, ours[name], lambda peer=peer: peer(x, y)


def accuracy(model: nn.Module, images: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return float((model(images).argmax(1) == y).double().mean())


def timed(model: nn.Module, x: Tensor, y: Tensor, rounds: int) -> Iterator[dict]:
    """Each attack's accuracies and ratio of times."""
    for name, ours, theirs in pairs(model, x, y, EPS):
        kept = {}
        cost = side_by_side(lambda theirs=theirs, kept=kept: kept.update(theirs=theirs()),
                            {"ours": lambda ours=ours, kept=kept: kept.update(ours=ours())}, rounds)["ours"]
        yield {"attack": name, **{who: accuracy(model, images, y) for who, images in kept.items()},
               "ratio": cost.ratio, "low": cost.low, "high": cost.high}


def ensembles(model: nn.Module, x: Tensor, y: Tensor) -> dict:
    """The accuracies of the ensemble and of AutoAttack's four members in turn, as long as in its paper.

    torchattacks' own AutoAttack gives Auto-PGD and FAB ten steps, a tenth of the paper's.
    """
    import torchattacks

    box = dict(norm="Linf", eps=EPS)
    theirs = torchattacks.MultiAttack([
        torchattacks.APGD(model, **box, steps=STEPS), torchattacks.APGDT(model, **box, steps=STEPS, n_classes=TARGETS + 1),
        torchattacks.FAB(model, **box, steps=STEPS, multi_targeted=True, n_classes=TARGETS + 1),
        torchattacks.Square(model, **box, n_queries=QUERIES),
    ])
    ours = strongest(model, x, y, EPS, steps=STEPS, queries=QUERIES).standing
    return {"attack": ENSEMBLE, "theirs": accuracy(model, theirs(x, y), y), "ours": float(ours.double().mean())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="twenty images, one round, written nowhere")
    parser.add_argument("--again", action="store_true", help="the rows of the ensemble only; the others are kept")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    count, rounds = (20, 2) if chosen.quick else (IMAGES, ROUNDS)
    test = data.load("mnist").test
    x, y, file = test.images[:count], test.labels[:count], HERE / "ensemble.json"
    kept = json.loads(file.read_text(encoding="utf-8")) if chosen.again else about(1)
    measured = kept | {"images": count, "eps": EPS, "rounds": rounds, "rows": []}
    for name, model in networks().items():
        found = [row for row in kept.get("rows", []) if row["network"] == name and row["attack"] != ENSEMBLE]
        for row in [*found, *([] if chosen.again else timed(model, x, y, rounds)), ensembles(model, x, y)]:
            measured["rows"].append({"network": name, "clean": accuracy(model, x, y)} | row)
            print(measured["rows"][-1], flush=True)
    if not chosen.quick:
        write(file, json.dumps(measured, indent=1) + "\n")
        write(HERE / "ENSEMBLE.md", page(measured))


def page(measured: dict) -> str:
    """The page, from what was measured."""
    lines = []
    for row in measured["rows"]:
        time = f"{row['ratio']:.2f} | {row['low']:.2f} - {row['high']:.2f}" if "ratio" in row else "|"
        shares = " | ".join(f"{row[name]:.1%}" for name in ("clean", "ours", "theirs"))
        lines.append(f"| {row['network']} | {row['attack']} | {shares} | {time} |")
    apart = [row for row in measured["rows"] if abs(row["ours"] - row["theirs"]) > AGREES]
    stronger = sum(row["ours"] < row["theirs"] for row in apart)
    verdict = f"{len(measured['rows']) - len(apart)} of {len(measured['rows'])} pairs agree within {AGREES:.0%}"
    return f"""# Our attacks beside torchattacks' own

Written by `python benchmarks/ensemble.py`. The first {measured["images"]} test digits, L-infinity, eps {measured["eps"]};
of times: ours over theirs, in turns, median of {measured["rounds"]} rounds, one thread. AutoAttack is its four
members in turn, {STEPS} steps or {QUERIES:,} queries each as in its paper; it has FAB, and we have not, so times are not
compared. {verdict}; in {stronger} of the others ours is the stronger. (torchattacks' Square paints the same square on
all images of a batch; ours paints another one on each, as the paper does.)

{measured["date"]}, {measured["processor"]}, load before the run {measured["load_before"]}; Python {measured["python"]}.

| network | attack | clean | ours | theirs | ratio of times | quartiles |
|---|---|---:|---:|---:|---:|---|
""" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
