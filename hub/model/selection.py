"""The words in which a selection is put: `Query`, its criteria, and the keys and links that they may name.

`hub.model.query` is the front: it has these, and brings a query into its one form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Final, Literal

from hub.model.fiche import EntityType

Op = Literal["eq", "prefix", "contains", "whole", "exact", "sounds", "missing"]
Sort = Literal["number", "name", "distance", "local", "updated"]
SORTS: tuple[Sort, ...] = ("number", "name", "distance", "local", "updated")

KEYS: dict[str, str] = {
    "id": "the entity's UUID, or one that it had before it turned out to be the same as another",
    "fiche": "the UUID (see `id`) of the fiche that the entity is, or is a part of",
    "identifier": "`system|value`, `system|` for any of that system, or `|value` for any system; canonical digits",
    "name": "a name, or a word in one (a prefix of it with op prefix), in capitals or not, with accents or without",
    "family": "a caregiver's family name, in capitals or not, with accents or without",
    "given": "a caregiver's given name, in capitals or not, with accents or without",
    "gender": "male, female, other or unknown",
    "street": "street name, in capitals or not, with accents or without",
    "city": "city name, in capitals or not, with accents or without",
    "postcode": "four digits",
    "address": "a street or city, in capitals or not, with accents or without, or a postcode",
    "country": "ISO 3166 code of two letters, of an organisatie, vestiging or zorgverlener",
    "municipality": "REFNIS code of the address",
    "zone": "primary-care zone of the address",
    "province": "province of the address, its Dutch name, in capitals or not",
    "region": "vlaanderen, brussel or wallonie",
    "serves": "`municipality|code`, `zone|code` ...: the service area",
    "type": "`scheme|code` of what it is: types, rubrieken, professions, role; broader codes find the narrower ones; also `scheme|` and `|code`",
    "code": "`scheme|code`, `scheme|` for any of that scheme, or `|code` for any scheme, of whatever is coded: types, rubrieken, professions, target groups, tags, legal form, recognitions, competences; broader codes find the narrower ones",
    "form": "organisatie or praktijk",
    "language": "language of service, ISO 639",
    "delivery": "onsite, home, online, blended, phone",
    "status": "active, inactive, unknown; of an electronic address that is inactive also off, suspended",
    "period": "from when until when a membership or caregiver is there: `a..b|c..d`, the first day between a and b, the last between c and d",
    "updated": "`a..b`: the seq of its last change, more than a and at most b",
    "availability": "`patientenstop|no`, `waiting_list|no`, `on_call|yes` ...; an expired value is `unknown`",
    "umbrella": "yes or no",
    "source": "name of a source that gave something which the asker sees of it",
    "contact": "`kind|value` of a contact (normalised), or `kind|` for any of that kind",
}
"""Every key that a `Criterion` may name, and what its values look like."""

TEXT_KEYS: frozenset[str] = frozenset({"name", "family", "given", "street", "city", "address"})
"""Keys whose values are folded before they are compared, and the only ones in which `contains` can look."""

CODED_KEYS: frozenset[str] = frozenset({"identifier", "type", "code", "contact"})
"""Keys whose values are `system|value`; what has nothing behind the bar stands for every value of that system."""

RANGE_KEYS: frozenset[str] = frozenset({"period", "updated"})
"""Keys whose values are ranges (`a..b`, each end may be left out), and which are compared by eq only."""

PARTS_OF: dict[str, tuple[str, ...]] = {"code": ("type", "code"), "address": ("street", "city", "postcode")}
"""Keys that ask several things of the index at once -> the keys that stand in it."""

MOST_CLAUSES: Final = 32

ENTITY_KEYS: frozenset[str] = frozenset({"id", "fiche"})
"""Keys whose values are the hub's own UUIDs."""

LINKS: dict[str, str] = {
    "organisatie": "aanbod, vestiging, membership, electronic_address, caregiver -> the organisatie it belongs to",
    "parent": "organisatie -> its parent",
    "provided_by": "aanbod -> the organisatie that carries it out",
    "vestiging": "aanbod, caregiver -> the vestigingen where it takes place",
    "zorgverlener": "aanbod, caregiver -> the zorgverlener",
    "aanbod": "caregiver -> the aanbod",
    "member_of": "membership -> the organisatie that it is a membership of",
    "endpoint": "organisatie -> its electronic addresses",
}
"""Every link between entities; each can be followed in both directions."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """`key` has (or with `negate`, has not) one of `values`. Several values are alternatives; several criteria must all hold.

    `eq` compares a whole value, but for a name also a word of it; `whole` takes no word for a name, though a family or given name is one.
    `exact` is `whole` with the capitals, accents and signs of the value as they are written. `sounds`: a word of a name sounds like the value, which is one word (`hub.model.sounds`).
    """

    key: str
    values: tuple[str, ...] = ()
    op: Op = "eq"
    negate: bool = False


def any_of(key: str, alternatives: Sequence[Sequence[str]], op: Op) -> list[Criterion] | None:
    """The criteria under which one of the alternatives holds, of each all words: (a and b) or c is (a or c) and (b or c). None when they are too many for one query."""
    if prod(map(len, alternatives)) > MOST_CLAUSES:
        return None
    clauses = dict.fromkeys(tuple(dict.fromkeys(clause)) for clause in product(*alternatives))
    return [Criterion(key, clause, op) for clause in clauses if clause]


@dataclass(frozen=True, slots=True)
class Linked:
    """A linked entity satisfies `query`. `link` is one of `LINKS`; `reverse` follows it backwards (who points to me)."""

    link: str
    query: Query
    reverse: bool = False
    negate: bool = False


@dataclass(frozen=True, slots=True)
class Near:
    """Within `km` kilometres of a point (WGS84 degrees)."""

    lat: float
    lon: float
    km: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A selection of entities of `types`, in an order, a page at a time.

    `text`: words that must all occur in names, labels of codes, places or description, each as the beginning of a word (a single letter
    only as a word). `where` and `linked` must all hold. `local` is the REFNIS code of the place the searcher named: with sort `local` hits in it come first, then those serving it, then
    near ones, then the rest. Among each of them who has the words of `text` in a name, a label or an address comes before who has one in a description only,
    then umbrella organisations last, then by name; of near ones and the rest the nearest first. `changed_since` keeps entities with a visible change after that seq.
    The order `name` is one for all askers: of the name that everybody sees who sees the entity; where there is none, it stands before all others.
    `limit`: 1 to 1000. `cursor`: opaque, from the previous page; it carries the whole normalised query.
    `total`: `none`, `estimate` (stops at 1,001) or `accurate`.
    """

    types: tuple[EntityType, ...]
    text: str = ""
    where: tuple[Criterion, ...] = ()
    linked: tuple[Linked, ...] = ()
    near: Near | None = None
    local: str | None = None
    changed_since: int | None = None
    sort: Sort = "number"
    descending: bool = False
    limit: int = 20
    cursor: str | None = None
    total: Literal["none", "estimate", "accurate"] = "none"


Reason = tuple[str, str]
"""Why a hit is there: what matched and with what, e.g. `("tier", "local")`, `("name", "woonzorg")`, `("distance", "3.4")`."""
