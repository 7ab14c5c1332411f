"""The net under every change of layout: tiny runs whose measures were written down, and must come out again.

That a run agrees with itself shows that it can be repeated; this shows that it is still the same. Where a change means to
change results, `python tests/unit/test_pinned_runs.py` writes them down anew, and the commit says why.
"""

import dataclasses
import json
import math
import tempfile
from pathlib import Path

import pytest
import torch

from dbp import experiments
from dbp.experiments import dbp_autoencoders, worst_case
from dbp.runs.runner import make
from dbp.runs.store import Store

PINNED = Path(__file__).with_name("pinned_runs.json")

SMALL = dict(source="embedded", train_size=256, validation_size=50, test_size=50, max_epochs=1)
ATTACK = dict(attack_images=20, pgd_steps=3, pgd_restarts=2, apgd_steps=3, targets=2, queries=5, budgets=(0.1, 0.3))
TWICE = dict(model="C", label_smoothing=0.1, seed=0, dataset="mnist", labels="true", eps=0.1, **SMALL)
PLAIN = dict(lam=0.0, penalty="none", outputs="none", reduction="none", points="none")
CODES = dict(source="embedded", lam1=1.0, weight_decay=0.0, input_noise=0.0, seed=0, train_size=128, test_size=20,
             max_epochs=2, learning_rate=0.001, clip=5.0, gradient_images=10, projections=2)
NO_DBP = dict(lam2=0.0, target="none", reduction="none")

RUNS = {
    "C, one row": ("l1_penalty", dict(
        model="C", lam=10.0, reduction="mean", outputs="softmax", estimator="one_row", seed=0, **SMALL)),
    "A, exact": ("l1_penalty", dict(
        model="A", lam=0.001, reduction="sum", outputs="logits", estimator="exact", seed=1, **SMALL | dict(train_size=64))),
    "B, plain": ("l1_penalty", dict(
        model="B", lam=0.0, reduction="none", outputs="none", estimator="none", seed=0,
        **SMALL | dict(train_size=64, test_size=20))),
    "FGSM training, footnote": ("l1_adversarial_training", TWICE | dict(
        attack="fgsm", lam=10.0, penalty="summed", outputs="logits", reduction="mean", points="both")),
    "PGD training": ("l1_adversarial_training", TWICE | PLAIN | dict(attack="pgd")),
    "loss gradient": ("l1_adversarial_training", TWICE | dict(
        attack="none", lam=0.3, penalty="loss_gradient_l1", outputs="none", reduction="sum", points="clean")),
    "VAE, attached": ("dbp_autoencoders", CODES | dict(
        model="VAE", dataset="mnist", lam2=0.01, target="attached", reduction="sum")),
    "VAE, detached, noise, decay": ("dbp_autoencoders", CODES | dict(
        model="VAE", dataset="mnist", lam2=10.0, target="detached", reduction="mean", weight_decay=0.3, input_noise=0.1)),
    "DRAW16 (attention), attached": ("dbp_autoencoders", CODES | dict(
        model="DRAW16 (attention)", dataset="mnist", lam2=0.01, target="attached", reduction="sum")),
    "DRAW1, faces": ("dbp_autoencoders", CODES | NO_DBP | dict(model="DRAW1", dataset="toy-faces", train_size=32)),
    "ConvVAE, faces": ("dbp_autoencoders", CODES | dict(
        model="ConvVAE", dataset="toy-faces", lam2=0.001, target="attached", reduction="sum", train_size=32)),
    "VAE, flat code": ("flat_codes", CODES | dict(
        model="VAE", dataset="mnist", lam2=0.3, target="none", reduction="sum", penalty="code_l1", start=0.5)),
    # So many epochs that two of three pairs can be told apart.
    "VAE, attacked": ("auddc", dict(pairs=3, trade_offs=5, steps=6, checked_pairs=2, network=dbp_autoencoders.Config(
        **CODES | NO_DBP | dict(model="VAE", dataset="mnist", lam1=0.01, max_epochs=20, learning_rate=0.005)))),
}

# Areas are rounded to six digits, of which another processor changes the last.
ROUNDED = {"auddc": 2e-5}


def measures_of(name: str, folder: Path) -> dict:
    """The measures of a pinned run, on one thread, as its record would hold them; a classifier's with its worst case."""
    experiment, fields = RUNS[name]
    module, threads = experiments.get(experiment), torch.get_num_threads()
    config, store = module.Config(**fields), Store(folder / "records")
    torch.set_num_threads(1)
    try:
        measures = make(module, config, store, folder / "cache").measures
        if experiment in worst_case.NETWORKS:
            undefended = module.undefended(config, *([1] if experiment == "l1_adversarial_training" else []))
            undefended = None if undefended == config else undefended
            attack = ATTACK | {"attack_images": 5} if config.model == "B" else ATTACK
            on_top = worst_case.Config(experiment, config, undefended, **attack)
            measures = measures | make(worst_case, on_top, store, folder / "cache").measures
        return json.loads(json.dumps(measures))
    finally:
        torch.set_num_threads(threads)


def differences(found, expected, where: str = "", least: float = 0.0) -> list[str]:
    """The places at which two results of `measures_of` differ by more than 1e-6 of the value, and by more than `least`."""
    if isinstance(expected, dict):
        lacking = [f"{where}.{name} on one side only" for name in found.keys() ^ expected.keys()]
        return lacking + [d for name in found.keys() & expected.keys()
                          for d in differences(found[name], expected[name], f"{where}.{name}", least)]
    if isinstance(expected, list):
        lacking = [f"{where}: {len(found)} rows, expected {len(expected)}"] if len(found) != len(expected) else []
        pairs = enumerate(zip(found, expected, strict=False))
        return lacking + [d for i, pair in pairs for d in differences(*pair, f"{where}[{i}]", least)]
    numbers = isinstance(found, float) and isinstance(expected, float)
    same = math.isclose(found, expected, rel_tol=1e-6, abs_tol=least) if numbers else found == expected
    return [] if same else [f"{where} is {found}, expected {expected}"]


@pytest.mark.parametrize("name", RUNS)
def test_run_is_still_the_same(name, tmp_path):
    expected, least = json.loads(PINNED.read_text())[name], ROUNDED.get(RUNS[name][0], 0.0)
    assert differences(measures_of(name, tmp_path), expected, least=least) == []


def test_a_change_in_the_sixth_digit_is_noticed():
    assert differences({"a": [{"b": 1.0}]}, {"a": [{"b": 1.00001}]}) == [".a[0].b is 1.0, expected 1.00001"]
    assert differences({"a": 1.0}, {"c": 1.0}) != [] and differences([1, 2], [1]) != []
    assert differences([0.1], [0.10001], least=2e-5) == [] and differences([None], [0.1]) != []
    assert differences({"a": [0.1]}, {"a": [0.1001]}, least=2e-5) == [".a[0] is 0.1, expected 0.1001"]


if __name__ == "__main__":
    assert all(dataclasses.is_dataclass(experiments.get(name).Config) for name, _ in RUNS.values())
    with tempfile.TemporaryDirectory() as folder:
        PINNED.write_text(json.dumps({name: measures_of(name, Path(folder)) for name in RUNS}, indent=1) + "\n")
