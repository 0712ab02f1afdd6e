"""The audit trail as AuditEvents: reading and searching it. What a request leaves there, `audit_notes` says.

By the audit profiles of IHE mCSD (IHE.mCSD.Audit.CareServices.Read, .Query and .Updates), which an event claims when it meets one.
https://profiles.ihe.net/ITI/mCSD/ITI-90.html#security-considerations
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

import flask

import hub
from hub import Access, NotFound, to_millisecond
from plugins.fhir import datatypes as dt
from plugins.fhir import outcome
from plugins.fhir import systems as s
from plugins.fhir.listing import add_search, left_out, page_size
from plugins.fhir.moments import span
from plugins.fhir.params import RESOURCES
from plugins.fhir.preferring import FORM, refuse_unknown
from plugins.fhir.refusing import invalid
from plugins.fhir.search import DEFAULT_COUNT, MAX_COUNT

Json = dict[str, Any]
Answer = Callable[[Json], flask.Response]
TYPE: Final = "AuditEvent"
ALSO: Final = frozenset({TYPE, "Provenance", "Subscription"})
"""What somebody may ask for besides the resources of the directory, and leaves a row with."""
_MCSD: Final = (*RESOURCES, "")
"""The types of which the transactions of mCSD speak; none is named by the history of everything."""
_ASKERS: Final = "Only partners read who asked for what"
PARTNER: Final = s.BASE + "/NamingSystem/partner"
PARAMS: Final = {
    "_id": ("token", "Its number in the trail."),
    "date": ("date", "When it happened: eq, ge, gt, le, lt, sa, eb, one moment at a time; may be given twice."),
    "agent": ("reference", "The partner that asked, as agent:identifier=system|name."),
    "agent-name": ("string", "The name of the partner that asked, in full."),
    "type": ("token", "The kind of event; every one here is rest."),
    "subtype": ("token", "What was done: read, vread, search-type, history-type and so on."),
    "entity": ("reference", "The resource that was asked for, as Type/id."),
    "outcome": ("token", "0: answered; 4: refused or not there; 8: a fault of ours."),
}
_PROFILE: Final = "https://profiles.ihe.net/ITI/mCSD/StructureDefinition/IHE.mCSD.Audit.CareServices."
READ: Final = _PROFILE + "Read"
QUERY: Final = _PROFILE + "Query"
UPDATES: Final = _PROFILE + "Updates"
_PROFILES: Final = {"read": READ, "vread": READ, "search-type": QUERY, "history-type": UPDATES}
_ITI: Final = {
    "read": ("ITI-90", "Find Matching Care Services"),
    "vread": ("ITI-90", "Find Matching Care Services"),
    "search-type": ("ITI-90", "Find Matching Care Services"),
    "history-type": ("ITI-91", "Request Care Services Updates"),
    "history-instance": ("ITI-91", "Request Care Services Updates"),
    "history-system": ("ITI-91", "Request Care Services Updates"),
    "create": ("ITI-130", "Care Services Feed"),
    "update": ("ITI-130", "Care Services Feed"),
    "delete": ("ITI-130", "Care Services Feed"),
    "transaction": ("ITI-130", "Care Services Feed"),
}
_ACTIONS: Final = {"read": "R", "vread": "R", "create": "C", "update": "U", "patch": "U", "delete": "D"}
_DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_SOURCE: Final = {"system": _DCM, "code": "110153", "display": "Source Role ID"}
_DESTINATION: Final = {"system": _DCM, "code": "110152", "display": "Destination Role ID"}
_OBJECT: Final = {"system": "http://terminology.hl7.org/CodeSystem/audit-entity-type", "code": "2", "display": "System Object"}
_ROLES: Final = "http://terminology.hl7.org/CodeSystem/object-role"
_REST: Final = {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest", "display": "Restful Operation"}
_INTERACTIONS: Final = "http://hl7.org/fhir/restful-interaction"
_SERVER: Final = {"system": "http://terminology.hl7.org/CodeSystem/security-source-type", "code": "4", "display": "Application Server"}
# --- as a resource --------------------------------------------------------------------------------------------------------------


def render(access: Access, base: str) -> Json:
    """The AuditEvent, elements in the order of the specification."""
    answered = access.status < 400
    reads = access.interaction in ("read", "vread")
    profile = _PROFILES.get(access.interaction) if answered and access.type in RESOURCES else None
    resource: Json = {"resourceType": TYPE, "id": str(access.n)}
    if profile:
        resource["meta"] = {"profile": [profile]}
    resource["text"] = dt.narrative(access.partner or "-", [f"{access.at}: {access.interaction} {access.query}"])
    resource["type"] = _REST
    subtypes = [{"system": _INTERACTIONS, "code": access.interaction, "display": access.interaction}]
    if access.interaction in _ITI and access.type in _MCSD:
        code, display = _ITI[access.interaction]
        subtypes.append({"system": "urn:ihe:event-type-code", "code": code, "display": display})
    resource["subtype"] = subtypes
    resource["action"] = _ACTIONS.get(access.interaction, "E")
    resource["recorded"] = access.at
    resource["outcome"] = "0" if answered else "4" if access.status < 500 else "8"
    if not answered:
        resource["outcomeDesc"] = f"HTTP {access.status}"
    # In a query the parameters flow from the client to the server, in a read the resource flows back: so IHE has it.
    client, server = (_DESTINATION, _SOURCE) if reads else (_SOURCE, _DESTINATION)
    who: Json = {"type": "Organization", "identifier": {"system": PARTNER, "value": access.partner or "-"}}
    agent: Json = {"type": {"coding": [client]}, "who": who}
    if access.via:
        agent["altId"] = access.via
    agent |= {"name": access.partner or "-", "requestor": True}
    agent["network"] = {"address": access.address or "unknown", "type": "2"}
    here = {"type": "Device", "identifier": {"system": "urn:ietf:rfc:3986", "value": base}}
    resource["agent"] = [
        agent,
        {"type": {"coding": [server]}, "who": here, "requestor": False, "network": {"address": base, "type": "5"}},
    ]
    resource["source"] = {"observer": here, "type": [_SERVER]}
    resource["entity"] = _entities(access, answered, reads)
    return resource


def _entities(access: Access, answered: bool, reads: bool) -> list[Json]:
    entities: list[Json] = []
    if access.target:
        named = f"{access.type}/{access.target}"
        what = {"reference": named} if answered and (access.type in RESOURCES or access.type in ALSO) else {"display": named}
        role = {"system": _ROLES, "code": "4", "display": "Domain Resource"}
        entities.append({"what": what, "type": _OBJECT, "role": role})
    if not reads:
        role = {"system": _ROLES, "code": "24", "display": "Query"}
        asked = base64.b64encode(access.query.encode()).decode()
        entities.append({"type": _OBJECT, "role": role, "description": access.query, "query": asked})
    return entities


# --- reading and searching --------------------------------------------------------------------------------------------------------


def add_routes(blueprint: flask.Blueprint, answer: Answer, base: Callable[[], str]) -> None:
    """`/AuditEvent`, by GET and POST, and `/AuditEvent/<id>`."""

    @blueprint.get(f"/{TYPE}/<id>")
    def read_audit_event(id: str) -> flask.Response:
        refuse_unknown(FORM)
        known = id.isascii() and id.isdigit() and len(id) < 19
        hub.require_partner(_ASKERS)
        found = hub.directory().accesses(n=int(id), limit=1) if known else []
        if not found:
            raise NotFound(f"There is no {TYPE} with id {id[:80]} that you may see.")
        return answer(render(found[0], base()))

    add_search(blueprint, TYPE, lambda given: answer(_search(given, base())))


@dataclass(slots=True)
class _Asked:
    """A search of the trail as it was understood; `nothing` when two of its criteria are of no row at once."""

    count: int = DEFAULT_COUNT
    wanted: Json = field(default_factory=dict)
    nothing: bool = False
    understood: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[Json] = field(default_factory=list)

    def take(self, name: str, value: str) -> None:
        """Understand one more parameter. Raises `Invalid`, also for what is not known if the request wants that."""
        if name == "_count" and any(name == known for known, _ in self.understood):
            left_out(self.warnings, name, "this can be given once only.", value)
            return
        if name == "_count":
            self.count, told = page_size(value, MAX_COUNT)
            self.warnings += told
            value = str(self.count)
        elif name == "_cursor":
            if not value.isascii() or not value.isdigit() or len(value) > 18:
                raise invalid(name, "this is not a cursor of this search; follow the next link as it stands.", value)
            self.wanted["before"] = int(value)
        elif name != "_sort" or value != "-date":
            criteria = _criteria(name, value)
            if criteria is None:
                self._not_known(name, value)
                return
            for key, meant in criteria.items():
                self._narrow(key, meant)
        self.understood.append((name, value))

    def _narrow(self, key: str, meant: Any) -> None:
        known = self.wanted.get(key, meant)
        if key == "nothing":
            self.nothing = True
        elif key == "since":
            self.wanted[key] = max(meant, known)
        elif key == "until":
            self.wanted[key] = min(meant, known)
        else:
            self.nothing |= known != meant
            self.wanted[key] = meant

    def _not_known(self, name: str, value: str) -> None:
        known, _, modifier = name.partition(":")
        if modifier and known in PARAMS:
            raise invalid(name, f"{known} takes no modifier{' but identifier' if known == 'agent' else ''} here.", value)
        left_out(self.warnings, name, f"{TYPE} has no such parameter; there are {', '.join((*PARAMS, '_count', '_sort'))}.", value)


def _search(given: Sequence[tuple[str, str]], base: str) -> Json:
    hub.require_partner(_ASKERS)
    asked = _Asked()
    for name, value in given:
        if name not in ("_format", "_pretty"):
            asked.take(name, value)
    found = hub.directory().accesses(**asked.wanted, limit=asked.count + 1)
    if asked.nothing or not asked.count:
        found = []
    return _bundle(found, asked.count, asked.understood, asked.warnings, base)


def _criteria(name: str, value: str) -> Json | None:
    """What a parameter means to the trail; None for one that is not known, `nothing` for a value that no row has."""
    code = value.rpartition("|")[2]
    match name:
        case "_id":
            return {"n": int(value)} if value.isascii() and value.isdigit() and len(value) < 19 else {"nothing": True}
        case "date":
            if "," in value:
                raise invalid(name, "one moment is taken, and no alternatives; give the parameter twice for from and until.", value)
            prefix = value[:2] if value[:2].isalpha() else "eq"
            start, end = (to_millisecond(each) for each in span(name, value.removeprefix(prefix)))
            bounds = {"eq": {"since": start, "until": end}, "ge": {"since": start}, "gt": {"since": end}, "sa": {"since": end}}
            bounds |= {"le": {"until": end}, "lt": {"until": start}, "eb": {"until": start}}
            if prefix not in bounds:
                raise invalid(name, f"the prefixes are {', '.join(bounds)} here: an event is looked for in one stretch of time.", value)
            return bounds[prefix]
        case "agent":
            raise invalid(name, "a partner is no resource here; ask agent:identifier=name, or agent-name=name.", value)
        case "agent:identifier":
            system = value.rpartition("|")[0]
            return {"partner": code} if system in ("", PARTNER) else {"nothing": True}
        case "agent-name":
            return {"partner": value}
        case "type":
            return {} if code == "rest" else {"nothing": True}
        case "subtype":
            by_iti = tuple(name for name, (iti, _) in _ITI.items() if iti == code)
            return (
                {"interactions": by_iti, "types": _MCSD} if by_iti else {"interactions": tuple(each.rpartition("|")[2] for each in value.split(","))}
            )
        case "entity":
            type, _, id = value.rpartition("/")
            return {"target": id.lower(), **({"type": type.rpartition("/")[2]} if type else {})}
        case "outcome":
            return {"failed": code != "0"}
    return None


def _bundle(found: Sequence[Access], count: int, understood: list[tuple[str, str]], warnings: list[Json], base: str) -> Json:
    page = found[:count]
    links = [{"relation": "self", "url": _address(base, understood)}]
    if len(found) > count > 0:
        rest = [each for each in understood if each[0] != "_cursor"]
        links.append({"relation": "next", "url": _address(base, [*rest, ("_cursor", str(page[-1].n))])})
    entries: list[Json] = [{"fullUrl": f"{base}/{TYPE}/{each.n}", "resource": render(each, base), "search": {"mode": "match"}} for each in page]
    if warnings:
        entries.append(outcome.entry(warnings))
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "link": links}
    return bundle | {"entry": entries} if entries else bundle


def _address(base: str, given: Sequence[tuple[str, str]]) -> str:
    return f"{base}/{TYPE}" + (f"?{urlencode(given, quote_via=quote)}" if given else "")


def declared() -> Json:
    """`rest.resource` of the CapabilityStatement."""
    return {
        "type": TYPE,
        "supportedProfile": [READ, QUERY, UPDATES],
        "documentation": "What partners asked, newest first; for partners whose agreement has the right audit, of themselves alone unless they see all. The scope is named: system/AuditEvent.rs.",
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "no-version",
        "searchParam": [
            {"name": name, "definition": _definition(name), "type": kind, "documentation": about} for name, (kind, about) in PARAMS.items()
        ],
    }


def _definition(name: str) -> str:
    return f"http://hl7.org/fhir/SearchParameter/{'Resource-id' if name == '_id' else f'AuditEvent-{name}'}"
