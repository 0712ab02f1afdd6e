"""Rows that say themselves that they are gone: as many as the guard lets go, like those that a complete list no longer has.

In a run that takes the list as it is, rows that are something of another kind than they were leave their fiches and count along.

One bad answer can say so of everybody. What goes beyond the guard is held back and stays in the hub. An increment that would go beyond it is begun again at the
start, so that one run sees the whole source: there what is really gone is held back until an administrator releases it, and what was a bad answer is not gone at all.

How many were let go is kept with the cursor until a run comes to its end: a load that is broken off over and over lets go of no more than one that is not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

import orjson
from sqlalchemy import Connection, func, select

from hub import schemas
from hub.errors import FichehubError
from hub.model.claims import Claim
from hub.model.fiche import Kind
from hub.store import ReadyClaims, Writer
from hub.store.bulk import Bulk
from hub.store.tables import claim as claim_table
from hub.store.tables import source as source_table
from hub.sync import guard, settings
from hub.sync.scratch import scratch
from hub.sync.session import Session

_DELETED: Final = "deleted"
_OTHER: Final = "something of another kind"


class BeyondGuard(FichehubError):
    """A run that does not see the whole source was told that more is gone than the guard lets go."""


class ToldGone:
    """What the rows of one run say is gone and the hub still has, or is something else. A context manager.

    `removed`: so many were let go; `held`: so many are held back, and `claims` gives them. With `holds_all` every one is held back until its end, for an
    administrator's release is good for all or for none.
    """

    def __init__(self, session: Session, source: str, *, holds_all: bool) -> None:
        self._session = session
        self._source = source
        self._holds_all = holds_all
        with session.store.read() as connection:
            self._kept = _load(connection, session.known.name)
        self.removed, before = self._kept
        # A run that goes on where another ended holds back what that one did as well; one from the start is told of it anew.
        self._before = before if session.report.resumed else 0
        self._known: int | None = None
        self._removing = 0
        self._ahead = 0
        self._changing = self._changed = 0
        self._holding: list[Claim] = []
        self._said: set[str] = set()
        self._claims: _Claims | None = None

    @property
    def held(self) -> int:
        """How many are held back."""
        return self._before + (0 if self._claims is None else self._claims.count())

    def foresee(self, claims: list[Claim]) -> None:
        """Count these beforehand, of which `hold_back` is asked with all of them `anew`: what is known in full is let go of, or held back, in full."""
        with self._session.store.read() as connection:
            self._ahead += len(self._leaving(connection, claims, {claim.external_id for claim in claims}))

    def hold_back(self, writer: Writer, batch: ReadyClaims, anew: Collection[str] = ()) -> frozenset[tuple[str, Kind, bool]]:
        """The claims of a batch, as `(external id, kind, gone)`, that are not to be taken in now. To be called in its transaction, which may be tried again; see
        `took`. `anew`: see `Writer.put`. Raises `BeyondGuard`."""
        told = [ready.claim for ready in batch.newest.values()]
        leaving = self._leaving(writer.connection, [claim for claim in told if claim.gone or claim.external_id in anew], anew)
        self._removing, self._changing, self._holding = 0, 0, []
        if not leaving:
            return frozenset()
        self._said |= {_DELETED if claim.gone else _OTHER for claim in leaving}
        count = self.removed + max(len(leaving), self._ahead)
        if not self._holds_all and not self.held and (count <= guard.SMALL or guard.allows(count, self.known(writer.connection))):
            self._removing = len(leaving)
            self._changing = sum(not claim.gone for claim in leaving)
            return frozenset()
        if self._session.report.mode != "full":
            raise BeyondGuard("More rows came as deleted than are ever removed by themselves.")
        self._holding = leaving
        return frozenset((claim.external_id, claim.kind, claim.gone) for claim in leaving)

    @property
    def came_as(self) -> str:
        """What these rows say that they are."""
        return " or as ".join(sorted(self._said)) or _DELETED

    @property
    def changes_kinds(self) -> bool:
        """Whether some are something of another kind, which only a run that takes the list as it is lets them be."""
        return _OTHER in self._said

    @property
    def left(self) -> int:
        """How many of those that were let go do not stand any more, as something else either."""
        return self.removed - self._changed

    @property
    def holding(self) -> int:
        """How many the batch at hand holds back."""
        return len(self._holding)

    def keep(self, connection: Connection) -> None:
        """Note in the transaction of a batch what it lets go and holds back, for a run that goes on after this one was cut off."""
        if (self._removing or self._holding) and not self._session.dry:
            held = 0 if self._holds_all else self.held + len(self._holding)
            _save(connection, self._session.known.name, self.removed + self._removing, held)

    def took(self) -> None:
        """The batch that `hold_back` was asked about is committed."""
        self.removed += self._removing
        self._ahead = max(0, self._ahead - self._removing)
        self._changed += self._changing
        if self._holding:
            self._claims = self._claims or _Claims()
            self._claims.add(self._holding)
        self._removing, self._changing, self._holding = 0, 0, []

    def known(self, connection: Connection) -> int:
        """How many rows of this source the hub had before any was let go."""
        if self._known is None:
            query = (
                select(func.count())
                .select_from(claim_table)
                .join(source_table, source_table.c.id == claim_table.c.source_id)
                .where(source_table.c.name == self._source, claim_table.c.partner.in_(self._whose), claim_table.c.gone.is_(False))
            )
            self._known = int(connection.execute(query).scalar_one()) + self.left
        return self._known

    def claims(self, size: int) -> Iterator[list[Claim]]:
        """What is held back, so many at a time."""
        return iter(()) if self._claims is None else self._claims.pages(self._source, size)

    def forget(self, connection: Connection) -> None:
        """The run came to its end; in the transaction of that."""
        if self._kept != (0, 0) or self.removed or self.held:
            settings.forget(connection, self._session.known.name, settings.TOLD_GONE)

    @property
    def _whose(self) -> tuple[str, str]:
        return ("", self._session.known.partner)

    def _leaving(self, connection: Connection, told: list[Claim], anew: Collection[str]) -> list[Claim]:
        """Those of these claims that end what stands: they say that it is gone, and it is not newer or they are `anew`, or that it is of another kind."""
        if not told:
            return []
        bulk = Bulk(connection)
        sql = (
            "SELECT c.external_id, c.partner, c.revision, f.kind FROM claim c JOIN source s ON s.id = c.source_id"  # noqa: S608 - our own SQL
            f" JOIN fiche f ON f.id = c.fiche_id WHERE s.name = ? AND NOT c.gone AND {bulk.listed('c.external_id', 'text')}"
        )
        rows = bulk.rows(sql, self._source, bulk.many({claim.external_id for claim in told}))
        stands = {(external_id, partner): (revision, kind) for external_id, partner, revision, kind in rows}

        def ends(claim: Claim) -> bool:
            revision, kind = stands.get((claim.external_id, claim.partner or ""), (None, None))
            if revision is None:
                return False
            return (claim.external_id in anew or revision <= claim.revision) if claim.gone else kind != claim.kind

        return [claim for claim in told if ends(claim)]

    def __enter__(self) -> ToldGone:
        return self

    def __exit__(self, *how: object) -> None:
        if self._claims is not None:
            self._claims.close()


class _Claims:
    """Claims outside memory: a whole register may say that it is gone."""

    def __init__(self) -> None:
        self._database = scratch("gone (id TEXT PRIMARY KEY, revision INTEGER, partner TEXT, content BLOB) WITHOUT ROWID")

    def add(self, claims: Iterable[Claim]) -> None:
        rows = [(claim.external_id, claim.revision, claim.partner, schemas.pack(schemas.encode_claim(claim))) for claim in claims]
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT INTO gone VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET revision = excluded.revision, content = excluded.content"
            " WHERE excluded.revision > revision",
            rows,
        )
        self._database.execute("COMMIT")

    def count(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM gone").fetchone()[0])

    def pages(self, source: str, size: int) -> Iterator[list[Claim]]:
        after = ""
        while rows := self._database.execute("SELECT * FROM gone WHERE id > ? ORDER BY id LIMIT ?", (after, size)).fetchall():
            yield [schemas.decode_claim(source, *row) for row in rows]
            after = rows[-1][0]

    def close(self) -> None:
        self._database.close()


def _load(connection: Connection, name: str) -> tuple[int, int]:
    value = settings.read(connection, settings.TOLD_GONE, name)
    if value is None:
        return 0, 0
    removed, held = orjson.loads(value)
    return removed, held


def _save(connection: Connection, name: str, removed: int, held: int) -> None:
    settings.write(connection, settings.TOLD_GONE, name, orjson.dumps([removed, held]).decode())
