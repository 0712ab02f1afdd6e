"""Which id each part of a fiche has: the one that its keys are known by, given once and kept whatever else becomes of the fiche.

A key that is shown means the part that shows it. So a part that was one with another for a while, because an address was the same, has keys of its own as soon as
it stands alone, and whoever names it by one of these leads there. What a partner has in place of a fiche takes the ids that everybody sees, and moves none.
"""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from functools import partial
from typing import Final

from hub.model.fiche import Document
from hub.store.part_changes import PART_FIELDS
from hub.store.workspace import FicheState, Workspace

_Keys = Mapping[tuple[str, str], int]
"""(type, key) -> part."""
_NONE: Final[Set[int]] = frozenset()


class _Moves:
    """Keys that mean another part from now on, and the parts that they meant."""

    def __init__(self, space: Workspace) -> None:
        self._space = space
        self._rows: list[tuple[int, int, str, str]] = []
        self.left: set[int] = set()

    def name(self, fiche_id: int, type_: str, part: Document, number: int) -> None:
        """The part is recognised by what it shows."""
        space = self._space
        part["id"] = space.uuid_of[number]
        known = space.parts_of[fiche_id]
        for key in part["keys"]:
            meant = known.get((type_, key))
            if meant is None:
                space.name_part(fiche_id, type_, key, number)
            elif meant != number:
                known[type_, key] = number
                self._rows.append((number, fiche_id, type_, key))
                self.left.add(meant)

    def unite(self, fiche_id: int, other: int, stays: int) -> None:
        """Two parts turned out to be one."""
        space = self._space
        space.flush()
        space.bulk.run("UPDATE entity SET moved_to = ? WHERE id = ?", stays, other)
        space.bulk.run("UPDATE entity SET moved_to = ? WHERE moved_to = ?", stays, other)
        space.bulk.run("UPDATE part_key SET entity_id = ? WHERE entity_id = ?", stays, other)
        keys = space.parts_of[fiche_id]
        for key, part in keys.items():
            if part == other:
                keys[key] = stays
        self.left.add(other)

    def write(self) -> None:
        if self._rows:
            self._space.flush()  # some may have been named a moment ago
            self._space.bulk.run_many("UPDATE part_key SET entity_id = ? WHERE fiche_id = ? AND type = ? AND key = ?", self._rows)


def identify_parts(space: Workspace, contents: Iterable[tuple[FicheState, Document]]) -> set[int]:
    """Give every part of what everybody sees its id. The answer: the parts that no longer have all their keys; once the links are written, whoever leads to one of
    these must be merged again."""
    moves = _Moves(space)
    unknown: list[tuple[int, str, Document]] = []
    for state, content in contents:
        known = space.parts_of[state.id]
        for field, type_ in PART_FIELDS[state.kind]:
            parts = content.get(field, ())
            if not parts:
                continue
            if not known:
                unknown += [(state.id, type_, part) for part in parts]
                continue
            for part, number, others in _numbered(parts, type_, known, partial(_last_shown, space, state, field, type_)):
                if number is None:
                    unknown.append((state.id, type_, part))
                    continue
                for other in others:
                    moves.unite(state.id, other, number)
                moves.name(state.id, type_, part, number)
    made = space.make_parts([(fiche_id, type_) for fiche_id, type_, _ in unknown])
    for (fiche_id, type_, part), number in zip(unknown, made, strict=True):
        moves.name(fiche_id, type_, part, number)
    moves.write()
    return moves.left


def identify_own_parts(space: Workspace, state: FicheState, document: Document, before: Document | None) -> None:
    """Give every part of what one partner has in place of a fiche its id. `before`: what he had until now.

    A part with a key that everybody is shown is that part for him too; else it is the one that it was for him before. Nothing that he says moves a part: his joins
    would be everybody's.
    """
    known = space.parts_of[state.id]
    unknown: list[tuple[str, Document]] = []
    for field, type_ in PART_FIELDS[state.kind]:
        parts = document.get(field, ())
        if not parts:
            continue
        everybodys = _shown(space, state.document, field, type_)
        last = _standing(space, state.id, _shown(space, before, field, type_))
        taken = {*everybodys.values()}
        meant = {key: number for key, number in {**known, **last}.items() if number not in taken} | everybodys
        for part, number, _ in _numbered(parts, type_, meant, partial(dict, last), taken):
            if number is None:
                unknown.append((type_, part))
            else:
                _name_own(space, state.id, type_, part, number)
    made = space.make_parts([(state.id, type_) for type_, _ in unknown])
    for (type_, part), number in zip(unknown, made, strict=True):
        _name_own(space, state.id, type_, part, number)


def _name_own(space: Workspace, fiche_id: int, type_: str, part: Document, number: int) -> None:
    part["id"] = space.uuid_of[number]
    for key in part["keys"]:
        space.name_part(fiche_id, type_, key, number)


def _numbered(
    parts: Sequence[Document], type_: str, known: _Keys, last_shown: Callable[[], _Keys], first: Set[int] = _NONE
) -> Iterator[tuple[Document, int | None, Set[int]]]:
    """Each part with the number that it has, None: a new one, and with those that are its as well; of several the oldest, or the oldest among `first`."""
    found = [{known[type_, key] for key in part["keys"] if (type_, key) in known} for part in parts]
    meant = Counter(number for ids in found for number in ids)
    # Two that were apart and lead to one fiche now, since it was joined to the other's, are two still.
    alone = [{number for number in ids if meant[number] == 1} for ids in found]
    numbers = [min(ids & first or ids, default=None) for ids in alone]
    contested = [place for place, ids in enumerate(found) if ids and numbers[place] is None]
    if contested:
        last = last_shown()
        shown = {place: {last[type_, key] for key in parts[place]["keys"] if (type_, key) in last} for place in contested}
        taken = {number for ids in alone for number in ids}
        # Whoever was shown under a number comes before who is only known by it from earlier days.
        for place in sorted(contested, key=lambda place: (not shown[place], len(shown[place]))):
            number = min(shown[place] - taken or found[place] - taken, default=None)
            if number is not None:
                taken.add(number)
                numbers[place] = number
    for part, number, ids in zip(parts, numbers, alone, strict=True):
        yield part, number, ids - {number} if len(ids) > 1 else _NONE


def _last_shown(space: Workspace, state: FicheState, field: str, type_: str) -> _Keys:
    """What everybody is shown until now: keys with the parts that show them, of those that still stand."""
    return _standing(space, state.id, _shown(space, state.document, field, type_))


def _shown(space: Workspace, document: Document | None, field: str, type_: str) -> dict[tuple[str, str], int]:
    parts = (document or {}).get(field, ())
    space.numbers_for(part["id"] for part in parts)
    return {(type_, key): space.number_of[part["id"]] for part in parts for key in part["keys"]}


def _standing(space: Workspace, fiche_id: int, shown: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """Without what belongs to another fiche by now, or leads to another part."""
    doubtful = {*shown.values()} - {*space.parts_of[fiche_id].values()}
    if not doubtful:
        return shown
    sql = f"SELECT id FROM entity WHERE fiche_id = ? AND moved_to IS NULL AND {space.bulk.listed('id')}"
    lost = doubtful - {number for (number,) in space.bulk.rows(sql, fiche_id, space.bulk.many(doubtful))}
    return {key: number for key, number in shown.items() if number not in lost}
