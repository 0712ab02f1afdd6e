"""What both sides agreed on, per connection and entity: the base of the three-way comparison.

`sent` is what we asked for, `answer` how the partner wrote it: either counts as agreed. When a pull shows that the partner has something else by
now, `said` keeps that until the difference is settled. See facts on three-way merge in CouchDB and Azure AD Connect: docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, delete, insert, select

from hub.store.tables import agreed as table

State = dict[str, Any] | None
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Agreed:
    """`said`: the claim content that the partner gave since, `{}` when it removed the row, `None` when it said nothing new."""

    sent: State = None
    answer: State = None
    said: Mapping[str, Any] | None = None

    def covers(self, desired: State) -> bool:
        """Whether the partner has this already, as far as we know."""
        return self.said is None and _bytes(desired) in (_bytes(self.sent), _bytes(self.answer))


def load(connection: Connection, name: str, entities: Iterable[int]) -> dict[int, Agreed]:
    """What was agreed with this connection about these entities; the others are not there."""
    wanted = sorted(set(entities))
    found: dict[int, Agreed] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        query = select(table.c.entity_id, table.c.state).where(table.c.connection == name, table.c.entity_id.in_(wanted[start : start + _AT_ONCE]))
        found |= {row.entity_id: _read(row.state) for row in connection.execute(query)}
    return found


def any_with(connection: Connection, name: str) -> bool:
    """Whether anything at all was agreed with this connection."""
    return connection.execute(select(table.c.entity_id).where(table.c.connection == name).limit(1)).first() is not None


def held(connection: Connection, name: str) -> dict[int, Agreed]:
    """Every entity that this partner has, as far as we agreed, and of which it said nothing new since."""
    rows = connection.execute(select(table.c.entity_id, table.c.state).where(table.c.connection == name))
    found = {row.entity_id: _read(row.state) for row in rows}
    return {number: state for number, state in found.items() if state.answer is not None and "erased" not in state.answer and state.said is None}


def save(connection: Connection, name: str, entity: int, state: Agreed, at: str) -> None:
    """Keep it in the place of what was agreed before; nothing on both sides needs no row."""
    where = (table.c.connection == name) & (table.c.entity_id == entity)
    connection.execute(delete(table).where(where))
    if state != Agreed():
        parts = [state.sent, state.answer] if state.said is None else [state.sent, state.answer, state.said]
        connection.execute(insert(table).values(connection=name, entity_id=entity, state=orjson.dumps(parts), at=at))


def without_secrets(said: Any, redact: Callable[[str], str], ours: Any = None) -> Any:
    """The same JSON as it may be kept and shown, whatever a partner put in it: its texts without the secrets of the connection, and without half characters.

    A text that stands in `ours`, what we asked for or had agreed on, stays as it is: blotted out for a short secret that it holds, it would differ from itself for ever.
    """
    own = set(_texts(ours))

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return value if value in own else redact(value)
        if isinstance(value, Mapping):
            return {clean(key) if isinstance(key, str) else key: clean(item) for key, item in value.items()}
        return [clean(item) for item in value] if isinstance(value, list | tuple) else value

    return clean(said)


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from (key, *_texts(item))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _read(raw: bytes) -> Agreed:
    parts = orjson.loads(raw)
    if isinstance(parts, dict):  # an erasure leaves only that the partner had been told something
        return Agreed(parts, parts)
    return Agreed(*parts)


def _bytes(state: State) -> bytes:
    return orjson.dumps(state, option=orjson.OPT_SORT_KEYS)
