"""P1 Tables 3 and 4 beside ours, from constructed records: the calibration, every published cell once, honest verdicts."""

import pandas
import pytest

from dbp.experiments.gmm_classifier import READINGS
from dbp.tables import attacks, paper
from dbp.tables.attacks import ENCODER, calibrate, compare_tables_3_and_4, count_black_only, lay_out, unfold

EPS = [0.05, 0.1, 0.2]
SEEDS = range(3)
MADE_ON = {"mnist": ("mlp", "lenet"), "colour-digits": ("cvnet",), "svhn": ("cvnet",)}


def run(fgsm, pgd, *, seed=0, clean=0.99, black=None, dataset="mnist", strongest=None, worst=None, black_only=0, **fields):
    """A run whose accuracy under an attack is that of the dict `fgsm` or `pgd` at its eps, whatever it climbs."""
    white = {f"{name}_{reading}": [curve[eps] for eps in EPS]
             for name, curve in (("fgsm", fgsm), ("pgd", pgd)) for reading in READINGS}
    lowest = [min(fgsm[eps], pgd[eps]) for eps in EPS]
    return {
        "dataset": dataset, "seed": seed, "eps": list(EPS), "attack_images": 100, "clean_few": clean, "black": black or {},
        "white": white | {"strongest": strongest or lowest}, "worst": worst or lowest, "black_only": [black_only] * len(EPS),
    } | fields


def classifier(model, fgsm, pgd, **fields):
    return run(fgsm, pgd, experiment="undefended_classifiers", model=model, head="none", components=0, **fields)


def encoder(target, fgsm, pgd, *, head="GMM", components=5, lam2=None, model="VAE", **fields):
    black = fields.pop("black", 0.9)
    made_on = MADE_ON[fields.get("dataset", "mnist")]
    curves = {f"{attack}_{name}": [black] * len(EPS) for attack in ("fgsm", "pgd") for name in made_on}
    lam2 = (0.0 if target == "none" else 0.01) if lam2 is None else lam2
    return run(fgsm, pgd, black=curves, experiment="dbp_autoencoders", model=model, head=head, components=components,
               target=target, lam1=1.0, lam2=lam2, weight_decay=0.0, input_noise=0.0, max_epochs=50, **fields)


def at(values, shift=0.0):
    return {eps: value + shift for eps, value in zip(EPS, values, strict=True)}


def seeds(make, *arguments, **fields):
    """Three seeds that differ by a tenth of a point: each curve is one point of a percent up or down."""
    return [make(*arguments, *(at(curve, 0.001 * (seed - 1)) for curve in fields["curves"]), seed=seed,
                 **{name: value for name, value in fields.items() if name != "curves"}) for seed in SEEDS]


MLP = seeds(classifier, "mlp", curves=([0.5, 0.19, 0.05], [0.3, 0.08, 0.0]), clean=0.98)
LENET = seeds(classifier, "lenet", curves=([0.95, 0.85, 0.4], [0.8, 0.5664, 0.1]))
PLAIN = seeds(encoder, "none", curves=([0.5, 0.2, 0.1], [0.3, 0.05, 0.0]), clean=0.96)
ATTACHED = seeds(encoder, "attached", curves=([0.7, 0.5, 0.2], [0.3, 0.1, 0.0]), clean=0.95)
DETACHED = seeds(encoder, "detached", curves=([0.9, 0.9, 0.9], [0.8, 0.7, 0.6]), clean=0.95)


@pytest.fixture
def records():
    return pandas.DataFrame([*MLP, *LENET, *PLAIN, *ATTACHED, *DETACHED])


def cell(table, **where):
    found = table[[all(row[name] == value for name, value in where.items()) for row in table.to_dict("records")]]
    assert len(found) == 1
    return found.iloc[0]


# Which eps?

def test_calibration_takes_the_eps_where_the_mean_distance_is_least():
    found = calibrate({"A": {0.0: 99.0, 0.1: 60.0, 0.2: 30.0, 0.3: 2.0}, "B": {0.0: 99.0, 0.1: 95.0, 0.2: 80.0, 0.3: 70.0}},
                      {"A": 20.0, "B": 92.0})
    assert found.eps == 0.2 and found.distance == pytest.approx((10 + 12) / 2)
    assert found.differences == {"A": pytest.approx(10), "B": pytest.approx(-12)}
    # A crosses 20 between 0.2 (30) and 0.3 (2), B crosses 92 between 0.1 (95) and 0.2 (80).
    assert found.alone == {"A": pytest.approx(0.2 + 0.1 * 10 / 28), "B": pytest.approx(0.1 + 0.1 * 3 / 15)}


def test_calibration_takes_the_smaller_of_two_that_are_as_near_and_never_no_attack():
    assert calibrate({"A": {0.0: 50.0, 0.2: 40.0, 0.1: 60.0}}, {"A": 50.0}).eps == 0.1


def test_calibration_uses_only_budgets_that_all_have():
    found = calibrate({"A": {0.1: 50.0, 0.2: 10.0}, "B": {0.2: 10.0, 0.3: 5.0}}, {"A": 50.0, "B": 5.0})
    assert found.eps == 0.2 and found.alone == {"A": 0.1, "B": 0.3}


def test_a_level_that_a_curve_never_has_is_none():
    found = calibrate({"A": {0.0: 90.0, 0.1: 80.0}}, {"A": 20.0})
    assert found.alone == {"A": None} and found.differences == {"A": 60.0}


@pytest.mark.parametrize("curves, printed, words", [
    ({"A": {0.1: 1.0}}, {"A": 1.0, "B": 2.0}, "curves must be of A, B, as published, but are of A"),
    ({}, {}, "curves must be of , as published, but are of "),
    ({"A": {0.1: 1.0}, "B": {0.2: 1.0}}, {"A": 1.0, "B": 2.0}, r"an eps above 0 in common, but have \[\[0.1\], \[0.2\]\]"),
    ({"A": {0.0: 1.0}}, {"A": 1.0}, r"an eps above 0 in common, but have \[\[0.0\]\]"),
])
def test_curves_that_cannot_be_calibrated_are_named_in_one_line(curves, printed, words):
    with pytest.raises(ValueError, match=words) as caught:
        calibrate(curves, printed)
    assert "\n" not in str(caught.value)


def test_calibration_of_records_is_over_the_means_of_seeds_and_each_attack_by_itself(records):
    found = attacks.calibrations(records)
    assert set(found) == {("MNIST", "fgsm"), ("MNIST", "pgd")}
    fgsm = found["MNIST", "fgsm"]
    assert fgsm.eps == 0.1 and fgsm.differences == {"MLP": pytest.approx(19 - 19.03), "LeNet": pytest.approx(85 - 91.48)}
    assert fgsm.distance == pytest.approx((0.03 + 6.48) / 2)
    changed = pandas.DataFrame([*seeds(classifier, "mlp", curves=([0.5, 0.19, 0.05], [0.0812, 0.0, 0.0])),
                                *seeds(classifier, "lenet", curves=([0.95, 0.85, 0.4], [0.5664, 0.1, 0.1]))])
    apart = attacks.calibrations(changed)
    assert (apart["MNIST", "fgsm"].eps, apart["MNIST", "pgd"].eps) == (0.1, 0.05)
    assert attacks.calibrations(pandas.DataFrame(MLP)) == {}  # LeNet is missing


# The rows that everything is made of.

def test_every_accuracy_has_a_row_beginning_with_the_clean_one(records):
    rows = unfold(records)
    assert list(rows) == ["on", "classifier", "target", "seed", "box", "attack", "by", "eps", "accuracy"]
    each = {"mlp": 6 + 2, "encoder": 6 + 2 + 4}  # two attacks on three readings, strongest, worst, black box
    assert len(rows) == 3 * 4 * (2 * each["mlp"] + 3 * each["encoder"])
    one = rows[(rows["classifier"] == "GMM") & (rows["target"] == "detached") & (rows["seed"] == 1)]
    curve = one[(one["box"] == "black") & (one["attack"] == "pgd") & (one["by"] == "LeNet")]
    assert list(zip(curve["eps"], curve["accuracy"], strict=True)) == [(0.0, 0.95), (0.05, 0.9), (0.1, 0.9), (0.2, 0.9)]
    worst = one[(one["box"] == "both") & (one["by"] == "worst") & (one["eps"] == 0.2)]
    assert worst["accuracy"].tolist() == [0.6] and worst["attack"].tolist() == ["any"]
    strongest = one[(one["box"] == "white") & (one["by"] == "strongest")]
    assert len(strongest) == 4 and set(strongest["attack"]) == {"any"}


def test_heads_have_names_of_their_own_and_other_strengths_are_left_out(records):
    more = pandas.DataFrame([
        *seeds(encoder, "attached", curves=([0.9, 0.8, 0.7], [0.9, 0.8, 0.7]), head="LDA", components=0),
        *seeds(encoder, "attached", curves=([0.9, 0.8, 0.7], [0.9, 0.8, 0.7]), components="bic")])
    rows = unfold(pandas.concat([records, more]))
    assert set(rows["classifier"]) == {"MLP", "LeNet", "GMM", "GMM by BIC", "LDA"}
    stronger = pandas.DataFrame([encoder("attached", at([0.99] * 3), at([0.99] * 3), lam2=1.0)])
    assert unfold(pandas.concat([records, stronger])).equals(unfold(records))


def test_what_black_box_alone_breaks_is_listed_run_by_run(records):
    counted = pandas.DataFrame([*MLP, encoder("none", at([0.5] * 3), at([0.4] * 3), black_only=7)])
    found = count_black_only(counted)
    assert found.values.tolist() == [["MNIST", "GMM", "none", 0, eps, 100, 7] for eps in EPS]  # the MLP had no black box
    assert list(found) == ["on", "classifier", "target", "seed", "eps", "images", "black_only"]


# The tables.

def test_every_published_cell_has_one_literal_row(records):
    found = compare_tables_3_and_4(records)
    for number, table in found.items():
        once = table[table["literal"] & (table["target"] != "detached") & table["theirs"].notna()]
        columns = ["model", "dataset", "measure"] + (["crafted_on"] if number == 4 else [])
        published = paper.read_table("P1", number)
        assert sorted(map(tuple, once[columns].values)) == sorted(map(tuple, published[columns].values))
        means = {tuple(row[columns]): row["theirs"].mean for _, row in once.iterrows()}
        assert all(means[tuple(row[columns])] == row["mean"] for _, row in published.iterrows())
    assert len(found[3][found[3]["literal"]]) == 10 + 2 * 4 and len(found[4]) == 6 * 3


def test_cells_are_taken_at_the_calibrated_eps(records):
    table = compare_tables_3_and_4(records)[3]
    row = cell(table, on="MNIST", model="LeNet", measure="PGD", reading="cross_entropy")
    assert row["eps"] == 0.1 and row["ours"].mean == pytest.approx(56.64) and row["ours"].n == 3
    assert row["theirs"].mean == 56.64 and row["verdict"] == "matches"
    row = cell(table, on="MNIST", model=ENCODER, target="detached", measure="PGD", reading="margin")
    assert row["ours"].mean == pytest.approx(70) and row["worst"].mean == pytest.approx(70) and not row["literal"]


def test_table_3_judges_classifiers_from_clean_and_the_encoder_from_lenet(records):
    table = compare_tables_3_and_4(records)[3]

    def verdict(**where):
        return cell(table[table["literal"]], on="MNIST", **where)["verdict"]

    assert verdict(model="LeNet", measure="FGSM") == "same direction"  # below its clean accuracy, as the paper's
    assert verdict(model=ENCODER, target="none", measure="FGSM") == "not in the paper"
    assert verdict(model=ENCODER, target="attached", measure="FGSM") == "differs"  # below LeNet: 50 beside 85
    assert verdict(model=ENCODER, target="detached", measure="FGSM") == "same direction"  # above LeNet: 90 beside 85
    assert verdict(model=ENCODER, target="detached", measure="PGD") == "same direction"  # 70 beside 56.64


def test_table_4_judges_from_the_classifier_that_the_examples_were_made_on(records):
    table = compare_tables_3_and_4(records)[4]
    row = cell(table, on="MNIST", crafted_on="MLP", measure="FGSM", target="attached")
    assert row["ours"].mean == pytest.approx(90) and row["theirs"].mean == 93.33 and row["verdict"] == "same direction"
    assert row["worst"].mean == pytest.approx(10)  # what white box does at this eps
    beaten = pandas.DataFrame([*MLP, *LENET, *seeds(encoder, "attached", curves=([0.5] * 3, [0.5] * 3), black=0.05)])
    row = cell(compare_tables_3_and_4(beaten)[4], on="MNIST", crafted_on="LeNet", measure="FGSM", target="attached")
    assert row["verdict"] == "differs"  # LeNet itself keeps 85 % of its own examples


def test_what_was_not_run_or_not_calibrated_says_so(records):
    table = compare_tables_3_and_4(records[records["model"] != "lenet"])
    for number in (3, 4):
        judged = table[number][table[number]["theirs"].notna()]
        assert set(judged["verdict"]) == {"not run"} and judged["eps"].isna().all()
    both = compare_tables_3_and_4(records)[3]
    assert set(both["on"]) == {"MNIST", "SVHN"}
    assert set(both[both["on"] == "SVHN"]["verdict"]) == {"not run", "not in the paper"}
    empty = compare_tables_3_and_4(pandas.DataFrame())[3]
    assert len(empty) == len(both) and set(empty["verdict"]) == {"not run", "not in the paper"}


def colours(dataset):
    where = dict(dataset=dataset, clean=0.9)
    return pandas.DataFrame([
        *seeds(classifier, "cvnet", curves=([0.589] * 3, [0.018] * 3), **where),
        *seeds(encoder, "attached", curves=([0.8] * 3, [0.726] * 3), model="ConvVAE", **where)])


def test_colour_digits_are_not_svhn_and_never_match(records):
    ours = compare_tables_3_and_4(pandas.concat([records, colours("colour-digits")]))[3]
    svhn = compare_tables_3_and_4(colours("svhn"))[3]
    cvnet, attached = dict(model="CvNet", reading="cross_entropy"), dict(model=ENCODER, target="attached", reading="margin")
    for where in (cvnet, attached):
        for measure in ("FGSM", "PGD"):
            row = cell(ours, on="colour-digits", measure=measure, **where)
            assert row["dataset"] == "SVHN" and row["verdict"] == "same direction"
            assert row["ours"].mean == pytest.approx(row["theirs"].mean)
            assert cell(svhn, on="SVHN", measure=measure, **where)["verdict"] == "matches"
            assert cell(ours, on="SVHN", measure=measure, **where)["verdict"] == "not run"


def test_a_seed_twice_is_an_error(records):
    with pytest.raises(ValueError, match="hold a seed twice"):
        compare_tables_3_and_4(pandas.concat([records, records.iloc[:1]]))


def test_a_printed_table_has_four_columns_and_each_number_of_a_paper_once(records):
    found = compare_tables_3_and_4(records)
    three, four = (lay_out(found[number]).frame for number in (3, 4))
    assert list(three) == ["classifier", "whose", "FGSM, ε = 0.1", "PGD, ε = 0.1"] and list(four)[0] == "made on"
    assert len(three) == 4 + 2 * 2 and len(four) == 2 * 4
    whose = three[three["classifier"] == "encoder and mixtures"].set_index("whose")
    assert list(whose.index) == ["the paper", "ours, without DBP", "ours, DBP, attached", "ours, DBP, detached"]
    assert whose["PGD, ε = 0.1"][["the paper", "ours, DBP, detached"]].tolist() == ["93.6", "70.0 ± 0.1"]
    assert len(lay_out(found[3], reading="margin").frame) == len(three)
    assert list(lay_out(found[3], "SVHN").frame)[2:] == ["FGSM", "PGD"]
