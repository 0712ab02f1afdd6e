"""Who may see what: the grant of an asker, and the one function that applies it.

`VISIBILITY` is the table that gives each field its default; a value may say otherwise with its own `visibility`. A field that is not in
the table is internal: deny by default. `project` stands between the store and every output.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.model.fiche import FICHE_TYPES, PARTS, Document, Kind, Visibility
from hub.model.links import hides_sites, without_links_to
from hub.model.projection_plans import KEEP, PLANS, RANKS, STAMPS, overridden
from hub.model.scopes import allows
from hub.model.turning import TURNS, last_days
from hub.model.visibility import ABSENT, BY_KIND, LEVELS, RANK, VISIBILITY, overrides_of

if TYPE_CHECKING:
    from hub.model.query import Query

__all__ = [
    "ABSENT",
    "BY_KIND",
    "INTERNAL",
    "LEVELS",
    "PUBLIC",
    "RANK",
    "VISIBILITY",
    "Grant",
    "level_of",
    "level_of_part",
    "part_level_differs",
    "project",
    "reads_otherwise_since",
    "stamp",
    "visible_levels_differ",
]


@dataclass(frozen=True, slots=True)
class Grant:
    """What an asker may see, as his agreement says. The anonymous public has `Grant()`.

    `level` is the highest visibility granted. `partner` opens this partner's overlay. `fields` (None: all) are the top-level fields that the
    agreement names; others are removed, not blanked. `scope` narrows every selection. `rights` are what it may do besides
    reading (`hub.access.RIGHTS`). `scopes` (None: no access token narrows it) say which types of resource may be read or searched now, in the words of
    SMART; an endpoint that lets access tokens in applies them itself. `revision` moves whenever the agreement does, so that caches and ETags know.
    """

    level: Visibility = "public"
    partner: str | None = None
    fields: frozenset[str] | None = None
    scope: Query | None = None
    rights: frozenset[str] = frozenset()
    scopes: frozenset[str] | None = None
    revision: int = 0
    name: str = "anonymous"

    @property
    def rank(self) -> int:
        """0 for public, 1 for professional, 2 for internal."""
        return RANK[self.level]

    @property
    def telling(self) -> frozenset[str] | None:
        """The fields of which a change of a fiche must name one to be told. None where each is told: something may enter or leave the selection of an agreement
        by what its fields do not show."""
        return self.fields if self.scope is None else None

    def allows(self, resource: str, letters: str) -> bool:
        """Whether the access token, if one narrows the grant, allows all that the letters of SMART stand for on a type of resource (`*`: on all)."""
        return self.scopes is None or allows(self.scopes, resource, letters)


_NO_ENDS: Final[Mapping[str, int]] = {}
PUBLIC = Grant()
INTERNAL = Grant(level="internal", name="internal")


def stamp(kind: Kind, content: Document) -> Document:
    """A copy in which the fiche, its parts and every value that can be hidden say their visibility. Stamping twice changes nothing.

    What already says it keeps it; the rest gets the default of `VISIBILITY` and `BY_KIND`. `content` stays as it is, and shares with the copy
    what did not change: write neither.
    """
    return STAMPS[FICHE_TYPES[kind].__name__](content, "public")


def project(document: Document, grant: Grant, today: str) -> Document | None:
    """What this grant may see of a stamped fiche, or None when it may not know that the fiche exists.

    The one function between the store and every output. Removes hidden fields, values and parts and, below internal, all
    that tells about visibility; keeps only the fields that the agreement names (and id and kind). A value that ran out before `today`
    (`YYYY-MM-DD`) reads `unknown` with its `valid_until`, a capacity loses `available`, and government information that ran out, is withdrawn
    or has not begun is not there. Something that does not say its visibility is internal. The result shares unchanged values with `document`: change neither.
    """
    rank = grant.rank
    if RANK.get(document.get("visibility", "internal"), 2) > rank:
        return None
    plan = PLANS[rank][document["kind"]]
    if rank < 2 and "field_visibility" in document:
        plan = overridden(document["kind"], overrides_of(document), rank)
    shown = {}
    for field, value in document.items():
        how = plan.get(field)
        if how is KEEP:
            shown[field] = value
        elif how is not None and (kept := how(value, today)):
            shown[field] = kept
    if grant.fields is not None:
        named = grant.fields
        return {field: value for field, value in shown.items() if field in named or field in _ALWAYS[rank]}
    return shown


def reads_otherwise_since(document: Document, grant: Grant, then: str, today: str) -> str:
    """The last day on which this grant read the stamped fiche as on day `then`, where he reads it otherwise `today`; "" where he reads it alike.

    Of several days after `then` the last one. Where `today` lies before `then` (somebody's clock was put back): the next day after which he reads it as it is
    today no more. So it names the state among all that one version of the fiche goes through as days pass.
    """
    first, behind = min(then, today), max(then, today)
    days = sorted({day for field in TURNS if field in document for day in last_days(document, field) if first <= day < behind})
    # Between two of these days nothing turns, so that what holds after one still holds on the next.
    turns = [day for day, later in zip(days, [*days[1:], behind], strict=False) if project(document, grant, day) != project(document, grant, later)]
    if not turns:
        return ""
    return turns[-1] if then < today else turns[0]


def level_of(document: Document | None) -> int:
    """The rank of the lowest level that sees this stamped fiche or part: 0 public, 1 professional, 2 internal; `ABSENT` for None."""
    if document is None:
        return ABSENT
    return RANK.get(document.get("visibility", "internal"), 2)


def level_of_part(document: Document, field: str, part: Document) -> int:
    """The rank of the lowest level that sees this part, which stands under `field` of a stamped fiche; whoever it may lead to comes on top."""
    said = overrides_of(document)
    return max(level_of(document), RANK.get(said[field], 2) if field in said else 0, level_of(part))


def visible_levels_differ(
    old: Document | None,
    new: Document | None,
    ends_before: Mapping[str, int] = _NO_ENDS,
    ends_now: Mapping[str, int] = _NO_ENDS,
) -> list[tuple[str, int]]:
    """The fields of a stamped fiche that changed, each with the rank of the lowest level that sees a difference; sorted.

    None stands for a fiche that is not there (yet, or any more). When a fiche appears for a level or disappears from it, `visibility` is
    named among the fields. Values that ran out count as they were asserted. `ends_before`, `ends_now`: the lowest rank that sees what the
    links of the one and of the other lead to, by UUID; what is not named everybody sees. A link whose other end a level does not see is not there for it.
    """
    before, after = old or {}, new or {}
    if before.get("visibility") == after.get("visibility") and before.get("field_visibility") == after.get("field_visibility"):
        changed = [field for field in before.keys() | after.keys() if before.get(field) != after.get(field)]
        before, after = _only(before, changed), _only(after, changed)
    lowest: dict[str, int] = {}
    for rank, grant in enumerate(_LEVEL_GRANTS):
        seen = _seen_by(before, grant, ends_before)
        seeing = _seen_by(after, grant, ends_now)
        if (seen is None) != (seeing is None):
            lowest.setdefault("visibility", rank)
        seen, seeing = seen or {}, seeing or {}
        for field in seen.keys() | seeing.keys():
            if field not in lowest and field not in ("id", "kind") and seen.get(field) != seeing.get(field):
                lowest[field] = rank
    return sorted(lowest.items())


def part_level_differs(field: str, old: Document | None, new: Document | None, lowest: int = 0) -> int:
    """The rank of the lowest level, from `lowest` on, that sees a difference between two states of a stamped part under `field`, or `ABSENT`.

    `lowest`: of those who see the part at all, for whom the fiche and the other end of the part count as well.
    """
    for rank in RANKS[lowest:]:
        show = PLANS[rank][PARTS[field][0]][field]
        if show([old] if old else [], _NEVER) != show([new] if new else [], _NEVER):
            return rank
    return ABSENT


def _seen_by(document: Document, grant: Grant, ends: Mapping[str, int]) -> Document | None:
    shown = project(document, grant, _NEVER) if document else None
    if shown is None:
        return None
    if ends:
        shown = without_links_to(shown, {uuid for uuid, level in ends.items() if level > grant.rank})
    # An aanbod at places that are all hidden is at no other one; an aanbod that names none is wherever its organisatie is.
    return {**shown, "vestigingen": []} if hides_sites(document, shown) else shown


_NEVER: Final = ""
"""A day before all others: nothing has run out yet."""
_LEVEL_GRANTS: Final = tuple(Grant(level=level) for level in LEVELS)
_ALWAYS: Final = (
    frozenset({"id", "kind"}),
    frozenset({"id", "kind"}),
    frozenset({"id", "kind", "visibility"}),
)
_FRAME: Final = ("id", "kind", "visibility", "field_visibility")


def _only(document: Document, fields: Iterable[str]) -> Document:
    return {field: document[field] for field in (*_FRAME, *fields) if field in document}
