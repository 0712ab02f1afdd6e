"""The REST interface of sociaal.brussels, version 1: no key, no paging, no delta."""

from __future__ import annotations

from typing import Any

from hub import Http, Misconfigured, Unreachable, read_json
from plugins.sociaal_brussels.reading import decoded


class Client:
    """Asks below `base_url` (which ends in /rest). `stray`: how many bytes of its answers were no UTF-8."""

    def __init__(self, http: Http, base_url: str) -> None:
        self._http = http
        self._base = base_url.rstrip("/")
        self.stray = 0

    def organisations(self) -> list[Any]:
        """Every organisation, in one answer of several megabytes."""
        return self._list("search/organisation/*")

    def organisation(self, number: int) -> dict[str, Any] | None:
        """One organisation; None for a number that leads nowhere (404), of which there are many."""
        found = self._get(f"organisation/{number}")
        if found is not None and not isinstance(found, dict):
            raise Unreachable(f"{self._base}/organisation/{number} answered JSON that is not an organisation.")
        return found

    def categories(self) -> list[Any]:
        """Every category."""
        return self._list("search/category?activity=*")

    def sectors(self) -> list[Any]:
        """The sectors that categories fall under."""
        return self._list("sectors")

    def sector(self, number: int) -> Any:
        """One sector with its categories; None when it leads nowhere."""
        return self._get(f"sector/{number}")

    def legal_status(self) -> list[Any]:
        """The legal forms."""
        return self._list("legalstatus")

    def _list(self, path: str) -> list[Any]:
        found = self._get(path)
        if found is None:
            raise Misconfigured(f"{self._base}/{path} does not exist (404). Correct base_url: it ends in /rest, as in https://social.brussels/rest.")
        if not isinstance(found, list):
            raise Unreachable(f"{self._base}/{path} answered JSON that is not a list.")
        return found

    def _get(self, path: str) -> Any:
        address = f"{self._base}/{path}"
        answer = self._http.get(address, headers={"Accept": "application/json"})
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise Unreachable(f"{address} answered {answer.status}.")
        text, stray = decoded(answer.content)
        self.stray += stray
        try:
            return read_json(text)
        except ValueError as error:
            raise Unreachable(f"{address} answered {len(answer.content):,} bytes that are not JSON.") from error
