"""P1 Table 1 from records: the right runs in the right cell, the paper's headings unswapped, honest verdicts."""

import pandas
import pytest

from dbp.tables import paper
from dbp.tables.p1 import compare_table1, lay_out


def run(model="VAE", dataset="mnist", lam2=0.0, target="none", seed=0, **measures):
    values = {"reconstruction": 0.1, "squared_error": 0.01, "jacobian": 10.0, "whole": 300.0, "encoder_path": 20.0}
    return {"model": model, "dataset": dataset, "lam1": 1.0, "lam2": lam2, "target": target, "weight_decay": 0.0,
            "input_noise": 0.0, "max_epochs": 10, "seed": seed} | values | measures


def table(*runs):
    return compare_table1(pandas.DataFrame(runs))


def cell(found, **where):
    rows = found[[all(row[name] == value for name, value in where.items()) for row in found.to_dict("records")]]
    assert len(rows) == 1
    return rows.iloc[0]


PLAIN = [run(seed=s, jacobian=10 + s / 10) for s in range(3)]
PENALISED = [run(seed=s, lam2=0.01, target="attached", reconstruction=0.13, jacobian=9.9 + s / 10, whole=30.0 + s,
                 encoder_path=100.0 + s) for s in range(3)]


def test_every_published_cell_is_there_once_a_reading_and_target():
    found = table(*PLAIN, *PENALISED)
    published = paper.read_table("P1", 1)
    once = found[found["reading"].isin(["reconstruction", "whole"]) & (found["target"] != "detached")]
    assert len(once) == len(published)
    assert set(found["on"]) == {"MNIST", "CelebA"} and set(found.loc[found["on"] == "CelebA", "verdict"]) == {"not run"}


def test_headings_are_unswapped():
    row = cell(table(*PLAIN, *PENALISED), on="MNIST", model="VAE", reading="reconstruction", target="attached")
    assert row["printed"] == "NO DBP" and row["theirs"].mean == 0.319 and row["ours"].mean == pytest.approx(0.13)


def test_verdicts_count_the_effect_from_the_model_without_the_penalty():
    found = table(*PLAIN, *PENALISED)
    verdicts = {reading: cell(found, on="MNIST", model="VAE", reading=reading, target="attached")["verdict"]
                for reading in ("reconstruction", "jacobian", "whole", "encoder_path")}
    assert verdicts == {"reconstruction": "same direction", "jacobian": "differs", "whole": "same direction",
                        "encoder_path": "differs"}
    assert cell(found, on="MNIST", model="VAE", reading="whole", target="detached")["verdict"] == "not run"


def test_controls_the_path_and_shorter_runs_are_left_out():
    others = [run(seed=0, lam2=0.3, target="attached", reconstruction=9), run(seed=0, lam1=3.0, reconstruction=9),
              run(seed=0, input_noise=0.3, reconstruction=9), run(seed=0, weight_decay=1.0, reconstruction=9),
              run(seed=0, max_epochs=4, reconstruction=9)]
    found = table(*PLAIN, *PENALISED, *others)
    assert cell(found, on="MNIST", model="VAE", reading="reconstruction", target="none")["ours"].mean == pytest.approx(0.1)
    assert cell(found, on="MNIST", model="VAE", reading="reconstruction", target="attached")["ours"].n == 3


def test_faces_stand_under_their_own_name_and_never_match():
    theirs = paper.read_cell("P1", table=1, model="VAE", dataset="CelebA", measure="gradient", dbp=True).mean
    faces = [run("ConvVAE", "toy-faces", lam2, target, seed, squared_error=error, whole=whole + seed)
             for lam2, target, error, whole in ((0, "none", 0.01, 900), (0.001, "attached", 0.02, theirs - 1))
             for seed in range(3)]
    found = table(*PLAIN, *faces)
    row = cell(found, on="toy-faces", model="VAE", reading="whole", target="attached")
    assert row["ours"].mean == pytest.approx(theirs) and row["verdict"] == "same direction"
    assert cell(found, on="toy-faces", model="VAE", reading="reconstruction", target="attached")["ours"].mean == 0.02
    assert set(found.loc[found["on"] == "CelebA", "verdict"]) == {"not run"}
    assert "matches" not in set(found.loc[found["on"] == "toy-faces", "verdict"])


def test_a_seed_twice_is_an_error():
    with pytest.raises(ValueError, match="the records of model 'VAE', target 'none' hold a seed twice"):
        table(*PLAIN, run(seed=1))


def test_printed_table_shows_both_sides():
    printed = lay_out(table(*PLAIN, *PENALISED), ["VAE", "DRAW1"]).frame
    assert list(printed.columns) == ["", "measure", "paper, without", "with DBP", "ours, without", "attached",
                                     "verdict on attached"]
    assert printed.iloc[2].tolist() == ["", "loss gradient, whole", "9.54", "0.051", "300 ± 0", "31 ± 1", "same direction"]
    assert printed.iloc[4].tolist()[-3:] == ["–", "–", "not run"]
