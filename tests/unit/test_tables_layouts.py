"""The layout of each results page: every published cell is in it, beside ours, and in an order that a reader expects."""

import pandas
import pytest

from dbp.tables import Cell, attacks, beside, layouts, paper

TABLES = pytest.mark.parametrize(("name", "number"), list(beside.SOURCES))


@TABLES
def test_without_records_every_published_number_stands_in_the_table_and_nothing_of_ours(name, number):
    table = beside.compare(name, number, pandas.DataFrame())
    shown = [layouts.arrange(name, number, table, on) for on in (table["on"].unique() if name == "P1" else [None])]
    parts = [part for arranged in shown for part in arranged.parts.values()]
    assert sum(map(len, parts)) == len(table) and not any(part["ours"].notna().any() for part in parts)
    text = "".join(arranged._repr_html_() for arranged in shown)
    published = [f"{mean:g}" for mean in paper.read_table(name, number)["mean"]] if name == "P1" else []
    assert all(f">{number}<" in text for number in published) and "not run" in text


@TABLES
def test_the_long_list_has_every_counted_cell_and_no_reading_that_was_not_run(name, number):
    table = beside.compare(name, number, pandas.DataFrame())
    other = table.head(1).assign(counted=False)
    more = pandas.concat([table, other, other.assign(ours=[Cell(1.0, 0.1, 3)])])
    listing = layouts.list_all(name, number, more)
    assert len(listing.table) == len(table) + 1 and listing.file == f"{name.lower()}_table_{number}"
    assert beside.lost(name, number, listing.table[listing.table["counted"]]) == []
    assert not pandas.DataFrame(table[[column for column in listing.where if column in table]]).duplicated().any()


def test_lambdas_budgets_and_models_are_in_order():
    table = beside.compare("P2", 2, pandas.DataFrame()).sample(frac=1, random_state=0)
    (part,) = layouts.arrange("P2", 2, table).parts.values()
    assert list(part["lam"].unique()) == [0.1, 1, 10, 25, 50] and list(part["measure"].unique()) == ["clean", "adv"]
    assert list(part["model"].unique()) == ["A", "B", "C"]
    assert list(layouts.arrange("P2", 3, beside.compare("P2", 3, pandas.DataFrame())).parts) == ["A", "B", "C"]


def accuracy(model, target="none", measure="FGSM"):
    theirs = None if model == attacks.ENCODER and target == "none" else Cell(90.0)
    return {"on": "MNIST", "dataset": "MNIST", "model": model, "measure": measure, "target": target, "literal": True,
            "eps": 0.075, "ours": Cell(50.0, 1.0, 3), "theirs": theirs, "worst": Cell(1.0, 0.1, 3),
            "verdict": "differs", "uninformative": False}


def test_what_all_attacks_leave_stands_once_behind_them_and_the_encoders_stand_last():
    rows = [accuracy(model, target, measure) for measure in ("FGSM", "PGD") for model, target in (
        (attacks.ENCODER, "none"), (attacks.ENCODER, "attached"), ("MLP", "none"), ("LeNet", "none"))]
    arranged = layouts.arrange("P1", 3, pandas.DataFrame(rows), "MNIST")
    (part,) = arranged.parts.values()
    assert list(part["network"].unique()) == ["MLP", "LeNet", *list(layouts.ATTACKED.values())[:2]]
    both = [(f"{attack}, ε = 0.075", side) for attack in ("FGSM", "PGD") for side in ("theirs", "ours")]
    assert arranged.columns(part) == [*both, ("all attacks, ε = 0.075", "ours")]
    assert repr(arranged).splitlines()[1].split()[-3:] == ["1.0", "±", "0.1"]


def test_on_other_images_no_difference_is_made_and_both_sides_are_named():
    rows = [accuracy("CvNet") | {"on": "colour-digits", "dataset": "SVHN"}]
    arranged = layouts.arrange("P1", 3, pandas.DataFrame(rows), "colour-digits")
    assert arranged.sides == ("paper, SVHN", "ours, colour digits") and not arranged.comparable
    same = layouts.arrange("P1", 3, pandas.DataFrame([accuracy("CvNet")]), "MNIST")
    assert "−40" not in repr(arranged) and "−40" in repr(same)


def test_unknown_images_and_tables_are_refused():
    table = beside.compare("P1", 1, pandas.DataFrame())
    with pytest.raises(ValueError, match="no cells on 'faces'; there are MNIST, CelebA"):
        layouts.arrange("P1", 1, table, "faces")
    with pytest.raises(ValueError, match="no results page"):
        layouts.arrange("P2", 1, table)
