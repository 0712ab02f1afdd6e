"""Establishment numbers make candidates for the review queue, also of what is there already; pairs of a fiche are found from either side

Revision 0018, after 0016.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = None

_INDEX = "ix_review_other_id"
_PREFIX = "organisatie|establishment|"
_NUMBER = "nr|"


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_index(_INDEX, "review", ["other_id"])
    # Which source gave a site its number is not noted beside it; a source that has another fiche of that number holds the two apart either way.
    op.get_bind().execute(
        sa.text(
            "INSERT INTO candidate_key (key, source_id, fiche_id)"
            " SELECT DISTINCT :prefix || substr(p.key, :behind), c.source_id, p.fiche_id FROM part_key p JOIN claim c ON c.fiche_id = p.fiche_id"
            " WHERE p.type = 'vestiging' AND p.key LIKE :number AND c.partner = '' AND NOT c.gone ON CONFLICT DO NOTHING"
        ),
        {"prefix": _PREFIX, "behind": len(_NUMBER) + 1, "number": f"{_NUMBER}%"},
    )


def downgrade() -> None:
    """Take it back."""
    op.get_bind().execute(sa.text("DELETE FROM candidate_key WHERE key LIKE :prefix"), {"prefix": f"{_PREFIX}%"})
    op.drop_index(_INDEX, "review")
