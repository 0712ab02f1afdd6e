"""The invented fiches of the fixed list of searches: names and words with the frequencies of a language, rubrieken and places with few large ones and many small ones."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from sqlalchemy import Engine

from hub.model.concepts import Concept
from hub.model.fiche import Document
from hub.places import Places
from hub.store import tables
from hub.store.database import writing
from hub.store.index_rows import IndexedEntity, Indexer, create_fulltext, optimize, write

TODAY = "2026-11-22"
BATCH = 1_000
SYLLABLES = [
    onset + vowel + coda for onset in "bdghjklmnprstvwz" for vowel in ("a", "e", "i", "o", "u", "ij", "oe") for coda in ("", "n", "r", "s", "l")
]
KINDS = (
    "Huisartsenpraktijk", "Woonzorgcentrum", "Thuiszorg", "Dienst voor gezinszorg", "Kinderopvang", "Apotheek", "Centrum",
    "Wijkgezondheidscentrum", "Dagcentrum", "Kinesitherapie", "Vzw", "Sociaal huis", "Tandartspraktijk", "Begeleid wonen", "Lokaal dienstencentrum",
)  # fmt: skip


class Concepts:
    """Rubrieken in three steps, with a word for each step."""

    def get(self, scheme: str, code: str, /) -> Concept | None:
        return Concept(scheme, code, {"nl": f"rubriek{code.replace('.', 'x')}"})

    def ancestors(self, scheme: str, code: str, /) -> tuple[str, ...]:
        parts = code.split(".")
        return tuple(".".join(parts[:n]) for n in range(len(parts) - 1, 0, -1))

    def implied_anywhere(self, scheme: str, code: str, /) -> tuple[tuple[str, str], ...]:
        return ()


class Town:
    """The same dice for the index and for the questions about it."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        vocabulary = random.Random(1)
        self.places = Places.load()
        self.towns = [town for town in self.places if town.region != "wallonie"]
        vocabulary.shuffle(self.towns)
        self.words = ["".join(vocabulary.choices(SYLLABLES, k=vocabulary.randint(2, 4))) for _ in range(12_000)]
        self.rubrieken = [f"{a:02d}.{b:02d}.{c:02d}" for a in range(1, 15) for b in range(1, 7) for c in range(1, 6)]
        vocabulary.shuffle(self.rubrieken)

    def _few_large(self, count: int) -> int:
        """An index with few large and many small classes (about 1/n)."""
        return int(count ** self.dice.random()) - 1

    def town(self) -> int:
        return int(len(self.towns) * self.dice.random() ** 2)

    def word(self) -> str:
        return self.words[self._few_large(len(self.words))]

    def rubriek(self) -> str:
        return self.rubrieken[self._few_large(len(self.rubrieken))]

    def address(self) -> Document:
        town = self.towns[self.town()]
        return {
            "street": {"nl": f"{self.word()}straat"},
            "house_number": "1",
            "postcode": self.dice.choice(self.places.postcodes_of(town.refnis)),
            "municipality": town.refnis,
            "city": {"nl": town.name_nl},
            "position": {
                "lat": town.lat + self.dice.gauss(0, 0.02),
                "lon": town.lon + self.dice.gauss(0, 0.03),
            },
            "visibility": "public",
        }

    def common(self, number: int) -> Document:
        level = "professional" if self.dice.random() < 0.1 else "public"
        return {
            "id": f"f{number}",
            "visibility": "public",
            "status": {"status": "active"},
            "languages": ["nl"] if self.dice.random() < 0.8 else ["nl", "fr"],
            "contacts": [
                {"kind": "phone", "value": f"+3216{number:06d}", "visibility": level},
                {"kind": "website", "value": f"https://w{number}.example.org", "visibility": "public"},
            ],
            "description": {"nl": " ".join(self.word() for _ in range(20))},
        }

    def fiche(self, number: int) -> Iterator[IndexedEntity]:
        """A fiche with its parts; numbers rise."""
        kind = self.dice.random()
        entity = number * 3
        document = self.common(number)
        if kind < 0.36:
            name = f"{self.dice.choice(KINDS)} {self.word()} {self.word()}"
            site = {"id": f"s{number}", "visibility": "public", "addresses": [self.address()]}
            document |= {
                "kind": "organisatie",
                "names": [{"text": {"nl": name}, "visibility": "public"}],
                "form": "organisatie",
            }
            document |= {"vestigingen": [site], "umbrella": self.dice.random() < 0.02}
            document["identifiers"] = [{"system": "kbo", "value": f"{number:010d}", "visibility": "public"}]
            yield IndexedEntity(
                entry_id=entity,
                entity_id=entity,
                fiche_id=entity,
                type="organisatie",
                document=document,
                sources=("soka",),
            )
            yield IndexedEntity(
                entry_id=entity + 1, entity_id=entity + 1, fiche_id=entity, type="vestiging", document=document, part=site, sources=("soka",)
            )  # fmt: skip
        elif kind < 0.49:
            document |= {
                "kind": "zorgverlener",
                "name": {"family": self.word(), "given": [self.word()]},
                "addresses": [self.address()],
            }
            document["professions"] = [{"scheme": "profession", "code": str(self.dice.randint(1, 60))}]
            document["identifiers"] = [{"system": "riziv", "value": f"1{number:010d}", "visibility": "public"}]
            yield IndexedEntity(
                entry_id=entity,
                entity_id=entity,
                fiche_id=entity,
                type="zorgverlener",
                document=document,
                sources=("soka",),
            )
        else:
            organisatie = {
                "visibility": "public",
                "names": [{"text": {"nl": f"{self.dice.choice(KINDS)} {self.word()}"}, "visibility": "public"}],
                "vestigingen": [{"id": "s", "visibility": "public", "addresses": [self.address()]}],
            }
            document |= {
                "kind": "aanbod",
                "names": [{"text": {"nl": f"{self.dice.choice(KINDS)} {self.word()}"}, "visibility": "public"}],
            }
            document |= {"organisatie": {"id": "o"}, "delivery": ["onsite"]}
            document["rubrieken"] = [{"scheme": "rubriek", "code": self.rubriek()} for _ in range(self.dice.randint(1, 2))]
            document["target_groups"] = [{"scheme": "target-group", "code": str(self.dice.randint(1, 30))}]
            document["patientenstop"] = {"value": "no", "valid_until": "2027-01-01", "visibility": "public"}
            if self.dice.random() < 0.2:
                document["service_area"] = [{"type": "municipality", "code": self.towns[self.town()].refnis}]
            related = {"o": organisatie}
            yield IndexedEntity(
                entry_id=entity, entity_id=entity, fiche_id=entity, type="aanbod", document=document, related=related, sources=("soka",)
            )  # fmt: skip


def build(engine: Engine, size: int) -> None:
    """Fill an empty SQLite database; each aanbod belongs to the organisatie that came last."""
    world = Town(42)
    with writing(engine) as conn:
        tables.metadata.create_all(conn)
        create_fulltext(conn)
    indexer = Indexer(Concepts(), world.places, TODAY)
    making = rowing = writing_time = 0.0
    entries = owner = 0
    for start in range(0, size, BATCH):
        began = time.process_time()
        entities = [entity for number in range(start + 1, min(size, start + BATCH) + 1) for entity in world.fiche(number)]
        made = time.process_time()
        rows = [indexer.row(entity) for entity in entities]
        ready = time.process_time()
        with writing(engine) as conn:
            write(conn, rows)
        making += made - began
        rowing += ready - made
        writing_time += time.process_time() - ready
        entries += len(rows)
        links = []
        for entity in entities:
            owner = entity.entity_id if entity.type == "organisatie" else owner
            if entity.type == "aanbod" and owner:
                links.append({"from_id": entity.entity_id, "role": "organisatie", "to_id": owner, "level": 0})
        with writing(engine) as conn:
            if links:
                conn.execute(tables.link.insert(), links)
    with writing(engine) as conn:
        optimize(conn)  # as the nightly job does
    print(
        f"built {entries} entries of {size} fiches; processor time per fiche {rowing / size * 1e6:.0f} us for the rows and {writing_time / size * 1e6:.0f} us to write them"
        f" (and {making / size * 1e6:.0f} us to invent it)"
    )
