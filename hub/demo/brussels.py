"""What sociaal.brussels knows: part of the directory's Brussels organisaties in its own words, and organisations of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from hub.demo import defects
from hub.demo.dice import Dice, chance
from hub.demo.layout import Layout
from hub.demo.organisations import Organisations
from hub.demo.rubrieken import categories_of
from hub.demo.shapes import BrusselsListing, Org

_ALSO: Final = chance(defects.ALSO_IN_SOCIAAL_BRUSSELS)
_RESPELLED: Final = chance(defects.RESPELLED_NAME)
_HAS_ALTERNATIVE: Final = chance(0.20)
_FIRST_ID: Final = 100
_OPENING: Final = (
    ("Maandag tot vrijdag van 9 tot 17 uur", "Du lundi au vendredi de 9 h à 17 h"),
    ("Alle werkdagen van 8.30 tot 12.30 uur", "Tous les jours ouvrables de 8 h 30 à 12 h 30"),
    ("Op afspraak", "Sur rendez-vous"),
    ("Dag en nacht", "Jour et nuit"),
)


class Brussels:
    """The list of sociaal.brussels, by place in the list: first what the directory has as well, then the others."""

    def __init__(self, seed: int, layout: Layout, organisations: Organisations, organisation: Callable[[int], Org]) -> None:
        self._dice = Dice(seed, "sociaal-brussels/listing")
        self._organisations = organisations
        self._organisation = organisation
        in_brussels = [index for index in range(layout.organisations) if layout.in_brussels(index) and not layout.is_practice(index)]
        self._shared = tuple(index for index in in_brussels if self._dice.throw(index, 1)[0] < _ALSO)
        # As large a part of this list is shared as of the directory's.
        self._own = round(len(self._shared) / defects.ALSO_IN_SOCIAAL_BRUSSELS) - len(self._shared)

    def __len__(self) -> int:
        return len(self._shared) + self._own

    def listing(self, place: int) -> BrusselsListing:
        """The organisation at this place."""
        draws = self._dice.throw(place)
        shared = self._shared[place] if place < len(self._shared) else None
        if shared is None:
            org = self._organisations.brussels_only(place - len(self._shared))
        else:
            org = self._organisation(shared)
            if draws[0] < _RESPELLED:
                org = replace(
                    org,
                    name_nl=org.name_nl and _respelled(org.name_nl),
                    name_fr=org.name_fr and f"{org.name_fr} ASBL",
                )
        opening_nl, opening_fr = _OPENING[draws[1] & 3]
        alternative = draws[2] < _HAS_ALTERNATIVE
        return BrusselsListing(
            id=_FIRST_ID + place * 3,
            org=org,
            in_sociale_kaart=shared,
            alternative_nl=_initials(org.name_nl) if alternative and org.name_nl else None,
            alternative_fr=_initials(org.name_fr) if alternative and org.name_fr else None,
            opening_nl=opening_nl,
            opening_fr=opening_fr,
            categories=categories_of().get(org.rubriek, ("9803",) if draws[3] < 16384 else ()),
            last_update=f"202{3 + draws[4] % 3}-{1 + draws[5] % 12:02d}-{1 + draws[6] % 28:02d}",
        )


def _respelled(name: str) -> str:
    return f"{name.replace('De ', 'de ')} vzw"


def _initials(name: str) -> str:
    return "".join(word[0] for word in name.split()).upper()
