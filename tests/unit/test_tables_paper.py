"""The papers' numbers are all there, each under its name."""

import pytest

from dbp.models.classifiers import build_classifier
from dbp.tables import Cell, paper


@pytest.mark.parametrize("name, number, cells", [
    ("P2", 1, 3), ("P2", 2, 30), ("P2", 3, 48), ("P2", 4, 12), ("P1", 1, 32), ("P1", 2, 32),
])
def test_every_cell_of_a_table_is_there(name, number, cells):
    assert len(paper.read_table(name, number)) == cells


def test_corner_cells_are_as_printed():
    assert paper.read_cell("P2", table=2, model="A", measure="clean", lam=50) == Cell(99.37, 0.04, 10)
    assert paper.read_cell("P2", table=2, model="C", measure="adv", lam=0.1) == Cell(13.66, 6.64, 10)
    assert paper.read_cell("P2", table=4, measure="adv", lam=1000) == Cell(94.65, 0.79, 10)
    where = dict(model="DRAW16 (attention)", dataset="CelebA", measure="auddc_output", dbp=True)
    assert paper.read_cell("P1", table=2, **where).mean == 0.31


def test_swapped_headings_of_p1_are_read_as_the_text_says():
    cell = paper.read_cell("P1", table=1, model="VAE", dataset="CelebA", measure="gradient", dbp=True)
    assert cell.mean < paper.read_cell("P1", table=1, model="VAE", dataset="CelebA", measure="gradient", dbp=False).mean


def test_table_4_repeats_two_cells_of_table_3():
    for lam, method in ((0, "adv_train"), (10, "adv_train_gp")):
        for measure in ("clean", "adv"):
            there = paper.read_cell("P2", table=3, model="C", method=method, eps=0.3, measure=measure)
            assert paper.read_cell("P2", table=4, lam=lam, measure=measure) == there


@pytest.mark.parametrize("call, words", [
    (lambda: paper.read_table("P3", 1), "no paper named 'P3'; there are P1, P2"),
    (lambda: paper.read_table("P2", 9), "no numbers of a table 9; there are 1, 2, 3, 4"),
    (lambda: paper.read_cell("P2", table=2, model="C"), "P2 has 10 numbers"),
    (lambda: paper.read_cell("P2", table=2, model="D"), "P2 has 0 numbers"),
])
def test_a_cell_that_is_not_there_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("name", ["A", "B", "C"])
def test_our_classifiers_have_exactly_the_parameters_of_p2_table_1(name):
    printed = paper.read_table("P2", 1).set_index("model").loc[name]
    found = sum(parameter.numel() for parameter in build_classifier(name, seed=0).parameters())
    assert printed["measure"] == "parameters" and found == printed["mean"]


def test_a_count_of_parameters_is_no_mean_over_runs():
    assert paper.read_cell("P2", table=1, model="B") == Cell(1460938, None, None)
