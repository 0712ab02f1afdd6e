"""One value is one however sources spell it: it stands once, and who hides it hides all of its spellings."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.merge import merge, voices
from hub.model.audience import RANK, stamp
from hub.model.claims import EDITOR
from hub.model.folding import fold
from hub.model.item_keys import same_text
from tests.merge.saying import (
    ADDRESSES,
    AUTHORITY,
    RIZIV,
    SOURCES,
    as_bytes,
    merged_content,
    says,
    speaking,
)


def test_a_number_or_website_is_one_and_the_spelling_that_says_more_stands() -> None:
    one = says("sociale-kaart", {"contacts": [{"kind": "phone", "value": "+32470000001"}, {"kind": "website", "value": "http://a.be/"}]})
    other = says("sociaal-brussels", {"contacts": [{"kind": "mobile", "value": "+32470000001"}, {"kind": "website", "value": "https://a.be"}]})
    contacts = [{"kind": "mobile", "value": "+32470000001"}, {"kind": "website", "value": "https://a.be"}]
    assert merged_content(one, other)["contacts"] == contacts
    together = says("sociale-kaart", {"contacts": [*one.content["contacts"], *other.content["contacts"]]})
    assert merged_content(together)["contacts"] == contacts


def test_a_conflict_names_an_item_as_the_fiche_does() -> None:
    one = says("sociale-kaart", {"contacts": [{"kind": "mobile", "value": "+32470000001", "purpose": "general"}]})
    other = says("sociaal-brussels", {"contacts": [{"kind": "phone", "value": "+32470000001", "purpose": "complaints"}]})
    (conflict,) = merge([one, other], AUTHORITY).conflicts
    assert conflict.field == "contacts[mobile|+32470000001].purpose"


def names(*texts: tuple[str, dict[str, str]]) -> list[dict[str, str]]:
    """The names in a fiche when each of these sources gives one, in whatever order that is said; nobody disagrees."""
    claims = [says(source, {"names": [{"text": text, "use": "official"}]}) for source, text in texts]
    found = {as_bytes(merge(order, AUTHORITY)): merge(order, AUTHORITY) for order in itertools.permutations(claims)}
    (merged,) = found.values()
    assert merged.content is not None
    assert merged.conflicts == ()
    told = voices(merged.content, claims)["names"]
    for name, saying in zip(merged.content["names"], told, strict=True):
        assert set(saying) == {source for source, text in texts if same_text(text, name["text"])}
    together = [{"text": text, "use": "official"} for _, text in texts]
    assert len(merged_content(says("sociale-kaart", {"names": together}))["names"]) == len(merged.content["names"]), "also where one says them all"
    assert merged_content(says("sociale-kaart", merged.content)) == merged.content
    return [name["text"] for name in merged.content["names"]]


def test_names_that_are_the_same_in_one_language_and_not_in_another_are_two_and_none_is_lost() -> None:
    house, other = {"nl": "Gezondheidshuis", "fr": "Maison de la santé"}, {"nl": "Huis voor Gezondheid", "fr": "Maison de la Santé"}
    assert names(("sociaal-brussels", house), ("sociale-kaart", other)) == [house, other]
    dutch, both, official = {"nl": "Centrum"}, {"nl": "Centrum", "fr": "Centre"}, {"nl": "Centrum vzw", "fr": "Centre"}
    assert names(("sociale-kaart", dutch), ("sociaal-brussels", both), ("kbo", official)) == [both, official]
    assert names(("sociaal-brussels", {"fr": "Centre"}), ("sociale-kaart", official), ("kbo", both)) == [official, both]
    german = {"fr": "Centre", "de": "Zentrum"}
    assert names(("sociaal-brussels", dutch), ("sociale-kaart", german), ("kbo", both)) == [both | german], "what one has in a third language stays"


def test_who_hides_a_name_hides_its_translation_also_where_that_stands_beside_another_name() -> None:
    hidden = says("sociale-kaart", {"names": [{"text": {"nl": "Schuilhuis", "fr": "Refuge"}, "visibility": "internal"}]})
    shown = says("sociaal-brussels", {"names": [{"text": {"nl": "Vluchthuis", "fr": "Refuge"}}, {"text": {"nl": "Elders"}}]})
    levels = {name["text"]["nl"]: name.get("visibility", "public") for name in merged_content(hidden, shown)["names"]}
    assert levels == {"Schuilhuis": "internal", "Vluchthuis": "internal", "Elders": "public"}


def test_who_excludes_a_name_does_not_mean_another_one_with_the_same_translation() -> None:
    old, new = {"nl": "Oud", "fr": "Maison"}, {"nl": "Nieuw", "fr": "Maison"}
    for source, said in ((EDITOR, {"names": [{"text": new}]}), ("sociaal-brussels", {"names": [{"text": new}]})):
        deciding = says(source, said, excluded={"names": [{"text": old}]})
        assert merged_content(says("sociale-kaart", {"names": [{"text": old}]}), deciding)["names"] == [{"text": new}]
    french = says(EDITOR, {}, excluded={"names": [{"text": {"fr": "maison"}}]})
    assert "names" not in merged_content(says("sociale-kaart", {"names": [{"text": old}, {"text": new}]}), french)


PLACE = {"postcode": "9000", "street": {"nl": "Kouter"}, "house_number": "12"}


def addresses(*items: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What a fiche says when each of these sources says one address."""
    claims = [says(source, {"addresses": [address]}, kind="zorgverlener") for source, address in items]
    found: list[dict[str, Any]] = merged_content(*claims)["addresses"]
    return found


def test_a_house_number_is_one_however_it_is_spelled_and_the_winner_spells_it() -> None:
    hidden = {**PLACE, "type": "practice", "house_number": "12 a", "box": "B 1", "visibility": "internal"}
    shown = {**hidden, "house_number": "12A", "box": "b1"}
    del shown["visibility"]
    assert addresses(("progezondheid", shown), ("sociale-kaart", hidden)) == [{**shown, "visibility": "internal"}]
    assert len(addresses(("progezondheid", shown), ("sociale-kaart", {**hidden, "house_number": "12b"}))) == 2


def test_an_address_without_type_goes_into_the_one_where_people_come() -> None:
    practice = {**PLACE, "type": "practice", "street": {"nl": "Kouter", "fr": "Coutre"}}
    postal = {**PLACE, "type": "postal"}
    untyped = {**PLACE, "municipality": "44021", "visibility": "professional"}
    said = addresses(("progezondheid", practice), ("sociale-kaart", untyped), ("excel", postal))
    assert said == [
        {**practice, "municipality": "44021", "visibility": "professional"},
        {**postal, "visibility": "professional"},
    ], "whoever hides where it is hides it in each of its roles"
    elsewhere = {**untyped, "house_number": "13"}
    assert addresses(("progezondheid", practice), ("sociale-kaart", elsewhere)) == [practice, elsewhere]


def test_an_address_without_type_does_not_show_what_another_hides() -> None:
    administrative = {**PLACE, "type": "administrative"}
    said = addresses(("sociale-kaart", PLACE), ("cobrha", administrative))
    assert stamp("zorgverlener", {"kind": "zorgverlener", "addresses": said})["addresses"] == [
        {**PLACE, "visibility": "professional"},
        {**administrative, "visibility": "professional"},
    ]


def test_a_short_riziv_number_is_not_listed_beside_a_long_one_and_hides_it() -> None:
    short, long = {"system": "riziv", "value": RIZIV[0]}, {"system": "riziv", "value": RIZIV[1]}
    for hidden in ({}, {"visibility": "internal"}):
        claims = [
            says("sociale-kaart", {"identifiers": [long]}, kind="zorgverlener"),
            says("cobrha", {"identifiers": [short | hidden, {"system": "riziv", "value": "10000112"}]}, kind="zorgverlener"),
        ]
        listed = [{"system": "riziv", "value": "10000112"}, long | hidden]
        assert merged_content(*claims)["identifiers"] == listed
        together = says("cobrha", {"identifiers": [*claims[1].content["identifiers"], long]}, kind="zorgverlener")
        assert merged_content(together)["identifiers"] == listed, "also where one source says both"


def test_the_owner_is_heard_also_by_who_leaves_something_out() -> None:
    owner = says("progezondheid", {"identifiers": [{"system": "riziv", "value": RIZIV[1], "visibility": "public"}]}, kind="zorgverlener")
    other = says("cobrha", {"identifiers": [{"system": "riziv", "value": RIZIV[0], "visibility": "internal"}]}, kind="zorgverlener")
    assert merged_content(owner, other)["identifiers"] == owner.content["identifiers"]
    silent = says("progezondheid", {"identifiers": [{"system": "riziv", "value": RIZIV[1]}]}, kind="zorgverlener")
    assert merged_content(silent, other)["identifiers"] == [{"system": "riziv", "value": RIZIV[1], "visibility": "internal"}], (
        "he said nothing about it"
    )
    loud = says("sociale-kaart", owner.content, kind="zorgverlener")
    assert merged_content(loud, other)["identifiers"] == [{"system": "riziv", "value": RIZIV[1], "visibility": "internal"}], (
        "who says so is not the owner"
    )


NEAR = ADDRESSES.map(lambda address: {name: value for name, value in {**address, "postcode": "9000"}.items() if name != "box"})


@given(
    st.lists(st.tuples(st.sampled_from(SOURCES), st.lists(NEAR | ADDRESSES, min_size=1, max_size=3)), min_size=1, max_size=3),
    st.randoms(use_true_random=False),
)
def test_nobody_shows_an_address_that_another_hides(said: list[tuple[str, list[dict[str, Any]]]], random: Any) -> None:
    claims = [says(source, {"addresses": items}, kind="zorgverlener", external_id=str(number)) for number, (source, items) in enumerate(said)]
    merged = merge(claims, AUTHORITY)
    again = random.sample(claims, len(claims))
    assert as_bytes(merge(again, AUTHORITY)) == as_bytes(merged)
    if merged.content is None:
        assert not speaking(claims)
        return
    assert merged_content(says("sociale-kaart", merged.content, kind="zorgverlener")) == merged.content
    stamped = stamp("zorgverlener", merged.content)["addresses"]
    for _, items in said:
        for item in stamp("zorgverlener", {"kind": "zorgverlener", "addresses": items})["addresses"]:
            same = [other for other in stamped if is_one_address(item, other)]
            assert same
            assert all(RANK[other["visibility"]] >= RANK[item["visibility"]] for other in same)


def is_one_address(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether the two are at one place, and no two types tell them apart."""
    at_one = all(place(one, name) == place(other, name) for name in ("postcode", "house_number", "box"))
    texts = [{(language, fold(text)) for language, text in each["street"].items()} for each in (one, other)]
    return at_one and not texts[0].isdisjoint(texts[1]) and ("type" not in one or "type" not in other or one["type"] == other["type"])


def place(address: dict[str, Any], name: str) -> str:
    return str(address.get(name, "")).replace(" ", "").lower()
