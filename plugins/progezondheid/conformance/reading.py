"""The requirements of reading: they change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hub import InvalidIdentifier, normalise_identifier
from plugins.progezondheid.conformance.asking import Asking, Broken, Unseen, keeps, must, refuses, requirement

PAGES: Final = 4
"""So many pages are read of a list that may be long."""


@requirement("A1", "Without a token nothing is answered: 401, as a problem.")
def _without_token(asking: Asking) -> None:
    for path in ("/providers", "/proposals"):
        refuses(asking.get(path, token=""), 401)


@requirement("A2", "A wrong token is answered with 401.")
def _wrong_token(asking: Asking) -> None:
    refuses(asking.get("/providers", token="no-such-token"), 401)  # noqa: S106 - it opens nothing


@requirement("L1", "The first page has the shape of the contract.")
def _first_page(asking: Asking) -> None:
    asking.page(limit="50")


@requirement("L2", "A page holds at most `limit` caregivers.")
def _limit(asking: Asking) -> None:
    count = len(asking.page(limit="2")["items"])
    must(count <= 2, f"{count} came for limit=2.")


@requirement("L3", "A limit out of bounds, a cursor that is none, and a moment that is none are refused with 400.")
def _nonsense(asking: Asking) -> None:
    for name, value in (("limit", "0"), ("limit", "1001"), ("limit", "many"), ("cursor", "no such cursor"), ("since", "yesterday")):
        refuses(asking.get("/providers", {name: value}), 400)


@requirement("L4", "The same cursor gives the same caregivers again.")
def _repeatable(asking: Asking) -> None:
    cursor = asking.page(limit="3")["next_cursor"]
    first, second = (_numbers(asking.page(limit="3", cursor=cursor)) for _ in range(2))
    must(first == second, f"First {first}, then {second}.")


@requirement("L5", "The order of the list never changes and does not hang on the size of pages: nobody is left out, nobody comes twice.")
def _order(asking: Asking) -> None:
    small, large = _walk(asking, "2", 3 * PAGES), _walk(asking, "6", PAGES)
    both = min(len(small), len(large))
    must(small[:both] == large[:both], f"In twos {small[:both]}, in sixes {large[:both]}.")
    must(len(set(small)) == len(small), f"Somebody came twice: {small}.")


@requirement(
    "L6", "A page that is not the last hands out another cursor; after the end there is a cursor that brings nothing until something changes."
)
def _cursors(asking: Asking) -> None:
    cursor: str | None = None
    for _ in range(PAGES):
        page = asking.page(limit="1000", **({} if cursor is None else {"cursor": cursor}))
        must(page["complete"] or page["next_cursor"] != cursor, "The cursor stays where it is, so paging would never end.")
        cursor = page["next_cursor"]
        if page["complete"]:
            rest = asking.page(cursor=cursor)
            must(rest["complete"], "The end is no longer the end.")
            must(len(rest["items"]) < len(page["items"]) + 1000, "Everything comes again after the end.")
            repeated = set(_numbers(rest)) & set(_numbers(page))
            must(not repeated, f"What came before the end comes after it too: {sorted(repeated)[:3]}.")
            return
    # A large register ends after hours; that the cursors move was seen.


@requirement("L7", "`since` leaves out of the list what is older.")
def _since(asking: Asking) -> None:
    must(asking.page(since="2999-01-01T00:00:00Z", limit="5")["items"] == [], "Somebody has been changed after the year 2999.")


@requirement("C1", "A RIZIV number has check digits that fit, and begins with the eight digits by which the caregiver is known.")
def _numbers_fit(asking: Asking) -> None:
    for provider in asking.page(limit="50")["items"]:
        try:
            number = normalise_identifier("riziv", provider.get("nihdi", provider["nihdi8"]))
        except InvalidIdentifier as wrong:
            raise Broken(f"{provider['nihdi8']}: {wrong.reason}") from None
        must(number[:8] == provider["nihdi8"], f"{number} does not begin with {provider['nihdi8']}.")


@requirement("C2", "A caregiver is found by number, as in the list.")
def _by_number(asking: Asking) -> None:
    listed = asking.somebody()
    found = keeps(asking.get(f"/providers/{listed['nihdi8']}"), 200, "Provider")
    must(found["version"] >= listed["version"], f"Version {found['version']} is older than {listed['version']} in the list.")
    if found["version"] == listed["version"]:
        differing = sorted(name for name in listed if listed[name] != found.get(name))
        must(not differing, f"The same version differs in {', '.join(differing)}.")


@requirement("C3", "A caregiver has an ETag, and is not sent again to whoever holds that state, alone or among others.")
def _etag(asking: Asking) -> None:
    path = f"/providers/{asking.somebody()['nihdi8']}"
    tag = asking.get(path).headers.get("ETag", "")
    must(tag.startswith('"') and tag.endswith('"') and len(tag) > 2, f"A strong ETag in quotes was expected, not {tag or 'none'}.")
    must(tag.isascii() and tag.isprintable(), f"An ETag that can be sent back was expected, of printable ASCII, not {tag!a}.")
    for named in (tag, f'"no-such-state", {tag}'):
        status = asking.get(path, headers={"If-None-Match": named}).status_code
        must(status == 304, f"For {named} 304 was expected, and {status} came.")
    status = asking.get(path, headers={"If-None-Match": '"no-such-state"'}).status_code
    must(status == 200, f"For another state 200 was expected, and {status} came.")


@requirement("C4", "A number that nobody has is answered with 404, as a problem.")
def _nobody(asking: Asking) -> None:
    refuses(asking.get("/providers/00000000"), 404)


@requirement("T1", "Whoever is told 429 is told when to come back (Retry-After, in seconds).")
def _limited(asking: Asking) -> None:
    for exchange in asking.limited:
        must(exchange.headers.get("Retry-After", "").isdigit(), f"{exchange.request} was answered 429 without Retry-After.")
    if not asking.limited:
        raise Unseen("429 never came.")


def _numbers(page: Mapping[str, Any]) -> list[str]:
    return [provider["nihdi8"] for provider in page["items"]]


def _walk(asking: Asking, limit: str, pages: int) -> list[str]:
    page = asking.page(limit=limit)
    found = _numbers(page)
    for _ in range(pages - 1):
        if page["complete"]:
            break
        page = asking.page(limit=limit, cursor=page["next_cursor"])
        found += _numbers(page)
    return found
