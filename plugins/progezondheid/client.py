"""The interface of ProGezondheid over HTTP: pages of providers by a cursor that is theirs to understand, one provider, and proposals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeGuard

import orjson

from hub import CursorExpired, FichehubError, Http, Misconfigured, Rejected, Response, Unreachable
from plugins.progezondheid.walk import Walk

LONGEST_CURSOR: Final = 400
"""Characters of a cursor: they do not take a longer one back."""
ROW_BYTES: Final = 16 * 1024
"""Of each row that was asked for; one has some 2 KB."""
LEAST_BYTES: Final = 1024 * 1024
"""So large any answer may be, of however few rows."""
_REFUSED: Final = frozenset({400, 409, 413, 422})
"""They answer a proposal so that they will not take as it is."""
_REPEATABLE: Final = re.compile(r"[\x20-\x7e\x80-\xff]+")
"""What of a header can be sent back as it came."""
_HALF: Final = re.compile("[\ud800-\udfff]")
"""Half a character: no UTF-8 can say it."""


@dataclass(frozen=True, slots=True)
class ProviderPage:
    """One page. `complete`: there is nothing further now; ask again later with `next_cursor`. `server_time`: their clock."""

    items: list[Any]
    next_cursor: str
    complete: bool
    server_time: datetime


class Overtaken(FichehubError):
    """The caregiver changed in the register since it was read, or is not there any more: read again, then propose. `status`: 412 or 404."""

    def __init__(self, status: int) -> None:
        super().__init__("The caregiver changed in the register meanwhile.")
        self.status = status


class Client:
    """Asks below `base_url` with a bearer token. One for each run, which reads each list once, page after page, and notices when that never ends.

    `told`: whether a proposal or a withdrawal went out.
    """

    def __init__(self, http: Http, base_url: str, token: str) -> None:
        self._http = http
        self._base = base_url.rstrip("/")
        self._url = f"{self._base}/providers"
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._walks: dict[str, Walk] = {}
        self.told = False

    def page(self, cursor: str | None, limit: int) -> ProviderPage:
        """The page after `cursor`, or the first one. Raises `CursorExpired` when they no longer know the cursor, and what `Http` raises."""
        body = self._listed(self._url, cursor, limit)
        return ProviderPage(body["items"], body["next_cursor"], body["complete"], _moment(body.get("server_time"), self._url))

    def provider(self, nihdi8: str) -> tuple[dict[str, Any], str] | None:
        """A caregiver and the ETag that a proposal must name; None for one who is not there (any more)."""
        url = f"{self._url}/{nihdi8}"
        answer = self._http.get(url, headers=self._headers, byte_cap=LEAST_BYTES)
        if answer.status in (404, 410):
            return None
        if answer.status != 200:
            raise Unreachable(f"{url} answered {answer.status}, which the contract does not foresee.")
        body, tag = answer.json(), answer.headers.get("ETag")
        if not isinstance(body, dict) or not tag:
            raise Unreachable(f"{url} answered without a caregiver or without an ETag.")
        if not _REPEATABLE.fullmatch(tag):
            raise Unreachable(f"{url} answered with an ETag that cannot be sent back: it holds control characters.")
        return None if body.get("state") == "deleted" else (body, tag)

    def propose(self, proposal: Mapping[str, Any], *, tag: str, key: str) -> dict[str, Any]:
        """Propose a change; the answer is the proposal as it stands there. Under the same `key` the same proposal is made once.

        Raises `Overtaken` when the caregiver changed since `tag` or is not there, `Rejected` with the field when they will not take it as it is.
        """
        url = f"{self._base}/proposals"
        headers = {**self._headers, "If-Match": tag, "Idempotency-Key": key}
        self.told = True
        answer = self._http.post(url, json=proposal, headers=headers, byte_cap=LEAST_BYTES)
        if answer.status in (404, 412):  # he was there when we read: that he is not says nothing about what is proposed
            raise Overtaken(answer.status)
        if answer.status in _REFUSED:
            raise Rejected(f"The register refuses this proposal ({answer.status}): {_reason(answer)}", field=str(proposal["field"]))
        body = answer.json() if answer.status in (200, 202) else None
        if not isinstance(body, dict) or not _is_text(body.get("id")) or not isinstance(body.get("state"), str):
            raise Unreachable(f"{url} answered {answer.status}, which is no proposal with an `id` and a `state`.")
        try:
            orjson.dumps(body)
        except TypeError:
            raise Unreachable(f"{url} answered a proposal that cannot be kept: it holds half a character.") from None
        return body

    def withdraw(self, reference: str, field: str | None = None) -> int:
        """Take back what is still pending under our reference, of one field or all; the answer is how many there were. What is not among them was decided."""
        url = f"{self._base}/withdrawals"
        said = {"reference": reference} if field is None else {"reference": reference, "field": field}
        self.told = True
        answer = self._http.post(url, json=said, headers=self._headers, byte_cap=LEAST_BYTES)
        if answer.status != 200:
            raise Unreachable(f"{url} answered {answer.status}, which the contract does not foresee.")
        body = answer.json()
        count = body.get("withdrawn") if isinstance(body, dict) else None
        if type(count) is not int or count < 0:
            raise Unreachable(f"{url} answered without how many were `withdrawn`.")
        return count

    def proposals(self, cursor: str | None, limit: int) -> tuple[list[Any], str, bool]:
        """Our proposals whose state changed since `cursor`, the cursor behind them, and whether that is all for now."""
        body = self._listed(f"{self._base}/proposals", cursor, limit)
        return body["items"], body["next_cursor"], body["complete"]

    def _listed(self, url: str, cursor: str | None, limit: int) -> Mapping[str, Any]:
        params = {"limit": str(limit)}
        if cursor is not None:
            params["cursor"] = cursor
        answer = self._http.get(url, params=params, headers=self._headers, byte_cap=max(LEAST_BYTES, limit * ROW_BYTES))
        if answer.status == 410 and cursor is not None:
            raise CursorExpired("ProGezondheid no longer knows our cursor (410); everything has to be read again.")
        if answer.status == 404:
            raise Misconfigured(f"{url} does not exist (404). Correct base_url: it is the address above /{url.rpartition('/')[2]}.")
        if answer.status == 400:
            raise Misconfigured(f"ProGezondheid refuses the question (400): {_reason(answer)}")
        if answer.status != 200:
            raise Unreachable(f"{url} answered {answer.status}, which the contract does not foresee.")
        body = _page(answer.json(), url, limit)
        if not body["complete"]:
            self._walks.setdefault(url, Walk(url, "hands out a cursor that it has been asked with before", cursor)).goes_on(
                body["next_cursor"], empty=not body["items"]
            )
        return body


class Foreseeing(Client):
    """Reads in the register, and notes what would be told instead of telling it.

    `proposed`: field -> from what to what. `taken_back`: the fields of which what is pending would be withdrawn; None for all of them.
    """

    def __init__(self, http: Http, base_url: str, token: str) -> None:
        super().__init__(http, base_url, token)
        self.proposed: dict[str, tuple[Any, Any]] = {}
        self.taken_back: set[str | None] = set()

    def propose(self, proposal: Mapping[str, Any], *, tag: str, key: str) -> dict[str, Any]:
        """See `Client.propose`; the answer is one that waits for its owner."""
        self.told = True
        self.proposed[proposal["field"]] = (proposal["old"], proposal["new"])
        return {"id": "foreseen", "state": "pending"}

    def withdraw(self, reference: str, field: str | None = None) -> int:
        """See `Client.withdraw`; the answer is one that still waited."""
        self.told = True
        self.taken_back.add(field)
        return 1


def _page(body: Any, url: str, limit: int) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise Unreachable(f"{url} answered JSON that is not a page (an object was expected).")
    items, following, complete = body.get("items"), body.get("next_cursor"), body.get("complete")
    if not isinstance(items, list) or not isinstance(complete, bool):
        raise Unreachable(f"{url} answered a page without a list `items` or a yes or no `complete`.")
    if not _is_text(following) or len(following) > LONGEST_CURSOR:
        raise Unreachable(
            f"{url} answered a page whose `next_cursor` is none: a text of 1 to {LONGEST_CURSOR} characters was expected, none of them NUL or half a character."
        )
    if len(items) > limit:
        raise Unreachable(f"{url} answered {len(items):,} items where at most {limit:,} were asked for.")
    if "count" in body and (isinstance(body["count"], bool) or not isinstance(body["count"], int | float)):
        raise Unreachable(f"{url} answered a page whose `count` is no number: {repr(body['count'])[:20]}.")
    if "count" in body and body["count"] != len(items):
        raise Unreachable(f"{url} says `count` {str(body['count'])[:20]} and gives {len(items)} items: the page was changed or cut on its way.")
    return body


def _is_text(value: Any) -> TypeGuard[str]:
    """Whether this is a text that is not empty and can be kept and sent back: without NUL, without half a character."""
    return isinstance(value, str) and value != "" and "\0" not in value and not _HALF.search(value)


def _moment(value: Any, url: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Unreachable(f"{url} answered a page whose `server_time` is not a moment with an offset.")
    return moment


def _reason(answer: Response) -> str:
    try:
        body = answer.json()
    except Unreachable:  # what stands before a partner says no in HTML
        body = None
    detail = body.get("detail") if isinstance(body, Mapping) else None
    return detail[:200] if isinstance(detail, str) else "without saying why."
