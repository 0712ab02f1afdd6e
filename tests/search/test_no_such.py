"""A value under which nothing can ever be found is told from one that finds nothing today."""

from __future__ import annotations

import pytest

from hub.model.concepts import Concept, ConceptScheme
from hub.model.query import Criterion, Linked, Query
from hub.places import DEMO_ZONES, Places
from hub.search import no_such, unfindable
from hub.store.concepts import ConceptBook

BOOK = ConceptBook({}, {("rubriek", "14.04"): Concept("rubriek", "14.04", {"nl": "Wonen"})})
WITHOUT_ZONES, WITH_ZONES = Places.load(), Places.load(DEMO_ZONES)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("code", "rubriek|14.04", ""),
        ("code", "rubriek|", ""),
        ("code", "rubriek|99.99", "no rubriek '99.99'"),
        ("type", "rubriek|99.99", "no rubriek '99.99'"),
        ("code", "nace|86.10", ""),
        ("code", "|99.99", ""),
        ("province", "oost-vlaanderen", ""),
        ("province", "mars", "no province 'mars'"),
        ("serves", "province|mars", "no province 'mars'"),
        ("municipality", "44021", ""),
        ("municipality", "44043", ""),  # one of before the mergers
        ("municipality", "99999", "REFNIS"),
        ("serves", "municipality|99999", "REFNIS"),
        ("zone", "any", "No primary-care zones are known here"),
        ("postcode", "1005", ""),  # a postcode need not be that of a place
        ("postcode", "0000", "first is not 0"),
        ("serves", "postcode|0999", "first is not 0"),
        ("postcode", "01067", ""),  # of Dresden
        ("name", "99999", ""),
        ("language", "nl", ""),
        ("language", "NL", ""),
        ("language", "vgt", ""),  # Flemish sign language
        ("language", "zz", "no language 'zz'"),
        ("language", "nl-BE", "no language 'nl-BE'"),
        ("source", "any", ""),  # where nobody says which there are
    ],
)
def test_what_can_be_found(key: str, value: str, why: str) -> None:
    reason = no_such(key, value, WITHOUT_ZONES, BOOK)
    assert why in reason if why else reason == ""


def test_zones_are_those_of_the_file() -> None:
    zone = next(iter(WITH_ZONES.zones))
    assert no_such("zone", zone.code, WITH_ZONES, BOOK) == ""
    assert "No primary-care zone" in no_such("zone", "any", WITH_ZONES, BOOK)


def test_where_no_rubriek_has_come_yet_none_is_missed() -> None:
    assert no_such("code", "rubriek|99.99", WITHOUT_ZONES, ConceptBook({}, {})) == ""


def test_a_source_is_judged_by_who_knows_what_the_asker_may_see() -> None:
    query = Query(types=("aanbod",), where=(Criterion("source", ("kaart", "foo")),))
    (wrong,) = unfindable(query, WITHOUT_ZONES, BOOK, heard=lambda key, source: (key, source) == ("source", "kaart"))
    assert (wrong.path, wrong.reason, wrong.value) == ("where.0.values", "No source 'foo' is known here.", "foo")


def test_a_scheme_is_known_when_it_has_come_or_something_has_a_code_of_it() -> None:
    book = ConceptBook({"profession": ConceptScheme("profession", {})}, {})

    def heard(key: str, value: str) -> bool:
        return (key, value) == ("code", "nace|")

    for code in ("profession|1", "nace|86.10", "nace|", "|1", "x"):  # the last is told to be none elsewhere
        assert no_such("code", code, WITHOUT_ZONES, book, heard) == ""
    for code in ("rubrik|14", "rubrik|"):
        assert no_such("code", code, WITHOUT_ZONES, book, heard) == "No scheme of codes 'rubrik' is known here."


def test_every_value_of_a_query_is_looked_at_also_inside_others() -> None:
    inner = Query(types=("organisatie",), where=(Criterion("province", ("mars",)),))
    query = Query(
        types=("aanbod",),
        where=(Criterion("code", ("rubriek|14.04", "rubriek|1", "rubriek|2")), Criterion("code", ("rubriek|9",), "prefix")),
        linked=(Linked("organisatie", inner),),
    )
    found = [(wrong.path, wrong.value) for wrong in unfindable(query, WITHOUT_ZONES, BOOK)]
    assert found == [("where.0.values", "rubriek|1"), ("where.0.values", "rubriek|2"), ("linked.0.query.where.0.values", "mars")]
