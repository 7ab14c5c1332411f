"""Measure Auto-PGD, Square and the ensemble beside torchattacks' own: accuracies on 500 digits, and ratios of times.

    python benchmarks/ensemble.py            half an hour on a quiet core; writes ENSEMBLE.md and ensemble.json
    python benchmarks/ensemble.py --quick    a trial on few images, written nowhere
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


def rows(model: nn.Module, x: Tensor, y: Tensor, rounds: int) -> Iterator[dict]:
    """Each attack's accuracies and ratio of times, then the ensemble's accuracies beside AutoAttack's."""
    import torchattacks

    for name, ours, theirs in pairs(model, x, y, EPS):
        kept = {}
        cost = side_by_side(lambda theirs=theirs, kept=kept: kept.update(theirs=theirs()),
                            {"ours": lambda ours=ours, kept=kept: kept.update(ours=ours())}, rounds)["ours"]
        yield {"attack": name, **{who: accuracy(model, images, y) for who, images in kept.items()},
               "ratio": cost.ratio, "low": cost.low, "high": cost.high}
    whole = torchattacks.AutoAttack(model, norm="Linf", eps=EPS, version="standard", n_classes=10)
    yield {"attack": "the ensemble, AutoAttack", "theirs": accuracy(model, whole(x, y), y),
           "ours": float(strongest(model, x, y, EPS, steps=STEPS, queries=QUERIES).standing.double().mean())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="twenty images, one round, written nowhere")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    machine, test = about(1), data.load("mnist").test
    x, y = test.images[: 20 if quick else IMAGES], test.labels[: 20 if quick else IMAGES]
    found = []
    for name, model in networks().items():
        clean = accuracy(model, x, y)
        for row in rows(model, x, y, 2 if quick else ROUNDS):
            found.append({"network": name, "clean": clean} | row)
            print(found[-1], flush=True)
    if not quick:
        measured = machine | {"images": len(x), "eps": EPS, "rounds": ROUNDS, "rows": found}
        write(HERE / "ensemble.json", json.dumps(measured, indent=1) + "\n")
        write(HERE / "ENSEMBLE.md", page(measured))


def page(measured: dict) -> str:
    """The page, from what was measured."""
    lines = []
    for row in measured["rows"]:
        time = f"{row['ratio']:.2f} | {row['low']:.2f} - {row['high']:.2f}" if "ratio" in row else "|"
        shares = " | ".join(f"{row[name]:.1%}" for name in ("clean", "ours", "theirs"))
        lines.append(f"| {row['network']} | {row['attack']} | {shares} | {time} |")
    apart = [row for row in measured["rows"] if abs(row["ours"] - row["theirs"]) > AGREES]
    verdict = f"{len(measured['rows']) - len(apart)} of {len(measured['rows'])} pairs agree within {AGREES:.0%}"
    return f"""# Our attacks beside torchattacks' own

Written by `python benchmarks/ensemble.py`. The first {measured["images"]} test digits, L-infinity, eps {measured["eps"]};
of times: ours over theirs, in turns, median of {measured["rounds"]} rounds, one thread. AutoAttack is torchattacks' own
"standard" (it has FAB too, and 5,000 queries), so its time is not compared. {verdict}.

{measured["date"]}, {measured["processor"]}, load before the run {measured["load_before"]}; Python {measured["python"]}.

| network | attack | clean | ours | theirs | ratio of times | quartiles |
|---|---|---:|---:|---:|---:|---|
""" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
