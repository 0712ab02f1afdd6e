"""Primuz, by our trial profile: XML only, searches by POST."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from xml.etree import ElementTree

import requests

from tests.plugins.fhir.clients.asking import Broken, Profile, Server, Unseen, entries, main, must, need

PROFILE = Profile("primuz", "Primuz")
_XML = "application/fhir+xml"
_FHIR = "{http://hl7.org/fhir}"


def document(answer: requests.Response, root: str, status: int = 200) -> ElementTree.Element:
    """The FHIR document with this root that the answer must be."""
    must(answer.status_code == status, f"{answer.request.path_url} answers {answer.status_code}, not {status}.")
    kind = answer.headers.get("Content-Type", "")
    must(kind.startswith(_XML), f"{answer.request.path_url} is {_XML}, not {kind}.")
    try:
        found = ElementTree.fromstring(answer.content)
    except ElementTree.ParseError as error:
        raise Broken(f"{answer.request.path_url} is no XML: {error}") from None
    must(found.tag == _FHIR + root, f"The root is {found.tag}, not {root} in the namespace of FHIR.")
    return found


def value(found: ElementTree.Element, path: str) -> str:
    """The value of the first element at this path; empty without one."""
    element = found.find("/".join(_FHIR + part for part in path.split("/")))
    return "" if element is None else element.get("value", "")


def matches(bundle: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """The resources of a Bundle."""
    for each in bundle.iterfind(f"{_FHIR}entry/{_FHIR}resource"):
        yield from each


def search(server: Server, type: str, form: dict[str, str]) -> ElementTree.Element:
    """A search by POST."""
    return document(server.send("POST", f"{type}/_search", accept=_XML, data=form), "Bundle")


@PROFILE.requirement("P1", "XML comes by Accept, and by _format whatever Accept says")
def forms(server: Server) -> None:
    document(server.get("metadata", accept=_XML), "CapabilityStatement")
    document(server.get("metadata?_format=xml", accept="*/*"), "CapabilityStatement")
    document(
        server.get("metadata?_format=application/fhir%2Bxml", accept="application/json"),
        "CapabilityStatement",
    )


@PROFILE.requirement("P2", "a search by POST finds the same as by GET")
def posting(server: Server) -> None:
    for type in ("Organization", "Location", "Practitioner"):
        bundle = search(server, type, {"_count": "20", "_sort": "name"} if type != "Location" else {"_count": "20"})
        by_post = [value(each, "id") for each in matches(bundle)]
        by_get = [each["id"] for each in entries(server.search(type, {"_count": "20", "_sort": "name"} if type != "Location" else {"_count": "20"}))]
        must(by_post == by_get, f"{type}: POST finds {len(by_post)}, GET {len(by_get)}, or others.")
    need(by_post, "There is no Practitioner.")


@PROFILE.requirement("P3", "the search in the body is obeyed")
def narrowing(server: Server) -> None:
    first = next(matches(search(server, "Organization", {"_count": "1"})), None)
    if first is None:
        raise Unseen("There is no Organization.")
    name = value(first, "name")
    found = [*matches(search(server, "Organization", {"name:exact": name, "_count": "50"}))]
    must(
        value(first, "id") in {value(each, "id") for each in found},
        f"{name} does not find what is called so.",
    )
    must(
        all(value(each, "name").casefold() == name.casefold() or each.find(f"{_FHIR}alias") is not None for each in found),
        f"{name} finds others too.",
    )


@PROFILE.requirement("P4", "pages follow in XML")
def paging(server: Server) -> None:
    bundle = search(server, "Organization", {"_count": "2"})
    seen = [value(each, "id") for each in matches(bundle)]
    following = next(
        (value(each, "url") for each in bundle.iterfind(f"{_FHIR}link") if value(each, "relation") == "next"),
        "",
    )
    need(following, "There are no three organisations.")
    second = document(server.get(following, accept=_XML), "Bundle")
    new = [value(each, "id") for each in matches(second)]
    must(new and not set(seen) & set(new), "The second page repeats the first, or is empty.")


@PROFILE.requirement("P5", "a resource says the same in XML as in JSON")
def same(server: Server) -> None:
    for type in ("Organization", "Location", "HealthcareService"):
        for each in entries(server.search(type, {"_count": "3"})):
            found = document(server.get(f"{type}/{each['id']}", accept=_XML), type)
            for path, said in {
                "id": each["id"],
                "name": each.get("name", ""),
                "meta/versionId": each["meta"]["versionId"],
            }.items():
                must(
                    value(found, path) == said,
                    f"{type}/{each['id']}: {path} is {value(found, path)!r} in XML and {said!r} in JSON.",
                )
            numbers = [value(number, "value") for number in found.iterfind(f"{_FHIR}identifier")]
            must(
                numbers == [number["value"] for number in each.get("identifier", ())],
                f"{type}/{each['id']} has other numbers in XML.",
            )


@PROFILE.requirement("P6", "errors come in XML too, and say why")
def errors(server: Server) -> None:
    outcome = document(server.get("Organization/there-is-none", accept=_XML), "OperationOutcome", 404)
    must(
        value(outcome, "issue/details/text") or value(outcome, "issue/diagnostics"),
        "The refusal does not say why.",
    )
    document(
        server.send("POST", "Organization/_search", accept=_XML, data={"_count": "many"}),
        "OperationOutcome",
        400,
    )


if __name__ == "__main__":
    sys.exit(main(PROFILE))
