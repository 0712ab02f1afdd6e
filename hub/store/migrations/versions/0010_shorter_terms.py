"""A letter for the type and the key of a term, in place of their names

Revision 0010, after 0009.
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TYPES = {
    "organisatie": "o",
    "aanbod": "a",
    "zorgverlener": "z",
    "vestiging": "v",
    "membership": "m",
    "electronic_address": "e",
    "caregiver": "c",
}
_KEYS = {"name": "n", "family": "y", "given": "g", "street": "w", "city": "x", "period": "3", "point": "1"}


def _rename(column: str, names: dict[str, str]) -> str:
    cases = " ".join(f"WHEN '{old}' THEN '{new}'" for old, new in names.items())
    return f"CASE {column} {cases} ELSE {column} END"


def _rewrite(types: dict[str, str], keys: dict[str, str]) -> None:
    op.execute(f"UPDATE term SET type = {_rename('type', types)}, key = {_rename('key', keys)}")  # noqa: S608


def upgrade() -> None:
    """Bring the schema forward."""
    _rewrite(_TYPES, _KEYS)


def downgrade() -> None:
    """Take it back."""
    _rewrite({new: old for old, new in _TYPES.items()}, {new: old for old, new in _KEYS.items()})
