"""Codes of places in claims, as they are today: the source keeps its own, the merged fiche has the code that a municipality goes by now.

A position that is none goes the same way as a code that there is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from hub.errors import Rejected
from hub.model.claims import Claim
from hub.model.fiche import Document
from hub.model.parts import part_keys
from hub.places import Places, UnknownPlace

_BELGIUM: Final = "BE"
_NO_PLACE: Final = frozenset({"type", "country", "visibility"})
"""What an address may say without naming any place."""


class PlaceCodes:
    """Brings claims up to date, and keeps what had to be left out of them. One per transaction."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self.left_out: dict[tuple[str, str, str], Rejected] = {}
        """Each code of a place that there is not, and each position that is none, by source, external id and path: the fiche stands without it."""

    def current(self, claim: Claim) -> Claim:
        """The claim with today's codes; the same object when it has no others.

        An ended REFNIS code becomes that of the municipality that came after it. A Belgian postcode or REFNIS code that there is not is left out, so that a
        typing error in it does not cost the rest. An address says by `country` that it lies abroad; its codes are never touched. A position of exactly 0, 0 is
        what programs write for one that they do not know, wherever the address lies, and is left out too.
        """
        content, excluded = claim.content, claim.excluded
        if claim.kind == "organisatie":
            sites = content.get("vestigingen")
            if sites:
                kept = [self._site(site, number, claim) if self._is_odd(site.get("addresses", ())) else site for number, site in enumerate(sites)]
                if any(one is not other for one, other in zip(kept, sites, strict=True)):
                    content = {**content, "vestigingen": kept}
        elif claim.kind == "zorgverlener":
            if self._is_odd(content.get("addresses", ())):
                content = _with(content, "addresses", self._addresses(content["addresses"], "addresses", claim))
        else:
            if self._is_odd_area(content.get("service_area", ())):
                content = _with(content, "service_area", list(self._areas(content["service_area"], "service_area", claim)))
            if excluded and self._is_odd_area(excluded.get("service_area", ())):
                areas = list(self._areas(excluded["service_area"], "excluded.service_area", claim))
                excluded = _with(excluded, "service_area", areas)
        if content is claim.content and excluded is claim.excluded:
            return claim
        return replace(claim, content=content, excluded=excluded)

    def _is_odd(self, addresses: Sequence[Document]) -> bool:
        codes, postcodes = self._places.codes_in_use, self._places.postcodes_in_use
        for address in addresses:
            code, postcode = address.get("municipality"), address.get("postcode")
            if (code is not None and code not in codes) or (postcode is not None and postcode not in postcodes) or _is_nowhere(address):
                return True
        return False

    def _is_odd_area(self, areas: Sequence[Any]) -> bool:
        codes = self._places.codes_in_use
        return any(area.get("type") == "municipality" and area.get("code") not in codes for area in areas)

    def _site(self, site: Document, number: int, claim: Claim) -> Document:
        addresses = self._addresses(site["addresses"], f"vestigingen.{number}.addresses", claim)
        kept = _with(site, "addresses", addresses)
        keys = part_keys("vestiging", site)
        # It is recognised by what the source says of it, also where that is not shown.
        return kept if part_keys("vestiging", kept) == keys else {**kept, "keys": list(keys)}

    def _addresses(self, addresses: Sequence[Document], path: str, claim: Claim) -> list[Document]:
        found = [self._address(address, f"{path}.{number}", claim) for number, address in enumerate(addresses)]
        return [address for address in found if address.keys() - _NO_PLACE]

    def _address(self, address: Document, path: str, claim: Claim) -> Document:
        kept = dict(address)
        if _is_nowhere(address):
            at = kept.pop("position")
            self._leave_out(
                claim, f"{path}.position", f"{at['lat']:g}, {at['lon']:g}", "That lies in the sea off Africa; leave out a position that is not known."
            )
        if address.get("country", _BELGIUM).upper() != _BELGIUM:
            return kept
        if "municipality" in address:
            self._keep(
                kept,
                "municipality",
                self._municipality(address["municipality"], f"{path}.municipality", claim),
            )
        if "postcode" in address:
            self._keep(kept, "postcode", self._postcode(address["postcode"], f"{path}.postcode", claim))
        return kept

    @staticmethod
    def _keep(address: Document, name: str, code: str | None) -> None:
        if code is None:
            del address[name]
        else:
            address[name] = code

    def _areas(self, areas: Sequence[Document], path: str, claim: Claim) -> Iterator[Document]:
        for number, area in enumerate(areas):
            if area.get("type") != "municipality":
                yield area
            elif code := self._municipality(area.get("code", ""), f"{path}.{number}.code", claim):
                yield {**area, "code": code}

    def _municipality(self, code: str, path: str, claim: Claim) -> str | None:
        try:
            return self._places.current(code.strip())
        except UnknownPlace as error:
            self._leave_out(claim, path, code, error.reason)
            return None

    def _postcode(self, code: str, path: str, claim: Claim) -> str | None:
        found = self._places.postcode_of(code)
        if found is not None:
            return found
        reason = "This is not a Belgian postcode (four digits). An address abroad needs its country."
        self._leave_out(claim, path, code, reason)
        return None

    def _leave_out(self, claim: Claim, path: str, code: str, reason: str) -> None:
        said = f"{path} {code[:40]!r} was left out. {reason}"
        wrong = Rejected(said, external_id=claim.external_id, field=path, raw=code[:80])
        self.left_out[claim.source, claim.external_id, path] = wrong


def _is_nowhere(address: Document) -> bool:
    position = address.get("position")
    return position is not None and position["lat"] == 0 == position["lon"]


def _with(holder: Mapping[str, Any], field: str, items: list[Any]) -> dict[str, Any]:
    """The holder with these items in a field, or without the field when there are none."""
    kept = {name: value for name, value in holder.items() if name != field}
    return {**kept, field: items} if items else kept
