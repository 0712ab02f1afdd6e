"""Fiches as they were, for one asker: without what has been hidden from him since (`hub.model.hindsight`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection

from hub.model.audience import Grant
from hub.model.fiche import Document
from hub.model.hindsight import Hindsight
from hub.store import reading, versions

_AT_HAND: Final = 64
"""Of so many fiches what was seen since is kept at hand: a history goes back through the versions of one, with what that points to."""


class Past:
    """What may be told of the past. It reads the versions since then, and each of them once for a history that is read newest first."""

    def __init__(self, grant: Grant) -> None:
        self._partner = grant.partner
        self._rank = grant.rank
        self._at_hand: dict[int, tuple[int, int, Hindsight]] = {}
        self.withheld = 0
        """How often something was left out of what `documents` gave."""

    def documents(self, connection: Connection, uuids: Iterable[str], seq: int) -> dict[str, Document]:
        """These fiches as they stood right after change `seq` (the last one of its transaction), unprojected; what may not be told is left out."""
        told = {}
        for uuid, known in reading.resolve(connection, uuids).items():
            then = versions.as_at(connection, known.fiche_id, seq, self._partner)
            if then is None:
                continue
            kept: Document | None = then
            if self._rank < 2:  # who sees everything has nothing hidden from him
                kept = self._since(connection, known, seq).kept(then)
                self.withheld += kept != then
            if kept is not None:
                told[uuid] = kept
        return told

    def hides(self, connection: Connection, fiche: str) -> bool:
        """Whether anything at all may have been hidden from the asker in any version of the fiche with this UUID."""
        (known,) = reading.resolve(connection, [fiche]).values()
        return self._rank < 2 and self._since(connection, known, 0).hides

    def _since(self, connection: Connection, known: reading.Known, seq: int) -> Hindsight:
        """What the versions after `seq` tell."""
        if known.moved_to is not None or versions.has_overlay(connection, known.fiche_id, self._partner):
            hindsight = Hindsight(self._rank)
            for version in self._views(connection, known, seq):
                hindsight.add(version)
            return hindsight
        number = known.fiche_id
        then, newest = versions.version_at(connection, number, seq), versions.standing_version(connection, number)
        at_hand = self._at_hand.pop(number, None)
        if at_hand is None or at_hand[0] != newest:
            at_hand = (newest, newest + 1, Hindsight(self._rank))
        _, lowest, hindsight = at_hand
        if then + 1 < lowest:  # what it knows of the version asked for, or of older ones, decides nothing of that
            for version in versions.between(connection, number, then, lowest):
                hindsight.add(version)
        self._at_hand[number] = (newest, min(lowest, then + 1), hindsight)
        if len(self._at_hand) > _AT_HAND:
            del self._at_hand[next(iter(self._at_hand))]
        return hindsight

    def _views(self, connection: Connection, known: reading.Known, seq: int) -> list[Document]:
        own = versions.views_since(connection, known.fiche_id, seq, self._partner)
        if known.moved_to is None:
            return own
        # What it said is hidden, or shown, where it lives on.
        joined = max(seq, versions.last_told(connection, known.fiche_id))
        (target,) = reading.resolve(connection, [known.moved_to]).values()
        at_that_time = versions.as_at(connection, target.fiche_id, joined, self._partner)
        lives_on = self._views(connection, target, joined)
        return [*lives_on, *([at_that_time] if at_that_time is not None else []), *own]
