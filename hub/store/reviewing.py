"""The review queue, read: pairs of fiches of which somebody must say whether they are one. `Writer.join`, `apart` and `split` decide.

A pair is put in the queue when claims arrive (`hub.store.matching`, `hub.store.identity`) and never taken out by a machine. Whether it still needs somebody is
judged here by what stands now: both fiches are there, no source holds a mere candidate apart, and what they share is not shared by a crowd. So who came
first makes no difference. Why they may be one is told by what they share now, unless a plugin said it.
"""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast, get_args

import orjson
from sqlalchemy import Connection

from hub import schemas
from hub.errors import FieldError, Gone, Invalid, NotFound
from hub.model.claims import EDITOR
from hub.model.fiche import Kind
from hub.model.particulars import name_in
from hub.store import reading
from hub.store.bulk import Bulk
from hub.store.matching import CROWD, score_of

State = Literal["open", "same", "different"]
STATES: Final[tuple[State, ...]] = get_args(State)
COUNTED: Final = 1000
"""Pairs that wait are counted up to so many."""

_IN_WORDS: Final[Mapping[str, str]] = {
    "establishment": "the same establishment number",
    "kbo": "the same enterprise number",
    "name": "the same name in one postcode",
    "phone": "the same telephone number",
    "address": "the same address",
}
_NO_CROWD: Final = f"(SELECT count(*) FROM (SELECT DISTINCT z.fiche_id FROM candidate_key z WHERE z.key = x.key LIMIT {CROWD + 1}) held) <= {CROWD}"
_EVIDENCE: Final = (
    "EXISTS (SELECT 1 FROM candidate_key x JOIN candidate_key y ON y.key = x.key AND y.fiche_id = r.other_id WHERE x.fiche_id = r.fiche_id"
    f" AND {_NO_CROWD})"
)
_APART: Final = (
    "EXISTS (SELECT 1 FROM claim x JOIN claim y ON y.source_id = x.source_id AND y.fiche_id = r.other_id WHERE x.fiche_id = r.fiche_id"
    " AND x.partner = '' AND y.partner = '' AND NOT x.gone AND NOT y.gone"
    f" AND x.source_id NOT IN (SELECT id FROM source WHERE name = '{EDITOR}'))"
)
_WAITS: Final = f"f.document IS NOT NULL AND o.document IS NOT NULL AND (r.reason <> 'candidate' OR ({_EVIDENCE} AND NOT {_APART}))"
_FROM: Final = "FROM review r JOIN fiche f ON f.id = r.fiche_id JOIN fiche o ON o.id = r.other_id"
_SELECT: Final = (
    "SELECT r.id, f.id, o.id, a.uuid, b.uuid, f.kind, o.kind, f.document, o.document, r.reason, r.score, r.state, r.at, r.detail"
    f" {_FROM} JOIN entity a ON a.id = r.fiche_id JOIN entity b ON b.id = r.other_id"
)


@dataclass(frozen=True, slots=True)
class Side:
    """One fiche of a pair: its UUID, what it is called (empty when it has been removed since), and the sources that contribute."""

    id: str
    kind: Kind
    name: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """Two fiches that may be one, the newer one first. `reason`: `key-clash`, `candidate` or `decision`; `detail` says why, and who decided when."""

    id: int
    fiche: Side
    other: Side
    reason: str
    score: float
    state: State
    at: str
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def why(self) -> tuple[str, ...]:
        """The reasons in plain words."""
        if self.reason == "candidate":
            return tuple(_IN_WORDS.get(each, each) for each in self.detail.get("reasons", ()))
        if self.reason == "decision":
            return ("somebody decided without being asked",)
        source = self.detail.get("source")
        if source and (number := self.detail.get("named_late")):
            row = self.detail.get("external_id")
            return (
                f"{source} gives one of them now, in its row {row}, a number of the other ({number.replace('|', ' ')}): were two numbers swapped?",
                "if they are two, keep them apart; a row that lies with the wrong one leaves it by a split, and goes to the right one by a join",
            )
        if source:
            return (f"{source} gives both the same number or id, and yet holds them apart",)
        return ("a claim says that they are one, and a source or somebody holds them apart",)


def reviews(connection: Connection, limit: int = 50, after: int = 0, state: State = "open") -> list[Review]:
    """Pairs in the review queue, oldest first; page on with the last `id` as `after`. `open`: those that wait; the others are decided."""
    rows = Bulk(connection).rows(
        f"{_SELECT} WHERE r.state = ? AND r.id > ?{f' AND {_WAITS}' if state == 'open' else ''} ORDER BY r.id LIMIT ?",
        state,
        after,
        limit,
    )
    return _reviews(connection, rows)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a join of two fiches would do: `goes` becomes part of `stays`, which is the older one.

    `review`: what the queue holds about them; None when nobody ever asked or decided. `apart`: the sources that have a claim in both.
    """

    stays: Side
    goes: Side
    review: Review | None
    apart: tuple[str, ...]


def proposal(connection: Connection, first: str, other: str) -> Proposal:
    """The two fiches with these UUIDs, as they would be joined. Raises `NotFound`, `Gone`, and `Invalid` for what cannot be one."""
    found = dict(_standing(connection, uuid) for uuid in (first, other))
    if len(found) < 2:
        raise Invalid("These are one fiche already.", (FieldError("other", "the same fiche", other),))
    (low, stays), (high, goes) = sorted(found.items())
    if stays.kind != goes.kind:
        raise Invalid(f"An {stays.kind} and an {goes.kind} cannot be one fiche.", (FieldError("other", "another kind", other),))
    rows = Bulk(connection).rows(f"{_SELECT} WHERE r.fiche_id = ? AND r.other_id = ?", high, low)
    return Proposal(stays, goes, next(iter(_reviews(connection, rows)), None), tuple(sorted({*stays.sources} & {*goes.sources} - {EDITOR})))


def side(connection: Connection, uuid: str) -> Side:
    """The fiche with this UUID, under the id that it goes by now. Raises `NotFound`, also for a part, and `Gone`."""
    return _standing(connection, uuid)[1]


def _reviews(connection: Connection, rows: Sequence[Any]) -> list[Review]:
    sources = reading.sources(connection, {number for row in rows for number in row[1:3]})
    shared = _shared(connection, [(row[1], row[2]) for row in rows if (row[9], row[11]) == ("candidate", "open")])
    found = []
    for number, fiche, other, first, second, first_kind, second_kind, first_document, second_document, reason, score, state, at, kept in rows:
        detail = orjson.loads(kept)
        reasons = shared.get((fiche, other))
        if reasons and not detail.get("plugin"):
            score, detail = round(score_of(reasons), 3), {**detail, "reasons": reasons}
        one = Side(first, first_kind, _called(first_document), sources.get(fiche, ()))
        two = Side(second, second_kind, _called(second_document), sources.get(other, ()))
        found.append(Review(number, one, two, reason, score, state, at, detail))
    return found


def _shared(connection: Connection, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], list[str]]:
    """What each of these pairs shares now, by kind of key."""
    bulk = Bulk(connection)
    kinds: dict[tuple[int, int], set[str]] = {pair: set() for pair in pairs}
    rows = bulk.rows(
        f"SELECT DISTINCT x.fiche_id, y.fiche_id, x.key FROM candidate_key x JOIN candidate_key y ON y.key = x.key"
        f" WHERE {bulk.listed('x.fiche_id')} AND {bulk.listed('y.fiche_id')} AND {_NO_CROWD}",
        bulk.many({fiche for fiche, _ in pairs}),
        bulk.many({other for _, other in pairs}),
    )
    for fiche, other, key in rows:
        if (fiche, other) in kinds:
            kinds[fiche, other].add(key.split("|", 2)[1])
    return {pair: sorted(found) for pair, found in kinds.items()}


def waiting(connection: Connection) -> int:
    """How many pairs wait for somebody; `COUNTED` and one more when there are more than that."""
    sql = f"SELECT count(*) FROM (SELECT r.id {_FROM} WHERE r.state = 'open' AND {_WAITS} LIMIT ?) found"
    ((count,),) = Bulk(connection).rows(sql, COUNTED + 1)
    return int(count)


def _standing(connection: Connection, uuid: str) -> tuple[int, Side]:
    """With its number: the older of two has the lower one."""
    known = reading.resolve(connection, [uuid]).get(uuid)
    if known is not None and known.moved_to is not None:
        known = reading.resolve(connection, [known.moved_to]).get(known.moved_to)
    if known is None or known.id != known.fiche_id:
        raise NotFound(f"There is no fiche with id {uuid}.")
    document = reading.documents(connection, [known.id]).get(known.id)
    if document is None:
        raise Gone(f"The fiche {uuid} has been removed; there is nothing to decide about it.")
    sources = reading.sources(connection, [known.id]).get(known.id, ())
    return known.id, Side(known.uuid, cast(Kind, known.type), name_in(document, "nl").text, sources)


def _called(document: bytes | None) -> str:
    return "" if document is None else name_in(schemas.decode(document), "nl").text
