"""sociaal.brussels as a simulator: the paths of its REST interface (version 1) under `/rest`, with a fictional Brussels behind them.

Known from public programs: the paths, and every key of an organisation. What is not known and chosen here (our reading): labels called
`labelFr` and `labelNl` in all lookups but `languageoffer` (which has `nameFr` and `nameNl`), a sector's own answer having its `categories`, its paths
being lists from the sector down, a text after `search/organisation/` being looked for in the names, and errors as JSON.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import parse_qs

from hub import Simulator, World, fold, write_json
from plugins.sociaal_brussels.listing import Listing, written
from plugins.sociaal_brussels.reading import Json, whole

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_DEAD_EVERY: Final = 20
_SUMMARY: Final = ("id", "nameOfficialFr", "nameOfficialNl")
_STRAY: Final = re.compile(rb"(.*)(\xc3[\xa8\xa9])", re.DOTALL)
_FILTERS: Final = ("agreements", "categories", "sectors")


class SociaalBrusselsSimulator(Simulator):
    """Shows what sociaal.brussels knows of a world; `count`: only the first so many. `edit`, `add` and `remove` change it while it serves."""

    name = "sociaal-brussels"
    faults: ClassVar[dict[str, str]] = {
        "cp1252": "Answers are written in cp1252 although they say UTF-8.",
        "stray-byte": "Answers are in UTF-8, but for the last é or è of each, which is one byte of cp1252.",
        "dead-ids": f"One listed organisation in {_DEAD_EVERY} is a mere summary whose number leads nowhere (404).",
        "summary-rows": "The list gives summaries; each organisation has to be asked for.",
        "empty-list": "The list of organisations is empty.",
        "malformed-rows": f"One row in {_DEAD_EVERY} has no name.",
    }

    def __init__(
        self,
        world: World,
        *,
        size: str = "S",
        faults: Iterable[str] = (),
        seed: int = 0,
        count: int | None = None,
        today: Callable[[], date] = date.today,
    ) -> None:
        super().__init__(world, size=size, faults=faults, seed=seed)
        self.listing = Listing(world, count)
        self._today = today
        self._edits = threading.RLock()

    # --- what its editors do -------------------------------------------------------------------------------------------------

    def edit(self, number: int, **keys: Any) -> Json:
        """Replace these keys of an organisation; `lastUpdate` becomes today unless it is among them. Raises KeyError for an unknown id."""
        with self._edits:
            row = {**self.listing.rows[number], "lastUpdate": written(self._today()), **keys}
            self.listing.rows[number] = row
            return row

    def remove(self, number: int) -> None:
        """Take an organisation away: its number leads nowhere from now on."""
        with self._edits:
            del self.listing.rows[number]

    def add(self, row: Json) -> None:
        """Put a row in the list, as it is."""
        with self._edits:
            self.listing.rows[row["id"]] = row

    def config(self) -> dict[str, Any]:
        """See `Simulator.config`."""
        return {"base_url": f"{self.url}/rest"}

    # --- how it answers ------------------------------------------------------------------------------------------------------

    def app(self) -> WSGIApplication:
        """The paths under `/rest`."""

        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            found = self._answer(environ)
            status = "200 OK"
            if found is None:
                status, found = "404 Not Found", {"error": "not found"}
            elif isinstance(found, ValueError):
                status, found = "400 Bad Request", {"error": str(found)}
            body = write_json(found)
            if self.fault("cp1252"):
                body = body.decode("utf-8").encode("cp1252", errors="replace")
            if self.fault("stray-byte"):
                body = _STRAY.sub(lambda found: found[1] + found[2].decode("utf-8").encode("cp1252"), body, count=1)
            start_response(status, [("Content-Type", "application/json;charset=UTF-8")])
            return [body]

        return answer

    def _answer(self, environ: WSGIEnvironment) -> Any:
        """What stands at this path; None for nothing, a ValueError for a question that cannot be answered."""
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace").strip("/").split("/")
        asked = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
        listing = self.listing
        match path:
            case ["rest", "organisation", number]:
                return self._organisation(whole(number) or 0)
            case ["rest", "search", "organisation", text]:
                return self._search(text)
            case ["rest", "search", "organisation"]:
                return self._filtered(asked)
            case ["rest", "search", "category"]:
                return self._categories(asked)
            case ["rest", "sectors"]:
                return listing.sectors
            case ["rest", "sector", number, *rest]:
                return self._sector(whole(number) or 0, rest)
            case ["rest", "agreements"]:
                return listing.agreements
            case ["rest", "agreementpowers"]:
                return list(listing.agreement_powers)
            case ["rest", "actionzones"]:
                return list(listing.action_zones)
            case ["rest", "languageoffer"]:
                return list(listing.language_offer)
            case ["rest", "legalstatus"]:
                return listing.legal_status
            case ["rest", "offertypes"]:
                return list(listing.offer_types)
        return None

    def _rows(self) -> list[Json]:
        with self._edits:
            return list(self.listing.rows.values())

    def _organisation(self, number: int) -> Json | None:
        with self._edits:
            places = list(self.listing.rows)
            row = self.listing.rows.get(number)
        if row is None or (self.fault("dead-ids") and places.index(number) % _DEAD_EVERY == 0):
            return None
        return row

    def _search(self, text: str) -> list[Json]:
        rows = [] if self.fault("empty-list") else self._rows()
        if text != "*":
            wanted = fold(text)
            rows = [row for row in rows if wanted in fold(f"{row['nameOfficialNl']} {row['nameOfficialFr']}")]
        return [self._listed(place, row) for place, row in enumerate(rows)]

    def _listed(self, place: int, row: Json) -> Json:
        odd = place % _DEAD_EVERY == 0
        if self.fault("summary-rows") or (odd and self.fault("dead-ids")):
            return {key: row[key] for key in _SUMMARY}
        if odd and self.fault("malformed-rows"):
            return {**row, "nameOfficialFr": None, "nameOfficialNl": 17}
        return row

    def _filtered(self, asked: dict[str, list[str]]) -> list[Json] | ValueError:
        unknown = sorted(set(asked) - set(_FILTERS))
        if unknown or not asked:
            return ValueError(f"ask by one of {', '.join(_FILTERS)}; or search/organisation/* for all")
        wanted = {key: {whole(value) for value in ",".join(values).split(",")} for key, values in asked.items()}

        def fits(row: Json) -> bool:
            own = {
                "agreements": {self.listing.agreement_of(row["id"])},
                "categories": {one["id"] for one in row["categoriesObject"]},
                "sectors": {one["id"] for one in row["sectorsObjects"] or ()},
            }
            return all(own[key] & values for key, values in wanted.items())

        return [row for row in self._rows() if fits(row)]

    def _categories(self, asked: dict[str, list[str]]) -> list[Json]:
        text = fold(asked.get("activity", ["*"])[0])
        every = self.listing.categories
        return [one for one in every if not text or text in fold(f"{one['labelNl']} {one['labelFr']}")]

    def _sector(self, number: int, rest: list[str]) -> Any:
        sector = next((one for one in self.listing.sectors if one["id"] == number), None)
        if sector is None:
            return None
        match rest:
            case []:
                return {**sector, "categories": self.listing.categories_of(number)}
            case ["paths"]:
                return [[sector, category] for category in self.listing.categories_of(number)]
            case ["organisations"]:
                return self._filtered({"sectors": [str(number)]})
        return None
