"""The table of who may see which value, which `hub.model.audience` applies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hub.model.fiche import Visibility

LEVELS: Final[tuple[Visibility, ...]] = ("public", "professional", "internal")
RANK: Final[Mapping[Visibility, int]] = {"public": 0, "professional": 1, "internal": 2}
ABSENT: Final = 3
"""The rank of something that nobody sees: it does not exist (yet, or any more)."""

_Levels = Mapping[str, Visibility]


def _levels(public: str = "", professional: str = "") -> _Levels:
    """What is named in neither is internal; `test_audience` demands that somebody decided so."""
    named: dict[str, Visibility] = dict.fromkeys(public.split(), "public")
    named.update(dict.fromkeys(professional.split(), "professional"))
    return named


_FICHE = "id kind status identifiers description contacts languages tags gov_info in_scope_of source_url "  # what the three kinds share

VISIBILITY: Final[Mapping[str, _Levels]] = {
    # The fiches. Left out: visibility and field_visibility, which only say what is hidden.
    "Organisatiefiche": _levels(public=_FICHE + "form names types legal_form umbrella parent memberships electronic_addresses vestigingen"),
    "Aanbodfiche": _levels(
        public=_FICHE + "names organisatie provided_by vestigingen caregivers rubrieken target_groups hours hours_text delivery "
        "service_area price recognitions patientenstop on_call waiting_list capacity"
    ),
    "Zorgverlenersfiche": _levels(
        public=_FICHE + "name professions competences visum convention addresses",
        professional="gender",  # a patient may ask for a woman, but nobody needs to list them
    ),
    # Their parts. Left out: keys, by which sources recognise a part.
    "Vestiging": _levels(public="id name identifiers addresses contacts hours hours_text status"),
    "Membership": _levels(public="id organisatie role status period"),
    "ElectronicAddress": _levels(public="id type address status"),
    "Caregiver": _levels(public="id zorgverlener professions contacts hours status period"),
    # Values. Left out: what was the proof that somebody works, and what a source typed, which may hold a second, hidden number.
    "Activity": _levels(public="status since until asserted_at"),
    "Identifier": _levels(public="system value"),
    "Name": _levels(public="text use"),
    "Address": _levels(
        public="type street house_number box postcode municipality city country position",
    ),
    "Contact": _levels(public="kind value purpose primary label language"),
    "Recognition": _levels(public="number authority type label period"),
    "GovInfo": _levels(public="type value url legal_basis published_at valid_from valid_until withdrawn_at"),
    "Volatile": _levels(public="value asserted_at valid_until note"),
    "WaitingList": _levels(public="value weeks asserted_at valid_until note"),
    "Capacity": _levels(public="unit maximum available asserted_at valid_until"),
}
"""Declaration -> field -> who may see it when the value itself says nothing. A field that is not here is internal.

Records that are not here (`Text`, `Code`, `Hours`, ...) have nothing to hide and go as a whole with the field that holds them.
"""

BY_KIND: Final[Mapping[str, tuple[str, _Levels]]] = {
    "Address": ("type", {"emergency": "internal", "administrative": "professional"}),
    "Contact": ("purpose", {"emergency": "internal", "colleagues": "professional"}),
}
"""Declaration -> the key that tells its kinds apart, and the kinds that are less public than their field."""

_NOTHING: Final[Mapping[str, Visibility]] = {}


def overrides_of(document: Mapping[str, Any]) -> Mapping[str, Visibility]:
    """Field -> who may see it, where a stamped fiche hides or opens fields of its own choice (`field_visibility`).

    Who may not see of which organisatie an aanbod is does not see at which vestigingen it is either: each of them names its organisatie.
    """
    said: Mapping[str, Visibility] | None = document.get("field_visibility")
    if not said:
        return _NOTHING
    tie = said.get("organisatie")
    if tie is None or document.get("kind") != "aanbod" or RANK.get(tie, 2) <= RANK.get(said.get("vestigingen", "public"), 2):
        return said
    return {**said, "vestigingen": tie}
