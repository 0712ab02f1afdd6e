"""Entities as a directory hands them out, made from fiches that a test writes or hypothesis invents."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from hub.model.audience import Grant, project, stamp
from hub.model.entity import Entity
from hub.model.fiche import PARTS, Document, EntityType, Kind
from tests.fiches import fiches

WHEN = "2026-11-22T09:00:00Z"
TODAY = "2026-11-22"
ORGANISATIE = "0b6f4c5e-0000-4000-8000-000000000001"
VESTIGING = "0b6f4c5e-0000-4000-8000-000000000002"
AANBOD = "0b6f4c5e-0000-4000-8000-000000000003"
ZORGVERLENER = "0b6f4c5e-0000-4000-8000-000000000004"
CAREGIVER = "0b6f4c5e-0000-4000-8000-000000000005"
NETWORK = "0b6f4c5e-0000-4000-8000-000000000006"
MEMBERSHIP = "0b6f4c5e-0000-4000-8000-000000000007"
ENDPOINT = "0b6f4c5e-0000-4000-8000-000000000008"


class Labels:
    """A book of three concepts."""

    _known = {
        ("cd-hcparty", "persphysician"): "arts",
        ("cd-hcparty", "orghospital"): "ziekenhuis",
        ("rubriek", "14.04.01"): "Woonzorgcentra",
    }

    def label(self, scheme: str, code: str, language: str = "nl") -> str:
        """The Dutch label, or the code."""
        return self._known.get((scheme, code), code)

    def implied(self, scheme: str, code: str, target_scheme: str) -> tuple[str, ...]:
        """Rubriek 19.01 is of physicians, and everything below it too."""
        return ("persphysician",) if (scheme, target_scheme) == ("rubriek", "cd-hcparty") and code.startswith("19.01") else ()


def organisatie(**fields: Any) -> Document:
    """A bilingual hospital in Brussels with one site."""
    return {
        "kind": "organisatie",
        "id": ORGANISATIE,
        "names": [{"text": {"nl": "Ziekenhuis Zon", "fr": "Hôpital Soleil"}}],
        "status": {"status": "active"},
        "types": [{"scheme": "cd-hcparty", "code": "orghospital"}],
        "identifiers": [
            {"system": "kbo", "value": "0403019261"},
            {"system": "riziv-group", "value": "71000012"},
        ],
        "vestigingen": [
            {
                "id": VESTIGING,
                "identifiers": [{"system": "vestigingsnummer", "value": "2147812701"}],
                "status": {"status": "active"},
                "addresses": [
                    {
                        "type": "visit",
                        "street": {"nl": "Zonnestraat", "fr": "Rue du Soleil"},
                        "house_number": "12",
                        "box": "3",
                        "postcode": "1000",
                        "city": {"nl": "Brussel", "fr": "Bruxelles"},
                        "position": {"lat": 50.85, "lon": 4.35},
                    }
                ],
                "contacts": [{"kind": "phone", "value": "+3225550000"}],
            }
        ],
        **fields,
    }


def aanbod(**fields: Any) -> Document:
    """A care home of the hospital, with one caregiver."""
    return {
        "kind": "aanbod",
        "id": AANBOD,
        "names": [{"text": {"nl": "Woonzorg Zon"}}],
        "status": {"status": "active"},
        "organisatie": {"id": ORGANISATIE},
        "vestigingen": [{"id": VESTIGING}],
        "rubrieken": [{"scheme": "rubriek", "code": "14.04.01"}],
        "caregivers": [{"id": CAREGIVER, "zorgverlener": {"id": ZORGVERLENER}}],
        **fields,
    }


def zorgverlener(**fields: Any) -> Document:
    """A physician."""
    return {
        "kind": "zorgverlener",
        "id": ZORGVERLENER,
        "name": {"family": "Peeters", "given": ["An"]},
        "identifiers": [{"system": "riziv", "value": "18749704001"}],
        "professions": [{"scheme": "cd-hcparty", "code": "persphysician"}],
        **fields,
    }


def entity(
    fiche: Document,
    type: EntityType | None = None,
    part: int = 0,
    *,
    related: tuple[Document, ...] = (),
    grant: Grant | None = None,
) -> Entity:
    """The entity that a fiche is, or its part of that type, projected with everything beside it."""
    asker = grant or Grant()

    def shown(document: Document) -> Document | None:
        return project(stamp(document["kind"], document), asker, TODAY)

    seen = shown(fiche)
    assert seen is not None
    beside = {document["id"]: document for document in map(shown, related) if document is not None}
    kind: EntityType = type or fiche["kind"]
    field = next((name for name, (_, part_type, _) in PARTS.items() if part_type == kind), None)
    found = seen[field][part] if field else None
    id = found["id"] if found else seen["id"]
    return Entity(id, kind, 1, 42, WHEN, seen, found, beside)


@st.composite
def random_entities(draw: st.DrawFn) -> Entity:
    """Any entity whatever: its fiche, what it points to, and who looks at it."""
    grant = Grant(level=draw(st.sampled_from(("public", "professional", "internal"))))
    organisation = _whole(draw, "organisatie", ORGANISATIE)
    network = _whole(draw, "organisatie", NETWORK)
    person = _whole(draw, "zorgverlener", ZORGVERLENER)
    offer = _whole(draw, "aanbod", AANBOD)
    for index, part in enumerate(organisation.get("memberships", ())):
        part["id"] = f"{MEMBERSHIP[:-2]}{index:02d}"
        part["organisatie"] = {"id": NETWORK}
    for field in ("vestigingen", "electronic_addresses"):
        for index, part in enumerate(organisation.get(field, ())):
            part["id"] = f"{(VESTIGING if field == 'vestigingen' else ENDPOINT)[:-2]}{index:02d}"
    organisation.get("vestigingen", [{}])[0]["id"] = VESTIGING
    offer["organisatie"] = {"id": ORGANISATIE}
    offer["vestigingen"] = [{"id": VESTIGING}]
    for index, part in enumerate(offer.get("caregivers", ())):
        part["id"] = f"{CAREGIVER[:-2]}{index:02d}"
        part["zorgverlener"] = {"id": ZORGVERLENER}
    organisation["parent"] = {"id": NETWORK}
    related = tuple(each for each in (organisation, network, person) if draw(st.booleans()))
    choices: list[Entity] = [
        entity(organisation, related=related, grant=grant),
        entity(offer, related=related, grant=grant),
        entity(person, related=related, grant=grant),
    ]
    for field, (kind, part_type, _) in PARTS.items():
        fiche = organisation if kind == "organisatie" else offer
        seen = project(stamp(kind, fiche), grant, TODAY) or {}
        choices += [entity(fiche, part_type, index, related=related, grant=grant) for index in range(len(seen.get(field, ())))]
    return draw(st.sampled_from(choices))


def _whole(draw: st.DrawFn, kind: Kind, id: str) -> Document:
    fiche = draw(fiches(kind))
    fiche["id"], fiche["visibility"] = id, "public"
    fiche.pop("field_visibility", None)
    return fiche
