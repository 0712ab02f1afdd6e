"""The judge: every planted fault is told at its place, and a valid resource is left in peace."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.concepts_data import schemes
from hub.store.concepts import ConceptBook
from plugins.fhir.judge import is_refused, judge
from tests.plugins.fhir.faults import BASE, BELGIUM, FURTHER, LOCATION, ORGANIZATION, TRANSACTION, VALID, Fault

HCPARTY = schemes()[0]
BOOK = ConceptBook({HCPARTY.code: HCPARTY}, {(each.scheme, each.code): each for each in HCPARTY.concepts})


@pytest.mark.parametrize("fault", [*BASE, *BELGIUM, *FURTHER], ids=lambda fault: fault.kind)
def test_a_planted_fault_is_told_at_its_place(fault: Fault) -> None:
    issues = judge(fault.resource)
    assert is_refused(issues), fault.kind
    assert fault.expression in [issue.expression for issue in issues if issue.severity == "error"]
    assert all(issue.remedy for issue in issues if issue.severity == "error" and issue.expression == fault.expression)


def test_there_are_as_many_kinds_as_promised() -> None:
    assert len({fault.kind for fault in BASE}) == 41
    assert len(BELGIUM) == 3
    assert len(VALID) >= 8


@pytest.mark.parametrize("name", sorted(VALID))
def test_no_false_alarm(name: str) -> None:
    assert judge(VALID[name], concepts=BOOK) == []


def test_a_profile_can_be_asked_for_that_is_not_claimed() -> None:
    from plugins.fhir import systems as s

    plain = {"resourceType": "Location", "name": "Zon"}
    assert judge(plain) == []
    missing = [issue.expression for issue in judge(plain, [s.MCSD_LOCATION])]
    assert missing == ["Location.type", "Location.status"]


def test_an_unknown_profile_and_an_unknown_code_of_cd_hcparty_are_warnings() -> None:
    stranger = {"resourceType": "Location", "name": "Zon", "meta": {"profile": ["https://example.org/p"]}}
    assert [issue.severity for issue in judge(stranger)] == ["warning"]
    coding = {"system": ORGANIZATION["type"][0]["coding"][0]["system"], "code": "orgspaceport"}
    told = judge(ORGANIZATION | {"type": [{"coding": [coding]}]}, concepts=BOOK)
    assert [(issue.severity, issue.expression) for issue in told] == [("warning", "Organization.type[0].coding[0].code")]


@pytest.mark.parametrize(
    ("country", "severity"), [("Belgium", "warning"), ("BEL", "warning"), ("be", "warning"), ("BE ", "warning"), ("XX", "error")]
)
def test_a_belgian_address_has_its_country_in_two_letters(country: str, severity: str) -> None:
    for good, place in ((ORGANIZATION, "Organization.address[0]"), (LOCATION, "Location.address")):
        given = good["address"]
        address = given | {"country": country} if isinstance(given, dict) else [given[0] | {"country": country}]
        issues = judge({**good, "address": address})
        told = [(issue.severity, issue.expression) for issue in issues if issue.code == "code-invalid"]
        assert told == [(severity, f"{place}.country")]
        plain = {name: value for name, value in good.items() if name != "meta"}
        assert judge(plain | {"address": address}) == [], "R4 itself takes any text"


def test_many_faults_are_cut_off_and_that_is_said() -> None:
    told = judge({"resourceType": "Organization", "name": "x", "alias": [""] * 5000})
    assert len(told) == 201
    assert told[-1].code == "too-costly"


def test_a_resource_that_is_very_deep_is_refused() -> None:
    nested: dict[str, Any] = {"url": "http://example.org/x", "valueCode": "a"}
    for _ in range(400):
        nested = {"url": "http://example.org/x", "extension": [nested]}
    assert "too-long" in {issue.code for issue in judge(ORGANIZATION | {"extension": [nested]})}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["url", "extension", "value", "reference", "meta", "entry", "id", "contained", "resource", "request", "type", "x"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_nothing_makes_the_judge_stumble(data: st.DataObject) -> None:
    """Any value in any place of a good resource: told or accepted, never an exception."""
    resource: Any = dict(data.draw(st.sampled_from([*VALID.values(), TRANSACTION])))
    key = data.draw(st.sampled_from([*resource, "meta", "contained", "extension", "_name", "text"]))
    resource[key] = data.draw(_JSON)
    for issue in judge(resource, concepts=BOOK):
        assert issue.document()["details"]["text"]
