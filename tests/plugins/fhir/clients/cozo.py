"""CoZo, by our trial profile: an mCSD Update Client that keeps all seven types in step by their histories. ITI-90 and ITI-91 of IHE mCSD."""

from __future__ import annotations

import sys
from urllib.parse import parse_qsl, urlsplit

from tests.plugins.fhir.clients.asking import (
    SEVEN,
    Broken,
    Json,
    Profile,
    Server,
    address,
    entries,
    link,
    main,
    must,
    need,
    references,
    resource,
)

PROFILE = Profile("cozo", "CoZo")
_TRIES = 5
# ITI-90: what a Directory shall search by.
_PARAMETERS = {
    "Organization": ("active", "identifier", "name", "type"),
    "Location": ("identifier", "name", "organization", "status", "type"),
    "Practitioner": ("active", "identifier", "name", "given", "family"),
    "PractitionerRole": (
        "active",
        "location",
        "organization",
        "practitioner",
        "role",
        "service",
        "specialty",
    ),
    "HealthcareService": ("active", "identifier", "location", "name", "organization", "service-type"),
    "Endpoint": ("identifier", "organization", "status"),
    "OrganizationAffiliation": (
        "active",
        "date",
        "identifier",
        "participating-organization",
        "primary-organization",
        "role",
    ),
}


def declared(server: Server) -> dict[str, Json]:
    """What the CapabilityStatement says of each type."""
    statement = resource(server.get("metadata", key=""), "CapabilityStatement")
    must(
        statement["kind"] == "instance" and statement["fhirVersion"] == "4.0.1",
        "The statement is of no instance, or of another version than 4.0.1.",
    )
    return {each["type"]: each for each in statement["rest"][0]["resource"]}


def history(server: Server, type: str, query: dict[str, str]) -> list[Json]:
    """Every entry; of the next link only the query is taken, and sent to the same address again, as update clients do."""
    found: list[Json] = []
    while True:
        bundle = resource(server.get(f"{type}/_history", query), "Bundle")
        must(bundle["type"] == "history", f"{type}/_history is a Bundle of type {bundle['type']}.")
        found += bundle.get("entry", ())
        following = link(bundle, "next")
        if following is None:
            return found
        pairs = parse_qsl(urlsplit(following).query)
        must(len(dict(pairs)) == len(pairs), f"The next link repeats a parameter: {following}")
        must(dict(pairs) != query, "The next link leads to the same page.")
        query = dict(pairs)


def name(entry: Json) -> str:
    """Type and id that an entry is about; of a removal the request says it."""
    return "/".join(entry["request"]["url"].split("/")[:2]) if "resource" not in entry else address(entry["resource"])


def copied(server: Server) -> dict[str, Json]:
    """All seven types as their histories tell."""
    copy: dict[str, Json] = {}
    for type in SEVEN:
        newest: dict[str, Json] = {}
        for entry in history(server, type, {"_count": "50"}):
            newest.setdefault(name(entry), entry)
        copy |= {each: entry["resource"] for each, entry in newest.items() if entry["request"]["method"] != "DELETE"}
    return copy


@PROFILE.requirement("Z1", "the CapabilityStatement declares reading, searching and the history of all seven types")
def interactions(server: Server) -> None:
    told = declared(server)
    for type in SEVEN:
        must(type in told, f"{type} is not declared.")
        lacking = {"read", "search-type", "history-type"} - {each["code"] for each in told[type].get("interaction", ())}
        must(not lacking, f"{type} lacks {', '.join(sorted(lacking))}.")


@PROFILE.requirement("Z2", "every parameter that ITI-90 demands is declared and is understood, by GET and by POST")
def parameters(server: Server) -> None:
    told = declared(server)
    for type, wanted in _PARAMETERS.items():
        lacking = set(wanted) - {each["name"] for each in told[type].get("searchParam", ())}
        must(not lacking, f"{type} lacks the parameters {', '.join(sorted(lacking))}.")
        values = {
            "date": "ge2000-01-01",
            "active": "true",
            "status": "active",
            "name": "a",
            "given": "a",
            "family": "a",
        }
        form = {each: values.get(each, "1") for each in wanted}
        server.search(type, form)
        bundle = resource(server.send("POST", f"{type}/_search", data=form), "Bundle")
        must(not entries(bundle, "outcome"), f"{type}: by POST something was not understood.")


@PROFILE.requirement("Z3", "the histories, page by page, give a copy that equals what is read")
def updates(server: Server) -> None:
    for _ in range(_TRIES):  # somebody may write between the histories and the reading
        held = {each: found["meta"]["versionId"] for each, found in copied(server).items()}
        read = {address(each): each["meta"]["versionId"] for type in SEVEN for each in server.all(type, {"_count": "500"})}
        if held == read:
            return
    raise Broken(f"{len(held)} in the copy, {len(read)} read; different: {', '.join(sorted(dict(read.items() ^ held.items()))[:3])}.")


@PROFILE.requirement("Z4", "every reference in the copy leads to something in the copy")
def resolving(server: Server) -> None:
    copy = copied(server)
    open_ends = sorted(
        {
            f"{each} names {reference}"
            for each, found in copy.items()
            for reference in references(found)
            if reference.split("/")[0] in SEVEN and reference not in copy
        }
    )
    must(not open_ends, f"{len(open_ends)} references lead nowhere: {'; '.join(open_ends[:3])}.")
    need(any([*references(found)] for found in copy.values()), "Nothing names anything.")


@PROFILE.requirement("Z5", "what was removed is told by DELETE with its address, and reads 410")
def removals(server: Server) -> None:
    told = 0
    for type in SEVEN:
        newest: dict[str, Json] = {}
        for entry in history(server, type, {"_count": "50"}):
            must(
                ("resource" in entry) != (entry["request"]["method"] == "DELETE"),
                f"An entry of {name(entry)} has a resource and is a removal, or neither.",
            )
            newest.setdefault(name(entry), entry)
        for each, entry in newest.items():
            if entry["request"]["method"] == "DELETE":
                told += 1
                must(
                    entry["request"]["url"] == each and each.startswith(f"{type}/"),
                    f"{entry['request']['url']} is not the address of a {type}.",
                )
                status = server.get(each).status_code
                must(status == 410, f"{each} was removed, and reads {status}.")
    need(told, "Nothing was ever removed.")


@PROFILE.requirement("Z6", "_since leaves what is older, also when the + of its zone comes unencoded")
def since(server: Server) -> None:
    moment = "2100-01-01T00:00:00+01:00"
    for written in (moment, moment.replace("+", "%2B")):
        bundle = resource(server.get(f"Organization/_history?_since={written}"), "Bundle")
        must(not bundle.get("entry"), f"_since={written} brings something from before.")
    must(
        history(server, "Organization", {"_since": "2000-01-01T00:00:00+01:00", "_count": "50"}),
        "_since=2000 brings nothing.",
    )


if __name__ == "__main__":
    sys.exit(main(PROFILE))
