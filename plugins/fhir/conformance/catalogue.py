"""All definitions of ours by type and id, and the search through them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from hub import ConceptBook
from plugins.fhir.conformance.extension_table import DEFINITIONS
from plugins.fhir.conformance.naming import naming_systems, source_naming_system
from plugins.fhir.conformance.search_parameters import search_parameters
from plugins.fhir.conformance.structure_definitions import structure_definition
from plugins.fhir.conformance.terminology import absent_code_system, code_systems, concept_maps, value_sets
from plugins.fhir.systems import BASE

Json = dict[str, Any]
_FROM_TABLES: Final[Mapping[str, Callable[[ConceptBook], Iterable[Json]]]] = {
    "CodeSystem": code_systems,
    "ConceptMap": concept_maps,
    "NamingSystem": lambda book: naming_systems(),
    "SearchParameter": lambda book: search_parameters(),
    "StructureDefinition": lambda book: map(structure_definition, DEFINITIONS.values()),
    "ValueSet": value_sets,
}
TYPES: Final = tuple(sorted(_FROM_TABLES))
"""The resource types of our definitions."""

Occurs = Callable[[str, str], bool]
"""Whether something has a code of a scheme (`"code"`, its name) or a number of a system (`"identifier"`, its name)."""


def nowhere(kind: str, name: str) -> bool:
    """Where nobody is asked, nothing occurs."""
    return False


class Catalogue:
    """The definitions as they are with one state of the book of concepts. Do not change what it hands out."""

    def __init__(self, book: ConceptBook) -> None:
        self._book = book
        self._all: dict[str, dict[str, Json]] = {}
        for type_name, make in _FROM_TABLES.items():
            self._all[type_name] = {each["id"]: each for each in sorted(make(book), key=lambda one: str(one["id"]))}

    def get(self, type_name: str, id: str, occurs: Occurs = nowhere) -> Json | None:
        """The definition, or None. One that follows a rule (a source's numbers) is there without being listed, if it `occurs`."""
        found = self._all[type_name].get(id)
        if found is not None:
            return found
        if type_name == "CodeSystem":
            return absent_code_system(id, self._book, lambda name: occurs("code", name))
        if type_name == "NamingSystem":
            return source_naming_system(id, lambda name: occurs("identifier", name))
        return None

    def every(self, type_name: str) -> list[Json]:
        """The listed ones, by id."""
        return list(self._all[type_name].values())

    def find(self, type_name: str, wanted: Mapping[str, Iterable[tuple[str, ...]]], occurs: Occurs = nowhere) -> list[Json]:
        """Those that meet every parameter; each is a list of alternatives, and may be asked more than once."""
        found = self.every(type_name)
        prefix = f"{BASE}/{type_name}/"
        for values in (*wanted.get("url", ()), *wanted.get("value", ()), *wanted.get("_id", ())):
            for value in values:
                each = self.get(type_name, value.partition("|")[0].removeprefix(prefix), occurs)
                if each is not None and each["id"] not in self._all[type_name] and each not in found:
                    found.append(each)
        for name, asked in wanted.items():
            for values in asked:
                found = [each for each in found if any(_MATCHES[name](each, value) for value in values)]
        return sorted(found, key=lambda each: str(each["id"]))


def _url(each: Json, value: str) -> bool:
    url, _, version = value.partition("|")
    if each["resourceType"] == "NamingSystem":
        return any(unique["value"] == url for unique in each["uniqueId"])
    return bool(each["url"] == url) and version in ("", each["version"])


def _begins(name: str) -> Callable[[Json, str], bool]:
    return lambda each, value: str(each.get(name, "")).casefold().startswith(value.casefold())


def _code(each: Json, value: str) -> bool:
    return bool(each["status"] == value.rpartition("|")[2])


_MATCHES: Final[Mapping[str, Callable[[Json, str], bool]]] = {
    "_id": lambda each, value: bool(each["id"] == value),
    "url": _url,
    "value": _url,
    "name": _begins("name"),
    "title": _begins("title"),
    "version": lambda each, value: bool(each.get("version") == value.rpartition("|")[2]),
    "status": _code,
}


def parameters(type_name: str) -> tuple[tuple[str, str], ...]:
    """(name, type) of every search parameter of a type. A NamingSystem has `value` for its addresses; `url` does the same there."""
    common = (("_id", "token"), ("url", "uri"), ("name", "string"), ("status", "token"))
    if type_name == "NamingSystem":
        return (*common, ("value", "string"))
    return (*common, ("title", "string"), ("version", "token")) if type_name != "SearchParameter" else (*common, ("version", "token"))


@lru_cache(2)
def catalogue(book: ConceptBook) -> Catalogue:
    """The definitions for a book of concepts, made once for each."""
    return Catalogue(book)
