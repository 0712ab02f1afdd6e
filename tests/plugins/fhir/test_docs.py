"""docs/fhir.md and the pages of docs/fhir-conformance/ are executed, and describe what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import orjson
import pytest
from lxml import etree

from benchmarks.fhir_searches import SEARCHES
from plugins.fhir import extensions as ext
from plugins.fhir.capability import LIMITS
from plugins.fhir.params import RESOURCES
from tests.plugins.fhir.conftest import Hub
from tests.plugins.fhir.judge import complaints
from tests.plugins.fhir.subscribing import open_hub

DOCS = Path(__file__).parents[3] / "docs"
TEXT = (DOCS / "fhir.md").read_text(encoding="utf-8")
ALL = "\n".join([TEXT, *(page.read_text(encoding="utf-8") for page in sorted((DOCS / "fhir-conformance").glob("*.md")))])


def requests() -> list[tuple[int, str, dict[str, str]]]:
    """(expected status, path, headers) of every GET line in a ```http block."""
    found = []
    for status, block in re.findall(r"```http ?(\d*)\n(.*?)```", ALL, re.DOTALL):
        headers = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith("GET "))
        paths = [line.removeprefix("GET ") for line in block.splitlines() if line.startswith("GET ")]
        found += [(int(status or 200), path, headers) for path in paths]
    return found


@pytest.mark.parametrize(("status", "path", "headers"), requests())
def test_requests_answer_as_described(world_s: Hub, status: int, path: str, headers: dict[str, str]) -> None:
    response = world_s.client().get(path, headers=headers)
    assert response.status_code == status, response.text
    if status == 202:
        assert world_s.client().get(response.headers["Content-Location"]).status_code == 200
        return
    resource = orjson.loads(response.data)
    assert complaints(resource) == []
    assert ("issue" in resource) == (status >= 400)
    said = [entry["resource"] for entry in resource.get("entry", ()) if entry.get("search", {}).get("mode") == "outcome"]
    codes = {issue["code"] for each in said for issue in each["issue"]}
    assert codes <= {"informational"}, "the documented search was not understood"


def test_the_limits_are_those_of_the_code() -> None:
    listed = TEXT.partition("**Limits.**")[2].partition("\n## ")[0]
    assert re.findall(r"^- (.*)$", listed, re.MULTILINE) == list(LIMITS)


@pytest.mark.parametrize("body", re.findall(r"```json\n(.*?)```", ALL, re.DOTALL))
def test_batches_answer(world_s: Hub, body: str) -> None:
    response = world_s.client().post("/fhir", data=body, content_type="application/fhir+json")
    answer = orjson.loads(response.data)
    assert complaints(answer) == []
    assert [entry["response"]["status"] for entry in answer["entry"]] == ["200 OK"] * body.count('"GET"')
    assert any(entry["resource"].get("entry") for entry in answer["entry"])


@pytest.mark.parametrize("body", re.findall(r"```json validate\n(.*?)```", ALL, re.DOTALL))
def test_what_is_judged_is_told_as_described(world_s: Hub, body: str) -> None:
    response = world_s.client().post("/fhir/$validate", data=body, content_type="application/fhir+json")
    answer = orjson.loads(response.data)
    assert complaints(answer) == []
    told = [issue["expression"][0] for issue in answer["issue"] if issue["severity"] == "error"]
    assert sorted(told) == sorted(re.findall(r"`(Organization\.[^`]+)` \(", TEXT.split("It tells of")[1].split("\n")[0]))


@pytest.mark.parametrize("body", re.findall(r"```json feed\n(.*?)```", ALL, re.DOTALL))
def test_what_is_sent_in_is_taken(tmp_path: Path, body: str) -> None:
    hub = open_hub(f"sqlite:///{tmp_path / 'fichehub.sqlite'}", tmp_path)
    hub.agree("epd", rights=frozenset({"feed"}))
    answer = hub.ask("POST", "", orjson.loads(body)).get_json(force=True)
    hub.store.close()
    assert complaints(answer) == []
    assert [entry["response"]["status"] for entry in answer["entry"]] == ["201 Created"] * body.count('"PUT"')


@pytest.mark.parametrize("body", re.findall(r"```json subscription\n(.*?)```", ALL, re.DOTALL))
def test_subscriptions_are_taken(world_s: Hub, body: str) -> None:
    asked = {"data": body, "content_type": "application/fhir+json", "headers": {"X-API-Key": world_s.key}}
    made = world_s.client().post("/fhir/Subscription", **asked)
    assert (made.status_code, complaints(orjson.loads(made.data))) == (201, [])
    address = made.headers["Location"].split("/fhir/")[1]
    assert world_s.client().delete(f"/fhir/{address}", headers=asked["headers"]).status_code == 204


@pytest.mark.parametrize("line", re.findall(r"^curl .*$", ALL, re.MULTILINE))
def test_curl_lines_answer(world_s: Hub, line: str) -> None:
    words = shlex.split(line)[1:]
    options = dict(zip(words[:-1:2], words[1:-1:2], strict=True))
    path = words[-1].removeprefix("http://127.0.0.1:8080")
    client = world_s.client()
    if "-d" in options:
        form = "application/x-www-form-urlencoded"
        response = client.post(path, data=options["-d"], content_type=form)
    else:
        name, _, value = options.get("-H", "Accept: */*").partition(": ")
        response = client.get(path, headers={name: value})
    assert response.status_code == 200
    if "xml" in response.content_type:
        assert etree.fromstring(response.data).tag.endswith(("CapabilityStatement", "Bundle"))
    else:
        assert orjson.loads(response.data)["entry"]


def test_every_extension_is_described() -> None:
    declared = {value for value in vars(ext).values() if isinstance(value, str) and "/fhir/StructureDefinition/" in value}
    declared = {url for url in declared if url.startswith("https://fichehub.example.org")} - {ext._OURS}
    assert declared == set(ext.OURS)
    described = set(re.findall(r"^\| `([a-z-]+)` \|", TEXT.split("## Extensions")[1], re.MULTILINE))
    assert described == {url.rsplit("/", 1)[1] for url in ext.OURS}


@pytest.mark.parametrize("name", sorted(RESOURCES))
def test_every_parameter_is_described(name: str) -> None:
    [row] = re.findall(rf"^\| {name} \| (`_id`.*) \|$", TEXT, re.MULTILINE)
    assert re.findall(r"`([^`]+)`", row) == [param.name for param in RESOURCES[name].params]


def test_every_search_that_grows_is_named_with_the_reason() -> None:
    growing = {search.title: search.grows for search in SEARCHES if search.grows}
    growing |= {f"{search.title}, on PostgreSQL": search.grows_on_postgresql for search in SEARCHES if search.grows_on_postgresql}
    told = {
        title: reason
        for titles, reason in re.findall(r"^\| (.+?) \| (.+?) \|$", TEXT.split("## How fast")[1], re.MULTILINE)
        for title in titles.split("; ")
    }
    assert {title: told.get(title) for title in growing} == growing
    assert told.keys() - growing.keys() == {"search", "---"} & told.keys()
