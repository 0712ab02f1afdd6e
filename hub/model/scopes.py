"""What an access token may be used for: the scopes of SMART App Launch 2, `system/<resource>.<letters>`.

A scope narrows what the agreement allows and never widens it. The letters are c, r, u, d and s (create, read, update, delete, search), in this order; the words of
version 1 are understood: `read` is `rs`, `write` is `cud`, `*` is all. `system/*` stands for every resource but the audit trail, which is named or not given.
https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from typing import Final

from hub.errors import FieldError, Invalid

AUDIT: Final = "AuditEvent"
"""The resource that no wildcard covers."""
_SHAPE: Final = re.compile(r"system/(\*|[A-Z][A-Za-z]{1,63})\.(read|write|\*|c?r?u?d?s?)")
_FIRST_VERSION: Final = {"read": "rs", "write": "cud", "*": "cruds"}
_HOW: Final = "a scope reads like system/Organization.rs, system/*.rs or system/*.read"


def scopes_of(text: str) -> frozenset[str]:
    """The scopes in a text that separates them by blanks, each as version 2 spells it. Raises `Invalid` for what is no scope, or for none."""
    wrong = []
    found = set()
    for word in text.split():
        shape = _SHAPE.fullmatch(word)
        if shape is None or not shape[2]:
            wrong.append(FieldError("scope", f"is not understood; {_HOW}.", word[:100]))
        else:
            found.add(f"system/{shape[1]}.{_FIRST_VERSION.get(shape[2], shape[2])}")
    if wrong:
        raise Invalid(f"{wrong[0].value} is no scope; {_HOW}.", tuple(wrong))
    if not found:
        raise Invalid(f"No scope was named; {_HOW}.", (FieldError("scope", f"is required; {_HOW}."),))
    return frozenset(found)


def allows(scopes: Iterable[str], resource: str, letters: str) -> bool:
    """Whether these scopes allow all that the letters stand for, on one type of resource, or (`*`) on every type at once."""
    allowed: set[str] = set()
    for scope in scopes:
        named, _, given = scope.removeprefix("system/").partition(".")
        if named == resource or (named == "*" and resource != AUDIT):
            allowed.update(given)
    return allowed >= set(letters)


def beyond(asked: Iterable[str], most: Iterable[str]) -> list[str]:
    """Those of the scopes that are asked which `most` does not cover, sorted."""
    covering = tuple(most)
    parts = ((scope, *scope.removeprefix("system/").split(".")) for scope in asked)
    return sorted(scope for scope, resource, letters in parts if not allows(covering, resource, letters))


def nowhere(asked: Iterable[str], types: Container[str]) -> list[str]:
    """Those of the scopes that are asked which name a type of resource that is not among these, sorted; the wildcard stands for what there is."""
    parts = ((scope, scope.removeprefix("system/").partition(".")[0]) for scope in asked)
    return sorted(scope for scope, resource in parts if resource != "*" and resource not in types)


def spelled(scopes: Iterable[str]) -> str:
    """As one text, sorted."""
    return " ".join(sorted(scopes))
