"""Who is who: the table that maps every source id and strong key to a fiche, once and for all.

Strong keys join claims of different sources only: what one source holds apart is never joined by a key, because one enterprise runs many
services at one address. Such a clash goes to review. When two fiches turn out to be one, the older id stays and the other leads to it.
"""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from hub.errors import Rejected
from hub.model.claims import EDITOR, Claim
from hub.model.fiche import Kind
from hub.model.identifiers import InvalidIdentifier
from hub.store.forgetting import key_hash
from hub.store.references import HUB, identity_key, link_key, links_in
from hub.store.workspace import Workspace


def own_key(source: str, external_id: str) -> str:
    """The identity key of a source's own id."""
    return f"{source}|{external_id}"


def keys_of(claim: Claim) -> tuple[str, list[str]]:
    """The claim's own key, and the other keys that it names. Raises `Rejected` for a number that is not one."""
    own = own_key(claim.source, claim.external_id)
    others: list[str] = []
    named = [("same_as", system, value) for system, value in claim.same_as]
    named += [("identifiers", item["system"], item["value"]) for item in claim.content.get("identifiers", ()) if item["system"] != HUB]
    for field, system, value in named:
        try:
            key = identity_key(claim.kind, system, value) if field == "same_as" else _number_key(claim.kind, system, value)
        except InvalidIdentifier as error:
            raise Rejected(
                f"{claim.external_id}: {field} has a {system} number that is not one. {error.reason}",
                external_id=claim.external_id,
                field=field,
                raw=error.value,
            ) from error
        if key is not None and key != own and key not in others:
            others.append(key)
    return own, sorted(others)


def _number_key(kind: Kind, system: str, value: str) -> str | None:
    """Of the identifiers in a fiche only strong ones count; a source's own number among them proves nothing."""
    key = identity_key(kind, system, value)
    return key if key is not None and key.startswith(f"{kind}:") else None


class Identities:
    """The identity table as one transaction sees it."""

    def __init__(self, space: Workspace) -> None:
        self._space = space
        self._fiche: dict[str, int | None] = {}  # None: looked for, not there
        self._given: dict[str, int] = {}
        self._erased: dict[str, bool] = {}
        self._named_late: dict[tuple[int, int], dict[str, str]] = {}
        # What a claim names, by the claim's own id; each entry keeps its claim, so that no other can get that id.
        self._named: dict[int, tuple[Claim, tuple[str, list[str]]]] = {}
        self._linked: dict[int, tuple[Claim, list[tuple[str, Kind]]]] = {}

    # --- what claims name ----------------------------------------------------------------------------------------------------

    def keys_of(self, claim: Claim) -> tuple[str, list[str]]:
        """As `keys_of`; worked out once for each claim."""
        known = self._named.get(id(claim))
        if known is None:
            known = self._named[id(claim)] = (claim, keys_of(claim))
        return known[1]

    def know(self, claim: Claim, names: tuple[str, list[str]], links: list[tuple[str, Kind]]) -> None:
        """What a claim names was worked out before."""
        self._named[id(claim)] = (claim, names)
        self._linked[id(claim)] = (claim, links)

    def link_keys(self, claim: Claim) -> list[tuple[str, Kind]]:
        """As `link_keys`; worked out once for each claim."""
        known = self._linked.get(id(claim))
        if known is None:
            known = self._linked[id(claim)] = (claim, link_keys(claim))
        return known[1]

    # --- reading -------------------------------------------------------------------------------------------------------------

    def load(self, keys: Iterable[str]) -> None:
        """Look these keys up, all at once."""
        space = self._space
        unknown = {key for key in keys if key not in self._fiche}
        if not unknown:
            return
        own_ids = [key[len(HUB) + 1 :] for key in unknown if key.startswith(f"{HUB}|")]
        plain = [key for key in unknown if not key.startswith(f"{HUB}|")]
        self._fiche.update(dict.fromkeys(unknown))
        if plain:
            sql = f"SELECT i.key, i.fiche_id, e.uuid FROM identity i JOIN entity e ON e.id = i.fiche_id WHERE {space.bulk.listed('i.key', 'text')}"
            for key, fiche_id, uuid in space.bulk.rows(sql, space.bulk.many(plain)):
                self._fiche[key] = fiche_id
                space.know(fiche_id, uuid)
        if own_ids:
            sql = f"SELECT uuid, fiche_id, moved_to FROM entity WHERE {space.bulk.listed('uuid', 'text')}"
            for uuid, fiche_id, moved_to in space.bulk.rows(sql, space.bulk.many(own_ids)):
                self._fiche[f"{HUB}|{uuid}"] = self._last(fiche_id if moved_to is None else moved_to)
        if space.forgets:
            # An id of the hub's leads to its fiche for ever, also to one that was emptied.
            self._load_erased(key for key in unknown if self._fiche[key] is None or key.startswith(f"{HUB}|"))

    def _last(self, number: int) -> int:
        """Where a line of redirects ends."""
        space = self._space
        while True:
            ((uuid, fiche_id, moved_to),) = space.bulk.rows("SELECT uuid, fiche_id, moved_to FROM entity WHERE id = ?", number)
            space.know(number, uuid)
            if moved_to is None:
                return int(fiche_id)
            number = moved_to

    def _load_erased(self, keys: Iterable[str]) -> None:
        space = self._space
        hashes = {key_hash(space.around.secret, key): key for key in keys}
        if hashes:
            sql = f"SELECT key_hash FROM erasure WHERE {space.bulk.listed('key_hash', 'text')}"
            for (found,) in space.bulk.rows(sql, space.bulk.many(hashes)):
                self._erased[hashes[found]] = True

    def fiche(self, key: str) -> int | None:
        """The fiche of a key that was loaded."""
        return self._given.get(key) or self._fiche.get(key)

    def is_erased(self, key: str) -> bool:
        """Whether the key belongs to somebody who was erased."""
        return key in self._erased

    # --- writing -------------------------------------------------------------------------------------------------------------

    def give(self, key: str, fiche_id: int) -> None:
        """From now on the key means this fiche."""
        if not key.startswith(f"{HUB}|"):
            self._given[key] = fiche_id

    def release(self, key: str) -> None:
        """The key means no fiche any more: what it named is something else from now on."""
        self._space.bulk.run("DELETE FROM identity WHERE key = ?", key)
        self._fiche[key] = None

    def flush(self) -> None:
        """Write what was given. Another writer who gave one of the keys first is a `Clash`, sooner or later."""
        space = self._space
        if not self._given:
            return
        new = sorted((key, fiche_id) for key, fiche_id in self._given.items() if self._fiche.get(key) is None)
        moved = sorted((fiche_id, key) for key, fiche_id in self._given.items() if self._fiche.get(key) not in (None, fiche_id))
        space.bulk.insert_new("identity", ("key", "fiche_id"), new, all_new=True)
        space.bulk.run_many("UPDATE identity SET fiche_id = ? WHERE key = ?", moved)
        self._fiche.update(self._given)
        self._given = {}

    def forget(self, keys: Iterable[str]) -> None:
        """Look these keys up again when they are needed."""
        for key in keys:
            self._fiche.pop(key, None)

    def relocate(self, goes: int, stays: int) -> None:
        """What was known to mean one fiche means the other from now on."""
        for key in [key for key, fiche_id in self._fiche.items() if fiche_id == goes]:
            self._fiche[key] = stays
        for key in [key for key, fiche_id in self._given.items() if fiche_id == goes]:
            self._given[key] = stays

    # --- deciding ------------------------------------------------------------------------------------------------------------

    def place(self, claims: list[Claim]) -> tuple[dict[int, int], list[tuple[int, int]]]:
        """Find or make the fiche of each claim.

        The answer: position -> fiche; pairs of fiches that turned out to be one (a claim names keys of both). Clashes of keys within one
        source are put in the review queue.
        """
        space = self._space
        keys = [self.keys_of(claim) for claim in claims]
        self.load(key for own, others in keys for key in (own, *others))
        meant = [[fiche for key in (own, *others) if (fiche := self.fiche(key))] for own, others in keys]
        taken = self._sources_of({fiche for fiches in meant for fiche in fiches})
        placed: dict[int, int] = {}
        joined: list[tuple[int, int]] = []
        given = self._given
        space.reserve(meant.count([]))
        for position, (claim, (own, others)) in enumerate(zip(claims, keys, strict=True)):
            if not meant[position] and own not in given and given.keys().isdisjoint(others):
                # Nobody knows any of its keys, as in most of a first load.
                (state,) = space.make_fiches([claim.kind])
                placed[position] = fiche = state.id
                for key in (own, *others):
                    self.give(key, fiche)
                if claim.partner is None and claim.source != EDITOR and not claim.gone:
                    taken.setdefault(fiche, set()).add((claim.source, claim.external_id))
                continue
            shared = claim.partner is None and claim.source != EDITOR
            me = (claim.source, claim.external_id)
            home = self.fiche(own)
            clashing: list[int] = []
            if home is not None and shared and self._held_by_other(taken, home, me):
                clashing.append(home)  # another source said "the same", but ours holds them apart
                home = None
            found: list[int] = [] if home is None else [home]
            for key in others:
                fiche = self.fiche(key)
                if fiche is None or fiche in found or fiche in clashing:
                    continue
                if self._kind(fiche) != claim.kind:
                    continue
                if shared and self._held_by_other(taken, fiche, me):
                    clashing.append(fiche)
                else:
                    found.append(fiche)
            if not found:
                (state,) = space.make_fiches([claim.kind])
                found = [state.id]
            fiche = min(found) if home is None else home
            joined += [(fiche, other) for other in found if other != fiche]
            placed[position] = fiche
            self.give(own, fiche)
            for key in others:
                if self.fiche(key) is None:
                    self.give(key, fiche)
            if shared and not claim.gone:
                taken.setdefault(fiche, set()).add(me)
            for other in clashing:
                self.review(fiche, other, "key-clash", 1.0, {"keys": others, "source": claim.source})
        return placed, joined

    def _kind(self, fiche_id: int) -> str:
        space = self._space
        space.load([fiche_id])
        return space.fiches[fiche_id].kind

    @staticmethod
    def _held_by_other(taken: dict[int, set[tuple[str, str]]], fiche: int, me: tuple[str, str]) -> bool:
        return any(source == me[0] and external_id != me[1] for source, external_id in taken.get(fiche, ()))

    def _sources_of(self, fiches: set[int]) -> dict[int, set[tuple[str, str]]]:
        """The live shared claims of each fiche, as (source, external id)."""
        space = self._space
        space.load(fiches)
        sql = (
            "SELECT c.fiche_id, s.name, c.external_id FROM claim c JOIN source s ON s.id = c.source_id"
            f" WHERE c.partner = '' AND NOT c.gone AND s.name <> ? AND {space.bulk.listed('c.fiche_id')}"
        )
        taken: dict[int, set[tuple[str, str]]] = {}
        if fiches:
            for fiche_id, source, external_id in space.bulk.rows(sql, EDITOR, space.bulk.many(fiches)):
                taken.setdefault(fiche_id, set()).add((source, external_id))
        return taken

    def may_join(self, first: int, second: int) -> bool:
        """Whether two fiches can be one: no source holds them apart, and no administrator has said that they differ."""
        space = self._space
        low, high = sorted((first, second))
        space.flush_reviews()
        if space.bulk.rows("SELECT 1 FROM review WHERE fiche_id = ? AND other_id = ? AND state = 'different'", high, low):
            return False
        taken = self._sources_of({first, second})
        ours, theirs = ({source for source, _ in taken.get(fiche, ())} for fiche in (first, second))
        return not ours & theirs

    def review(self, fiche: int, other: int, reason: str, score: float, detail: dict[str, Any], state: str = "open") -> None:
        """Put a pair of fiches before the administrator, once; the newer one comes first."""
        high, low = max(fiche, other), min(fiche, other)
        row = (high, low, reason, score, orjson.dumps(detail), state, self._space.at)
        self._space.new_reviews.append(row)

    def named_late(self, claim: Claim, fiche: int, other: int, key: str) -> None:
        """A claim that speaks of `fiche` names now a key of `other`: what a review of the two is to say, if they are not joined."""
        told = {"source": claim.source, "external_id": claim.external_id, "named_late": key.partition(":")[2]}
        self._named_late.setdefault((max(fiche, other), min(fiche, other)), told)

    def why_one(self, fiche: int, other: int) -> dict[str, str]:
        """What was said of two fiches by `named_late`; empty where nothing was."""
        return self._named_late.get((max(fiche, other), min(fiche, other)), {})

    def stubs(self, wanted: dict[str, Kind]) -> None:
        """Make fiches for links to something that has not arrived yet."""
        kinds = sorted(key_kind for key_kind in wanted.items() if self.fiche(key_kind[0]) is None and not self.is_erased(key_kind[0]))
        for (key, _), state in zip(kinds, self._space.make_fiches([kind for _, kind in kinds]), strict=True):
            self.give(key, state.id)


def link_keys(claim: Claim) -> list[tuple[str, Kind]]:
    """The keys of all fiches that a claim links to. Raises `Rejected` for a link that cannot lead to one fiche."""
    found: list[tuple[str, Kind]] = []
    for path, link, kind in links_in(claim.kind, claim.content):
        try:
            key = link_key(link, kind)
        except InvalidIdentifier as error:
            raise Rejected(
                f"{claim.external_id}: {path} has a number that is not one. {error.reason}",
                external_id=claim.external_id,
                field=path,
                raw=error.value,
            ) from error
        if key is None:
            raise Rejected(
                f"{claim.external_id}: {path} names a {link.get('system')} number, which many fiches share; link by a source's id or a RIZIV number.",
                external_id=claim.external_id,
                field=path,
                raw=str(link.get("value", "")),
            )
        found.append((key, kind))
    return found
