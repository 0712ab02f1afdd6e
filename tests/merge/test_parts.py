"""Parts of a fiche: which are one, and how their fields merge."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.merge import merge
from hub.model.claims import EDITOR, Claim
from hub.model.parts import part_keys
from tests.merge.saying import (
    AUTHORITY,
    CLAIMS,
    EQUALS,
    STREET,
    merged_content,
    says,
    speaking,
)


@given(CLAIMS)
def test_parts_are_never_lost_never_share_a_key_and_never_unite_what_one_source_holds_apart(claims: list[Claim]) -> None:
    claims = [replace(one, excluded={}) for one in claims]
    merged = merge(claims, AUTHORITY)
    parts = (merged.content or {}).get("vestigingen", [])
    keys = [key for part in parts for key in part["keys"]]
    assert len(keys) == len(set(keys))
    assert all(part["keys"] and part["keys"] == sorted(part["keys"]) for part in parts)
    anything = False
    for one in speaking(claims):
        stated = []
        for part in one.content.get("vestigingen", []):
            remark = one.source == EDITOR and ("keys" in part or not part_keys("vestiging", part))  # goes with what others state
            if part not in stated and not remark:
                stated.append(part)
        assert len(stated) <= len(parts)
        for part in stated:
            assert set(part_keys("vestiging", part)) <= set(keys)
        anything |= bool(stated)
    assert bool(parts) == anything


@given(st.lists(st.lists(st.sets(st.sampled_from("abcdef"), min_size=1, max_size=3), min_size=1, max_size=1), min_size=1, max_size=5))
def test_grouping_is_transitive_when_each_source_has_one_part(world: list[list[set[str]]]) -> None:
    claims = [
        says("onbekend", {"vestigingen": [{"keys": sorted(f"{key}:1" for key in keys)} for keys in parts]}, external_id=str(place))
        for place, parts in enumerate(world)
    ]
    expected: list[set[str]] = []
    for (keys,) in world:
        touching = [group for group in expected if group & keys]
        expected = [group for group in expected if not group & keys] + [keys.union(*touching)]
    found = [part["keys"] for part in merged_content(*claims)["vestigingen"]]
    assert sorted(found) == sorted(sorted(f"{key}:1" for key in group) for group in expected)


def test_two_parts_of_one_claim_are_not_joined_by_a_part_of_another() -> None:
    two = says("sociale-kaart", {"vestigingen": [{"keys": ["sk:1"], "name": {"nl": "Een"}}, {"keys": ["sk:2"], "name": {"nl": "Twee"}}]})
    both = says("excel", {"vestigingen": [{"keys": ["sk:1", "sk:2"], "contacts": [{"kind": "phone", "value": "+3216"}]}]})
    parts = merged_content(two, both)["vestigingen"]
    assert [(part["keys"], part["name"]["nl"], "contacts" in part) for part in parts] == [(["sk:1"], "Een", True), (["sk:2"], "Twee", False)]


def nr(value: str) -> dict[str, Any]:
    return {"identifiers": [{"system": "vestigingsnummer", "value": value}], "addresses": [STREET]}


def test_an_address_joins_what_no_number_tells_apart() -> None:
    at_address = says("sociale-kaart", {"vestigingen": [{"addresses": [{**STREET, "street": {"nl": "BONDGENOTENLAAN"}}]}]})
    numbered = says("excel", {"vestigingen": [nr("2000000042")]})
    (part,) = merged_content(at_address, numbered)["vestigingen"]
    assert part["keys"] == ["adr|3000|bondgenotenlaan|1", "nr|2000000042"]
    assert len(merged_content(numbered, says("cobrha", {"vestigingen": [nr("2000000141")]}))["vestigingen"]) == 2


def test_an_address_where_one_source_has_two_parts_joins_neither() -> None:
    two = says("excel", {"vestigingen": [nr("2000000042"), nr("2000000141")]})
    third = says("sociale-kaart", {"vestigingen": [{"addresses": [STREET], "name": {"nl": "Welke?"}}]})
    parts = merged_content(two, third)["vestigingen"]
    assert sorted(part["keys"] for part in parts) == [["adr|3000|bondgenotenlaan|1"], ["nr|2000000042"], ["nr|2000000141"]]


def test_the_fields_of_a_part_merge_by_their_own_rules_and_say_where_they_come_from() -> None:
    kaart = says(
        "sociale-kaart", {"vestigingen": [{**nr("2000000042"), "name": {"nl": "De Linde"}, "contacts": [{"kind": "phone", "value": "+3216"}]}]}
    )
    kbo = says("kbo", {"vestigingen": [{**nr("2000000042"), "name": {"nl": "LINDE NV"}}]})
    merged = merge([kaart, kbo], AUTHORITY)
    assert merged.content is not None
    assert merged.content["vestigingen"][0]["name"] == {"nl": "De Linde"}
    sources = {one.field: [source for source, _, _ in one.claims] for one in merged.provenance}
    assert sources == {
        "vestigingen": ["kbo", "sociale-kaart"],
        "vestigingen[nr|2000000042].name": ["sociale-kaart"],
        "vestigingen[nr|2000000042].identifiers": ["kbo", "sociale-kaart"],
        "vestigingen[nr|2000000042].addresses": ["kbo", "sociale-kaart"],
        "vestigingen[nr|2000000042].contacts": ["sociale-kaart"],
    }


def test_equal_sources_that_disagree_within_a_part_are_named_with_the_part() -> None:
    one, other = (says(source, {"vestigingen": [{**nr("2000000042"), "name": {"nl": source}}]}) for source in EQUALS)
    (conflict,) = merge([other, one], AUTHORITY).conflicts
    assert conflict.field == "vestigingen[nr|2000000042].name"
    assert conflict.values == tuple((source, "1", {"nl": source}) for source in EQUALS)


def test_a_part_that_an_editor_excludes_goes_whoever_states_it() -> None:
    stated = [says(source, {"vestigingen": [nr("2000000042"), {"keys": [f"{source}:9"]}]}) for source in ("sociale-kaart", "excel")]
    editor = says(EDITOR, {}, excluded={"vestigingen": [{"keys": ["nr|2000000042"]}]})
    assert [part["keys"] for part in merged_content(*stated, editor)["vestigingen"]] == [["sociale-kaart:9"], ["excel:9"]]
    kbo = says("kbo", {"vestigingen": [nr("2000000042")]})
    assert len(merged_content(*stated, kbo, editor)["vestigingen"]) == 3, "addresses are the KBO's"


def test_a_part_that_a_source_excludes_goes_for_its_equals_too_and_stays_for_who_stands_above_it() -> None:
    for one, other in (EQUALS, EQUALS[::-1]):
        stated = says(one, {"vestigingen": [nr("2000000042"), {"keys": [f"{one}:9"]}]})
        against = says(other, {}, excluded={"vestigingen": [{"keys": ["nr|2000000042"]}]})
        assert [part["keys"] for part in merged_content(stated, against)["vestigingen"]] == [[f"{one}:9"]]
        assert len(merged_content(stated, says("kbo", {"vestigingen": [nr("2000000042")]}), against)["vestigingen"]) == 2


def test_a_part_is_excluded_by_its_address_alone() -> None:
    stated = says("excel", {"vestigingen": [nr("2000000042"), {"keys": ["excel:9"]}]})
    editor = says(EDITOR, {}, excluded={"vestigingen": [{"addresses": [STREET]}]})
    assert [part["keys"] for part in merged_content(stated, editor)["vestigingen"]] == [["excel:9"]]


def test_a_part_that_an_editor_spoke_of_goes_with_those_who_state_it_and_one_that_he_made_stays() -> None:
    stated = says("excel", {"vestigingen": [{"keys": ["excel:1"], "name": {"nl": "Noord"}}]})
    word, made = {"keys": ["excel:1"], "name": {"nl": "Zuid"}, "addresses": [STREET]}, {"name": {"nl": "Oost"}}
    editor = says(EDITOR, {"vestigingen": [word, made]})
    assert {part["name"]["nl"] for part in merged_content(stated, editor)["vestigingen"]} == {"Zuid", "Oost"}
    (left,) = merged_content(says("excel", {}), editor)["vestigingen"]
    assert left["name"]["nl"] == "Oost"


def test_an_item_inside_parts_is_excluded_by_its_path() -> None:
    phone = {"kind": "phone", "value": "+3216"}
    stated = says("sociale-kaart", {"contacts": [phone], "vestigingen": [{**nr("2000000042"), "contacts": [phone]}]})
    editor = says(EDITOR, {"vestigingen": [{"keys": ["nr|2000000042"]}]}, excluded={"vestigingen.contacts": [phone]})
    content = merged_content(stated, editor)
    assert "contacts" not in content["vestigingen"][0]
    assert content["contacts"] == [phone]


def test_parts_of_which_nothing_is_known_but_a_phone_still_get_keys_of_their_own() -> None:
    parts = [{"contacts": [{"kind": "phone", "value": value}]} for value in ("+321", "+322")]
    merged = merged_content(says("excel", {"vestigingen": parts}))["vestigingen"]
    assert [part["contacts"] for part in merged] == [part["contacts"] for part in parts]
    assert len({tuple(part["keys"]) for part in merged}) == 2


def test_a_part_without_keys_stays_as_it_is_when_an_editor_excludes_another() -> None:
    nameless, excluded = {"contacts": [{"kind": "phone", "value": "+321"}]}, {"keys": ["excel:9"]}
    stated = says("excel", {"vestigingen": [nameless, excluded]})
    before, _ = merged_content(stated)["vestigingen"]
    assert merged_content(stated, says(EDITOR, {}, excluded={"vestigingen": [excluded]}))["vestigingen"] == [before]
