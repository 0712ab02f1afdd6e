"""Links between entities, and what depends on a fiche through them."""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, cast

from hub.model.audience import ABSENT, RANK, VISIBILITY, level_of
from hub.model.fiche import FICHE_TYPES, PARTS, Document, Kind
from hub.model.visibility import overrides_of
from hub.store.bulk import Bulk
from hub.store.workspace import Workspace

Link = tuple[int, str, int, int]
"""From entity (of a partner: from his own entry, its number negative, so that it leads nobody else anywhere), role (`hub.model.query.LINKS`), to entity, level."""

INWARD: Final = frozenset({"description", "source_url", "in_scope_of", "price", "recognitions", "gov_info"})
"""Fields that nothing but the fiche itself shows. A change of any other one is a change of what depends on the fiche."""

OF_VIEWS: Final = "JOIN overlay v ON v.fiche_id = e.fiche_id AND v.partner = e.partner AND v.document IS NOT NULL"
"""What is asked of an entry `e` besides, where only what a partner has a view of his own of is meant: what leans on that leads where it leads for everybody."""

_LED_THROUGH: Final = frozenset({"organisatie", "aanbod", "vestiging"})
"""The types of what depends on a fiche that more depends on in turn."""

_PART_LINKS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "vestigingen": (),
    "memberships": (("organisatie", "member_of"),),
    "electronic_addresses": (),
    "caregivers": (("zorgverlener", "zorgverlener"),),
}


def links_of(fiche_id: int, document: Document, number_of: Mapping[str, int]) -> list[Link]:
    """Every link of a merged fiche and its parts, once each."""
    kind = cast(Kind, document["kind"])
    own = level_of(document)
    defaults = VISIBILITY[FICHE_TYPES[kind].__name__]
    hidden = overrides_of(document)

    def level(field: str) -> int:
        return max(own, RANK[hidden.get(field) or defaults.get(field, "internal")])

    found: dict[tuple[int, str, int], int] = {}

    def add(from_id: int, role: str, to_id: int, how: int) -> None:
        key = (from_id, role, to_id)
        found[key] = min(how, found.get(key, ABSENT))

    singles = ("parent",) if kind == "organisatie" else ("organisatie", "provided_by") if kind == "aanbod" else ()
    for name in singles:
        if name in document:
            add(fiche_id, name, number_of[document[name]["id"]], level(name))
    if kind == "aanbod":
        for place in document.get("vestigingen", ()):
            add(fiche_id, "vestiging", number_of[place["id"]], level("vestigingen"))
    for field, (owner, type_, _) in PARTS.items():
        if owner != kind:
            continue
        for part in document.get(field, ()):
            number = number_of[part["id"]]
            how = max(level(field), level_of(part))
            for inner, role in _PART_LINKS[field]:
                if inner in part:
                    add(number, role, number_of[part[inner]["id"]], how)
            if kind == "organisatie":
                add(number, "organisatie", fiche_id, how)
                if type_ == "electronic_address":
                    add(fiche_id, "endpoint", number, how)
                continue
            add(number, "aanbod", fiche_id, how)
            if "zorgverlener" in part:
                add(fiche_id, "zorgverlener", number_of[part["zorgverlener"]["id"]], how)
            if "organisatie" in document:
                add(
                    number,
                    "organisatie",
                    number_of[document["organisatie"]["id"]],
                    max(how, level("organisatie")),
                )
            for place in document.get("vestigingen", ()):
                add(number, "vestiging", number_of[place["id"]], max(how, level("vestigingen")))
    return [(from_id, role, to_id, how) for (from_id, role, to_id), how in found.items()]


def named_in(document: Document) -> Iterator[str]:
    """Every UUID whose number `links_of` needs; some more than once."""
    kind = document["kind"]
    for name in ("parent", "organisatie", "provided_by"):
        if name in document:
            yield document[name]["id"]
    if kind == "aanbod":
        yield from (place["id"] for place in document.get("vestigingen", ()))
    for field, (owner, _, _) in PARTS.items():
        if owner == kind:
            for part in document.get(field, ()):
                yield part["id"]
                yield from (part[inner]["id"] for inner, _ in _PART_LINKS[field] if inner in part)


def write_links(space: Workspace, fresh: list[Link], standing: list[tuple[Iterable[int], list[Link]]]) -> None:
    """Bring the table to these links: `fresh` of fiches that have none yet, `standing` with the entities they come from."""
    bulk = space.bulk
    wanted = {link[:3]: link[3] for _, links in standing for link in links}
    owners = {number for numbers, _ in standing for number in numbers}
    removed, changed, hidden, known = [], [], [], set()
    if owners:
        sql = f"SELECT from_id, role, to_id, level FROM link WHERE {bulk.listed('from_id')}"
        for from_id, role, to_id, level in bulk.rows(sql, bulk.many(owners)):
            key = (from_id, role, to_id)
            known.add(key)
            if key not in wanted:
                removed.append(key)
            elif wanted[key] != level:
                changed.append((wanted[key], *key))
                if wanted[key] > level:
                    hidden.append(key)
    new = fresh + [(*key, level) for key, level in wanted.items() if key not in known]
    for from_id, _, to_id, _ in new:
        space.tied.add(from_id)
        space.tied.add(to_id)
    space.untied.update(("", from_id, to_id) for from_id, role, to_id in removed + hidden if role == "zorgverlener")
    bulk.run_many("DELETE FROM link WHERE from_id = ? AND role = ? AND to_id = ?", removed)
    bulk.run_many("UPDATE link SET level = ? WHERE from_id = ? AND role = ? AND to_id = ?", changed)
    bulk.insert("link", ("from_id", "role", "to_id", "level"), sorted(new))


def remove_own_links(bulk: Bulk, entries: Iterable[int]) -> None:
    """Take away the links of these entries, which partners had in place of others."""
    numbers = [-entry for entry in entries]
    if numbers:
        bulk.run(f"DELETE FROM link WHERE {bulk.listed('from_id')}", bulk.many(numbers))


def remove_lost_links(bulk: Bulk) -> None:
    """Take away the links of entries that partners have no more, should there be any."""
    bulk.run("DELETE FROM link WHERE from_id < 0 AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.id = -link.from_id)")


def unmet_sites(bulk: Bulk, source: str) -> tuple[int, str]:
    """How many aanbod of this source name a vestiging that is not there, and the external id of one of them."""
    ((count, example),) = bulk.rows(
        "SELECT count(DISTINCT c.fiche_id), min(c.external_id) FROM claim c JOIN link l ON l.from_id = c.fiche_id AND l.role = 'vestiging'"
        " WHERE c.source_id = (SELECT id FROM source WHERE name = ?) AND c.partner = ''"
        " AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.entity_id = l.to_id)",
        source,
    )
    return count, example or ""


def fiches_leading_to(bulk: Bulk, entities: Iterable[int]) -> set[int]:
    """The fiches with a link to one of these, their own or that of a part, be it as one partner alone has them."""
    many = bulk.many(set(entities))
    # A partner's entry may not be written yet where his overlay is.
    leading = " UNION ".join(
        f"SELECT e.fiche_id FROM link l JOIN {table} e ON e.id = {number} {views} WHERE {bulk.listed('l.to_id')}"
        for table, number, views in (("entity", "l.from_id", ""), ("entry", "-l.from_id", OF_VIEWS), ("overlay", "-l.from_id", ""))
    )
    return {number for (number,) in bulk.rows(leading, many, many, many)}


class Dependent(NamedTuple):
    """What shows something of a fiche that changed. `level`: the lowest rank that sees how it hangs together with that; to others it does not look different."""

    fiche_id: int
    type: str
    level: int = 0


Dependents = dict[int, Dependent]
"""By the numbers of the entities."""


def dependents(bulk: Bulk, fiches: Iterable[int], partner: str = "", *, among: bool = False) -> tuple[Dependents, set[int]]:
    """What shows something of these fiches; and the fiches whose rows in the index do.

    An organisatie: its parts, the organisaties under it, the aanbod that it or they offer or carry out, the caregivers in that aanbod with
    their parts, memberships of it. An aanbod: its caregiver parts and their zorgverleners. A zorgverlener: the aanbod they work
    in. The fiches themselves are not among them, unless `among`: then those are that show something of another one. For a partner, what he sees in place of
    others leads there as well.
    """
    start = set(fiches)
    kinds: dict[str, dict[int, int]] = {"organisatie": {}, "aanbod": {}, "zorgverlener": {}}
    if not start:
        return {}, set()
    for number, type_ in bulk.rows(f"SELECT id, type FROM entity WHERE {bulk.listed('id')}", bulk.many(start)):
        kinds[type_][number] = 0
    found: Dependents = {}
    in_index: set[int] = set()

    def reach(to: Mapping[int, int], roles: tuple[str, ...]) -> Iterator[tuple[int, Dependent]]:
        """What leads to these, each with the lowest rank that sees the way to it, as often as that turns out to be lower."""
        for number, type_, fiche_id, end, how in _pointing(bulk, to, roles, partner):
            # Who sees a part of a fiche that changed, and saw it before, is told with that part; what leads on from there must not miss that it was hidden.
            level = 0 if fiche_id in start and number != fiche_id else max(to[end], how)
            if number not in found or level < found[number].level:
                found[number] = Dependent(fiche_id, type_, level)
                in_index.add(fiche_id)
                yield number, found[number]

    frontier, aanbod = kinds["organisatie"], kinds["aanbod"]
    while frontier:
        below: dict[int, int] = {}
        for number, one in reach(frontier, ("organisatie", "provided_by", "parent", "member_of")):
            if one.type == "organisatie" and number not in kinds["organisatie"]:
                below[number] = one.level
        frontier = below
    places = {number: one.level for number, one in found.items() if one.type == "vestiging"}
    for _ in reach(places, ("vestiging",)):
        pass
    offered = {number: one.level for number, one in found.items() if one.type == "aanbod"} | aanbod
    for _ in reach(kinds["zorgverlener"], ("zorgverlener",)):
        pass
    for _ in reach(offered, ("aanbod",)):
        pass
    if offered:
        sql = f"SELECT to_id, from_id, level FROM link WHERE role = 'zorgverlener' AND {bulk.listed('from_id')}"
        given: tuple[Any, ...] = (bulk.many(offered),)
        if partner:
            sql += (
                " UNION SELECT l.to_id, o.fiche_id, l.level FROM overlay o JOIN link l ON l.from_id = -o.id"
                f" WHERE l.role = 'zorgverlener' AND o.partner = ? AND {bulk.listed('o.fiche_id')}"
            )
            given = (*given, partner, *given)
        for number, offer, how in bulk.rows(sql, *given):
            level = max(offered[offer], how)
            if number not in found or level < found[number].level:
                found[number] = Dependent(number, "zorgverlener", level)
    if not among:
        for number in start:
            found.pop(number, None)
    return found, in_index - start


def dependents_of_partners(space: Workspace, fiches: Iterable[int], found: Mapping[int, Dependent]) -> dict[str, tuple[Dependents, set[int]]]:
    """What shows something of these fiches to one partner only, because of what he sees in place of others: partner -> the `dependents` that only he has,
    or has as nobody else does. `found`: those that everybody has. What a partner sees in place of one of these fiches did not change with it, so leads nowhere."""
    bulk, start = space.bulk, set(fiches)
    if not start or not space.find_overlays():
        return {}
    # Caregivers and people lead no further.
    reached = start | {number for number, one in found.items() if one.type in _LED_THROUGH}
    many = bulk.many(reached)
    sql = (
        f"SELECT e.partner FROM link l JOIN entry e ON e.id = -l.from_id {OF_VIEWS} WHERE {bulk.listed('l.to_id')}"
        f" UNION SELECT partner FROM overlay WHERE document IS NOT NULL AND {bulk.listed('fiche_id')}"
    )
    of_partners: dict[str, tuple[Dependents, set[int]]] = {}
    own_views: dict[str, set[int]] = {}
    views = f"SELECT partner, fiche_id FROM overlay WHERE document IS NOT NULL AND {bulk.listed('fiche_id')}"
    for partner, fiche_id in bulk.rows(views, bulk.many(start)):
        own_views.setdefault(partner, set()).add(fiche_id)
    for (partner,) in sorted(bulk.rows(sql, many, many)):
        theirs, in_index = dependents(bulk, start - own_views.get(partner, set()), partner, among=True)
        sql_own = f"SELECT e.entity_id FROM entry e {OF_VIEWS} WHERE e.partner = ? AND {bulk.listed('e.entity_id')}"
        own = {number for (number,) in bulk.rows(sql_own, partner, bulk.many(theirs))} if theirs else set()
        only = {number: one for number, one in theirs.items() if number in own or number not in found or one.level < found[number].level}
        if only:
            of_partners[partner] = only, in_index & {one.fiche_id for one in only.values()}
    return of_partners


def _pointing(bulk: Bulk, to: Collection[int], roles: tuple[str, ...], partner: str) -> Iterable[tuple[int, str, int, int, int]]:
    """Each link of these roles to one of these: where it begins, the type and the fiche of that, where it ends, and its level."""
    if not to:
        return ()
    marks = ", ".join("?" * len(roles))
    sql = (
        "SELECT e.id, e.type, e.fiche_id, l.to_id, l.level FROM link l JOIN entity e ON e.id = l.from_id"
        f" WHERE {bulk.listed('l.to_id')} AND l.role IN ({marks})"
    )
    given: tuple[Any, ...] = (bulk.many(to), *roles)
    if partner:
        sql += (
            f" UNION SELECT e.entity_id, e.type, e.fiche_id, l.to_id, l.level FROM link l JOIN entry e ON e.id = -l.from_id {OF_VIEWS}"
            f" WHERE {bulk.listed('l.to_id')} AND l.role IN ({marks}) AND e.partner = ?"
        )
        given = (*given, *given, partner)
    return cast("Iterable[tuple[int, str, int, int, int]]", bulk.rows(sql, *given))
