"""The only way in: one transaction's writer. A source's claims, an editor's decisions and an administrator's joins all pass here."""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import Connection

from hub import schemas
from hub.errors import FieldError, Gone, Invalid, NotFound, Rejected
from hub.model.claims import Claim, Conflict
from hub.model.concepts import Concept, ConceptScheme, Mapping
from hub.model.fiche import Kind
from hub.store import concepts
from hub.store.bulk import Clash
from hub.store.expiring import expire
from hub.store.identity import Identities, own_key
from hub.store.joining import join_fiches
from hub.store.linking import fiches_leading_to
from hub.store.matching import holders, note_candidates, note_keys_anew, standing_keys
from hub.store.news import Contested, Stored, news_in
from hub.store.ready import Key, Ready, ReadyClaims, prepare
from hub.store.references import HUB, without
from hub.store.remaking import Remaker
from hub.store.splitting import decisions_that_follow, split_fiche
from hub.store.workspace import FicheState, Workspace


@dataclass(slots=True)
class Counts:
    """What became of the claims of one `put`. `erased`: of persons who were erased, and stay so. `let_go`: those among them that had been known without that,
    with what became of what they said before. `left_out`: values that cannot be right and were left out of the fiches, while the rest of their claims
    stands. `contested`: which of them are no newer than what was known, and not the same. `of_other_kind`: the external ids of those that were rejected because
    they are known as something of another kind."""

    read: int = 0
    changed: int = 0
    unchanged: int = 0
    erased: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    let_go: list[Rejected] = field(default_factory=list)
    left_out: list[Rejected] = field(default_factory=list)
    contested: list[Contested] = field(default_factory=list)
    of_other_kind: set[str] = field(default_factory=set)


_CLAIM = (
    "id", "source_id", "external_id", "partner", "fiche_id", "revision", "digest", "gone", "content", "home_id", "at",
)  # fmt: skip


class Writer:
    """One writing transaction of a `Store`; made by `Store.write`."""

    def __init__(self, space: Workspace) -> None:
        self.space = space
        self.identities = Identities(space)
        self._remaker = Remaker(space, self.identities)

    @property
    def connection(self) -> Connection:
        """The transaction's connection, for rows that must commit together with the claims (cursors, runs)."""
        return self.space.connection

    # --- claims --------------------------------------------------------------------------------------------------------------

    def put(self, claims: Iterable[Claim] | ReadyClaims, *, origin: str, anew: Collection[str] = ()) -> Counts:
        """Store what sources say and bring the fiches up to date; a few hundred claims at a time.

        Late and repeated claims do no harm: of each source and external id the highest `(revision, digest)` stands. A claim that cannot be
        used is in `Counts.rejected` and stops nothing else. `origin` names the connection in the change log. A load may hand in claims that
        it has made ready before the transaction began (`hub.store.prepare`).

        `anew`: external ids of which what is told now takes the place of what stood, whatever the revisions: an administrator's deed. Where that is of
        another kind the row leaves its fiche, as if it had been removed, and begins another; else only what was removed before may come back so.
        """
        space = self.space
        space.origin = origin
        batch = claims if isinstance(claims, ReadyClaims) else prepare(claims)
        newest = batch.newest
        counts = Counts(batch.read, unchanged=batch.repeated)
        counts.rejected += [_rejection(claim, error) for claim, error in batch.refused]
        wanted, stored = news_in(space, newest, anew, counts.contested)
        if stored and space.bulk.postgres:
            # Another writer may have been faster: look again, now that nobody else can touch these rows.
            again, locked = news_in(space, {key: newest[key] for key in stored}, anew, lock=True)
            wanted = {key: ready for key, ready in wanted.items() if key not in stored or key in again}
            stored = locked
        counts.unchanged += len(newest) - len(wanted)
        good = self._checked(wanted, stored, counts)
        leaving = {ready.key for ready in good if self._other_kinds(ready, stored.get(ready.key))}
        if leaving:
            good = [ready for ready in good if ready.key not in leaving or self._may_leave(ready, stored.get(ready.key), anew, counts)]
        if good:
            counts.changed += len(good)
            self._take(good, stored, leaving)
            if left_out := self._remaker.left_out:
                news = {(ready.claim.source, ready.claim.external_id) for ready in good}
                counts.left_out += [value for (source, external_id, _), value in left_out.items() if (source, external_id) in news]
        return counts

    def _checked(self, wanted: dict[Key, Ready], stored: dict[Key, Stored], counts: Counts) -> list[Ready]:
        """Those that can be used, in the order of their keys."""
        space, identities = self.space, self.identities
        good: list[Ready] = []
        keys: dict[str, object] = {}
        for _, ready in sorted(wanted.items(), key=itemgetter(0)):
            claim = ready.claim
            try:
                if space.forgets:
                    identities.load([own_key(claim.source, claim.external_id)])
                    if identities.is_erased(own_key(claim.source, claim.external_id)):
                        counts.erased += 1
                        continue
                ready.check()
                claim = ready.claim
                if not claim.gone:
                    self._validate(claim)
            except Invalid as error:
                counts.rejected.append(_rejection(claim, error))
                continue
            except Rejected as error:
                counts.rejected.append(error)
                continue
            identities.know(claim, ready.names, ready.links)
            own, others = ready.names
            keys[own] = None
            keys.update(dict.fromkeys(others))
            keys.update(ready.links)
            good.append(ready)
        identities.load(keys)
        homes = [identities.fiche(ready.names[0]) for ready in good]
        if not space.forgets and not any(homes):
            return good
        space.load(home for home in homes if home is not None)
        if not space.forgets:
            return good
        erased = [ready for ready in good if any(identities.is_erased(key) for key in (ready.names[0], *ready.names[1]))]
        counts.erased += len(erased)
        self._let_go([(ready.key, ready.claim.revision, stored[ready.key]) for ready in erased if ready.key in stored], counts)
        dropped = {ready.key for ready in erased}
        return [ready for ready in good if ready.key not in dropped]

    def _validate(self, claim: Claim) -> None:
        validate = self.space.around.validate
        errors = () if validate is None else validate(claim.content, claim.source)
        if errors:
            raise Invalid("; ".join(dict.fromkeys(error.reason for error in errors)), tuple(errors))

    def _other_kinds(self, ready: Ready, row: Stored | None) -> set[Kind]:
        """As what else the claim's id is known: what it means, and what it spoke of until now."""
        home = self.identities.fiche(ready.names[0])
        return {self.space.fiches_kind(number) for number in (home, row and row.fiche_id) if number is not None} - {ready.claim.kind}

    def _may_leave(self, ready: Ready, row: Stored | None, anew: Collection[str], counts: Counts) -> bool:
        """Whether the claim's id may mean something of another kind: what it said is gone or taken back, and nobody else speaks under that id."""
        space, claim = self.space, ready.claim
        if row is not None and not claim.gone and (row.gone or claim.external_id in anew):
            sql = "SELECT 1 FROM claim WHERE source_id = ? AND external_id = ? AND id <> ? AND NOT gone"
            if not space.bulk.rows(sql, space.source_id(claim.source), claim.external_id, row.id):
                return True
        known_as = min(self._other_kinds(ready, row))
        reason = f"{claim.external_id} is known as {known_as} and cannot become {claim.kind}; a source uses one id for one thing."
        counts.rejected.append(Rejected(reason, external_id=claim.external_id, field="kind", raw=claim.kind))
        counts.of_other_kind.add(claim.external_id)
        return False

    def _take(self, good: list[Ready], stored: dict[Key, Stored], leaving: Collection[Key]) -> None:
        """Place the claims, store them, and merge the fiches that they speak of. Those that are `leaving` begin another."""
        space, identities = self.space, self.identities
        left = self._leave([(ready, stored[ready.key]) for ready in good if ready.key in leaving]) if leaving else set()
        arriving = [ready for ready in good if ready.key not in stored or ready.key in leaving]
        staying = [(ready, stored[ready.key]) for ready in good if ready.key in stored and ready.key not in leaving]
        claims = [ready.claim for ready in arriving]
        placed, joined = identities.place(claims)
        joined += self._named_later(staying)
        # From here on much is written that nobody waits for; a look at the database would wait for all of it.
        renamed, outdated = self._found_otherwise(staying)
        told = [(ready.claim, ready.candidates, placed[place]) for place, ready in enumerate(arriving)] + renamed
        known = holders(space, {key for _, keys, _ in told for key in keys})
        numbers = space.numbers.take(space.bulk, "claim", len(arriving))
        identities.flush()
        touched = {*placed.values(), *(row.fiche_id for _, row in staying), *left}
        linked = {number for ready in good for key, _ in ready.links if (number := identities.fiche(key)) and not identities.is_erased(key)}
        both = {number for pair in joined for number in pair}
        space.hold(touched | linked | both)
        if any(space.fiches[number].state == "erased" for number in touched | linked | both):
            raise Clash  # between our look and our lock
        note_candidates(space, identities, told, known)
        fresh: dict[int, list[Claim]] = {}
        sources = {name: space.source_id(name) for name in {claim.source for claim in claims}}
        with space.bulk.inserting("claim", _CLAIM, len(arriving)) as insert:
            for place, (ready, number) in enumerate(zip(arriving, numbers, strict=True)):
                claim, fiche_id = ready.claim, placed[place]
                kept = self._without_erased(claim)
                whose = (sources[claim.source], claim.external_id, claim.partner or "", fiche_id)
                packed = self._packed(ready, kept)
                insert((number, *whose, claim.revision, ready.digest, claim.gone, packed, fiche_id, space.second))
                if space.fiches[fiche_id].new:
                    fresh.setdefault(fiche_id, []).append(kept)
        updates = []
        for ready, row in staying:
            claim = ready.claim
            packed = self._packed(ready, self._without_erased(claim))
            updates.append((claim.revision, ready.digest, claim.gone, packed, space.second, row.id))
        space.bulk.run_many("UPDATE claim SET revision = ?, digest = ?, gone = ?, content = ?, at = ? WHERE id = ?", updates)
        note_keys_anew(space, *sorted(outdated))
        self.remake(touched, fresh, joined)

    def _leave(self, leaving: Sequence[tuple[Ready, Stored]]) -> set[int]:
        """Take these claims out of fiches of another kind, which keep their ids and their past. The answer: the fiches to merge again, with those that lead to
        these by the id of the claim."""
        space, identities = self.space, self.identities
        homes = {row.fiche_id for _, row in leaving}
        touched = homes | fiches_leading_to(space.bulk, homes)
        space.hold(touched)
        for ready, row in leaving:
            space.bulk.run("DELETE FROM claim WHERE id = ?", row.id)
            home = identities.fiche(ready.names[0])
            if home is not None and space.fiches_kind(home) != ready.claim.kind:
                identities.release(ready.names[0])
        note_keys_anew(space, *sorted(homes))
        return touched

    @staticmethod
    def _packed(ready: Ready, kept: Claim) -> bytes:
        """The bytes to keep: of `kept`, which is the claim itself unless something of it must be forgotten."""
        return ready.packed() if kept is ready.claim else schemas.pack(schemas.encode_claim(kept))

    def _without_erased(self, claim: Claim) -> Claim:
        if not self.space.forgets or claim.gone:
            return claim
        content = without(claim.kind, claim.content, self.identities.is_erased)
        if content is claim.content:
            return claim
        return Claim(
            claim.source,
            claim.external_id,
            claim.revision,
            claim.kind,
            content,
            claim.gone,
            claim.excluded,
            claim.same_as,
            claim.partner,
        )

    def _found_otherwise(self, staying: Sequence[tuple[Ready, Stored]]) -> tuple[list[tuple[Claim, set[str], int]], set[int]]:
        """Of claims that are known: those by which something similar may be found that was not before, with their keys and fiches; and the fiches that
        may still be found by what nobody says any more."""
        space = self.space
        stood = standing_keys(space, {row.fiche_id for _, row in staying})
        said: dict[tuple[int, int], set[str]] = {}
        renamed = []
        for ready, row in staying:
            if ready.claim.partner is None:
                place = space.source_id(ready.claim.source), row.fiche_id
                said.setdefault(place, set()).update(ready.candidates)
                if not ready.candidates <= stood.get(place, set()):
                    renamed.append((ready.claim, ready.candidates, row.fiche_id))
        return renamed, {place[1] for place, keys in said.items() if not stood.get(place, set()) <= keys}

    def _named_later(self, staying: Sequence[tuple[Ready, Stored]]) -> list[tuple[int, int]]:
        """Strong keys that a known claim names for the first time."""
        identities = self.identities
        joined = []
        for ready, row in staying:
            claim = ready.claim
            for key in ready.names[1]:
                fiche = identities.fiche(key)
                if fiche is None:
                    identities.give(key, row.fiche_id)
                elif fiche != row.fiche_id and self.space.fiches_kind(fiche) == claim.kind:
                    joined.append((row.fiche_id, fiche))
                    if key.startswith(f"{claim.kind}:"):  # a number, and no word that they are the same
                        identities.named_late(claim, row.fiche_id, fiche, key)
        return joined

    def remake(
        self,
        touched: set[int],
        fresh: dict[int, list[Claim]] | None = None,
        joined: Sequence[tuple[int, int]] = (),
    ) -> None:
        """Join what is one, then merge until nothing is left to merge."""
        space = self.space
        if joined:
            # Fiches made a moment ago must stand in their tables before they can be moved.
            space.to_merge = set()
            self._remaker.remake(touched, fresh)
            touched, fresh = space.to_merge, None
            for first, second in joined:
                touched |= join_fiches(space, self.identities, first, second)
        while touched:
            space.to_merge = set()
            space.load(touched)
            self._remaker.remake(touched, fresh)
            touched, fresh = space.to_merge, None
            if touched:
                space.load(touched, lock=True)

    def conflicts_with(self, fiche: int, claims: Sequence[Claim]) -> tuple[Conflict, ...]:
        """What sources would disagree about if these claims stood in place of those of the same name. Keeps nothing of it."""
        return self._remaker.conflicts_with(fiche, claims)

    # --- concepts --------------------------------------------------------------------------------------------------------------

    def put_concepts(self, items: Iterable[ConceptScheme | Concept | Mapping]) -> int:
        """Store concept schemes, concepts and mappings; the answer is how many are new or different."""
        return sum(concepts.put(self.space.connection, item) for item in items)

    # --- deletion by absence ---------------------------------------------------------------------------------------------------

    def withdraw(self, source: str, external_ids: Iterable[str], *, origin: str, partner: str = "") -> int:
        """Let go of claims that a complete source no longer has, a few hundred at a time; the answer is how many there were.

        The revision stays and the digest becomes the lowest there is: a claim that comes back, be it with the same revision, stands again.
        """
        space = self.space
        space.origin = origin
        lock = " FOR UPDATE" if space.bulk.postgres else ""
        sql = (
            "SELECT id, fiche_id, external_id, revision FROM claim WHERE source_id = ? AND partner = ? AND NOT gone"
            f" AND {space.bulk.listed('external_id', 'text')} ORDER BY external_id{lock}"
        )
        rows = space.bulk.rows(sql, space.source_id(source), partner, space.bulk.many(external_ids))
        self._empty(
            [((source, external_id, partner), revision, Stored(number, fiche_id, gone=False)) for number, fiche_id, external_id, revision in rows]
        )
        return len(rows)

    def _let_go(self, named: Sequence[tuple[Key, int, Stored]], counts: Counts) -> None:
        """Claims that were known, and name now somebody who was erased: what they said before would stand for ever, since no row is taken that names them.

        So it is withdrawn, and not erased: a row that is corrected stands again. Whether the fiche is of the same person, an administrator says.
        """
        self._empty(named)
        for (_, external_id, _), _, row in named:
            uuid = self.space.uuid_of[row.fiche_id]
            reason = (
                f"It names, by a number or id, somebody who was erased: it is not taken, and what it said before of fiche {uuid} is withdrawn."
                f" If that fiche is of the same person: fichehub erase {uuid}. If not, have it corrected at the source; it stands again then."
            )
            counts.let_go.append(Rejected(reason, external_id=external_id))

    def _empty(self, rows: Sequence[tuple[Key, int, Stored]]) -> None:
        """Let these claims say nothing any more, each until a higher revision than the one beside it comes, or that one again."""
        space = self.space
        space.load([row.fiche_id for _, _, row in rows], lock=True)
        updates = []
        for (source, external_id, _), revision, row in rows:
            emptied = Claim(source, external_id, revision, space.fiches[row.fiche_id].kind, {}, gone=True)
            updates.append((revision, b"", True, schemas.pack(schemas.encode_claim(emptied)), row.id))
        space.bulk.run_many("UPDATE claim SET revision = ?, digest = ?, gone = ?, content = ? WHERE id = ?", updates)
        note_keys_anew(space, *sorted({row.fiche_id for (_, _, partner), _, row in rows if not partner}))
        self.remake({row.fiche_id for _, _, row in rows})

    def take_again(self, number: int) -> None:
        """Let the claim in this row be replaced by what is told of it next in the same revision, which stands only when its digest is the highest."""
        self.space.bulk.run("UPDATE claim SET digest = ? WHERE id = ?", b"", number)

    # --- one or two ------------------------------------------------------------------------------------------------------------

    def join(self, first: str, second: str, *, origin: str = "editor") -> str:
        """An administrator says that two fiches are one; the answer is the UUID that stays (the older). Raises `NotFound`, `Gone`, `Invalid`."""
        low, high = self._two(first, second, origin)
        self._decide(low, high, "same")
        self.remake(join_fiches(self.space, self.identities, low, high, decided=True))
        return self.space.uuid_of[low]

    def apart(self, first: str, second: str, *, origin: str = "editor") -> None:
        """An administrator says that two fiches are not one: no key joins them and nobody is asked again. Raises `NotFound`, `Gone`, `Invalid`."""
        low, high = self._two(first, second, origin)
        self._decide(low, high, "different")

    def _two(self, first: str, second: str, origin: str) -> tuple[int, int]:
        """Two fiches of one kind, locked, the older one first."""
        space = self.space
        space.origin = origin
        one, other = self.hold(first, second)
        if one is other:
            raise Invalid("These are one fiche already.", (FieldError("second", "the same fiche", second),))
        for state, uuid in ((one, first), (other, second)):
            if state.state == "erased":
                raise Gone(f"The fiche {uuid} has been erased.")
        if one.kind != other.kind:
            raise Invalid(f"An {one.kind} and an {other.kind} cannot be one fiche.", (FieldError("second", "another kind", second),))
        return min(one.id, other.id), max(one.id, other.id)

    def split(self, fiche: str, claims: Sequence[tuple[str, str]], *, origin: str = "editor") -> str:
        """Give these claims, as `(source, external id)`, a fiche of their own again; the answer is its UUID.

        When they came from a fiche that was moved here, that one lives again under its old id, with an editor's decisions about it. What partners say of
        what leaves goes along too (`hub.store.splitting`). The two are kept apart from then on. Raises `NotFound`, `Invalid`.
        """
        space = self.space
        space.origin = origin
        (state,) = self.hold(fiche)
        number = state.id
        (own, *also), touched = split_fiche(space, self.identities, number, claims)
        for goes in (own, *also):
            self._decide(min(number, goes), max(number, goes), "different")
        # Both at once: each is seen by the other one's links. Those that lead to them after that, by the ids that their parts have.
        self.remake({number, own})
        self.remake(touched - {own})
        if decided := decisions_that_follow(space, number, own):
            refused = self.put(decided, origin=origin).rejected
            if refused:
                raise Invalid(refused[0].message, (FieldError(refused[0].field, refused[0].message),))
        return space.uuid_of[own]

    def _decide(self, low: int, high: int, state: str) -> None:
        """Note it, with who decided and when."""
        space = self.space
        space.flush_reviews()
        told = {"by": space.origin, "decided_at": space.at}
        found = space.bulk.rows("SELECT id, detail FROM review WHERE fiche_id = ? AND other_id = ?", high, low)
        for number, detail in found:
            kept = orjson.dumps({**orjson.loads(detail), **told})
            space.bulk.run("UPDATE review SET state = ?, detail = ? WHERE id = ?", state, kept, number)
        if not found:
            self.identities.review(high, low, "decision", 1.0, told, state)

    def hold(self, *uuids: str) -> list[FicheState]:
        """The fiches with these ids, or those that they were joined to, kept from other writers until the end. Raises `NotFound`.

        Whoever decides about a fiche begins here: what another writer does to it between the look and the lock is a `Clash`.
        """
        keys = [f"{HUB}|{uuid}" for uuid in uuids]
        self.identities.load(keys)
        numbers = []
        for key, uuid in zip(keys, uuids, strict=True):
            number = self.identities.fiche(key)
            if number is None:
                raise NotFound(f"There is no fiche with id {uuid}.")
            numbers.append(number)
        space = self.space
        space.hold(numbers)
        redirected = [key for key, uuid, number in zip(keys, uuids, numbers, strict=True) if space.uuid_of[number] != uuid]
        meant = [self.identities.fiche(key) for key in redirected]
        self.identities.forget(redirected)
        self.identities.load(redirected)
        if [self.identities.fiche(key) for key in redirected] != meant:
            raise Clash  # it stands again: split off meanwhile
        return [space.fiches[number] for number in numbers]

    # --- time ------------------------------------------------------------------------------------------------------------------

    def expire(self, today: str) -> int:
        """Tell the log of every value that reads otherwise since a day before `today` or on it (`YYYY-MM-DD`), once; the answer is how many."""
        self.space.origin = "expiry"
        return expire(self.space, today)


def _rejection(claim: Claim, error: Invalid) -> Rejected:
    first = error.errors[0] if error.errors else FieldError("", error.message)
    # The plain module also writes what is no JSON, such as half a character, which may be what is wrong.
    try:
        raw = json.dumps(claim.content, default=_unknown, ensure_ascii=False)[:2000]
    except (TypeError, ValueError, RecursionError):  # a key that is no text, a circle, too deep: the reason must do
        raw = ""
    return Rejected(error.message, external_id=claim.external_id, field=first.path, raw=raw)


def _unknown(value: Any) -> str:
    return f"<{type(value).__name__}>"
