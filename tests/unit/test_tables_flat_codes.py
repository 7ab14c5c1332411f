"""Who withstands what on flat codes: names of trainings, one row a budget, and comparisons on the same seeds."""

import pandas
import pytest

from dbp.intervals import student
from dbp.tables import flat_codes
from dbp.tables.frontier import name_method

PLAIN = {"lam1": 1.0, "lam2": 0.0, "target": "none", "weight_decay": 0.0, "input_noise": 0.0, "penalty": "none",
         "start": 0.0}
FLAT = {"lam2": 0.3, "penalty": "code_l1", "start": 0.5}


def run(seed, worst, clean=0.96, **changed):
    return PLAIN | {"seed": seed, "head": "GMM", "components": 5, "eps": (0.05, 0.1), "worst": worst, "clean": clean,
                    "attack_images": 1000, "test_size": 10_000} | changed


FRAME = pandas.DataFrame([
    run(0, (0.2, 0.02)), run(1, (0.3, 0.04)), run(0, (0.9, 0.62), **FLAT), run(1, (0.9, 0.60), **FLAT),
    run(2, (0.9, 0.64), **FLAT), run(0, (0.5, 0.1), clean=0.9, weight_decay=1.0),
    run(0, (0.7, 0.3), head="softmax", **FLAT),
])  # fmt: skip


@pytest.mark.parametrize("changed, expected", [
    ({}, ("plain", 0.0)), (FLAT, ("code L1", 0.3)), (FLAT | {"start": 0.0}, ("code L1 from the start", 0.3)),
    (FLAT | {"penalty": "code_frobenius2"}, ("contractive", 0.3)),
    ({"lam2": 0.1, "penalty": "loss_gradient_l2", "target": "detached", "start": 0.5}, ("DBP detached", 0.1)),
    ({"lam2": 0.1, "penalty": "loss_gradient_l1", "target": "detached", "start": 0.5}, ("DBP detached, L1", 0.1)),
    ({"lam1": 3.0}, ("KL weight", 3.0)), ({"weight_decay": 1.0}, ("weight decay", 1.0)),
    ({"input_noise": 0.2}, ("input noise", 0.2)),
])  # fmt: skip
def test_a_training_is_named_as_in_the_profiles(changed, expected):
    assert name_method(PLAIN | changed) == expected


def test_networks_of_p1s_own_experiment_have_no_penalty_column():
    own = {name: value for name, value in PLAIN.items() if name not in ("penalty", "start")}
    assert name_method(own | {"lam2": 0.01, "target": "attached"}) == ("DBP attached", 0.01)


def test_one_row_a_run_and_budget():
    points = flat_codes.unfold(FRAME)
    assert len(points) == 2 * len(FRAME)
    found = flat_codes.pick(points, "code L1", 0.3, "GMM", 0.1)
    assert list(found["accuracy"]) == [0.62, 0.60, 0.64] and list(found["seed"]) == [0, 1, 2]


def test_the_reference_is_compared_on_the_seeds_that_both_have():
    table = flat_codes.compare(flat_codes.unfold(FRAME), ("code L1", 0.3), "GMM", 0.1).set_index("method")
    assert list(table.index) == ["code L1", "weight decay", "plain"]  # by falling accuracy
    ahead = table.loc["plain", "ahead"]
    assert (ahead.value, ahead.low, ahead.high) == pytest.approx((58, *student([60, 56]))) and ahead.seeds == 2
    assert table.loc["code L1", "ahead"] is None and table.loc["weight decay", "ahead"] is None
    assert table.loc["code L1", "accuracy"].value == pytest.approx(62) and table.loc["code L1", "clean"].seeds == 3
    assert table.loc["code L1", "clean"].high - table.loc["code L1", "clean"].low < 1  # on the 10,000, not on the 1,000


def test_methods_with_too_few_seeds_can_be_left_out():
    table = flat_codes.compare(flat_codes.unfold(FRAME), ("code L1", 0.3), "GMM", 0.1, least_seeds=2)
    assert set(table["method"]) == {"code L1", "plain"}
    nothing = flat_codes.compare(flat_codes.unfold(FRAME.iloc[:0]), ("code L1", 0.3), "GMM", 0.1)
    assert nothing.empty and "ahead" in nothing
