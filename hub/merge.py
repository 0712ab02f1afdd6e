"""Claims in, one fiche out: the pure function that everything else rests on.

`merge` looks at what the standing claims say and at the authority of their sources, never at the order in which they came or at the
clock: any order, any repetition and any replay of the same claims give the same fiche. The declarations in
`hub.model.fiche` say how each field merges; they are compiled once, here, into a plan per kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from hub.authority import EDITOR_RANK, Authority, declared_rules
from hub.model.claims import EDITOR, Claim, Conflict, Merged, Provenance
from hub.model.fiche import FICHE_TYPES, LANGUAGES, PARTS, Document, Group, Kind, PartType, Rule
from hub.model.folding import fold
from hub.model.parts import address_keys, key_system, part_keys

__all__ = ["merge"]

_OVERLAY_RANK = EDITOR_RANK - 1
_NOTHING = Merged(None, (), ())
_WHOLE, _ITEMS, _VALUES, _SETTINGS, _PARTS, _VISIBILITY = range(6)
_WEAK = frozenset({"adr", "name"})
# Saying nothing means the default of the audience table, which is public or stricter.
_STRICTNESS: dict[str | None, int] = {"public": 0, None: 1, "professional": 2, "internal": 3}

_Key = Callable[[Any], Any]
_Voice = tuple[Claim, Document]
_Ranked = tuple[int, Claim, Document]
_Stated = tuple[int, Claim, Any]


class _Field(NamedTuple):
    """One field of a fiche or part, as the merge goes through them."""

    name: str
    group: Group
    how: int
    key: _Key
    attributes: tuple[str, ...]
    part_type: PartType | None
    inner: tuple[_Field, ...]


def merge(claims: Sequence[Claim], authority: Authority) -> Merged:
    """The fiche that these claims make together, without id; content `None` when all of them are gone.

    Links must be resolved (`{"id": ...}`). Of two claims with the same source, external id and partner the higher `(revision, digest)`
    stands. All overlays must be of one partner: they rank above everything, and the result is what that partner sees.

    - A field that merges as a whole is the best source's. Where equals disagree the first by `(source, external_id)` stands and a
      `Conflict` is recorded; a lower source that disagrees is no conflict.
    - Lists that merge as a union keep one item per key: the best source's, what it leaves out filled in by the next. `excluded` of a
      claim takes away items of its equals and of lower sources (`vestigingen.contacts` for lists inside parts).
    - Of two visibilities the stricter stands, unless the authentic source of the group says otherwise; an overlay never widens one.
    - Parts of different claims that share a key (see `part_keys`), or stand at the same address without numbers that tell them apart, become one
      part with all their keys; two parts of one claim never do. Every part that comes out has a key, and no two share one.

    Provenance and conflicts of a part's field are named `vestigingen[<its first key>].contacts`. The result shares nothing that has
    a visibility with the claims; whole values below that (a list of hours, a text) are shared: read them, do not write.
    """
    if len(claims) == 1:
        standing = list(claims)
    else:
        standing = _standing(claims)
    live = [claim for claim in standing if not claim.gone]
    if not live:
        return _NOTHING
    return _Merge(authority, live).result()


def _standing(claims: Iterable[Claim]) -> list[Claim]:
    """One claim per source, external id and partner, in that order."""
    best: dict[tuple[str, str, str], Claim] = {}
    for claim in claims:
        identity = (claim.source, claim.external_id, claim.partner or "")
        other = best.get(identity)
        if other is None or claim.revision > other.revision or (claim.revision == other.revision and _outdoes(claim, other)):
            best[identity] = claim
    partners = {partner for _, _, partner in best if partner}
    if len(partners) > 1:
        raise ValueError(f"overlays of different partners never meet in one merge: {', '.join(sorted(partners))}")
    return [best[identity] for identity in sorted(best)]


def _outdoes(claim: Claim, other: Claim) -> bool:
    return claim is not other and _digest(claim) > _digest(other)


def _digest(claim: Claim) -> bytes:
    said = [claim.kind, claim.content, claim.gone, claim.excluded, claim.same_as]
    return blake2b(orjson.dumps(said, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


class _Merge:
    """One merge of live, standing claims in the order of their identity."""

    __slots__ = ("_authority", "_kind", "conflicts", "provenance", "voices")

    def __init__(self, authority: Authority, claims: list[Claim]) -> None:
        self._authority = authority
        self.provenance: list[Provenance] = []
        self.conflicts: list[Conflict] = []
        self._kind = claims[0].kind
        if len(claims) > 1 and any(claim.kind != self._kind for claim in claims):
            claims = self._of_one_kind(claims)
        self.voices: list[_Voice] = [(claim, claim.content) for claim in claims]

    def result(self) -> Merged:
        content: Document = {"kind": self._kind}
        content.update(self._fields(_plan(self._kind), self.voices, "", ""))
        return Merged(content, tuple(self.provenance), tuple(self.conflicts))

    def _of_one_kind(self, claims: list[Claim]) -> list[Claim]:
        """The claims of the kind that the best source of the name takes it for; the others cannot be merged into it."""
        ranked = sorted(claims, key=lambda claim: self._rank("names", claim.kind, claim))
        best, rank = ranked[0], self._rank("names", ranked[0].kind, ranked[0])
        self._kind = best.kind
        others = [claim for claim in ranked if claim.kind != best.kind]
        stated = [(rank, claim, claim.kind) for claim in (best, *others)]
        self.conflicts.append(_conflict("kind", stated))
        return [claim for claim in claims if claim.kind == best.kind]

    # --- fields ------------------------------------------------------------------------------------------------------------------

    def _fields(self, plan: tuple[_Field, ...], voices: list[_Voice], path: str, scope: str) -> Document:
        """Merge what the voices say about one fiche, or about one part of it. `scope` is the path without part keys."""
        if len(voices) == 1 and not voices[0][0].excluded:
            return self._alone(plan, voices[0], path)
        merged: Document = {}
        value: Any
        orders: dict[Group, list[_Ranked]] = {}
        for field in plan:
            name, group, how = field.name, field.group, field.how
            if not any(name in content for _, content in voices):
                continue
            if how == _PARTS:
                value, contributed = self._parts(field, voices, path)
            else:
                ranked = orders.get(group)
                if ranked is None:
                    ranked = orders[group] = self._unlocked(group, self._ranked(group, voices))
                stated = [(rank, claim, content[name]) for rank, claim, content in ranked if name in content]
                if not stated:
                    continue
                if how == _WHOLE:
                    value, contributed = self._whole(stated, path + name)
                elif how == _ITEMS:
                    value, contributed = self._items(field, stated, _barred(ranked, scope + name, field.key), path)
                elif how == _VALUES:
                    value, contributed = _values(stated, _barred(ranked, scope + name, field.key))
                elif how == _SETTINGS:
                    value, contributed = _settings(stated)
                else:
                    value = self._visibility(group, stated)
                    contributed = [claim for _, claim, visibility in stated if visibility == value]
            if value is not None and value != []:
                merged[name] = value
                self._note(path + name, contributed)
        return merged

    def _alone(self, plan: tuple[_Field, ...], voice: _Voice, path: str) -> Document:
        """What `_fields` gives for one voice that excludes nothing; by far the commonest case."""
        claim, content = voice
        merged: Document = {}
        said_by = ((claim.source, claim.external_id, claim.revision),)
        note = self.provenance.append
        for name, _, how, key, _, _, _ in plan:
            value = content.get(name)
            if value is None:
                continue
            if how == _ITEMS:
                if len(value) > 1 and len({key(item) for item in value}) < len(value):
                    value = _first_of_each(value, key)
                else:
                    value = [item.copy() for item in value]
            elif how == _VALUES:
                value = list(dict.fromkeys(value))
            elif how == _PARTS:
                value = self._parts(_by_name(plan, name), [voice], path)[0]
            elif type(value) is dict:
                value = value.copy()
            if value == []:
                continue
            merged[name] = value
            note(Provenance(path + name, said_by))
        return merged

    def _whole(self, stated: list[_Stated], path: str) -> tuple[Any, list[Claim]]:
        rank, _, value = stated[0]
        agreeing = []
        peers = [peer for peer in stated if peer[0] == rank]
        for _, claim, other in peers:
            if other == value:
                agreeing.append(claim)
        if len(agreeing) < len(peers):
            self.conflicts.append(_conflict(path, peers))
        return (value.copy() if type(value) is dict else value), agreeing

    def _items(self, field: _Field, stated: list[_Stated], barred: dict[Any, int], path: str) -> tuple[list[Any], list[Claim]]:
        key = field.key
        said: dict[Any, list[_Stated]] = {}
        for rank, claim, items in stated:
            for item in items:
                identity = key(item)
                if barred and rank >= barred.get(identity, rank + 1):
                    continue
                said.setdefault(identity, []).append((rank, claim, item))
        merged = []
        contributed: set[int] = set()
        for statements in said.values():
            merged.append(statements[0][2].copy() if len(statements) == 1 else self._item(field, statements, path))
            contributed.update(id(claim) for _, claim, _ in statements)
        return merged, [claim for _, claim, _ in stated if id(claim) in contributed]

    def _item(self, field: _Field, statements: list[_Stated], path: str) -> Document:
        """One item that several claims (or one claim twice) state."""
        best: Document = statements[0][2]
        merged = best.copy()
        if all(item == best for _, _, item in statements):
            return merged
        attributes = {attribute for _, _, item in statements for attribute in item}
        for attribute in sorted(attributes.difference(field.attributes)):
            if attribute == "visibility":
                visible = self._visibility(field.group, [(rank, claim, item.get(attribute)) for rank, claim, item in statements])
                merged.pop(attribute, None)
                if visible is not None:
                    merged[attribute] = visible
                continue
            stated = [(rank, claim, item[attribute]) for rank, claim, item in statements if attribute in item]
            rank, first, value = stated[0]
            merged[attribute] = value
            if any(peer == rank and claim is not first and other != value for peer, claim, other in stated[1:]):
                label = "|".join(_label(best.get(part)) for part in field.attributes)
                per_claim = {id(claim): (peer, claim, other) for peer, claim, other in reversed(stated) if peer == rank}
                self.conflicts.append(_conflict(f"{path}{field.name}[{label}].{attribute}", reversed(per_claim.values())))
        return merged

    def _visibility(self, group: Group, stated: Sequence[_Stated]) -> str | None:
        """The stricter, unless the owner of the group stands first among those whom everybody sees; None: the default."""
        shared: list[_Stated] = [one for one in stated if one[1].partner is None]
        voices: Iterable[_Stated] = stated
        if shared:
            _, claim, value = shared[0]
            if value is not None and claim.source in self._authority.authentic(group, self._kind):
                voices = [shared[0], *(one for one in stated if one[1].partner is not None)]
        strictest: str | None = max((value for _, _, value in voices), key=_STRICTNESS.__getitem__)
        return strictest

    # --- parts -------------------------------------------------------------------------------------------------------------------

    def _parts(self, field: _Field, voices: list[_Voice], path: str) -> tuple[list[Document], list[Claim]]:
        assert field.part_type is not None
        ranked = self._ranked(field.group, voices)
        members = _members(field.part_type, field.name, ranked)
        barred = _barred_parts(field.part_type, field.name, self._unlocked(field.group, ranked))
        merged = []
        contributed: set[int] = set()
        for keys, group in _grouped(members):
            if barred:
                bar = min((barred[key] for member in group for key in member.all_keys if key in barred), default=None)
                group = [member for member in group if bar is None or member.rank < bar]
                stated = {key for member in group for key in member.keys}
                keys = [key for key in keys if key in stated] or keys
            if not group:
                continue
            spoken = sorted(((member.claim, member.part) for member in group), key=_identity)
            part: Document = {"keys": keys}
            part.update(self._fields(field.inner, spoken, f"{path}{field.name}[{keys[0]}].", f"{field.name}."))
            merged.append(part)
            contributed.update(id(member.claim) for member in group)
        return merged, [claim for _, claim, _ in ranked if id(claim) in contributed]

    # --- ranks -------------------------------------------------------------------------------------------------------------------

    def _rank(self, group: Group, kind: Kind, claim: Claim) -> int:
        return _OVERLAY_RANK if claim.partner is not None else self._authority.rank(group, claim.source, kind)

    def _ranked(self, group: Group, voices: list[_Voice]) -> list[_Ranked]:
        """The voices, best first; equals in the order of their identity."""
        if len(voices) == 1:
            return [(0, *voices[0])]
        ranks, unlisted = self._authority.ranking(group, self._kind)
        ranked = []
        for claim, content in voices:
            if claim.partner is not None:
                rank = _OVERLAY_RANK
            elif claim.source == EDITOR:
                rank = EDITOR_RANK
            else:
                rank = ranks.get(claim.source, unlisted)
            ranked.append((rank, claim, content))
        ranked.sort(key=itemgetter(0))
        return ranked

    def _unlocked(self, group: Group, ranked: list[_Ranked]) -> list[_Ranked]:
        """Without the editor where the owner of the group speaks of the same fiche or part."""
        authentic = self._authority.authentic(group, self._kind)
        if authentic and any(claim.source in authentic and claim.partner is None for _, claim, _ in ranked):
            return [voice for voice in ranked if voice[1].source != EDITOR or voice[1].partner is not None]
        return ranked

    def _note(self, path: str, contributed: list[Claim]) -> None:
        claims = tuple((claim.source, claim.external_id, claim.revision) for claim in contributed)
        self.provenance.append(Provenance(path, claims))


# --- values ------------------------------------------------------------------------------------------------------------------------


def _values(stated: list[_Stated], barred: dict[Any, int]) -> tuple[list[Any], list[Claim]]:
    """A union of plain values (languages, places of delivery)."""
    merged: dict[Any, None] = {}
    contributed = []
    for rank, claim, values in stated:
        kept = [value for value in values if not barred or rank < barred.get(value, rank + 1)]
        if kept:
            contributed.append(claim)
            merged.update(dict.fromkeys(kept))
    return list(merged), contributed


def _settings(stated: list[_Stated]) -> tuple[dict[str, str] | None, list[Claim]]:
    """`field_visibility`: per field the strictest that anybody says."""
    merged: dict[str, str] = {}
    for _, _, settings in stated:
        for field, visibility in settings.items():
            merged[field] = max(visibility, merged.get(field, visibility), key=_STRICTNESS.__getitem__)
    return merged or None, [claim for _, claim, settings in stated if settings]


def _first_of_each(items: list[Any], key: _Key) -> list[Any]:
    """One claim that states an item twice: the first stands, and the next fill what it leaves out; of visibilities the stricter."""
    merged: dict[Any, Document] = {}
    for item in items:
        known = merged.setdefault(key(item), item)
        if known is item:
            continue
        joined = {**item, **known}
        visible = max(known.get("visibility"), item.get("visibility"), key=_STRICTNESS.__getitem__)
        joined.pop("visibility", None)
        merged[key(item)] = joined if visible is None else {**joined, "visibility": visible}
    return [item.copy() for item in merged.values()]


def _barred(ranked: list[_Ranked], name: str, key: _Key) -> dict[Any, int]:
    """Key of each item that a claim says "not this one" of -> the best rank that says so."""
    barred: dict[Any, int] = {}
    for rank, claim, _ in ranked:
        if claim.excluded:
            for item in claim.excluded.get(name, ()):
                barred.setdefault(key(item), rank)
    return barred


def _conflict(path: str, stated: Iterable[_Stated]) -> Conflict:
    return Conflict(path, tuple((claim.source, claim.external_id, value) for _, claim, value in stated))


def _label(value: Any) -> str:
    """A key attribute in a path: a text in its first language, a code as it is."""
    if isinstance(value, dict):
        return next((str(value[known]) for known in (*LANGUAGES, "code") if known in value), "")
    return "" if value is None else str(value)


# --- grouping of parts ----------------------------------------------------------------------------------------------------------------


class _Member(NamedTuple):
    """A part as one claim states it. `all_keys` also holds its addresses when it has a number of its own."""

    rank: int
    claim: Claim
    part: Document
    keys: tuple[str, ...]
    all_keys: tuple[str, ...]


def _identity(voice: _Voice) -> tuple[str, str, str]:
    claim = voice[0]
    return claim.source, claim.external_id, claim.partner or ""


def _members(part_type: PartType, name: str, ranked: list[_Ranked]) -> list[_Member]:
    members = []
    for rank, claim, content in ranked:
        seen: dict[tuple[str, ...], list[Document]] = {}
        for part in content.get(name, ()):
            keys = part_keys(part_type, part)
            alike = seen.setdefault(keys, [])
            if part in alike:
                continue
            alike.append(part)
            all_keys = keys
            if part_type == "vestiging" and len(ranked) > 1:
                all_keys = tuple(dict.fromkeys((*keys, *address_keys(part))))
            members.append(_Member(rank, claim, part, keys, all_keys))
    return members


def _barred_parts(part_type: PartType, name: str, ranked: list[_Ranked]) -> dict[str, int]:
    barred: dict[str, int] = {}
    for rank, claim, _ in ranked:
        if claim.excluded:
            for part in claim.excluded.get(name, ()):
                for key in part_keys(part_type, part):
                    barred.setdefault(key, rank)
    return barred


def _grouped(members: list[_Member]) -> list[tuple[list[str], list[_Member]]]:
    """Members that are the same part, each group with its keys, in the order of their first members.

    Numbers join first, then addresses and names. What one claim holds apart is never joined, whoever says otherwise: the join that would do so
    is left out. An address joins only parts that no number tells apart, and not where one claim has two parts at that address.
    """
    group_of = list(range(len(members)))
    groups: dict[int, list[int]] = {index: [index] for index in group_of}
    first: dict[str, int] = {}
    joined = len(members) > 1 and len({id(member.claim) for member in members}) > 1
    ambiguous = _ambiguous(members) if joined else frozenset()
    for weak in (False, True) if joined else ():
        for index, member in enumerate(members):
            for key in member.all_keys:
                if (key_system(key) in _WEAK) is not weak or key in ambiguous:
                    continue
                one, other = sorted((group_of[first.setdefault(key, index)], group_of[index]))
                if one == other or not _can_join([members[i] for i in groups[one]], [members[i] for i in groups[other]], weak):
                    continue
                for moved in groups[other]:
                    group_of[moved] = one
                groups[one] = sorted(groups[one] + groups.pop(other))
    return _with_keys(members, groups)


def _with_keys(members: list[_Member], groups: Mapping[int, list[int]]) -> list[tuple[list[str], list[_Member]]]:
    """Give each key to the first group that states it, and a group that is left with none a key derived from what it stated."""
    taken: set[str] = set()
    result = []
    bare = []
    for index in sorted(groups):
        own = [members[i] for i in groups[index]]
        keys = sorted({key for member in own for key in member.keys if key not in taken})
        taken.update(keys)
        result.append((keys, own))
        if not keys:
            bare.append((keys, own[0]))
    for keys, member in bare:
        stem = member.keys[0] if member.keys else f"part|{member.claim.source}|{member.claim.external_id}"
        number = 1 if not member.keys else 2
        while f"{stem}#{number}" in taken:
            number += 1
        keys.append(f"{stem}#{number}")
        taken.add(keys[0])
    return result


def _ambiguous(members: list[_Member]) -> frozenset[str]:
    """Addresses and names at which one claim has several parts: they cannot tell which of them another claim means."""
    seen: set[tuple[int, str]] = set()
    found = set()
    for member in members:
        for key in member.all_keys:
            if key_system(key) in _WEAK:
                if (id(member.claim), key) in seen:
                    found.add(key)
                seen.add((id(member.claim), key))
    return frozenset(found)


def _can_join(one: list[_Member], other: list[_Member], weak: bool) -> bool:
    if not {id(member.claim) for member in one}.isdisjoint({id(member.claim) for member in other}):
        return False
    return not weak or _numbers(one).keys().isdisjoint(_numbers(other).keys())


def _numbers(group: list[_Member]) -> dict[str, str]:
    """The keys of a group that are numbers, by who gives them."""
    return {key_system(key): key for member in group for key in member.keys if key_system(key) not in _WEAK}


# --- the plan --------------------------------------------------------------------------------------------------------------------------


@cache
def _plan(kind: Kind) -> tuple[_Field, ...]:
    return _compiled(FICHE_TYPES[kind])


def _compiled(declaration: type) -> tuple[_Field, ...]:
    return tuple(_field(name, rule) for name, rule in declared_rules(declaration).items())


def _field(name: str, rule: Rule) -> _Field:
    if rule.merge == "parts":
        _, part_type, declaration = PARTS[name]
        return _Field(name, rule.group, _PARTS, _same, (), part_type, _compiled(declaration))
    if rule.merge == "union":
        how = _ITEMS if rule.key else _SETTINGS if name == "field_visibility" else _VALUES
    else:
        how = _VISIBILITY if name == "visibility" else _WHOLE
    return _Field(name, rule.group, how, _key_of(rule.key) if rule.key else _same, rule.key, None, ())


def _by_name(plan: tuple[_Field, ...], name: str) -> _Field:
    return next(field for field in plan if field.name == name)


def _same(value: Any) -> Any:
    return value


def _key_of(attributes: tuple[str, ...]) -> _Key:
    """A function from an item to its key; texts compare folded. An item without any key attribute is only equal to itself."""

    def key(item: Any) -> Any:
        parts: list[Any] = []
        stated = False
        for attribute in attributes:
            value = item.get(attribute)
            if value is not None:
                stated = True
                if type(value) is not str:
                    value = _comparable(value)
            parts.append(value)
        return tuple(parts) if stated else orjson.dumps(item, option=orjson.OPT_SORT_KEYS)

    return key


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(sorted((name, fold(text) or text if name in LANGUAGES else str(text)) for name, text in value.items()))
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
