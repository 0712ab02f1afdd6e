"""What a parameter of a request means: its modifier, the chain it leads along, and what points back (`_has`)."""

from __future__ import annotations

from typing import Final

from hub import Invalid, Linked
from plugins.fhir.criteria import Condition, Given, linked, remarks, split
from plugins.fhir.params import RESOURCES, UNSUPPORTED
from plugins.fhir.refusing import invalid
from plugins.fhir.searchable import Resource

LONGEST_CHAIN: Final = 3
"""So many references may be followed one after the other. Two are what others promise, and what is enough in practice."""


def conditions(resource: Resource, name: str, raw: str) -> list[Condition] | None:
    """What `name=raw` of a request means, or None when this resource has no such parameter. Raises `Invalid` for a bad value.

    `name` may have a modifier (`name:contains`), lead on to another resource (`organization.name`, `organization:Organization.name`), or
    ask what points here (`_has:PractitionerRole:service:role`). The error names the parameter as it was given.
    """
    if _steps(name) > LONGEST_CHAIN and _meaning(resource, name, raw) is not None:
        reason = f"a chain follows at most {LONGEST_CHAIN} references here; ask for less, or in two requests."
        raise invalid(name, reason, raw)
    try:
        return _meaning(resource, name, raw)
    except Invalid as error:
        inner = error.errors[0]
        if inner.path == name:
            raise
        raise invalid(name, inner.reason, inner.value) from error


def unsupported(resource: Resource, name: str) -> str | None:
    """Why a parameter that others have is none of ours; None for one that nobody has."""
    return UNSUPPORTED.get((resource.name, name.partition(":")[0].partition(".")[0]))


def _steps(name: str) -> int:
    return name.count(".") + name.count("_has:")


def _meaning(resource: Resource, name: str, raw: str) -> list[Condition] | None:
    if name.startswith("_has:"):
        return _pointing_here(resource, name, raw)
    head, _, chained = name.partition(".")
    bare, _, modifier = head.partition(":")
    param = resource.by_name.get(bare)
    if param is None:
        return None
    if chained:
        if not param.target:
            return None
        if modifier not in ("", param.target):
            reason = f"{bare} points to {param.target} here, and to nothing else; write {bare}.{chained}, or {bare}:{param.target}.{chained}."
            raise invalid(name, reason, raw)
        inner = _meaning(RESOURCES[param.target], chained, raw)
        return None if inner is None else [linked(param.link, RESOURCES[param.target].entity, inner), *remarks(inner)]
    if modifier == "missing" and param.absent is not None:
        if raw not in ("true", "false"):
            raise invalid(name, "true or false is expected.", raw)
        return param.absent(raw == "true")
    if modifier and modifier not in param.modifiers:
        if not param.target or modifier != param.target:
            known = ", ".join(f":{each}" for each in param.modifiers) or "no modifier"
            raise invalid(head, f"this modifier is not supported; {bare} takes {known}.", raw)
        modifier = ""
    values = split(raw)
    if not values:
        raise invalid(name, "the value is empty; leave the parameter out.", raw)
    return param.build(Given(bare, modifier, values))


def _pointing_here(resource: Resource, name: str, raw: str) -> list[Condition] | None:
    """`_has:PractitionerRole:practitioner:role=...`: something that points here meets a condition of its own."""
    _, _, rest = name.partition(":")
    source, _, rest = rest.partition(":")
    back, _, rest = rest.partition(":")
    other = RESOURCES.get(source)
    param = other.by_name.get(back) if other else None
    if other is None or param is None or not rest or param.target != resource.name:
        return None
    inner = _meaning(other, rest, raw)
    if inner is None:
        return None
    meets = linked(param.link, other.entity, [*other.always, *inner])
    return [Linked(meets.link, meets.query, reverse=True), *remarks(inner)]
