"""From claims to the fiche that stands: merge, document, version, links, and the changes that follow from it."""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from hub import schemas
from hub.authority import Authority
from hub.errors import Rejected
from hub.merge import merge, sole
from hub.model.audience import ABSENT, level_of, stamp, visible_levels_differ
from hub.model.canonical import as_kept
from hub.model.claims import Claim, Conflict
from hub.model.fiche import Document, Kind
from hub.store.ends import ends, load_ends
from hub.store.expiring import note_days
from hub.store.identity import Identities, link_keys
from hub.store.linking import INWARD, Link, fiches_leading_to, links_of, write_links
from hub.store.overlays import remake_overlays, tell_of_other_ends
from hub.store.part_changes import PART_FIELDS, part_changes
from hub.store.part_ids import identify_parts
from hub.store.place_codes import PlaceCodes
from hub.store.provenance import encode_conflicts, encode_provenance, encode_sole
from hub.store.references import HUB, link_key, resolved
from hub.store.workspace import FicheState, PendingChange, Workspace, operation_of

_FICHE = ("id", "kind", "state", "level", "version", "digest", "document", "provenance", "conflicts")


_Outcome = tuple[Document | None, bytes | None, bytes | None]
"""What claims come to: the content, and where it comes from and who disagrees as the table keeps these."""


def _outcome(claims: Sequence[Claim], authority: Authority) -> _Outcome:
    if len(claims) == 1:
        alone = sole(claims[0])
        if alone is not None:
            content, stated = alone
            return content, encode_sole(claims[0], stated) if len(content) > 1 else None, None
    merged = merge(claims, authority)
    return merged.content, encode_provenance(merged), encode_conflicts(merged)


class _Rows:
    """What has to be written about fiches that stood before, which ones have another document now, and how those of which the log must tell stood."""

    def __init__(self) -> None:
        self.updated: list[tuple[Any, ...]] = []
        self.noted: list[tuple[Any, ...]] = []
        self.versions: list[tuple[Any, ...]] = []
        self.written: list[FicheState] = []
        self.differing: list[tuple[FicheState, Document | None, int]] = []


class Remaker:
    """Merges fiches again and writes what became different."""

    def __init__(self, space: Workspace, identities: Identities) -> None:
        self._space = space
        self._identities = identities
        self._codes = PlaceCodes(space.around.places)
        self._links: list[Link] = []
        self._standing: list[tuple[Iterable[int], list[Link]]] = []

    @property
    def left_out(self) -> Mapping[tuple[str, str, str], Rejected]:
        """Each code of a place that there is not, in the claims that were merged, by source, external id and path: the fiches stand without them."""
        return self._codes.left_out

    # --- claims, with their links resolved ------------------------------------------------------------------------------------

    def _claims(self, ids: Iterable[int], fresh: Mapping[int, list[Claim]]) -> dict[int, list[Claim]]:
        space = self._space
        claims = {number: fresh[number] for number in ids if number in fresh}
        stored = [number for number in ids if number not in fresh]
        if stored:
            claims |= {number: [] for number in stored}
            sql = f"SELECT fiche_id, source_id, external_id, revision, partner, content FROM claim WHERE {space.bulk.listed('fiche_id')}"
            for fiche_id, source_id, external_id, revision, partner, content in space.bulk.rows(sql, space.bulk.many(stored)):
                claim = schemas.decode_claim(space.source_name(source_id), external_id, revision, partner or None, content)
                claims[fiche_id].append(as_kept(claim))
        return claims

    def _as_merged(self, claims: Mapping[int, list[Claim]]) -> dict[int, list[Claim]]:
        """The same claims as they are merged: with the places of today and the hub's ids."""
        current = self._codes.current
        return self._resolve({number: [current(claim) for claim in of_fiche] for number, of_fiche in claims.items()})

    def _resolve(self, claims: Mapping[int, list[Claim]]) -> dict[int, list[Claim]]:
        """The same claims with the hub's ids in their links; what has not arrived yet becomes a stub."""
        identities = self._identities
        linking = [claim for of_fiche in claims.values() for claim in of_fiche if claim.kind != "zorgverlener" and not claim.gone]
        if not linking:
            return dict(claims)
        keys: dict[str, Kind] = {}
        for claim in linking:
            keys.update(identities.link_keys(claim))
            if claim.excluded:
                keys.update(link_keys(replace(claim, content=claim.excluded)))
        identities.load(keys)
        identities.stubs({key: kind for key, kind in keys.items() if not key.startswith(f"{HUB}|")})
        identities.flush()
        self._make_places(claims)
        return {number: [self._with_ids(claim, of_fiche) for claim in of_fiche] for number, of_fiche in claims.items()}

    def _offering(self, claim: Claim, beside: Sequence[Claim]) -> int | None:
        """The organisatie whose vestigingen an aanbod's claim names by key."""
        for voice in (claim, *sorted(beside, key=lambda other: (other.source, other.external_id))):
            for name in ("organisatie", "provided_by"):
                if name in voice.content:
                    return self._identities.fiche(cast(str, link_key(voice.content[name], "organisatie")))
        return None

    def _make_places(self, claims: Mapping[int, list[Claim]]) -> None:
        """Give ids to the vestigingen that aanbod names before their organisatie has them."""
        space = self._space
        named: list[tuple[int, str]] = []
        by_id: list[str] = []
        for of_fiche in claims.values():
            for claim in of_fiche:
                if claim.kind == "aanbod" and "vestigingen" in claim.content:
                    offering = self._offering(claim, of_fiche)
                    if offering is not None:
                        named += [(offering, link["key"]) for link in claim.content["vestigingen"] if "key" in link]
                    by_id += [link["id"] for link in claim.content["vestigingen"] if "id" in link]
        self._moved_parts(by_id)
        if named:
            space.load_parts({fiche_id for fiche_id, _ in named})
            unknown = sorted({pair for pair in named if ("vestiging", pair[1]) not in space.parts_of[pair[0]]})
            made = space.make_parts([(fiche_id, "vestiging") for fiche_id, _ in unknown])
            for (fiche_id, key), part in zip(unknown, made, strict=True):
                space.name_part(fiche_id, "vestiging", key, part)

    def _moved_parts(self, uuids: Sequence[str]) -> None:
        space = self._space
        self._part_now: dict[str, str] = {}
        if uuids:
            sql = (
                f"SELECT e.uuid, e.id, t.uuid, t.id FROM entity e LEFT JOIN entity t ON t.id = e.moved_to WHERE {space.bulk.listed('e.uuid', 'text')}"
            )
            for uuid, number, target, target_number in space.bulk.rows(sql, space.bulk.many(uuids)):
                space.know(number, uuid)
                self._part_now[uuid] = target or uuid
                if target:
                    space.know(target_number, target)

    def _with_ids(self, claim: Claim, beside: Sequence[Claim]) -> Claim:
        if claim.kind == "zorgverlener" or claim.gone:
            return claim
        if claim.kind == "organisatie" and not claim.excluded and not self._identities.link_keys(claim):
            return claim  # nothing in it leads anywhere
        space, identities = self._space, self._identities

        def resolve(link: dict[str, Any], kind: Kind) -> str | None:
            number = identities.fiche(cast(str, link_key(link, kind)))
            return None if number is None else space.uuid_of[number]

        def resolve_part(link: dict[str, Any], content: Document) -> str | None:
            if "id" in link:
                return self._part_now.get(link["id"])
            offering = self._offering(claim, beside)
            part = None if offering is None else space.parts_of[offering].get(("vestiging", link["key"]))
            return None if part is None else space.uuid_of[part]

        content = resolved(claim.kind, claim.content, resolve, resolve_part)
        excluded = claim.excluded
        if excluded:
            excluded = resolved(claim.kind, excluded, resolve, resolve_part)
        return replace(claim, content=content, excluded=excluded)

    # --- merging ---------------------------------------------------------------------------------------------------------------

    def remake(self, ids: Iterable[int], fresh: Mapping[int, list[Claim]] | None = None) -> None:
        """Merge these fiches again (they are locked) and write what became different. `fresh`: the only claims of fiches made just now."""
        space = self._space
        space.rounds += 1
        ids = sorted(ids)
        space.load(ids)
        ids = [number for number in ids if space.fiches[number].state not in ("moved", "erased")]
        claims = self._as_merged(self._claims(ids, fresh or {}))
        for number, of_fiche in claims.items():
            space.voices[number] = {(claim.partner or "", claim.source) for claim in of_fiche if not claim.gone}
        space.load_parts(ids)
        authority = space.around.authority
        merged = {number: _outcome([claim for claim in of_fiche if claim.partner is None], authority) for number, of_fiche in claims.items()}
        left = identify_parts(space, ((space.fiches[number], content) for number, (content, _, _) in merged.items() if content is not None))
        space.flush()
        written = self._write([(space.fiches[number], merged[number]) for number in ids])
        note_days(space, written, remake_overlays(space, {number: claims[number] for number in ids}))
        write_links(space, self._links, self._standing)
        self._links, self._standing = [], []
        if left:  # asked last: whoever was merged along leads there only now
            space.to_merge |= fiches_leading_to(space.bulk, left)

    def conflicts_with(self, fiche: int, claims: Sequence[Claim]) -> tuple[Conflict, ...]:
        """What sources would disagree about if these claims stood in place of those of the same name. Keeps nothing of it."""
        named = {(claim.source, claim.external_id) for claim in claims}
        others = [one for one in self._claims([fiche], {})[fiche] if one.partner is None and (one.source, one.external_id) not in named]
        return merge(self._as_merged({fiche: [*others, *claims]})[fiche], self._space.around.authority).conflicts

    def _write(self, outcomes: Sequence[tuple[FicheState, _Outcome]]) -> list[FicheState]:
        """Write the fiches that became different, which is the answer, and new ones, also those that only a link speaks of."""
        space, bulk = self._space, self._space.bulk
        rows = _Rows()
        made = [state for state in space.fiches.values() if state.new]
        with bulk.inserting("fiche", _FICHE, len(made)) as insert:
            for state, outcome in outcomes:
                row = self._become(state, outcome, rows)
                if row is not None:
                    insert(row)
            for state in made:
                if state.new:
                    insert((state.id, state.kind, "stub", ABSENT, 0, None, None, None, None))
                    state.new = False
        # Only now each has the level that it will have, which decides who sees the links to it.
        load_ends(space, (document for state, before, _ in rows.differing for document in (before, state.document)))
        hidden = [differing for differing in rows.differing if self._note(*differing)]
        if hidden:
            tell_of_other_ends(space, hidden)
        bulk.run_many(
            "UPDATE fiche SET state = ?, level = ?, version = ?, digest = ?, document = ?, provenance = ?, conflicts = ? WHERE id = ?",
            rows.updated,
        )
        bulk.run_many("UPDATE fiche SET provenance = ?, conflicts = ? WHERE id = ?", rows.noted)
        bulk.insert("version", ("fiche_id", "partner", "version", "document"), rows.versions)
        return rows.written

    def _become(self, state: FicheState, outcome: _Outcome, rows: _Rows) -> tuple[Any, ...] | None:
        """Let the fiche be what was merged. The answer is the row of a new one; asks nothing of the database."""
        space = self._space
        document, provenance, conflicts = outcome
        raw = digest = None
        if document is not None:
            document["id"] = state.uuid
            document = stamp(state.kind, document)
            raw = schemas.encode(document)
            digest = schemas.digest_of(raw)
        if digest == state.digest and not state.new:
            rows.noted.append((provenance, conflicts, state.id))
            if document is not None:
                space.reindex.add(state.id)  # its sources may be others now
            return None
        rows.written.append(state)
        before, before_level = state.document, state.level
        if state.raw is not None:
            old = schemas.pack(state.scrubbed or state.raw)
            rows.versions.append((state.id, "", state.version, old))
        if document is not None or before is not None:
            state.version += 1
            state.state = "live" if document is not None else "gone"
        state.replace(document, raw, digest)
        state.level = level_of(document)
        if document is not None or before is not None:
            rows.differing.append((state, before, before_level))
        links = [] if document is None else links_of(state.id, document, space.number_of)
        row = (state.kind, state.state, state.level, state.version, digest, raw, provenance, conflicts)
        if state.new:
            state.new = False
            self._links += links
            return (state.id, *row)
        rows.updated.append((*row[1:], state.id))
        owners = [
            state.id,
            *space.parts_of[state.id].values(),
            *_part_numbers(space, before, state.kind),
        ]
        self._standing.append((owners, links))
        return None

    # --- changes ---------------------------------------------------------------------------------------------------------------

    def _note(self, state: FicheState, before: Document | None, was: int) -> bool:
        """Owe the log what became of the fiche and of each of its parts. The answer: whether it leads, or led, to something that not everybody sees."""
        space = self._space
        space.reindex.add(state.id)
        after, now = state.document, state.level
        fields: dict[str, int] | None = None
        audience = min(was, now)
        seen = ends(space, before, after)
        if before is not None and after is not None:
            fields = dict(visible_levels_differ(before, after, seen.before, seen.now))
            audience = min(fields.values(), default=ABSENT) if was == now else audience
        operation = operation_of(was, now)
        version, origin = state.version, space.origin
        space.note(PendingChange(state.id, state.id, state.kind, "", operation, origin, fields, audience, was, now, version))
        for change in part_changes(space, state.id, state.kind, before, after, was, now, seen=seen):
            space.note(change)
        if fields is None or any(field not in INWARD for field in fields):
            outward = audience if fields is None or was != now else min(level for field, level in fields.items() if field not in INWARD)
            space.changed_outwardly(state.id, outward)
        return bool(seen.before or seen.now)


def _part_numbers(space: Workspace, document: Document | None, kind: Kind) -> list[int]:
    if document is None:
        return []
    return [space.number_of[part["id"]] for field, _ in PART_FIELDS[kind] for part in document.get(field, ())]
