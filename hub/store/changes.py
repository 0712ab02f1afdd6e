"""The change log: what a transaction owes it, written at its very end.

The numbers come from a counter row. Its update is the last lock that a transaction takes and is held until the commit, so numbers are without gaps
and in the order of the commits (on both engines); only rows of the log itself follow it. The row holds the moment of the newest change too, and none that follows
is noted an earlier one.
"""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import orjson

from hub.model.audience import ABSENT
from hub.model.moments import to_millisecond
from hub.store.bulk import Bulk
from hub.store.database import commits_a_load
from hub.store.ends import own_levels
from hub.store.index_terms import INDEXED_ELSEWHERE
from hub.store.indexing import write_index
from hub.store.linking import OF_VIEWS, Dependent, Dependents, dependents, dependents_of_partners
from hub.store.own_words import BY_TWO_ENDS, speak_for_partners, told_levels
from hub.store.workspace import OF_OTHERS, PendingChange, Workspace

LOAD = 20
"""A transaction about more fiches than this is no editor's."""
EACH = 4
"""So many dependents more are no wide change when there is one fiche more in the transaction."""
SPREAD = "spread"
"""The operation of a marker: what depends on this fiche is told a little later, before any reader passes the marker."""

_COLUMNS = (
    "seq",
    "at",
    "entity_id",
    "fiche_id",
    "type",
    "operation",
    "origin",
    "fields",
    "audience",
    "was",
    "now",
    "version",
    "partner",
    "tx_end",
)


def finish(space: Workspace) -> int:
    """Tell what depends on the changed fiches, bring the index up to date, write the log. The answer: how many markers wait to be spread."""
    markers: list[PendingChange] = []
    in_index: set[int] = set(space.reindex)
    for (partner, level), fiches in _by_audience(space).items():
        leading = _leading(space, fiches)
        found, depending = dependents(space.bulk, leading, partner, among=True)  # what changed itself may show another that did
        of_partners = {} if partner else dependents_of_partners(space, leading, found)
        if space.untied:  # no link leads there any more, or not for all
            left = {person for whose, offer, person in space.untied if whose == partner and offer in fiches} - space.made
            note_context(space, {person: Dependent(person, "zorgverlener") for person in left}, level, partner)
        told = [(partner, number) for number in found] + [(whose, number) for whose, (only, _) in of_partners.items() for number in only]
        untold = sum(1 for each in told if each not in space.changes)
        if untold > space.around.wide + EACH * (len(fiches) - 1):
            leading_on = [number for number in sorted(fiches) if _leads_anywhere(space, number, partner)]
            markers += [_marker(space, number, level, partner) for number in leading_on]
            space.waiting.update((partner, number) for number in leading_on)
            continue
        note_context(space, found, level, partner, fiches)
        in_index |= _read_by_others(space, partner, fiches, depending)
        for whose, (only, shown) in of_partners.items():
            note_context(space, only, level, whose, fiches, of_all=True)
            in_index |= shown
    if space.bulk.postgres:
        space.load(in_index - space.reindex, lock=True)
    space.flush()
    if len(in_index) > LOAD:
        commits_a_load(space.bulk)
    if space.bulk.postgres:
        write_index(space, in_index)
        write_log(space, markers)
    else:  # one writer at a time: the counter is nobody else's, and what follows need not wait for it
        write_log(space, markers)
        write_index(space, in_index)
    return len(markers)


def _read_by_others(space: Workspace, partner: str, fiches: list[int], depending: set[int]) -> set[int]:
    """Of the fiches that depend on these, those whose rows in the index may be different now."""
    telling = []
    for number in fiches:
        change = space.changes.get((partner, number))
        same = change is not None and change.was == change.now and change.fields is not None
        if partner or change is None or not same or INDEXED_ELSEWHERE.intersection(change.fields or ()):
            telling.append(number)
    if len(telling) == len(fiches) or not depending:
        return depending
    return dependents(space.bulk, _leading(space, telling), partner)[1]


def _leading(space: Workspace, fiches: list[int]) -> list[int]:
    """Of these fiches, those that a link can begin or end at. A load of caregivers makes hundreds that stand alone: to ask the database about them would be to
    wait for all that is still being written."""
    return [number for number in fiches if number not in space.made or number in space.tied]


def _leads_anywhere(space: Workspace, number: int, partner: str) -> bool:
    found = dependents(space.bulk, [number], partner)[0]
    return bool(found or (not partner and dependents_of_partners(space, [number], found)))


def _by_audience(space: Workspace) -> dict[tuple[str, int], list[int]]:
    """The changed fiches by partner and by who sees the change, the widest audience first: the first change noted of a dependent tells most."""
    groups: dict[tuple[str, int], list[int]] = {}
    for (partner, fiche_id), level in sorted(space.sources.items(), key=lambda item: (item[0][0], item[1], item[0][1])):
        if level < ABSENT:
            groups.setdefault((partner, level), []).append(fiche_id)
    return groups


def _marker(space: Workspace, number: int, level: int, partner: str) -> PendingChange:
    state = space.fiches[number]
    return PendingChange(number, number, state.kind, partner, SPREAD, space.origin, None, level, level, level, state.version)


def note_context(
    space: Workspace,
    found: Dependents,
    level: int,
    partner: str,
    sources: Collection[int] = (),
    marker: int = 0,
    of_all: bool = False,
) -> None:
    """Owe the log a `context` change of each of these, unless it changed itself and told at least as many.

    `sources`: the fiches that they depend on; `of_all`: as everybody has them, not only this partner. `marker`: the seq of the marker that is being spread
    out.
    """
    wanted = []
    for number in sorted(found):
        change = space.changes.get((partner, number))
        # What was told in the first round may not be so any more.
        seen = max(level, found[number].level)
        if space.rounds > 1 or change is None or change.audience > seen:
            wanted.append(number)
        else:
            change.note_of_others(max(seen, min(change.was, change.now)))
    if not wanted:
        return
    telling = _Telling(space, level, partner, sources, marker, of_all)
    telling.look(found, wanted)
    owners: dict[int, Dependents] = {}  # of memberships that somebody begins or ceases to see
    for number in wanted:
        fiche_id, type_, _ = found[number]
        levels = telling.was_and_now(number, fiche_id)
        if levels is None:
            continue
        was, now = levels
        if type_ == "membership" and (partner or was != now) and fiche_id not in found:
            owners.setdefault(max(level, min(was, now)), {})[fiche_id] = Dependent(fiche_id, "organisatie")
        telling.owe(number, found[number], was, now)
    for seen, fiches in owners.items():
        note_context(space, fiches, seen, partner, of_all=of_all)


@dataclass(slots=True)
class _Telling:
    """One round of `context` changes: what it is asked, as `note_context` has it, and what the database says of those that it is about."""

    space: Workspace
    level: int
    partner: str
    sources: Collection[int]
    marker: int
    of_all: bool
    versions: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Fiche -> its version and its level."""
    own: dict[int, int] = field(default_factory=dict)
    """Entity -> the level of its own entry in the index."""
    becoming: dict[int, tuple[int, int, int, bool]] = field(default_factory=dict)
    """As `_seen_from_now_on` has it, of the parts that stand for a link."""
    overlaid: set[int] = field(default_factory=set)
    """Fiches in place of which the partner sees his own."""
    told_before: dict[int, int] = field(default_factory=dict)
    """The levels of the same as the log had them before the marker."""
    owed_elsewhere: set[int] = field(default_factory=set)
    """As `_owed_elsewhere` has it, of the same."""

    def look(self, found: Dependents, wanted: list[int]) -> None:
        """Ask the database about those that are wanted, all at once."""
        bulk, partner = self.space.bulk, self.partner
        many = bulk.many({found[number].fiche_id for number in wanted})
        sql = f"SELECT id, version, level FROM fiche WHERE {bulk.listed('id')}"
        self.versions = {number: (version, stands) for number, version, stands in bulk.rows(sql, many)}
        self.own = dict(bulk.rows(f"SELECT id, level FROM entry WHERE {bulk.listed('id')}", bulk.many(wanted)))
        if partner:  # what he has in place of others is as he has it
            sql = f"SELECT fiche_id, version, level FROM overlay WHERE partner = ? AND document IS NOT NULL AND {bulk.listed('fiche_id')}"
            views = {number: (version, stands) for number, version, stands in bulk.rows(sql, partner, many)}
            self.versions.update(views)
            self.overlaid.update(views)
            sql = f"SELECT entity_id, level FROM entry WHERE partner = ? AND {bulk.listed('entity_id')}"
            self.own.update(bulk.rows(sql, partner, bulk.many(wanted)))
        leading = [number for number in wanted if found[number].type in BY_TWO_ENDS]
        self.becoming = _seen_from_now_on(self.space, leading, partner)
        if self.marker and (self.of_all or not partner):
            self.told_before = told_levels(bulk, leading, partner, before=self.marker)  # who wrote since knew nothing of what is told late
        if self.marker:
            self.owed_elsewhere = _owed_elsewhere(bulk, self.becoming, self.marker, partner)

    def was_and_now(self, number: int, fiche_id: int) -> tuple[int, int] | None:
        """The lowest rank that saw it, and that sees it from now on; None where that is told with what else depends on its other end."""
        _, stands = self.versions[fiche_id]
        was = stands if number == fiche_id else max(self.own.get(number, stands), stands)
        if number not in self.becoming:
            return was, was
        fiches, partner, of_all = self.space.fiches, self.partner, self.of_all
        end, how, now, of_partner = self.becoming[number]
        if not self.marker and ("" if of_all else partner, end) in self.space.waiting:
            return None  # and it is told to as many
        if number in self.owed_elsewhere and end not in self.sources:
            return None
        if partner and (of_partner or not of_all):
            was = max(how, min(self.level, now)) if end in self.sources else now
        elif not self.marker:
            moved = (end,) if of_all else (fiche_id, end)  # the partner's own view of the fiche did not change, or is told of already
            was = max(how, *(fiches[one].stood for one in moved if one in fiches)) if end in fiches else now
        else:
            was = self.told_before.get(number, ABSENT) if end in self.sources else now
        return was, now

    def owe(self, number: int, one: Dependent, was: int, now: int) -> None:
        """Note the change, or let the one that is noted already tell as many."""
        fiche_id, type_, how = one
        space, least = self.space, max(self.level, how)
        seen = max(least, min(was, now))
        shared = space.changes.get(("", number)) if self.of_all and fiche_id not in self.overlaid else None
        if shared is not None and shared.audience <= seen and (shared.was, shared.now) == (was, now) and shared.is_told_for((OF_OTHERS,), seen):
            return  # that tells him as much
        change = space.changes.get((self.partner, number))
        if change is not None:
            if number in self.becoming and change.now < ABSENT and change.now != now:
                change.now, change.audience = now, min(change.audience, change.was, now)
            seen = max(least, min(change.was, change.now))
            change.audience = min(change.audience, seen)
            change.note_of_others(seen)
        elif min(was, now) < ABSENT:
            version, _ = self.versions[fiche_id]
            space.changes[self.partner, number] = PendingChange(
                number, fiche_id, type_, self.partner, "context", space.origin, {}, seen, was, now, version
            )


def _owed_elsewhere(bulk: Bulk, becoming: Mapping[int, tuple[int, int, int, bool]], marker: int, partner: str) -> set[int]:
    """Of parts that stand for a link those of which another marker, that of their other end, is yet to tell that they come, go or are seen by others: until then the log
    has not told of them, or tells of them still."""
    sql = (
        f"SELECT c.entity_id FROM spread s JOIN change c ON c.seq = s.seq WHERE s.seq <> ? AND c.partner IN ('', ?) AND {bulk.listed('c.entity_id')}"
    )
    waiting = {row[0] for row in bulk.rows(sql, marker, partner, bulk.many({end for end, *_ in becoming.values()}))} if becoming else set()
    doubtful = [number for number, (end, *_) in becoming.items() if end in waiting]
    told = told_levels(bulk, doubtful, partner)
    return {number for number in doubtful if told.get(number, ABSENT) != becoming[number][2]}


def _seen_from_now_on(space: Workspace, parts: list[int], partner: str) -> dict[int, tuple[int, int, int, bool]]:
    """Of parts that stand for a link: its other end, the lowest rank that sees the link, the lowest that sees both, also if the end is seen by others now, and
    whether the end is one that the partner has a view of his own of."""
    if not parts:
        return {}
    bulk = space.bulk
    sql = (
        "SELECT l.from_id, l.level, l.to_id, f.level FROM link l JOIN fiche f ON f.id = l.to_id"
        f" WHERE l.role IN ('member_of', 'zorgverlener') AND {bulk.listed('l.from_id')}"
    )
    entries = _own_entries(space, parts, partner) if partner else {}
    numbers = {-entry: number for number, entry in entries.items()} | {number: number for number in parts if number not in entries}
    rows = [(numbers[from_id], *rest) for from_id, *rest in bulk.rows(sql, bulk.many(numbers))]
    own = own_levels(space, partner, [row[2] for row in rows]) if partner else {}
    return {number: (to_id, how, max(how, own.get(to_id, stands)), to_id in own) for number, how, to_id, stands in rows}


def _own_entries(space: Workspace, entities: list[int], partner: str) -> dict[int, int]:
    """The numbers of what a partner has in place of these in a view of his own; of the others nothing."""
    sql = f"SELECT e.entity_id, e.id FROM entry e {OF_VIEWS} WHERE e.partner = ? AND {space.bulk.listed('e.entity_id')}"
    written = dict(space.bulk.rows(sql, partner, space.bulk.many(entities)))
    return {entity: space.own_entries[partner, entity] for entity in entities if (partner, entity) in space.own_entries} | written


def write_log(space: Workspace, markers: Iterable[PendingChange] = ()) -> None:
    """Take the numbers and write the rows; nothing may be locked after this."""
    speak_for_partners(space)
    owed = [change for change in space.changes.values() if change.was < ABSENT or change.now < ABSENT or change.partner]
    owed.sort(key=lambda change: change.partner != "")  # a partner's own rows stand behind those in the place of which they stand
    owed += markers
    if not owed:
        return
    told = []
    for change in owed:
        fields = None if change.fields is None else orjson.dumps(sorted(change.fields.items()))
        told.append(
            (
                change.entity_id,
                change.fiche_id,
                change.type,
                change.operation,
                change.origin,
                fields,
                change.audience,
                change.was,
                change.now,
                change.version,
                change.partner,
            )
        )
    bulk = space.bulk
    # Not the moment at which the transaction began: beside a long one everything would get that of the long one's end.
    at = to_millisecond(space.around.now())
    bulk.insert_numbered("change", _COLUMNS, told, _TAKE_NUMBERS, len(told), at, at)
    if any(change.operation == SPREAD for change in owed):
        bulk.later(len(told), _NOTE_MARKERS, len(told))


# Under the lock of the counter, so moments never fall: whoever has read the log until one of them misses nothing, though a clock be put back.
_TAKE_NUMBERS = "UPDATE counter SET n = n + ?, at = CASE WHEN at > ? THEN at ELSE ? END WHERE name = 'change' RETURNING n, at"
_NOTE_MARKERS = (
    "INSERT INTO spread (seq, after_entity) SELECT c.seq, 0 FROM counter n JOIN change c ON c.seq > n.n - ?"
    f" WHERE n.name = 'change' AND c.operation = '{SPREAD}'"
)


def spread_one(space: Workspace, batch: int) -> bool:
    """Spread one batch of the oldest marker out: context changes and rows in the index. The answer: whether a marker is left."""
    bulk = space.bulk
    lock = " FOR UPDATE OF s" if bulk.postgres else ""
    waiting = bulk.rows(
        "SELECT s.seq, s.after_entity, c.entity_id, c.audience, c.partner, c.origin FROM spread s JOIN change c ON c.seq = s.seq"
        f" ORDER BY s.seq LIMIT 1{lock}"
    )
    if not waiting:
        return False
    seq, after, source, level, partner, origin = waiting[0]
    space.origin = origin
    found, _ = dependents(bulk, [source], partner)
    of_each = {partner: found}
    if not partner:
        of_each.update((whose, only) for whose, (only, _) in dependents_of_partners(space, [source], found).items())
    # A fiche and its parts together, since the index is written of all of them.
    waiting_fiches: dict[int, list[tuple[str, int]]] = {}
    for whose, depending in of_each.items():
        for number, one in sorted(depending.items()):
            if one.fiche_id > after:
                waiting_fiches.setdefault(one.fiche_id, []).append((whose, number))
    parts: dict[str, Dependents] = {whose: {} for whose in of_each}
    for reached in sorted(waiting_fiches):
        if sum(map(len, parts.values())) >= batch:
            break
        for whose, number in waiting_fiches[reached]:
            parts[whose][number] = of_each[whose][number]
        after = reached
    fiches = {one.fiche_id for part in parts.values() for one in part.values() if one.type != "zorgverlener"}
    if bulk.postgres:
        space.load(fiches, lock=True)
    for whose, part in parts.items():
        note_context(space, part, level, whose, [source], seq, of_all=whose != partner)
    write_index(space, fiches)
    if not waiting_fiches or after == max(waiting_fiches):
        bulk.run("DELETE FROM spread WHERE seq = ?", seq)
    else:
        bulk.run("UPDATE spread SET after_entity = ? WHERE seq = ?", after, seq)
    write_log(space)
    return True
