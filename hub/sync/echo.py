"""The three-way comparison on the way in: what a two-way partner says, against what both sides agreed on.

A field that comes back just as it was agreed is our own word and becomes no claim of the partner's, else a later change of ours would lose
against its own echo; a row that says nothing else keeps no fiche alive. A field that differs is the partner's edit; whether it stands is decided by the merge, and if it does not, the
entity waits in the outbox so that the partner gets our value back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, exists, select

from hub import schemas
from hub.connector import Sink
from hub.errors import Rejected
from hub.model.claims import Claim
from hub.model.entity import Change
from hub.model.fiche import Document
from hub.model.moments import to_second
from hub.store import Writer, prepare
from hub.store.identity import keys_of, own_key
from hub.store.references import HUB
from hub.store.tables import agreed as agreed_table
from hub.store.tables import claim as claim_table
from hub.store.tables import connection as connection_table
from hub.store.tables import entity as entity_table
from hub.store.tables import identity as identity_table
from hub.store.tables import link as link_table
from hub.store.tables import source as source_table
from hub.sync import agreed, outbox
from hub.sync.agreed import Agreed
from hub.sync.session import Session

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class _Standing:
    number: int
    revision: int
    digest: bytes
    withdrawn: bool
    claim: Claim


@dataclass(frozen=True, slots=True)
class _News:
    """What counts as news beside a higher revision; see `without_echoes`."""

    anew: Collection[str]
    listed: bool

    def is_late(self, claim: Claim, before: _Standing | None) -> bool:
        """Whether a newer word of the partner's stands already."""
        return before is not None and claim.revision < before.revision and claim.external_id not in self.anew

    def is_known(self, claim: Claim, before: _Standing | None) -> bool:
        """Whether it came before, in this very revision, and stands."""
        if before is None or before.withdrawn or claim.gone or self.listed:
            return False
        return claim.revision == before.revision and claim.external_id not in self.anew


def hears(connector: object) -> bool:
    """Whether this connector can tell an echo: it pushes, and says how its states read in a pull."""
    kind = type(connector)
    return issubclass(kind, Sink) and (kind.read_back is not Sink.read_back or kind.own_word is not Sink.own_word)


def mixes(sink: Sink) -> bool:
    """Whether this partner takes our items into its own lists, so that what of ours it has is told by the agreed state alone."""
    return type(sink).own_word is not Sink.own_word


def without_echoes(
    session: Session, writer: Writer, claims: list[Claim], anew: Collection[str] = (), *, listed: bool = False
) -> tuple[list[Claim], set[int]]:
    """The claims as the partner's own word, whichever connection told it ours, and the numbers of entities agreed with this one that they speak of. Notes what
    the partner edited, in the same transaction.

    `anew`: see `Writer.put`; such a claim is news in whatever revision. `listed`: an administrator said that these are right, so that one of a known revision may be.
    Where each is its own word as it came, the answer is `claims` itself: what was made ready of them can be used.
    """
    connection, name, news = writer.connection, session.known.name, _News(anew, listed)
    known: set[int] = set()
    if agreed.any_with(connection, name):  # a first load is not slowed down by what has not been agreed yet
        claims, known = _heard(session, writer, claims, news)
    for other in _others(session, connection):
        claims = _without_echoes_of(session, writer, other, claims, news)
    return claims, known


def _others(session: Session, connection: Connection) -> list[str]:
    """The other connections of this connector with which something was agreed: what the partner has of theirs is no word of its own here either."""
    query = select(connection_table.c.name).where(
        connection_table.c.connector == session.known.connector,
        connection_table.c.name != session.known.name,
        exists().where(agreed_table.c.connection == connection_table.c.name),
    )
    return list(connection.execute(query.order_by(connection_table.c.name)).scalars())


def _without_echoes_of(session: Session, writer: Writer, other: str, claims: list[Claim], news: _News) -> list[Claim]:
    """The claims as they stand against what was agreed with `other`. What the partner edited of that is left to the runs of that connection."""
    connection, sink = writer.connection, session.built.connector
    assert isinstance(sink, Sink)
    entities = _entities(connection, claims)
    known = agreed.load(connection, other, entities.values())
    if not known:
        return claims
    standing = _standing(connection, claims)
    own = []
    for claim in claims:
        number, before = entities.get(_key(claim)), standing.get(_key(claim))
        state = known.get(number) if number is not None else None
        own.append(claim if state is None or news.is_late(claim, before) else _against(writer, sink, claim, state, before, news))
    return _as_it_came(claims, own)


def _against(writer: Writer, sink: Sink, claim: Claim, state: Agreed, before: _Standing | None, news: _News) -> Claim:
    """The partner's own word in a claim, against what was agreed."""
    answer = _told_to(state)
    if before is not None and news.is_known(claim, before):
        return _judged_again(writer, sink, claim, answer, before)
    return claim if answer is None else _own_word(sink, claim, answer, before)


def _told_to(state: Agreed) -> dict[str, Any] | None:
    """What the partner has of ours by what was agreed; None when that is nothing, or was erased."""
    return None if state.answer is None or "erased" in state.answer else state.answer


def _as_it_came(claims: list[Claim], own: list[Claim]) -> list[Claim]:
    return claims if all(mine is theirs for mine, theirs in zip(own, claims, strict=True)) else own


def _heard(session: Session, writer: Writer, claims: list[Claim], news: _News) -> tuple[list[Claim], set[int]]:
    """See `without_echoes`, of what was agreed with this connection."""
    connection, name = writer.connection, session.known.name
    sink = session.built.connector
    assert isinstance(sink, Sink)
    entities = _entities(connection, claims)
    known = agreed.load(connection, name, entities.values())
    _note_around(session, sink, connection, claims, entities)
    if not known:
        return claims, set()
    standing = _standing(connection, claims)
    own = []
    for claim in claims:
        number, before = entities.get(_key(claim)), standing.get(_key(claim))
        state = known.get(number) if number is not None else None
        if number is None or state is None or news.is_late(claim, before):
            own.append(claim)
            continue
        answer = _told_to(state)
        told: Document = {} if answer is None else sink.read_back(answer)
        own.append(_against(writer, sink, claim, state, before, news))
        if news.is_known(claim, before):
            if state.said is None and not has(claim.content, told):  # what we believe of the partner since is wrong, or it lost what we told it
                note(session, connection, number, state, said=claim.content)
            continue
        said: Document = {} if claim.gone else claim.content
        moved = claim.gone or not has(said, told)
        if moved or state.said is not None:
            note(session, connection, number, state, said=said if moved else None)
    return _as_it_came(claims, own), set(known)


def _note_around(session: Session, sink: Sink, connection: Connection, claims: Sequence[Claim], entities: Mapping[str, int]) -> None:
    """What the partner says of a fiche can answer what we expect of another entity: who was not there, nothing of his practices could be told.

    Only where `read_back` expects something of the fiche that what came contradicts; the entity then waits in the outbox.
    """
    name = session.known.name
    arrived = {number: claim for claim in claims if not claim.gone and (number := entities.get(_key(claim))) is not None}
    numbers = sorted(arrived)
    for start in range(0, len(numbers), _AT_ONCE):
        rows = connection.execute(
            select(link_table.c.from_id, link_table.c.to_id)
            .join(agreed_table, agreed_table.c.entity_id == link_table.c.from_id)
            .where(agreed_table.c.connection == name, link_table.c.to_id.in_(numbers[start : start + _AT_ONCE]))
            .order_by(link_table.c.from_id)
        ).all()
        known = agreed.load(connection, name, (row.from_id for row in rows))
        for row in rows:
            state = known[row.from_id]
            if state.answer is None or "erased" in state.answer or state.said is not None:
                continue
            told, said = sink.read_back(state.answer), arrived[row.to_id].content
            if told and not has(said, told):
                note(session, connection, row.from_id, state, said=said)


def has(said: Mapping[str, Any], back: Mapping[str, Any]) -> bool:
    """Whether what the partner says contains all that we would tell it."""
    return all(said.get(name) == value for name, value in back.items())


def _own_word(sink: Sink, claim: Claim, answer: dict[str, Any], before: _Standing | None) -> Claim:
    if claim.gone:
        return claim
    content = sink.own_word(claim.content, {} if before is None else before.claim.content, answer)
    if content.keys() <= {"kind"} < claim.content.keys():
        return replace(claim, content={}, excluded={}, gone=True)
    return replace(claim, content=content)


def _judged_again(writer: Writer, sink: Sink, claim: Claim, answer: dict[str, Any] | None, before: _Standing) -> Claim:
    """What stands of this row, which was judged already, against what was agreed then.

    Who mixes our items into its own lists may have made one its own since, without a new revision: an owner who refuses to take it away. Of any other
    a row of a known revision is a late one.
    """
    if answer is None or not mixes(sink):
        return before.claim
    mine = _own_word(sink, claim, answer, before)
    told = prepare([mine]).newest.values()
    if any(ready.digest != before.digest for ready in told):
        writer.take_again(before.number)
    return mine


def note(session: Session, connection: Connection, number: int, state: Agreed, *, said: Document | None) -> None:
    """Note what the partner says of this entity, or that it says what was agreed again (None); the entity waits in the outbox."""
    state = replace(state, said=said)
    name, now = session.known.name, session.store.now()
    agreed.save(connection, name, number, state, to_second(now))
    outbox.enqueue(connection, name, [(number, changed_by(connection, name, number, to_second(now)))], now)


def changed_by(connection: Connection, name: str, number: int, at: str) -> Change:
    """What goes into the outbox for an entity of which the partner of this connection said something new, after the last change of all."""
    row = connection.execute(select(entity_table).where(entity_table.c.id == number)).one()
    fiche = connection.execute(select(entity_table.c.uuid).where(entity_table.c.id == row.fiche_id)).scalar_one()
    seq = int(connection.exec_driver_sql("SELECT n FROM counter WHERE name = 'change'").scalar_one())
    return Change(seq, at, row.uuid, row.type, fiche, "update", name)


def _key(claim: Claim) -> str:
    return own_key(claim.source, claim.external_id)


def _entities(connection: Connection, claims: Iterable[Claim]) -> dict[str, int]:
    """Own key of a claim -> number of the fiche that it speaks of, as far as that is known."""
    prefix = f"{HUB}|"  # a partner that gives our own id back names no key that is stored
    keys: dict[str, list[str]] = {}
    for claim in claims:
        try:
            own, others = keys_of(claim)
        except Rejected:
            continue  # the writer says what is wrong with it
        # Who gives our own id back says of whom he speaks, also when the id of his row led to another fiche before a split.
        ours = [key for key in others if key.startswith(prefix)]
        keys[own] = [*ours, own, *others]
    wanted = sorted({key for named in keys.values() for key in named})
    found: dict[str, int] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        rows = connection.execute(select(identity_table).where(identity_table.c.key.in_(wanted[start : start + _AT_ONCE])))
        found |= {row.key: row.fiche_id for row in rows}
    ours = [key.removeprefix(prefix) for key in wanted if key.startswith(prefix)]
    for start in range(0, len(ours), _AT_ONCE):
        for row in connection.execute(select(entity_table).where(entity_table.c.uuid.in_(ours[start : start + _AT_ONCE]))):
            found[prefix + row.uuid] = _standing_now(connection, row)
    return {own: next(found[key] for key in named if key in found) for own, named in keys.items() if any(key in found for key in named)}


def _standing_now(connection: Connection, row: Row[Any]) -> int:
    """The fiche to which this one redirects in the end, or itself."""
    while row.moved_to is not None:
        row = connection.execute(select(entity_table).where(entity_table.c.id == row.moved_to)).one()
    return int(row.fiche_id)


def _standing(connection: Connection, claims: Sequence[Claim]) -> dict[str, _Standing]:
    found: dict[str, _Standing] = {}
    for start in range(0, len(claims), _AT_ONCE):
        part = claims[start : start + _AT_ONCE]
        rows = connection.execute(
            select(claim_table, source_table.c.name)
            .join(source_table, source_table.c.id == claim_table.c.source_id)
            .where(
                source_table.c.name.in_({claim.source for claim in part}),
                claim_table.c.external_id.in_({claim.external_id for claim in part}),
                claim_table.c.partner.in_({claim.partner or "" for claim in part}),
            )
        )
        for row in rows:
            stood = schemas.decode_claim(row.name, row.external_id, row.revision, row.partner or None, row.content)
            found[own_key(row.name, row.external_id)] = _Standing(row.id, row.revision, row.digest, row.digest == b"", stood)
    return found
