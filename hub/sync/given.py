"""What a list from the start gives of each row: the highest `(revision, digest)`, and whether that one is against what the hub knows.

A list may give a row more than once, as a log does: older versions first, and the one that stands last, or the other way round. So no single version is the word of
the list before it is at its end. What is kept is outside memory (`hub.sync.scratch`), for 780,000 rows; it is gone with the run, however that ends.
"""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

import orjson

from hub import schemas
from hub.model.claims import Claim
from hub.sync.scratch import scratch

_HIGHER: Final = "(given.revision, given.digest) > (against.revision, against.digest)"


class Version(NamedTuple):
    """One version of a row as a list gave it. `known`: the revision that the hub had, where no revision decides about this; `waits`: it does not stand, and is to
    stand once the list is at its end."""

    claim: Claim
    digest: bytes
    known: int | None = None
    waits: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """The row."""
        return (self.claim.external_id, self.claim.partner or "")


class Given:
    """The versions of one reading. `against`: of how many rows the highest is one that no revision decides about, or that waits. Whoever makes one closes it."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.against = 0
        self._database = scratch(
            "given (id TEXT, partner TEXT, revision INTEGER, digest BLOB, PRIMARY KEY (id, partner)) WITHOUT ROWID",
            "against (id TEXT, partner TEXT, revision INTEGER, digest BLOB, known INTEGER, content BLOB, PRIMARY KEY (id, partner)) WITHOUT ROWID",
        )

    def add(self, versions: Sequence[Version]) -> None:
        """Note these, of each row at most one."""
        run = self._database.executemany
        self._database.execute("BEGIN")
        run(
            "INSERT INTO given VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET revision = excluded.revision, digest = excluded.digest"
            " WHERE (excluded.revision, excluded.digest) > (revision, digest)",
            [(*one.key, one.claim.revision, one.digest) for one in versions],
        )
        struck = f"SELECT 1 FROM given WHERE given.id = against.id AND given.partner = against.partner AND {_HIGHER}"
        if self.against:
            self.against -= run(
                f"DELETE FROM against WHERE id = ? AND partner = ? AND EXISTS ({struck})",
                [one.key for one in versions],
            ).rowcount
        found = [
            (*one.key, one.claim.revision, one.digest, one.known, schemas.pack(schemas.encode_claim(one.claim)) if one.waits else None)
            for one in versions
            if one.known is not None or one.waits
        ]
        if found:
            self.against += run(
                "INSERT INTO against SELECT * FROM (SELECT ? AS id, ? AS partner, ? AS revision, ? AS digest, ? AS known, ? AS content) AS against"
                f" WHERE NOT EXISTS ({struck}) ON CONFLICT DO NOTHING",
                found,
            ).rowcount
        self._database.execute("COMMIT")

    def contested(self, count: int) -> tuple[int, list[tuple[str, int, int]]]:
        """Of how many rows no revision decides about the highest version, and some of them: the id, the revision that is known, and the one that was given."""
        found = "FROM against WHERE known IS NOT NULL"
        query = f"SELECT id, known, revision {found} ORDER BY id, partner LIMIT ?"
        return self._database.execute(f"SELECT count(*) {found}").fetchone()[0], self._database.execute(query, (count,)).fetchall()

    def waiting(self, size: int) -> Iterator[list[Claim]]:
        """The versions that wait for the end of the list and are the highest that it gave of their rows, so many at a time."""
        after = ("", "")
        query = "SELECT * FROM against WHERE content IS NOT NULL AND (id, partner) > (?, ?) ORDER BY id, partner LIMIT ?"
        while rows := self._database.execute(query, (*after, size)).fetchall():
            yield [
                schemas.decode_claim(self._source, external_id, revision, partner or None, content)
                for external_id, partner, revision, _, _, content in rows
            ]
            after = (rows[-1][0], rows[-1][1])

    def waiting_in(self, external_ids: Collection[str]) -> set[str]:
        """Those of these ids of which a version waits."""
        query = "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM against WHERE id = value AND content IS NOT NULL)"
        return {row[0] for row in self._database.execute(query, (orjson.dumps([*external_ids]).decode(),))}

    def close(self) -> None:
        """Forget them."""
        self._database.close()
