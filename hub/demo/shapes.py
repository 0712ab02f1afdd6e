"""What the fictional world consists of, in the words of the domain and in no partner's format. Nobody changes any of it.

Those of which a register of 780,000 makes several for each person are not frozen: that would make them three times as slow to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hub.model.fiche import Hours, Language, Position, Text, Visibility

Delivery = Literal["onsite", "home", "online", "blended", "phone"]


@dataclass(frozen=True, slots=True)
class Town:
    """A municipality as addresses name it. For one that has merged, `refnis` and names are the old ones, the postcodes still in use."""

    refnis: str
    nl: str
    fr: str
    region: Literal["vlaanderen", "brussel", "wallonie"]
    lat: float
    lon: float
    postcodes: tuple[str, ...]


@dataclass(slots=True, unsafe_hash=True)
class Address:
    """An address; in Brussels `street` and `city` have both languages. `position` is missing where the register has none."""

    street: Text
    house_number: str
    box: str | None
    postcode: str
    city: Text
    municipality: str
    position: Position | None
    type: Literal["visit", "practice", "administrative", "emergency"] = "visit"
    visibility: Visibility | None = None


@dataclass(slots=True, unsafe_hash=True)
class Contact:
    """`value` is normalised, `raw` as somebody typed it (a website possibly without scheme)."""

    kind: Literal["phone", "mobile", "email", "website"]
    value: str
    raw: str
    primary: bool = False
    visibility: Visibility | None = None
    purpose: Literal["general", "emergency", "colleagues", "appointments", "complaints"] | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """A vestiging. `code` is the number that the directory knows it by, unique in the world."""

    number: int
    code: str
    establishment: str
    address: Address
    contacts: tuple[Contact, ...]
    hours: tuple[Hours, ...]


@dataclass(frozen=True, slots=True)
class Org:
    """An organisatie or praktijk. `twin_of`: the organisatie whose enterprise, establishment and address it shares.

    `rubriek` is what it mainly does, `types` its CD-HCPARTY codes, `parent` and `memberships` are indexes. `ceased_on`: its
    enterprise ended. `updated_ms`: when its fiche was last changed, in milliseconds since 1970.
    """

    index: int
    form: Literal["organisatie", "praktijk"]
    name_nl: str | None
    name_fr: str | None
    legal_form: str
    kbo: str
    riziv_group: str | None
    rubriek: str
    types: tuple[str, ...]
    umbrella: bool
    parent: int | None
    memberships: tuple[int, ...]
    twin_of: int | None
    region: Literal["vlaanderen", "brussel", "wallonie"]
    sites: tuple[Site, ...]
    contacts: tuple[Contact, ...]
    description: Text
    languages: tuple[Language, ...]
    fhir_base: str | None
    ceased_on: str | None
    updated_ms: int

    @property
    def name(self) -> str:
        """The name in Dutch, or in French where there is no other."""
        return self.name_nl or self.name_fr or ""


@dataclass(frozen=True, slots=True)
class Availability:
    """Something that goes stale: a patientenstop, an on-call duty or a waiting list, as it was said on `asserted_at` (RFC 3339), until `valid_until`."""

    value: Literal["yes", "no"]
    asserted_at: str
    valid_until: str
    weeks: int | None = None


@dataclass(frozen=True, slots=True)
class Recognition:
    """An erkenning by an authority."""

    number: str
    authority: str
    start: str


@dataclass(frozen=True, slots=True)
class Caregiving:
    """A zorgverlener (`person`, an index) working in an aanbod."""

    person: int
    profession: str
    hours: tuple[Hours, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """An aanbod of organisatie `org` at its `sites` (numbers within the organisatie; none when it is online only).

    `provided_by`: another organisatie carries it out. `supervised_since`: under heightened supervision. `service_area` holds REFNIS codes.
    """

    index: int
    org: int
    sites: tuple[int, ...]
    rubrieken: tuple[str, ...]
    name: Text
    description: Text
    target_groups: tuple[str, ...]
    languages: tuple[Language, ...]
    hours: tuple[Hours, ...]
    contacts: tuple[Contact, ...]
    caregivers: tuple[Caregiving, ...]
    delivery: tuple[Delivery, ...]
    service_area: tuple[str, ...]
    provided_by: int | None
    recognition: Recognition | None
    supervised_since: str | None
    patientenstop: Availability | None
    on_call: Availability | None
    waiting_list: Availability | None
    places: int | None
    price: Text | None
    updated_ms: int


@dataclass(slots=True, unsafe_hash=True)
class Person:
    """A zorgverlener. In the directory `riziv_known` may be false: it then has no number, though the register does.

    `riziv` has eleven digits with valid check digits; its first eight are unique. `offers` are the aanbod that he or she works in (indexes);
    those who are only in the register have none. `visibility` is "professional" for those who do not want to be public.
    """

    index: int
    family: str
    given: str
    gender: Literal["male", "female"]
    riziv: str
    riziv_known: bool
    profession: str
    rubriek: str
    offers: tuple[int, ...]
    addresses: tuple[Address, ...]
    contacts: tuple[Contact, ...]
    languages: tuple[Language, ...]
    convention: Literal["full", "partial", "none"]
    active: bool
    stopped_on: str | None
    visibility: Visibility | None
    in_directory: bool
    updated_ms: int


@dataclass(frozen=True, slots=True)
class BrusselsListing:
    """What sociaal.brussels knows: an organisation in two languages under its own number and categories.

    `in_sociale_kaart` is the index of the same organisatie in the directory, if it is there. `org` is as sociaal.brussels spells it.
    """

    id: int
    org: Org
    in_sociale_kaart: int | None
    alternative_nl: str | None
    alternative_fr: str | None
    opening_nl: str
    opening_fr: str
    categories: tuple[str, ...]
    last_update: str


@dataclass(frozen=True, slots=True)
class OverlayItem:
    """What a local map adds for itself: to organisatie `about`, or (`about` is none) something out of scope for any register."""

    index: int
    partner: str
    about: int | None
    name: Text
    note: Text
    address: Address | None
    contacts: tuple[Contact, ...]
    updated_ms: int
