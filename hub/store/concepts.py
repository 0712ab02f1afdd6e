"""Concept schemes and their mappings: written a concept at a time, read from a book in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import orjson
from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from hub.model.concepts import RUBRIEK, Concept, ConceptScheme, Relation, broader_rubriek
from hub.model.concepts import Mapping as ConceptMapping
from hub.model.fiche import LANGUAGES, Language, Text
from hub.model.folding import fold, words
from hub.model.particulars import Said, said_in
from hub.schemas import decode
from hub.store.bulk import Bulk
from hub.store.index_tokens import FORM_COUNTER, PLACE_COUNTER
from hub.store.tables import concept as concept_table
from hub.store.tables import concept_scheme, counter, fiche
from hub.store.tables import mapping as mapping_table

__all__ = ["ConceptBook", "Coverage", "Mapped", "carried", "put"]

_VERSION = "concepts"
_BACKWARDS: dict[Relation, Relation] = {"exact": "exact", "close": "close", "broad": "narrow", "narrow": "broad"}
_CLOSENESS: tuple[Relation, ...] = ("exact", "close", "broad", "narrow")


class Mapped(NamedTuple):
    """A code of another scheme, how it relates to the one asked for (`broad`: it is the wider one), and whether that is a guess.

    `approximate`: it is narrower than what was asked for (as when a broad match is read backwards), so that it says more than is known.
    """

    code: str
    relation: Relation
    approximate: bool
    confidence: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of the fiches that carry a code of a scheme can be said in another one, each counted once, by what is closest to one of its codes.

    `broader`: in a wider code only; `approximate`: in narrower ones only, which is a guess; `unmapped`: not at all. `missing`: the codes that are mapped to
    nothing, with the number of fiches that carry them, most first.
    """

    exact: int
    close: int
    broader: int
    approximate: int
    unmapped: int
    missing: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """The fiches that carry a code of the scheme."""
        return self.exact + self.close + self.broader + self.approximate + self.unmapped


class ConceptBook:
    """All schemes, concepts and mappings as they were when it was loaded; `version` moves whenever one of them does."""

    def __init__(
        self,
        schemes: Mapping[str, ConceptScheme],
        concepts: Mapping[tuple[str, str], Concept],
        mappings: tuple[ConceptMapping, ...] = (),
        version: int = 0,
    ) -> None:
        self.version = version
        self._schemes = dict(sorted(schemes.items()))
        self._concepts = dict(sorted(concepts.items()))
        self._of: dict[str, list[Concept]] = {}
        self._below: dict[tuple[str, str | None], list[str]] = {}
        for one in self._concepts.values():
            self._of.setdefault(one.scheme, []).append(one)
            above = one.broader if (one.scheme, one.broader or "") in self._concepts else None
            self._below.setdefault((one.scheme, above), []).append(one.code)
        self._mapped: dict[tuple[str, str], list[Mapped]] = {}
        self._beside: dict[str, set[str]] = {}
        self._implied: dict[tuple[str, str, str], tuple[str, ...]] = {}
        for row in mappings:
            self._link(row.subject, row.object, row.relation, row.confidence)
            self._link(row.object, row.subject, _BACKWARDS[row.relation], row.confidence)
        self._folded: list[tuple[Concept, dict[Language, list[str]], list[str]]] = []

    @classmethod
    def load(cls, connection: Connection) -> ConceptBook:
        """Read everything; some ten milliseconds per thousand concepts."""
        version = cls.current_version(connection)
        schemes = {
            row.code: ConceptScheme(row.code, orjson.loads(row.title), (), row.source, row.uri) for row in connection.execute(select(concept_scheme))
        }
        concepts = {(row.scheme, row.code): _concept(row) for row in connection.execute(select(concept_table))}
        rows = connection.execute(select(mapping_table).order_by(*mapping_table.primary_key.columns))
        mappings = tuple(ConceptMapping(row.subject, row.relation, row.object, **orjson.loads(row.content)) for row in rows)
        return cls(schemes, concepts, mappings, version)

    @staticmethod
    def current_version(connection: Connection) -> int:
        """What `version` of a book loaded now would be: load again when it differs from the one at hand."""
        found = Bulk(connection).rows("SELECT n FROM counter WHERE name = ?", _VERSION)
        return int(found[0][0]) if found else 0

    # --- concepts ----------------------------------------------------------------------------------------------------------------

    def schemes(self) -> tuple[ConceptScheme, ...]:
        """All schemes by code, without their concepts."""
        return tuple(self._schemes.values())

    def concepts(self, scheme: str) -> tuple[Concept, ...]:
        """The concepts of a scheme by code."""
        return tuple(self._of.get(scheme, ()))

    def get(self, scheme: str, code: str) -> Concept | None:
        """The concept, or None when nobody has told of it."""
        return self._concepts.get((scheme, code))

    def label(self, scheme: str, code: str, language: str = "nl") -> str:
        """The label in this language or the nearest that there is (`said_in`); the code itself for what has no label."""
        return self.said(scheme, code, language).text

    def said(self, scheme: str, code: str, language: str = "nl") -> Said:
        """As `label`, with the language that it is in: none ("") of a code."""
        known = self._concepts.get((scheme, code))
        said = None if known is None else said_in(cast("Mapping[str, str]", known.labels), language)
        return said if said is not None and said.text else Said(code, "")

    def ancestors(self, scheme: str, code: str) -> tuple[str, ...]:
        """The codes above, nearest first. A circle in the data ends where it would begin again."""
        found: list[str] = []
        above = self._concepts.get((scheme, code))
        while above is not None and above.broader and above.broader != code and above.broader not in found:
            found.append(above.broader)
            above = self._concepts.get((scheme, above.broader))
        return tuple(found)

    def children(self, scheme: str, code: str | None = None) -> tuple[str, ...]:
        """The codes right below, sorted; without a code those at the top."""
        return tuple(self._below.get((scheme, code), ()))

    def search(self, text: str, scheme: str | None = None, language: str | None = None, limit: int = 20) -> tuple[Concept, ...]:
        """Concepts in which every word begins a word of a label, a synonym or the code. Best first: the whole label, its beginning, a label, else.

        `language` narrows it to the labels of that language.
        """
        asked, whole = words(text), fold(text)
        if not asked:
            return ()
        found = []
        for one, labels, synonyms in self._searchable():
            if scheme is not None and one.scheme != scheme:
                continue
            spoken = [label for spoken_in, some in labels.items() if language in (None, spoken_in) for label in some]
            code = fold(one.code)
            if whole == code or whole in spoken:
                place = 0
            elif any(label.startswith(whole) for label in spoken) or code.startswith(whole):
                place = 1
            elif any(_begins_words(asked, label) for label in spoken):
                place = 2
            elif any(_begins_words(asked, synonym) for synonym in synonyms):
                place = 3
            else:
                continue
            found.append((place, one.scheme, one.code, one))
        return tuple(entry[-1] for entry in sorted(found, key=lambda entry: entry[:3])[:limit])

    # --- mappings ----------------------------------------------------------------------------------------------------------------

    def mapped(self, scheme: str, code: str, target_scheme: str) -> tuple[Mapped, ...]:
        """What the code is called in another scheme, closest and surest first; read in both directions."""
        found: dict[str, Mapped] = {}
        for one in self._mapped.get((f"{scheme}|{code}", target_scheme), ()):
            known = found.get(one.code)
            if known is None or _closeness(one) < _closeness(known):
                found[one.code] = one
        return tuple(sorted(found.values(), key=_closeness))

    def implied(self, scheme: str, code: str, target_scheme: str) -> tuple[str, ...]:
        """The codes of another scheme that hold of whatever has this code: those that it, or a code above it, is mapped to, nearest first and no guess among them."""
        known = self._implied.get((scheme, code, target_scheme))
        if known is None:
            codes = () if scheme == target_scheme else (code, *self.ancestors(scheme, code))
            found = [one.code for each in codes for one in self.mapped(scheme, each, target_scheme) if not one.approximate]
            known = self._implied[scheme, code, target_scheme] = tuple(dict.fromkeys(found))
        return known

    def mapped_schemes(self, scheme: str) -> tuple[str, ...]:
        """The other schemes that codes of this one are mapped to, in either direction, sorted."""
        return tuple(sorted(self._beside.get(scheme, ())))

    def implied_anywhere(self, scheme: str, code: str) -> tuple[tuple[str, str], ...]:
        """As `implied`, in every other scheme: `(scheme, code)`."""
        return tuple((target, one) for target in self.mapped_schemes(scheme) for one in self.implied(scheme, code, target))

    def coverage(self, scheme: str, target_scheme: str, fiches: Mapping[tuple[str, ...], int]) -> Coverage:
        """How many fiches can be said in the other scheme. `fiches`: the codes that a fiche carries -> the number of fiches with just these (`carried`)."""
        best: Counter[Relation | None] = Counter()
        missing: Counter[str] = Counter()
        for codes, number in fiches.items():
            relations = {code: self._best(scheme, code, target_scheme) for code in codes}
            best[next((each for each in _CLOSENESS if each in relations.values()), None)] += number
            missing.update({code: number for code, relation in relations.items() if relation is None})
        worst_first = tuple(sorted(missing.items(), key=lambda entry: (-entry[1], entry[0])))
        return Coverage(best["exact"], best["close"], best["broad"], best["narrow"], best[None], worst_first)

    # --- inside ------------------------------------------------------------------------------------------------------------------

    def _link(self, subject: str, other: str, relation: Relation, confidence: float) -> None:
        target_scheme, _, code = other.partition("|")
        self._beside.setdefault(subject.partition("|")[0], set()).add(target_scheme)
        self._mapped.setdefault((subject, target_scheme), []).append(Mapped(code, relation, relation == "narrow", confidence))

    def _best(self, scheme: str, code: str, target_scheme: str) -> Relation | None:
        """The closest relation of the code to one of the other scheme; what a code above it is mapped to is wider than it."""
        own = self.mapped(scheme, code, target_scheme)
        if own and not own[0].approximate:
            return own[0].relation
        if self.implied(scheme, code, target_scheme):
            return "broad"
        return "narrow" if own else None

    def _searchable(self) -> list[tuple[Concept, dict[Language, list[str]], list[str]]]:
        if not self._folded:
            for one in self._concepts.values():
                labels = {language: [fold(one.labels[language])] for language in LANGUAGES if one.labels.get(language)}
                self._folded.append((one, labels, [fold(synonym) for synonym in one.synonyms]))
        return self._folded


def _begins_words(asked: list[str], folded: str) -> bool:
    there = folded.split()
    return all(any(word.startswith(beginning) for word in there) for beginning in asked)


def _closeness(one: Mapped) -> tuple[int, float, str]:
    return _CLOSENESS.index(one.relation), -one.confidence, one.code


def carried(connection: Connection, scheme: str) -> Counter[tuple[str, ...]]:
    """Which codes of a scheme fiches carry, wherever in them: the codes of a fiche, sorted -> how many fiches have just these. Reads every fiche."""
    found: Counter[tuple[str, ...]] = Counter()
    for document in connection.execute(select(fiche.c.document).where(fiche.c.document.is_not(None)).execution_options(yield_per=1000)).scalars():
        codes = tuple(sorted(set(_codes_in(decode(document), scheme))))
        if codes:
            found[codes] += 1
    return found


def _codes_in(value: Any, scheme: str) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("scheme") == scheme and "code" in value:
            yield value["code"]
        value = value.values()
    elif not isinstance(value, list):
        return
    for each in value:
        yield from _codes_in(each, scheme)


# --- writing ---------------------------------------------------------------------------------------------------------------------------


def put(connection: Connection, thing: ConceptScheme | Concept | ConceptMapping) -> bool:
    """Write a scheme with its concepts, a concept, or a mapping; whether anything changed.

    What is left out stays as it was: a new label under a known code changes the label only. An unofficial label never takes the place of an official
    one; an official one takes the place of all unofficial ones. A scheme that is not there yet, and the codes above a concept, are made
    without a label.
    """
    if isinstance(thing, ConceptScheme):
        changed = _put_scheme(connection, thing)
        for concept in thing.concepts:
            changed |= _put_concept(connection, concept)
    elif isinstance(thing, Concept):
        changed = _put_concept(connection, thing)
    else:
        changed = _put_mapping(connection, thing)
    if changed:
        _count(connection)
    return changed


def _put_scheme(connection: Connection, scheme: ConceptScheme) -> bool:
    row = connection.execute(select(concept_scheme).where(concept_scheme.c.code == scheme.code)).one_or_none()
    known = ConceptScheme(scheme.code, orjson.loads(row.title), (), row.source, row.uri) if row else None
    title: Text = {**known.title, **scheme.title} if known else scheme.title
    wanted = ConceptScheme(scheme.code, title, (), scheme.source or (known.source if known else ""), scheme.uri or (known.uri if known else ""))
    if wanted == known:
        return False
    _upsert(connection, concept_scheme, {"code": wanted.code}, {"title": _json(title), "source": wanted.source, "uri": wanted.uri})
    return True


def _put_concept(connection: Connection, concept: Concept) -> bool:
    known = _known(connection, concept.scheme, concept.code)
    wanted = _joined(known, concept) if known else concept
    if wanted == known:
        return False
    if known is None:
        _put_scheme(connection, ConceptScheme(concept.scheme, {}))
        if wanted.broader and _is_mapped(connection, wanted):  # what is mapped to it is to be found under what is above it
            _outdate_index(connection)
    elif wanted.broader != known.broader:
        _outdate_index(connection)
    _write(connection, wanted)
    for stub in _missing_above(connection, wanted):
        _write(connection, stub)
    return True


def _missing_above(connection: Connection, concept: Concept) -> Iterator[Concept]:
    """The codes above that nobody has told of yet: they exist, but what they are called is not made up here."""
    above = concept.broader
    while above and _known(connection, concept.scheme, above) is None:
        stub = Concept(concept.scheme, above, {}, broader=broader_rubriek(above) if concept.scheme == RUBRIEK else None)
        yield stub
        above = stub.broader


def _joined(known: Concept, told: Concept) -> Concept:
    labels: Text = {**known.labels, **told.labels}
    official = known.official
    if known.official and not told.official:
        labels = known.labels
    elif told.official and not known.official and told.labels:
        labels, official = told.labels, True
    return replace(
        known,
        labels=labels,
        official=official,
        synonyms=told.synonyms or known.synonyms,
        broader=told.broader or known.broader,
        regions=told.regions or known.regions,
        valid_from=told.valid_from or known.valid_from,
        valid_until=told.valid_until or known.valid_until,
    )


def _put_mapping(connection: Connection, mapping: ConceptMapping) -> bool:
    key = {"subject": mapping.subject, "relation": mapping.relation, "object": mapping.object}
    rest = {
        "justification": mapping.justification,
        "confidence": mapping.confidence,
        "author": mapping.author,
        "date": mapping.date,
    }
    known = connection.execute(select(mapping_table.c.content).filter_by(**key)).scalar()
    if known is not None and orjson.loads(known) == rest:
        return False
    _upsert(connection, mapping_table, key, {"content": _json(rest)})
    if known is None:
        _outdate_index(connection)
    return True


def _is_mapped(connection: Connection, concept: Concept) -> bool:
    name = f"{concept.scheme}|{concept.code}"
    named = (mapping_table.c.subject == name) | (mapping_table.c.object == name)
    return connection.execute(select(mapping_table.c.subject).where(named).limit(1)).first() is not None


def _outdate_index(connection: Connection) -> None:
    """Let the search index count as that of another version: which codes are found under another was settled when it was written."""
    noted = counter.c.name.in_((FORM_COUNTER, PLACE_COUNTER))
    connection.execute(counter.update().where(noted, select(fiche.c.id).limit(1).exists()).values(n=0))


def _known(connection: Connection, scheme: str, code: str) -> Concept | None:
    row = connection.execute(select(concept_table).where(concept_table.c.scheme == scheme, concept_table.c.code == code)).one_or_none()
    return _concept(row) if row else None


def _concept(row: Any) -> Concept:
    content = orjson.loads(row.content)
    return Concept(
        row.scheme,
        row.code,
        content["labels"],
        synonyms=tuple(content.get("synonyms", ())),
        broader=row.broader,
        regions=tuple(content.get("regions", ())),
        valid_from=content.get("valid_from"),
        valid_until=content.get("valid_until"),
        official=content.get("official", False),
    )


def _write(connection: Connection, concept: Concept) -> None:
    rest = {
        "labels": concept.labels,
        "synonyms": concept.synonyms,
        "regions": concept.regions,
        "valid_from": concept.valid_from,
        "valid_until": concept.valid_until,
        "official": concept.official,
    }
    content = {name: value for name, value in rest.items() if value or name == "labels"}
    key = {"scheme": concept.scheme, "code": concept.code}
    _upsert(connection, concept_table, key, {"broader": concept.broader, "content": _json(content)})


def _count(connection: Connection) -> None:
    moved = connection.execute(counter.update().where(counter.c.name == _VERSION).values(n=counter.c.n + 1))
    if moved.rowcount == 0:
        _upsert(connection, counter, {"name": _VERSION}, {"n": 1})


def _upsert(connection: Connection, table: Table, key: dict[str, Any], values: dict[str, Any]) -> None:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(**key, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
