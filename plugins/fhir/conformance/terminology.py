"""CodeSystems, ValueSets and ConceptMaps, from the short lists of the fiche and from the hub's book of concepts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from hub import LANGUAGES, Concept, ConceptBook, ConceptScheme
from plugins.fhir.conformance.code_lists import CODE_LISTS, CodeList
from plugins.fhir.conformance.heading import heading
from plugins.fhir.systems import BASE, CODE_SYSTEMS, code_system

Json = dict[str, Any]
_OURS: Final = BASE + "/CodeSystem/"
_IS_ID: Final = re.compile(r"[A-Za-z0-9.\-]{1,64}")
_AREAS: Final = ("postcode", "province", "region", "zone")
"""What says of which kind a place is that is served, by its number; the places themselves are no concepts."""


# --- code systems ---------------------------------------------------------------------------------------------------------------


def code_systems(book: ConceptBook) -> Iterator[Json]:
    """Every code system of ours: the short lists, and the schemes of the book that have no official address."""
    for codes in CODE_LISTS.values():
        yield _of_list(codes)
    for scheme in _own_schemes(book):
        yield _of_scheme(scheme, book)


def absent_code_system(id: str, book: ConceptBook, occurs: Callable[[str], bool]) -> Json | None:
    """The code system for a scheme of which the hub holds no concepts; None when no resource can name it.

    A fiche may carry a code of a scheme that nobody has loaded; its address still says what it is. `occurs` tells whether the asker sees such a code.
    """
    if _IS_ID.fullmatch(id) is None or id in CODE_SYSTEMS:
        return None
    if id not in _AREAS and all(scheme.code != id for scheme in book.schemes()) and not occurs(id):
        return None
    about = "A scheme of which this hub holds no concepts: the codes are those of the source that sent them."
    return {**heading("CodeSystem", id, _OURS + id, id, about), "content": "not-present"}


def _own_schemes(book: ConceptBook) -> list[ConceptScheme]:
    return [scheme for scheme in book.schemes() if scheme.code not in CODE_LISTS and scheme.code not in CODE_SYSTEMS and book.concepts(scheme.code)]


def _of_list(codes: CodeList) -> Json:
    return {
        **heading("CodeSystem", codes.name, codes.url, codes.title, codes.about),
        "caseSensitive": True,
        "valueSet": f"{BASE}/ValueSet/{codes.name}",
        "content": "complete",
        "count": len(codes.codes),
        "concept": [{"code": code, "display": meaning} for code, meaning in codes.codes.items()],
    }


def _of_scheme(scheme: ConceptScheme, book: ConceptBook) -> Json:
    concepts = book.concepts(scheme.code)
    official = all(concept.official for concept in concepts)
    about = f"Concepts of the scheme {scheme.code}" + (f", from {scheme.source}." if scheme.source else ".")
    if not official:
        about += " Concepts whose property official is false have labels that are not the official ones."
    return {
        **heading("CodeSystem", _id(scheme.code), code_system(scheme.code), _title(scheme), about, f"{book.version}"),
        "caseSensitive": True,
        "valueSet": f"{BASE}/ValueSet/{_id(scheme.code)}",
        "hierarchyMeaning": "is-a",
        "content": "complete",
        "count": len(concepts),
        "property": [
            {
                "code": "official",
                "description": "Whether the label is the official one",
                "type": "boolean",
            }
        ],
        "concept": _below(scheme.code, None, book, frozenset()),
    }


def _below(scheme: str, code: str | None, book: ConceptBook, above: frozenset[str]) -> list[Json]:
    found = []
    for each in book.children(scheme, code):
        concept = book.get(scheme, each)
        if concept is not None and each not in above:
            found.append(_concept(concept, book, above | {each}))
    return found


def _concept(concept: Concept, book: ConceptBook, above: frozenset[str]) -> Json:
    told: Json = {"code": " ".join(concept.code.split())}
    label = book.label(concept.scheme, concept.code)
    if label != concept.code:
        told["display"] = label
    others = [{"language": language, "value": concept.labels[language]} for language in LANGUAGES if concept.labels.get(language)]
    if others:
        told["designation"] = others
    told["property"] = [{"code": "official", "valueBoolean": concept.official}]
    if below := _below(concept.scheme, concept.code, book, above):
        told["concept"] = below
    return told


def _title(scheme: ConceptScheme) -> str:
    return next((scheme.title[each] for each in LANGUAGES if scheme.title.get(each)), scheme.code)


def _id(scheme: str) -> str:
    """A scheme's name as FHIR id: letters, digits, hyphens and full stops, at most 64."""
    return re.sub(r"[^A-Za-z0-9.\-]", "-", scheme)[:64]


# --- value sets -----------------------------------------------------------------------------------------------------------------


def value_sets(book: ConceptBook) -> Iterator[Json]:
    """For every code system of ours the value set of all its codes."""
    for codes in CODE_LISTS.values():
        yield _all_of(codes.name, codes.url, codes.title, codes.about)
    for scheme in _own_schemes(book):
        about = f"All codes of {scheme.code}."
        yield _all_of(_id(scheme.code), code_system(scheme.code), _title(scheme), about)


def _all_of(id: str, system: str, title: str, about: str) -> Json:
    return {
        **heading("ValueSet", id, f"{BASE}/ValueSet/{id}", title, about),
        "immutable": False,
        "compose": {"include": [{"system": system}]},
    }


# --- concept maps ---------------------------------------------------------------------------------------------------------------

_EQUIVALENCE: Final = {"exact": "equivalent", "close": "relatedto", "broad": "wider", "narrow": "narrower"}


def concept_maps(book: ConceptBook) -> Iterator[Json]:
    """For every two schemes between which there are mappings (SSSOM), one map in each direction.

    Read against its direction a broad match is narrower, and says that it is approximate. https://mapping-commons.github.io/sssom/
    """
    schemes = [scheme.code for scheme in book.schemes()]
    for source in schemes:
        for target in schemes:
            if source != target and (elements := _mapped(source, target, book)):
                yield _concept_map(source, target, elements)


def _mapped(source: str, target: str, book: ConceptBook) -> list[Json]:
    elements = []
    for concept in book.concepts(source):
        targets = []
        for mapped in book.mapped(source, concept.code, target):
            told: Json = {"code": mapped.code}
            if (label := book.label(target, mapped.code)) != mapped.code:
                told["display"] = label
            told["equivalence"] = _EQUIVALENCE[mapped.relation]
            if mapped.approximate:
                told["comment"] = f"Approximate: it says more than is known. Confidence {mapped.confidence:g}."
            elif mapped.confidence < 1:
                told["comment"] = f"Confidence {mapped.confidence:g}."
            targets.append(told)
        if targets:
            element: Json = {"code": concept.code}
            if (label := book.label(source, concept.code)) != concept.code:
                element["display"] = label
            elements.append({**element, "target": targets})
    return elements


def _concept_map(source: str, target: str, elements: list[Json]) -> Json:
    id = f"{_id(source)}-to-{_id(target)}"[:64]
    about = f"What the codes of {source} are called in {target}."
    return {
        **heading("ConceptMap", id, f"{BASE}/ConceptMap/{id}", f"{source} -> {target}", about),
        "sourceUri": code_system(source),
        "targetUri": code_system(target),
        "group": [{"source": code_system(source), "target": code_system(target), "element": elements}],
    }
