"""The one entry: a `Query` in, a page of hits out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from sqlalchemy import Connection

from hub.model.audience import Grant
from hub.model.fiche import EntityType
from hub.model.query import Query, Reason, normalise
from hub.places import Places
from hub.search.cursor import Cursor, encode, resume
from hub.search.lens import Lens, Rows
from hub.search.orders import Walker
from hub.search.plan import Plan, plans_for
from hub.search.ranked import Ranked
from hub.search.reasons import reasons_for
from hub.store.bulk import Bulk

_POSTGRESQL_PLANNER: Final = (
    "SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('max_parallel_workers_per_gather', '0', true), "
) + ", ".join(f"set_config('{setting}', 'off', true)" for setting in ("jit", "enable_seqscan", "enable_hashjoin", "enable_mergejoin"))
"""For this transaction. Each statement goes from a few rows to a few others by an index; compiling it, starting helpers, or reading a table to join it at
once, takes longer than the statement itself. And each is planned for its values: a plan for any value would read a whole index for want of knowing them."""
ESTIMATE_STOPS: Final = 1_001


@dataclass(frozen=True, slots=True)
class FoundRow:
    """One hit. `entry_id` differs from `entity_id` where a partner has its own version. `distance_km`: when the query has a place."""

    entry_id: int
    entity_id: int
    fiche_id: int
    type: EntityType
    why: tuple[Reason, ...] = ()
    distance_km: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A page. `next` is the cursor of the next one, None on the last; `seq` the change log's head when paging began.

    `total` as the query asked for it: None, a number up to 1,001 (then there are more), or the exact number.
    """

    rows: tuple[FoundRow, ...]
    next: str | None
    total: int | None
    seq: int


def find(conn: Connection, query: Query, grant: Grant, *, places: Places, head: int = 0, shown: Rows | None = None) -> Found:
    """The entities that `query` selects and `grant` lets see, one page of them. Raises `Invalid` for a query or cursor that cannot be used.

    `head`: the change log's head now, which the cursors of this paging will carry. Broader codes and places are settled when the index is written.
    `shown` (`Shown`) makes rows anew: it is needed for a grant that names its fields, for the op `exact`, and to leave out values that ran out since the
    index was written.
    """
    wanted, cursor = resume(query)
    bulk = Bulk(conn)
    if bulk.postgres:
        conn.exec_driver_sql(_POSTGRESQL_PLANNER)
    scope = None if grant.scope is None else normalise(grant.scope)
    plans = plans_for(wanted, lambda kind: Lens.of(bulk, kind, grant, places, shown), scope)
    walker = Walker(wanted, plans, places, None if cursor is None else cursor.position)
    page = list(islice(walker.hits(), wanted.limit + 1))
    seq = head if cursor is None else cursor.seq
    following = None
    if len(page) > wanted.limit:
        page = page[: wanted.limit]
        following = encode(Cursor(wanted, page[-1].key, seq))
    rows = tuple(_found(hit, why) for hit, why in zip(page, reasons_for(wanted, page, walker.place), strict=True))
    return Found(rows, following, _total(wanted, plans), seq)


def _found(hit: Ranked, why: tuple[tuple[Reason, ...], float | None]) -> FoundRow:
    return FoundRow(hit.row.id, hit.row.entity_id, hit.row.fiche_id, hit.lens.type, *why)


def _total(query: Query, plans: Sequence[Plan]) -> int | None:
    if query.total == "none":
        return None
    most = ESTIMATE_STOPS if query.total == "estimate" else None
    counted = 0
    for plan in plans:
        counted += _count(query, plan, None if most is None else most - counted)
        if counted == most:
            break
    return counted


def _count(query: Query, plan: Plan, most: int | None) -> int:
    if plan.nothing:
        return 0
    if not plan.conditions:
        found = plan.lens.counted(plan.match, most)
        if found is not None:
            return found
    everything = Query(types=query.types, limit=1000)
    hits = Walker(everything, (plan,), plan.lens.places, None).hits()
    return sum(1 for _ in islice(hits, most))
