"""Ours beside every published cell: none is lost, none counted twice, and the reading that is said is the one counted."""

import pandas
import pytest

from dbp.tables import Cell, beside, paper
from dbp.tables.p2 import compare_table2

TABLES = pytest.mark.parametrize(("name", "number"), list(beside.SOURCES))


def run(lam, seed, adv, *, reduction="mean", outputs="softmax", model="C"):
    return {"model": model, "lam": float(lam), "reduction": reduction, "outputs": outputs, "seed": seed, "clean": 0.98,
            "fgsm_0.3": adv}


RUNS = pandas.DataFrame([run(lam, seed, 0.15 + lam / 200 + seed / 100) for lam in (0.1, 50) for seed in range(3)]
                        + [run(50, seed, 0.5, outputs="logits") for seed in range(3)])


@TABLES
def test_without_records_every_published_cell_is_counted_once_as_not_run(name, number):
    table = beside.compare(name, number, pandas.DataFrame())
    assert len(table) == len(paper.read_table(name, number)) and table["counted"].all()
    assert set(table["verdict"]) == {"not run"} and not table["ours"].notna().any()
    assert beside.lost(name, number, table) == []
    assert [cell.mean for cell in table["theirs"]] == list(paper.read_table(name, number)["mean"])


def test_of_four_readings_one_is_counted_and_what_was_not_run_is_put_in():
    table = beside.compare("P2", 2, RUNS)
    counted = table[table["counted"]]
    assert beside.lost("P2", 2, counted) == [] and len(counted) == 30
    ours = counted[counted["ours"].notna()]
    assert {*ours["model"]} == {"C"} and {*ours["outputs"]} == {"softmax"} and {*ours["lam"]} == {0.1, 50}
    assert set(counted[counted["ours"].isna()]["verdict"]) == {"not run"}
    logits = table[(table["outputs"] == "logits") & (table["lam"] == 50) & (table["measure"] == "adv")].iloc[0]
    assert logits["ours"].mean == pytest.approx(50) and not logits["counted"]


def test_verdicts_and_marks_are_those_of_the_tables_own_module():
    place = ["model", "measure", "lam", "reduction", "outputs"]
    own = compare_table2(RUNS).set_index(place)
    for row in beside.compare("P2", 2, RUNS).to_dict("records"):
        key = tuple(row[column] for column in place)
        if key in own.index:
            assert (row["verdict"], row["uninformative"]) == (own.loc[key, "verdict"], own.loc[key, "uninformative"])


def test_a_cell_that_is_lost_or_stands_twice_is_named():
    table = beside.compare("P2", 4, pandas.DataFrame())
    first = tuple(table.loc[0, ["measure", "lam"]])
    assert beside.lost("P2", 4, table.drop(index=0)) == [first]
    assert beside.lost("P2", 4, pandas.concat([table, table.head(1)])) == [first]
    assert beside.lost("P2", 4, table.replace({"lam": {1000: 999}})) == [("clean", 1000), ("adv", 1000), ("clean", 999),
                                                                         ("adv", 999)]


def autoencoder(seed, lam2=0.0, target="none", dataset="mnist"):
    values = {"reconstruction": 0.1 + lam2, "squared_error": 0.01, "jacobian": 10.0 - 100 * lam2, "whole": 300.0,
              "encoder_path": 20.0}
    return {"model": "VAE", "dataset": dataset, "lam1": 1.0, "lam2": lam2, "target": target, "weight_decay": 0.0,
            "input_noise": 0.0, "max_epochs": 10, "seed": seed} | values


def test_of_p1_table_1_the_jacobian_from_the_attached_target_on_the_papers_images_is_counted():
    kinds = [(0.0, "none"), (0.01, "attached"), (0.01, "detached")]
    frame = pandas.DataFrame([autoencoder(seed, *kind, dataset=dataset) for seed in range(3) for kind in kinds
                              for dataset in ("mnist", "toy-faces")])
    table = beside.compare("P1", 1, frame)
    counted = table[table["counted"]]
    assert beside.lost("P1", 1, counted) == [] and not (counted["on"] == "toy-faces").any()
    assert set(counted[counted["ours"].notna()]["reading"]) == {"reconstruction", "jacobian"}
    assert "detached" not in set(counted["target"]) and (table["on"] == "toy-faces").any()
    row = counted[(counted["model"] == "VAE") & (counted["on"] == "MNIST") & (counted["reading"] == "jacobian")]
    row = row[row["dbp"]]
    assert row["ratio"].iloc[0].mean == pytest.approx(-0.10536, abs=1e-4)         # log 9 / 10
    assert row["their_ratio"].iloc[0] == pytest.approx(-5.2309, abs=1e-4)         # log 0.051 / 9.535


def test_two_rows_for_one_published_cell_are_refused(monkeypatch):
    row = {"measure": "adv", "lam": 0, "ours": None, "theirs": Cell(1.0), "verdict": "not run", "counted": True}
    monkeypatch.setattr(beside, "_compare", lambda *_: pandas.DataFrame([row, row]))
    with pytest.raises(ValueError, match="1 cells twice"):
        beside.compare("P2", 4, RUNS)


def test_a_table_without_a_page_is_refused():
    with pytest.raises(ValueError, match="no results page of P2 Table 1; there are P1 Table 1"):
        beside.compare("P2", 1, RUNS)
