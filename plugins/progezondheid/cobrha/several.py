"""Persons with more than one RIZIV number: by which of these each is known, in whatever order a message gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from hub import Claim

_AT_ONCE: Final = 500


class Several:
    """Of one reading. `held`: what the hub holds of these ids (`Context.held`). Remembers only who has several numbers."""

    def __init__(self, held: Callable[[Sequence[str]], Mapping[str, Claim]]) -> None:
        self._held = held
        self._chosen: dict[str, str] = {}

    def known_as(self, claims: Sequence[Claim]) -> list[Claim]:
        """The same claims, each under an id of its person that the hub holds already, else under which he or she was given before in this reading, else
        under the first."""
        ids = [list(dict.fromkeys(item["value"][:8] for item in claim.content["identifiers"])) for claim in claims]
        asked = sorted({each for some in ids if len(some) > 1 for each in some})
        held = {each for start in range(0, len(asked), _AT_ONCE) for each in self._held(asked[start : start + _AT_ONCE])}
        return [claim if len(some) == 1 else self._known_as(claim, some, held) for claim, some in zip(claims, ids, strict=True)]

    def _known_as(self, claim: Claim, ids: list[str], held: set[str]) -> Claim:
        given = (self._chosen[each] for each in ids if each in self._chosen)
        chosen = next((each for each in ids if each in held), None) or next(given, ids[0])
        self._chosen.update(dict.fromkeys(ids, chosen))
        return replace(claim, external_id=chosen)
