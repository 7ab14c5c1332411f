"""The picture of the README, from the records: python book/tools/picture.py"""

from pathlib import Path

from dbp import plots, runs
from dbp.files import write_bytes
from dbp.tables import make_cells

TARGET = Path(__file__).resolve().parents[1] / "images" / "worst-case.png"


def picture() -> plots.Figure:
    """Accuracy over lambda at a budget of 0.1, under one step and in the worst case, for both kinds of outputs."""
    attacked = runs.load("worst_case", "laptop", only={"experiment": "l1_penalty", "model": "C"})
    lines = {}
    for outputs in ("softmax", "logits"):
        for attack, measure in (("FGSM", "fgsm_few_0.1"), ("worst case", "worst_0.1")):
            cells = make_cells(attacked, ["reduction", "outputs", "lam"], measure)
            kept = {("mean", outputs), ("none", "none")}
            lines[outputs, attack] = {lam: cell for (reduction, of, lam), cell in cells.items() if (reduction, of) in kept}
    return plots.attack_ladder(
        lines, title="A penalty may fool the attack (softmax) or resist it (logits)",
        alt="Accuracy over lambda under FGSM and in the worst case; only for the logits the two stay together.")


if __name__ == "__main__":
    write_bytes(TARGET, picture().png())
