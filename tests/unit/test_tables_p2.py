"""P2's tables from records: the right runs in the right cell, honest verdicts, ours beside theirs in print."""

import pandas
import pytest

from dbp.experiments.l1_adversarial_training import METHODS
from dbp.tables import Cell, p2, paper


def frame(**columns):
    base = {"model": "C", "lam": 10.0, "reduction": "mean", "outputs": "softmax", "seed": range(3), "clean": 0.98}
    return pandas.DataFrame(base | {"fgsm_0.3": [0.30, 0.32, 0.34]} | columns)


def baseline():
    return frame(lam=0.0, reduction="none", outputs="none", **{"fgsm_0.3": [0.05, 0.06, 0.07]})


def cell(table, **where):
    for name, value in where.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_table_2_has_a_row_for_each_lambda_and_the_missing_zero():
    table = p2.compare_table2(pandas.concat([frame(), baseline()]))
    part = table[table["measure"] == "adv"]
    assert sorted(part["lam"]) == [0.0, 0.1, 1.0, 10.0, 25.0, 50.0]
    assert cell(part, lam=0.0)["verdict"] == "not in the paper"
    assert cell(part, lam=0.0)["ours"].mean == pytest.approx(6.0)
    assert cell(part, lam=50.0)["verdict"] == "not run"
    assert cell(part, lam=10.0)["theirs"] == Cell(18.24, 9.97, 10)


def test_direction_is_counted_from_lambda_one_tenth():
    low, high = {"fgsm_0.3": [0.10, 0.11, 0.12]}, {"fgsm_0.3": [0.80, 0.82, 0.81]}
    records = pandas.concat([frame(lam=0.1, **low), frame(lam=50.0, **high)])
    assert cell(p2.compare_table2(records), measure="adv", lam=50.0)["verdict"] == "same direction"
    records["fgsm_0.3"] = [0.10, 0.11, 0.12, 0.01, 0.02, 0.01]
    assert cell(p2.compare_table2(records), measure="adv", lam=50.0)["verdict"] == "differs"


def test_readings_without_records_are_left_out():
    assert set(p2.compare_table2(frame())["reduction"]) == {"mean"}


def test_printed_table_stands_beside_the_paper():
    table = p2.compare_table2(pandas.concat([frame(), baseline()]))
    printed = p2.lay_out(table, "C", "adv", {("mean", "softmax"): "softmax", ("sum", "logits"): "never run"})
    row = printed.frame[printed.frame["λ"] == "10"].iloc[0]
    assert row["the paper"] == "18.2 ± 10.0" and row["softmax"] == "32.0 ± 2.0"
    assert list(printed.frame["λ"]) == ["0", "0.1", "1", "10", "25", "50"]
    assert "never run" not in repr(printed) and "32.0 ± 2.0" in printed._repr_html_()


def verdict_of(records, **where):
    return cell(p2.compare_table2(records), **where)["verdict"]


def test_a_step_needs_two_seeds_on_both_ends():
    low, high = frame(lam=0.1, **{"fgsm_0.3": [0.01, 0.02, 0.03]}), frame(lam=50.0, **{"fgsm_0.3": [0.80, 0.82, 0.81]})
    where = {"measure": "adv", "lam": 50.0}
    assert verdict_of(pandas.concat([low, high]), **where) == "same direction"
    for records in ([low, high.head(1)], [low.head(1), high], [high]):
        assert verdict_of(pandas.concat(records), **where) == "undecided"


def marks(*records, measure="adv"):
    table = p2.compare_table2(pandas.concat(records))
    return table[table["measure"] == measure].set_index("lam")["uninformative"].to_dict()


def test_a_published_spread_wider_than_its_row_is_marked():
    """Under attack the means of C range over 29.92 - 13.66 = 16.26 points; at 25, 2 * 2.26 * 11.96 / sqrt(10) is 17.1."""
    expected = {0.0: False, 0.1: False, 1.0: False, 10.0: False, 25.0: True, 50.0: True}
    assert marks(baseline()[:0], frame(lam=10.0)) == expected
    assert marks(frame(lam=25.0).head(1)) == expected  # one seed has no spread of its own


def test_a_wide_spread_of_ours_marks_a_cell_as_well():
    assert not marks(frame(lam=10.0))[10.0] and marks(frame(lam=10.0, **{"fgsm_0.3": [0.1, 0.3, 0.5]}))[10.0]


def test_each_row_of_the_paper_has_its_own_range():
    """Clean, C ranges over 98.67 - 98.55 = 0.12 points: 2 * 2.26 * 0.08 / sqrt(10) = 0.114, at 50 it is 0.157."""
    assert marks(frame(lam=10.0).head(1), measure="clean") == {
        0.0: False, 0.1: False, 1.0: False, 10.0: False, 25.0: False, 50.0: True}
    both = p2.compare_table2(pandas.concat([frame(lam=25.0), frame(lam=25.0, model="A")]).drop_duplicates(["model", "lam"]))
    assert [cell(both, measure="adv", lam=25.0, model=model)["uninformative"] for model in "CA"] == [True, False]


def test_printed_verdicts_on_marked_cells_say_so():
    table = p2.compare_table2(pandas.concat([frame(lam=10.0), frame(lam=50.0)]))
    printed = p2.lay_out(table, "C", "adv", {("mean", "softmax"): "softmax"}).frame.set_index("λ")["verdict on softmax"]
    assert printed["50"] == "matches (wide)" and printed["10"] == "undecided" and printed["0"] == "not in the paper"


def test_the_reference_cell_has_no_direction_of_its_own():
    table = p2.compare_table2(frame(lam=0.1, **{"fgsm_0.3": [0.80, 0.82, 0.81]}))
    assert cell(table, measure="adv", lam=0.1)["verdict"] == "differs"


def test_a_collapsed_network_is_no_match():
    collapsed = frame(lam=10.0, clean=0.1135, **{"fgsm_0.3": [0.1135] * 3})
    found = cell(p2.compare_table2(collapsed), measure="adv", lam=10.0)
    assert found["collapsed"] and found["verdict"] == "differs"
    printed = p2.lay_out(p2.compare_table2(collapsed), "C", "adv", {("mean", "softmax"): "softmax"})
    assert "11.35 ± 0.00, collapsed" in repr(printed)


@pytest.mark.parametrize("number, adv, without_the_rule", [
    (3, [0.10, 0.11, 0.12], "same direction"), (1, [0.1135], "undecided"),
])
def test_a_collapsed_network_differs_whatever_the_rules_say(number, adv, without_the_rule):
    low = frame(lam=0.1, **{"fgsm_0.3": [0.01, 0.011, 0.012]})
    for clean, verdict in ((0.1135, "differs"), (0.98, without_the_rule)):
        records = pandas.concat([low, frame(lam=50.0, clean=clean).head(number).assign(**{"fgsm_0.3": adv})])
        assert verdict_of(records, measure="adv", lam=50.0) == verdict


def test_networks_that_collapsed_alike_do_not_count_as_neither_moves():
    collapsed = [frame(lam=lam, clean=0.1135, **{"fgsm_0.3": [0.1134, 0.1135, 0.1136]}) for lam in (0.1, 1.0)]
    assert verdict_of(pandas.concat(collapsed).assign(model="B"), measure="adv", lam=1.0) == "differs"
    assert verdict_of(pandas.concat(collapsed).assign(model="B", clean=0.98), measure="adv", lam=1.0) == "neither moves"


def adversarial(method="adv_train", **columns):
    base = {"model": "C", "eps": 0.3, "lam": 0.0, "seed": range(3), "train_size": 55000, "max_epochs": 100, "attack": "fgsm",
            "labels": "true", "label_smoothing": 0.1, "clean": 0.98, "fgsm_0.05": 0.9, "fgsm_0.3": [0.80, 0.82, 0.81]}
    return pandas.DataFrame(base | METHODS[method] | columns)


def test_tables_3_and_4_take_the_largest_runs_of_a_model():
    small = adversarial(train_size=1000, **{"fgsm_0.3": 0.1})
    found = p2.compare_tables_3_and_4(pandas.concat([adversarial(), small]))
    for number, size in ((3, 48), (4, 12)):
        here = cell(found[number], model="C", eps=0.3, lam=0, measure="adv")
        assert here["ours"].mean == pytest.approx(81.0) and here["ours"].n == 3 and len(found[number]) == size


def lengths(table):
    return {(row.eps, row.lam): row.max_epochs for row in table.drop_duplicates(["eps", "lam"]).itertuples()}


def test_a_table_is_of_one_length_until_every_cell_has_a_longer_one():
    early = [adversarial(max_epochs=3), *(adversarial("adv_train_gp", lam=lam, max_epochs=3) for lam in (10.0, 50.0))]
    late = [adversarial(), adversarial("adv_train_gp", lam=10.0)]
    both = pandas.concat([*early, *late])
    assert lengths(p2.select_table(both, 4)) == {(0.3, 0.0): 3, (0.3, 10.0): 3, (0.3, 50.0): 3}
    assert lengths(p2.select_table(both, 3)) == {(0.3, 0.0): 100, (0.3, 10.0): 100}


def test_the_papers_150_epochs_stand_beside_its_100():
    runs = [adversarial(), adversarial("adv_train_gp", lam=10.0), adversarial("adv_train_gp", lam=10.0, max_epochs=150),
            adversarial("adv_train_gp", lam=50.0, max_epochs=150), adversarial("adv_train_gp", lam=50.0, max_epochs=3)]
    assert lengths(p2.select_table(pandas.concat(runs), 4)) == {(0.3, 0.0): 100, (0.3, 10.0): 100, (0.3, 50.0): 150}


def test_a_model_with_short_runs_shortens_no_other_and_other_methods_stand_in_no_table():
    runs = [adversarial(), adversarial(model="B", max_epochs=2), adversarial("PGD training", max_epochs=2),
            adversarial(eps=0.07)]
    found = p2.select_table(pandas.concat(runs), 3)
    assert found.groupby("model")["max_epochs"].agg(["min", "max"]).to_dict("index") == {
        "B": {"min": 2, "max": 2}, "C": {"min": 100, "max": 100}}
    assert set(found["attack"]) == {"fgsm"} and set(found["eps"]) == {0.3}


def test_the_shortest_trainings_are_those_of_each_kind():
    runs = pandas.concat([adversarial(), adversarial(max_epochs=3), adversarial("adv_train_gp", lam=10.0),
                          adversarial("PGD training", max_epochs=30), adversarial(eps=0.05, max_epochs=30)])
    found = p2.select_shortest(runs).drop_duplicates(["attack", "lam", "eps"])
    assert found[["attack", "lam", "eps", "max_epochs"]].values.tolist() == [
        ["fgsm", 0.0, 0.3, 3], ["fgsm", 10.0, 0.3, 100], ["pgd", 0.0, 0.3, 30], ["fgsm", 0.0, 0.05, 30]]


def test_an_effect_of_the_penalty_is_counted_from_the_same_epsilon():
    with_it = adversarial("adv_train_gp", lam=10.0, **{"fgsm_0.3": [0.90, 0.92, 0.91]})
    here = cell(p2.compare_tables_3_and_4(pandas.concat([adversarial(), with_it]))[3],
                model="C", eps=0.3, lam=10, measure="adv")
    ours, theirs = here["ours"], here["theirs"]
    base = paper.read_cell("P2", table=3, model="C", eps=0.3, lam=0, measure="adv")
    expected = paper.judge(ours, theirs, our_reference=Cell(81.0, 1.0, 3), their_reference=base)
    assert (here["method"], here["verdict"]) == ("adv_train_gp", expected)


def test_a_collapsed_network_differs_in_table_3_too():
    for clean, verdict in ((0.5, "same direction"), (0.1135, "differs")):
        records = pandas.concat([adversarial(eps=0.05), adversarial(eps=0.3, clean=[clean, clean, clean - 1e-4])])
        found = p2.compare_tables_3_and_4(records)[3]
        assert cell(found, model="C", eps=0.3, lam=0, measure="clean")["verdict"] == verdict


def test_a_row_of_table_3_is_that_of_one_method():
    """Clean, C ranges over 0.50 points with adversarial training and 0.45 with the penalty, over 0.56 together."""
    clean = [0.97, 0.97 + 0.00115, 0.97 + 2 * 0.00115]  # std 0.115: the intervals are 0.47 and 0.49 wide
    records = pandas.concat([adversarial(clean=clean), adversarial("adv_train_gp", lam=10.0, clean=clean)])
    three = p2.compare_tables_3_and_4(records)[3]
    found = {lam: cell(three, model="C", eps=0.3, lam=lam, measure="clean") for lam in (0, 10)}
    for lam, length in ((0, 0.50), (10, 0.45)):
        low, high = paper.welch(found[lam]["ours"], found[lam]["theirs"])
        assert 0.45 < high - low < 0.50 and found[lam]["uninformative"] == (high - low > length)


def test_a_row_of_table_4_is_that_of_all_its_lambdas():
    four = p2.compare_tables_3_and_4(adversarial(eps=0.05))[4]
    assert (four["verdict"] == "not run").all() and not four["uninformative"].any()
    wide = p2.compare_tables_3_and_4(adversarial(**{"fgsm_0.3": [0.80, 0.82, 0.84]}))[4]
    assert cell(wide, lam=0, measure="adv")["uninformative"]


def test_an_unknown_method_is_named_with_the_nearest_one():
    with pytest.raises(ValueError, match="no method named 'adv_tran'.*did you mean 'adv_train'"):
        p2.select_method(adversarial(), "adv_tran")


def test_runs_are_described_with_their_number_of_seeds_and_their_dates():
    made = dict(source="full", train_size=55000, test_size=10000, max_epochs=10, device="cpu", estimator="one_row",
                finished=["2024-05-01T10:00", "2024-05-02T10:00", "2024-05-03T10:00"])
    assert p2.describe_runs(frame(**made)) == (
        "3 runs, 3 seeds a cell, full MNIST\n55,000 training and 10,000 test images, at most 10 epochs\n"
        "penalty by one_row; cpu, 2024-05-01 to 2024-05-03")
    assert "1 seed a cell" in p2.describe_runs(frame(**made).head(1))
