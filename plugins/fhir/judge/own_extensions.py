"""Extensions of ours, held against the table from which their definitions are written, and the one of R4 for texts in other languages.

Of those of others only the address is looked at, as R4 asks.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final

from plugins.fhir.conformance.code_lists import CODE_LISTS
from plugins.fhir.conformance.extension_table import DEFINITIONS, TEXT_PARTS, Part, Value, value_name
from plugins.fhir.extensions import TRANSLATION
from plugins.fhir.judge.elements import spoken
from plugins.fhir.judge.issues import Findings, Json, shown
from plugins.fhir.judge.structure import target_of
from plugins.fhir.systems import BASE

_OF_R4: Final = "See https://hl7.org/fhir/R4/extension-translation.html."
_WHOLE_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.")
_SEE = "GET StructureDefinition?url={} tells what it holds."


def check_extensions(type_name: str, value: Json, path: str, found: Findings) -> None:
    """The extensions that stand on an object of that type."""
    for place, each in enumerate(_list(value.get("modifierExtension"))):
        if isinstance(each, dict) and isinstance(each.get("url"), str):
            _check_address(each["url"], f"{path}.modifierExtension[{place}]", found)
    given = [(place, each) for place, each in enumerate(_list(value.get("extension"))) if isinstance(each, dict)]
    often = Counter(str(each.get("url")) for _, each in given)
    for place, extension in given:
        here, url = f"{path}.extension[{place}]", extension.get("url")
        if not isinstance(url, str):
            continue
        if type_name != "Extension":
            _check_address(url, here, found)
        if url == TRANSLATION:
            _check_parts(extension, TEXT_PARTS, here, _OF_R4, found)
        if not url.startswith(BASE + "/"):
            continue
        definition = DEFINITIONS.get(url)
        if definition is None:
            found.error(
                "extension",
                f"{here}.url",
                f"there is no extension {shown(url)}.",
                "GET StructureDefinition lists them.",
            )
            continue
        see = _SEE.format(url)
        if spoken(type_name) not in definition.contexts:
            found.error("extension", here, f"{definition.name} does not belong on {spoken(type_name)}.", see)
        if often[url] > 1 and not definition.repeats:
            found.error("extension", here, f"{definition.name} comes once.", see)
        if definition.value is not None:
            _check_value(extension, definition.value, here, see, found)
        else:
            _check_parts(extension, definition.parts, here, see, found)


def _check_address(url: str, path: str, found: Findings) -> None:
    if _WHOLE_ADDRESS.match(url) is None:
        what = f"{shown(url)} is no whole address; only the parts inside an extension have names."
        found.error("value", f"{path}.url", what, "Write the address of the definition: https://...")


def _check_parts(extension: Json, parts: tuple[Part, ...], path: str, see: str, found: Findings) -> None:
    known = {part.name: part for part in parts}
    if any(key.startswith("value") for key in extension):
        found.error("extension", path, "this extension holds parts, and no value.", see)
    often: Counter[str] = Counter()
    for place, inner in enumerate(_list(extension.get("extension"))):
        if not isinstance(inner, dict) or not isinstance(inner.get("url"), str):
            continue
        here, name = f"{path}.extension[{place}]", inner["url"]
        part = known.get(name)
        often[name] += 1
        if part is None:
            if "/" not in name:  # a whole address is an extension of somebody else
                found.error(
                    "extension",
                    f"{here}.url",
                    f"there is no part {shown(name)}; there are {', '.join(known)}.",
                    see,
                )
        elif part.is_text:
            _check_parts(inner, TEXT_PARTS, here, see, found)
        else:
            _check_value(inner, part.value, here, see, found)
    for part in parts:
        if often[part.name] < part.least:
            found.error("required", path, f"the part {part.name} is missing.", see)
        if often[part.name] > 1 and not part.repeats:
            found.error("extension", path, f"the part {part.name} comes once.", see)


def _check_value(extension: Json, value: Value, path: str, see: str, found: Findings) -> None:
    wanted = value_name(value.type)
    if wanted not in extension and "_" + wanted not in extension:
        found.error("extension", path, f"here belongs a {wanted}.", see)
        return
    given = extension.get(wanted)
    if value.codes and isinstance(given, str) and given not in CODE_LISTS[value.codes].codes:
        allowed = ", ".join(CODE_LISTS[value.codes].codes)
        found.error(
            "code-invalid",
            f"{path}.{wanted}",
            f"{shown(given)} is not a code that is allowed here.",
            f"Use one of {allowed}.",
        )
    if value.target and isinstance(given, dict) and isinstance(literal := given.get("reference"), str):
        named = target_of(literal)
        if named is not None and named != value.target:
            found.error(
                "value",
                f"{path}.{wanted}.reference",
                f"a reference to {named} does not belong here.",
                f"Here belongs: {value.target}.",
            )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
