"""The picture of the README, from the records: python book/tools/picture.py"""

from pathlib import Path

from dbp import plots, runs
from dbp.files import write_bytes
from dbp.tables import make_cells

TARGET = Path(__file__).resolve().parents[1] / "images" / "worst-case.png"


def picture() -> plots.Figure:
    """What each attack leaves at a budget of 0.1, over lambda, for both kinds of outputs."""
    attacked = runs.load("worst_case", "laptop", only={"experiment": "l1_penalty", "model": "C"})
    panels: dict = {}
    for outputs in ("softmax", "logits"):
        for attack, measure in (("FGSM", "fgsm_few_0.1"), ("PGD", "pgd_0.1"), ("all", "worst_0.1")):
            cells = make_cells(attacked, ["reduction", "outputs", "lam"], measure)
            kept = {("mean", outputs), ("none", "none")}
            panels.setdefault(f"penalty on the {outputs}", {})[attack] = {
                lam: cell.mean for (reduction, of, lam), cell in cells.items() if (reduction, of) in kept}
    return plots.what_each_attack_adds(
        panels, xlabel="strength of the penalty, λ", title="A penalty may fool the attack (softmax) or resist it (logits)",
        alt="Accuracy over lambda under FGSM, PGD and all attacks; only for the logits the three come together.")


if __name__ == "__main__":
    write_bytes(TARGET, picture().png())
