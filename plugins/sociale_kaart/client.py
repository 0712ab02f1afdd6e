"""The API of De Sociale Kaart, as public programs of 2023 to 2025 use it: `GET /health-offers` and `GET /leaflet/<id>`.

No specification is public. Two body shapes are known for the same list and both are read: `{"content": [...]}` (plain JSON) and
`{"_embedded": {"healthOfferProviderRepresentationList": [...]}}` (HAL), each with `page: {totalElements, totalPages, size, number}`.
"""

from __future__ import annotations

import gzip
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hub import Http, Misconfigured, Unreachable, read_json

EMBEDDED: Final = "healthOfferProviderRepresentationList"
MOST_PER_PAGE: Final = 2_000
ROW_BYTES: Final = 32 * 1024
"""Of each row that was asked for; one has some 3 KB."""
LEAST_BYTES: Final = 1024 * 1024
"""So large any answer may be, of however few rows."""
LATEST_FIRST: Final = "LAST_UPDATED_DESC"
_HEADERS: Final = {"Accept": "application/json, application/hal+json;q=0.9"}
_GZIP: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list. `total` and `pages` are what the source says of the whole list, right or wrong."""

    rows: list[Any]
    total: int
    pages: int


class Pace:
    """At most so many calls per second, over all threads; 0 is as fast as it goes."""

    def __init__(self, per_second: float, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._between = 1 / per_second if per_second else 0.0
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Return when the next call may go out."""
        if not self._between:
            return
        with self._lock:
            now = time.monotonic()
            mine = max(now, self._next)
            self._next = mine + self._between
        if mine > now:
            self._sleep(mine - now)


class Api:
    """Calls over the hub's own HTTP client, which retries and obeys Retry-After."""

    def __init__(self, http: Http, base_url: str, pace: Pace) -> None:
        self._http = http
        self._base = base_url.rstrip("/")
        self._pace = pace

    def offers(self, page: int, size: int) -> ListPage:
        """A page of the list, counted from 0. Raises `Unreachable` for an answer that is no page, `Misconfigured` where there is no such list."""
        url = f"{self._base}/health-offers"
        answer = self._get(url, {"page": str(page), "size": str(size), "sort": LATEST_FIRST}, max(LEAST_BYTES, size * ROW_BYTES))
        if answer.status in (400, 404, 405, 410):
            raise Misconfigured(f"{url} answered {answer.status}: there is no list of offers. Check base_url; it usually ends in /api.")
        if answer.status != 200:
            raise Unreachable(f"{url} answered {answer.status} instead of a page of offers.")
        found = page_of(answer.json())
        if found is None:
            raise Unreachable(f"{url} answered with JSON that is not a page of offers (no content, no _embedded).")
        if len(found.rows) > size:
            raise Unreachable(f"{url} answered {len(found.rows):,} offers where at most {size:,} were asked for.")
        return found

    def leaflet(self, leaflet_id: str) -> Any | None:
        """The detail of one fiche, hidden data left out; `None` when the source has none under this id."""
        url = f"{self._base}/leaflet/{leaflet_id}"
        answer = self._get(url, {"includeHiddenData": "false"}, LEAST_BYTES)
        if answer.status in (404, 410):
            return None
        if answer.status != 200:
            raise Unreachable(f"{url} answered {answer.status} instead of a leaflet.")
        return answer.json()

    def _get(self, url: str, params: dict[str, str], byte_cap: int) -> Any:
        self._pace.wait()
        return self._http.get(url, params=params, headers=_HEADERS, byte_cap=byte_cap)


def page_of(body: Any) -> ListPage | None:
    """The page that a body is, in either shape; `None` when it is neither. A list without `page` counts itself."""
    if not isinstance(body, dict):
        return None
    embedded, page = body.get("_embedded"), body.get("page")
    if isinstance(body.get("content"), list):
        rows = body["content"]
    elif isinstance(embedded, dict) and isinstance(embedded.get(EMBEDDED), list):
        rows = embedded[EMBEDDED]
    elif isinstance(page, dict) and "content" not in body:
        rows = []  # HAL leaves _embedded out of an empty page
    else:
        return None
    numbers = page if isinstance(page, dict) else {}
    return ListPage(rows, _count(numbers.get("totalElements"), len(rows)), _count(numbers.get("totalPages"), 1))


def _count(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else otherwise


def read_file(path: Path) -> tuple[list[Any], int]:
    """The rows in a file of the same JSON, and how many it says there are: a list of rows, a page in either shape, or a list of pages.

    May be gzipped. The whole file is read into memory. Raises `Misconfigured` when it cannot be read or holds something else.
    """
    try:
        data = path.read_bytes()
        body = read_json(gzip.decompress(data) if data.startswith(_GZIP) else data)
    except OSError as error:
        raise Misconfigured(f"The file {path} cannot be read: {error.strerror or 'it is damaged'}.") from error
    except (EOFError, zlib.error) as error:
        raise Misconfigured(f"The file {path} is not a whole gzip file.") from error
    except ValueError as error:
        raise Misconfigured(f"The file {path} is not JSON: {error}.") from error
    pages = [page_of(each) for each in (body if isinstance(body, list) else [body])]
    if isinstance(body, list) and not any(pages):
        return body, len(body)
    if not pages or any(page is None for page in pages):
        raise Misconfigured(f"The file {path} holds neither rows of De Sociale Kaart nor pages of them.")
    rows = list(_rows(pages))
    return rows, max(len(rows), *(page.total for page in pages if page))


def _rows(pages: list[ListPage | None]) -> Iterator[Any]:
    for page in pages:
        if page is not None:
            yield from page.rows
