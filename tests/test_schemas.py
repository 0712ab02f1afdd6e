"""The generated checker and the marshmallow schemas accept and refuse the same documents, and every refusal names the field."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

import marshmallow as ma
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import schemas
from hub.errors import FieldError, Invalid
from hub.model.claims import Claim
from hub.model.fiche import ENTITY_TYPES, KINDS, PARTS, Document, Kind
from hub.schemas.checking import _checker
from hub.schemas.described import explain
from tests.fiches import fiches

ID = "0190a0b2-0000-7000-8000-000000000001"
OTHER_ID = "0190a0b2-0000-7000-8000-000000000002"


def fiche(**fields: Any) -> Document:
    return {"id": ID, "kind": "organisatie", **fields}


def agree(kind: Kind, document: object, claim: bool) -> bool:
    """What both say about it; fails when they do not say the same."""
    before = copy.deepcopy(document)
    worded = explain(kind, document, claim=claim)
    assert repr(document) == repr(before), "wording the errors may not change the document"
    accepted = _checker(kind, claim)(document)
    assert accepted == (not worded), (accepted, worded)
    return accepted


def errors_of(document: object, *, kind: Kind = "organisatie", claim: bool = False) -> dict[str, str]:
    agree(kind, document, claim)
    with pytest.raises(Invalid) as refused:
        schemas.check(kind, document, claim=claim)
    assert refused.value.errors
    assert all(error.path in refused.value.message for error in refused.value.errors[:3])
    return {error.path: error.reason for error in refused.value.errors}


@given(data=st.data(), kind=st.sampled_from(KINDS), claim=st.booleans())
def test_both_accept_every_good_fiche(data: st.DataObject, kind: Kind, claim: bool) -> None:
    document = data.draw(fiches(kind, claim=claim))
    assert agree(kind, document, claim)
    assert schemas.check(kind, document, claim=claim) is document
    assert schemas.decode(schemas.encode(document)) == document


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    children: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in children:
        yield from places(below, (*path, key))


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def put(document: Any, path: tuple[Any, ...], value: object) -> None:
    at(document, path[:-1])[path[-1]] = value


NEVER_GOOD: list[Any] = [
    None,
    "",
    [],
    {},
    math.nan,
    math.inf,
    "\0",
    "half \ud800",
    "x" * 20_001,
    -1.5e300,
    10**30,
    (),
    b"x",
    {1: 2},
    object,
]
RARELY_GOOD: list[Any] = [
    True,
    0,
    1,
    1.5,
    "x",
    "2026-02-30",
    "20260101",
    "24:01",
    ["x"],
    {"x": "y"},
    [None],
    "javascript:alert(1)",
]


@given(data=st.data(), kind=st.sampled_from(KINDS), claim=st.booleans())
def test_both_refuse_a_value_that_is_never_good(data: st.DataObject, kind: Kind, claim: bool) -> None:
    document = data.draw(fiches(kind, claim=claim).filter(bool))
    path = data.draw(st.sampled_from([path for path in places(document) if path]))
    put(document, path, data.draw(st.sampled_from(NEVER_GOOD)))
    assert not agree(kind, document, claim)
    with pytest.raises(Invalid) as refused:
        schemas.check(kind, document, claim=claim)
    named = refused.value.errors[0].path.split(".")
    spoiled = [str(key) for key in path]
    common = min(len(named), len(spoiled))
    assert named[:common] == spoiled[:common], "the path leads to the value that was spoiled"


@given(data=st.data(), kind=st.sampled_from(KINDS), claim=st.booleans())
def test_both_say_the_same_of_a_value_that_is_rarely_good(data: st.DataObject, kind: Kind, claim: bool) -> None:
    document = data.draw(fiches(kind, claim=claim).filter(bool))
    path = data.draw(st.sampled_from([path for path in places(document) if path]))
    put(document, path, data.draw(st.sampled_from(RARELY_GOOD)))
    agree(kind, document, claim)


@given(data=st.data(), kind=st.sampled_from(KINDS), claim=st.booleans())
def test_both_refuse_an_unknown_key_anywhere(data: st.DataObject, kind: Kind, claim: bool) -> None:
    document = data.draw(fiches(kind, claim=claim))
    path = data.draw(st.sampled_from([p for p in places(document) if isinstance(at(document, p), dict)]))
    at(document, path)["colour"] = "public"
    assert not agree(kind, document, claim)


@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_both_say_the_same_when_a_key_is_missing(data: st.DataObject, kind: Kind) -> None:
    document = data.draw(fiches(kind))
    path = data.draw(st.sampled_from([p for p in places(document) if p and isinstance(at(document, p[:-1]), dict)]))
    del at(document, path[:-1])[path[-1]]
    agree(kind, document, claim=False)


@pytest.mark.parametrize("document", [None, [], "fiche", 3, [{"kind": "organisatie"}]])
def test_a_fiche_is_an_object(document: object) -> None:
    assert "A fiche is a JSON object" in errors_of(document)[""]


BAD_FIELDS: list[tuple[str, Any, str]] = [
    ("umbrella", 1, "umbrella"),
    ("contacts", [{"kind": "phone"}], "contacts.0.value"),
    ("contacts", [{"kind": "pigeon", "value": "1"}], "contacts.0.kind"),
    ("contacts", [{"kind": "phone", "value": "1", "primary": "yes"}], "contacts.0.primary"),
    ("contacts", {"kind": "phone", "value": "1"}, "contacts"),
    ("languages", ["NL"], "languages.0"),
    ("languages", ["dutch"], "languages.0"),
    ("languages", ["nl"] * 2_001, "languages"),
    ("description", {}, "description"),
    ("description", {"es": "hola"}, "description.es"),
    ("description", {"nl": ""}, "description.nl"),
    ("status", {"status": "active", "since": "2026-02-29"}, "status.since"),
    ("status", {"status": "active", "since": "2026-W01-1"}, "status.since"),
    ("status", {"status": "active", "asserted_at": "2026-01-01T09:00:00"}, "status.asserted_at"),
    ("status", {"status": "active", "asserted_at": "2026-01-01T25:00:00Z"}, "status.asserted_at"),
    ("source_url", "example.org", "source_url"),
    ("source_url", "JavaScript:alert(1)", "source_url"),
    ("source_url", 'https://example.org/"onload="x', "source_url"),
    ("identifiers", [{"system": "ssin", "value": "00000000097"}], "identifiers.0.system"),
    ("identifiers", [{"system": "INSZ", "value": "00000000097"}], "identifiers.0.system"),
    ("identifiers", [{"system": "kbo", "value": ""}], "identifiers.0.value"),
    ("field_visibility", {"descripton": "internal"}, "field_visibility.descripton"),
    ("field_visibility", {"description": "secret"}, "field_visibility.description"),
    ("field_visibility", {"id": "internal"}, "field_visibility.id"),
    ("parent", {"source": "kbo", "external_id": "1", "id": OTHER_ID}, "parent.source parent.external_id"),
    ("parent", {"id": "7"}, "parent.id"),
    ("memberships", [{"organisatie": {"id": OTHER_ID}}], "memberships.0.id"),
    (
        "vestigingen",
        [{"id": OTHER_ID, "hours": [{"days": ["mon"], "opens": "24:00"}]}],
        "vestigingen.0.hours.0.opens",
    ),
    ("vestigingen", [{"id": OTHER_ID, "hours": [{"days": []}]}], "vestigingen.0.hours.0.days"),
    (
        "vestigingen",
        [{"id": OTHER_ID, "addresses": [{"position": {"lat": 91, "lon": 4}}]}],
        "vestigingen.0.addresses.0.position.lat",
    ),
    ("vestigingen", [{"id": OTHER_ID.upper()}], "vestigingen.0.id"),
    ("id", OTHER_ID.replace("-", ""), "id"),
    ("kind", "aanbod", "kind"),
    ("names", None, "names"),
    ("vestigingen", [{"id": OTHER_ID, "addresses": [{"visibility": "public"}]}], "vestigingen.0.addresses.0"),
    ("vestigingen", [{"id": OTHER_ID, "addresses": [{}]}], "vestigingen.0.addresses.0"),
]


@pytest.mark.parametrize(("field", "value", "paths"), BAD_FIELDS)
def test_the_error_names_the_field(field: str, value: Any, paths: str) -> None:
    assert set(errors_of(fiche(**{field: value}))) == set(paths.split())


def test_everything_that_is_wrong_is_told_at_once() -> None:
    wrong = errors_of({"kind": "organisatie", "umbrella": "ja", "colour": "red", "languages": ["nl", None]})
    assert set(wrong) == {"id", "umbrella", "colour", "languages.1"}
    assert "missing" in wrong["id"]
    assert "leave it out" in wrong["colour"]
    assert "null" in wrong["languages.1"]


def test_an_error_repeats_the_value_shortened_and_printable() -> None:
    with pytest.raises(Invalid) as refused:
        schemas.check("organisatie", fiche(source_url="x" * 500, description={"nl": "half \ud800"}))
    values = {error.path: error.value for error in refused.value.errors}
    assert values["source_url"] == "x" * 79 + "…"
    assert (values["description.nl"] or "").isascii()
    refused.value.message.encode()


def test_a_text_may_spell_out_what_json_makes_of_a_nul() -> None:
    assert schemas.check("organisatie", fiche(description={"nl": "the escape \\u0000 in a text"}))


def test_many_long_texts_may_together_pass_the_limit_of_one() -> None:
    assert schemas.check("organisatie", fiche(description={"nl": "é" * 20_000, "fr": "x" * 20_000}))
    assert "20,000" in errors_of(fiche(description={"nl": "é" * 20_001}))["description.nl"]


def test_a_whole_number_of_degrees_becomes_a_float() -> None:
    one, other = ({"lat": 51, "lon": 4}, {"lat": 51.0, "lon": 4.0})
    for position in (one, other):
        schemas.check("organisatie", fiche(vestigingen=[{"id": OTHER_ID, "addresses": [{"position": position}]}]))
    assert schemas.encode(one) == schemas.encode(other)


def test_a_claim_needs_no_id_and_links_by_what_its_source_knows() -> None:
    claim: Document = {
        "organisatie": {"source": "sociale-kaart", "external_id": "7"},
        "provided_by": {"system": "kbo", "value": "0403019261"},
        "vestigingen": [{"key": "nr|2000000042"}],
        "caregivers": [{"keys": ["x"], "zorgverlener": {"system": "riziv", "value": "10000009"}}],
    }
    assert schemas.check("aanbod", claim, claim=True) is claim
    assert schemas.check("aanbod", {}, claim=True) == {}
    half = {"organisatie": {"source": "sociale-kaart"}}
    assert "points nowhere" in errors_of(half, kind="aanbod", claim=True)["organisatie"]


def test_should_the_two_ever_disagree_the_document_stays_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    silent: Callable[..., tuple[FieldError, ...]] = lambda *_, **__: ()  # noqa: E731
    monkeypatch.setattr("hub.schemas.checking.explain", silent)
    with pytest.raises(Invalid, match="although its schema does not"):
        schemas.check("organisatie", {"kind": "organisatie"})


def claim(**fields: Any) -> Claim:
    content: Document = {"kind": "organisatie", "names": [{"text": {"nl": "Huis"}}]}
    return Claim(
        **{
            "source": "a",
            "external_id": "1",
            "revision": 1,
            "kind": "organisatie",
            "content": content,
            **fields,
        }
    )


def test_a_claim_survives_being_stored() -> None:
    told = claim(
        same_as=(("b", "2"), ("kbo", "0403019261")),
        excluded={"contacts": [{"kind": "fax"}]},
        partner="elz",
        revision=9,
    )
    schemas.check_claim(told)
    assert schemas.decode_claim("a", "1", 9, "elz", schemas.encode_claim(told)) == told


def test_a_digest_tells_what_was_said_and_not_when_or_in_which_order() -> None:
    one = claim(same_as=(("b", "2"), ("c", "3")))
    other = claim(same_as=(("c", "3"), ("b", "2")), revision=2, content=dict(reversed(one.content.items())))
    assert schemas.claim_digest(one) == schemas.claim_digest(other)
    assert len(schemas.claim_digest(one)) == 16
    for changed in (
        claim(gone=True),
        claim(excluded={"names": ["x"]}),
        claim(content={}),
        claim(same_as=(("b", "3"),)),
    ):
        assert schemas.claim_digest(changed) != schemas.claim_digest(one)
    assert schemas.encode({"a": 1, "b": 2}) == schemas.encode({"b": 2, "a": 1}) != schemas.encode({"a": 1, "b": 3})


@pytest.mark.parametrize("content", [{"names": object()}, {"source_url": "\ud800"}, {"umbrella": 10**40}])
def test_a_claim_that_is_not_json_is_refused_with_its_field(content: Document) -> None:
    with pytest.raises(Invalid) as refused:
        schemas.claim_digest(claim(content=content))
    assert [error.path for error in refused.value.errors] == list(content)


def test_an_exclusion_that_is_not_json_is_refused_too() -> None:
    with pytest.raises(Invalid):
        schemas.claim_digest(claim(excluded={"contacts": [object()]}))


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"excluded": {"description": ["x"]}}, "excluded.description"),
        ({"excluded": {"contcts": ["x"]}}, "excluded.contcts"),
        ({"excluded": {"contacts": []}}, "excluded.contacts"),
        ({"excluded": {"contacts": [{"value": "\0"}]}}, "excluded.contacts"),
        ({"same_as": (("kbo", ""),)}, "same_as.0"),
        ({"content": {"umbrella": "ja"}}, "umbrella"),
    ],
)
def test_a_claim_is_checked_as_a_whole(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as refused:
        schemas.check_claim(claim(**fields))
    assert [error.path for error in refused.value.errors] == [path]


def test_the_schemas_describe_themselves_for_openapi() -> None:
    for kind in KINDS:
        assert issubclass(schemas.fiche_schema(kind), ma.Schema)
        assert schemas.fiche_schema(kind).__name__ != schemas.claim_schema(kind).__name__
    for field in PARTS:
        assert schemas.part_schema(field)().fields["id"].required
    names = [schemas.entity_schema(type).__name__ for type in ENTITY_TYPES]
    assert len(set(names)) == len(names)
    assert "part" in schemas.entity_schema("caregiver")().fields
    assert "part" not in schemas.entity_schema("aanbod")().fields
    with pytest.raises(KeyError):
        schemas.entity_schema("fiets")


@pytest.mark.parametrize("text", ['{"b": "A\\ud800", "a": NaN}', '[-Infinity, "\\udfff"]', '{"a": "An"}'])
def test_json_of_others_is_written_again_as_it_came(text: str) -> None:
    read = schemas.read_json(text)
    assert schemas.read_json(schemas.write_json(read)) == read
    assert schemas.write_json(read, sort_keys=True) == schemas.write_json(schemas.read_json(text.encode()), sort_keys=True)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a": 1,}'])
def test_what_is_no_json_in_any_other_way_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="line 1 column"):
        schemas.read_json(text)
