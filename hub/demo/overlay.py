"""What a local map adds for itself: notes about organisaties of the directory, and entries that no register would hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hub.demo import defects
from hub.demo.dice import Dice, chance
from hub.demo.layout import Layout
from hub.demo.settlement import Settlement, address, email
from hub.demo.shapes import Org, OverlayItem
from hub.model.fiche import Text

PARTNER: Final = "lokale-kaart-demo"
_OUT_OF_SCOPE: Final = chance(defects.OUT_OF_SCOPE)
_ENTRIES: Final = (
    ("Praattafel", "Table de conversation"), ("Repair Café", "Repair Café"), ("Buurtmoestuin", "Potager de quartier"),
    ("Speelpleintje", "Plaine de jeux"), ("Geefkast", "Armoire à dons"), ("Breiclub", "Club de tricot"),
    ("Voorlezers aan huis", "Lecteurs à domicile"), ("Wandelmaatjes", "Compagnons de marche"),
)  # fmt: skip
_NOTES: Final = (
    "Bel aan bij de tweede deur; de eerste is altijd op slot.",
    "Vraag naar het onthaalteam, zij kennen de buurt.",
    "Op woensdag is er koffie voor wie wil kennismaken.",
    "Ook bereikbaar met de belbus.",
)


class OverlayItems:
    """The overlay of one local map, by place in its list."""

    def __init__(
        self,
        seed: int,
        layout: Layout,
        settlement: Settlement,
        organisation: Callable[[int], Org],
        today_ms: int,
    ) -> None:
        self._dice = Dice(seed, "overlay")
        self._layout = layout
        self._settlement = settlement
        self._organisation = organisation
        self._today_ms = today_ms

    def __len__(self) -> int:
        return max(10, self._layout.organisations // defects.OVERLAY_EVERY)

    def item(self, place: int) -> OverlayItem:
        """The item at this place."""
        draws = self._dice.throw(place)
        note = Text(nl=_NOTES[draws[1] & 3])
        updated_ms = self._today_ms - 1 - draws[2] * 100_000
        if draws[0] < _OUT_OF_SCOPE:
            town = self._settlement.town("vlaanderen", draws[3])
            nl, fr = _ENTRIES[draws[4] & 7]
            return OverlayItem(
                index=place,
                partner=PARTNER,
                about=None,
                name=Text(nl=f"{nl} {town.nl}", fr=f"{fr} {town.fr}"),
                note=note,
                address=address(town, draws[5:11]),
                contacts=(email(f"lokaal.{place}"),),
                updated_ms=updated_ms,
            )
        org = self._organisation((draws[3] * 65536 + draws[4]) % self._layout.organisations)
        name = Text(nl=org.name_nl) if org.name_nl else Text(fr=org.name)
        return OverlayItem(place, PARTNER, org.index, name, note, None, (), updated_ms)
