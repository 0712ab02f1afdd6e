"""SearchParameters of ours: those of the table of searches that R4 itself does not define. https://hl7.org/fhir/R4/searchparameter.html"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from plugins.fhir.conformance.heading import heading
from plugins.fhir.params import RESOURCES
from plugins.fhir.systems import BASE

_OURS: Final = BASE + "/SearchParameter/"


def search_parameters() -> Iterator[dict[str, Any]]:
    """Every parameter whose definition is an address of ours, once, with all resources that take it."""
    found: dict[str, dict[str, Any]] = {}
    for resource in RESOURCES.values():
        for param in resource.params:
            if not param.definition.startswith(_OURS):
                continue
            if param.definition in found:
                found[param.definition]["base"].append(resource.name)
                continue
            id = param.definition.removeprefix(_OURS)
            definition = heading("SearchParameter", id, param.definition, param.name, param.about)
            definition.pop("title")  # a SearchParameter has none in R4
            found[param.definition] = {
                **definition,
                "code": param.name,
                "base": [resource.name],
                "type": param.type,
                "expression": param.expression,
            }
    yield from found.values()
