"""Hidden values: planted canaries appear in no projection of those who may not see them, and nothing visible is lost."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import schemas
from hub.model.audience import (
    ABSENT,
    BY_KIND,
    INTERNAL,
    LEVELS,
    PUBLIC,
    RANK,
    VISIBILITY,
    Grant,
    level_of,
    part_level_differs,
    project,
    stamp,
    visible_levels_differ,
)
from hub.model.declarations import ListOf, Record, fiche_record
from hub.model.fiche import KINDS, Document, Kind
from tests.fiches import canary_fiches

PROFESSIONAL = Grant(level="professional")
GRANTS = (PUBLIC, PROFESSIONAL, INTERNAL)
NO_DAY = ""  # nothing has run out, and nothing is still to begin
TODAY = "2026-06-15"
ID = "0190a0b2-0000-7000-8000-000000000001"


def fiche(kind: Kind = "aanbod", **fields: Any) -> Document:
    return stamp(kind, {"id": ID, "kind": kind, **fields})


def seen(document: Document, grant: Grant = PUBLIC, today: str = TODAY) -> Document:
    projected = project(document, grant, today)
    assert projected is not None
    return projected


# ---------------------------------------------------------------- the table


def records(record: Record) -> Iterator[Record]:
    yield record
    for field in record:
        inner = field.shape.item if isinstance(field.shape, ListOf) else field.shape
        if isinstance(inner, Record):
            yield from records(inner)


ALL_RECORDS = {record.name: record for kind in KINDS for record in records(fiche_record(kind))}
DECIDED_INTERNAL = {
    "Organisatiefiche": {"visibility", "field_visibility"},
    "Aanbodfiche": {"visibility", "field_visibility"},
    "Zorgverlenersfiche": {"visibility", "field_visibility"},
    "Vestiging": {"keys", "visibility"},
    "Membership": {"keys", "visibility"},
    "ElectronicAddress": {"keys", "visibility"},
    "Caregiver": {"keys", "visibility"},
    "Activity": {"evidence"},
    "Contact": {"raw", "visibility"},
}
NOTHING_TO_HIDE = {
    "Text",
    "Code",
    "Tag",
    "Ref",
    "PartRef",
    "PersonName",
    "Position",
    "Hours",
    "Period",
    "Area",
}


def test_somebody_decided_about_every_field() -> None:
    for name, record in ALL_RECORDS.items():
        if name in NOTHING_TO_HIDE:
            assert name not in VISIBILITY
            continue
        declared = {field.name for field in record}
        assert set(VISIBILITY[name]) <= declared, f"the table names fields of {name} that do not exist"
        hidden = DECIDED_INTERNAL.get(name, {"visibility"})
        assert declared - set(VISIBILITY[name]) == hidden, f"decide who may see these fields of {name}"
    assert set(VISIBILITY) | NOTHING_TO_HIDE == set(ALL_RECORDS)


def test_what_can_be_hidden_has_a_line_in_the_table() -> None:
    for name, record in ALL_RECORDS.items():
        if any(field.name == "visibility" for field in record):
            assert name in VISIBILITY
    for name, (discriminator, levels) in BY_KIND.items():
        assert set(levels) <= set(ALL_RECORDS[name].field(discriminator).shape.choices)  # type: ignore[union-attr]


# ---------------------------------------------------------------- canaries


def canaries(value: Any, level: int, record: str) -> Iterator[tuple[str, int]]:
    """Every canary with the rank of the lowest level that may see it, told by a plain walk along the declarations."""
    defaults = VISIBILITY.get(record)
    overrides = value.get("field_visibility", {})
    for field in ALL_RECORDS[record]:
        if field.name not in value:
            continue
        inner = field.shape.item if isinstance(field.shape, ListOf) else field.shape
        name = inner.name if isinstance(inner, Record) else ""
        says_its_own = name != "" and any(f.name == "visibility" for f in inner)  # type: ignore[union-attr]
        here = level
        if field.name in overrides:
            here = max(here, RANK[overrides[field.name]])
        elif defaults is not None and not says_its_own:
            here = max(here, RANK[defaults.get(field.name, "internal")])
        held = value[field.name]
        for item in held if isinstance(held, list) else [held]:
            if isinstance(item, dict) and name:
                own = RANK[item["visibility"]] if says_its_own else 0
                yield from canaries(item, max(here, own), name)
            elif isinstance(item, str) and item.startswith("canary-"):
                yield item, here


CANARY = re.compile(r"canary-\d+\.")
RECORD_OF = {kind: fiche_record(kind).name for kind in KINDS}


@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_a_canary_is_seen_by_exactly_those_who_may(data: st.DataObject, kind: Kind) -> None:
    document = stamp(kind, data.draw(canary_fiches(kind)))
    original = copy.deepcopy(document)
    levels = dict(canaries(document, level_of(document), RECORD_OF[kind]))
    for grant in GRANTS:
        projected = project(document, grant, NO_DAY)
        text = orjson.dumps(projected).decode()
        assert set(CANARY.findall(text)) == {canary for canary, level in levels.items() if level <= grant.rank}
        if grant is not INTERNAL:
            assert '"visibility"' not in text and '"field_visibility"' not in text and '"keys"' not in text
        if projected is not None:
            schemas.check(kind, projected)
    assert document == original


@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_a_stamp_is_complete_and_final(data: st.DataObject, kind: Kind) -> None:
    bare = data.draw(canary_fiches(kind))
    before = copy.deepcopy(bare)
    stamped = stamp(kind, bare)
    assert bare == before
    assert stamp(kind, stamped) == stamped
    schemas.check(kind, stamped)
    assert project(stamped, INTERNAL, NO_DAY) == stamped


@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_a_level_sees_a_difference_exactly_when_it_is_said_to(data: st.DataObject, kind: Kind) -> None:
    old = data.draw(st.none() | canary_fiches(kind).map(lambda content: stamp(kind, content)))
    new = data.draw(st.none() | canary_fiches(kind).map(lambda content: stamp(kind, content)))
    if old is not None and new is not None:
        # Most edits touch little, and leave the frame alone.
        kept = data.draw(st.sets(st.sampled_from(sorted(old.keys() | new.keys()))))
        for field in kept | {"id"}:
            new.pop(field, None)
            if field in old:
                new[field] = old[field]
    told = dict(visible_levels_differ(old, new))
    assert list(told) == sorted(told)
    for grant in GRANTS:
        before = old and project(old, grant, NO_DAY)
        after = new and project(new, grant, NO_DAY)
        # What the public sees differ need not differ for others: a hidden fiche that is published was known to some.
        assert before == after or any(level <= grant.rank for level in told.values())
        assert before != after or grant.rank not in told.values()
        for field, level in told.items():
            if field != "visibility" and level > grant.rank:
                assert (before or {}).get(field) == (after or {}).get(field)
            if field != "visibility" and level == grant.rank:
                assert (before or {}).get(field) != (after or {}).get(field)


# ---------------------------------------------------------------- examples


@pytest.mark.parametrize(
    ("contact", "level"),
    [
        ({"kind": "phone", "value": "1"}, "public"),
        ({"kind": "phone", "value": "1", "purpose": "general"}, "public"),
        ({"kind": "phone", "value": "1", "purpose": "emergency"}, "internal"),
        ({"kind": "phone", "value": "1", "purpose": "colleagues"}, "professional"),
        ({"kind": "phone", "value": "1", "purpose": "emergency", "visibility": "public"}, "public"),
        ({"kind": "phone", "value": "1", "visibility": "internal"}, "internal"),
    ],
)
def test_the_purpose_of_a_contact_decides_where_nobody_did(contact: Document, level: str) -> None:
    assert fiche(contacts=[contact])["contacts"][0]["visibility"] == level


@pytest.mark.parametrize(
    ("type", "level"),
    [("practice", "public"), ("administrative", "professional"), ("emergency", "internal"), (None, "public")],
)
def test_the_type_of_an_address_decides_where_nobody_did(type: str | None, level: str) -> None:
    address = {"postcode": "2500", **({"type": type} if type else {})}
    assert fiche("zorgverlener", addresses=[address])["addresses"][0]["visibility"] == level
    site = fiche("organisatie", vestigingen=[{"id": ID, "addresses": [address]}])["vestigingen"][0]
    assert site["addresses"][0]["visibility"] == level
    assert site["visibility"] == "public"


def test_what_says_nothing_is_internal() -> None:
    document = {"id": ID, "kind": "aanbod"}
    assert project(document, PROFESSIONAL, TODAY) is None
    assert project(document, INTERNAL, TODAY) == document
    forgotten = {**fiche(), "contacts": [{"kind": "phone", "value": "1"}], "colour": "red"}
    assert seen(forgotten) == {"id": ID, "kind": "aanbod"}


def test_a_hidden_fiche_does_not_exist_for_others() -> None:
    hidden = fiche(visibility="internal", names=[{"text": {"nl": "x"}}])
    assert project(hidden, PUBLIC, TODAY) is None
    assert project(hidden, PROFESSIONAL, TODAY) is None
    assert seen(hidden, INTERNAL) == hidden


def test_proof_of_activity_and_what_a_source_typed_stay_inside() -> None:
    document = fiche(
        status={"status": "active", "evidence": "dimona", "since": "2020-01-01"},
        contacts=[{"kind": "phone", "value": "+3230000000", "raw": "03 000 00 00 / privé 0400"}],
        in_scope_of=["progezondheid"],
    )
    assert seen(document, PROFESSIONAL) == {
        "id": ID,
        "kind": "aanbod",
        "status": {"status": "active", "since": "2020-01-01"},
        "contacts": [{"kind": "phone", "value": "+3230000000"}],
        "in_scope_of": ["progezondheid"],
    }
    assert seen(document, INTERNAL) == document


def test_a_fiche_hides_or_opens_a_field_of_its_choice() -> None:
    document = fiche("zorgverlener", gender="female", convention="full", description={"nl": "x"})
    assert set(seen(document)) == {"id", "kind", "convention", "description"}
    assert "gender" in seen(document, PROFESSIONAL)
    chosen = {
        **document,
        "field_visibility": {"gender": "public", "description": "professional", "convention": "internal"},
    }
    assert set(seen(chosen)) == {"id", "kind", "gender"}
    assert set(seen(chosen, PROFESSIONAL)) == {"id", "kind", "gender", "description"}


def test_hiding_a_field_hides_its_public_values_and_opening_it_opens_no_hidden_ones() -> None:
    contacts = [
        {"kind": "phone", "value": "1"},
        {"kind": "email", "value": "a@example.org", "visibility": "internal"},
    ]
    document = fiche(contacts=contacts)
    assert "contacts" not in seen({**document, "field_visibility": {"contacts": "professional"}})
    opened = {**document, "field_visibility": {"contacts": "public"}}
    assert seen(opened, PROFESSIONAL)["contacts"] == [{"kind": "phone", "value": "1"}]


def test_an_agreement_that_names_fields_gives_those_only() -> None:
    document = fiche(names=[{"text": {"nl": "x"}}], contacts=[{"kind": "phone", "value": "1"}], description={"nl": "y"})
    some = replace(PUBLIC, fields=frozenset({"names", "gender", "visibility"}))
    assert seen(document, some) == {"id": ID, "kind": "aanbod", "names": [{"text": {"nl": "x"}}]}
    assert seen(document, replace(some, fields=frozenset())) == {"id": ID, "kind": "aanbod"}
    hidden = fiche(visibility="professional", names=[{"text": {"nl": "x"}}])
    assert project(hidden, some, TODAY) is None


@pytest.mark.parametrize("field", ["patientenstop", "on_call", "waiting_list"])
@pytest.mark.parametrize(("until", "stale"), [("2026-06-14", True), ("2026-06-15", False), ("2026-06-16", False)])
def test_a_volatile_value_reads_unknown_the_day_after_its_last(field: str, until: str, stale: bool) -> None:
    said: Document = {
        "value": "yes",
        "asserted_at": "2026-06-01T09:00:00Z",
        "valid_until": until,
        "note": {"nl": "x"},
    }
    document = stamp("aanbod", {"id": ID, "kind": "aanbod", field: said})
    projected = seen(document)[field]
    assert projected == ({"value": "unknown", "valid_until": until} if stale else said)
    assert ("note" in seen(document, INTERNAL)[field]) is not stale
    hidden = {**document, field: {**said, "visibility": "internal"}}
    assert field not in seen(hidden)


def test_a_capacity_that_ran_out_still_tells_how_many_there_are() -> None:
    beds = {"unit": "bed", "maximum": 30, "available": 2, "valid_until": "2026-06-14"}
    assert seen(fiche(capacity=[beds]))["capacity"] == [{"unit": "bed", "maximum": 30, "valid_until": "2026-06-14"}]
    assert seen(fiche(capacity=[{**beds, "valid_until": TODAY}]))["capacity"][0]["available"] == 2


@pytest.mark.parametrize(
    ("dates", "shown"),
    [
        ({}, True),
        ({"valid_until": "2026-06-15"}, True),
        ({"valid_until": "2026-06-14"}, False),
        ({"withdrawn_at": "2026-06-16"}, True),
        ({"withdrawn_at": "2026-06-15"}, False),
        ({"valid_from": "2026-06-16"}, False),
        ({"valid_from": "2026-06-15"}, True),
    ],
)
@pytest.mark.parametrize("grant", GRANTS, ids=LEVELS)
def test_supervision_clears_on_the_day(dates: Document, shown: bool, grant: Grant) -> None:
    document = fiche(gov_info=[{"type": "supervision", "value": {"nl": "verhoogd toezicht"}, **dates}])
    assert ("gov_info" in seen(document, grant)) is shown


def test_a_hidden_part_is_gone_with_all_it_holds() -> None:
    site = {"id": ID, "keys": ["a:1"], "name": {"nl": "Noord"}, "contacts": [{"kind": "phone", "value": "1"}]}
    document = fiche("organisatie", vestigingen=[site, {**site, "visibility": "professional"}])
    assert seen(document)["vestigingen"] == [{key: value for key, value in site.items() if key != "keys"}]
    assert len(seen(document, PROFESSIONAL)["vestigingen"]) == 2
    assert seen(document, INTERNAL)["vestigingen"][0]["keys"] == ["a:1"]


def test_the_level_at_which_a_part_differs() -> None:
    old = fiche("organisatie", vestigingen=[{"id": ID, "keys": ["a:1"]}])["vestigingen"][0]
    assert level_of(old) == 0
    assert level_of(None) == ABSENT
    assert part_level_differs("vestigingen", old, old) == ABSENT
    assert part_level_differs("vestigingen", old, {**old, "keys": ["a:2"]}) == 2
    assert part_level_differs("vestigingen", old, {**old, "name": {"nl": "x"}}) == 0
    assert part_level_differs("vestigingen", old, {**old, "visibility": "professional"}) == 0
    assert part_level_differs("vestigingen", None, {**old, "visibility": "professional"}) == 1
    assert part_level_differs("vestigingen", old, None) == 0


def test_a_fiche_that_gets_hidden_is_a_change_for_those_who_lose_it() -> None:
    old = fiche(names=[{"text": {"nl": "x"}}])
    assert visible_levels_differ(old, {**old, "visibility": "professional"}) == [
        ("names", 0),
        ("visibility", 0),
    ]
    unnamed = {**old, "field_visibility": {"names": "professional"}}
    assert visible_levels_differ(old, unnamed) == [("field_visibility", 2), ("names", 0)]
    assert visible_levels_differ(unnamed, {**unnamed, "names": [{**old["names"][0], "use": "short"}]}) == [("names", 1)]
    lone = fiche()
    assert visible_levels_differ(None, lone) == [("visibility", 0)]
    assert visible_levels_differ(lone, None) == [("visibility", 0)]
    assert visible_levels_differ(lone, lone) == []
    assert visible_levels_differ(None, None) == []
