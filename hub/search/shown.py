"""What entries would be in the index if fiches held only the fields that an agreement names, or if texts were not folded: the judge of criteria that
the index cannot answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from sqlalchemy import Connection

from hub.model.audience import Grant
from hub.model.fiche import FIELD_OF_PART, Document
from hub.model.folding import MAX_WORD
from hub.model.links import end_of
from hub.model.query import PARTS_OF, Criterion
from hub.model.sounds import sound_of
from hub.schemas import decode
from hub.search.lens import Lens, Row
from hub.search.match import Alternatives, Match, has_one, postcodes_holding
from hub.store import reading
from hub.store.bulk import Bulk
from hub.store.index_forms import tokens_of
from hub.store.index_rows import IndexedEntity, Indexer, IndexRow

_FRAME: Final = frozenset({"id", "kind", "visibility", "field_visibility"})
_LINKS: Final = ("organisatie", "provided_by", "parent")


def narrowed(entity: IndexedEntity, fields: frozenset[str] | None) -> IndexedEntity:
    """The same entity in a world where fiches have no other fields (None: all)."""
    if fields is None:
        return entity
    kept = fields | _FRAME
    return replace(
        entity,
        document=_only(entity.document, kept),
        related={uuid: _only(document, kept) for uuid, document in entity.related.items()},
    )


def _only(document: Document, kept: frozenset[str]) -> Document:
    return {field: value for field, value in document.items() if field in kept}


class Shown:
    """Index rows of entries, made when asked for and kept while one search lasts."""

    def __init__(self, conn: Connection, grant: Grant, indexer: Callable[[bool], Indexer], today: str) -> None:
        """For one asker. `indexer` makes the maker of rows, `spelled` or not, of the day `today`."""
        self.today = today
        self._conn = conn
        self._grant = grant
        self._indexer = indexer
        self._made: dict[tuple[bool, bool], dict[int, IndexRow]] = {}
        self._makers: dict[bool, Indexer] = {}

    def __call__(self, ids: Collection[int], *, spelled: bool = False, sourced: bool = False) -> Mapping[int, IndexRow]:
        """The rows of these entries, by number, without what is no longer there; `sourced`: with the sources that are heard, which others are spared."""
        made = self._made.setdefault((spelled, sourced), {})
        missing = [number for number in ids if number not in made]
        if missing:
            if spelled not in self._makers:
                self._makers[spelled] = self._indexer(spelled)
            for entity in self._entities(missing, sourced=sourced):
                made[entity.entry_id] = self._makers[spelled].row(narrowed(entity, self._grant.fields))
        return {number: made[number] for number in ids if number in made}

    def _entities(self, ids: Sequence[int], *, sourced: bool) -> list[IndexedEntity]:
        bulk = Bulk(self._conn)
        sql = (
            "SELECT n.id, n.entity_id, n.fiche_id, n.type, n.partner, e.uuid, coalesce(o.document, m.document)"  # noqa: S608
            " FROM entry n JOIN entity e ON e.id = n.entity_id JOIN fiche m ON m.id = n.fiche_id"
            " LEFT JOIN overlay o ON o.fiche_id = n.fiche_id AND o.partner = n.partner"
            f" WHERE {bulk.listed('n.id')}"
        )
        rows = bulk.rows(sql, bulk.many(set(ids)))
        documents: dict[tuple[int, str], Document] = {}
        for _, _, fiche, _, partner, _, raw in rows:
            if raw is not None and (fiche, partner) not in documents:
                documents[fiche, partner] = decode(raw)
        pointed_to = {uuid for document in documents.values() for uuid in _pointed_to(document)}
        related = {uuid: decode(raw) for uuid, raw in reading.bytes_by_uuid(self._conn, pointed_to, self._grant.partner).items()}
        fiches = {row[2] for row in rows} if sourced else set()
        said = reading.provenances(self._conn, fiches) if fiches else {}
        own = {partner: reading.sources(self._conn, fiches, partner, own=True) for partner in {row[4] for row in rows if row[4] and sourced}}
        found = []
        for number, entity, fiche, kind, partner, uuid, _ in rows:
            document = documents.get((fiche, partner))
            if document is None:
                continue
            part = None
            if kind in FIELD_OF_PART:
                parts = document.get(FIELD_OF_PART[kind], ())
                part = next((one for one in parts if one["id"] == uuid), None)
                if part is None:
                    continue
            around = {one: related[one] for one in _pointed_to(document) if one in related}
            found.append(IndexedEntity(
                entry_id=number, entity_id=entity, fiche_id=fiche, type=kind, document=document, partner=partner,
                part=part, related=around, sources=own.get(partner, {}).get(fiche, ()), said=said.get(fiche, ()),
            ))  # fmt: skip
        return found


def _pointed_to(document: Document) -> list[str]:
    links = [document[name]["id"] for name in _LINKS if name in document]
    parts = (*document.get("caregivers", ()), *document.get("memberships", ()))
    return links + [uuid for part in parts if (uuid := end_of(part)) is not None]


@dataclass(frozen=True, slots=True)
class IsShown:
    """A criterion that reads fields of which the asker has some: asked of what he may see."""

    lens: Lens
    criterion: Criterion
    tokens: Alternatives
    """What the full text would be asked for, where it answers such a criterion."""

    def few(self, most: int) -> set[int] | None:
        return None

    def keep(self, rows: Sequence[Row]) -> set[int]:
        numbers = [row.id for row in rows]
        shown = self.lens.shown_rows(numbers, sourced=self.criterion.key == "source")
        met = {number for number, row in shown.items() if self._met(row)}
        if self.criterion.op == "missing":
            met = set(numbers) - met
        return set(numbers) - met if self.criterion.negate else met

    def _met(self, row: IndexRow) -> bool:
        op, key, asked = self.criterion.op, self.criterion.key, self.criterion.values
        if op == "sounds":
            return not self._sounds(row).isdisjoint(sound_of(word[:MAX_WORD]) for word in asked)
        if op not in ("contains", "whole"):
            return has_one(self.tokens, _tokens(row))
        if op == "whole":
            return not _texts(row, _WHOLE_NAMES, self.lens.rank).isdisjoint(asked)
        values = _texts(row, set(PARTS_OF.get(key, (key,))) - {"postcode"}, self.lens.rank)
        postcodes = postcodes_holding(self.lens.type, self.lens.rank, key, asked)
        return any(some in value for some in asked for value in values) or bool(postcodes and has_one(postcodes, _tokens(row)))

    def _sounds(self, row: IndexRow) -> set[str]:
        return {sound_of(name) for names in row.names[: self.lens.rank + 1] for name in names if " " not in name}


@dataclass(frozen=True, slots=True)
class IsAvailable:
    """A value that runs out, asked for while the index still has some that ran out since it was written: of their few fiches today's value is worked out."""

    lens: Lens
    criterion: Criterion
    tokens: Alternatives

    def few(self, most: int) -> set[int] | None:
        return None

    def keep(self, rows: Sequence[Row]) -> set[int]:
        bulk, rest = self.lens.bulk, list(rows)
        past = {
            found[0]
            for found in bulk.rows(
                f"SELECT fiche_id FROM expiry WHERE {bulk.listed('fiche_id')} AND valid_until < ?",  # noqa: S608
                bulk.many({row.fiche_id for row in rest}),
                today_of(self.lens),
            )
        }
        standing = {row.id for row in rest if row.fiche_id not in past}
        met = self.lens.among(Match((self.tokens,)), standing)
        if self.criterion.negate:
            met = standing - met
        return met | IsShown(self.lens, self.criterion, self.tokens).keep([row for row in rest if row.fiche_id in past])


def today_of(lens: Lens) -> str:
    """The day on which is searched; "" where nobody said, when nothing has run out."""
    return "" if lens.shown is None else lens.shown.today


def some_ran_out(lens: Lens, fields: Collection[str]) -> bool:
    """Whether there are values of these fields that ran out since the index was written: a look at one row."""
    listed = ", ".join("?" * len(fields))
    sql = f"SELECT 1 FROM expiry WHERE valid_until < ? AND field IN ({listed}) LIMIT 1"  # noqa: S608
    today = today_of(lens)
    return bool(today and lens.bulk.rows(sql, today, *fields))


@dataclass(frozen=True, slots=True)
class IsSpelled:
    """A text that is wholly this, with its capitals, accents and signs: the index, which folds them, only leads to it."""

    lens: Lens
    criterion: Criterion

    def few(self, most: int) -> set[int] | None:
        return None

    def keep(self, rows: Sequence[Row]) -> set[int]:
        key, numbers = self.criterion.key, [row.id for row in rows]
        keys = _WHOLE_NAMES if key == "name" else PARTS_OF.get(key, (key,))
        met = {
            number
            for number, row in self.lens.shown_rows(numbers, spelled=True).items()
            if not _texts(row, keys, self.lens.rank).isdisjoint(self.criterion.values)
        }
        return set(numbers) - met if self.criterion.negate else met


@dataclass(frozen=True, slots=True)
class HasWords:
    """Words that stand in fields which the asker may see; with `negate`, not all of them do."""

    lens: Lens
    words: tuple[Alternatives, ...]
    negate: bool = False

    def few(self, most: int) -> set[int] | None:
        return None

    def keep(self, rows: Sequence[Row]) -> set[int]:
        shown = self.lens.shown_rows([row.id for row in rows])
        return {number for number, row in shown.items() if all(map(partial(has_one, has=_tokens(row)), self.words)) != self.negate}


_WHOLE_NAMES: Final = ("name", "family", "given")


def _texts(row: IndexRow, keys: Collection[str], rank: int) -> set[str]:
    """The whole texts under these keys that somebody of this rank sees."""
    return {value for (name, value), level in row.terms.items() if name in keys and level <= rank and (name != "name" or value in row.wholes)}


def _tokens(row: IndexRow) -> set[str]:
    return set(tokens_of(row).split())
