"""For each requirement of each scripted client a server that breaks just that: what stands between client and hub changes a request or an answer."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Json = dict[str, Any]


@dataclass
class Said:
    """An answer on its way to the client."""

    status: str
    headers: dict[str, str]
    body: bytes


Break = Callable[["WSGIEnvironment", Callable[[], Said]], Said]


def line(environ: WSGIEnvironment) -> str:
    """Method, path below /fhir, and query, as somebody would write them."""
    query = environ["QUERY_STRING"]
    return unquote(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'].removeprefix('/fhir/')}{'?' + query if query else ''}")


def told(where: str, change: Callable[[Json], object]) -> Break:
    """The JSON of answers to requests like `where` is changed."""

    def spoil(environ: WSGIEnvironment, ask: Callable[[], Said]) -> Said:
        said = ask()
        if re.search(where, line(environ)) and "json" in said.headers.get("Content-Type", "") and "ndjson" not in said.headers["Content-Type"]:
            found = orjson.loads(said.body)
            change(found)
            said.body = orjson.dumps(found)
        return said

    return spoil


def bytes_of(where: str, change: Callable[[bytes], bytes]) -> Break:
    """So, whatever the form."""

    def spoil(environ: WSGIEnvironment, ask: Callable[[], Said]) -> Said:
        said = ask()
        if re.search(where, line(environ)):
            said.body = change(said.body)
        return said

    return spoil


def status(where: str, old: str, new: str) -> Break:
    """An answer of another status."""

    def spoil(environ: WSGIEnvironment, ask: Callable[[], Said]) -> Said:
        said = ask()
        if re.search(where, line(environ)) and said.status.startswith(old):
            said.status = new
        return said

    return spoil


def query(where: str, pattern: str, instead: str = "") -> Break:
    """Of the query something is not seen, or something else."""

    def spoil(environ: WSGIEnvironment, ask: Callable[[], Said]) -> Said:
        if re.search(where, line(environ)):
            environ["QUERY_STRING"] = re.sub(pattern, instead, unquote(environ["QUERY_STRING"])).replace(" ", "%20")
        return ask()

    return spoil


def header(where: str, name: str, value: str | None = None) -> Break:
    """A header is not seen, or another."""

    def spoil(environ: WSGIEnvironment, ask: Callable[[], Said]) -> Said:
        if re.search(where, line(environ)):
            environ.pop(name, None)
            if value is not None:
                environ[name] = value
        return ask()

    return spoil


def sent(where: str, change: Callable[[bytes], bytes]) -> Break:
    """The body that was sent is seen otherwise."""

    def spoil(environ: WSGIEnvironment, ask: Callable[[], Said]) -> Said:
        if re.search(where, line(environ)):
            body = change(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
        return ask()

    return spoil


def swallowed(where: str) -> Break:
    """Answered 204, and not done."""

    def spoil(environ: WSGIEnvironment, ask: Callable[[], Said]) -> Said:
        return Said("204 No Content", {}, b"") if re.search(where, line(environ)) else ask()

    return spoil


def without_header(where: str, name: str) -> Break:
    """An answer that lacks a header."""

    def spoil(environ: WSGIEnvironment, ask: Callable[[], Said]) -> Said:
        said = ask()
        if re.search(where, line(environ)):
            said.headers.pop(name, None)
        return said

    return spoil


def entries(change: Callable[[list[Json]], list[Json]]) -> Callable[[Json], None]:
    """Other entries of a Bundle."""

    def work(bundle: Json) -> None:
        if "entry" in bundle:
            bundle["entry"] = change(bundle["entry"])

    return work


def no_mode(mode: str) -> Callable[[Json], None]:
    """No entries of this mode."""
    return entries(lambda found: [each for each in found if each.get("search", {}).get("mode") != mode])


def one_more(bundle: Json) -> None:
    """A count that is one too high."""
    if "total" in bundle:
        bundle["total"] += 1


def each_entry(change: Callable[[Json], object]) -> Callable[[Json], None]:
    """Each entry of a Bundle changed."""

    def work(bundle: Json) -> None:
        for each in bundle.get("entry", ()):
            change(each)

    return work


def declared(type: str, change: Callable[[Json], object]) -> Callable[[Json], None]:
    """What a CapabilityStatement says of a type, changed."""

    def work(found: Json) -> None:
        for each in found["rest"][0]["resource"]:
            if each["type"] == type:
                change(each)

    return work


def without_last_of_more(bundle: Json) -> None:
    """A page that has a next one lacks its last."""
    if any(each["relation"] == "next" for each in bundle["link"]):
        bundle["entry"] = bundle["entry"][:-1]


def pretending(bundle: Json) -> None:
    """A short page whose self link says that it was long."""
    bundle["entry"] = [each for each in bundle["entry"] if each["search"]["mode"] != "outcome"]
    bundle["link"] = [{"relation": "self", "url": "http://127.0.0.1/fhir/Organization?_count=100000"}]


def no_events(bundle: Json) -> None:
    """A notification without its events."""
    state = bundle["entry"][0]["resource"]
    state["parameter"] = [each for each in state["parameter"] if each["name"] != "notification-event"]


RESOURCE = r"[0-9a-f-]{36}$"
BREAKS: list[tuple[str, str, Break]] = [
    ("hix", "H1", query("^GET Practitioner", r"(^|&)name=[^&]*")),
    ("hix", "H2", query(r"^GET Practitioner\?family=[A-Z][A-Z]", "family=[^&]*", "family=zz")),
    ("hix", "H3", query("^GET Practitioner", "_elements=[^&]*")),
    ("hix", "H4", told("^GET PractitionerRole", no_mode("include"))),
    ("hix", "H5", told("nmae", no_mode("outcome"))),
    ("nexuzhealth", "N1", told("export-status", lambda found: found["output"].pop())),
    ("nexuzhealth", "N2", bytes_of("export-file", lambda body: body[: body.rstrip().rfind(b"\n") + 1])),
    ("nexuzhealth", "N3", query("export-file", "&_after=.*")),
    ("nexuzhealth", "N4", told("^GET Organization/_history", entries(lambda found: []))),
    ("nexuzhealth", "N5", told("export-status", lambda found: found.update(deleted=[]))),
    ("nexuzhealth", "N6", header("_type=Patient", "HTTP_PREFER", "respond-async, handling=lenient")),
    ("primuz", "P1", query("metadata", "_format=[^&]*")),
    ("primuz", "P2", told("^GET Location", entries(lambda found: found[:-1]))),
    ("primuz", "P3", sent("_search", lambda body: b"_count=50" if b"name" in body else body)),
    ("primuz", "P4", query("_cursor", ".*", "_count=2")),
    (
        "primuz",
        "P5",
        bytes_of(
            f"^GET HealthcareService/{RESOURCE}",
            lambda body: body.replace(b'<name value="', b'<name value="De '),
        ),
    ),
    ("primuz", "P6", header("there-is-none", "HTTP_ACCEPT", "application/fhir+json")),
    ("cerner", "C1", told("smart-configuration", lambda found: found.pop("grant_types_supported"))),
    ("cerner", "C2", status("oauth/token", "401", "200 OK")),
    ("cerner", "C3", query(r"^GET Practitioner\?identifier=\d-", ".*", "identifier=99999")),
    ("cerner", "C4", query(r"^GET Organization\?identifier=\d+\.", ".*", "identifier=99999")),
    ("cerner", "C4", query(r"^GET Organization\?identifier=https.*\d$", ".*", "_count=50")),
    ("cerner", "C5", header("^GET Organization", "HTTP_AUTHORIZATION")),
    ("mirage", "M1", told("service-type=", entries(lambda found: found[:1]))),
    ("mirage", "M2", told("location.address-city", no_mode("include"))),
    ("mirage", "M3", told("near=", entries(lambda found: found[::-1]))),
    ("mirage", "M4", told("patientenstop=unknown", one_more)),
    (
        "mirage",
        "M5",
        told("waiting-list=", each_entry(lambda entry: entry["resource"].pop("extension", None))),
    ),
    ("alsot", "A1", told("^POST $", entries(lambda found: found[::-1]))),
    ("alsot", "A2", told("^POST $", each_entry(lambda entry: entry["response"].pop("outcome", None)))),
    ("alsot", "A3", header("^GET Organization", "HTTP_IF_MODIFIED_SINCE")),
    ("alsot", "A4", sent("^POST $", lambda body: body.replace(b"ifNoneMatch", b"ifNone"))),
    ("alsot", "A5", without_header("^HEAD", "ETag")),
    ("alsot", "A6", status("^POST $", "400", "200 OK")),
    ("kind_online", "K1", told("metadata", declared("Subscription", lambda found: found.pop("extension")))),
    (
        "kind_online",
        "K2",
        bytes_of(
            f"^GET Subscription/{RESOURCE}",
            lambda body: body.replace(b"********", b"Bearer kind-online-trial"),
        ),
    ),
    ("kind_online", "K3", status(f"^GET Organization/{RESOURCE}", "200", "404 Not Found")),
    ("kind_online", "K4", told("events", no_events)),
    ("kind_online", "K5", swallowed("^DELETE Subscription")),
    ("kind_online", "K6", status("^POST Subscription", "400", "201 Created")),
    ("kasper", "S1", told("^GET Organization", without_last_of_more)),
    ("kasper", "S2", told("_cursor", entries(lambda found: found[1:]))),
    ("kasper", "S3", told("_lastUpdated=ge20[^0]", entries(lambda found: []))),
    ("kasper", "S4", told("_summary=count", one_more)),
    ("kasper", "S5", told("_count=100000", pretending)),
    (
        "cozo",
        "Z1",
        told(
            "metadata",
            declared("Endpoint", lambda found: found["interaction"].remove({"code": "history-type"})),
        ),
    ),
    (
        "cozo",
        "Z2",
        told("metadata", declared("Location", lambda found: found.update(searchParam=found["searchParam"][:2]))),
    ),
    ("cozo", "Z3", told("^GET Location/_history", entries(lambda found: found[1:]))),
    ("cozo", "Z4", told("^GET Location/_history", entries(lambda found: []))),
    ("cozo", "Z5", status("^GET", "410", "404 Not Found")),
    ("cozo", "Z6", query("_since", "_since=[^&]*")),
    ("vnz", "V1", told("^POST $", entries(lambda found: found[::-1]))),
    ("vnz", "V2", told(r"^GET Location\?organization", entries(lambda found: []))),
    ("vnz", "V3", told("^POST $", each_entry(lambda entry: entry["response"].update(status="201 Created")))),
    ("vnz", "V4", sent("^POST $", lambda body: body.replace(b'"yes"', b"true"))),
    ("vnz", "V5", swallowed("^DELETE Organization")),
    ("vnz", "V6", query("_revinclude", "_revinclude=[^&]*")),
    ("vnz", "V7", told("^GET AuditEvent", entries(lambda found: []))),
]
