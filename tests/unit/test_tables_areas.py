"""P1 Table 2 beside ours, from constructed records: cells, collapse, verdicts, and comparison pair by pair."""

import pandas
import pytest

from dbp.tables import areas, format_cell, paper

PLAIN = {"lam1": 1.0, "weight_decay": 0.0, "input_noise": 0.0, "max_epochs": 4, "dataset": "mnist"}


def run(target, seed, latent, output=0.2, *, model="VAE", collapsed=0, **fields):
    pairs = {"image": [1, 2, 3], "target": [4, 5, 6], "gap": [0.9, 0.9, 0.9]}
    areas_of = {"latent": latent, "output": output, "latent_envelope": latent, "output_envelope": output, "line": 0.5}
    each = {name: [None if value is None else value + step for step in (-0.1, 0.0, 0.1)] for name, value in areas_of.items()}
    lam2 = 0.0 if target == "none" else 0.01
    return PLAIN | areas_of | {"model": model, "target": target, "lam2": lam2, "seed": seed, "collapsed": collapsed,
                               "areas": each | pairs} | fields


@pytest.fixture
def records():
    rows = []
    for seed, shift in enumerate((-0.004, 0.0, 0.004)):
        rows += [run("none", seed, 0.304 + shift), run("attached", seed, 0.42 + shift), run("detached", seed, 0.2 + shift)]
    return pandas.DataFrame(rows)


def cell(table, **where):
    found = table[(table[list(where)] == pandas.Series(where)).all(axis=1)]
    assert len(found) == 1
    return found.iloc[0]


def test_verdicts_follow_the_step_from_without(records):
    table = areas.compare_table2(records)
    where = {"on": "MNIST", "model": "VAE", "space": "latent"}
    assert cell(table, **where, target="none")["verdict"] == "matches"  # 0.304 is the paper's
    assert cell(table, **where, target="attached")["verdict"] == "same direction"
    assert cell(table, **where, target="detached")["verdict"] == "differs"
    assert cell(table, on="MNIST", model="DRAW1", space="latent", target="none")["verdict"] == "not run"


def test_every_published_cell_has_its_row(records):
    table = areas.compare_table2(records)
    once = table[table["target"] != "detached"]
    assert len(once) == len(paper.read_table("P1", 2)) == 32


def test_swapped_headings_are_put_right(records):
    row = cell(areas.compare_table2(records), on="MNIST", model="VAE", space="latent", target="attached")
    assert row["theirs"].mean == 0.55 and row["printed"] == "NO DBP" and row["dbp"]


def test_interval_over_pairs_is_around_the_mean(records):
    row = cell(areas.compare_table2(records), on="MNIST", model="VAE", space="latent", target="none")
    assert row["pairs"][0] < row["ours"].mean < row["pairs"][1] and row["pairs"][0] >= 0.2


def test_collapsed_networks_have_no_area_and_say_so(records):
    collapsed = [run("attached", seed, None, None, model="DRAW1", collapsed=3) for seed in (0, 1, 2)]
    table = areas.compare_table2(pandas.concat([records, pandas.DataFrame(collapsed)]))
    row = cell(table, on="MNIST", model="DRAW1", space="latent", target="attached")
    assert row["ours"] is None and row["collapsed"] == 9 and row["verdict"] == "not run"
    printed = areas.lay_out(table, ["VAE", "DRAW1"]).frame.set_index("model, space")
    assert printed.loc["DRAW1, latent", "ours, plain → attached"].endswith("collapsed")


def test_table_has_a_row_a_model_and_space_with_both_steps(records):
    table = areas.compare_table2(records)
    shown = areas.lay_out(table, ["VAE", "DRAW1"]).frame
    assert shown.shape[1] == 4 and shown.iloc[0, 0] == "VAE, latent"
    cells = [cell(table, on="MNIST", model="VAE", space="latent", target=target) for target in ("none", "attached")]
    assert shown.iloc[0, 1] == " → ".join(f"{part['theirs'].mean:g}" for part in cells)
    assert shown.iloc[0, 2] == " → ".join(format_cell(part["ours"], percent=False) for part in cells)
    assert shown.iloc[0, 3] == cells[1]["verdict"]


def test_toy_faces_never_match(records):
    theirs = paper.read_cell("P1", table=2, model="VAE", dataset="CelebA", measure="auddc_latent", dbp=True).mean
    faces = records.assign(dataset="toy-faces", model="ConvVAE")
    faces.loc[faces["target"] == "attached", "latent"] = [theirs - 1e-3, theirs, theirs + 1e-3]
    row = cell(areas.compare_table2(faces), on="toy-faces", model="VAE", space="latent", target="attached")
    assert row["verdict"] == "same direction"


def test_pairs_are_compared_one_by_one_and_by_their_names(records):
    plain, attached = (records[records["target"] == target] for target in ("none", "attached"))
    mean, low, high = areas.compare_by_pair(attached, plain, "latent")
    assert mean == pytest.approx(0.116) and low == pytest.approx(high)  # the same for each pair
    swapped = pandas.DataFrame([row | {"areas": {name: values[::-1] for name, values in row["areas"].items()}}
                                for row in plain.to_dict("records")])
    assert areas.compare_by_pair(attached, swapped, "latent")[0] == pytest.approx(mean)
    assert areas.compare_by_pair(attached, swapped, "latent")[2] == pytest.approx(mean)


def test_collapsed_pairs_are_left_out_on_both_sides(records):
    plain, attached = (records[records["target"] == target].to_dict("records") for target in ("none", "attached"))
    attached[0]["areas"]["latent"][0] = None
    found = areas.areas_by_pair(pandas.DataFrame(attached), "latent")
    assert found.isna().tolist() == [True, False, False]
    assert areas.compare_by_pair(pandas.DataFrame(attached), pandas.DataFrame(plain), "latent")[0] == pytest.approx(0.116)
