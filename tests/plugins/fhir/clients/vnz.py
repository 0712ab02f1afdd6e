"""VNZ, by our trial profile: it sends in what it knows (ITI-130), reads it back, and looks at who gave what and who asked for what."""

from __future__ import annotations

import sys
import time
import uuid

import orjson
import requests

from tests.plugins.fhir.clients.asking import (
    JSON,
    Json,
    Profile,
    Server,
    address,
    entries,
    main,
    must,
    need,
    references,
    refused,
    resource,
)

PROFILE = Profile(
    "vnz",
    "VNZ",
    {
        "write": "yes: fictional organisations may be sent in; at the end they are inactive",
        "wait": "seconds to wait until the audit trail shows what was done (60)",
    },
)
_SYSTEM = "https://vnz.example.org/fhir-trial"


def transaction(name: str, *, id: str = "", wrong: bool = False) -> Json:
    """An organisation with a site, under ids of ours that nobody used before unless `id` is given."""
    id = id or f"trial-{uuid.uuid4()}"
    organisation: Json = {
        "resourceType": "Organization",
        "id": id,
        "identifier": [{"system": _SYSTEM, "value": id}],
        "active": "yes" if wrong else True,
        "name": name,
    }
    site: Json = {
        "resourceType": "Location",
        "id": f"{id}-site"[:64],
        "status": "active",
        "name": f"{name} Zuid",
        "address": {"line": ["Kerkstraat 12"], "postalCode": "9000", "city": "Gent", "country": "BE"},
        "managingOrganization": {"reference": f"Organization/{id}"},
    }
    # The site first: the order inside a transaction means nothing.
    entries = [
        {
            "fullUrl": f"https://vnz.example.org/fhir/{address(each)}",
            "resource": each,
            "request": {"method": "PUT", "url": address(each)},
        }
        for each in (site, organisation)
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def send(server: Server, bundle: Json) -> requests.Response:
    """Send it in, if that may be."""
    need(
        server.options.get("write") == "yes" and server.key,
        "It sends something in: give --key and --write yes.",
    )
    return server.send("POST", "", data=orjson.dumps(bundle), headers={"Content-Type": JSON})


def kept(server: Server, id: str) -> list[Json]:
    """What the server has under our number."""
    return entries(server.search("Organization", {"identifier": f"{_SYSTEM}|{id}"}))


def sent(server: Server) -> tuple[str, Json, Json]:
    """Our id of an organisation that was sent in, the organisation as it now stands there, and the answer."""
    bundle = transaction("Proefhuis VNZ")
    answered = resource(send(server, bundle), "Bundle")
    id = bundle["entry"][1]["resource"]["id"]
    found = kept(server, id)
    must(len(found) == 1, f"What was sent in as {id} is found {len(found)} times by its number.")
    return id, found[0], answered


def withdraw(server: Server, id: str) -> requests.Response:
    """DELETE of our organisation."""
    return server.send("DELETE", f"Organization/{id}")


@PROFILE.requirement(
    "V1",
    "a transaction is taken whole, in any order, and answered entry by entry with the address where each now stands",
)
def taken(server: Server) -> None:
    id, found, answered = sent(server)
    must(
        answered["type"] == "transaction-response" and len(answered["entry"]) == 2,
        "Two were sent; the answer tells of others.",
    )
    for entry, type in zip(answered["entry"], ("Location", "Organization"), strict=True):
        must(
            entry["response"]["status"].startswith("201"),
            f"{type} is answered {entry['response']['status']}.",
        )
        must(
            f"{type}/" in entry["response"].get("location", ""),
            f"The answer does not say where the {type} stands.",
        )
    must(
        f"{address(found)}/" in answered["entry"][1]["response"]["location"] + "/",
        "The address that was answered is not where it is found.",
    )
    withdraw(server, id)


@PROFILE.requirement("V2", "it is read back as it was sent, and the site names the organisation by the server's id")
def read_back(server: Server) -> None:
    id, found, _ = sent(server)
    must(
        (found["name"], found["active"]) == ("Proefhuis VNZ", True),
        f"The organisation is {found['name']}, active {found['active']}.",
    )
    sites = entries(server.search("Location", {"organization": address(found)}))
    must(
        [(each["name"], each["address"]["postalCode"]) for each in sites] == [("Proefhuis VNZ Zuid", "9000")],
        "Its site does not come back as it was sent.",
    )
    must(address(found) in references(sites[0]["managingOrganization"]), "The site names another organisation.")
    withdraw(server, id)


@PROFILE.requirement("V3", "the same again changes nothing")
def again(server: Server) -> None:
    id, found, _ = sent(server)
    answered = resource(send(server, transaction("Proefhuis VNZ", id=id)), "Bundle")
    must(
        all(entry["response"]["status"].startswith("200") for entry in answered["entry"]),
        "The same again is not answered 200.",
    )
    must(kept(server, id) == [found], "The same again made another version, or another organisation.")
    withdraw(server, id)


@PROFILE.requirement("V4", "all or nothing: with one thing wrong nothing of it is kept, and the refusal says where")
def nothing(server: Server) -> None:
    bundle = transaction("Proefhuis VNZ", wrong=True)
    outcome = refused(send(server, bundle), 400)
    must(
        any("active" in place for issue in outcome["issue"] for place in issue.get("expression", ())),
        "The refusal does not name the element that is wrong.",
    )
    must(not kept(server, bundle["entry"][1]["resource"]["id"]), "The organisation is kept all the same.")
    must(
        not entries(server.search("Location", {"identifier": f"{_SYSTEM}|{bundle['entry'][0]['resource']['id']}"})),
        "The site is kept all the same.",
    )


@PROFILE.requirement("V5", "what is withdrawn is inactive, and not lost")
def withdrawn(server: Server) -> None:
    id, found, _ = sent(server)
    must(withdraw(server, id).status_code in (200, 204), "DELETE is refused.")
    now = resource(server.get(address(found)), "Organization")
    must(now["active"] is False, "What was withdrawn is still active.")


@PROFILE.requirement("V6", "a Provenance says which source gave it")
def provenance(server: Server) -> None:
    id, found, _ = sent(server)
    bundle = server.search("Organization", {"_id": found["id"], "_revinclude": "Provenance:target"})
    told = [each for each in entries(bundle, "include") if each["resourceType"] == "Provenance"]
    must(told, "There is no Provenance of what was sent in.")
    must(
        all(address(found) in references(each["target"]) for each in told),
        "A Provenance is about something else.",
    )
    must(
        all(each["agent"][0]["who"] and each["recorded"] for each in told),
        "A Provenance does not say who, or when.",
    )
    withdraw(server, id)


@PROFILE.requirement("V7", "the audit trail shows us what we did, and that it was we")
def audited(server: Server) -> None:
    id, found, _ = sent(server)
    resource(server.get(address(found)), "Organization")
    until = time.monotonic() + float(server.options.get("wait") or 60)
    while not (seen := [each for each in entries(server.search("AuditEvent", {"entity": address(found)})) if each["action"] == "R"]):
        must(time.monotonic() < until, "That we read it does not appear.")
        time.sleep(0.1)
    must(all(each["agent"] and each["recorded"] for each in seen), "An AuditEvent does not say who, or when.")
    withdraw(server, id)


if __name__ == "__main__":
    sys.exit(main(PROFILE))
