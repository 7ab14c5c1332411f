"""The papers' numbers are all there, and the verdict says what its words mean."""

import pytest

from dbp.tables import Cell, paper
from dbp.tables.paper import judge


@pytest.mark.parametrize("name, number, cells", [("P2", 2, 30), ("P2", 3, 48), ("P2", 4, 12), ("P1", 1, 32), ("P1", 2, 32)])
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
    (lambda: paper.read_table("P2", 9), "no numbers of a table 9; there are 2, 3, 4"),
    (lambda: paper.read_cell("P2", table=2, model="C"), "P2 has 10 numbers"),
    (lambda: paper.read_cell("P2", table=2, model="D"), "P2 has 0 numbers"),
])
def test_a_cell_that_is_not_there_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_means_within_the_noise_match():
    assert judge(Cell(20.0, 5.0, 3), Cell(24.0, 6.0, 10)) == "matches"


def test_means_far_apart_differ_where_nothing_tells_a_direction():
    assert judge(Cell(90.0, 0.1, 3), Cell(95.0, 0.1, 10)) == "differs"


def test_an_effect_of_the_same_sign_is_the_same_direction():
    references = dict(our_reference=Cell(10.0, 0.5, 3), their_reference=Cell(14.0, 6.0, 10))
    found = judge(Cell(80.0, 0.5, 3), Cell(40.0, 5.0, 10), **references)
    assert found == "same direction"


def test_an_effect_of_the_other_sign_differs():
    references = dict(our_reference=Cell(10.0, 0.5, 3), their_reference=Cell(14.0, 6.0, 10))
    found = judge(Cell(5.0, 0.5, 3), Cell(40.0, 5.0, 10), **references)
    assert found == "differs"


def test_without_any_spread_only_the_direction_counts():
    assert judge(Cell(1.0), Cell(2.0), our_reference=Cell(0.5), their_reference=Cell(1.0)) == "same direction"


def test_one_seed_of_ours_is_judged_by_the_papers_spread():
    assert judge(Cell(20.0, None, 1), Cell(24.0, 14.0, 10)) == "matches"


def test_a_missing_run_is_not_run():
    assert judge(None, Cell(1.0)) == "not run"
