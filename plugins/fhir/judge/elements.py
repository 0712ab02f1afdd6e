"""What R4 says about every element, read from the models of fhir.resources: type, how often, allowed codes, targets of references.

The models are those of R4B (4.3.0), whose elements are the same for everything that this server handles; what R4B added is taken out here.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

from fhir.resources.R4B import get_fhir_model_class

ANY_RESOURCE: Final = "Resource"


@dataclass(frozen=True, slots=True)
class Element:
    """`type` is a FHIR type (`string`, `HumanName`) or the models' name of a backbone element (`LocationPosition`); a choice is `value[x]`."""

    name: str
    type: str
    many: bool
    required: bool
    choice: str = ""
    choice_required: bool = False
    codes: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()


_ADDED_BY_R4B: Final[Mapping[str, frozenset[str]]] = {
    "Extension": frozenset({"valueCodeableReference", "valueRatioRange"}),
    "ElementDefinition": frozenset(
        {
            "defaultValueCodeableReference",
            "defaultValueRatioRange",
            "fixedCodeableReference",
            "fixedRatioRange",
        }
        | {"patternCodeableReference", "patternRatioRange"}
    ),
}
_TYPES_ADDED_BY_R4B: Final = frozenset(
    {"AdministrableProductDefinition", "Citation", "ClinicalUseDefinition", "EvidenceReport", "Ingredient"}
    | {
        "ManufacturedItemDefinition",
        "MedicinalProductDefinition",
        "NutritionProduct",
        "PackagedProductDefinition",
    }
    | {"RegulatedAuthorization", "SubscriptionStatus", "SubscriptionTopic", "SubstanceDefinition"}
)
_PRIMITIVES: Final[Mapping[str, str]] = {
    "bool": "boolean",
    "EncodedBytes": "base64Binary",
    "UuidVersion": "uuid",
    "DateTime": "dateTime",
    "UnsignedInt": "unsignedInt",
    "PositiveInt": "positiveInt",
}
# Lists that the models cut short, or that are no list of codes at all.
_NOT_A_LIST: Final = frozenset({"+", "mime"})


@lru_cache(512)  # names come from outside
def is_resource(name: str) -> bool:
    """Whether R4 has a resource type of this name."""
    if not name.isalpha() or name in _TYPES_ADDED_BY_R4B:
        return False
    try:
        model = get_fhir_model_class(name)
    except ValueError:
        return False
    return "meta" in model.model_fields and name not in ("Resource", "DomainResource")


@cache
def elements(type_name: str) -> Mapping[str, Element]:
    """The elements of a type by name, in the order of the specification."""
    model = get_fhir_model_class(type_name)
    fields = {str(field.alias or name): field for name, field in model.model_fields.items()}
    dropped = _ADDED_BY_R4B.get(type_name, frozenset())
    return {name: _element(name, fields[name]) for name in model.elements_sequence() if name in fields and name not in dropped}


@cache
def required(type_name: str) -> tuple[Element, ...]:
    """The elements that a type cannot do without."""
    return tuple(element for element in elements(type_name).values() if element.required)


@cache
def choices(type_name: str) -> Mapping[str, tuple[str, ...]]:
    """The choices of a type: `value` -> `valueString`, `valueCode` and so on. One that must be made has a name that ends in `!`."""
    found: dict[str, list[str]] = {}
    for element in elements(type_name).values():
        if element.choice:
            found.setdefault(element.choice + "!" * element.choice_required, []).append(element.name)
    return {name: tuple(names) for name, names in found.items()}


@cache
def spoken(type_name: str) -> str:
    """`LocationPosition` as the specification writes it: `Location.position`."""
    if is_resource(type_name) or "modifierExtension" not in elements(type_name):
        return type_name
    for end in range(len(type_name) - 1, 0, -1):
        if type_name[end].isupper() and is_resource(type_name[:end]):
            rest = type_name[end:]
            return f"{type_name[:end]}.{rest[0].lower()}{rest[1:]}"
    return type_name


def _element(name: str, field: Any) -> Element:
    about = field.json_schema_extra or {}
    type_name, many = _type_of(field.annotation)
    codes = frozenset(about.get("enum_values") or ())
    if codes & _NOT_A_LIST:
        codes = frozenset()
    return Element(
        name,
        type_name,
        many,
        required=field.is_required() or bool(about.get("element_required")),
        choice=about.get("one_of_many", ""),
        choice_required=bool(about.get("one_of_many_required")),
        codes=codes,
        targets=frozenset(about.get("enum_reference_types") or ()),
    )


def _type_of(annotation: Any) -> tuple[str, bool]:
    """The FHIR type of a model's field, and whether it repeats."""
    many = False
    while True:
        origin = typing.get_origin(annotation)
        if origin is typing.Annotated:
            return _named(type(annotation.__metadata__[0]).__name__, annotation.__metadata__[0]), many
        if origin in (typing.Union, types.UnionType):
            [annotation] = [each for each in typing.get_args(annotation) if each is not type(None)]
        elif origin is list:
            many = True
            [annotation] = typing.get_args(annotation)
        else:
            return _named(annotation.__name__, annotation), many


def _named(name: str, of: Any) -> str:
    if name == "type":  # the metadata is the class itself
        name = of.__name__
    if name in _PRIMITIVES:
        return _PRIMITIVES[name]
    if name.endswith("Type"):
        return name[: -len("Type")]
    return name.lower()
