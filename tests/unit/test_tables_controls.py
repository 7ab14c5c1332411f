"""Controls at equal reconstruction: which run belongs to which method, and where a path reaches a loss."""

import pandas
import pytest

from dbp.tables import controls

IDLE = {"lam1": 1.0, "lam2": 0.0, "target": "none", "weight_decay": 0.0, "input_noise": 0.0, "max_epochs": 4}


def run(seed, reconstruction, jacobian, **fields):
    return IDLE | {"seed": seed, "reconstruction": reconstruction, "jacobian": jacobian, "encoder_path": 2 * jacobian,
                   "whole": 30 * jacobian} | fields


def frame(*more):
    rows = []
    for seed in (0, 1):
        rows += [
            run(seed, 0.10, 8.0), run(seed, 0.09, 10.0, max_epochs=10),
            run(seed, 0.12, 4.0, lam2=0.01, target="detached"), run(seed, 0.15, 9.0, lam2=0.01, target="attached"),
            run(seed, 0.14, 6.0 + seed, lam1=2.0), run(seed, 0.20, 5.0, lam1=3.0), run(seed, 0.11, 7.0, weight_decay=1.0),
        ]
    return pandas.DataFrame([*rows, *more])


def test_each_run_belongs_to_its_method_and_the_plain_ones_to_all():
    found = controls.trace_paths(frame())
    assert {name: sorted(set(runs["strength"])) for name, runs in found.items()} == {
        "attached": [0.0, 0.01], "detached": [0.0, 0.01], "KL weight": [1.0, 2.0, 3.0], "weight decay": [0.0, 1.0]}
    assert all((runs["max_epochs"] == 4).all() for runs in found.values())


def test_a_run_with_two_effects_belongs_to_no_method():
    both = run(0, 0.3, 1.0, lam1=2.0, weight_decay=1.0)
    assert {name: len(runs) for name, runs in controls.trace_paths(frame(both)).items()} == {
        name: len(runs) for name, runs in controls.trace_paths(frame()).items()}


def test_a_path_is_followed_to_the_same_loss_seed_by_seed():
    rows = controls.match_reconstruction(frame()).set_index("method")
    control = rows.loc["KL weight"]
    # half of the way from 0.10 to 0.14, where the norm falls from 8 to 6 (seed 0) or 7 (seed 1)
    assert control["how"] == "interpolated" and control["strength"] == pytest.approx(1.5)
    assert control["reconstruction"].mean == pytest.approx(0.12)
    assert control["jacobian"].mean == pytest.approx(7.25) and control["jacobian"].std == pytest.approx(0.25 * 2**0.5)
    assert rows.loc["plain", "jacobian"].mean == 8.0 and rows.loc["detached", "how"] == "itself"


def test_a_path_that_ends_before_gives_its_nearest_run_and_says_so():
    control = controls.match_reconstruction(frame()).set_index("method").loc["weight decay"]
    assert (control["how"], control["strength"], control["jacobian"].mean) == ("nearest", 1.0, 7.0)


def test_an_unknown_model_is_refused():
    with pytest.raises(ValueError, match="no run of 'detached' has strength 0.5"):
        controls.match_reconstruction(frame(), strength=0.5)


def test_printed_says_everything_in_words_of_the_page():
    table = controls.match_reconstruction(frame())
    text = repr(controls.lay_out(table))
    assert "norm of dx'/dx" in text and "KL weight, 1.5 (interpolated)" in text and "7.25 ± 0.4" in text
    assert "weight decay, 1 (nearest)" in text and "detached, 0.01 " in text


def test_printed_shows_the_measures_that_are_asked_for_and_the_name_of_the_plain_network():
    shown = controls.lay_out(controls.match_reconstruction(frame()), ["reconstruction", "jacobian"], "short plain").frame
    assert list(shown) == ["method, strength", "reconstruction loss", "norm of dx'/dx"]
    assert shown.iloc[0, 0] == "short plain"


def test_a_control_with_fewer_seeds_is_followed_over_those_it_has():
    third = [run(2, 0.10, 8.0), run(2, 0.12, 4.0, lam2=0.01, target="detached")]
    rows = controls.match_reconstruction(frame(*third)).set_index("method")
    assert rows.loc["detached", "jacobian"].n == 3
    assert rows.loc["KL weight", "how"] == "interpolated" and rows.loc["KL weight", "jacobian"].n == 2
