"""The query parameters of `GET /fiches`, and the `Query` that they stand for. The one place where a parameter gets its meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, cast

import flask
import marshmallow as ma
from marshmallow import fields, validate

from hub.directory import Directory
from hub.errors import FieldError, Invalid
from hub.model.fiche import KINDS
from hub.model.folding import words
from hub.model.identifiers import impossible
from hub.model.query import KEYS, SORTS, Criterion, Linked, Near, Query, Sort, any_of, normalise
from hub.model.query_words import LINKED_TYPES, linked_to, near_of
from hub.places import Places, UnknownPlace
from hub.search import query_of as query_of_cursor
from hub.search import unfindable

PAGE_SIZE: Final = 20
LARGEST_PAGE: Final = 200
LONGEST: Final = 200
"""Characters in one value."""

# Parameter -> key of a criterion, for those whose values are taken as they come.
_PLAIN: Final = {
    "identifier": "identifier",
    "family": "family",
    "given": "given",
    "street": "street",
    "city": "city",
    "postcode": "postcode",
    "zone": "zone",
    "province": "province",
    "region": "region",
    "serves": "serves",
    "code": "code",
    "form": "form",
    "language": "language",
    "delivery": "delivery",
    "status": "status",
    "availability": "availability",
    "umbrella": "umbrella",
    "source": "source",
}
# Parameter -> link.
_LINKS: Final = {"providedBy" if link == "provided_by" else link: link for link in LINKED_TYPES}
# What a field of a Query is called here, to name it in an error.
_RENAMED: Final = {
    "cursor": "after",
    "limit": "pageSize",
    "types": "kind",
    "changed_since": "changedSince",
    "descending": "sort",
}


def _word(description: str, **options: Any) -> fields.Field[Any]:
    return fields.String(validate=validate.Length(1, LONGEST), metadata={"description": description}, **options)


def _words(description: str, choices: Sequence[str] | None = None) -> fields.Field[Any]:
    checks: list[validate.Validator] = [validate.Length(1, LONGEST)]
    if choices:
        checks.append(validate.OneOf(choices))
    return fields.List(fields.String(validate=checks), metadata={"description": description})


_PARAMETERS: Final[dict[str, fields.Field[Any]]] = {
    "text": _word("Words that must all occur in names, labels of codes, places or the description; each may be cut short."),
    "name": _words(
        "Words that must all occur in its names, the same one or several; each may be cut short. Given several times, one of them is enough."
    ),
    "kind": _words("Which kinds of fiche; all when left out.", KINDS),
    "rubriek": _words("Code of a rubriek; a broad one finds the narrower ones."),
    **{name: _words(f"{KEYS[key][0].upper()}{KEYS[key][1:]}.") for name, key in _PLAIN.items()},
    "notStatus": _words("Not these of status: `notStatus=inactive` leaves out what has stopped, and keeps what nobody says that of."),
    "municipality": _words("Municipality of an address: REFNIS code (old or new), postcode or name."),
    "near": _word("Within a distance of a point: latitude, longitude (WGS84) and kilometres, as in 51.05,3.72,10."),
    "local": _word(
        "The place that is searched for: postcode, municipality or REFNIS code. What is there comes first, then what serves it, then what is near, then the rest, the nearest first. Of each, what has the words of text in its name, its rubriek or its address comes before what only describes itself with them."
    ),
    **{
        name: fields.UUID(metadata={"description": f"Id of a fiche or vestiging: those with a link `{link}` to it."}) for name, link in _LINKS.items()
    },
    "changedSince": fields.Integer(
        validate=validate.Range(0, 2**63 - 1),
        metadata={"description": "Those with a change that you can see after this seq."},
    ),
    "sort": fields.String(
        validate=validate.OneOf([*SORTS, "-number", "-name", "-updated"]),
        metadata={
            "description": "The order; a minus turns it round. Default: local with `local`, distance with `near`, else number, an order that never changes. Of the order `name` the name counts that is shown to everybody who sees the entity."
        },
    ),
    "total": fields.String(
        validate=validate.OneOf(("none", "estimate", "accurate")),
        metadata={"description": "Whether to count the whole selection: estimate stops counting at 1001."},
    ),
    "after": fields.String(
        validate=validate.Length(1, 4000),
        metadata={"description": "Cursor of a page, from the `next` of the page before."},
    ),
    "pageSize": fields.Integer(
        validate=validate.Range(1, LARGEST_PAGE),
        metadata={"description": "Items on a page.", "default": PAGE_SIZE},
    ),
}
Selection: Final = ma.Schema.from_dict(_PARAMETERS, name="Selection")
"""The schema of the parameters; one that is not named in it is an error."""


def query_of(given: Mapping[str, Any], door: Directory) -> Query:
    """The query that these loaded parameters stand for. Raises `Invalid`, which names each parameter that is wrong, also one that names nothing there is.

    A cursor knows the selection to which it belongs, so it may come alone; parameters beside it must be those of that selection.
    """
    if "after" in given and not given.keys() - {"after", "pageSize", "total"}:
        with renamed():
            known = query_of_cursor(given["after"])
        return replace(known, limit=given.get("pageSize", known.limit), total=given.get("total", known.total))
    places = door.places
    if "text" in given and not given["text"].strip():
        reason = "There is no letter or digit in this text."
        raise Invalid(f"text: {reason}", (FieldError("text", reason, given["text"]),))
    if "changedSince" in given:
        must_have_happened(door, "changedSince", given["changedSince"])
    where: list[tuple[str, Criterion]] = []
    linked: list[tuple[str, Linked]] = []
    for name, key in _PLAIN.items():
        if name in given:
            values = given[name]
            if name == "identifier":
                values = [_identifier(value) for value in values]
            where.append((name, Criterion(key, tuple(values))))
    where += [("name", criterion) for criterion in _named(given.get("name", ()))]
    if "rubriek" in given:
        where.append(("rubriek", Criterion("code", tuple(f"rubriek|{code}" for code in given["rubriek"]))))
    if "notStatus" in given:
        where.append(("notStatus", Criterion("status", tuple(given["notStatus"]), negate=True)))
    if "municipality" in given:
        codes = [code for value in given["municipality"] for code in _municipalities("municipality", value, places)]
        where.append(("municipality", Criterion("municipality", tuple(codes))))
    for name, link in _LINKS.items():
        if name in given:
            linked.append((name, linked_to(link, [str(given[name])])))
    local = _municipalities("local", given["local"], places)[0] if "local" in given else None
    near = _near(given["near"]) if "near" in given else None
    order = given.get("sort") or ("local" if local else "distance" if near else "number")
    sort = cast(Sort, order.removeprefix("-"))
    query = Query(
        types=tuple(given.get("kind", KINDS)),
        text=given.get("text", ""),
        where=tuple(criterion for _, criterion in where),
        linked=tuple(link for _, link in linked),
        near=near,
        local=local,
        changed_since=given.get("changedSince"),
        sort=sort,
        descending=order.startswith("-"),
        limit=given.get("pageSize", PAGE_SIZE),
        cursor=given.get("after"),
        total=given.get("total", "none"),
    )
    names = {"where": [name for name, _ in where], "linked": [name for name, _ in linked]}
    with renamed(lambda path: _parameter(path, names)):
        wrong = tuple(unfindable(query, places, door.concepts(), heard=door.hears))
        if wrong:
            raise Invalid("The query finds nothing, ever.", wrong)
        return normalise(query)


def must_have_happened(door: Directory, parameter: str, seq: int) -> None:
    """Return when the change log has come to this seq, else raise `Invalid`: who has the seq of another installation would read for ever that nothing changed."""
    if seq > door.newest():
        reason = f"{seq} has not happened yet."
        raise Invalid(f"{parameter}: {reason}", (FieldError(parameter, reason, str(seq)),))


@contextmanager
def renamed(name_of: Callable[[str], str] | None = None) -> Iterator[None]:
    """Let an `Invalid` about fields of a `Query` speak of the parameters instead."""
    try:
        yield
    except Invalid as error:
        rename = name_of or (lambda path: _parameter(path, {}))
        errors = tuple(_as_given(rename(wrong.path), wrong) for wrong in error.errors)
        raise Invalid("The parameters do not make a selection." if errors else error.message, errors) from error


def _as_given(name: str, wrong: FieldError) -> FieldError:
    """About the parameter as it came, not as it was understood. An error that does not repeat the value has its reasons."""
    given = flask.request.args.getlist(name)
    value = wrong.value
    if value is not None and given and value not in given:
        value = given[0]
    return FieldError(name, wrong.reason, value)


def _parameter(path: str, names: Mapping[str, Sequence[str]]) -> str:
    first, _, rest = path.partition(".")
    number = rest.partition(".")[0]
    if first in names and number.isdigit():
        return names[first][int(number)]
    return _RENAMED.get(first, first)


def _named(values: Sequence[str]) -> list[Criterion]:
    """One of the values, of each all words. Raises `Invalid` for more words than one question may have."""
    found = any_of("name", [words(value) or [value] for value in values], "prefix")
    if found is None:
        reason = "These are too many words for one question; give fewer, or fewer values."
        raise Invalid(f"name: {reason}", (FieldError("name", reason, values[0]),))
    return found


def _identifier(given: str) -> str:
    """As a query writes it. Raises `Invalid` for a number that contradicts itself."""
    wrong = impossible(given)
    if wrong is not None:
        raise Invalid(f"identifier: {wrong.reason}", (FieldError("identifier", wrong.reason, given if wrong.value else None),))
    return given if "|" in given else f"|{given}"


def _municipalities(parameter: str, value: str, places: Places) -> tuple[str, ...]:
    """The REFNIS codes that a postcode, a REFNIS code or a name stands for; never none."""
    try:
        return tuple(found.refnis for found in places.meant(value))
    except UnknownPlace as error:
        raise Invalid("This place is not known.", (FieldError(parameter, error.reason, value),)) from error


def _near(value: str) -> Near:
    try:
        return near_of(value)
    except ValueError as error:
        reason = "Give latitude, longitude and kilometres, parted by commas: 51.05,3.72,10."
        raise Invalid("This place cannot be understood.", (FieldError("near", reason, value),)) from error
