"""Whatever is asked of whatever address: no answer is a 5xx, and every refusal is an OperationOutcome that says what is wrong.

About 1,500 requests; ten thousand with FICHEHUB_HYPOTHESIS=long. A failure names the number of its request, which is its seed.
"""

from __future__ import annotations

import os
import random
from typing import Any, Final
from urllib.parse import urlencode

import orjson
import pytest
from flask.testing import FlaskClient
from lxml import etree

from plugins.fhir.conformance.catalogue import TYPES
from plugins.fhir.params import INCLUDES, RESOURCES
from plugins.fhir.periods import PREFIXES
from tests.plugins.fhir.conftest import Hub
from tests.plugins.fhir.judge import complaints

REQUESTS: Final = 10_000 if os.environ.get("FICHEHUB_HYPOTHESIS") == "long" else 1_500
_PARTS: Final = 10

_ODD: Final = (
    "", " ", "a", "1", "-1", "0", "true", "|", "||", "a|b|c", "a|", "|a", "\\", "\\,", ",", ",,", "a,b", "*", "%", "%00", "\x00", "\u2028", "é", "Д", "😀",
    "Organization/x", "http://x/Organization/y", "51|4|1e9|km", "51|4", "nan|nan", "inf|0|1", "51|4|inf|km", "2026", "2026-13-45", "2026-11-22T09:00:00 01:00",
    "9" * 400, "x" * 3000, "'; DROP TABLE entry; --", "<script>", "gt", "eb2026-11", "0001-01-01", "9999-12-31", "{}", "[]", "null", "..", "a b c d e f g h i j",
    ",".join("a b c" for _ in range(9)), ",".join(str(n) for n in range(600)), "2.16.840", "urn:oid:1.2.3|x", "count", "text", "name,telecom", "-name,_id", "near",
)  # fmt: skip
_MODIFIERS: Final = (
    "",
    "",
    "",
    ":exact",
    ":contains",
    ":not",
    ":missing",
    ":identifier",
    ":iterate",
    ":Organization",
    ":text",
    ":above",
    ":x",
    ":",
    "::",
)
_CONTROL: Final = (
    "_count", "_cursor", "_total", "_sort", "_summary", "_elements", "_format", "_pretty", "_include", "_revinclude", "_revInclude", "_lastUpdated", "_since",
    "_at", "_type", "_id", "_profile", "_tag", "_source", "_text", "_content", "_filter", "_query", "_list", "_contained", "_has", "url", "value",
)  # fmt: skip
_HEADERS: Final = (
    ("Accept", ("", "*/*", "application/fhir+xml", "application/fhir+json;q=0", "text/turtle", "application/fhir+json; fhirVersion=5.0", ";;;,", "x" * 500)),
    ("Prefer", ("handling=strict", "handling=lenient", "respond-async", "x", "handling=")),
    ("If-None-Match", ("*", 'W/"1"', "1", '"', "W/", ",,,", 'W/"1', "x" * 900)),
    ("If-Modified-Since", ("Sun, 22 Nov 2026 09:00:00 GMT", "yesterday", "", "9999")),
    ("Authorization", ("Bearer x", "Basic eA==", "", "Bearer")),
    ("Content-Type", ("application/x-www-form-urlencoded", "application/fhir+json", "application/fhir+xml", "text/plain", "multipart/form-data", "x")),
)  # fmt: skip
_BODIES: Final = (
    b"", b"{}", b"[]", b"null", b"{", b"name=zorg", b"name=%ff&_count=x", b"<Bundle/>", b"<!DOCTYPE a><a/>", b"\xff\xfe", b'{"resourceType":"Bundle"}',
    b'{"resourceType":"Bundle","type":"batch","entry":[1,{},{"request":{"method":"GET","url":"Organization?_count=x"}},{"request":{"method":"GET","url":"//"}}]}',
    b'{"resourceType":"Organization","active":"yes","identifier":{}}', b'{"resourceType":"Subscription"}', b"[" * 5000, b'{"resourceType":"Parameters","parameter":[{}]}',
)  # fmt: skip


class Asking:
    """One request after another, by dice."""

    def __init__(self, seed: int, ids: list[str]) -> None:
        self.dice = random.Random(seed)
        self.ids = ids

    def path(self) -> str:
        one = self.dice.choice
        type_name = one((*RESOURCES, *RESOURCES, *TYPES, "Patient", "Subscription", "Basic", "organization", "", "$"))
        id = one((*self.ids[:6], "x", "00000000-0000-4000-8000-000000000000", "x" * 90, "%2e%2e", "é", "_search", "_history"))
        return one((
            "", "metadata", type_name, type_name, type_name, f"{type_name}/_search", f"{type_name}/{id}", f"{type_name}/{id}", f"{type_name}/_history",
            f"{type_name}/{id}/_history", f"{type_name}/{id}/_history/{one(('1', '0', 'x', '9' * 30, '1-0'))}", "_history", "$export", f"{type_name}/$export",
            "$export-status", "$export-file", f"$export-file/{id}", "$validate", f"{type_name}/$validate", f"{type_name}/{id}/$status", "$nothing", "_search",
            f"{type_name}/{id}/x/y/z", ".well-known/smart-configuration", one(_ODD)[:60].replace("\x00", "0").replace("?", ""),
        ))  # fmt: skip

    def name(self) -> str:
        one = self.dice.choice
        resource = one(tuple(RESOURCES.values()))
        param = one((*resource.by_name, *_CONTROL, "colour", *one(_ODD)[:5]))
        shape = self.dice.random()
        if shape < 0.12:
            link = one(("organization", "partof", "practitioner", "location", "service", "endpoint", "name"))
            param = ".".join([link] * one((1, 1, 1, 2, 5))) + "." + param
        elif shape < 0.2:
            include = one(tuple(INCLUDES.values()))
            param = f"_has:{include.source}:{include.param}:" * one((1, 1, 2, 5)) + param
        modifier: str = one(_MODIFIERS)
        return f"{param}{modifier}"

    def value(self) -> str:
        one = self.dice.choice
        return str(
            one((
                one(_ODD), one(_ODD), one(PREFIXES) + one(("2026", "2026-11-22", "2026-11-22T09:00:00Z", "x", "")), one(tuple(INCLUDES)), one(self.ids), "Gent",
                "gent,brussel", "active", "nl", "female", "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/cbe|", "+3215999901",
            ))
        )  # fmt: skip

    def request(self) -> dict[str, Any]:
        some = self.dice.choice((0, 1, 1, 2, 2, 3, 6))
        asked = [(self.name(), self.value()) for _ in range(some)]
        headers = {name: self.dice.choice(values) for name, values in _HEADERS if self.dice.random() < 0.15}
        made: dict[str, Any] = {
            "method": self.dice.choice(("GET", "GET", "GET", "GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS")),
            "headers": headers,
        }
        if made["method"] in ("POST", "PUT", "PATCH"):
            made["data"] = self.dice.choice(_BODIES)
            headers.setdefault("Content-Type", self.dice.choice(_HEADERS[-1][1]))
        return {"path": "/fhir/" + self.path(), "query_string": asked, **made}


def _resource_type(response: Any) -> str:
    """What the answer is; it must be one resource, in the form that it says."""
    if response.content_type.startswith("application/fhir+xml"):
        return str(etree.QName(etree.fromstring(response.data)).localname)
    assert response.content_type == "application/fhir+json; charset=utf-8"
    return str(orjson.loads(response.data)["resourceType"])


@pytest.mark.parametrize("part", range(_PARTS))
def test_whatever_is_asked_is_answered_or_refused_with_a_reason(client: FlaskClient, small: Hub, part: int) -> None:
    ids = sorted(small.ids.values())
    for number in range(part, REQUESTS, _PARTS):
        request = Asking(number, ids).request()
        query = urlencode(request.pop("query_string"))
        response = client.open(query_string=query, **request)
        said = f"request {number}: {request} {query} -> {response.status_code} {response.data[:300]!r}"
        assert response.status_code < 500, said
        if request["method"] in ("HEAD", "OPTIONS") or response.status_code in (202, 204, 304):
            continue
        if response.status_code < 300:
            assert response.data, said
            continue
        assert _resource_type(response) == "OperationOutcome", said
        if "xml" not in response.content_type:
            outcome = orjson.loads(response.data)
            assert complaints(outcome) == [], said
            for issue in outcome["issue"]:
                assert issue["details"]["text"], said
                for place in issue.get("expression", ()):  # in the words of who asked, never in the hub's
                    assert not place.startswith(("http.where.", "http.linked.", "http.text")), said


def test_what_is_refused_by_a_search_names_a_parameter_that_was_given(client: FlaskClient, small: Hub) -> None:
    ids = sorted(small.ids.values())
    refused = 0
    for number in range(REQUESTS // 3):
        asking = Asking(1_000_000 + number, ids)
        name, value, resource = asking.name(), asking.value(), asking.dice.choice(sorted(RESOURCES))
        response = client.get(f"/fhir/{resource}", query_string={name: value})
        if response.status_code != 400:
            continue
        refused += 1
        [issue] = orjson.loads(response.data)["issue"]
        said = f"request {number}: {resource}?{name}={value} -> {issue}"
        assert issue["expression"][0].startswith("http."), said
        assert issue["expression"][0].removeprefix("http.").partition(":")[0] in name, said
    assert refused > 20


def test_the_fuzzing_reaches_what_it_should(client: FlaskClient, small: Hub) -> None:
    """Dice that only ever meet 404 prove nothing."""
    ids = sorted(small.ids.values())
    met: dict[int, int] = {}
    for number in range(300):
        request = Asking(number, ids).request()
        query = urlencode(request.pop("query_string"))
        status = client.open(query_string=query, **request).status_code
        met[status] = met.get(status, 0) + 1
    assert {200, 400, 404, 405, 406} <= met.keys()
    assert met[200] > 40
