"""Whether a feed still has the shape that it had: the fields that its claims fill, and how many of its rows can be used.

At the first complete run the shape is pinned, down to the fields of objects in lists (`addresses[].street`); what is null or empty is not there. A later
run is compared with it before its first row is written: a field that many rows had and that no row has any more was renamed or lost, and writing on
would empty it in every fiche. See docs/reliability.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection, delete, insert, select

from hub.errors import FichehubError, Rejected
from hub.model.claims import Claim
from hub.store.tables import fingerprint as table

FIRST = 200
"""Rows of a run that are looked at before the first is written."""
ENOUGH = 20
"""With fewer rows of a kind, only fields that the source itself calls required are missed; a field that at least so many rows should have is missed."""
NEARLY_ALL = 0.99
REJECTED_PERCENT = 1
ODD_ROWS = 20
"""So many new rejections never stop a run: a small feed with some odd rows must go on."""

_DEEP_EVERY = 20
"""After the first rows, one in so many is looked into: of all of 780,000 it would cost a load more than it tells."""
_SHAPES = 5_000  # so many combinations of fields are counted apart before they are added up: memory must not grow with the rows

_TYPES: Mapping[type, str] = {str: "text", bool: "yes/no", int: "number", float: "number", list: "list", dict: "object"}

_CAN_BE_EMPTY = frozenset((str, list, dict, type(None)))


class FeedChanged(FichehubError):
    """The feed is not what it was; nothing more of it was written."""


@dataclass(slots=True)
class Shape:
    """What the claims of one kind look like: `fields` -> JSON types -> how often; `head`: field -> how many of the first rows of the run have it.

    `deep`: how many of the `rows` were looked into for the fields of their objects.
    """

    rows: int = 0
    deep: int = 0
    fields: dict[str, dict[str, int]] = field(default_factory=dict)
    head: dict[str, int] = field(default_factory=dict)

    def usual(self) -> list[str]:
        """Fields that nearly every row has, from the first rows on."""
        return [name for name in sorted(self.head) if self._share(name) > NEARLY_ALL]

    def expected(self, rows: int) -> list[str]:
        """Fields that enough of so many first rows of a run should have: by their share of all rows, and of the first ones, which come in the same order."""
        first = min(self.rows, FIRST)
        return [name for name in sorted(self.head) if rows * min(self._share(name), self.head[name] / first) >= ENOUGH]

    def _share(self, name: str) -> float:
        return sum(self.fields[name].values()) / (self.deep if "." in name else self.rows)


Fingerprint = dict[str, Shape]
"""Kind of fiche -> shape."""


class Gauge:
    """Measures a run against what was pinned. One per pull; `whole`: one from the start, whose first rows are those of the pinned run."""

    def __init__(
        self, connection: str, pinned: Fingerprint | None, required: Mapping[str, Sequence[str]], *, whole: bool
    ) -> None:
        self._connection = connection
        self._whole = whole
        self._required = required
        self.pinned = pinned
        self._seen: Counter[tuple[str, bool, tuple[str, ...], tuple[type, ...]]] = Counter()
        self._counted: Fingerprint = {}
        self._heads: dict[str, Counter[str]] = {}
        self._rows: Counter[str] = Counter()
        self._judged = False

    @property
    def waits(self) -> bool:
        """Whether the first rows are still to be judged, so that nothing may be written yet."""
        return not self._judged and (self.pinned is not None or bool(self._required))

    def judge(self, claims: Iterable[Claim]) -> None:
        """Look at the first rows of the run. Raises `FeedChanged` when fields are missing in all of them."""
        if not self.waits:
            self._judged = True
            return
        self._judged = True
        seen: dict[str, set[str]] = {}
        rows: Counter[str] = Counter()
        for claim in claims:
            if not claim.gone:
                rows[claim.kind] += 1
                seen.setdefault(claim.kind, set()).update(name for name, _ in _fields(claim.content))
        missing = []
        for kind, count in sorted(rows.items()):
            wanted = set(self._required.get(kind, ()))
            if count >= ENOUGH and self.pinned and kind in self.pinned:
                wanted.update(self.pinned[kind].usual())
                if self._whole:
                    wanted.update(self.pinned[kind].expected(count))
            gone = wanted - seen[kind]
            lost = sorted(name for name in gone if _holder(name) not in gone)
            if lost:
                known = set(self.pinned[kind].fields) if self.pinned and kind in self.pinned else seen[kind]
                new = sorted(seen[kind] - known)
                instead = f" (new instead: {', '.join(new)})" if new else ""
                missing.append(f"{', '.join(lost)} in all of the first {count:,} rows of {kind}{instead}")
        if missing:
            raise FeedChanged(
                f"The feed has changed: missing are {'; '.join(missing)}. Nothing was written. Ask the partner, or take the feed "
                f"as it is now: fichehub connections accept {self._connection}"
            )

    def note(self, claims: Iterable[Claim]) -> None:
        """Count what was written."""
        for claim in claims:
            if not claim.gone:
                kind = claim.kind
                row = self._rows[kind]
                self._rows[kind] += 1
                deep = row < FIRST or row % _DEEP_EVERY == 0
                fields = dict(_fields(claim.content)) if deep else _top(claim.content)
                self._seen[kind, deep, tuple(fields), tuple(fields.values())] += 1
                if row < FIRST:
                    self._heads.setdefault(kind, Counter()).update(fields.keys())
        if len(self._seen) > _SHAPES:
            self.shape()

    def shape(self) -> Fingerprint:
        """What this run's claims look like."""
        for (kind, deep, names, types), count in self._seen.items():
            shape = self._counted.setdefault(kind, Shape(head=self._heads[kind]))
            shape.rows += count
            shape.deep += count * deep
            for name, type_ in zip(names, types, strict=True):
                counts = shape.fields.setdefault(name, {})
                word = _TYPES.get(type_, "other")
                counts[word] = counts.get(word, 0) + count
        self._seen.clear()
        return self._counted

    def news(self) -> tuple[tuple[str, ...], Fingerprint | None]:
        """Warnings about fields and types that were not pinned, and the pinned shape with them in it; None when there are none."""
        if self.pinned is None:
            return (), None
        warnings = []
        for kind, shape in sorted(self.shape().items()):
            known = self.pinned.get(kind)
            if known is None:
                warnings.append(f"The feed gives a kind that it did not give before: {kind}.")
                self.pinned[kind] = shape
                continue
            for name, types in sorted(shape.fields.items()):
                before = known.fields.get(name)
                new = [word for word in types if before is None or word not in before]
                if before is None:
                    warnings.append(f"The feed gives a new field for {kind}: {name}. It was kept.")
                elif new:
                    warnings.append(f"The feed gives {name} of {kind} as {', '.join(new)}; it was {', '.join(before)}.")
                if new:
                    known.fields.setdefault(name, {}).update(dict.fromkeys(new, 0))
        return tuple(warnings), self.pinned if warnings else None


def _top(content: Mapping[str, Any]) -> dict[str, type]:
    """Every field that says something, and the type of its value."""
    return {key: value.__class__ for key, value in content.items() if value or value.__class__ not in _CAN_BE_EMPTY}


def _fields(content: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, type]]:
    """The same, with the fields of the objects in it."""
    for key, kind in _top(content).items():
        name, value = within + key, content[key]
        yield name, kind
        if kind is dict:
            yield from _fields(value, f"{name}.")
        elif kind is list:
            for item in value:
                if item.__class__ is dict:
                    yield from _fields(item, f"{name}[].")


def _holder(name: str) -> str:
    """The field in which this one stands."""
    return name.rpartition(".")[0].removesuffix("[]")


def too_many_rejected(read: int, rejected: int, examples: Sequence[Rejected], connection: str) -> FeedChanged | None:
    """The reason to stop a run in which so many rows were rejected that had not been before; None when it may go on."""
    if read < ENOUGH or rejected <= ODD_ROWS or rejected * 100 <= read * REJECTED_PERCENT:
        return None
    shown = "; ".join(f"{row.external_id or 'a row'}, {row.field or 'row'}: {row.message.rstrip('.')}" for row in examples[:3])
    return FeedChanged(
        f"{rejected:,} of {read:,} rows could not be used, more than {REJECTED_PERCENT} %; the run was stopped before it wrote more. "
        f"For example {shown}. To go on without such rows: fichehub connections accept {connection}"
    )


def load(connection: Connection, name: str) -> Fingerprint | None:
    """What was pinned for this connection."""
    raw = connection.execute(select(table.c.content).where(table.c.connection == name)).scalar_one_or_none()
    if raw is None:
        return None
    found = orjson.loads(raw)
    if any(isinstance(said["head"], list) for said in found.values()):
        return None  # pinned before shapes went into lists: the next complete run pins anew
    return {kind: Shape(**said) for kind, said in found.items()}


def pin(connection: Connection, name: str, found: Fingerprint, run_id: int, at: str) -> None:
    """Keep this as the shape of the feed."""
    content: dict[str, Any] = {
        kind: {"rows": shape.rows, "deep": shape.deep, "fields": shape.fields, "head": shape.head}
        for kind, shape in found.items()
    }
    forget(connection, name)
    connection.execute(insert(table).values(connection=name, content=orjson.dumps(content), run_id=run_id, at=at))


def forget(connection: Connection, name: str) -> None:
    """Let the next complete run pin anew."""
    connection.execute(delete(table).where(table.c.connection == name))
