"""Government information that is withdrawn or begins on a day to come is a change on that day

Revision 0019, after 0018. What was withdrawn without a word, and what is no longer shown before its day, is told at the next look at the calendar.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

from hub import schemas

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_FIELD = "gov_info"
_AT_ONCE = 5_000


def upgrade() -> None:
    """Bring the schema forward."""
    connection = op.get_bind()
    today = datetime.now(ZoneInfo("Europe/Brussels")).date().isoformat()
    known = sa.text("SELECT fiche_id, valid_until FROM expiry WHERE field = :field")
    before = {int(row[0]): str(row[1]) for row in connection.execute(known, {"field": _FIELD})}
    rows = []
    stored = sa.text("SELECT id, document FROM fiche WHERE document IS NOT NULL AND id > :after ORDER BY id LIMIT :most")
    after = 0
    while found := connection.execute(stored, {"after": after, "most": _AT_ONCE}).all():
        after = found[-1][0]
        for number, raw in found:
            days = list(_days(schemas.decode(raw).get(_FIELD, ()), today))
            if days:
                rows.append({"fiche": number, "field": _FIELD, "day": min([*days, before.get(number, days[0])])})
    gone = sa.text("DELETE FROM expiry WHERE fiche_id = :fiche AND field = :field")
    new = sa.text("INSERT INTO expiry (fiche_id, field, valid_until) VALUES (:fiche, :field, :day)")
    for start in range(0, len(rows), _AT_ONCE):
        connection.execute(gone, rows[start : start + _AT_ONCE])
        connection.execute(new, rows[start : start + _AT_ONCE])


def _days(items: list[dict[str, str]], today: str) -> Iterator[str]:
    """The last day on which each of them reads as it did; yesterday for what has been shown too early."""
    for item in items:
        if "withdrawn_at" in item:
            yield _eve(item["withdrawn_at"])
        if item.get("valid_from", "") > today:
            yield _eve(today)


def _eve(day: str) -> str:
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat() if day > date.min.isoformat() else day


def downgrade() -> None:
    """Take it back: a row too many is a change that tells nothing new, so they stay."""
