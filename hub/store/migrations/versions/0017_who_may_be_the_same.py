"""The review queue holds every pair that it would hold had all claims come in any other order; establishment numbers make candidates

Revision 0017, after 0016. What is there already is compared once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import combinations, groupby

import orjson
import sqlalchemy as sa
from alembic import op

from hub.model.moments import to_millisecond

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_INDEX = "ix_review_other_id"
_PREFIX = "organisatie|establishment|"
_NUMBER = "nr|"
_CROWD = 20
_WEIGHTS = {"establishment": 0.9, "kbo": 0.5, "name": 0.6, "phone": 0.4}
_AT_ONCE = 5_000


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_index(_INDEX, "review", ["other_id"])
    connection = op.get_bind()
    # Which source gave a site its number is not noted beside it; a source that has another fiche of that number holds the two apart either way.
    connection.execute(
        sa.text(
            "INSERT INTO candidate_key (key, source_id, fiche_id)"
            " SELECT DISTINCT CAST(:prefix AS TEXT) || substr(p.key, 4), c.source_id, p.fiche_id FROM part_key p JOIN claim c ON c.fiche_id = p.fiche_id"
            " WHERE p.type = 'vestiging' AND p.key LIKE :number AND c.partner = '' AND NOT c.gone ON CONFLICT DO NOTHING"
        ),
        {"prefix": _PREFIX, "number": f"{_NUMBER}%"},
    )
    _compare(connection)


def _compare(connection: sa.Connection) -> None:
    reasons: dict[tuple[int, int], set[str]] = {}
    for high, low, reason in _alike(connection):
        reasons.setdefault((high, low), set()).add(reason)
    at = to_millisecond(datetime.now(UTC))
    new = sa.text(
        "INSERT INTO review (fiche_id, other_id, reason, score, detail, state, at) VALUES (:fiche, :other, 'candidate', :score, :detail, 'open', :at)"
        " ON CONFLICT DO NOTHING"
    )
    rows = []
    for (high, low), why in sorted(reasons.items()):
        doubt = 1.0
        for reason in why:
            doubt *= 1 - _WEIGHTS[reason]
        detail = orjson.dumps({"reasons": sorted(why)})
        rows.append({"fiche": high, "other": low, "score": round(1 - doubt, 3), "detail": detail, "at": at})
    for start in range(0, len(rows), _AT_ONCE):
        connection.execute(new, rows[start : start + _AT_ONCE])


def _alike(connection: sa.Connection) -> Iterator[tuple[int, int, str]]:
    """Every two fiches of different sources that share a key which few have."""
    shared = sa.text(
        "SELECT key, fiche_id, source_id FROM candidate_key WHERE key IN (SELECT key FROM candidate_key GROUP BY key"
        " HAVING count(DISTINCT fiche_id) BETWEEN 2 AND :crowd) ORDER BY key, fiche_id"
    )
    for key, rows in groupby(connection.execute(shared, {"crowd": _CROWD}), key=lambda row: row.key):
        reason = key.split("|", 2)[1]
        holders: dict[int, set[int]] = {}
        for row in rows:
            holders.setdefault(row.fiche_id, set()).add(row.source_id)
        for low, high in combinations(holders, 2):
            if holders[low].isdisjoint(holders[high]) and reason in _WEIGHTS:
                yield high, low, reason


def downgrade() -> None:
    """Take it back."""
    op.get_bind().execute(sa.text("DELETE FROM candidate_key WHERE key LIKE :prefix"), {"prefix": f"{_PREFIX}%"})
    op.drop_index(_INDEX, "review")
