"""A small random world in which everything collides: few names, few places, every level, overlays, links and changes."""

from __future__ import annotations

import random
import uuid
from typing import Any

from sqlalchemy import Connection

from hub.model.concepts import Concept
from hub.model.fiche import Document
from hub.places import Places
from hub.store import tables
from hub.store.index_rows import IndexedEntity, Indexer, IndexRow, write
from tests.search.oracle import World

TODAY = "2026-11-22"
TOWNS = ("24062", "24086", "23094", "11002", "44021", "21004", "11007")
NAMES = (
    "Huisartsenpraktijk Lier",
    "Woonzorg De Linde",
    "Woonzorgcentrum Lindehof",
    "Café Thuis",
    "Thuiszorg",
    "De Huisarts",
    "L'Espoir",
    "Thuis bij Thuiszorg",
    "Дом Лир",
    "1 Huis",
)
LONG_WORD = "Donaudampfschifffahrtsgesellschaftskapitänswitwenrente"
LONG_NAMES = (
    f"Vereniging {LONG_WORD} Lier",
    LONG_WORD,
    "Vereniging voor " + "de ondersteuning van mensen en " * 4 + "hun Mantelzorgers",
    f"{LONG_WORD[:40]} en co",
)
LONG_STREET = "Straat van " + "de vele heiligen " * 8 + "Quirinus"
FAMILIES, GIVEN = ("Peeters", "Janssens", "De Smet"), ("An", "Jan", "José")
WORDS = ("ouderen", "opvang", "thuis", "kinderen", "bed", "Süd", "ABC/d")
CODES = ("14", "14.04", "14.04.01", "19.01", "A b")
STREETS = ("Kerkstraat", "Grote Markt", "Rue de l'Église")
PERIODS: tuple[Document, ...] = (
    {"start": "2020-01-01"},
    {"start": "2020-01-02", "end": "2025-06-30"},
    {"end": "2025-06-30"},
    {"start": "2025-06-30", "end": "2020-01-01"},
)
LANGUAGES, LEVELS = ("nl", "fr", "tr"), ("public", "public", "public", "professional", "internal")


class Concepts:
    """Codes with a dot are narrower than what stands before their last dot."""

    def get(self, scheme: str, code: str, /) -> Concept | None:
        return Concept(scheme, code, {"nl": f"rubriek {code.replace('.', 'x')}"}, synonyms=("Zusterhuis",)) if code != "19.01" else None

    def ancestors(self, scheme: str, code: str, /) -> tuple[str, ...]:
        parts = code.split(".")
        return tuple(".".join(parts[:n]) for n in range(len(parts) - 1, 0, -1))

    def implied_anywhere(self, scheme: str, code: str, /) -> tuple[tuple[str, str], ...]:
        return ()


class Maker:
    """Makes documents and remembers what they amount to."""

    def __init__(self, seed: int, places: Places) -> None:
        self.dice = random.Random(seed)
        self.places = places
        self.numbers = 0
        self.indexed: list[IndexedEntity] = []
        self.links: list[tuple[int, str, int, int]] = []
        self.owns: dict[int, int] = {}
        self.views: dict[str, Document] = {}
        self.last: dict[str, int] = {}
        self.uuids: dict[int, str] = {}
        self.masks: set[tuple[str, int]] = set()

    def number(self) -> int:
        self.numbers += self.dice.randint(1, 3)
        self.uuids[self.numbers] = str(uuid.UUID(int=self.numbers * 7919 + (1 << 100)))
        return self.numbers

    def level(self) -> str:
        return self.dice.choice(LEVELS)

    def some(self, values: tuple[str, ...], most: int = 2) -> list[str]:
        return self.dice.sample(values, self.dice.randint(0, min(most, len(values))))

    def address(self) -> Document:
        town = self.places.municipality(self.dice.choice(TOWNS))
        made: Document = {
            "street": {"nl": self.dice.choice(STREETS)},
            "postcode": self.dice.choice(self.places.postcodes_of(town.refnis)),
            "municipality": self.dice.choice((town.refnis, town.refnis, "99999")),
            "city": town.name,
            "visibility": self.level(),
        }
        if self.dice.random() < 0.8:
            lat, lon = (
                town.lat + self.dice.choice((0, 0.01, -0.02, 0.3)),
                town.lon + self.dice.choice((0, 0.013, 0.2)),
            )
            made["position"] = {"lat": lat, "lon": lon}
        return made

    def common(self) -> Document:
        made: Document = {
            "visibility": self.level(),
            "identifiers": [
                {"system": system, "value": value, "visibility": self.level()}
                for system, value in (("kbo", "0403019261"), ("riziv", "18749704001"), ("bron", "A/1 é"))
                if self.dice.random() < 0.3
            ],
            "contacts": [{"kind": "phone", "value": f"+3216{n:06d}", "visibility": self.level()} for n in self.dice.sample(range(6), 2)],
            "languages": self.some(LANGUAGES),
            "tags": [{"scheme": "tag", "code": code} for code in self.some(CODES, 1)],
            "status": {"status": self.dice.choice(("active", "inactive"))},
            "description": {"nl": " ".join(self.some(WORDS, 4)), "fr": self.dice.choice(WORDS)},
        }
        if self.dice.random() < 0.3:
            made["field_visibility"] = {
                self.dice.choice(
                    ("description", "contacts", "languages", "names", "umbrella", "vestigingen", "organisatie", "rubrieken")
                ): self.level()
            }
        return {key: value for key, value in made.items() if value}

    def names(self) -> list[Document]:
        return [{"text": {"nl": name}, "visibility": self.level()} for name in self.some(NAMES)]

    def add(self, kind: Any, document: Document, fiche: int, number: int, **more: Any) -> None:
        sources = self.some(("sociale-kaart", "progezondheid"))
        self.indexed.append(
            IndexedEntity(
                entry_id=number,
                entity_id=number,
                fiche_id=fiche,
                type=kind,
                document=document,
                sources=sources,
                **more,
            )
        )
        related = {id: self.views.get(id, other) for id, other in more.get("related", {}).items()}
        version = document
        if kind in ("organisatie", "aanbod") and self.dice.random() < 0.2:
            version = {**document, "names": [{"text": {"nl": "Onze Huisarts"}, "visibility": "public"}]}
            if kind == "organisatie":
                version["vestigingen"] = [{**site, "addresses": [self.address()]} for site in document["vestigingen"]]
                self.views[document["id"]] = version
        if version is not document or related != more.get("related", {}):
            # A partner's own version hides the master's; another number, the same entity. So it does with what leans on one.
            own = self.number()
            del self.uuids[own]
            self.masks.add(("vrgt", number))
            self.owns[number] = own
            self.indexed.append(
                IndexedEntity(
                    entry_id=own,
                    entity_id=number,
                    fiche_id=fiche,
                    type=kind,
                    partner="vrgt",
                    document=version,
                    **{**more, "related": related},
                )
            )

    def link(self, start: int, role: str, end: int) -> None:
        self.links.append((start, role, end, self.dice.choice((0, 0, 0, 1, 2))))
        own = self.owns.get(start)
        if own is not None and own % 4:  # a partner's own version leads elsewhere now and then
            self.links.append((-own, role, end if own % 3 else self.last.get(role, end), own % 2))
        self.last[role] = end

    def fill(self, organisations: int) -> None:
        organisaties: list[tuple[int, Document]] = []
        people: list[tuple[int, Document]] = []
        for _ in range(organisations):
            number = self.number()
            sites: list[Document] = [
                {"id": f"s{number}-{n}", "visibility": self.level(), "addresses": [self.address()]} for n in range(self.dice.randint(0, 2))
            ]
            for site in sites[:1]:
                if number % 3:
                    site["contacts"] = [{"kind": "phone", "value": f"+3216{number % 6:06d}", "visibility": "public"}]
                if number % 4 == 0:
                    site["name"] = {"nl": NAMES[number % len(NAMES)]}
            document = {
                "kind": "organisatie",
                "id": self.uuids[number],
                "vestigingen": sites,
                "names": self.names(),
                **self.common(),
            }
            document |= {
                "form": self.dice.choice(("organisatie", "praktijk")),
                "umbrella": self.dice.random() < 0.2,
                "types": [{"scheme": "rubriek", "code": code} for code in self.some(CODES)],
            }
            self.add("organisatie", document, number, number)
            if organisaties and self.dice.random() < 0.4:
                self.link(number, "parent", self.dice.choice(organisaties)[0])
            organisaties.append((number, document))
            for site in sites:
                own = self.number()
                self.add("vestiging", document, number, own, part=site)
                self.link(own, "organisatie", number)
            person = self.number()
            name = {"family": self.dice.choice(FAMILIES), "given": [self.dice.choice(GIVEN)]}
            caregiver = {
                "kind": "zorgverlener",
                "id": self.uuids[person],
                "name": name,
                "addresses": [self.address()],
                **self.common(),
            }
            caregiver["gender"] = self.dice.choice(("female", "male"))
            if self.dice.random() < 0.3:
                caregiver["field_visibility"] = {"gender": "public"}
            caregiver["professions"] = [{"scheme": "profession", "code": code} for code in self.some(CODES)]
            self.add("zorgverlener", caregiver, person, person)
            people.append((person, caregiver))
        for long in LONG_NAMES:
            number = self.number()
            document = {
                "kind": "organisatie",
                "id": self.uuids[number],
                "visibility": "public",
                "names": [{"text": {"nl": long}, "visibility": "public"}],
            }
            document["vestigingen"] = [
                {"visibility": "public", "addresses": [{**self.address(), "street": {"nl": LONG_STREET}, "visibility": self.level()}]}
            ]
            self.add("organisatie", document, number, number)
        for _ in range(organisations * 2):
            number = self.number()
            owner, organisatie = self.dice.choice(organisaties)
            who, person_document = self.dice.choice(people)
            part = {"id": "c", "visibility": self.level(), "zorgverlener": {"id": person_document["id"]}}
            if self.dice.random() < 0.6:
                part["period"] = self.dice.choice(PERIODS)
            document = {
                "kind": "aanbod", "id": self.uuids[number], "organisatie": {"id": organisatie["id"]}, "names": self.names(),
                "rubrieken": [{"scheme": "rubriek", "code": code} for code in self.some(CODES)],
                "vestigingen": [{"id": site["id"]} for site in organisatie["vestigingen"] if self.dice.random() < 0.5],
                "service_area": [{"type": "municipality", "code": code} for code in self.some(TOWNS, 1)],
                "delivery": self.some(("onsite", "home")), "caregivers": [part],
                "patientenstop": {"value": self.dice.choice(("yes", "no")), "visibility": self.level(),
                                  "valid_until": self.dice.choice(("2026-01-01", "2027-01-01"))},
                **self.common(),
            }  # fmt: skip
            related = {organisatie["id"]: organisatie, person_document["id"]: person_document}
            self.add("aanbod", document, number, number, related=related)
            self.link(number, "organisatie", owner)
            own = self.number()
            self.add("caregiver", document, number, own, part=part, related=related)
            for role, end in (("aanbod", number), ("zorgverlener", who), ("organisatie", owner)):
                self.link(own, role, end)

    def world(self) -> World:
        indexer = Indexer(Concepts(), self.places, TODAY)
        rows: list[IndexRow] = [indexer.row(entity) for entity in self.indexed]
        entities = sorted(self.uuids)
        changes = [
            (
                seq,
                self.dice.choice(entities),
                self.dice.choice((0, 0, 1, 2)),
                self.dice.choice(("", "", "", "vrgt")),
            )
            for seq in range(1, 2 * len(entities))
        ]
        return World(rows, self.uuids, self.links, changes, self.masks)


def store(conn: Connection, world: World) -> None:
    """Write a world as the store would; the database has its tables."""
    types = {row.entity_id: (row.type, row.fiche_id) for row in world.rows}
    conn.execute(
        tables.entity.insert(),
        [{"id": number, "uuid": text, "type": types[number][0], "fiche_id": types[number][1]} for number, text in world.uuids.items()],
    )
    unique = {(start, role, end): level for start, role, end, level in world.links}
    world.links = [(*key, level) for key, level in unique.items()]
    names = ("from_id", "role", "to_id", "level")
    conn.execute(tables.link.insert(), [dict(zip(names, link, strict=True)) for link in world.links])
    conn.execute(
        tables.change.insert(),
        [
            {
                "seq": seq, "at": "2026-11-22T09:00:00Z", "entity_id": entity, "fiche_id": types[entity][1], "type": types[entity][0],
                "operation": "update", "origin": "test", "audience": audience, "was": 0, "now": 0, "version": 1, "partner": partner, "tx_end": seq,
            }
            for seq, entity, audience, partner in world.changes
        ],
    )  # fmt: skip
    conn.execute(
        tables.entry_mask.insert(),
        [{"partner": partner, "entry_id": entry} for partner, entry in sorted(world.masks)],
    )
    write(conn, world.rows)
