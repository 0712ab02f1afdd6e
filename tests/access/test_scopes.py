"""What scopes say, in either spelling, and what one covers of another."""

from __future__ import annotations

import pytest

from hub.errors import Invalid
from hub.model.audience import Grant
from hub.model.scopes import beyond, scopes_of, spelled


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("system/Organization.rs", "system/Organization.rs"),
        ("system/*.read", "system/*.rs"),
        ("system/Location.write  system/*.rs", "system/*.rs system/Location.cud"),
        ("system/Endpoint.*", "system/Endpoint.cruds"),
        ("system/*.r system/*.r", "system/*.r"),
    ],
)
def test_both_versions_are_understood_and_the_second_is_spoken(text: str, means: str) -> None:
    assert spelled(scopes_of(text)) == means


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "openid",
        "user/*.rs",
        "system/Organization",
        "system/Organization.",
        "system/Organization.sr",
        "system/Organization.rs?x=1",
        "system/organization.rs",
    ],
)
def test_what_is_no_scope_is_named(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        scopes_of(text)
    assert refused.value.errors[0].path == "scope"
    assert text.strip() in str(refused.value)


def test_a_scope_covers_no_more_than_it_says() -> None:
    assert beyond({"system/Organization.r"}, {"system/Organization.rs"}) == []
    assert beyond({"system/Organization.rs", "system/Location.r"}, {"system/*.r"}) == ["system/Organization.rs"]
    assert beyond({"system/*.rs"}, {"system/Organization.rs", "system/Location.rs"}) == ["system/*.rs"]
    assert beyond({"system/Location.rs"}, {"system/Location.r", "system/*.s"}) == []


def test_the_audit_trail_is_named_or_not_given() -> None:
    assert beyond({"system/AuditEvent.rs"}, {"system/*.cruds"}) == ["system/AuditEvent.rs"]
    assert not Grant(scopes=frozenset({"system/*.rs"})).allows("AuditEvent", "r")
    assert Grant(scopes=frozenset({"system/AuditEvent.rs"})).allows("AuditEvent", "rs")


def test_only_a_token_narrows() -> None:
    assert Grant().allows("Organization", "rs")
    assert not Grant(scopes=frozenset()).allows("Organization", "r")
