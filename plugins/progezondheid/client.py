"""The interface of ProGezondheid over HTTP: pages of providers, by a cursor that is theirs to understand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub import CursorExpired, Http, Misconfigured, Response, Unreachable


@dataclass(frozen=True, slots=True)
class ProviderPage:
    """One page. `complete`: there is nothing further now; ask again later with `next_cursor`. `server_time`: their clock."""

    items: list[Any]
    next_cursor: str
    complete: bool
    server_time: datetime


class Client:
    """Asks `GET /providers` below `base_url` with a bearer token. Safe to use from several threads, as its `http` is."""

    def __init__(self, http: Http, base_url: str, token: str) -> None:
        self._http = http
        self._url = f"{base_url.rstrip('/')}/providers"
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    def page(self, cursor: str | None, limit: int) -> ProviderPage:
        """The page after `cursor`, or the first one. Raises `CursorExpired` when they no longer know the cursor, and what `Http` raises."""
        params = {"limit": str(limit)}
        if cursor is not None:
            params["cursor"] = cursor
        answer = self._http.get(self._url, params=params, headers=self._headers)
        if answer.status == 410 and cursor is not None:
            raise CursorExpired(
                "ProGezondheid no longer knows our cursor (410); everything has to be read again."
            )
        if answer.status == 404:
            raise Misconfigured(
                f"{self._url} does not exist (404). Correct base_url: it is the address above /providers."
            )
        if answer.status == 400:
            raise Misconfigured(f"ProGezondheid refuses the question (400): {_reason(answer)}")
        if answer.status != 200:
            raise Unreachable(f"{self._url} answered {answer.status}, which the contract does not foresee.")
        return self._page(answer.json(), cursor)

    def _page(self, body: Any, cursor: str | None) -> ProviderPage:
        if not isinstance(body, Mapping):
            raise Unreachable(f"{self._url} answered JSON that is not a page (an object was expected).")
        items, following, complete = body.get("items"), body.get("next_cursor"), body.get("complete")
        if not isinstance(items, list) or not isinstance(following, str) or not isinstance(complete, bool):
            raise Unreachable(
                f"{self._url} answered a page without a list `items`, a text `next_cursor` or a yes or no `complete`."
            )
        if not complete and following == cursor:
            raise Unreachable(
                f"{self._url} hands out the cursor that it was asked with, so paging would never end."
            )
        return ProviderPage(items, following, complete, _moment(body.get("server_time"), self._url))


def _moment(value: Any, url: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Unreachable(f"{url} answered a page whose `server_time` is not a moment with an offset.")
    return moment


def _reason(answer: Response) -> str:
    body = answer.json()
    detail = body.get("detail") if isinstance(body, Mapping) else None
    return detail[:200] if isinstance(detail, str) else "without saying why."
