"""What was hidden where it last stood: gone from all of the past, also once it is gone from the present, and nothing else with it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.audience import RANK, Grant, project, stamp
from hub.model.fiche import KINDS, Document
from hub.model.hindsight import Hindsight
from tests.fiches import fiches

PHONE = {"kind": "phone", "value": "+3290000001"}
HIDDEN = {"visibility": "internal"}
ID = "7a0b5f2e-8f0e-4d5e-9a57-3a6f3f1f0a01"


def withheld(then: Document, later: Iterable[Document], rank: int) -> Document | None:
    """`then` without what was hidden from an asker of this rank where it last stood in `later`, the versions since, newest first.

    None when all of the fiche is. All are stamped, none is changed.
    """
    hindsight = Hindsight(rank)
    for version in later:
        hindsight.add(version)
    return hindsight.kept(then)


def organisation(**fields: Any) -> Document:
    return stamp("organisatie", {"id": ID, "kind": "organisatie", "names": [{"text": {"nl": "De Proef"}}], **fields})


def site(**fields: Any) -> Document:
    return {"id": ID.replace("1", "2"), "keys": ["x"], **fields}


def person(**fields: Any) -> Document:
    return stamp("zorgverlener", {"id": ID, "kind": "zorgverlener", "name": {"family": "Proef"}, **fields})


@pytest.mark.parametrize("since", ["hidden", "dropped", "dropped long ago", "hidden twice"])
@pytest.mark.parametrize(
    ("then", "hidden", "dropped"),
    [
        ({"contacts": [PHONE]}, {"contacts": [{**PHONE, **HIDDEN}]}, {}),
        ({"contacts": [PHONE]}, {"contacts": [PHONE], "field_visibility": {"contacts": "professional"}}, {}),
        (
            {"contacts": [PHONE]},
            {"contacts": [PHONE], "field_visibility": {"contacts": "professional"}},
            {"contacts": [{**PHONE, "value": "+3290000002"}]},
        ),
        ({"contacts": [PHONE]}, {"contacts": [{**PHONE, "kind": "mobile", **HIDDEN}]}, {}),
        ({"contacts": [PHONE]}, {"contacts": [PHONE], **HIDDEN}, {"contacts": [{**PHONE, "value": "+3290000002"}]}),
        (
            {"description": {"nl": "bel +3290000001"}},
            {"description": {"fr": "?", "nl": "Bel  +3290000001!"}, "field_visibility": {"description": "internal"}},
            {},
        ),
        (
            {"description": {"nl": "bel +3290000001"}},
            {"description": {"nl": "bel +3290000001"}, "field_visibility": {"description": "internal"}},
            {"description": {"nl": "bel niet"}},
        ),
        ({"description": {"nl": "bel +3290000001"}}, {"field_visibility": {"description": "internal"}}, {}),
        (
            {"vestigingen": [site(contacts=[PHONE])]},
            {"vestigingen": [site(contacts=[{**PHONE, "visibility": "professional"}])]},
            {"vestigingen": [site()]},
        ),
        ({"vestigingen": [site(contacts=[PHONE])]}, {"vestigingen": [site(contacts=[PHONE], visibility="internal")]}, {}),
        ({"vestigingen": [site(contacts=[PHONE])]}, {"vestigingen": [site(contacts=[PHONE], visibility="internal")]}, {"vestigingen": [site()]}),
        ({"vestigingen": [site(contacts=[PHONE])]}, {"vestigingen": [site(contacts=[PHONE])], **HIDDEN}, {}),
        # Two sites that became one, under the id of the other.
        ({"vestigingen": [site(contacts=[PHONE])]}, {"vestigingen": [{**site(contacts=[PHONE], **HIDDEN), "id": ID, "keys": ["w", "x"]}]}, {}),
    ],
)
def test_a_value_that_was_hidden_where_it_last_stood_is_not_told_of_the_past(then: Document, hidden: Document, dropped: Document, since: str) -> None:
    before, after, gone = organisation(**then), organisation(**hidden), organisation(**dropped)
    later = {
        "hidden": [after],
        "dropped": [gone, after],
        "dropped long ago": [gone, gone, after, before],
        "hidden twice": [gone, after, before, after],
    }[since]
    assert PHONE["value"] not in str(withheld(before, later, 0))
    assert PHONE["value"] in str(withheld(before, later, 2))


def test_what_one_of_two_sites_hid_that_became_one_is_not_told_of_the_other() -> None:
    one, other, both = site(contacts=[PHONE]), {**site(contacts=[{**PHONE, **HIDDEN}]), "id": ID, "keys": ["y"]}, site(keys=["x", "y"])
    for sites in ([one, other], [other, one]):
        assert PHONE["value"] not in str(
            withheld(organisation(vestigingen=[one]), [organisation(vestigingen=[both]), organisation(vestigingen=sites)], 0)
        )


@pytest.mark.parametrize("since", ["shown", "ended", "shown again", "shown again and ended"])
@pytest.mark.parametrize(
    ("then", "hidden"),
    [
        ({"contacts": [PHONE]}, {"contacts": [{**PHONE, **HIDDEN}]}),
        ({"description": {"nl": "bel"}}, {"description": {"nl": "bel"}, "field_visibility": {"description": "internal"}}),
        ({"vestigingen": [site(contacts=[PHONE])]}, {"vestigingen": [site(contacts=[PHONE], **HIDDEN)]}),
        ({"contacts": [PHONE]}, {"contacts": [PHONE], **HIDDEN}),
    ],
)
def test_what_is_shown_or_was_where_it_ended_is_history(then: Document, hidden: Document, since: str) -> None:
    before, after, gone = organisation(**then), organisation(**hidden), organisation()
    later = {"shown": [before], "ended": [gone, before], "shown again": [before, after], "shown again and ended": [gone, before, after]}[since]
    assert withheld(before, later, 0) == before


@pytest.mark.parametrize("text", [{"nl": "Blijf van mijn lijf"}, {"nl": "BLIJF VAN MIJN LIJF"}, {"fr": "Refuge", "nl": "iets anders"}])
def test_a_name_that_was_hidden_is_not_told_in_another_spelling_or_language_either(text: Document) -> None:
    before = organisation(names=[{"text": {"nl": "De Proef"}}, {"text": text}])
    after = organisation(names=[{"text": {"nl": "Blijf van mijn lijf", "fr": "refuge"}, "visibility": "internal"}])
    kept = withheld(before, [after], 0)
    assert kept is not None
    assert [name["text"] for name in kept["names"]] == [{"nl": "De Proef"}]
    assert withheld(before, [after], 2) == before


def test_a_fiche_that_was_hidden_where_it_last_stood_has_no_past() -> None:
    hidden = organisation(visibility="professional")
    for later in ([hidden], [hidden, organisation()], [hidden, hidden]):
        assert withheld(organisation(), later, 0) is None
        assert withheld(organisation(), later, 1) is not None
    assert withheld(organisation(), [organisation(), hidden], 0) is not None


def test_what_is_only_gone_stays_in_the_past() -> None:
    before = organisation(contacts=[PHONE])
    assert withheld(before, [organisation()], 0) == before
    assert withheld(before, [], 0) == before


def test_a_field_that_the_table_hides_and_the_fiche_opened_for_a_while() -> None:
    opened = person(gender="female", field_visibility={"gender": "public"})
    assert "gender" in (withheld(opened, [person()], 0) or {}), "it was seen where it ended"
    for later in ([person(gender="female")], [person(), person(gender="female")]):
        assert "gender" not in (withheld(opened, later, 0) or {})
        assert "gender" in (withheld(opened, later, 1) or {})


@pytest.mark.parametrize(
    ("field", "short", "long", "other"),
    [
        (
            "identifiers",
            {"system": "riziv", "value": "10000013"},
            {"system": "riziv", "value": "10000013001"},
            {"system": "riziv", "value": "10000112001"},
        ),
        ("addresses", {"postcode": "9000"}, {"type": "practice", "postcode": "9000"}, {"type": "practice", "postcode": "9001"}),
    ],
)
def test_what_left_something_out_is_the_same_as_what_did_not(field: str, short: Document, long: Document, other: Document) -> None:
    for one, same in ((short, long), (long, short)):
        before = person(**{field: [one, other]})
        for later in ([person(**{field: [same | HIDDEN]})], [person(), person(**{field: [same | HIDDEN]})]):
            kept = withheld(before, later, 0)
            assert kept is not None
            assert [{**each, "visibility": None} for each in kept[field]] == [{**other, "visibility": None}]
        assert withheld(before, [person(**{field: [one]}), person(**{field: [same | HIDDEN]})], 0) == before, "it was shown since"


@pytest.mark.parametrize(
    ("field", "vague", "precise"),
    [
        ("identifiers", {"system": "riziv", "value": "10000013"}, {"system": "riziv", "value": "10000013001"}),
        ("addresses", {"postcode": "9000"}, {"type": "practice", "postcode": "9000"}),
    ],
)
def test_what_was_shown_once_is_not_told_when_it_was_hidden_later_with_something_left_out(field: str, vague: Document, precise: Document) -> None:
    for one, other in ((vague, precise), (precise, vague)):
        before, hidden = person(**{field: [one]}), person(**{field: [other | HIDDEN]})
        for later in ([hidden, before], [person(), hidden, before]):
            kept = withheld(before, later, 0)
            assert kept is not None
            assert field not in kept, "where it last stood it was hidden"
            assert withheld(before, later, 2) == before


@given(st.sampled_from(KINDS).flatmap(fiches))
def test_a_fiche_that_did_not_change_looks_as_it_does_today(fiche: Document) -> None:
    stamped = stamp(fiche["kind"], fiche)
    for level, rank in (("public", 0), ("professional", 1), ("internal", 2)):
        grant = Grant(level=level)  # type: ignore[arg-type]
        kept = withheld(stamped, [stamped], rank)
        assert (kept and project(kept, grant, "2026-11-22")) == project(stamped, grant, "2026-11-22")


# --- any history: what was hidden where it last stood is nowhere in the past ----------------------------------------------------------

LEVELS = st.sampled_from(["public", "public", "professional", "internal"])
VALUES = ("een", "twee", "drie")
LISTED = st.lists(st.tuples(st.sampled_from(VALUES), LEVELS), max_size=3, unique_by=lambda item: item[0])
SITES = st.lists(st.tuples(st.sampled_from(("a", "b")), LISTED, LEVELS), max_size=2, unique_by=lambda item: item[0])
VERSIONS = st.tuples(LISTED, SITES, st.sampled_from((None, *VALUES)), LEVELS, LEVELS, LEVELS)


def version(drawn: Any) -> Document:
    listed, sites, described, of_contacts, of_description, of_fiche = drawn
    fields: Document = {
        "contacts": [{"kind": "email", "value": value, "visibility": level} for value, level in listed],
        "vestigingen": [
            {
                "id": name,
                "keys": [name],
                "contacts": [{"kind": "email", "value": value, "visibility": level} for value, level in inner],
                "visibility": level,
            }
            for name, inner, level in sites
        ],
        "field_visibility": {"contacts": of_contacts, "description": of_description},
        "visibility": of_fiche,
    }
    if described is not None:
        fields["description"] = {"nl": described}
    return organisation(**fields)


def stands_in(version: Document) -> dict[Any, int]:
    """Each value of a version with the lowest rank that sees it there, by the plainest reading."""
    whole, closed = RANK[version["visibility"]], {field: RANK[level] for field, level in version["field_visibility"].items()}
    found: dict[Any, int] = {"fiche": whole}
    for item in version["contacts"]:
        found["contacts", item["value"]] = max(whole, closed["contacts"], RANK[item["visibility"]])
    if "description" in version:
        found["description"] = found["description", version["description"]["nl"]] = max(whole, closed["description"])
    for part in version["vestigingen"]:
        level = found["part", part["id"]] = max(whole, RANK[part["visibility"]])
        for item in part["contacts"]:
            found["part", part["id"], item["value"]] = max(level, RANK[item["visibility"]])
    return found


@given(st.lists(VERSIONS.map(version), min_size=2, max_size=6), st.sampled_from([0, 1]))
def test_nothing_of_the_past_is_told_that_was_hidden_where_it_last_stood(versions: list[Document], rank: int) -> None:
    grant = Grant(level="professional" if rank else "public")
    hindsight = Hindsight(rank)
    for number, then in reversed(list(enumerate(versions))):
        later = versions[:number:-1]
        kept = hindsight.kept(then)
        assert kept == withheld(then, later, rank), "one that takes account of versions as it goes says the same"
        among = withheld(then, versions[::-1], rank)
        assert (kept and project(kept, grant, "2026-11-22")) == (among and project(among, grant, "2026-11-22")), "what is older decides nothing"
        told = project(kept, grant, "2026-11-22") if kept is not None else None
        shown = (
            stands_in({"contacts": [], "vestigingen": [], "field_visibility": {"contacts": "public", "description": "public"}, **restored(told)})
            if told
            else {}
        )
        for value, level in stands_in(then).items():
            last = next((standing[value] for standing in map(stands_in, later) if value in standing), level)
            if max(last, level) > rank:
                assert value not in shown
            elif all(standing[value] <= rank for standing in map(stands_in, [*later, then]) if value in standing) and never_closed(
                versions[number:], rank
            ):
                assert value in shown, "nobody ever hid it"
        hindsight.add(then)


def restored(told: Document) -> Document:
    """A projected version with the visibility that it lost on the way."""
    public = {"visibility": "public"}
    parts = [{**part, **public, "contacts": [{**item, **public} for item in part.get("contacts", ())]} for part in told.get("vestigingen", ())]
    return {**told, **public, "contacts": [{**item, **public} for item in told.get("contacts", ())], "vestigingen": parts}


def never_closed(versions: list[Document], rank: int) -> bool:
    levels = itertools.chain.from_iterable(
        [each["visibility"], *each["field_visibility"].values(), *(p["visibility"] for p in each["vestigingen"])] for each in versions
    )
    return all(RANK[level] <= rank for level in levels)
