"""What this server can do, written from the table that its search runs on. https://hl7.org/fhir/R4/capabilitystatement.html"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from hub import QUERY_LIMITS, FieldError, Invalid, __version__
from plugins.fhir import audit_events, provenance
from plugins.fhir import systems as s
from plugins.fhir.asking import LONGEST_CHAIN
from plugins.fhir.batch import MAX_BYTES as BATCH_BYTES
from plugins.fhir.batch import MAX_ENTRIES as BATCH
from plugins.fhir.bodies import MAX_BODY
from plugins.fhir.conformance.declared import VALIDATE, definition_types
from plugins.fhir.conformance.routes import MAX_COUNT as DEFINITIONS_AT_ONCE
from plugins.fhir.feed.routes import INTERACTIONS as WRITTEN
from plugins.fhir.feed.routes import MAX_ENTRIES as TRANSACTION
from plugins.fhir.including import MOST
from plugins.fhir.params import INCLUDES, RESOURCES
from plugins.fhir.search import DEFAULT_COUNT, MAX_COUNT, PROVENANCE
from plugins.fhir.searchable import OLDER_MCSD, Param, Resource, of_all
from plugins.fhir.subscriptions.routes import declared as subscription_types

PUBLISHED: Final = "2026-11-30"
"""When what is declared here last changed; a change of the table moves it."""

_SMART: Final = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "SMART-on-FHIR"}],
    "text": "SMART Backend Services",
}
_SECURITY: Final = (
    "Public values need no key, where the hub answers the public. A partner sends its API key as Authorization: Bearer, or as X-API-Key; or an access token, fetched as "
    ".well-known/smart-configuration says (client credentials with private_key_jwt), whose scopes narrow what its agreement allows."
)
_EXPORT: Final = {"name": "export", "definition": "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"}
_INTERACTIONS: Final = ("read", "vread", "history-instance", "history-type", "search-type")
LIMITS: Final = (
    f"a page has at most {MAX_COUNT:,} resources, of our definitions {DEFINITIONS_AT_ONCE:,}, and at most {MOST:,} others come with it",
    f"a parameter has at most {QUERY_LIMITS.values:,} values",
    f"a search asks at most {QUERY_LIMITS.criteria:,} things of a resource and as many of those that it points to or that point to it; each word of a name is one",
    f"a name has at most {QUERY_LIMITS.clauses:,} words, an address fewer; the numbers of words of alternatives are multiplied",
    f"_text and _content take at most {QUERY_LIMITS.words:,} words",
    f"near reaches at most {QUERY_LIMITS.km:,.0f} km",
    f"a chain follows at most {LONGEST_CHAIN:,} references",
    f"a batch has at most {BATCH:,} entries and a transaction {TRANSACTION:,}",
    f"the answers of a batch have at most {BATCH_BYTES >> 20:,} MB together; what does not fit is to be asked apart",
    f"a resource or Bundle that is sent has at most {MAX_BODY >> 20:,} MB, or less where the installation takes less",
)
"""What is too much for one request, which is then an error that says so; only a page is cut. The documentation has the same sentences."""
_ABOUT: Final = (
    f"Reading and searching by GET and POST. A page has {DEFAULT_COUNT} resources, at most {MAX_COUNT} by _count; the next link carries one parameter, "
    "_cursor. In the default order a resource that matches throughout comes exactly once, whatever is written meanwhile; _sort=name and "
    "_sort=_lastUpdated are live orders, _sort=near goes by distance. A parameter that is not known is left out of the self link and named in a warning; with "
    "Prefer: handling=strict it is an error. References may be chained, three at most (organization.name=...). _total: none unless asked, estimate stops at 1,001. "
    "References may be followed backwards (_has); _include and _revinclude take :iterate and *; _summary and _elements give parts. "
    "Create, update, delete (which only notes that something is not active any more) and transactions are for partners whose agreement allows it (IHE mCSD, "
    "ITI-130); what they send becomes what their source says, and others may be right about it. "
    "A history takes _since and _count and comes newest first; send meta.lastUpdated of its first page as the next _since. "
    f"Limits: {'; '.join(LIMITS)}."
)


_MODES: Final = ("full", "normative", "terminology")


def only_mode(mode: str, *, strict: bool) -> None:
    """There is one statement, whatever `mode` asks for; R4 lets a server say so by giving it. Raises `Invalid` for what is no mode, and when `strict` for any but full."""
    if mode not in _MODES:
        reason = f"{', '.join(_MODES[:-1])} or {_MODES[-1]} is expected."
    elif strict and mode != _MODES[0]:
        reason = "there is one statement here, which is the full one; leave mode out."
    else:
        return
    raise Invalid(f"mode: {reason}", (FieldError("mode", reason, mode[:100] or None),))


@lru_cache(8)
def statement(base: str) -> dict[str, Any]:
    """The CapabilityStatement (kind instance) of the server at `base`. Do not change what it returns."""
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{base}/metadata",
        "version": __version__,
        "name": "Fichehub",
        "title": "Fichehub: care and welfare in Flanders and Brussels",
        "status": "active",
        "date": PUBLISHED,
        "kind": "instance",
        "instantiates": ["https://profiles.ihe.net/ITI/mCSD/CapabilityStatement/IHE.mCSD.Directory"],
        "software": {"name": "Fichehub", "version": __version__},
        "implementation": {"description": "Fichehub", "url": base},
        "fhirVersion": s.FHIR_VERSION,
        "format": ["application/fhir+json", "application/fhir+xml"],
        "rest": [
            {
                "mode": "server",
                "documentation": _ABOUT,
                "security": {
                    "cors": True,
                    "service": [_SMART],
                    "description": _SECURITY,
                },
                "resource": [
                    *(_resource(each) for each in sorted(RESOURCES.values(), key=lambda each: each.name)),
                    *definition_types(),
                    audit_events.declared(),
                    provenance.declared(),
                    *subscription_types(),
                ],
                "interaction": [{"code": "history-system"}, {"code": "batch"}, {"code": "transaction"}],
                "operation": [_EXPORT, *VALIDATE],
            }
        ],
    }


def types() -> frozenset[str]:
    """The types of resource that the server has."""
    return frozenset(each["type"] for each in statement("")["rest"][0]["resource"])


def _resource(resource: Resource) -> dict[str, Any]:
    declared: dict[str, Any] = {
        "type": resource.name,
        "supportedProfile": [*(url for url, _ in resource.profiles), OLDER_MCSD + resource.name],
        "interaction": [{"code": code} for code in (*_INTERACTIONS, *WRITTEN)],
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "referencePolicy": ["literal"],
    }
    if include := [each.spelled for each in INCLUDES.values() if each.source == resource.name]:
        declared["searchInclude"] = include
    revinclude = [each.spelled for each in INCLUDES.values() if each.target == resource.name]
    declared["searchRevInclude"] = [*revinclude, PROVENANCE]
    everywhere = [_param(each) for each in of_all(resource.profiles)]
    declared["searchParam"] = [*(_param(param, resource.name) for param in resource.params), *everywhere]
    declared["operation"] = [_EXPORT, *VALIDATE]
    return declared


def _param(param: Param, resource: str = "Resource") -> dict[str, Any]:
    about = param.about
    if param.modifiers:
        about += f" Modifiers: {', '.join(':' + modifier for modifier in param.modifiers)}."
    return {
        "name": param.name,
        "definition": param.definition or f"http://hl7.org/fhir/SearchParameter/{resource}-{param.name}",
        "type": param.type,
        "documentation": about,
    }
