"""Nexuzhealth, by our trial profile: a full copy by $export, kept in step by _history."""

from __future__ import annotations

import sys

import orjson
import requests

from tests.plugins.fhir.clients.asking import (
    SEVEN,
    Broken,
    Json,
    Profile,
    Server,
    address,
    main,
    must,
    need,
    refused,
    resource,
)

PROFILE = Profile("nexuzhealth", "Nexuzhealth")
_NDJSON = "application/fhir+ndjson"
_TRIES = 5


def manifest(server: Server, query: str = "") -> Json:
    """The list of files of a new export."""
    answer = server.get(f"$export?{query}".rstrip("?"), headers={"Prefer": "respond-async"})
    must(answer.status_code == 202, f"An export answers 202, not {answer.status_code}.")
    status = server.get(answer.headers["Content-Location"], accept="application/json")
    must(status.status_code == 200, f"The status of the export is {status.status_code}.")
    found: Json = status.json()
    return found


def lines(server: Server, url: str) -> list[Json]:
    """The resources of a file."""
    answer: requests.Response = server.get(url, accept=_NDJSON)
    must(
        answer.status_code == 200 and answer.headers.get("Content-Type", "").startswith(_NDJSON),
        f"A file is {_NDJSON}; {answer.status_code} came.",
    )
    try:
        return [orjson.loads(line) for line in answer.content.splitlines()]
    except orjson.JSONDecodeError:
        raise Broken("A line of a file is no JSON.") from None


def copied(server: Server) -> tuple[dict[str, Json], str]:
    """Everything by type and id, and the moment from which changes follow."""
    listed = manifest(server)
    return {address(each): each for file in listed["output"] for each in lines(server, file["url"])}, listed["transactionTime"]


def follow(server: Server, copy: dict[str, Json], type: str, since: str) -> None:
    """Bring the copy up to date by the history of a type."""
    later: set[str] = set()
    for bundle in server.pages(f"{type}/_history", {"_since": since}):
        for entry in bundle.get("entry", ()):
            name = address(entry["resource"]) if "resource" in entry else "/".join(entry["request"]["url"].split("/")[-2:])
            if name in later:  # of two entries of one resource the first is the newer
                continue
            later.add(name)
            copy.pop(name, None)
            if entry["request"]["method"] != "DELETE":
                copy[name] = entry["resource"]


@PROFILE.requirement("N1", "an export lists a file for each of the seven types, and the moment that it tells of")
def listing(server: Server) -> None:
    listed = manifest(server)
    must(
        {each["type"] for each in listed["output"]} == set(SEVEN),
        f"The files are of {', '.join(each['type'] for each in listed['output'])}.",
    )
    must(
        listed.get("transactionTime") and listed.get("error") == [],
        "The list has no transactionTime, or tells of errors.",
    )
    refused(server.get("$export"), 400)


@PROFILE.requirement("N2", "each file has every resource of its type once, and nothing else")
def files(server: Server) -> None:
    for file in manifest(server)["output"]:
        found = lines(server, file["url"])
        must(
            all(each["resourceType"] == file["type"] for each in found),
            f"The file of {file['type']} has something else in it.",
        )
        must(
            len({each["id"] for each in found}) == len(found),
            f"The file of {file['type']} has a resource twice.",
        )
        total = server.total(file["type"])
        must(
            len(found) == total,
            f"The file of {file['type']} has {len(found)} lines; a search counts {total}.",
        )


@PROFILE.requirement("N3", "a download that broke off goes on after the last whole line")
def resuming(server: Server) -> None:
    file = max(manifest(server)["output"], key=lambda each: server.total(each["type"]))
    whole = [each["id"] for each in lines(server, file["url"])]
    need(len(whole) > 2, "No file has three lines.")
    middle = len(whole) // 2
    rest = [each["id"] for each in lines(server, f"{file['url']}&_after={whole[middle]}")]
    must(
        rest == whole[middle + 1 :],
        f"After the first {middle + 1} of {len(whole)} lines {len(rest)} follow, or others.",
    )


@PROFILE.requirement("N4", "the copy, brought up to date by _history since that moment, equals what is read")
def history(server: Server) -> None:
    copy, since = copied(server)
    for _ in range(_TRIES):  # somebody may write between the last history and the reading
        for type in SEVEN:
            follow(server, copy, type, since)
        read = {address(each): each for type in SEVEN for each in server.all(type, {"_count": "500"})}
        if copy == read:
            return
    lacking, more = sorted(read.keys() - copy.keys()), sorted(copy.keys() - read.keys())
    other = sorted(name for name in read.keys() & copy.keys() if read[name] != copy[name])
    raise Broken(f"Of {len(read)} that are read the copy lacks {lacking[:3]}, has {more[:3]} too many, and others for {other[:3]}.")


@PROFILE.requirement("N5", "an export since that moment tells what was changed and what was removed")
def again(server: Server) -> None:
    _, since = copied(server)
    listed = manifest(server, f"_since={since}&_type=Organization,Location")
    must(listed.get("deleted"), "The list of an export with _since has no file of what was removed.")
    for file in listed["output"]:
        older = [each for each in lines(server, file["url"]) if each["meta"]["lastUpdated"] < since]
        must(not older, f"{len(older)} lines of {file['type']} have not changed since.")
    for file in listed["deleted"]:
        for bundle in lines(server, file["url"]):
            must(
                all(entry["request"]["method"] == "DELETE" for entry in bundle["entry"]),
                "What was removed is not told by DELETE.",
            )


@PROFILE.requirement("N6", "a kick-off with a type that there is not is refused and says so")
def unknown_type(server: Server) -> None:
    answer = server.get("$export?_type=Patient", headers={"Prefer": "respond-async"})
    outcome = refused(answer, 400)
    must("Patient" in orjson.dumps(outcome).decode(), "The refusal does not name Patient.")
    must(
        resource(server.get("metadata"), "CapabilityStatement"),
        "There is no statement of what the server can do.",
    )


if __name__ == "__main__":
    sys.exit(main(PROFILE))
