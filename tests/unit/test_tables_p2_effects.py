"""P2's effects from records: which runs are a method, what a penalty adds to adversarial training, and seed by seed."""

import pandas
import pytest

from dbp.experiments.l1_adversarial_training import METHODS
from dbp.tables import p2


def frame(method, seeds=(0, 1, 2), **columns):
    wanted = {"attack": "fgsm", "labels": "true", "label_smoothing": 0.1} | METHODS[method]
    base = wanted | {"model": "C", "eps": 0.3, "train_size": 100, "max_epochs": 3, "seed": list(seeds)}
    base |= {"lam": wanted.get("lam", 10.0)}
    return pandas.DataFrame(base | {"clean": 0.98, "fgsm_0.3": [0.90 + 0.01 * seed for seed in seeds]} | columns)


def test_a_method_is_told_from_all_others():
    records = pandas.concat([frame(method).assign(method=method) for method in METHODS])
    for method in METHODS:
        assert set(p2.select_method(records, method)["method"]) == {method}


def test_tables_take_the_right_method_and_the_largest_runs():
    records = pandas.concat([frame("adv_train"), frame("adv_train_gp"), frame("gp softmax", **{"fgsm_0.3": 0.1}),
                             frame("adv_train_gp", train_size=10, **{"fgsm_0.3": 0.2})])
    three = p2.compare_tables_3_and_4(records)[3].set_index(["model", "eps", "method", "measure"])
    assert three.loc[("C", 0.3, "adv_train_gp", "adv"), "ours"].mean == pytest.approx(91.0)
    assert three.loc[("A", 0.3, "adv_train_gp", "adv"), "verdict"] == "not run"


@pytest.mark.parametrize("gain, verdict", [(0.05, "same direction"), (-0.05, "differs")])
def test_the_penalty_is_counted_from_adversarial_training_alone(gain, verdict):
    """The paper's penalty gains about a point on model C at 0.3; ours lies far below both published numbers."""
    low = [0.50, 0.51, 0.52]
    records = pandas.concat([frame("adv_train", **{"fgsm_0.3": low}),
                             frame("adv_train_gp", **{"fgsm_0.3": [value + gain for value in low]})])
    found = p2.compare_tables_3_and_4(records)
    for number in (3, 4):
        row = found[number].query("eps == 0.3 and lam == 10 and measure == 'adv' and model == 'C'").iloc[0]
        assert row["verdict"] == verdict


def test_differences_seed_by_seed_cancel_what_the_seeds_share():
    one, other = frame("adv_train_gp"), frame("adv_train", **{"fgsm_0.3": [0.90, 0.90, 0.93]})
    mean, low, high = p2.compare_by_seed(one, other, "fgsm_0.3")
    assert mean == pytest.approx(0.0, abs=1e-9) and low == pytest.approx(-high)
    assert high == pytest.approx(4.3027 * 1.0 / 3**0.5, rel=1e-3)  # Student, two degrees of freedom; differences 0, 1, -1


def test_only_seeds_of_both_sides_are_compared():
    one, other = frame("adv_train_gp", seeds=(0, 1, 2)), frame("adv_train", seeds=(1, 2, 3))
    assert p2.compare_by_seed(one, other, "fgsm_0.3") == pytest.approx((0.0, 0.0, 0.0), abs=1e-9)
    with pytest.raises(ValueError):
        p2.compare_by_seed(one, frame("adv_train", seeds=(2, 3)), "fgsm_0.3")


def test_comparing_refuses_a_seed_that_occurs_twice():
    with pytest.raises(ValueError, match="each seed must occur once"):
        p2.compare_by_seed(frame("adv_train", seeds=(0, 0, 1)), frame("adv_train"), "clean")
