"""What the search index holds about one entity: a pure function of its stamped document and what it points to.

A term is `(key, value)` with the lowest level that sees it; the keys are those of `hub.model.query.KEYS`. Every value counts for itself: a
hidden phone number in a public fiche is a term of the professional or internal level, and to the public it is as if it were not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final, Protocol

from hub.errors import Invalid
from hub.model.audience import ABSENT, LEVELS, RANK, VISIBILITY
from hub.model.concepts import CD_HCPARTY, FORM_SCHEME, Concept
from hub.model.fiche import FIELD_OF_PART, Document
from hub.model.folding import MAX_WORD, as_written, fold, words
from hub.model.links import end_of, has_ended
from hub.model.origins import heard
from hub.model.particulars import main_name, said_in
from hub.model.visibility import overrides_of
from hub.places import Places
from hub.store.index_entries import COMPARED, IndexedEntity, IndexRow
from hub.store.index_tokens import Facet

INTERNAL: Final = 2
"""The level of whatever does not say its visibility: deny by default."""

INDEXED_ELSEWHERE: Final = frozenset(
    {"visibility", "field_visibility", "names", "umbrella", "vestigingen", "name", "identifiers", "languages", "professions"}
)
"""The fields of a fiche that stand in the rows of others that lead to it: an aanbod reads its organisatie, a caregiver both and the person."""

_RIZIV: Final = ("riziv", "riziv-group")
_AVAILABILITY: Final = ("patientenstop", "waiting_list", "on_call")
_ENDPOINT_STATUS: Final = {"active": "active", "off": "inactive", "suspended": "inactive"}
_GENDER: Final = RANK[VISIBILITY["Zorgverlenersfiche"]["gender"]]
_WITH_COUNTRY: Final = ("organisatie", "vestiging", "zorgverlener")
_Coded = tuple[tuple[Facet, ...], tuple[str, ...], tuple[tuple[str, str], ...]]
"""Terms, words of labels, and heads."""
_CACHED: Final = 4_000
"""Things of one sort that are remembered. What comes again does so soon: a street in its town, a name in the parts of its fiche."""


class ConceptBook(Protocol):
    """What the index asks of the concepts (`hub.store.concepts` has it)."""

    def get(self, scheme: str, code: str, /) -> Concept | None:
        """The concept, or None when nobody loaded it."""

    def ancestors(self, scheme: str, code: str, /) -> tuple[str, ...]:
        """The codes above it in its scheme, nearest first."""

    def implied_anywhere(self, scheme: str, code: str, /) -> tuple[tuple[str, str], ...]:
        """`(scheme, code)` of what holds in other schemes of whatever has it."""


class Indexer:
    """Makes index rows; remembers what it looked up, so keep one, but no longer than the concepts and the day stay as they are."""

    def __init__(self, concepts: ConceptBook, places: Places, today: str, *, spelled: bool = False) -> None:
        """`spelled`: names, streets and cities stay as they are written, for who must tell them apart; such rows are not for the index."""
        self._spelled = spelled
        self._concepts = concepts
        self._places = places
        self._today = today
        self._day = date.fromisoformat(today)
        self._texts: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._facets: dict[tuple[str, str], Facet] = {}
        self._codes: dict[tuple[str, str, str], _Coded] = {}
        self._areas: dict[tuple[str, str], tuple[tuple[Facet, ...], tuple[str, ...]]] = {}

    def row(self, entity: IndexedEntity) -> IndexRow:
        """Everything that the index holds about `entity`. Pure: the same entity gives the same row."""
        document, part = entity.document, entity.part
        level = _level(document)
        if part is not None:
            level = max(_level(part), _hidden(document, level).get(FIELD_OF_PART[entity.type], level))
            # A part that stands for a link is shown to nobody who may not see its other end, so is neither found nor counted for them.
            end = end_of(part)
            if end is not None:
                other = entity.related.get(end)
                if other is None:  # the entry stays: by the links from it the part is told of when its other end comes
                    return IndexRow(entity.entry_id, entity.entity_id, entity.fiche_id, entity.type, entity.partner, ABSENT)
                level = max(level, _level(other))
        row = IndexRow(entity.entry_id, entity.entity_id, entity.fiche_id, entity.type, entity.partner, level)
        if entity.sources or entity.said:
            field = FIELD_OF_PART.get(entity.type, "")
            for source, rank in heard(entity.said, entity.sources, document, entity.related, container=field, part=part).items():
                self._add(row, "source", source, max(level, rank))
        _WRITERS[entity.type](self, row, entity)
        self._umbrella(row)
        row.settle()
        return row

    def _split(self, text: str) -> tuple[str, tuple[str, ...]]:
        """A short text that may come again, folded, and its words."""
        known = self._texts.get(text)
        if known is None:
            if len(self._texts) > _CACHED:
                self._texts.clear()
            known = (as_written(text), ()) if self._spelled else (fold(text), tuple(words(text)))
            self._texts[text] = known
        return known

    def _add(self, row: IndexRow, key: str, value: str, level: int) -> None:
        """Note a term that comes again and again; of two levels the lower one stands."""
        known = self._facets.get((key, value))
        if known is None:
            if len(self._facets) > _CACHED:
                self._facets.clear()
            known = self._facets[key, value] = Facet(key, value)
        row.facets[level].add(known)
        if key in COMPARED:
            row.compared.add(known)

    # --- one method per type -------------------------------------------------------------------------------------------------

    def _organisatie(self, row: IndexRow, entity: IndexedEntity) -> None:
        document, level, hidden = entity.document, row.level, _hidden(entity.document, row.level)
        self._names(row, document, level)
        self._common(row, document, level, hidden)
        if document.get("umbrella"):
            row.umbrella = 1 + hidden.get("umbrella", level)
        if "form" in document:
            at = hidden.get("form", level)
            self._add(row, "form", document["form"], at)
            self._add(row, "type", f"{FORM_SCHEME}|{document['form']}", at)
            row.heads.add(("code", FORM_SCHEME))
        self._code_list(row, document.get("types", ()), hidden.get("types", level), "type")
        if "legal_form" in document:
            self._code_list(row, (document["legal_form"],), hidden.get("legal_form", level))
        sites = hidden.get("vestigingen", level)
        for site in document.get("vestigingen", ()):
            self._site(row, site, sites)

    def _aanbod(self, row: IndexRow, entity: IndexedEntity) -> None:
        self._names(row, entity.document, row.level)
        self._common(row, entity.document, row.level, _hidden(entity.document, row.level))
        self._offer(row, entity.document, row.level, entity.related)

    def _offer(self, row: IndexRow, document: Document, level: int, related: Mapping[str, Document]) -> None:
        """What an aanbod gives to its own row and to those of its caregivers."""
        hidden = _hidden(document, level)
        what = "type" if row.type == "aanbod" else "code"
        self._code_list(row, document.get("rubrieken", ()), hidden.get("rubrieken", level), what)
        self._code_list(row, document.get("target_groups", ()), hidden.get("target_groups", level))
        for recognition in document.get("recognitions", ()):
            if "type" in recognition:
                at = max(hidden.get("recognitions", level), _level(recognition))
                self._code_list(row, (recognition["type"],), at)
        for mode in document.get("delivery", ()):
            self._add(row, "delivery", mode, hidden.get("delivery", level))
        for area in document.get("service_area", ()):
            served = f"{area['type']}|{self._area_code(area)}"
            self._add(row, "serves", served, hidden.get("service_area", level))
        for name in _AVAILABILITY:
            if name in document:
                value = document[name]
                expired = value.get("valid_until", "9999") < self._today
                said = "unknown" if expired else value["value"]
                self._add(row, "availability", f"{name}|{said}", max(hidden.get(name, level), _level(value)))
        organisatie = related.get(document.get("organisatie", {}).get("id", ""))
        if organisatie is None:
            return
        theirs = max(hidden.get("organisatie", level), _level(organisatie))
        hidden_there = _hidden(organisatie, theirs)
        if organisatie.get("umbrella"):
            row.umbrella = 1 + hidden_there.get("umbrella", theirs)
        for name in organisatie.get("names", ()):
            at = max(hidden_there.get("names", theirs), _level(name))
            for text in name["text"].values():
                row.words[at].update(self._split(text)[1])
        named = {site["id"] for site in document.get("vestigingen", ()) if "id" in site}
        sites = max(hidden_there.get("vestigingen", theirs), hidden.get("vestigingen", level))
        for site in organisatie.get("vestigingen", ()):
            if not named or site.get("id") in named:
                at = max(sites, _level(site))
                self._addresses(row, site, at, _hidden(site, at))

    def _zorgverlener(self, row: IndexRow, entity: IndexedEntity) -> None:
        document, hidden = entity.document, _hidden(entity.document, row.level)
        self._person(row, document, row.level)
        self._common(row, document, row.level, hidden)
        self._code_list(row, document.get("professions", ()), hidden.get("professions", row.level), "type")
        self._code_list(row, document.get("competences", ()), hidden.get("competences", row.level))
        if "gender" in document:
            self._add(row, "gender", document["gender"], hidden.get("gender", max(row.level, _GENDER)))
        self._addresses(row, document, row.level, hidden)

    def _vestiging(self, row: IndexRow, entity: IndexedEntity) -> None:
        assert entity.part is not None
        self._owner_names(row, entity.document)
        own = [self._split(text) for text in entity.part.get("name", {}).values()]
        for whole, parts in own:
            row.add_name(whole, parts, row.level)
        if own:
            row.name = own[0][0]
        types = entity.document.get("types", ())
        if types:  # a site is of the type of its organisatie
            at = _hidden(entity.document, row.level).get("types", row.level)
            for code in types:
                row.facets[at].update(self._code(code["scheme"], code["code"], "type")[0])
        self._site(row, entity.part, row.level)
        self._identifiers(row, entity.part, row.level, {})
        if "status" in entity.part:
            self._add(row, "status", entity.part["status"]["status"], row.level)

    def _membership(self, row: IndexRow, entity: IndexedEntity) -> None:
        assert entity.part is not None
        self._owner_names(row, entity.document)
        self._activity_of_tie(row, entity.document, entity.part)
        self._period(row, entity.part)
        if "role" in entity.part:
            self._code_list(row, (entity.part["role"],), row.level, "type")

    def _electronic_address(self, row: IndexRow, entity: IndexedEntity) -> None:
        assert entity.part is not None
        self._owner_names(row, entity.document)
        if "type" in entity.part:
            self._code_list(row, (entity.part["type"],), row.level, "type")
        if "status" in entity.part:
            self._add(row, "status", entity.part["status"], row.level)
            self._add(row, "status", _ENDPOINT_STATUS[entity.part["status"]], row.level)

    def _caregiver(self, row: IndexRow, entity: IndexedEntity) -> None:
        document, part, hidden = entity.document, entity.part, _hidden(entity.document, row.level)
        assert part is not None
        level = row.level
        for name in document.get("names", ()):
            at = max(hidden.get("names", level), _level(name))
            for text in name["text"].values():
                row.words[at].update(self._split(text)[1])
        self._languages(row, document, level, hidden)
        self._activity_of_tie(row, document, part)
        self._offer(row, document, level, entity.related)
        self._code_list(row, part.get("professions", ()), level, "type")
        self._contacts(row, part, level, {})
        self._period(row, part)
        person = entity.related.get(part.get("zorgverlener", {}).get("id", ""))
        if person is not None:
            theirs = max(level, _level(person))
            hidden_there = _hidden(person, theirs)
            self._person(row, person, theirs)
            self._identifiers(row, person, theirs, hidden_there)
            self._languages(row, person, theirs, hidden_there)
            if "professions" not in part:
                at = hidden_there.get("professions", theirs)
                self._code_list(row, person.get("professions", ()), at, "type")

    # --- what they are made of ------------------------------------------------------------------------------------------------

    def _names(self, row: IndexRow, document: Document, level: int) -> None:
        named = _hidden(document, level).get("names", level)
        seen: list[Document] = []
        for name in document.get("names", ()):
            at = max(named, _level(name))
            for text in name["text"].values():
                row.add_name(*self._split(text), at)
            if at <= row.level:
                seen.append(name)
        if seen:  # lists are sorted by what they show
            row.name = self._split(said_in(main_name(seen, "nl")["text"], "nl").text)[0]

    def _owner_names(self, row: IndexRow, document: Document) -> None:
        self._names(row, document, row.level)

    def _person(self, row: IndexRow, document: Document, level: int) -> None:
        name = document.get("name")
        if name is None:
            return
        at = _hidden(document, level).get("name", level)
        family = self._split(name["family"])[0]
        given = " ".join(self._split(one)[0] for one in name.get("given", ()))
        row.add("family", family, at)
        for one in name.get("given", ()):
            row.add("given", self._split(one)[0], at)
        row.add_name(f"{family} {given}".strip(), [word[:MAX_WORD] for word in f"{family} {given}".split()], at)
        if given:
            row.wholes.add(f"{given} {family}")
            row.names[at].add(f"{given} {family}")
        if at <= row.level:
            row.name = f"{family} {given}".strip()

    def _common(self, row: IndexRow, document: Document, level: int, hidden: Mapping[str, int]) -> None:
        self._identifiers(row, document, level, hidden)
        self._contacts(row, document, level, hidden)
        self._languages(row, document, level, hidden)
        self._activity(row, document, level, hidden)
        self._code_list(row, document.get("tags", ()), hidden.get("tags", level))
        if "description" in document:
            at = hidden.get("description", level)
            for text in document["description"].values():
                row.described[at].update(words(text))

    def _identifiers(self, row: IndexRow, holder: Document, level: int, hidden: Mapping[str, int]) -> None:
        field_level = hidden.get("identifiers", level)
        for identifier in holder.get("identifiers", ()):
            at = max(field_level, _level(identifier))
            system, value = identifier["system"], identifier["value"]
            row.add("identifier", f"{system}|{value}", at)
            row.heads.add(("identifier", system))
            if system in _RIZIV and len(value) > 8:
                row.add("identifier", f"{system}|{value[:8]}", at)  # who it is, whatever the competence

    def _contacts(self, row: IndexRow, holder: Document, level: int, hidden: Mapping[str, int]) -> None:
        field_level = hidden.get("contacts", level)
        for contact in holder.get("contacts", ()):
            at = max(field_level, _level(contact))
            row.add("contact", f"{contact['kind']}|{contact['value']}", at)

    def _languages(self, row: IndexRow, document: Document, level: int, hidden: Mapping[str, int]) -> None:
        for language in document.get("languages", ()):
            self._add(row, "language", language.lower(), hidden.get("languages", level))

    def _umbrella(self, row: IndexRow) -> None:
        """`no` is what is said to whoever sees the entity and not that it is one: a search takes it for those only who see no `yes` beside it."""
        if row.umbrella != 1 + row.level:
            self._add(row, "umbrella", "no", row.level)
        if row.umbrella:
            self._add(row, "umbrella", "yes", row.umbrella - 1)

    def _activity(self, row: IndexRow, document: Document, level: int, hidden: Mapping[str, int]) -> None:
        if "status" in document:
            self._add(row, "status", document["status"]["status"], hidden.get("status", level))

    def _activity_of_tie(self, row: IndexRow, document: Document, part: Document) -> None:
        if has_ended(part):
            self._add(row, "status", "inactive", row.level)
        else:
            self._activity(row, document, row.level, _hidden(document, row.level))

    def _period(self, row: IndexRow, part: Document) -> None:
        """From when until when the part is there; without an end, or with one before the start, it goes on."""
        period = part.get("period")
        if period:
            start, end = period.get("start", "0001-01-01"), period.get("end", "9999-12-31")
            row.add("period", f"{start}/{end if end >= start else '9999-12-31'}", row.level)

    def _site(self, row: IndexRow, site: Document, level: int) -> None:
        at = max(level, _level(site))
        self._addresses(row, site, at, {})
        self._contacts(row, site, at, {})

    def _addresses(self, row: IndexRow, holder: Document, level: int, hidden: Mapping[str, int]) -> None:
        field_level = hidden.get("addresses", level)
        for address in holder.get("addresses", ()):
            at = max(field_level, _level(address))
            text = row.words[at]
            if row.type in _WITH_COUNTRY:
                self._add(row, "country", address.get("country", "BE").lower(), at)
            for key in ("street", "city"):
                for name in address.get(key, {}).values():
                    whole, parts = self._split(name)
                    self._add(row, key, whole, at)
                    text.update(parts)
            terms, names = self._area(address.get("municipality", ""), address.get("postcode", ""))
            row.facets[at].update(terms)
            text.update(names)
            if "position" in address:
                position = address["position"]
                point = (float(position["lat"]), float(position["lon"]), at)
                if point not in row.points:
                    row.points.append(point)

    def _area(self, refnis: str, postcode: str) -> tuple[tuple[Facet, ...], tuple[str, ...]]:
        """The terms and the words of a municipality (as it is called now) and a postcode."""
        known = self._areas.get((refnis, postcode))
        if known is not None:
            return known
        if len(self._areas) > _CACHED:
            self._areas.clear()
        terms = self._places.areas({"municipality": refnis, "postcode": postcode}, self._day)
        names: set[str] = set()
        for key, value in terms:
            if key == "municipality" and value in self._places.codes_in_use:
                place = self._places.municipality(value)
                names.update(words(place.name_nl), words(place.name_fr))
        found = self._areas[refnis, postcode] = (tuple([Facet(*term) for term in terms]), tuple(names))
        return found

    def _area_code(self, area: Mapping[str, str]) -> str:
        if area["type"] == "municipality":
            try:
                return self._places.current(area["code"])
            except Invalid:
                return area["code"]
        return fold(area["code"]) if area["type"] in ("province", "region") else area["code"]

    def _code_list(self, row: IndexRow, codes: Iterable[Mapping[str, Any]], level: int, key: str = "code") -> None:
        for code in codes:
            terms, labels, heads = self._code(code["scheme"], code["code"], key)
            row.facets[level].update(terms)
            row.words[level].update(labels)
            row.heads.update(heads)

    def _code(self, scheme: str, code: str, key: str) -> _Coded:
        """The terms of a code, of those above it and of what they imply in other schemes, under this key; and the words of the labels and synonyms of the code and of
        what is implied, which speak languages that a list of the country may not have."""
        known = self._codes.get((scheme, code, key))
        if known is not None:
            return known
        if len(self._codes) > _CACHED:
            self._codes.clear()
        ancestors = self._concepts.ancestors
        # What is offered tells who offers it, but a profession is no offer: nobody is listed under a rubriek for what he has learned.
        implied = () if scheme == CD_HCPARTY else self._concepts.implied_anywhere(scheme, code)
        named = [self._concepts.get(scheme, code), *(self._concepts.get(*one) for one in implied)]
        texts = [text for concept in named if concept is not None for text in (*concept.labels.values(), *concept.synonyms)]
        labels = tuple({word for text in texts for word in words(str(text))})
        codes = [(scheme, one) for one in (code, *ancestors(scheme, code))]
        for its, one in implied:
            codes += [(its, wider) for wider in (one, *ancestors(its, one))]
        terms = tuple(Facet(key, f"{its}|{one}") for its, one in dict.fromkeys(codes))
        heads = tuple({("code", its) for its, _ in codes})
        found = self._codes[scheme, code, key] = (terms, labels, heads)
        return found


_WRITERS: Final = {
    "organisatie": Indexer._organisatie,
    "aanbod": Indexer._aanbod,
    "zorgverlener": Indexer._zorgverlener,
    "vestiging": Indexer._vestiging,
    "membership": Indexer._membership,
    "electronic_address": Indexer._electronic_address,
    "caregiver": Indexer._caregiver,
}


_LEVELS: Final[Mapping[str | None, int]] = {level: rank for rank, level in enumerate(LEVELS)}
_NOTHING: Final[Mapping[str, int]] = {}


def _level(holder: Mapping[str, Any]) -> int:
    return _LEVELS.get(holder.get("visibility"), INTERNAL)


def _hidden(document: Mapping[str, Any], level: int) -> Mapping[str, int]:
    """Field -> the level that a fiche demands for it of its own choice, at least `level`, which is that of all other fields."""
    said = overrides_of(document)
    return {name: max(level, RANK.get(visibility, INTERNAL)) for name, visibility in said.items()} if said else _NOTHING
