"""What a partner said for himself runs out as well: the calendar also has the days of what partners see in place of the shared fiches

Revision 0020, after 0019. What has run out before is told at the next look at the calendar.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import sqlalchemy as sa
from alembic import op

from hub import schemas

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_FIELDS = ("patientenstop", "on_call", "waiting_list", "capacity", "gov_info")
_AT_ONCE = 5_000


def upgrade() -> None:
    """Bring the schema forward."""
    connection = op.get_bind()
    stored = sa.text("SELECT id, fiche_id, document FROM overlay WHERE document IS NOT NULL AND id > :after ORDER BY id LIMIT :most")
    new = sa.text(
        "INSERT INTO expiry (fiche_id, field, valid_until) VALUES (:fiche, :field, :day) ON CONFLICT (fiche_id, field)"
        " DO UPDATE SET valid_until = excluded.valid_until WHERE excluded.valid_until < expiry.valid_until"
    )
    after = 0
    while found := connection.execute(stored, {"after": after, "most": _AT_ONCE}).all():
        after = found[-1][0]
        rows = []
        for _, fiche, raw in found:
            document = schemas.decode(raw)
            for field in _FIELDS:
                days = list(_days(document.get(field) or []))
                if days:
                    rows.append({"fiche": fiche, "field": field, "day": min(days)})
        if rows:
            connection.execute(new, rows)


def _days(value: dict[str, str] | list[dict[str, str]]) -> Iterator[str]:
    """The last day on which each of them reads as it did."""
    for item in value if isinstance(value, list) else (value,):
        if "valid_until" in item:
            yield item["valid_until"]
        for name in ("valid_from", "withdrawn_at"):
            if name in item:
                yield _eve(item[name])


def _eve(day: str) -> str:
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat() if day > date.min.isoformat() else day


def downgrade() -> None:
    """Take it back: a row too many is a change that tells nothing new, so they stay."""
