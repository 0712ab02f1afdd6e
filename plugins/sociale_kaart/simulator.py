"""De Sociale Kaart as a simulator: the same paths under `/api`, the same keys, a fictional world behind them.

Known from public programs: the paths, the parameters, the two body shapes, the keys of a row and of a leaflet. What is not known and chosen here
(our reading): the vocabularies of `type` (Aanbod, Zorgverlener, Organisatie), `state` (ACTIVE, INACTIVE) and `authenticSource` (SOKA); the
`rel` names in `links` (self, organisation, caregiver, practice) with a leaflet as `href`; an organisation having a leaflet of its own; the id of an
address standing bare in its `href`; a zorgverlener being a row with the given name first; the administrative type NIHDI_ID; that a row shows the
contacts of its organisation after its own. Which fiche was updated last is not in a row, so the order before any edit is free: that of the world.

A plain `Accept: */*` gets HAL, as python programs do; a client that names application/json gets `content`. Hidden data is never shown, whatever
`includeHiddenData` says: that takes an account.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import parse_qs

from hub import Simulator, World, fold, write_json
from plugins.sociale_kaart.client import EMBEDDED, MOST_PER_PAGE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_DEFAULT_SIZE: Final = 20
_SORTS: Final = ("LAST_UPDATED_DESC", "RELEVANCE")
_LIES_BY: Final = 7
_SHIFTED_PER_PAGE: Final = 3
_LOST_EVERY: Final = 50
_ADDRESS_TYPES: Final = {"visit": "Bezoekadres", "practice": "Praktijkadres"}
_JSON: Final = "application/json"
_HAL: Final = "application/hal+json"
Json = dict[str, Any]


class SocialeKaartSimulator(Simulator):
    """Shows the aanbod and the public zorgverleners of a world. `organisations`: only the first so many, with who works there.

    Tests and demonstrations change it while it serves: `edit`, `edit_organisation`, `remove`, `add`; what changed comes first in LAST_UPDATED_DESC.
    """

    name = "sociale-kaart"
    faults: ClassVar[dict[str, str]] = {
        "page-shift": "Other people edit while you page: with every page some rows move to the front, so rows come twice or not at all.",
        "wrong-totals": f"totalElements says {_LIES_BY} rows more than there are.",
        "label-rename": "Some rubrieken have another label under the same number.",
        "missing-rows": f"One row in {_LOST_EVERY} is counted but never given.",
    }

    def __init__(
        self,
        world: World,
        *,
        size: str = "S",
        faults: Iterable[str] = (),
        seed: int = 0,
        organisations: int | None = None,
    ) -> None:
        super().__init__(world, size=size, faults=faults, seed=seed)
        self._world = world
        self._organisations = world.organisation_count if organisations is None else organisations
        self._offers = world.offer_count if organisations is None else world.layout.first_offer(organisations)
        self._changed: dict[int, Json] = {}
        self._changed_organisations: dict[int, Json] = {}
        self._added: dict[int, Json] = {}
        self._edits = threading.RLock()
        self._base = ""

    # --- changing the world while it is served ------------------------------------------------------------------------------

    def edit(self, index: int, kind: str = "aanbod", **keys: Any) -> str:
        """Replace these keys in the row of an aanbod or zorgverlener, as an editor there would; the answer is its id."""
        with self._edits:
            number = self._number(kind, index)
            self._changed[number] = {**self._changed.get(number, {}), **keys}
            self._touch(number)
            return str(self._row(number)["id"]["id"])

    def edit_organisation(self, index: int, **fields: Any) -> str:
        """Replace these fields (of the world's `Org`) of an organisatie; its aanbod count as edited too. The answer is its id."""
        with self._edits:
            self._changed_organisations[index] = {**self._changed_organisations.get(index, {}), **fields}
            for offer in self._world.offers_of(index):
                self._touch(offer.index)
            return self._world.source_id("organisatie", index)

    def remove(self, index: int, kind: str = "aanbod") -> str:
        """Take a row out of the list; the answer is its id."""
        with self._edits:
            number = self._number(kind, index)
            found = str(self._row(number)["id"]["id"])
            self._order.remove(number)
            return found

    def add(self, row: Json) -> None:
        """Put a new row in front, as it is."""
        with self._edits:
            number = self._offers + self._world.person_count + len(self._added)
            self._added[number] = row
            self._order.insert(0, number)

    @property
    def row_count(self) -> int:
        """How many rows the list has."""
        return len(self._order)

    def _touch(self, number: int) -> None:
        self._order.remove(number)
        self._order.insert(0, number)

    def _number(self, kind: str, index: int) -> int:
        return index if kind == "aanbod" else self._offers + index

    @cached_property
    def _order(self) -> list[int]:
        """Row numbers, latest first: first the aanbod, then the zorgverleners that may be seen."""
        with self._edits:
            shown = (self._offers + person.index for person in self._world.persons() if person.visibility is None and person.offers[0] < self._offers)
            return [*range(self._offers), *shown]

    @cached_property
    def _by_rubriek(self) -> dict[str, set[int]]:
        """Rubriek -> the numbers of its rows. Made when it is first asked for: on the large worlds that takes some seconds."""
        found: dict[str, set[int]] = {}
        for number in self._order:
            if number in self._added:
                continue
            codes = self._world.offer(number).rubrieken if number < self._offers else (self._world.person(number - self._offers).rubriek,)
            for code in codes:
                found.setdefault(code, set()).add(number)
        return found

    # --- serving -----------------------------------------------------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """At its own pace: nobody needs to be spared here."""
        return {"base_url": f"{self.url}/api", "pace": 0}

    def app(self) -> WSGIApplication:
        """Plain WSGI: a first load asks for tens of thousands of leaflets, and a framework would cost more than the answer."""

        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace").rstrip("/")
            query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
            accept = environ.get("HTTP_ACCEPT", "*/*")
            self._base = f"http://{environ.get('HTTP_HOST', 'localhost')}/api"
            hal = _wants_hal(accept)
            with self._edits:
                status, body = self._answer(environ["REQUEST_METHOD"], path, query, hal)
            data = write_json(body)
            kind = _HAL if hal and "_embedded" in body else _JSON
            start_response(status, [("Content-Type", kind), ("Content-Length", str(len(data)))])
            return [data]

        return answer

    def _answer(self, method: str, path: str, query: dict[str, list[str]], hal: bool) -> tuple[str, Json]:
        if not path.startswith("/api/"):
            return self._error(404, "Not Found", path)
        if method not in ("GET", "HEAD"):
            return self._error(405, "Method Not Allowed", path)
        if path == "/api/health-offers":
            sort = query.get("sort", ["RELEVANCE"])[0]
            if sort not in _SORTS:
                return self._error(400, "Bad Request", path, f"sort must be one of {', '.join(_SORTS)}")
            return "200 OK", self._list(query, sort, hal)
        if path == "/api/generic-list/rubric":
            return "200 OK", self._rubrieken(query.get("query", [""])[0])
        if path.startswith("/api/leaflet/"):
            found = self._leaflet(path.removeprefix("/api/leaflet/"))
            if found is not None:
                return "200 OK", found
        return self._error(404, "Not Found", path)

    def _error(self, status: int, reason: str, path: str, message: str = "") -> tuple[str, Json]:
        body = {
            "timestamp": f"{self._world.today.isoformat()}T09:00:00.000+00:00",
            "status": status,
            "error": reason,
            "message": message,
            "path": path,
        }
        return f"{status} {reason}", body

    def _list(self, query: dict[str, list[str]], sort: str, hal: bool) -> Json:
        size = min(_number_in(query, "size", _DEFAULT_SIZE) or _DEFAULT_SIZE, MOST_PER_PAGE)
        page = _number_in(query, "page", 0)
        numbers = self._order if sort == "LAST_UPDATED_DESC" else sorted(self._order)
        if query.get("rubrics"):
            wanted = self._numbers_under(query["rubrics"])
            numbers = [number for number in numbers if number in wanted]
        total = len(numbers)
        taken = numbers[page * size : (page + 1) * size]
        if self.fault("missing-rows"):
            taken = [number for number in taken if number % _LOST_EVERY != _LOST_EVERY - 1]
        rows = [self._row(number) for number in taken]
        if self.fault("page-shift") and sort == "LAST_UPDATED_DESC":
            for _ in range(min(_SHIFTED_PER_PAGE, len(self._order))):
                self._touch(self.random.choice(self._order))
        if self.fault("wrong-totals"):
            total += _LIES_BY
        pages = -(-total // size)
        body: Json = {"page": {"size": size, "totalElements": total, "totalPages": pages, "number": page}}
        if not hal:
            return {"content": rows, **body}
        path = f"{self._base}/health-offers?page={{}}&size={size}&sort={sort}"
        links = {"self": page, "first": 0, "last": max(0, pages - 1)}
        if page + 1 < pages:
            links["next"] = page + 1
        return {
            "_embedded": {EMBEDDED: rows},
            "_links": {rel: {"href": path.format(number)} for rel, number in links.items()},
            **body,
        }

    def _numbers_under(self, wanted: list[str]) -> set[int]:
        """Rows under these labels and what is below them; several labels may also stand in one value, parted by commas."""
        codes = {self._label(code): code for code in self._world.rubrieken()}
        labels = [each for value in wanted for each in ([value] if value in codes else value.split(","))]
        found: set[int] = set()
        for label in labels:
            code = codes.get(label.strip())
            if code is not None:
                for each, numbers in self._by_rubriek.items():
                    if each == code or each.startswith(f"{code}."):
                        found |= numbers
        return found

    def _rubrieken(self, text: str) -> Json:
        labels = map(self._label, self._world.rubrieken())
        found = [{"name": label} for label in labels if fold(text) in fold(label)]
        page = {"size": max(len(found), 1), "totalElements": len(found), "totalPages": 1, "number": 0}
        return {"content": found, "page": page}

    def _leaflet(self, source_id: str) -> Json | None:
        world = self._world
        index = world.index_of("aanbod", source_id)
        if index is not None and index < self._offers and index in self._order:
            org = self._org(world.offer(index).org)
            return {**self._row(index), "administrativeData": [{"type": "CBE_ID", "value": _dotted(org.kbo)}]}
        index = world.index_of("zorgverlener", source_id)
        if index is not None and self._offers + index in self._order:
            person = world.person(index)
            numbers = [{"type": "NIHDI_ID", "value": person.riziv}] if person.riziv_known else []
            return {**self._row(self._offers + index), "administrativeData": numbers}
        index = world.index_of("organisatie", source_id)
        if index is not None and index < self._organisations:
            return self._organisation_leaflet(index)
        for row in self._added.values():
            if row.get("id", {}).get("id") == source_id:
                return {"administrativeData": [], **row}
        return None

    def _org(self, index: int) -> Any:
        org = self._world.organisation(index)
        changed = self._changed_organisations.get(index)
        return replace(org, **changed) if changed else org

    def _row(self, number: int) -> Json:
        if number in self._added:
            return self._added[number]
        row = self._offer(number) if number < self._offers else self._person(number - self._offers)
        return {**row, **self._changed.get(number, {})}

    def _offer(self, index: int) -> Json:
        world = self._world
        offer = world.offer(index)
        org = self._org(offer.org)
        links = [self._link("organisation", world.source_id("organisatie", offer.org))]
        links += [
            self._link("caregiver", world.source_id("zorgverlener", caregiver.person))
            for caregiver in offer.caregivers
            if world.person(caregiver.person).visibility is None
        ]
        sites = [org.sites[number] for number in offer.sites]
        return self._fiche(
            world.source_id("aanbod", index),
            "Aanbod",
            "ACTIVE",
            org.name,
            addresses=[(site.address, site.code) for site in sites],
            codes=offer.rubrieken,
            contacts=(*offer.contacts, *org.contacts),
            links=links,
        )

    def _person(self, index: int) -> Json:
        world = self._world
        person = world.person(index)
        shown = [address for address in person.addresses if address.type == "practice"]
        offers = [offer for offer in person.offers if offer < self._offers]
        return self._fiche(
            world.source_id("zorgverlener", index),
            "Zorgverlener",
            "ACTIVE" if person.active else "INACTIVE",
            f"{person.given} {person.family}",
            addresses=[(address, f"p{index}-{place}") for place, address in enumerate(shown)],
            codes=(person.rubriek,),
            contacts=person.contacts,
            links=[self._link("practice", world.source_id("aanbod", offer)) for offer in offers],
        )

    def _organisation_leaflet(self, index: int) -> Json:
        org = self._org(index)
        row = self._fiche(
            self._world.source_id("organisatie", index),
            "Organisatie",
            "INACTIVE" if org.ceased_on else "ACTIVE",
            org.name,
            addresses=[(site.address, site.code) for site in org.sites],
            codes=(org.rubriek,),
            contacts=org.contacts,
            links=[],
        )
        return {**row, "administrativeData": [{"type": "CBE_ID", "value": _dotted(org.kbo)}]}

    def _fiche(
        self,
        source_id: str,
        type_: str,
        state: str,
        name: str,
        *,
        addresses: list[tuple[Any, str]],
        codes: Iterable[str],
        contacts: Iterable[Any],
        links: list[Json],
    ) -> Json:
        return {
            "id": {"id": source_id, "authenticSource": "SOKA"},
            "type": type_,
            "state": state,
            "verified": source_id[0] in "0123456789abc",
            "legalName": {"description": name},
            "addresses": [_address(address, code, primary=place == 0) for place, (address, code) in enumerate(addresses)],
            "activities": [{"name": {"description": self._label(code)}} for code in codes],
            "contactInfo": _contact_info(contacts),
            "links": [self._link("self", source_id), *links],
        }

    def _label(self, code: str) -> str:
        rubriek = self._world.rubrieken()[code]
        return rubriek.renamed_label if self.fault("label-rename") else rubriek.numbered_label

    def _link(self, rel: str, source_id: str) -> Json:
        return {"rel": rel, "href": f"{self._base}/leaflet/{source_id}"}


def _wants_hal(accept: str) -> bool:
    """Whichever of the two is named first; HAL for a client that takes anything."""
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    named = [kind for kind in kinds if kind in (_JSON, _HAL)]
    return not named or named[0] == _HAL


def _number_in(query: dict[str, list[str]], name: str, otherwise: int) -> int:
    text = query.get(name, [""])[0]
    return int(text[:9]) if text.isascii() and text.isdigit() else otherwise


def _address(address: Any, code: str, *, primary: bool) -> Json:
    found: Json = {
        "primary": primary,
        "type": _ADDRESS_TYPES[address.type],
        "number": address.house_number if not address.box else f"{address.house_number} bus {address.box}",
        "street": {"name": {"description": _dutch(address.street)}},
        "municipality": {"postalCode": address.postcode, "name": {"description": _dutch(address.city)}},
        "links": [{"href": sha256(code.encode()).hexdigest()}],
    }
    if address.position:
        found["location"] = {"lat": address.position["lat"], "lon": address.position["lon"]}
    return found


def _dutch(text: Any) -> str:
    return str(text.get("nl") or next(iter(text.values())))


def _contact_info(contacts: Iterable[Any]) -> Json:
    info: Json = {"phones": [], "emails": [], "websites": []}
    lists = {"phone": "phones", "mobile": "phones", "email": "emails", "website": "websites"}
    for contact in contacts:
        values = info[lists[contact.kind]]
        if contact.visibility in (None, "public"):
            values.append({"value": contact.raw, "primary": not values})
    return info


def _dotted(number: str) -> str:
    """An enterprise number as people write it."""
    return f"{number[:4]}.{number[4:7]}.{number[7:]}"
