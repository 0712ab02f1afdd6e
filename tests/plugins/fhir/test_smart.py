"""What the scopes of an access token allow, resource by resource and letter by letter."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import orjson
import pytest
from werkzeug.test import TestResponse

from hub.access.clients import register_client
from hub.access.tokens import issue_token
from hub.errors import Invalid
from hub.model.query import Criterion, Query, normalise
from hub.search.cursor import Cursor, encode
from hub.store import Writer
from plugins.fhir import smart
from plugins.fhir.criteria import NOTHING, Condition, nothing
from plugins.fhir.params import RESOURCES
from plugins.fhir.searchable import Param, Resource
from plugins.fhir.systems import BE_LOCATION, BE_ORGANIZATION, MCSD_ENDPOINT
from tests.access.signing import EC_KEY, jwks
from tests.plugins.fhir.conftest import NOW, Hub


def token_for(hub: Hub, scopes: str) -> str:
    """An access token of these scopes."""

    def issue(writer: Writer) -> str:
        made = register_client(writer.connection, "epd", NOW, title="", scopes=scopes, jwks=jwks(EC_KEY))
        return issue_token(writer.connection, made, made.scopes, int(time.time()), NOW)

    return hub.store.write(issue)


def ask(hub: Hub, scopes: str, path: str, **more: Any) -> TestResponse:
    """A request with an access token of these scopes."""
    token = token_for(hub, scopes)
    method = more.pop("method", "GET")
    headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
    return hub.client().open(f"/fhir/{path}", method=method, headers=headers, **more)


ORG = "Organization/{org}"
CASES = [
    # scopes, path, the scope that is missing
    ("system/Organization.rs", ORG, ""),
    ("system/Organization.read", "Organization?name=linde", ""),
    ("system/Organization.r", ORG, ""),
    ("system/Organization.r", ORG + "/_history", ""),
    ("system/Organization.r", ORG + "/_history/1", ""),
    ("system/Organization.r", "Organization?name=linde", "system/Organization.s"),
    ("system/Organization.r", "Organization/_history", "system/Organization.s"),
    ("system/Organization.s", ORG, "system/Organization.r"),
    ("system/Organization.s", ORG + "/_history", "system/Organization.r"),
    ("system/Organization.rs", "Location", "system/Location.s"),
    ("system/Organization.rs", "Practitioner/1", "system/Practitioner.r"),
    ("system/Organization.rs", "_history", "system/*.s"),
    ("system/*.rs", "_history", ""),
    ("system/Organization.rs", "Organization?_revinclude=Location:organization", "system/Location.s"),
    ("system/Organization.rs", "Organization?_include=Organization:endpoint", "system/Endpoint.s"),
    ("system/Organization.rs system/Endpoint.s", "Organization?_include=Organization:endpoint", ""),
    ("system/PractitionerRole.rs", "PractitionerRole?organization.name=linde", "system/Organization.s"),
    ("system/PractitionerRole.rs", "PractitionerRole?organization=" + ORG, ""),
    ("system/PractitionerRole.rs", "PractitionerRole?organization:missing=false", ""),
    ("system/PractitionerRole.rs", "PractitionerRole?service.organization=" + ORG, "system/HealthcareService.s"),
    ("system/PractitionerRole.rs", "PractitionerRole?organization._id={org}", ""),
    ("system/PractitionerRole.rs", "PractitionerRole?practitioner.identifier=10988615141", "system/Practitioner.s"),
    ("system/PractitionerRole.rs", "PractitionerRole?practitioner:identifier=10988615141", "system/Practitioner.s"),
    ("system/PractitionerRole.rs", "PractitionerRole?identifier=10988615141", "system/Practitioner.s"),
    ("system/PractitionerRole.rs system/Practitioner.s", "PractitionerRole?identifier=10988615141", ""),
    ("system/HealthcareService.rs", "HealthcareService?organization._text=linde&_total=accurate", "system/Organization.s"),
    ("system/HealthcareService.rs system/Organization.s", "HealthcareService?_text=gent", "system/Location.s"),
    ("system/HealthcareService.rs system/Organization.s system/Location.s", "HealthcareService?_text=gent", ""),
    ("system/Organization.rs", "Organization?_has:HealthcareService:organization:name=x", "system/HealthcareService.s"),
    ("system/Organization.rs", "Organization?_revinclude=Provenance:target", "system/Provenance.s"),
    ("system/Provenance.rs", "Provenance?target=" + ORG, "system/Organization.s"),
    ("system/Provenance.rs system/Organization.s", "Provenance?target=" + ORG, ""),
    ("system/Provenance.rs", "Provenance/{org}.000000000000", "system/Organization.r"),
    ("system/OrganizationAffiliation.rs", "OrganizationAffiliation", ""),
    ("system/Organization.rs", "metadata", ""),
    ("system/Organization.rs", "CodeSystem", ""),
    ("system/Organization.rs", "Subscription", "system/Subscription.s"),
    ("system/Subscription.cruds", "Subscription", "system/*.rs"),
    ("system/*.rs", "Subscription", ""),
    ("system/*.rs", "AuditEvent", "system/AuditEvent.s"),
]


FOUND_BY_OTHERS = {
    ("HealthcareService", "_text"): {"Organization", "Location"},
    ("PractitionerRole", "_text"): {"Practitioner", "HealthcareService", "Organization", "Location"},
    ("OrganizationAffiliation", "_text"): {"Organization"},
    ("Endpoint", "_text"): {"Organization"},
    ("PractitionerRole", "identifier"): {"Practitioner"},
}
"""What finds a resource by something that it does not show itself, and which types show it; `_content` as `_text`."""
SHOWN_BY_ITS_PROFILE = ("PractitionerRole", "practitioner.given:missing", "true")
"""What `meta.profile` of the resource itself says as well."""
EXAMPLES = {
    "near": "51|3.7|5|km", "_lastUpdated": "gt2020-01-01", "date": "gt2020-01-01",
    "coverage-area:identifier": "9000", "active": "true", "gender": "female", "address-use": "work",
    **dict.fromkeys(("patientenstop", "waiting-list", "on-call"), "yes"), "status": "active",
    "characteristic": "home", "address-postalcode": "9000", "address-country": "BE",
}  # fmt: skip


def _spellings(resource: Resource, param: Param) -> Iterator[tuple[str, str]]:
    """Each way to ask by this parameter, with a value that is understood."""
    plain = "coverage-area:identifier" if param.name == "coverage-area" else param.name
    yield plain, EXAMPLES.get(plain) or (resource.profiles[0][0] if param.name == "_profile" else "10988615141")
    for modifier in param.modifiers:
        if modifier == "missing":
            yield from ((f"{param.name}:missing", said) for said in ("true", "false") if _missing(param, said) is not None)
        elif param.type == "reference":
            yield f"{param.name}:identifier", "10988615141"
        else:
            yield f"{param.name}:{modifier}", EXAMPLES.get(param.name, "10988615141")


def _missing(param: Param, said: str) -> list[Condition] | None:
    """What is asked by `:missing`; None where it cannot be."""
    assert param.absent is not None
    with suppress(Invalid):
        return param.absent(said == "true")
    return None


def _asks(param: Param, spelled: str, value: str) -> bool:
    """Whether such a condition can be met by some resources of a type and not by others, ids apart."""
    if spelled.endswith(":missing"):
        return _missing(param, value) not in ([], NOTHING)
    return param.name not in ("_id", "payload-type") and param.build is not nothing and value not in (BE_ORGANIZATION, BE_LOCATION, MCSD_ENDPOINT)


def _looks(name: str) -> Iterator[tuple[str, str, set[str]]]:
    """Every parameter of a type, its own and those behind one reference or one that points here: its spelling, a value, and the types that this looks into."""
    resource = RESOURCES[name]
    for param in resource.by_name.values():
        own = FOUND_BY_OTHERS.get((name, param.name.replace("_content", "_text")), set())
        for spelled, value in _spellings(resource, param):
            looks = {param.target} if param.target and spelled.endswith(":identifier") and param.build is not nothing else own
            looks = looks if not spelled.endswith(":missing") or _asks(param, spelled, value) else set()
            yield spelled, value, looks
        behind = RESOURCES.get(param.target)
        for inner in behind.by_name.values() if behind and param.build is not nothing else ():
            theirs = FOUND_BY_OTHERS.get((param.target, inner.name.replace("_content", "_text")), set())
            for spelled, value in _spellings(behind, inner) if behind else ():
                further = {inner.target} if inner.target and spelled.endswith(":identifier") else set()
                told = _asks(inner, spelled, value) and (name, f"{param.name}.{spelled}", value) != SHOWN_BY_ITS_PROFILE
                yield f"{param.name}.{spelled}", value, {param.target, *theirs, *further} if told else set()
    for other in RESOURCES.values():
        for back in other.by_name.values():
            if back.target == name:
                yield f"_has:{other.name}:{back.name}:_id", "1", {other.name}


@pytest.mark.parametrize("name", RESOURCES)
def test_no_parameter_finds_by_what_only_another_type_shows_without_its_scope(small: Hub, name: str) -> None:
    seen = 0
    token = token_for(small, f"system/{name}.rs")
    for spelled, value, types in _looks(name):
        response = small.client().get(
            f"/fhir/{name}", query_string={spelled: value, "_summary": "count"}, headers={"Authorization": f"Bearer {token}"}
        )
        others = types - {name}
        assert response.status_code == (403 if others else 200), f"{name}?{spelled}={value}: {response.text}"
        seen += bool(others)
    assert seen or name in ("Organization", "Practitioner")


def test_a_cursor_that_somebody_made_opens_nothing_either(small: Hub) -> None:
    for key, value in (("postcode", "9000"), ("city", "gent"), ("umbrella", "no")):
        query = normalise(Query(types=("aanbod",), where=(Criterion(key, (value,)),)))
        made = encode(Cursor(query, (0,), 0))
        assert ask(small, "system/HealthcareService.rs", f"HealthcareService?_cursor={made}").status_code == 403
        assert ask(small, "system/*.rs", f"HealthcareService?_cursor={made}").status_code == 200


@pytest.mark.parametrize(("scopes", "path", "missing"), CASES)
def test_a_scope_allows_what_it_says(small: Hub, scopes: str, path: str, missing: str) -> None:
    response = ask(small, scopes, path.format(org=small.ids["org-1"]))
    if not missing:
        assert response.status_code in (200, 404), response.text
        assert response.status_code == 200 or "_history/1" in path
        return
    assert response.status_code == 403
    answer = orjson.loads(response.data)
    assert answer["resourceType"] == "OperationOutcome"
    assert missing in answer["issue"][0]["details"]["text"]
    assert f'scope="{missing}"' in response.headers["WWW-Authenticate"]


def test_a_search_by_post_is_a_search(small: Hub) -> None:
    form = {"method": "POST", "data": "name=linde", "content_type": "application/x-www-form-urlencoded"}
    assert ask(small, "system/Organization.s", "Organization/_search", **form).status_code == 200
    assert ask(small, "system/Organization.r", "Organization/_search", **form).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "letter"),
    [("POST", "Organization", "c"), ("PUT", "Organization/1", "u"), ("PATCH", "Organization/1", "u"), ("DELETE", "Organization/1", "d")],
)
def test_writing_needs_letters_of_its_own(method: str, path: str, letter: str) -> None:
    assert smart.needed_for(method, path) == ("Organization", letter)


def test_a_cursor_of_a_wider_token_opens_nothing(small: Hub) -> None:
    wide = orjson.loads(ask(small, "system/*.rs", "Organization?_revinclude=Location:organization&_count=1").data)
    [following] = [link["url"] for link in wide["link"] if link["relation"] == "next"]
    assert ask(small, "system/Organization.rs", following.partition("/fhir/")[2]).status_code == 403
    chained = orjson.loads(ask(small, "system/*.rs", "Location?organization.name=wijkteam&_count=1").data)
    [following] = [link["url"] for link in chained["link"] if link["relation"] == "next"]
    assert ask(small, "system/Location.rs", following.partition("/fhir/")[2]).status_code == 403
    assert ask(small, "system/*.rs", following.partition("/fhir/")[2]).status_code == 200


def test_an_export_is_of_types_within_scope(small: Hub) -> None:
    prefer = {"headers": {"Prefer": "respond-async"}}
    assert ask(small, "system/Organization.rs", "$export", **prefer).status_code == 403
    assert ask(small, "system/Organization.r", "$export?_type=Organization", **prefer).status_code == 403
    begun = ask(small, "system/*.rs", "$export?_type=Organization,Location", **prefer)
    listed = orjson.loads(ask(small, "system/*.rs", begun.headers["Content-Location"].partition("/fhir/")[2]).data)
    addresses = {each["type"]: each["url"].partition("/fhir/")[2] for each in listed["output"]}
    assert ask(small, "system/Organization.rs", addresses["Organization"]).status_code == 200
    assert ask(small, "system/Organization.rs", addresses["Location"]).status_code == 403


def test_each_entry_of_a_batch_is_judged_by_itself(small: Hub) -> None:
    entries = [{"request": {"method": "GET", "url": url}} for url in ("Organization?_count=1", "Location?_count=1")]
    body = orjson.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries})
    answer = orjson.loads(ask(small, "system/Organization.rs", "", method="POST", data=body, content_type="application/fhir+json").data)
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["200", "403"]


def test_scopes_never_widen_what_the_agreement_allows(small: Hub) -> None:
    """The agreement is a professional's: what is internal stays so, whatever the scopes."""
    for path in ("Organization?_count=100", "Practitioner"):
        key = small.client().get(f"/fhir/{path}", headers={"X-API-Key": small.key})
        assert orjson.loads(ask(small, "system/*.cruds", path).data)["entry"] == orjson.loads(key.data)["entry"]


def test_every_type_can_be_asked_for() -> None:
    for name in RESOURCES:
        assert smart.needed_for("GET", name) == (name, "s")
        assert smart.needed_for("GET", f"{name}/1") == (name, "r")


def test_everything_that_leads_here_leaves_out_provenance_where_a_token_does_not_allow_it(small: Hub) -> None:
    seven = " ".join(f"system/{name}.rs" for name in RESOURCES)

    def came(scopes: str, path: str) -> set[str]:
        response = ask(small, scopes, path)
        assert response.status_code == 200, response.text
        return {entry["resource"]["resourceType"] for entry in orjson.loads(response.data)["entry"]}

    everything = "Organization?_revinclude=*&_count=1"
    assert "Provenance" not in came(seven, everything)
    assert "Provenance" in came(f"{seven} system/Provenance.rs", everything), "what a narrower token was answered is nobody else's"
    assert "Provenance" not in came(seven, everything)
    following = next(link["url"] for link in orjson.loads(ask(small, seven, everything).data)["link"] if link["relation"] == "next")
    assert "Provenance" not in came(seven, following.partition("/fhir/")[2])
    for named in ("Provenance:target", "Provenance:*"):
        assert ask(small, seven, f"{everything}&_revinclude={named}").status_code == 403
