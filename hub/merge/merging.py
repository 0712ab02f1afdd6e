"""Claims in, one fiche out: the pure function that everything else rests on.

`merge` looks at what the standing claims say and at the authority of their sources, never at the order in which they came or at the
clock: any order, any repetition and any replay of the same claims give the same fiche. The declarations in
`hub.model.fiche` say how each field merges; they are compiled once into a plan per kind (`hub.merge.plans`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from hub.authority import EDITOR_RANK, GROUPS, Authority
from hub.merge.items import agree, best_of, is_meant, item_label, one_list, settled, strictest, visibility_of, with_the_rest
from hub.merge.lasting import lasting
from hub.merge.plans import AS_PARTS, ITEMS, SETTINGS, VALUES, VISIBLE, WHOLE, Field, plan_of
from hub.model.claims import EDITOR, Claim, Conflict, Merged, Provenance
from hub.model.fiche import Document, Group, Kind, PartType, Visibility
from hub.model.item_keys import Keys, alike
from hub.model.parts import Member, grouped, members_of, part_keys
from hub.schemas import claim_digest

_OVERLAY_RANK = EDITOR_RANK - 1
_NOTHING = Merged(None, (), ())
_ALONE: _Order = ((0, 0),)

_Voice = tuple[Claim, Document]
_Order = tuple[tuple[int, int], ...]
"""`(rank, place among the voices)`, best first; equals in the order of the voices."""
_Stated = tuple[int, Claim, Any]
_Bars = dict[Any, list[tuple[int, Any]]]
"""Key of each item that must not appear -> by what rank that is said, and how the item is named there; the best rank first."""


def merge(claims: Sequence[Claim], authority: Authority) -> Merged:
    """The fiche that these claims make together, without id; content `None` when all of them are gone, but for what an editor decided.

    Links must be resolved (`{"id": ...}`). Of two claims with the same source, external id and partner the higher `(revision, digest)`
    stands. All overlays must be of one partner: they rank above everything, and the result is what that partner sees.

    - A field that merges as a whole is the best source's. Where equals disagree the first by `(source, external_id)` stands and a
      `Conflict` is recorded; a lower source that disagrees is no conflict.
    - A volatile value (with `asserted_at` and `valid_until`) that ran out before another one was asserted stands behind that one whatever its source,
      and is no conflict with it; of equals the one that was asserted last stands. What the authentic source of the group says is never over for others.
    - Lists that merge as a union keep one item per key: the best source's, what it leaves out filled in by the next, also the languages in
      which others say the same. Items with a text in their key are one where it is the same in one language. `excluded` of a
      claim takes away items of its equals and of lower sources (`vestigingen.contacts` for lists inside parts).
    - Of two visibilities the stricter stands, unless the authentic source of the group says otherwise; an overlay never widens one.
    - Parts of different claims that share a key (see `part_keys`), or stand at the same address without numbers that tell them apart, become one
      part with all their keys; two parts of one claim never do. Every part that comes out has a key, and no two share one.
    - What an editor decided makes no fiche and no part of others: of what nobody else speaks of any more his word sleeps, and holds again when somebody does.

    Provenance and conflicts of a part's field are named `vestigingen[<its first key>].contacts`. The result shares values with the
    claims: read both, write neither.
    """
    if len(claims) == 1:
        standing = list(claims)
    else:
        standing = _standing(claims)
    live = [claim for claim in standing if not claim.gone]
    if all(_decides(claim) for claim in live):
        return _NOTHING
    return _Merge(authority, live).result()


def sole(claim: Claim) -> tuple[Document, list[str]] | None:
    """What `merge` gives for this claim alone, in half the time: the content, and the fields of which the claim states the visibility.

    All else that `merge` would say follows: the claim gave every field, and nobody disagrees. Most fiches have one source, and nobody asks for
    the provenance of each field while they are loaded. None where only `merge` can tell: the claim is gone, excludes
    something, is an editor's, or states parts that cannot be told apart.
    """
    if claim.gone or claim.excluded or _decides(claim):
        return None
    stated: list[str] = []
    said = _said(plan_of(claim.kind), claim.content, "", stated)
    return None if said is None else ({"kind": claim.kind, **said}, stated)


def _said(plan: tuple[Field, ...], content: Document, path: str, stated: list[str]) -> Document | None:
    """What one voice says about a fiche or a part; the paths of its visibilities are added to `stated`. None when `merge` must tell."""
    said: Document = {}
    for field in plan:
        name = field.name
        if name not in content:
            continue
        value, how = content[name], field.how
        if how != WHOLE and value is not None:
            if how == ITEMS:
                value = one_list(field, value)
            elif how == VALUES:
                value = list(dict.fromkeys(value))
            elif how == VISIBLE:
                stated.append(path + name)
            elif how == AS_PARTS:
                keys = _told_apart(field, value)
                if keys is None:
                    return None
                parts = []
                for part, own in zip(value, keys, strict=True):
                    inner = _said(field.inner, part, f"{path}{name}[{own[0]}].", stated)
                    parts.append({"keys": list(own), **(inner or {})})
                value = parts
        if value is not None and value != []:
            said[name] = value
    return said


def _told_apart(field: Field, parts: Sequence[Document]) -> list[tuple[str, ...]] | None:
    """The keys of each of these parts of one claim, when every part has one and no two share any."""
    assert field.part_type is not None
    keys = [part_keys(field.part_type, part) for part in parts]
    if () in keys or (len(keys) > 1 and len({key for some in keys for key in some}) < sum(map(len, keys))):
        return None
    return keys


def _decides(claim: Claim) -> bool:
    """Whether it is what an editor decided, which everybody hears, of what others say."""
    return claim.source == EDITOR and claim.partner is None


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
    return claim is not other and claim_digest(claim) > claim_digest(other)


class _Merge:
    """One merge of live, standing claims in the order of their identity."""

    __slots__ = ("_authority", "_kind", "_said_by", "conflicts", "provenance", "voices")

    def __init__(self, authority: Authority, claims: list[Claim]) -> None:
        self._authority = authority
        self.provenance: list[Provenance] = []
        self.conflicts: list[Conflict] = []
        self._kind = claims[0].kind
        if len(claims) > 1 and any(claim.kind != self._kind for claim in claims):
            claims = self._of_one_kind(claims)
        self._said_by = {id(claim): (claim.source, claim.external_id, claim.revision) for claim in claims}
        self.voices: list[_Voice] = [(claim, claim.content) for claim in claims]

    def result(self) -> Merged:
        content: Document = {"kind": self._kind}
        content.update(self._fields(plan_of(self._kind), self.voices, "", ""))
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

    def _fields(self, plan: tuple[Field, ...], voices: list[_Voice], path: str, scope: str) -> Document:
        """Merge what the voices say about one fiche, or about one part of it. `scope` is the path without part keys."""
        if len(voices) == 1 and not voices[0][0].excluded:
            return self._alone(plan, voices[0], path)
        merged: Document = {}
        value: Any
        said = set().union(*(content for _, content in voices))
        excluding = any(claim.excluded for claim, _ in voices)
        orders = _orders(self._authority, self._kind, tuple([(claim.source, claim.partner is None) for claim, _ in voices]))
        for field in plan:
            name = field.name
            if name not in said:
                continue
            how = field.how
            order, unlocked = orders[field.group]
            if how == AS_PARTS:
                value, contributed = self._parts(field, voices, order, unlocked, path)
            else:
                stated = []
                for rank, index in unlocked:
                    claim, content = voices[index]
                    if name in content:
                        stated.append((rank, claim, content[name]))
                if not stated:
                    continue
                barred = _barred(unlocked, voices, scope + name, field.keys) if excluding else {}
                if len(stated) == 1 and not barred:
                    _, only, value = stated[0]
                    contributed = [only]
                    if how == ITEMS:
                        value = one_list(field, value)
                    elif how == VALUES:
                        value = list(dict.fromkeys(value))
                elif how == WHOLE:
                    value, contributed = self._whole(field, stated, path + name)
                elif how == ITEMS:
                    value, contributed = self._items(field, stated, barred, path)
                elif how == VALUES:
                    value, contributed = _values(stated, barred)
                elif how == SETTINGS:
                    value, contributed = _settings(stated)
                else:
                    value = self._visibility(field.group, stated, explicit=True)
                    contributed = [claim for _, claim, visibility in stated if visibility == value]
            if value is not None and value != []:
                merged[name] = value
                self._note(path + name, contributed)
        return merged

    def _alone(self, plan: tuple[Field, ...], voice: _Voice, path: str) -> Document:
        """What `_fields` gives for one voice that excludes nothing; by far the commonest case."""
        claim, content = voice
        merged: Document = {}
        said_by = (self._said_by[id(claim)],)
        note = self.provenance.append
        for field in plan:
            name, how = field.name, field.how
            value = content.get(name)
            if value is None:
                continue
            if how == ITEMS:
                value = one_list(field, value)
            elif how == VALUES:
                value = list(dict.fromkeys(value))
            elif how == AS_PARTS:
                value = self._parts_alone(field, voice, path)
            if value == []:
                continue
            merged[name] = value
            note(Provenance(path + name, said_by))
        return merged

    def _whole(self, field: Field, stated: list[_Stated], path: str) -> tuple[Any, list[Claim]]:
        if field.volatile:
            stated = self._lasting(field, stated)
        rank, _, value = stated[0]
        agreeing = []
        peers = [peer for peer in stated if peer[0] == rank]
        for _, claim, other in peers:
            if other == value:
                agreeing.append(claim)
        if len(agreeing) < len(peers):
            self.conflicts.append(_conflict(path, peers))
        return value, agreeing

    def _items(self, field: Field, stated: list[_Stated], barred: _Bars, path: str) -> tuple[list[Any], list[Claim]]:
        keys, called = field.keys, field.called
        if not barred and all(items == stated[0][2] for _, _, items in stated[1:]):
            return one_list(field, stated[0][2]), [claim for _, claim, _ in stated]
        said = [(rank, claim, item) for rank, claim, items in stated for item in items]
        settling = called is not None or (field.vague is not None and any(field.vague.is_vague(item) for _, _, item in said))
        merged = []
        firm: list[int] = []
        contributed: set[int] = set()
        for statements in alike(said, lambda one: keys(one[2]), called and (lambda one: called(one[2]))):
            if barred:
                items = [item for _, _, item in statements]
                bars = [rank for item in items for key in keys(item) for rank, other in barred.get(key, ()) if is_meant(field, items, other)]
                statements = [one for one in statements if not bars or one[0] < min(bars)]
                if not statements:
                    continue
            contributing = statements
            if field.volatile and len(statements) > 1:
                contributing = self._lasting(field, statements)
                statements = with_the_rest(field, contributing, statements)
            merged.append(statements[0][2] if len(statements) == 1 else self._item(field, statements, path))
            if settling and self._is_firm(field.group, statements):
                firm.append(id(merged[-1]))
            contributed.update(id(claim) for _, claim, _ in contributing)
        return settled(field, merged, firm) if settling else merged, [claim for _, claim, _ in stated if id(claim) in contributed]

    def _item(self, field: Field, statements: list[_Stated], path: str) -> Document:
        """One item that several claims (or one claim twice) state."""
        best: Document = statements[0][2]
        if all(item == best for _, _, item in statements):
            return best
        merged = best.copy()
        attributes = {attribute for _, _, item in statements for attribute in item}
        # First what the item is called by: that is how a conflict about the rest names it.
        for attribute in sorted(attributes.difference(("visibility",)), key=lambda name: (name not in field.attributes, name)):
            stated = [(rank, claim, item[attribute]) for rank, claim, item in statements if attribute in item]
            rank, first, value = stated[0]
            merged[attribute] = best_of(attribute, [said for _, _, said in stated])
            if attribute in field.attributes:
                continue
            if any(peer == rank and claim is not first and not agree(other, value) for peer, claim, other in stated[1:]):
                label = item_label(merged, field.attributes)
                per_claim = {id(claim): (peer, claim, other) for peer, claim, other in reversed(stated) if peer == rank}
                self.conflicts.append(_conflict(f"{path}{field.name}[{label}].{attribute}", reversed(per_claim.values())))
        seen_by = [
            (rank, claim, visibility_of(field, item))
            for rank, claim, item in statements
            if claim.source != EDITOR or "visibility" in item  # who decides about something else does not hide it
        ] or [(rank, claim, visibility_of(field, item)) for rank, claim, item in statements]
        shared = [item for _, claim, item in statements if claim.partner is None]
        visible = self._visibility(field.group, seen_by, explicit=bool(shared) and "visibility" in shared[0])
        merged.pop("visibility", None)
        if "visibility" in attributes or visible != visibility_of(field, merged):
            merged["visibility"] = visible
        return merged

    def _lasting(self, field: Field, stated: list[_Stated]) -> list[_Stated]:
        authentic = self._authority.authentic(field.group, self._kind)
        return lasting(stated, lambda claim: claim.partner is None and claim.source in authentic)

    def _visibility(self, group: Group, stated: Sequence[_Stated], *, explicit: bool) -> Visibility:
        """The stricter, unless the owner of the group stands first among those whom everybody hears, and says it in so many words."""
        voices: Sequence[_Stated] = stated
        if explicit and (first := self._owner(group, stated)) is not None:
            voices = [first, *(one for one in stated if one[1].partner is not None)]
        return strictest(value for _, _, value in voices)

    def _owner(self, group: Group, stated: Sequence[_Stated]) -> _Stated | None:
        """What the owner of the group says, where he stands first among those whom everybody hears."""
        first = next((one for one in stated if one[1].partner is None), None)
        return first if first is not None and first[1].source in self._authority.authentic(group, self._kind) else None

    def _is_firm(self, group: Group, statements: Sequence[_Stated]) -> bool:
        owner = self._owner(group, statements)
        return owner is not None and "visibility" in owner[2]

    # --- parts -------------------------------------------------------------------------------------------------------------------

    def _parts_alone(self, field: Field, voice: _Voice, path: str) -> list[Document]:
        claim, content = voice
        keys = _told_apart(field, content[field.name])
        if keys is None:
            return self._parts(field, [voice], _ALONE, _ALONE, path)[0]
        merged = []
        for part, own in zip(content[field.name], keys, strict=True):
            document: Document = {"keys": list(own)}
            document.update(self._alone(field.inner, (claim, part), f"{path}{field.name}[{own[0]}]."))
            merged.append(document)
        return merged

    def _parts(self, field: Field, voices: list[_Voice], order: _Order, unlocked: _Order, path: str) -> tuple[list[Document], list[Claim]]:
        assert field.part_type is not None
        name, part_type = field.name, field.part_type
        members = members_of(part_type, [(rank, voices[i][0], voices[i][1].get(name, ())) for rank, i in order])
        if any(claim.source == EDITOR for claim, _ in voices):
            members.sort(key=lambda member: _only_remarks(part_type, member))  # they give no part its place in the list
        barred = _barred_parts(part_type, name, unlocked, voices)
        merged = []
        contributed: set[int] = set()
        for keys, group in grouped(members):
            if barred:
                bar = min((barred[key] for member in group for key in (*member.keys, *member.weak) if key in barred), default=None)
                group = [member for member in group if bar is None or member.rank < bar]
                stated = {key for member in group for key in member.keys}
                keys = [key for key in keys if key in stated] or keys
            if not group or all(_only_remarks(part_type, member) for member in group):
                continue
            spoken: list[_Voice] = sorted([(member.claim, dict(member.part)) for member in group], key=_identity)
            part: Document = {"keys": keys}
            part.update(self._fields(field.inner, spoken, f"{path}{field.name}[{keys[0]}].", f"{field.name}."))
            merged.append(part)
            contributed.update(id(member.claim) for member in group)
        return merged, [voices[index][0] for _, index in order if id(voices[index][0]) in contributed]

    # --- ranks -------------------------------------------------------------------------------------------------------------------

    def _rank(self, group: Group, kind: Kind, claim: Claim) -> int:
        return _OVERLAY_RANK if claim.partner is not None else self._authority.rank(group, claim.source, kind)

    def _note(self, path: str, contributed: list[Claim]) -> None:
        said_by = self._said_by
        self.provenance.append(Provenance(path, tuple([said_by[id(claim)] for claim in contributed])))


@lru_cache(maxsize=1024)
def _orders(authority: Authority, kind: Kind, voices: tuple[tuple[str, bool], ...]) -> dict[Group, tuple[_Order, _Order]]:
    """For each group the order of these voices (a source, and whether everybody hears it), and the same without an editor who is locked out."""
    orders: dict[Group, tuple[_Order, _Order]] = {}
    for group in GROUPS:
        authentic = authority.authentic(group, kind)
        ranked = tuple(
            sorted((authority.rank(group, source, kind) if shared else _OVERLAY_RANK, index) for index, (source, shared) in enumerate(voices))
        )
        unlocked = ranked
        if any(shared and source in authentic for source, shared in voices):
            unlocked = tuple(voice for voice in ranked if voices[voice[1]] != (EDITOR, True))
        orders[group] = ranked, unlocked
    return orders


# --- values ------------------------------------------------------------------------------------------------------------------------


def _values(stated: list[_Stated], barred: _Bars) -> tuple[list[Any], list[Claim]]:
    """A union of plain values (languages, places of delivery)."""
    merged: dict[Any, None] = {}
    contributed = []
    for rank, claim, values in stated:
        kept = [value for value in values if value not in barred or rank < barred[value][0][0]]
        if kept:
            contributed.append(claim)
            merged.update(dict.fromkeys(kept))
    return list(merged), contributed


def _settings(stated: list[_Stated]) -> tuple[dict[str, Visibility] | None, list[Claim]]:
    """`field_visibility`: per field the strictest that anybody says."""
    merged: dict[str, Visibility] = {}
    for _, _, settings in stated:
        for field, visibility in settings.items():
            merged[field] = strictest((visibility, merged.get(field, visibility)))
    return merged or None, [claim for _, claim, settings in stated if settings]


def _barred(order: _Order, voices: list[_Voice], name: str, keys: Keys) -> _Bars:
    """What claims say "not this one" of."""
    barred: _Bars = {}
    for rank, index in order:
        claim = voices[index][0]
        if claim.excluded:
            for item in claim.excluded.get(name, ()):
                for key in keys(item):
                    barred.setdefault(key, []).append((rank, item))
    return barred


def _barred_parts(part_type: PartType, name: str, order: _Order, voices: list[_Voice]) -> dict[str, int]:
    """The same for parts, with the best rank that says so: a part is meant by any key it is recognised by."""
    barred: dict[str, int] = {}
    for rank, index in order:
        claim = voices[index][0]
        if claim.excluded:
            for part in claim.excluded.get(name, ()):
                for key in part_keys(part_type, part):
                    barred.setdefault(key, rank)
    return barred


def _only_remarks(part_type: PartType, member: Member) -> bool:
    """Whether this is an editor's word about a part of others, which goes with theirs: it names the part by its keys, or says nothing that makes one."""
    return member.claim.source == EDITOR and (bool(member.part.get("keys")) or not part_keys(part_type, member.part))


def _identity(voice: _Voice) -> tuple[str, str, str]:
    claim = voice[0]
    return claim.source, claim.external_id, claim.partner or ""


def _conflict(path: str, stated: Iterable[_Stated]) -> Conflict:
    return Conflict(path, tuple((claim.source, claim.external_id, value) for _, claim, value in stated))
