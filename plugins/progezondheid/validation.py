"""What is wrong with a caregiver although every field is of the right form: what a source, whichever it is, must look at again. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from hub import FieldError, InvalidIdentifier, normalise_identifier
from plugins.progezondheid.words import SOURCE

_RECEIVING: Final = ("visit", "practice")


def errors_in(fiche: Mapping[str, Any], origin: str) -> Iterator[FieldError]:
    """What is wrong with a zorgverlener; nothing for other kinds.

    A RIZIV number must fit one of the two check moduli (97, and 89 since 2012), whatever the source. Of the federal register we
    also expect that a practice address leads somewhere: a postcode, and a street or a point on the map.
    """
    if fiche.get("kind") != "zorgverlener":
        return
    for place, item in enumerate(fiche.get("identifiers", ())):
        if item.get("system") == "riziv":
            try:
                normalise_identifier("riziv", item["value"])
            except InvalidIdentifier as error:
                yield FieldError(f"identifiers.{place}.value", error.reason, str(item["value"]))
    if origin != SOURCE:
        return
    for place, address in enumerate(fiche.get("addresses", ())):
        if address.get("type") not in _RECEIVING:
            continue
        if not address.get("postcode"):
            yield FieldError(f"addresses.{place}.postcode", "a practice address needs a postcode")
        if not (address.get("street") or address.get("position")):
            yield FieldError(f"addresses.{place}.street", "a practice address needs a street, or a point on the map")
