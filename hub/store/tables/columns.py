"""What all tables share: how their constraints are called, and the types that mean the same on both engines."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData, Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def big() -> TypeEngine[int]:
    """64 bits on PostgreSQL; on SQLite INTEGER, so that a primary key is the rowid."""
    return BigInteger().with_variant(Integer, "sqlite")


def sorted_text() -> TypeEngine[str]:
    """Text that both engines order by its bytes, so that the same query gives the same order."""
    return Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
