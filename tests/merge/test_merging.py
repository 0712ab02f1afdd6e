"""The promise that everything rests on: the same claims give the same fiche, and each source is right about what is its own."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.merge import merge, sole
from hub.model.audience import RANK, stamp
from hub.model.claims import EDITOR, Claim, Merged
from hub.model.fiche import KINDS, PARTS, Group, Kind
from hub.model.folding import fold
from hub.store.provenance import encode_provenance, encode_sole
from tests.fiches import fiches
from tests.merge.saying import (
    AUTHORITY,
    CLAIMS,
    CONTENTS,
    EQUALS,
    RULES,
    SAID,
    SOURCES,
    STREET,
    TEXTS,
    VOLATILE,
    as_bytes,
    claim,
    heard,
    is_over,
    merged_content,
    rank,
    says,
    some,
    standing,
)

# --- any order, any repetition, any replay --------------------------------------------------------------------------------------------


@given(st.lists(claim(("organisatie", *KINDS)), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(claims: list[Claim], random: Any) -> None:
    again = claims + random.choices(claims, k=3)
    random.shuffle(again)
    assert as_bytes(merge(again, AUTHORITY)) == as_bytes(merge(claims, AUTHORITY))


@given(CLAIMS, st.data())
def test_a_replay_in_any_interleaving_ends_the_same(claims: list[Claim], data: st.DataObject) -> None:
    kept: list[Claim] = []
    for _ in range(data.draw(st.integers(1, 4))):
        kept = standing([*kept, *data.draw(st.lists(st.sampled_from(claims), max_size=4))])
    kept = standing([*kept, *data.draw(st.permutations(claims))])
    assert as_bytes(merge(kept, AUTHORITY)) == as_bytes(merge(claims, AUTHORITY))


@given(CLAIMS)
def test_the_order_of_keys_in_a_claim_does_not_matter(claims: list[Claim]) -> None:
    sorted_keys = [replace(one, content=orjson.loads(orjson.dumps(one.content, option=orjson.OPT_SORT_KEYS))) for one in claims]
    turned = [replace(one, content=turned_over(one.content)) for one in sorted_keys]
    assert as_bytes(merge(sorted_keys, AUTHORITY)) == as_bytes(merge(turned, AUTHORITY))


def turned_over(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: turned_over(value[key]) for key in reversed(value)}
    return [turned_over(one) for one in value] if isinstance(value, list) else value


@given(CLAIMS, claim())
def test_a_claim_that_went_was_never_there(claims: list[Claim], other: Claim) -> None:
    other = replace(other, external_id="weg", gone=False)
    gone = replace(other, revision=other.revision + 1, gone=True, content={}, excluded={})
    assert as_bytes(merge([*claims, other, gone], AUTHORITY)) == as_bytes(merge(claims, AUTHORITY))


@given(CLAIMS)
def test_merging_leaves_the_claims_as_they_were(claims: list[Claim]) -> None:
    before = orjson.dumps(claims)
    content = merge(claims, AUTHORITY).content
    if content is not None:
        stamp("organisatie", content)
    assert orjson.dumps(claims) == before


@pytest.mark.parametrize("kind", ["organisatie", "aanbod", "zorgverlener"])
@given(st.data())
def test_one_claim_says_what_its_fiche_says(kind: Kind, data: st.DataObject) -> None:
    content = data.draw(fiches(kind, claim=True))
    one = Claim("sociale-kaart", "1", 1, kind, content)
    twin = Claim("sociale-kaart", "2", 1, kind, {})
    alone, beside = merge([one], AUTHORITY), merge([one, twin], AUTHORITY)
    assert alone.content is not None
    assert alone.content.keys() == content.keys() - {"id"} | {"kind"}
    assert as_bytes(alone) == as_bytes(beside)
    for field, value in content.items():
        if field != "id" and not isinstance(value, list):
            assert alone.content[field] == value


def of_any_form(kind: Kind) -> st.SearchStrategy[Claim]:
    return fiches(kind, claim=True).map(lambda content: says("kbo", content, kind=kind))


@given(claim(("organisatie", *KINDS)) | st.sampled_from(KINDS).flatmap(of_any_form))
def test_one_claim_alone_is_merged_faster_to_the_same(one: Claim) -> None:
    merged, alone = merge([one], AUTHORITY), sole(one)
    if alone is None:
        return
    content, stated = alone
    assert merged.content is not None
    assert content == merged.content
    assert list(content) == list(merged.content)
    assert merged.conflicts == ()
    assert (encode_sole(one, stated) if len(content) > 1 else None) == encode_provenance(merged)


def test_what_one_claim_cannot_tell_is_left_to_merge() -> None:
    twice = [{"keys": ["a:1"]}, {"keys": ["a:1"], "name": {"nl": "Zorg"}}]
    assert sole(says("kbo", {"vestigingen": twice})) is None
    assert sole(says("kbo", {"vestigingen": [{"contacts": [{"kind": "phone", "value": "1"}]}]})) is None
    assert sole(says("kbo", {"languages": ["nl"]}, excluded={"languages": ["fr"]})) is None
    assert sole(says("kbo", {}, gone=True)) is None
    assert sole(says("kbo", {"vestigingen": twice[1:], "languages": ["nl", "nl"]})) is not None


@given(CLAIMS)
def test_a_merged_fiche_merges_to_itself(claims: list[Claim]) -> None:
    claims = [replace(one, content={field: value for field, value in one.content.items() if field not in PARTS}) for one in claims]
    content = merge(claims, AUTHORITY).content
    if content is not None:
        assert merged_content(says("sociale-kaart", content)) == content


# --- who is right ------------------------------------------------------------------------------------------------------------------------


WHOLE = {
    kind: {field: rule.group for field, rule in rules.items() if rule.merge == "whole" and field != "visibility"} for kind, rules in RULES.items()
}
"""Kind -> every declared field that merges as a whole -> its group."""


@st.composite
def about_whole_values(draw: st.DrawFn, kind: Kind) -> list[Claim]:
    """Claims that each say about half of these fields."""
    claims = draw(st.lists(claim((kind,)), min_size=1, max_size=4))
    said = [{field: draw(SAID[kind][field]) for field in WHOLE[kind] if draw(st.booleans())} for _ in claims]
    return [replace(one, content=more) for one, more in zip(claims, said, strict=True)]


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_whole_value_is_the_best_sources_and_lower_ones_never_change_it(kind: Kind, data: st.DataObject) -> None:
    claims = data.draw(about_whole_values(kind))
    merged = merge(claims, AUTHORITY)
    for field, group in WHOLE[kind].items():
        is_the_best_sources(merged, claims, field, group)


def is_the_best_sources(merged: Merged, claims: list[Claim], field: str, group: Group) -> None:
    speaking = [one for one in heard(group, claims) if field in one.content]
    if not speaking:
        assert field not in (merged.content or {})
        return
    if field in VOLATILE:
        values = [one.content[field] for one in speaking]
        speaking = [one for one in speaking if not is_over(one.content[field], values)]
    best = min(rank(group, one) for one in speaking)
    peers = sorted((one for one in speaking if rank(group, one) == best), key=lambda one: (one.source, one.external_id))
    if field in VOLATILE:
        peers.sort(key=lambda one: one.content[field].get("asserted_at", ""), reverse=True)
    assert merged.content is not None
    assert merged.content[field] == peers[0].content[field]
    disagree = any(one.content[field] != peers[0].content[field] for one in peers)
    conflicts = [one for one in merged.conflicts if one.field == field]
    assert len(conflicts) == disagree
    if disagree:
        assert conflicts[0].values == tuple((one.source, one.external_id, one.content[field]) for one in peers)
    agreeing = tuple((one.source, one.external_id, one.revision) for one in peers if one.content[field] == peers[0].content[field])
    assert [one.claims for one in merged.provenance if one.field == field] == [agreeing]


@st.composite
def excluding(draw: st.DrawFn) -> Claim:
    """A claim about two phones and two languages, that often excludes one."""
    some_of = st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True)
    stated, barred = draw(some_of), draw(some_of)
    return Claim(
        draw(st.sampled_from(["sociale-kaart", "sociaal-brussels", "excel", EDITOR])),
        "1",
        1,
        "organisatie",
        {"contacts": [{"kind": "phone", "value": one} for one in stated], "languages": stated} if stated else {},
        excluded={"contacts": [{"kind": "phone", "value": one} for one in barred], "languages": barred} if barred else {},
        partner=draw(st.sampled_from([None, None, "gent"])),
    )


@pytest.mark.parametrize(("field", "group"), [("contacts", "contacts"), ("languages", "operation")])
@given(claims=st.lists(excluding(), min_size=1, max_size=4))
def test_a_list_holds_each_item_once_unless_an_equal_or_better_source_excludes_it(field: str, group: str, claims: list[Claim]) -> None:
    merged = merge(claims, AUTHORITY)
    expected: dict[str, set[str]] = {}
    for one in heard(group, claims):
        for item in one.content.get(field, ()):
            barred = [rank(group, other) for other in heard(group, claims) if item in other.excluded.get(field, ())]
            if rank(group, one) < min(barred, default=99):
                expected.setdefault(item if field == "languages" else item["value"], set()).add(one.source)
    found = [item if field == "languages" else item["value"] for item in (merged.content or {}).get(field, ())]
    assert sorted(found) == sorted(expected)
    contributed = {source for one in merged.provenance if one.field == field for source, _, _ in one.claims}
    assert contributed == set().union(*expected.values())


def contact_key(contact: dict[str, Any]) -> tuple[str, str]:
    kind, value = contact["kind"], contact["value"]
    return ("phone" if kind == "mobile" else kind), value.removeprefix("http://").removeprefix("https://").rstrip("/")


ONE_PHONE = st.lists(
    some({"kind": st.just("phone"), "value": st.just("a")}, label=TEXTS, purpose=st.sampled_from(["general", "emergency"])),
    min_size=1,
    max_size=2,
)


def says_at_least(said: Any, best: Any) -> bool:
    return bool(said == best) if isinstance(best, str) else best.items() <= said.items()


def agree(one: Any, other: Any) -> bool:
    """The same, or one text that the two give in different languages."""
    if isinstance(one, str):
        return bool(one == other)
    shared = one.keys() & other.keys()
    return bool(shared) and all(one[language] == other[language] for language in shared)


@given(
    st.lists(st.builds(lambda source, contacts: says(source, {"contacts": contacts}), st.sampled_from(SOURCES), ONE_PHONE), min_size=1, max_size=4)
)
def test_attributes_of_an_item_conflict_only_between_equals(claims: list[Claim]) -> None:
    merged = merge(claims, AUTHORITY)
    speaking = sorted(heard("contacts", claims), key=lambda one: (rank("contacts", one), one.source, one.external_id))
    expected = set()
    for contact in (merged.content or {}).get("contacts", ()):
        for attribute in ("label", "purpose"):
            stated = []
            for one in speaking:
                values = [
                    item[attribute] for item in one.content.get("contacts", ()) if contact_key(item) == contact_key(contact) and attribute in item
                ]
                stated += [(rank("contacts", one), values[0])] if values else []
            if stated:
                best = stated[0][1]
                assert says_at_least(contact[attribute], best)
                if any(place == stated[0][0] and not agree(value, best) for place, value in stated):
                    expected.add(f"contacts[{contact['kind']}|{contact['value']}].{attribute}")
    assert {one.field for one in merged.conflicts if one.field.startswith("contacts[")} == expected


@given(CLAIMS)
def test_the_stricter_visibility_stands(claims: list[Claim]) -> None:
    claims = [replace(one, excluded={}) for one in claims]
    content = merge(claims, AUTHORITY).content
    if content is None:
        return
    stamped = {contact_key(item): item["visibility"] for item in stamp("organisatie", content).get("contacts", ())}
    for one in heard("contacts", claims):
        for item in stamp("organisatie", {"kind": "organisatie", **one.content}).get("contacts", ()):
            assert RANK[stamped[contact_key(item)]] >= RANK[item["visibility"]]
    numbers = stamp("organisatie", content).get("identifiers", ())
    for one in (one for one in heard("identifiers", claims) if one.source != EDITOR):
        for item in stamp("organisatie", {"kind": "organisatie", **one.content}).get("identifiers", ()):
            same = [other for other in numbers if other["value"][:8] == item["value"] or other["value"] == item["value"]]
            assert same
            owned = any(other.source == "kbo" for other in claims)  # whose word stands above the stricter one
            assert owned or all(RANK[other["visibility"]] >= RANK[item["visibility"]] for other in same)
    for field, visibility in content.get("field_visibility", {}).items():
        said = [one.content["field_visibility"][field] for one in heard("scope", claims) if field in one.content.get("field_visibility", {})]
        assert visibility == max(said, key=lambda level: RANK[level])


@given(CLAIMS, CONTENTS)
def test_an_overlay_never_widens_who_may_see_a_value(claims: list[Claim], content: dict[str, Any]) -> None:
    shared = [replace(one, partner=None) for one in claims]
    without = merge(shared, AUTHORITY).content
    if without is None:
        return
    seen = stamp("organisatie", merged_content(*shared, says("kaart", content, external_id="o", partner="gent")))
    for field in ("contacts", "names", "identifiers"):
        keys = {"contacts": ("kind", "value"), "names": ("use",), "identifiers": ("system", "value")}[field]
        for item in stamp("organisatie", without).get(field, ()):
            same = [other for other in seen[field] if all(item.get(key) == other.get(key) for key in keys)]
            if field == "names":
                same = [other for other in same if other["text"] == item["text"]]
            assert all(RANK[other["visibility"]] >= RANK[item["visibility"]] for other in same)
    assert RANK[seen["visibility"]] >= RANK[stamp("organisatie", without)["visibility"]]


# --- single decisions ------------------------------------------------------------------------------------------------------------------


def test_an_editor_stands_above_sources_but_not_above_the_owner() -> None:
    kaart = says("sociale-kaart", {"description": {"nl": "Oud"}, "identifiers": [{"system": "kbo", "value": "1"}]})
    editor = says(
        EDITOR,
        {"description": {"nl": "Nieuw"}, "identifiers": [{"system": "kbo", "value": "2"}]},
        excluded={"identifiers": [{"system": "kbo", "value": "1"}]},
    )
    content = merged_content(kaart, editor)
    assert content["description"] == {"nl": "Nieuw"}
    assert content["identifiers"] == [{"system": "kbo", "value": "2"}]
    owned = merged_content(kaart, editor, says("kbo", {"identifiers": [{"system": "kbo", "value": "1"}]}))
    assert owned["description"] == {"nl": "Nieuw"}
    assert owned["identifiers"] == [{"system": "kbo", "value": "1"}]


def test_the_owner_may_say_that_a_value_is_less_hidden_than_others_think() -> None:
    hidden = says("sociale-kaart", {"identifiers": [{"system": "kbo", "value": "1", "visibility": "internal"}]})
    owner = says("kbo", {"identifiers": [{"system": "kbo", "value": "1", "visibility": "public"}]})
    assert merged_content(hidden, owner)["identifiers"][0]["visibility"] == "public"
    silent = says("kbo", {"identifiers": [{"system": "kbo", "value": "1"}]})
    assert merged_content(hidden, silent)["identifiers"][0]["visibility"] == "internal"


def test_a_partner_hides_for_himself_also_what_the_owner_shows() -> None:
    number = {"system": "kbo", "value": "1"}
    owner = says("kbo", {"identifiers": [{**number, "visibility": "public"}]})
    overlay = says("kaart", {"identifiers": [{**number, "visibility": "internal"}]}, partner="gent")
    assert merged_content(owner, overlay)["identifiers"] == [{**number, "visibility": "internal"}]
    hidden = says("sociale-kaart", {"identifiers": [{**number, "visibility": "internal"}]})
    wider = says("kaart", {"identifiers": [{**number, "visibility": "professional"}]}, partner="gent")
    assert merged_content(owner, hidden, wider)["identifiers"] == [{**number, "visibility": "professional"}], "the owner is heard above all but him"


def test_a_source_that_is_silent_on_an_emergency_number_hides_it() -> None:
    silent = says("excel", {"contacts": [{"kind": "phone", "value": "+3216", "purpose": "emergency"}]})
    loud = says("sociale-kaart", {"contacts": [{"kind": "phone", "value": "+3216", "visibility": "public"}]})
    assert merged_content(silent, loud)["contacts"] == [{"kind": "phone", "value": "+3216", "purpose": "emergency", "visibility": "internal"}]


def test_a_number_that_one_calls_an_emergency_number_stays_hidden_where_a_better_source_calls_it_general() -> None:
    number = {"kind": "phone", "value": "+3216"}
    better = says("sociale-kaart", {"contacts": [{**number, "purpose": "general"}]})
    careful = says("excel", {"contacts": [{**number, "purpose": "emergency"}]})
    assert merged_content(better)["contacts"] == [{**number, "purpose": "general"}]
    assert merged_content(better, careful)["contacts"] == [{**number, "purpose": "general", "visibility": "internal"}]


def test_items_compare_by_folded_text_and_the_best_spelling_stands() -> None:
    addresses = [{"postcode": "3000", "street": {"nl": street}, "city": {"nl": "Leuven"}} for street in ("Hoge  Stráat", "hoge straat")]
    kaart = says("sociale-kaart", {"addresses": [addresses[0]]}, kind="zorgverlener")
    register = says(
        "progezondheid",
        {"addresses": [{**addresses[1], "box": "2"}, {key: addresses[1][key] for key in ("postcode", "street")}]},
        kind="zorgverlener",
    )
    merged = merged_content(kaart, register)["addresses"]
    assert merged == [{**addresses[1], "box": "2"}, {**addresses[1], "city": {"nl": "Leuven"}}]


BILINGUAL = {"postcode": "1000", "street": {"nl": "Nieuwstraat", "fr": "Rue Neuve"}, "city": {"nl": "Brussel", "fr": "Bruxelles"}}
DUTCH = {"postcode": "1000", "street": {"nl": "NIEUWSTRAAT"}, "city": {"nl": "Brussel"}}


def test_what_one_source_says_in_one_language_and_another_in_two_is_one() -> None:
    whole = {**BILINGUAL, "street": {"nl": "NIEUWSTRAAT", "fr": "Rue Neuve"}}
    for first, second in (("sociale-kaart", "sociaal-brussels"), ("sociaal-brussels", "sociale-kaart")):
        claims = [says(first, {"addresses": [DUTCH]}, kind="zorgverlener"), says(second, {"addresses": [BILINGUAL]}, kind="zorgverlener")]
        merged = merge(claims, AUTHORITY)
        assert merged.content is not None
        assert merged.content["addresses"] in ([whole], [BILINGUAL])
        assert merged.conflicts == ()
    names = [{"text": {"nl": "Huis", "fr": "Maison"}}, {"text": {"nl": "huis"}}, {"text": {"fr": "Maison"}}]
    for order in itertools.permutations(names):
        one = merged_content(says("sociale-kaart", {"names": list(order)}))
        claims = [says(f"bron-{n}", {"names": [name]}) for n, name in enumerate(order)]
        several = merged_content(*claims)
        (said_by,) = [one.claims for one in merge(claims, AUTHORITY).provenance if one.field == "names"]
        assert len(said_by) == 3
        assert len(one["names"]) == len(several["names"]) == 1
        assert fold(one["names"][0]["text"]["nl"]) == fold(several["names"][0]["text"]["nl"]) == "huis"
        assert one["names"][0]["text"]["fr"] == several["names"][0]["text"]["fr"] == "Maison"
    apart = merged_content(says("a", {"names": [names[1]]}), says("b", {"names": [names[2]]}))
    assert len(apart["names"]) == 2  # nobody says that they are the same


def test_who_excludes_an_address_in_one_language_means_it_in_both() -> None:
    claims = [
        says("sociale-kaart", {"addresses": [BILINGUAL]}, kind="zorgverlener"),
        says("progezondheid", {"addresses": [DUTCH]}, kind="zorgverlener"),
    ]
    editor = replace(says(EDITOR, {}, kind="zorgverlener"), excluded={"addresses": [{"postcode": "1000", "street": {"fr": "rue neuve"}}]})
    assert "addresses" not in merged_content(*claims, editor)


def test_items_without_any_key_attribute_are_equal_only_to_themselves() -> None:
    recognitions = [{"label": {"nl": "Erkend"}}, {"label": {"nl": "Vergund"}}, {"label": {"nl": "Erkend"}}]
    assert merged_content(says("erkenningen", {"recognitions": recognitions}, kind="aanbod"))["recognitions"] == recognitions[:2]


def test_an_administrative_address_of_a_register_never_replaces_a_practice_address() -> None:
    kaart = says("sociale-kaart", {"addresses": [{**STREET, "type": "practice"}]}, kind="zorgverlener")
    register = says("cobrha", {"addresses": [{**STREET, "type": "administrative", "house_number": "99"}]}, kind="zorgverlener")
    assert [item["type"] for item in merged_content(kaart, register)["addresses"]] == ["practice", "administrative"]


def test_claims_of_another_kind_are_left_out_and_reported() -> None:
    merged = merge([says("excel", {"description": {"nl": "x"}}, kind="aanbod"), says("sociale-kaart", {"umbrella": True})], AUTHORITY)
    assert merged.content == {"kind": "organisatie", "umbrella": True}
    assert [(one.field, one.values) for one in merged.conflicts] == [("kind", (("sociale-kaart", "1", "organisatie"), ("excel", "1", "aanbod")))]


def test_when_all_claims_are_gone_there_is_nothing() -> None:
    gone = [says(source, {}, gone=True) for source in EQUALS]
    assert [merge(claims, AUTHORITY) for claims in ([], gone[:1], gone)] == [Merged(None, (), ())] * 3


def test_what_an_editor_decided_makes_no_fiche() -> None:
    decided, source = says(EDITOR, {"description": {"nl": "Beter"}}), says("excel", {"umbrella": True})
    for alone in ([decided], [decided, replace(source, gone=True, content={})], [decided, replace(decided, external_id="2")]):
        assert merge(alone, AUTHORITY) == Merged(None, (), ())
    assert sole(decided) is None
    assert merged_content(decided, source) == {"kind": "organisatie", "description": {"nl": "Beter"}, "umbrella": True}
    own = says("kaart", {"umbrella": False}, partner="gent")
    assert merged_content(decided, own) == {"kind": "organisatie", "description": {"nl": "Beter"}, "umbrella": False}


def test_of_two_claims_with_one_revision_the_digest_decides() -> None:
    claims = [says("excel", {"description": {"nl": text}}) for text in ("a", "b", "c")]
    outcomes = {as_bytes(merge(order, AUTHORITY)) for order in itertools.permutations(claims)}
    assert len(outcomes) == 1


def test_overlays_of_two_partners_never_meet() -> None:
    with pytest.raises(ValueError, match="gent, leuven"):
        merge([says("kaart", {}, partner="gent"), says("kaart", {}, partner="leuven")], AUTHORITY)


def test_an_overlay_stands_above_owner_and_editor_for_its_partner() -> None:
    master = [says("kbo", {"identifiers": [{"system": "kbo", "value": "1"}]}), says(EDITOR, {"description": {"nl": "Redactie"}})]
    overlay = says("kaart", {"description": {"nl": "Gent"}}, partner="gent", excluded={"identifiers": [{"system": "kbo", "value": "1"}]})
    assert merged_content(*master, overlay) == {"kind": "organisatie", "description": {"nl": "Gent"}}


@given(CLAIMS)
def test_a_merged_fiche_has_the_declared_form(claims: list[Claim]) -> None:
    content = merge(claims, AUTHORITY).content
    if content is not None:
        assert [] not in content.values()
        assert "id" not in content
        assert content["kind"] == "organisatie"
