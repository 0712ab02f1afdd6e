"""What a resource repeats of another one: the names of its organisation, where a service is given. It is not kept with the resource, and told when it says otherwise."""

from __future__ import annotations

from typing import Any

from plugins.fhir import systems as s

Json = dict[str, Any]


def words(resource: Json, element: str) -> set[str]:
    """What stands in an element of a resource as this server shows it, in words that can be compared: `Location/<id>`, a name, `scheme|code`, the text of an address."""
    found = resource.get(element, ())
    some = {word for each in (found if isinstance(found, list) else [found]) for word in _words(each)}
    if element == "alias" and "name" in resource:
        some.add(resource["name"])
    return some


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, bool):
        return [str(value).lower()]
    if "coding" in value:
        return [code_word(coding) for coding in value["coding"]]
    return [str(value[name]) for name in ("reference", "text") if name in value]


def code_word(coding: Json) -> str:
    """A Coding, whatever its code system is called."""
    system = str(coding.get("system", ""))
    return f"{s.scheme_of(system) or system}|{coding.get('code', '')}"
