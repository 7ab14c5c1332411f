"""The claims: what an interval says of them, and sentences that have every number they name."""

import string

import pytest

from dbp.tables import claims
from dbp.tables.findings import Finding


@pytest.mark.parametrize("low, high, needed, word", [
    (1, 3, {"above": 0}, "holds"), (-1, 3, {"above": 0}, "open"), (-3, -1, {"above": 0}, "does not"),
    (-3, 0, {"above": 0}, "does not"), (0, 3, {"above": 0}, "open"),
    (0.2, 0.4, {"below": 0.5}, "holds"), (0.4, 0.6, {"below": 0.5}, "open"), (0.5, 0.6, {"below": 0.5}, "does not"),
])
def test_a_claim_holds_where_the_whole_interval_says_so(low, high, needed, word):
    assert claims.judge(Finding((low + high) / 2, low, high, 3, "points"), **needed) == word


def test_numbers_and_claims_on_the_records(records_of_claims):
    found = claims.numbers(records_of_claims)
    named = {name for *_, text in claims.FINDINGS for _, name, _, _ in string.Formatter().parse(text) if name}
    assert named == set(found)
    assert all(each.low <= each.value <= each.high and each.seeds >= 3 for each in found.values())
    table = claims.list_claims(records_of_claims)
    assert len(table) == 12 and set(table["it"]) <= {"holds", "does not", "open"} and table["chapter"].str.len().eq(2).all()


@pytest.fixture(scope="module")
def records_of_claims():
    from dbp import runs

    frames = {name: runs.load(name, "laptop") for name in claims.EXPERIMENTS}
    if not all(map(len, frames.values())):
        pytest.skip("the records of the laptop profile are not all here")
    return frames
