"""A query says what is wrong with it, has one form, and survives its own JSON."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import Invalid
from hub.model.query import Criterion, Linked, Near, Query, any_of, from_json, normalise, to_json
from tests.search.queries import queries


def paths(form: object) -> dict[str, str]:
    """What is wrong, by where."""
    with pytest.raises(Invalid) as caught:
        from_json(form)
    assert caught.value.errors
    assert caught.value.errors[0].path in caught.value.message
    return {error.path: error.reason for error in caught.value.errors}


@given(query=queries())
def test_json_gives_back_what_was_put_in(query: Query) -> None:
    one = normalise(query)
    assert from_json(to_json(one)) == one
    assert normalise(one) == one
    assert from_json(to_json(query)) == one


def test_what_has_no_order_has_one_form() -> None:
    one = Query(
        types=("aanbod", "organisatie"),
        text="Thuiszorg  LIER thuiszorg",
        where=(Criterion("postcode", ("9000", "1000", "9000")), Criterion("language", ("NL",))),
    )
    other = Query(
        types=("organisatie", "aanbod"),
        text="thuiszorg lier",
        where=(Criterion("language", ("nl",)), Criterion("postcode", ("1000", "9000"))),
    )
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("kbo|0403.019.261", ("kbo|0403019261",)),
        ("riziv|1-87497-04", ("riziv|18749704",)),
        ("|1-87497-04-001", ("|1-87497-04-001", "|18749704001")),
        ("bron| A 1", ("bron|A 1",)),
        ("riziv|123", ("riziv|123",)),  # wrong, and found nowhere: no reason to refuse a search
    ],
)
def test_identifiers_come_to_their_digits(asked: str, wanted: tuple[str, ...]) -> None:
    found = normalise(Query(types=("organisatie",), where=(Criterion("identifier", (asked,)),)))
    assert found.where[0].values == wanted


def test_a_social_security_number_is_refused_and_not_repeated() -> None:
    wrong = paths({"types": ["zorgverlener"], "where": [{"key": "identifier", "values": ["ssin|85073003328"]}]})
    assert "never stores" in wrong["where.0.values"]
    with pytest.raises(Invalid) as caught:
        normalise(Query(types=("zorgverlener",), where=(Criterion("identifier", ("ssin|85073003328",)),)))
    assert "85073003328" not in caught.value.message


@pytest.mark.parametrize(
    ("form", "path", "reason"),
    [
        ([], "query", "must be an object"),
        ({}, "types", "Name at least one of organisatie"),
        ({"types": ["fiche"]}, "types", "no such type"),
        ({"types": "aanbod"}, "types", "must be a list"),
        ({"types": ["aanbod"], "colour": 1}, "colour", "no such key"),
        ({"types": ["aanbod"], "limit": 0}, "limit", "1 to 1000"),
        ({"types": ["aanbod"], "limit": 1001}, "limit", "1 to 1000"),
        ({"types": ["aanbod"], "limit": True}, "limit", "whole number"),
        ({"types": ["aanbod"], "limit": "20"}, "limit", "whole number"),
        ({"types": ["aanbod"], "text": "?!"}, "text", "no letter or digit"),
        ({"types": ["aanbod"], "text": " ".join(map(str, range(30)))}, "text", "At most 20 words"),
        ({"types": ["aanbod"], "sort": "colour"}, "sort", "Choose from number"),
        ({"types": ["aanbod"], "sort": "local"}, "sort", "needs a place"),
        ({"types": ["aanbod"], "sort": "distance"}, "sort", "needs a place"),
        ({"types": ["aanbod"], "sort": "local", "local": "24062", "descending": True}, "descending", "one direction"),
        ({"types": ["aanbod"], "local": "Leuven"}, "local", "REFNIS"),
        ({"types": ["aanbod"], "total": "many"}, "total", "none, estimate, accurate"),
        ({"types": ["aanbod"], "changed_since": -1}, "changed_since", "zero or more"),
        ({"types": ["aanbod"], "near": {"lat": 91, "lon": 4, "km": 1}}, "near", "Latitude"),
        ({"types": ["aanbod"], "near": {"lat": 51, "lon": 4, "km": 0}}, "near", "more than 0"),
        ({"types": ["aanbod"], "near": {"lat": "51", "lon": 4, "km": 1}}, "near.lat", "must be a number"),
        ({"types": ["aanbod"], "near": {"lat": float("nan"), "lon": 4, "km": 1}}, "near.lat", "must be a number"),
        ({"types": ["aanbod"], "where": [{"key": "colour", "values": ["red"]}]}, "where.0.key", "no such key"),
        ({"types": ["aanbod"], "where": [{"key": "postcode", "values": ["90"]}]}, "where.0.values", "four digits"),
        ({"types": ["aanbod"], "where": [{"key": "municipality", "values": ["9000"]}]}, "where.0.values", "REFNIS"),
        ({"types": ["aanbod"], "where": [{"key": "code", "values": ["19.01"]}]}, "where.0.values", "scheme|code"),
        ({"types": ["aanbod"], "where": [{"key": "identifier", "values": ["123"]}]}, "where.0.values", "system|value"),
        ({"types": ["aanbod"], "where": [{"key": "identifier", "values": ["|"]}]}, "where.0.values", "system|value"),
        ({"types": ["aanbod"], "where": [{"key": "identifier", "values": ["kbo| "]}]}, "where.0.values", "system|value"),
        ({"types": ["aanbod"], "where": [{"key": "contact", "values": ["|"]}]}, "where.0.values", "kind|value"),
        ({"types": ["aanbod"], "where": [{"key": "id", "values": ["123"]}]}, "where.0.values", "not a UUID"),
        ({"types": ["aanbod"], "where": [{"key": "form", "values": ["vzw"]}]}, "where.0.values", "organisatie, praktijk"),
        ({"types": ["aanbod"], "where": [{"key": "name", "values": ["..."]}]}, "where.0.values", "no letter or digit"),
        ({"types": ["aanbod"], "where": [{"key": "name", "values": [1]}]}, "where.0.values", "list of texts"),
        ({"types": ["aanbod"], "where": [{"key": "name"}]}, "where.0.values", "at least one value"),
        ({"types": ["aanbod"], "where": [{"key": "name", "op": "missing", "values": ["x"]}]}, "where.0.values", "no values"),
        ({"types": ["aanbod"], "where": [{"key": "code", "op": "contains", "values": ["a|b"]}]}, "where.0.op", "contains"),
        ({"types": ["aanbod"], "where": [{"key": "id", "op": "prefix", "values": ["a"]}]}, "where.0.op", "as a whole"),
        ({"types": ["aanbod"], "where": [{"key": "name", "op": "like", "values": ["a"]}]}, "where.0.op", "Choose from eq"),
        ({"types": ["aanbod"], "linked": [{"link": "cousin", "query": {"types": ["aanbod"]}}]}, "linked.0.link", "no such link"),
        ({"types": ["aanbod"], "linked": [{"link": "parent"}]}, "linked.0.query", "must be an object"),
        (
            {"types": ["aanbod"], "linked": [{"link": "parent", "query": {"types": ["aanbod"], "where": [{"key": "x"}]}}]},
            "linked.0.query.where.0.key",
            "no such key",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(form: object, path: str, reason: str) -> None:
    assert reason in paths(form)[path]


def test_everything_wrong_is_told_at_once() -> None:
    assert set(paths({"types": ["x"], "limit": 0, "where": [{"key": "y", "values": ["z"]}]})) == {
        "types",
        "limit",
        "where.0.key",
    }


def test_nesting_ends() -> None:
    form: dict[str, Any] = {"types": ["organisatie"]}
    for _ in range(6):
        form = {"types": ["organisatie"], "linked": [{"link": "parent", "query": form}]}
    assert any("nested at most 4 deep" in reason for reason in paths(form).values())


def test_order_and_page_mean_nothing_inside() -> None:
    inner = Query(types=("organisatie",), sort="name", limit=5)
    plain = Query(types=("organisatie",))
    one, other = (normalise(Query(types=("aanbod",), linked=(Linked("organisatie", query),))) for query in (inner, plain))
    assert one == other


def test_a_near_of_whole_numbers_is_the_same_near() -> None:
    assert normalise(Query(types=("aanbod",), near=Near(51, 4, 10))) == normalise(Query(types=("aanbod",), near=Near(51.0, 4.0, 10.0)))


@pytest.mark.parametrize(
    ("key", "op", "value", "path"),
    [
        ("city", "whole", "gent", "where.0.op"),
        ("family", "sounds", "gent", "where.0.op"),
        ("name", "sounds", "de smet", "where.0.values"),
        ("name", "sounds", "...", "where.0.values"),
        ("period", "prefix", "2020", "where.0.op"),
        ("updated", "contains", "1", "where.0.op"),
        ("period", "eq", "2020..2021", "where.0.values"),
        ("updated", "eq", "12", "where.0.values"),
        ("gender", "eq", "vrouw", "where.0.values"),
        ("country", "eq", "België", "where.0.values"),
    ],
)
def test_ranges_and_closed_lists_are_checked(key: str, op: str, value: str, path: str) -> None:
    assert path in paths({"types": ["zorgverlener"], "where": [{"key": key, "op": op, "values": [value]}]})


@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3), min_size=1, max_size=3), st.sets(st.sampled_from("abcd")))
def test_alternatives_of_several_words_hold_as_their_criteria_do(alternatives: list[list[str]], there: set[str]) -> None:
    criteria = any_of("name", alternatives, "prefix")
    assert criteria is not None
    assert all(set(each.values) & there for each in criteria) == any(there.issuperset(words) for words in alternatives)


def test_too_many_alternatives_are_none() -> None:
    assert any_of("name", [["a", "b"]] * 6, "prefix") is None
    assert any_of("name", [], "prefix") == []
