"""Words of the form key=value become the query that the API makes of the same."""

from __future__ import annotations

import pytest

from hub.errors import Invalid
from hub.model.query import Criterion, Linked, Near, Query, normalise
from hub.model.query_words import narrowed

ID = "0190a0b2-0000-7000-8000-000000000001"
OFFERS = Query(types=("aanbod",))


def test_each_kind_of_word() -> None:
    words = ["postcode=9000,9100", "rubriek=14", "near=51.05,3.72,10", "changed_since=7", f"providedBy={ID}", f"vestiging={ID}"]
    found = normalise(narrowed(OFFERS, words))
    assert found.where == (Criterion("code", ("rubriek|14",)), Criterion("postcode", ("9000", "9100")))
    assert (found.near, found.changed_since) == (Near(51.05, 3.72, 10.0), 7)
    here = (Criterion("id", (ID,)),)
    assert found.linked == (
        Linked("provided_by", Query(types=("organisatie",), where=here)),
        Linked("vestiging", Query(types=("vestiging",), where=here)),
    )


@pytest.mark.parametrize("word", ["postcode", "near=51.05", "near=x,y,z", "changed_since=-1", "changed_since=x"])
def test_a_word_that_is_none_is_named(word: str) -> None:
    with pytest.raises(Invalid) as told:
        narrowed(OFFERS, [word])
    assert word in told.value.message
    assert [(wrong.path, wrong.value) for wrong in told.value.errors] == [("where", word)]


def test_a_key_that_there_is_not_is_told_with_all_else_that_is_wrong() -> None:
    with pytest.raises(Invalid) as told:
        normalise(narrowed(OFFERS, ["colour=red", "postcode=x"]))
    assert len(told.value.errors) == 2
