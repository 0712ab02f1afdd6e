"""The fast checker: Python source generated once per kind from the declarations, with no reflection at run time.

A refused document is read again by the marshmallow schema, which words the errors. The generated code decides: should the schema find
nothing wrong, the document stays refused and the message says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final, cast

import orjson

from hub.errors import FieldError, Invalid
from hub.model.canonical import canonical
from hub.model.claims import Claim
from hub.model.declarations import (
    MAX_ITEMS,
    MAX_TEXT,
    Flag,
    ListOf,
    MapOf,
    Number,
    Record,
    Shape,
    Words,
    fiche_record,
)
from hub.model.fiche import Document, Kind
from hub.schemas.described import explain
from hub.schemas.formats import FORMATS, strings_fit, text_problem

_SHOWN_ERRORS: Final = 3


def check(kind: Kind, content: object, *, claim: bool = False, told: bytes | None = None) -> Document:
    """The same dictionary, once it is known to be a good fiche; else raises `Invalid` with a `FieldError` for each thing wrong.

    A merged fiche has an id, a kind, ids for its parts, and links by id only. With `claim` it is the partial fiche of `Claim.content`: nothing
    is required at the top, links may also be `{source, external_id}` or `{system, value}`, parts need no id. An unknown key, a null, an
    empty string, list or dictionary is an error in both. A whole number where a fraction may stand (`lat`, `lon`) becomes a float in place, so that
    equal content gives equal bytes. `told`: bytes that orjson made of the content and maybe more; they save making them once more.
    """
    if _checker(kind, claim)(content, told):
        return cast(Document, content)
    errors = explain(kind, content, claim=claim)
    if not errors:
        reason = "The fast checker refuses this document although its schema does not; please report it with the document."
        errors = (FieldError("", reason),)
    raise _invalid("partial " if claim else "", kind, errors)


def check_claim(claim: Claim, told: bytes | None = None) -> None:
    """Raises `Invalid` unless the claim's content, its exclusions and its other identities can be stored. `told`: as `encode_claim` wrote it."""
    if not claim.gone:
        check(claim.kind, claim.content, claim=True, told=told)
    if misshapen := tuple(_misshapen(claim)):
        raise _invalid("partial ", claim.kind, misshapen)
    if not (claim.excluded or claim.same_as):
        return
    errors = []
    for name, items in claim.excluded.items():
        rule = next((f.rule for f in fiche_record(claim.kind, claim=True) if f.name == name), None)
        if rule is None or rule.merge == "whole":
            errors.append(FieldError(f"excluded.{name}", "Only items of a list that merges as a union can be excluded."))
        elif not isinstance(items, list) or not items or not strings_fit(items):
            errors.append(FieldError(f"excluded.{name}", "Give a list of the items that must not appear."))
    for number, pair in enumerate(claim.same_as):
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(isinstance(word, str) and text_problem(word) is None for word in pair):
            errors.append(FieldError(f"same_as.{number}", "Give a system (or a source's name) and a value."))
    if errors:
        raise _invalid("partial ", claim.kind, tuple(errors))


def _misshapen(claim: Claim) -> Iterator[FieldError]:
    excluded: object = claim.excluded  # a plugin is not held to the declared types
    same_as: object = claim.same_as
    if not isinstance(excluded, dict):
        yield FieldError("excluded", "Give an object: field name -> list of the items that must not appear.")
    if not isinstance(same_as, tuple | list):
        yield FieldError("same_as", "Give a tuple of pairs, each a system (or a source's name) and a value.")


def canonical_claim(claim: Claim, told: bytes | None = None) -> Claim:
    """As `check_claim`; the answer is the claim with its numbers and contacts in the one form that is kept: the same object when they are already."""
    check_claim(claim, told)
    return canonical(claim)


def _invalid(partial: str, kind: str, errors: tuple[FieldError, ...]) -> Invalid:
    shown = " ".join(f"{error.path}: {error.reason}" if error.path else error.reason for error in errors[:_SHOWN_ERRORS])
    more = len(errors) - _SHOWN_ERRORS
    return Invalid(
        f"This is not a valid {partial}fiche ({kind}). {shown}{f' And {more} more.' if more > 0 else ''}",
        errors,
    )


@cache
def _checker(kind: Kind, claim: bool) -> Callable[..., bool]:
    record = fiche_record(kind, claim=claim)
    names: dict[str, Any] = {"plain": _plain}
    source = _Source(names).of(record)
    exec(compile(source, f"<checker of {record.name}>", "exec"), names)  # noqa: S102 - our own declarations, no outside text
    return cast("Callable[..., bool]", names["check"])


def _plain(document: object, told: bytes | None) -> bool:
    """Whether every string in a document of the right shape can be stored; once for all of them, because one by one costs more than all else.

    orjson itself refuses half characters; and what is short as a whole has no string that is too long.
    """
    data = orjson.dumps(document) if told is None else told
    return (len(data) <= MAX_TEXT and b"\\u0000" not in data) or strings_fit(document)


class _Source:
    """Writes the source of the checker of one record; constants that it needs go into `names`."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names
        self._functions: dict[str, str] = {}

    def of(self, record: Record) -> str:
        """The whole module: one function per record, and `check`, which answers for the outermost and never raises."""
        outermost = self._function(record)
        check = (
            "def check(document, told=None):\n"
            "    try:\n"
            f"        return {outermost}(document) and plain(document, told)\n"
            "    except (KeyError, TypeError):\n"  # a required key is missing; a choice is unhashable, or orjson refuses
            "        return False\n"
        )
        return "\n".join([*self._functions.values(), check])

    def _function(self, record: Record) -> str:
        name = f"is_{record.name}"
        if name in self._functions:
            return name
        required = sum(field.required for field in record)
        lines = [
            f"def {name}(d):",
            "    if type(d) is not dict:",
            "        return False",
            f"    n = {required}",
        ]
        for field in record:
            indent = "    "
            if not field.required:
                lines.append(f"    if {field.name!r} in d:")
                indent = "        "
                lines.append(f"{indent}n += 1")
            lines.append(f"{indent}v = d[{field.name!r}]")
            lines += self._lines(field.shape, "v", indent, home=f"d[{field.name!r}]")
        if record.forms:
            forms = " or ".join(" and ".join(f"{key!r} in d" for key in form) for form in record.forms)
            lines += [f"    if not ({forms}):", "        return False"]
        # Every known key has been counted, so a different number means an unknown one.
        lines.append(f"    return len(d) == n{self._says_something(record)}")
        self._functions[name] = "\n".join(lines) + "\n"
        return name

    def _says_something(self, record: Record) -> str:
        """The end of a condition: a visibility alone hides or shows nothing."""
        if record.may_be_empty or any(field.required for field in record):
            return ""
        has_visibility = any(field.name == "visibility" for field in record)
        return ' and n > ("visibility" in d)' if has_visibility else " and n > 0"

    def _lines(self, shape: Shape, v: str, indent: str, *, home: str = "") -> list[str]:
        refuse = f"{indent}    return False"
        match shape:
            case Words(format=str(word)):
                return [f"{indent}if not {self._constant(FORMATS[word].fits)}({v}):", refuse]
            case Words(choices=choices) if choices:
                return [f"{indent}if {v} not in {self._constant(frozenset(choices))}:", refuse]
            case Words():
                return [f"{indent}if type({v}) is not str or not {v}:", refuse]
            case Flag():
                return [f"{indent}if {v} is not True and {v} is not False:", refuse]
            case Number(minimum=low, maximum=high, fraction=False):
                return [f"{indent}if type({v}) is not int or not {low} <= {v} <= {high}:", refuse]
            case Number(minimum=low, maximum=high):
                return [
                    f"{indent}if type({v}) is not float and type({v}) is not int or not {low} <= {v} <= {high}:",
                    refuse,
                    f"{indent}if type({v}) is int:",
                    f"{indent}    {home} = float({v})",
                ]
            case ListOf(item=item):
                return [
                    f"{indent}if type({v}) is not list or not {v} or len({v}) > {MAX_ITEMS}:",
                    refuse,
                    f"{indent}for {v}i in {v}:",
                    *self._lines(item, f"{v}i", indent + "    "),
                ]
            case MapOf(keys=keys, choices=choices):
                known = f"{v}k not in {self._constant(frozenset(keys))}"
                return [
                    f"{indent}if type({v}) is not dict or not {v}:",
                    refuse,
                    f"{indent}for {v}k, {v}v in {v}.items():",
                    f"{indent}    if {known} or {v}v not in {self._constant(frozenset(choices))}:",
                    f"{indent}        return False",
                ]
            case Record():
                return [f"{indent}if not {self._function(shape)}({v}):", refuse]

    def _constant(self, value: object) -> str:
        for name, known in self._names.items():
            if known is value or (isinstance(value, frozenset) and known == value):
                return name
        name = f"c{len(self._names)}"
        self._names[name] = value
        return name
