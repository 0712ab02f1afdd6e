"""A provider becomes a claim, or is rejected by field; nothing else ever happens."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import Claim, Invalid, Rejected, World
from hub.schemas import check_claim
from plugins.progezondheid import quick
from plugins.progezondheid.drift import FIELDS, drift_in
from plugins.progezondheid.register import Register
from plugins.progezondheid.translate import careful_claim_of, claim_of

REGISTER = Register(World(), 200)
PROVIDERS = REGISTER.after(REGISTER.start(0), 200).items


def provider(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(PROVIDERS[0]), **fields}


def rejected(**fields: Any) -> Rejected:
    with pytest.raises(Rejected) as caught:
        claim_of(provider(**fields))
    return caught.value


def test_everybody_in_the_register_becomes_a_claim_that_can_be_stored() -> None:
    for row in PROVIDERS:
        claim = claim_of(row)
        check_claim(claim)
        assert (claim.source, claim.external_id, claim.revision) == ("progezondheid", row["nihdi8"], 1)
        assert claim.content["identifiers"] == [{"system": "riziv", "value": row["nihdi"]}]


def test_an_emergency_address_keeps_its_type_and_nothing_loosens_it() -> None:
    address = {"type": "emergency", "postcode": "9000", "visibility": "public"}
    claim = claim_of(provider(addresses=[address]))
    assert claim.content["addresses"] == [{"type": "emergency", "postcode": "9000"}]


def test_an_administrative_address_stays_administrative() -> None:
    types = {address["type"] for row in PROVIDERS for address in claim_of(row).content["addresses"]}
    assert types == {"administrative", "practice", "emergency"}


def test_a_diploma_is_no_activity() -> None:
    diploma = {"type": "diploma", "status": "active", "observed_on": "2026-07-01"}
    assert "status" not in claim_of(provider(activity_evidence=[diploma])).content
    assert "status" not in claim_of(provider(activity_evidence=[])).content
    assert "status" not in claim_of(provider(activity_evidence=[{**diploma, "type": "visum"}])).content


def test_the_latest_proof_counts() -> None:
    evidence = [
        {"type": "attests", "status": "active", "observed_on": "2025-06-30"},
        {"type": "cessation", "status": "inactive", "observed_on": "2026-02-01", "until": "2026-01-31"},
        {"type": "diploma", "status": "active", "observed_on": "2026-07-01"},
    ]
    wanted = {
        "status": "inactive",
        "evidence": "cessation",
        "asserted_at": "2026-02-01T00:00:00Z",
        "until": "2026-01-31",
    }
    for order in (evidence, evidence[::-1]):
        assert claim_of(provider(activity_evidence=order)).content["status"] == wanted


def test_the_best_visum_counts() -> None:
    visa = [
        {"profession": "persnurse", "status": "withdrawn"},
        {"profession": "persmidwife", "status": "active"},
    ]
    assert claim_of(provider(visa=visa)).content["visum"] == "active"
    assert "visum" not in claim_of(provider(visa=[])).content


def test_a_contact_for_professionals_is_not_public() -> None:
    contacts = [{"kind": "mobile", "value": "0468 00 00 00", "audience": "professionals"}]
    assert claim_of(provider(contacts=contacts)).content["contacts"] == [
        {"kind": "mobile", "value": "+32468000000", "raw": "0468 00 00 00", "visibility": "professional"}
    ]


def test_the_number_tells_whether_it_is_a_mobile_one() -> None:
    contacts = [
        {"kind": kind, "value": value, "audience": "public"}
        for kind, value in (("phone", "0468 00 00 00"), ("mobile", "016 00 00 00"), ("fax", "016 00 00 01"), ("mobile", "?"))
    ]
    for content in (claim_of(provider(contacts=contacts)).content, quick.content_of(provider(contacts=contacts))):
        assert content is not None
        assert [contact["kind"] for contact in content["contacts"]] == ["mobile", "phone", "fax", "mobile"]


def test_a_national_number_is_never_taken_over() -> None:
    claim = claim_of(provider(ssin="85073003328", insz="85.07.30-033.28"))
    assert "850730" not in repr(claim)


def test_a_deleted_provider_is_gone() -> None:
    claim = claim_of({"nihdi8": PROVIDERS[0]["nihdi8"], "version": 4, "updated_at": "x", "state": "deleted"})
    assert claim == Claim("progezondheid", PROVIDERS[0]["nihdi8"], 4, "zorgverlener", {}, gone=True)


def test_who_is_still_described_was_not_deleted() -> None:
    twice = orjson.loads(orjson.dumps(PROVIDERS[0]).replace(b'"state":"registered"', b'"state":"registered","state":"deleted"'))
    for row in (twice, {key: PROVIDERS[0][key] for key in ("nihdi8", "version", "updated_at", "name")} | {"state": "deleted"}):
        with pytest.raises(Rejected, match="name") as caught:
            claim_of(row)
        assert (caught.value.field, caught.value.external_id) == ("state", PROVIDERS[0]["nihdi8"])


def test_a_version_is_one_that_can_still_rise() -> None:
    assert claim_of(provider(version=2**53 - 1)).revision == 2**53 - 1
    for version in (2**53, 2**63 - 1):
        with pytest.raises(Rejected, match="9007199254740991"):
            claim_of(provider(version=version))


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"nihdi8": "1234"}, "nihdi8"),
        ({"nihdi8": 7}, "nihdi8"),
        ({"nihdi": "12345678901"}, "nihdi"),
        ({"nihdi": PROVIDERS[1]["nihdi"]}, "nihdi"),
        ({"version": True}, "version"),
        ({"version": 0}, "version"),
        ({"state": "asleep"}, "state"),
        ({"name": {"given": ["An"]}}, "name.family"),
        ({"name": {"family": "Peeters", "given": "An"}}, "name.given"),
        ({"addresses": [{"postcode": "9000"}]}, "addresses.0.type"),
        ({"addresses": [{"type": "home"}]}, "addresses.0.type"),
        (
            {"addresses": [{"type": "practice", "position": {"lat": 91, "lon": 3}}]},
            "addresses.0.position.lat",
        ),
        ({"contacts": [{"kind": "phone", "value": "016", "audience": "friends"}]}, "contacts.0.audience"),
        ({"convention": "sometimes"}, "convention"),
        ({"languages": ["Dutch"]}, "languages"),
        (
            {"activity_evidence": [{"type": "attests", "status": "active", "observed_on": "30/06/2026"}]},
            "activity_evidence.0.observed_on",
        ),
    ],
)
def test_what_cannot_be_used_is_named_by_field(fields: dict[str, Any], where: str) -> None:
    found = rejected(**fields)
    assert found.field == where
    assert found.message


def test_a_missing_field_is_named() -> None:
    for field in set(FIELDS) - {"updated_at"}:
        row = provider()
        del row[field]
        with pytest.raises(Rejected, match=field):
            claim_of(row)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(FIELDS), JSON)
def test_a_malformed_field_never_breaks_the_run(field: str, value: Any) -> None:
    judge(provider(**{field: value}))


@given(st.sampled_from(("addresses", "contacts", "visa", "professions", "activity_evidence")), st.data())
def test_a_malformed_item_never_breaks_the_run(field: str, data: st.DataObject) -> None:
    row = next(copy.deepcopy(one) for one in PROVIDERS if one[field])
    key = data.draw(st.sampled_from(sorted(row[field][0])))
    row[field][0][key] = data.draw(JSON)
    judge(row)


@given(JSON)
def test_something_else_altogether_never_breaks_the_run(value: Any) -> None:
    judge(value)


def test_the_quick_way_is_taken_and_says_the_same() -> None:
    for row in PROVIDERS:
        assert quick.content_of(row) == careful_claim_of(row).content
        assert claim_of({**row, "state": "withdrawn"}) == careful_claim_of({**row, "state": "withdrawn"})


def judge(row: Any) -> None:
    """A claim that the store can judge by field, or a rejection in words; any other error fails the test. The quick way never differs."""
    try:
        found = quick.content_of(row)
        assert found is None or found == careful_claim_of(row).content
        check_claim(claim_of(row))
    except Rejected as rejection:
        told = rejection.message
    except Invalid as refusal:
        told = " ".join(error.reason for error in refusal.errors)
    else:
        told = "a claim"
    assert told


def test_one_odd_row_is_no_drift_but_many_are() -> None:
    def without(row: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in row.items() if key != "visa"}

    assert drift_in([without(PROVIDERS[0])]).missing == ()
    assert drift_in([without(PROVIDERS[0]), *PROVIDERS[1:30]]).missing == ()
    assert drift_in([without(row) for row in PROVIDERS[:30]]).missing == ("visa",)
    renamed = {**without(PROVIDERS[0]), "permits": []}
    assert drift_in([renamed]).missing == ("visa",)
    assert drift_in([{"state": "deleted"}, 3, None]).missing == ()
