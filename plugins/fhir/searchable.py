"""What a search parameter, an include and a searchable resource are, and the parameters that every resource has; the table of them all is in `params`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from hub import Criterion, Entity, EntityType, FieldError, Invalid, Linked
from plugins.fhir import closed, criteria, periods
from plugins.fhir import systems as s
from plugins.fhir.criteria import Absent, Build, Condition, Given, always, has, never
from plugins.fhir.datatypes import Labels

ParamType = Literal["string", "token", "reference", "date", "uri", "special"]
_MODIFIERS: Final[dict[str, tuple[str, ...]]] = {
    "string": ("contains", "exact", "missing"),
    "token": ("not", "missing"),
    "reference": ("identifier", "missing"),
    "date": ("missing",),
    "uri": ("missing",),
    "special": (),
}


@dataclass(frozen=True, slots=True)
class Param:
    """A search parameter: its FHIR name and type, what it looks at in plain words, and how it becomes criteria.

    `absent` is what `:missing` means. `target` is the resource that a reference points to, `link` the hub's name for it: then it can be chained.
    `definition` is where it is defined, if not by R4 for this very resource; ours say by FHIRPath what they look at (`expression`). `senseless` are
    modifiers that others of its type take, and that would mean nothing here.
    """

    name: str
    type: ParamType
    about: str
    build: Build
    absent: Absent | None
    definition: str = ""
    target: str = ""
    link: str = ""
    expression: str = ""
    senseless: tuple[str, ...] = ()

    @property
    def modifiers(self) -> tuple[str, ...]:
        """The modifiers that it takes."""
        taken = _MODIFIERS[self.type] if self.absent is not None else ()
        return tuple(each for each in taken if each not in self.senseless)


@dataclass(frozen=True, slots=True)
class Include:
    """`_include=<source>:<param>`: `targets` names the ids that an entity points to; `link` leads back for `_revinclude`, "" where nothing ever points."""

    source: str
    param: str
    target: str
    link: str
    targets: Callable[[Entity], Iterable[str]]

    @property
    def spelled(self) -> str:
        """`Organization:partof`"""
        return f"{self.source}:{self.param}"


@dataclass(frozen=True, slots=True)
class Resource:
    """A FHIR resource type: which entity of the hub it is, how it is rendered, what it can be searched by.

    `profiles` are those that an instance may claim, each with what it must meet to do so. `always` holds for every search: what a resource needs to
    be shown at all.
    """

    name: str
    entity: EntityType
    render: Callable[[Entity, Labels], dict[str, Any]]
    params: tuple[Param, ...]
    profiles: tuple[tuple[str, tuple[Condition, ...]], ...]
    always: tuple[Linked, ...] = ()
    by_name: dict[str, Param] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {param.name: param for param in (*self.params, *of_all(self.profiles))})


# --- what all resources have ---------------------------------------------------------------------------------------------------

_RESOURCE: Final = "http://hl7.org/fhir/SearchParameter/Resource-"
ID: Final = Param("_id", "token", "The id of the resource.", criteria.ids, always, _RESOURCE + "id")
COMMON: Final = (
    Param(
        "_lastUpdated",
        "date",
        f"When it last changed for you: {', '.join(periods.PREFIXES)}; ap is within a day.",
        periods.changed,
        always,
        _RESOURCE + "lastUpdated",
    ),
    Param(
        "_source",
        "uri",
        "The name of a source that gave something which you see. There may be several, so meta.source is not shown; Provenance tells which said what.",
        closed.sources,
        has("source"),
        _RESOURCE + "source",
    ),
    Param("_tag", "token", "No resource here has a tag of its own, so this finds nothing.", criteria.nothing, never, _RESOURCE + "tag"),
    Param(
        "_text",
        "string",
        "Words that must all occur, each as the beginning of a word, in names, labels of codes, places or the description.",
        criteria.full_text,
        always,
        "http://hl7.org/fhir/SearchParameter/DomainResource-text",
        senseless=("contains", "exact"),
    ),
    Param("_content", "string", "The same as _text.", criteria.full_text, always, _RESOURCE + "content", senseless=("contains", "exact")),
)
"""The parameters of every resource, beside `_id` and `_profile`."""


def of_all(profiles: tuple[tuple[str, tuple[Condition, ...]], ...] = ()) -> tuple[Param, ...]:
    """The parameters that every resource has: in words for all, or for one with these profiles."""
    return (*COMMON, _profile(profiles))


def _profile(profiles: tuple[tuple[str, tuple[Condition, ...]], ...]) -> Param:
    """`_profile`, for the profiles that instances claim when they meet them."""

    def build(given: Given) -> list[Condition]:
        wanted = [criteria.unescape(value).replace(OLDER_MCSD, s.MCSD) for value in given.values]
        asked = [frozenset(meets) for url, meets in profiles if any(_is_meant(url, canonical) for canonical in wanted)]
        weakest = _weakest(asked)
        if len(weakest) > 1:
            told = "what has the one of these profiles and what has the other cannot be found together, because they ask for different things; send a request for each."
            raise criteria.wrong(given, told, ",".join(wanted))
        return list(weakest[0]) if weakest else list(criteria.NOTHING)

    about = "A profile that the resource claims, as meta.profile shows it; with a version behind | only in that version."
    if limit := _limit(profiles):
        about += f" :missing can be asked only as {limit}."
    return Param("_profile", "uri", about, build, lambda absent: _claims_none(profiles, absent), _RESOURCE + "profile")


def _is_meant(url: str, canonical: str) -> bool:
    """Whether a canonical names this profile, in the version that we go by or, as far as it says one, in no other: `2.1` is `2.1.2`."""
    named, _, version = canonical.partition("|")
    return named == url and f"{s.version_of(url)}.".startswith(f"{version}." if version else "")


def _claims_none(profiles: tuple[tuple[str, tuple[Condition, ...]], ...], absent: bool) -> list[Condition]:
    """`_profile:missing`: whether an instance claims no profile at all. Raises `Invalid` where that is an "or" of what no query can ask at once."""
    demands = _weakest([frozenset(meets) for _, meets in profiles])
    if not all(demands):
        return always(absent)
    limit = _limit(profiles)
    if limit and limit != ("true" if absent else "false"):
        reason = f"of this type only {limit} can be asked; ask for profiles by their address, each in a request of its own."
        raise Invalid(f"_profile:missing: {reason}", (FieldError("_profile:missing", reason, "true" if absent else "false"),))
    if absent:
        return [_opposite(condition) for meets in demands for condition in meets]
    return list(demands[0])


def _limit(profiles: tuple[tuple[str, tuple[Condition, ...]], ...]) -> str:
    """What alone `_profile:missing` can be asked as; "" when it can be asked as either, because no "or" is in it."""
    demands = _weakest([frozenset(meets) for _, meets in profiles])
    if not all(demands):
        return ""
    can_be_true, can_be_false = all(len(meets) == 1 for meets in demands), len(demands) == 1
    assert can_be_true or can_be_false  # of every type that there is
    return "" if can_be_true and can_be_false else "true" if can_be_true else "false"


def _weakest(demands: Sequence[frozenset[Condition]]) -> list[frozenset[Condition]]:
    """Those that ask least, each once: whatever meets one of the others meets one of these."""
    return list(dict.fromkeys(each for each in demands if not any(other < each for other in demands)))


def _opposite(condition: Condition) -> Condition:
    assert isinstance(condition, Criterion | Linked)  # those that profiles ask
    return replace(condition, negate=not condition.negate)


OLDER_MCSD: Final = "http://ihe.net/fhir/StructureDefinition/IHE.mCSD."
"""The address that the mCSD profiles had before; update clients look for it still, and it is understood in a search."""
