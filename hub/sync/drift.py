"""Whether a feed still has the shape that it had: the fields that its claims fill, and how many of its rows can be used.

At the first complete run the shape is pinned, and until then what was seen of it at each checkpoint, down to the fields of objects in lists (`addresses[].street`); what is null or empty is not there. A later
run is compared with it before its first row is written: a field that many rows had and that no row has any more was renamed or lost, and writing on
would empty it in every fiche. See docs/reliability.md.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection, delete, select

from hub.errors import FichehubError, Rejected
from hub.model.claims import Claim
from hub.store.bulk import Bulk
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

_DEEPEST = 20  # no fiche is so deep; what somebody hands over may be, before it is refused

_PIN = (
    "INSERT INTO fingerprint (connection, content, run_id, at) VALUES (?, ?, ?, ?) ON CONFLICT (connection)"
    " DO UPDATE SET content = excluded.content, run_id = excluded.run_id, at = excluded.at"
)

_CAN_BE_EMPTY = frozenset((str, list, dict, type(None)))


class FeedChanged(FichehubError):
    """The feed is not what it was; nothing more of it was written."""


@dataclass(slots=True)
class Shape:
    """What the claims of one kind look like: `fields` -> JSON types -> how often; `head`: field -> how many of the first rows of the run have it.

    `deep`: how many of the `rows` were looked into for the fields of their objects. `tail`: of a first load that is not at its end, the fields that
    nearly all of its last rows have; of any other, None.
    """

    rows: int = 0
    deep: int = 0
    fields: dict[str, dict[str, int]] = field(default_factory=dict)
    head: dict[str, int] = field(default_factory=dict)
    tail: list[str] | None = None

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
    """Measures a run against what was pinned. One per pull; `whole`: one from the start, whose first rows are those of the pinned run.

    `begun`: what was seen of a first load with which this run goes on; it is measured against that, and counts on.
    """

    def __init__(
        self,
        connection: str,
        pinned: Fingerprint | None,
        required: Mapping[str, Sequence[str]],
        *,
        whole: bool,
        begun: Fingerprint | None = None,
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
        self.begun = begun
        self._tails: dict[str, deque[tuple[bool, tuple[str, ...]]]] = {}
        for kind, shape in (begun or {}).items():
            self._rows[kind], self._heads[kind] = shape.rows, Counter(shape.head)
            self._counted[kind] = Shape(shape.rows, shape.deep, {name: dict(types) for name, types in shape.fields.items()}, self._heads[kind])

    @property
    def waits(self) -> bool:
        """Whether the first rows are still to be judged, so that nothing may be written yet."""
        return not self._judged and (self.pinned is not None or self.begun is not None or bool(self._required))

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
            if count >= ENOUGH and self.begun and kind in self.begun:
                wanted.update(self._usual_until_now(self.begun[kind]))
            gone = wanted - seen[kind]
            lost = sorted(name for name in gone if _holder(name) not in gone)
            if lost:
                before = self.pinned or self.begun or {}
                known = set(before[kind].fields) if kind in before else seen[kind]
                new = sorted(seen[kind] - known)
                instead = f" (new instead: {', '.join(new)})" if new else ""
                missing.append(f"{', '.join(lost)} in all of the first {count:,} rows of {kind}{instead}")
        if missing:
            raise FeedChanged(
                f"The feed has changed: missing are {'; '.join(missing)}. Nothing was written. Ask the partner, or take the feed "
                f"as it is now: fichehub connections accept {self._connection}"
            )

    @staticmethod
    def _usual_until_now(shape: Shape) -> set[str]:
        """The fields that what follows should have, too. Not those that ended before the load was broken off: a feed may be in the order of its sorts."""
        if shape.rows < FIRST:
            return set()
        found: set[str] = set()
        for name in sorted(set(shape.usual()) & set(shape.tail or ())):
            if _holder(name) in ("", *found):  # of fewer rows is known what stands inside a field, so that its end is seen later
                found.add(name)
        return found

    def note(self, claims: Iterable[Claim]) -> None:
        """Count what can be used; what was refused has no shape that is kept."""
        for claim in claims:
            if not claim.gone:
                kind = claim.kind
                row = self._rows[kind]
                self._rows[kind] += 1
                deep = row < FIRST or row % _DEEP_EVERY == 0
                fields = dict(_fields(claim.content)) if deep else _top(claim.content)
                names = tuple(fields)
                self._seen[kind, deep, names, tuple(fields.values())] += 1
                if self.pinned is None:
                    self._tails.setdefault(kind, deque(maxlen=FIRST)).append((deep, names))
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

    def unfinished(self) -> Fingerprint:
        """What a first load has seen until now, for the run that goes on with it."""
        found = {}
        for kind, shape in self.shape().items():
            rows = self._tails.get(kind, deque())
            deep = sum(one for one, _ in rows)
            counts = Counter(name for looked_into, names in rows for name in names if looked_into or "." not in name)
            tail = {name for name, count in counts.items() if count > NEARLY_ALL * (deep if "." in name else len(rows))}
            if len(rows) < FIRST and self.begun and kind in self.begun:
                tail = tail & set(self.begun[kind].tail or ()) if rows else set(self.begun[kind].tail or ())
            found[kind] = Shape(shape.rows, shape.deep, shape.fields, shape.head, sorted(tail))
        return found

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
        name, value = f"{within}{key}", content[key]
        yield name, kind
        if within.count(".") == _DEEPEST:
            continue
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
    """What was pinned for this connection when a run had seen the whole feed."""
    found = _kept(connection, name)
    return found if found is not None and all(shape.tail is None for shape in found.values()) else None


def unfinished(connection: Connection, name: str) -> Fingerprint | None:
    """What a first load that is not at its end has seen; None when the feed was seen whole, or not at all."""
    found = _kept(connection, name)
    return found if found and any(shape.tail is not None for shape in found.values()) else None


def _kept(connection: Connection, name: str) -> Fingerprint | None:
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
        kind: {"rows": shape.rows, "deep": shape.deep, "fields": shape.fields, "head": shape.head, "tail": shape.tail}
        for kind, shape in found.items()
    }
    # With every batch of a first load, so nobody waits for it.
    Bulk(connection).later(1, _PIN, name, orjson.dumps(content), run_id, at)


def forget(connection: Connection, name: str) -> None:
    """Let the next complete run pin anew."""
    connection.execute(delete(table).where(table.c.connection == name))
