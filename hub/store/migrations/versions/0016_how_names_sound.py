"""Beside each word of a name stands how it sounds, so that a name is found by who only heard it

Revision 0016, after 0015. The words that are there are heard once, which takes some ten seconds for half a million of them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.model.sounds import sound_of

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_NAME, _WORD = "ix_vocabulary_sound", "n"
_AT_ONCE = 5_000


def upgrade() -> None:
    """Bring the schema forward."""
    sound = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")
    op.add_column("vocabulary", sa.Column("sound", sound, nullable=False, server_default=""))
    _fill()
    heard = sa.text("sound <> ''")
    op.create_index(_NAME, "vocabulary", ["type", "key", "sound"], sqlite_where=heard, postgresql_where=heard)


def _fill() -> None:
    connection = op.get_bind()
    words = sa.text("SELECT value FROM vocabulary WHERE type = :type AND key = :key AND value > :after ORDER BY value LIMIT :most")
    heard = sa.text("UPDATE vocabulary SET sound = :sound WHERE type = :type AND key = :key AND value = :value")
    for (kind,) in connection.execute(sa.text("SELECT DISTINCT type FROM vocabulary")).all():
        after, found = "", [""]
        while found:
            given = {"type": kind, "key": _WORD, "after": after, "most": _AT_ONCE}
            found = [row[0] for row in connection.execute(words, given)]
            if found:
                connection.execute(heard, [{"type": kind, "key": _WORD, "value": word, "sound": sound_of(word)} for word in found])
                after = found[-1]


def downgrade() -> None:
    """Take it back."""
    op.drop_index(_NAME, "vocabulary")
    op.drop_column("vocabulary", "sound")
