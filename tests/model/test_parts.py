"""A part is recognised by its own number, else by where it stands; never by its place in a list."""

from typing import Any

import pytest

from hub.model.fiche import PartType
from hub.model.parts import part_keys

ORG = "0f0e0d0c-0000-4000-8000-000000000001"
VISIT: dict[str, Any] = {"type": "visit", "postcode": "1000", "street": {"nl": "Wetstraat", "fr": "Rue de la Loi"}, "house_number": "16 A"}


@pytest.mark.parametrize(
    ("part_type", "part", "keys"),
    [
        ("vestiging", {"keys": ["sk:2", "sk:1"], "addresses": [VISIT]}, ("sk:1", "sk:2")),
        ("vestiging", {"identifiers": [{"system": "vestigingsnummer", "value": "2.000.000.042"}]}, ("nr|2000000042",)),
        ("vestiging", {"identifiers": [{"system": "vestigingsnummer", "value": " geen nummer"}]}, ("nr|geen nummer",)),
        ("vestiging", {"identifiers": [{"system": "kbo", "value": "0403019261"}]}, ()),
        ("vestiging", {"addresses": [VISIT]}, ("adr|1000|rue de la loi|16a", "adr|1000|wetstraat|16a")),
        ("vestiging", {"addresses": [{**VISIT, "type": "administrative"}], "name": {"nl": "De Línde!"}}, ("name|de linde",)),
        ("vestiging", {"addresses": [{"postcode": "1000", "street": {"nl": "Wetstraat"}}]}, ("adr|1000|wetstraat|",)),
        ("vestiging", {"addresses": [{"postcode": "1000"}]}, ()),
        ("vestiging", {"name": {"nl": "!"}}, ()),
        ("membership", {"organisatie": {"id": ORG}, "role": {"scheme": "rol", "code": "lid"}}, (f"org|{ORG}|lid",)),
        ("membership", {"organisatie": {"id": ORG}, "keys": ["a:1"]}, ("a:1", f"org|{ORG}|")),
        ("membership", {}, ()),
        ("electronic_address", {"address": "https://example.org/fhir"}, ("url|https://example.org/fhir",)),
        ("electronic_address", {}, ()),
        ("caregiver", {"zorgverlener": {"id": ORG}}, (f"zv|{ORG}",)),
        ("caregiver", {"zorgverlener": {"system": "riziv", "value": "1"}}, ()),
    ],
)
def test_the_keys_of_a_part(part_type: PartType, part: dict[str, Any], keys: tuple[str, ...]) -> None:
    assert part_keys(part_type, part) == keys


def test_a_merged_part_has_the_keys_of_what_it_was_made_of() -> None:
    part = {"identifiers": [{"system": "vestigingsnummer", "value": "2000000042"}], "addresses": [VISIT]}
    assert part_keys("vestiging", {**part, "keys": list(part_keys("vestiging", part))}) == part_keys("vestiging", part)
