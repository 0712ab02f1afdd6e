"""Moments as the database and the outputs have them: RFC 3339 in UTC (https://www.rfc-editor.org/rfc/rfc3339). Those of one form sort as text."""

from __future__ import annotations

from datetime import UTC, datetime


def to_second(at: datetime) -> str:
    """`2026-11-22T09:00:00Z`, as everything has it but the change log and the audit trail."""
    return _written(at, "seconds")


def to_millisecond(at: datetime) -> str:
    """`2026-11-22T09:00:00.000Z`, as the change log and the audit trail have it."""
    return _written(at, "milliseconds")


def _written(at: datetime, timespec: str) -> str:
    return at.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
