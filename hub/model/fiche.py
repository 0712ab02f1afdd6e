"""The canonical fiche: every shape that the hub stores, merges, serves and checks, declared once.

A fiche *is* its JSON form: the `TypedDict` classes below describe plain dictionaries, so nothing is encoded or decoded between the
database, the merge and an output. `hub.schemas` builds the marshmallow schemas and the fast checker from these very
declarations; `Rule` says how a field merges, and `hub.model.visibility` who may see it.

Three kinds, named as the field names them: `Organisatiefiche`, `Aanbodfiche` and `Zorgverlenersfiche`. A *part* (a vestiging, a membership,
an electronic address, a caregiver in an aanbod) lives inside a fiche and has an id of its own, given once and kept.

Conventions: ids are the hub's own UUIDs as text; dates are `YYYY-MM-DD`, moments RFC 3339 in UTC, times `HH:MM`; an absent key means
that nothing is known (never `null`, never an empty string or list).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, NotRequired, Required, TypedDict

Kind = Literal["organisatie", "aanbod", "zorgverlener"]
PartType = Literal["vestiging", "membership", "electronic_address", "caregiver"]
EntityType = Literal["organisatie", "aanbod", "zorgverlener", "vestiging", "membership", "electronic_address", "caregiver"]
KINDS: tuple[Kind, ...] = ("organisatie", "aanbod", "zorgverlener")
PART_TYPES: tuple[PartType, ...] = ("vestiging", "membership", "electronic_address", "caregiver")
ENTITY_TYPES: tuple[EntityType, ...] = (*KINDS, *PART_TYPES)

Visibility = Literal["public", "professional", "internal"]
Language = Literal["nl", "fr", "de", "en"]
LANGUAGES: tuple[Language, ...] = ("nl", "fr", "de", "en")

Date = Annotated[str, "date"]
"""`YYYY-MM-DD`"""
Moment = Annotated[str, "moment"]
"""RFC 3339 with an offset, e.g. `2026-11-22T09:00:00Z`"""
Time = Annotated[str, "time"]
"""`HH:MM`, `24:00` allowed as a closing time"""
Uuid = Annotated[str, "uuid"]
Url = Annotated[str, "url"]

Group = Literal[
    "identifiers",
    "names",
    "activity",
    "addresses",
    "contacts",
    "operation",
    "classification",
    "recognition",
    "availability",
    "relations",
    "professions",
    "gov_info",
    "scope",
]
"""Field groups: the unit in which `hub/authority.toml` ranks the sources."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How a field merges. `whole`: the best source's value stands alone. `union`: items of all sources together, one per `key`.

    `parts`: a union of parts, recognised by `part_keys`, whose own fields merge by their own rules.
    """

    group: Group
    merge: Literal["whole", "union", "parts"] = "whole"
    key: tuple[str, ...] = ()


class Text(TypedDict, total=False):
    """A text per language. At least one language is present."""

    nl: str
    fr: str
    de: str
    en: str


class Code(TypedDict):
    """A concept of a scheme, e.g. `{"scheme": "rubriek", "code": "14.04.01"}`. Labels live with the concept, never here."""

    scheme: str
    code: str


class Tag(TypedDict):
    """A concept of a governed tag scheme with who vouches for it."""

    scheme: str
    code: str
    status: NotRequired[Literal["self-declared", "verified"]]
    verified_by: NotRequired[str]


class Ref(TypedDict, total=False):
    """A link to another fiche: in a merged fiche always `{"id": ...}`; in a claim a source's id, or a strong key.

    In a claim: `{"source": "sociale-kaart", "external_id": "..."}`, or `{"system": "riziv", "value": "..."}`.
    """

    id: Uuid
    source: str
    external_id: str
    system: str
    value: str


class PartRef(TypedDict, total=False):
    """A link to a vestiging of the organisatie that offers: `{"id": ...}` once merged, `{"key": ...}` (see `part_keys`) in a claim."""

    id: Uuid
    key: str


class Identifier(TypedDict):
    """A number given by an authority; `system` is one of `hub.model.identifiers` or a source's name."""

    system: str
    value: str
    visibility: NotRequired[Visibility]


class Name(TypedDict):
    """A name of an organisation or an offer."""

    text: Text
    use: NotRequired[Literal["official", "alternative", "former", "short"]]
    visibility: NotRequired[Visibility]


class PersonName(TypedDict):
    """A caregiver's name."""

    family: str
    given: NotRequired[list[str]]
    prefix: NotRequired[str]


class Position(TypedDict):
    """WGS84 degrees."""

    lat: float
    lon: float


class Address(TypedDict):
    """An address; `street` and `city` carry both languages in Brussels. `emergency` is internal unless said otherwise."""

    type: NotRequired[Literal["visit", "practice", "administrative", "postal", "emergency"]]
    street: NotRequired[Text]
    house_number: NotRequired[str]
    box: NotRequired[str]
    postcode: NotRequired[str]
    municipality: NotRequired[str]
    city: NotRequired[Text]
    country: NotRequired[str]
    position: NotRequired[Position]
    visibility: NotRequired[Visibility]


class Contact(TypedDict):
    """One way to reach somebody. `value` is normalised, `raw` what the source wrote; a website is never dropped for being odd."""

    kind: Literal["phone", "mobile", "fax", "email", "website"]
    value: str
    raw: NotRequired[str]
    purpose: NotRequired[Literal["general", "emergency", "colleagues", "appointments", "complaints"]]
    primary: NotRequired[bool]
    label: NotRequired[Text]
    language: NotRequired[Language]
    visibility: NotRequired[Visibility]


class Hours(TypedDict):
    """Opening or consultation hours on some weekdays, optionally for a period."""

    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]
    opens: NotRequired[Time]
    closes: NotRequired[Time]
    by_appointment: NotRequired[bool]
    valid_from: NotRequired[Date]
    valid_until: NotRequired[Date]


class Period(TypedDict, total=False):
    """From and until, both inclusive."""

    start: Date
    end: Date


class Volatile(TypedDict):
    """A yes or no that goes stale: past `valid_until` it reads `unknown`."""

    value: Literal["yes", "no", "unknown"]
    asserted_at: NotRequired[Moment]
    valid_until: NotRequired[Date]
    note: NotRequired[Text]
    visibility: NotRequired[Visibility]


class WaitingList(TypedDict):
    """Whether there is a waiting list and how long it takes; goes stale like `Volatile`."""

    value: Literal["yes", "no", "unknown"]
    weeks: NotRequired[int]
    asserted_at: NotRequired[Moment]
    valid_until: NotRequired[Date]
    note: NotRequired[Text]
    visibility: NotRequired[Visibility]


class Capacity(TypedDict):
    """Places of some unit (`bed`, `place`, `room`), recognised and free; goes stale like `Volatile`."""

    unit: str
    maximum: NotRequired[int]
    available: NotRequired[int]
    asserted_at: NotRequired[Moment]
    valid_until: NotRequired[Date]
    visibility: NotRequired[Visibility]


class Activity(TypedDict):
    """Whether somebody or something really works, and how that is known. A diploma is not activity."""

    status: Literal["active", "inactive", "unknown"]
    evidence: NotRequired[str]
    since: NotRequired[Date]
    until: NotRequired[Date]
    asserted_at: NotRequired[Moment]


class Recognition(TypedDict):
    """A recognition (erkenning) of an offer or organisation by an authority."""

    number: NotRequired[str]
    authority: NotRequired[str]
    type: NotRequired[Code]
    label: NotRequired[Text]
    period: NotRequired[Period]
    visibility: NotRequired[Visibility]


class GovInfo(TypedDict):
    """Information that government adds: complaint procedure, inspection report, supervision status."""

    type: Literal["complaint_procedure", "inspection_report", "supervision", "other"]
    value: NotRequired[Text]
    url: NotRequired[Url]
    legal_basis: NotRequired[str]
    published_at: NotRequired[Date]
    valid_from: NotRequired[Date]
    valid_until: NotRequired[Date]
    withdrawn_at: NotRequired[Date]
    visibility: NotRequired[Visibility]


class Area(TypedDict):
    """A place that is served (werkingsgebied): a REFNIS code, a postcode, a zone or province code, or a region's name."""

    type: Literal["municipality", "postcode", "zone", "province", "region"]
    code: str


class Vestiging(TypedDict, total=False):
    """A site of an organisation. `id` is the hub's, `keys` are what sources recognise it by (see `part_keys`)."""

    id: Uuid
    keys: list[str]
    name: Annotated[Text, Rule("names")]
    identifiers: Annotated[list[Identifier], Rule("identifiers", "union", ("system", "value"))]
    addresses: Annotated[list[Address], Rule("addresses", "union", ("type", "postcode", "street", "house_number", "box"))]
    contacts: Annotated[list[Contact], Rule("contacts", "union", ("kind", "value"))]
    hours: Annotated[list[Hours], Rule("operation")]
    hours_text: Annotated[Text, Rule("operation")]
    status: Annotated[Activity, Rule("activity")]
    visibility: Annotated[Visibility, Rule("activity")]


class Membership(TypedDict, total=False):
    """This organisation takes part in another one (a network, a zorgraad, an umbrella); `status` as `hub.model.links.has_ended` reads it."""

    id: Uuid
    keys: list[str]
    organisatie: Annotated[Ref, Rule("relations")]
    role: Annotated[Code, Rule("relations")]
    status: Annotated[Activity, Rule("relations")]
    period: Annotated[Period, Rule("relations")]
    visibility: Annotated[Visibility, Rule("relations")]


class ElectronicAddress(TypedDict, total=False):
    """Where systems (not people) reach an organisation: an eHealthBox, a FHIR base."""

    id: Uuid
    keys: list[str]
    type: Annotated[Code, Rule("contacts")]
    address: Annotated[Url, Rule("contacts")]
    status: Annotated[Literal["active", "off", "suspended"], Rule("contacts")]
    visibility: Annotated[Visibility, Rule("contacts")]


class Caregiver(TypedDict, total=False):
    """A zorgverlener who works in this aanbod: the only tie between a person and a practice; `status` as `hub.model.links.has_ended` reads it."""

    id: Uuid
    keys: list[str]
    zorgverlener: Annotated[Ref, Rule("relations")]
    professions: Annotated[list[Code], Rule("professions", "union", ("scheme", "code"))]
    contacts: Annotated[list[Contact], Rule("contacts", "union", ("kind", "value"))]
    hours: Annotated[list[Hours], Rule("operation")]
    status: Annotated[Activity, Rule("relations")]
    period: Annotated[Period, Rule("relations")]
    visibility: Annotated[Visibility, Rule("relations")]


class _Common(TypedDict, total=False):
    """What the three kinds share. `field_visibility` hides a field that has no `visibility` of its own, e.g. `{"description": "internal"}`.

    Where it hides the `organisatie` of an aanbod, its `vestigingen`, which name it, are hidden as well.
    """

    id: Uuid
    visibility: Annotated[Visibility, Rule("activity")]
    status: Annotated[Activity, Rule("activity")]
    identifiers: Annotated[list[Identifier], Rule("identifiers", "union", ("system", "value"))]
    description: Annotated[Text, Rule("operation")]
    contacts: Annotated[list[Contact], Rule("contacts", "union", ("kind", "value"))]
    languages: Annotated[list[str], Rule("operation", "union")]
    tags: Annotated[list[Tag], Rule("classification", "union", ("scheme", "code"))]
    gov_info: Annotated[list[GovInfo], Rule("gov_info", "union", ("type", "url", "valid_from"))]
    in_scope_of: Annotated[list[str], Rule("scope", "union")]
    field_visibility: Annotated[dict[str, Visibility], Rule("scope", "union")]
    source_url: Annotated[Url, Rule("scope")]


class Organisatiefiche(_Common, total=False):
    """A legal or working unit, or a practice of self-employed caregivers (`form`)."""

    kind: Required[Literal["organisatie"]]
    form: Annotated[Literal["organisatie", "praktijk"], Rule("classification")]
    names: Annotated[list[Name], Rule("names", "union", ("use", "text"))]
    types: Annotated[list[Code], Rule("classification", "union", ("scheme", "code"))]
    legal_form: Annotated[Code, Rule("names")]
    umbrella: Annotated[bool, Rule("classification")]
    parent: Annotated[Ref, Rule("relations")]
    memberships: Annotated[list[Membership], Rule("relations", "parts")]
    electronic_addresses: Annotated[list[ElectronicAddress], Rule("contacts", "parts")]
    vestigingen: Annotated[list[Vestiging], Rule("addresses", "parts")]


class Aanbodfiche(_Common, total=False):
    """What is offered: by whom, where, under which rubrieken, for whom, when, with which recognition and room."""

    kind: Required[Literal["aanbod"]]
    names: Annotated[list[Name], Rule("names", "union", ("use", "text"))]
    organisatie: Annotated[Ref, Rule("relations")]
    provided_by: Annotated[Ref, Rule("relations")]
    vestigingen: Annotated[list[PartRef], Rule("relations", "union", ("id",))]
    caregivers: Annotated[list[Caregiver], Rule("relations", "parts")]
    rubrieken: Annotated[list[Code], Rule("classification", "union", ("scheme", "code"))]
    target_groups: Annotated[list[Code], Rule("classification", "union", ("scheme", "code"))]
    hours: Annotated[list[Hours], Rule("operation")]
    hours_text: Annotated[Text, Rule("operation")]
    delivery: Annotated[list[Literal["onsite", "home", "online", "blended", "phone"]], Rule("operation", "union")]
    service_area: Annotated[list[Area], Rule("operation", "union", ("type", "code"))]
    price: Annotated[Text, Rule("operation")]
    recognitions: Annotated[list[Recognition], Rule("recognition", "union", ("authority", "number", "type"))]
    patientenstop: Annotated[Volatile, Rule("availability")]
    on_call: Annotated[Volatile, Rule("availability")]
    waiting_list: Annotated[WaitingList, Rule("availability")]
    capacity: Annotated[list[Capacity], Rule("availability", "union", ("unit",))]


class Zorgverlenersfiche(_Common, total=False):
    """A caregiver: names, RIZIV number, professions, addresses by type. No diploma, no national number."""

    kind: Required[Literal["zorgverlener"]]
    name: Annotated[PersonName, Rule("names")]
    gender: Annotated[Literal["male", "female", "other", "unknown"], Rule("names")]
    professions: Annotated[list[Code], Rule("professions", "union", ("scheme", "code"))]
    competences: Annotated[list[Code], Rule("professions", "union", ("scheme", "code"))]
    visum: Annotated[Literal["active", "suspended", "withdrawn", "unknown"], Rule("professions")]
    convention: Annotated[Literal["full", "partial", "none", "unknown"], Rule("professions")]
    addresses: Annotated[list[Address], Rule("addresses", "union", ("type", "postcode", "street", "house_number", "box"))]


Fiche = Organisatiefiche | Aanbodfiche | Zorgverlenersfiche
Document = dict[str, Any]
"""A fiche or a partial fiche where the code is generic over its kind (merge, store, projection)."""

FICHE_TYPES: dict[Kind, type] = {
    "organisatie": Organisatiefiche,
    "aanbod": Aanbodfiche,
    "zorgverlener": Zorgverlenersfiche,
}
PARTS: dict[str, tuple[Kind, PartType, type]] = {
    "vestigingen": ("organisatie", "vestiging", Vestiging),
    "memberships": ("organisatie", "membership", Membership),
    "electronic_addresses": ("organisatie", "electronic_address", ElectronicAddress),
    "caregivers": ("aanbod", "caregiver", Caregiver),
}
"""Field of a fiche that holds parts -> (kind of the fiche, type of the part, declaration)."""
FIELD_OF_PART: Final[Mapping[str, str]] = {type: field for field, (_, type, _) in PARTS.items()}
"""Type of a part -> the field of its fiche that holds it."""
