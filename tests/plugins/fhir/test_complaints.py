"""What users of other directories and FHIR servers complained about, each as a test of this one. The docstrings say where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from hub.model.claims import Claim
from hub.store import Store
from plugins.fhir.asking import LONGEST_CHAIN
from plugins.fhir.params import RESOURCES
from tests.plugins.fhir.conftest import Hub, hub_over, organisation, site
from tests.plugins.fhir.writing import Writing, get, link, named, told, writing

__all__ = ["writing"]

ROLES, CROWD = 60, 1_050
"""More than the caps that others hid: 50 roles of an organisation, 1,000 ends of a chain."""


def _claims() -> Iterator[Claim]:
    def claim(kind: Any, id: str, **content: Any) -> Claim:
        return Claim("sociale-kaart", id, 1, kind, {"kind": kind, **content})

    def of(id: str) -> dict[str, str]:
        return {"source": "sociale-kaart", "external_id": id}

    yield organisation(1, names=[{"text": {"nl": "Groot Ziekenhuis Zuid"}}], vestigingen=[site(1, "9000", {"nl": "Gent"})])
    yield organisation(2, names=[{"text": {"nl": "Praktijk Weda"}}], vestigingen=[site(2, "2000", {"nl": "Antwerpen"})], parent=of("org-1"))
    yield organisation(3, names=[{"text": {"nl": "Geheim"}}], visibility="internal", vestigingen=[site(3, "3000", {"nl": "Leuven"})])
    for number in range(ROLES):
        yield claim("zorgverlener", f"zv-{number}", name={"family": f"Peeters{number}", "given": ["An"]})
    caregivers = [{"keys": [f"sociale-kaart:z-{number}"], "zorgverlener": of(f"zv-{number}")} for number in range(ROLES)]
    yield claim("aanbod", "a-1", names=[{"text": {"nl": "Raadpleging"}}], organisatie=of("org-1"), caregivers=caregivers)
    one = [{"keys": ["sociale-kaart:w-1"], "zorgverlener": of("zv-0")}]
    yield claim(
        "aanbod",
        "a-2",
        names=[{"text": {"nl": "Huisartsen"}}],
        organisatie=of("org-2"),
        vestigingen=[{"key": "sociale-kaart:site-2"}],
        caregivers=one,
    )
    # Roles that come before the organisation that they name, and roles with one that nobody may see.
    yield claim(
        "aanbod",
        "a-3",
        names=[{"text": {"nl": "Wezen"}}],
        organisatie=of("org-nergens"),
        caregivers=[{"keys": ["sociale-kaart:x-1"], "zorgverlener": of("zv-1")}],
    )
    yield claim(
        "aanbod",
        "a-4",
        names=[{"text": {"nl": "Verborgen"}}],
        organisatie=of("org-3"),
        caregivers=[{"keys": ["sociale-kaart:x-2"], "zorgverlener": of("zv-2")}],
    )
    for number in range(100, 100 + CROWD):
        yield organisation(number, names=[{"text": {"nl": f"Massa {number}"}}], vestigingen=[site(number, "8000", {"nl": "Brugge"})])


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A large organisation, a practice, a chain with many ends, and roles that point nowhere."""
    home = tmp_path_factory.mktemp("complaints")
    store = Store.open(f"sqlite:///{home / 'fichehub.sqlite'}", home)
    claims = list(_claims())
    for start in range(0, len(claims), 400):
        store.write(lambda writer, batch=claims[start : start + 400]: writer.put(batch, origin="test"))  # type: ignore[misc]
    app, key = hub_over(store)
    yield Hub(app, store, {}, key)
    store.close()


@pytest.fixture
def client(crowd: Hub) -> FlaskClient:
    return crowd.client()


def pages(client: FlaskClient, path: str) -> list[dict[str, Any]]:
    """Every page, by the next links alone, read without a judge: some are long."""
    found = []
    following: str | None = f"/fhir/{path}"
    while following:
        response = client.get(following)
        assert response.status_code == 200, response.text[:300]
        found.append(orjson.loads(response.data))
        following = link(found[-1], "next")
    return found


def resources(bundles: list[dict[str, Any]], mode: str = "match") -> list[dict[str, Any]]:
    return [each["resource"] for page in bundles for each in page.get("entry", ()) if each["search"]["mode"] == mode]


def names(bundles: list[dict[str, Any]]) -> list[str]:
    return [each["name"] for each in resources(bundles)]


# --- pages ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "PractitionerRole?organization.name=ziekenhuis&practitioner.given=an&_count=7",
        "Location?organization.name=massa&address-city=brugge&_count=400",
        "Organization?name:contains=assa&address-postalcode=8000&_sort=-name&_count=300",
    ],
)
def test_next_link_works_with_a_filter_and_a_chain(client: FlaskClient, path: str) -> None:
    """The next link was dead with a filter, the page empty with a chained parameter: ansforge/annuaire-sante-fhir-documentation #59, #165, #414."""
    found = pages(client, path)
    assert len(found) > 2
    ids = [each["id"] for each in resources(found)]
    assert len(ids) == len(set(ids)) == (ROLES if path.startswith("Pra") else CROWD)
    for page in found[:-1]:
        following = urlsplit(link(page, "next") or "")
        assert following.path == "/fhir/" + path.partition("?")[0]
        assert [name for name, _ in parse_qsl(following.query)] == ["_cursor"]  # what a client that reads it as a dictionary keeps


def test_two_contains_are_a_few_statements(crowd: Hub, client: FlaskClient) -> None:
    """Two name:contains took 30 seconds and ended in a 504: ansforge/annuaire-sante-fhir-documentation #331."""
    statements: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    client.get("/fhir/metadata")
    event.listen(crowd.store.engine, "before_cursor_execute", note)
    try:
        found = client.get("/fhir/Organization?name:contains=iekenhui&name:contains=zuid&_total=accurate")
    finally:
        event.remove(crowd.store.engine, "before_cursor_execute", note)
    assert orjson.loads(found.data)["total"] == 1
    assert len(statements) < 20


def test_no_cap_on_the_roles_of_a_large_organisation(client: FlaskClient) -> None:
    """Of a large organisation fifty roles came, and nobody said that there were more: ansforge/annuaire-sante-fhir-documentation #168."""
    assert len(resources(pages(client, "PractitionerRole?organization.name=groot&_count=500"))) == ROLES
    [page] = pages(client, "Organization?name=groot&_revinclude=PractitionerRole:organization")
    assert len(resources([page], "include")) == ROLES
    [page] = pages(client, "PractitionerRole?organization.name=groot&_count=500&_include=PractitionerRole:practitioner")
    assert len(resources([page], "include")) == ROLES


def test_a_page_longer_than_allowed_is_told(client: FlaskClient) -> None:
    """The same, for the page: what is cut is said, and the rest is behind the next link."""
    page = get(client, "Organization?_count=1000")
    assert len(resources([page])) == 500
    [told_of] = resources([page], "outcome")
    assert told_of["issue"][0]["code"] == "too-costly"
    assert link(page, "next")


def test_the_last_page_is_not_empty(client: FlaskClient) -> None:
    """When the count divided the total an empty page came last: hapifhir/hapi-fhir #5237."""
    for count in (1, 2, 5, 20, 30, 60):
        found = pages(client, f"PractitionerRole?organization.name=groot&_count={count}")
        assert [len(resources([page])) for page in found] == [count] * (ROLES // count)


def test_pages_hold_everything_once_while_others_write(writing: Writing) -> None:
    """Paging by _offset gave some twice and left some out: hapi-fhir #3608."""
    client = writing.hub.client()
    writing.put(*(named(number, f"Huis {number}") for number in range(1, 31)))
    first = get(client, "Organization?name=huis&_count=10")
    writing.withdraw("org-2")
    writing.put(named(40, "Huis nieuw"), named(15, "Huis A 15"))
    rest = pages(client, (link(first, "next") or "").partition("/fhir/")[2])
    seen = [each["id"] for each in resources([first, *rest])]
    assert len(seen) == len(set(seen))
    assert {writing.uuid(f"org-{number}") for number in range(1, 31) if number != 2} <= set(seen)


def test_ties_of_an_order_come_once(writing: Writing) -> None:
    """What was alike in the order of _sort came twice, or not at all: microsoft/fhir-server #1792."""
    client = writing.hub.client()
    writing.put(*(named(number, "Zelfde naam") for number in range(1, 31)))
    for order in ("name", "-name", "_lastUpdated", "-_lastUpdated"):
        ids = [each["id"] for each in resources(pages(client, f"Organization?_sort={order}&_count=7"))]
        assert len(ids) == len(set(ids)) == 30


def test_a_summary_stays_one_on_the_next_page(client: FlaskClient) -> None:
    """_summary was lost in the next link: hapi-fhir #5599."""
    for asked in ("_summary=true", "_elements=name"):
        found = resources(pages(client, f"Organization?name=massa&address-postalcode=8000&_count=400&{asked}"))
        assert len(found) == CROWD
        assert all(each["meta"]["tag"][0]["code"] == "SUBSETTED" and "address" not in each for each in found)


def test_the_next_link_of_a_search_by_post_can_be_got(client: FlaskClient) -> None:
    """The next link of POST _search could not be followed by GET: LinuxForHealth/FHIR #4235."""
    first = client.post("/fhir/PractitionerRole/_search", data={"organization.name": "groot", "_count": "50"})
    page = orjson.loads(first.data)
    rest = pages(client, (link(page, "next") or "").partition("/fhir/")[2])
    assert len(resources([page, *rest])) == ROLES


# --- chains -----------------------------------------------------------------------------------------------------------------------


def test_what_an_epd_vendor_asked_for(client: FlaskClient) -> None:
    """Without chained parameters an EPD (Weda) could not replace LDAP: ansforge/annuaire-sante-fhir-documentation #128."""
    [page] = pages(
        client,
        "PractitionerRole?practitioner.family=peeters0&organization.address-city=Antwerpen"
        "&_include=PractitionerRole:practitioner&_include=PractitionerRole:organization",
    )
    assert len(resources([page])) == 1
    assert {each["resourceType"] for each in resources([page], "include")} == {"Practitioner", "Organization"}
    [page] = pages(client, "PractitionerRole?organization.partof.name=ziekenhuis&location.address-postalcode=2000")
    assert len(resources([page])) == 1


def test_a_chain_with_more_than_a_thousand_ends_is_whole(client: FlaskClient) -> None:
    """The search inside a chain was cut off at 1,000 without a word: icanbwell/fhir-server PR 2600."""
    found = get(client, "Location?organization.name=massa&_summary=count")
    assert found["total"] == CROWD > 1000
    back = get(client, "Organization?_has:Location:organization:address-city=brugge&_summary=count")
    assert back["total"] == CROWD


def test_a_chain_that_is_too_deep_is_told(client: FlaskClient) -> None:
    """A chain deeper than two was dropped instead of refused: samply/blaze #1588."""
    deep = ".".join(["partof"] * LONGEST_CHAIN)
    assert resources([get(client, f"Organization?{deep}.name=x")]) == []
    for name in (f"{deep}.partof.name", "_has:Organization:partof:" * LONGEST_CHAIN + "partof.name"):
        refused = get(client, f"Organization?{name}=x", 400)
        assert refused["issue"][0]["expression"] == [f"http.{name}"]
        assert str(LONGEST_CHAIN) in refused["issue"][0]["details"]["text"]


# --- truth ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(RESOURCES))
def test_nothing_refers_to_what_is_not_there(client: FlaskClient, name: str) -> None:
    """Roles were published before their organisations, so references and includes led nowhere: ansforge/annuaire-sante-fhir-documentation #285."""
    found = pages(client, f"{name}?_include=*&_revinclude=*&_count=40")[:2]
    referred = {reference for page in found for reference in re.findall(r'"reference":"([^"]+)"', orjson.dumps(page).decode())}
    for reference in sorted(referred)[:60]:
        assert client.get(f"/fhir/{reference}").status_code == 200, reference
    assert "Geheim" not in orjson.dumps(found).decode()


@pytest.mark.parametrize(
    "asked", ["colour=blue", "organization.colour=blue", "_colour=blue", "_sort=colour", "_include=Location:colour", "_has:Endpoint:colour:x=1"]
)
def test_what_is_not_known_is_never_ignored_silently(client: FlaskClient, asked: str) -> None:
    """An unknown parameter was ignored and everything came: LinuxForHealth/FHIR #260, #1952; microsoft/fhir-server #1050, #1726; samply/blaze #1588; awslabs fhir-works search-es #138."""
    page = get(client, f"Location?address-city=antwerpen&{asked}")
    assert len(resources([page])) == 1
    [warning] = resources([page], "outcome")
    assert warning["issue"][0]["severity"] == "warning"
    assert warning["issue"][0]["expression"] == [f"http.{asked.partition('=')[0]}"]
    assert link(page, "self") == "http://localhost/fhir/Location?address-city=antwerpen"
    strict = get(client, f"Location?address-city=antwerpen&{asked}", 400, Prefer="handling=strict")
    assert strict["issue"][0]["expression"] == [f"http.{asked.partition('=')[0]}"]


@pytest.mark.parametrize(("path", "word"), [("Location?contains=51|4", "point")])
def test_what_we_cannot_have_is_told_with_the_reason(client: FlaskClient, path: str, word: str) -> None:
    """The same, for parameters that others do have."""
    [warning] = resources([get(client, path + "&_count=1")], "outcome")
    assert word in warning["issue"][0]["details"]["text"]


# --- history and versions -----------------------------------------------------------------------------------------------------------


def test_a_history_has_pages(writing: Writing) -> None:
    """_history had no links to further pages: hapi-fhir #2114."""
    client = writing.hub.client()
    for number in range(1, 8):
        writing.put(named(1, f"Huis {number}"))
    first = get(client, "Organization/_history?_count=3")
    second = get(client, link(first, "next") or "")
    third = get(client, link(second, "next") or "")
    assert [len(told(page)) for page in (first, second, third)] == [3, 3, 1]
    assert link(third, "next") is None
    assert len({entry for page in (first, second, third) for entry in told(page)}) == 7


def test_the_pages_of_a_history_do_not_move(writing: Writing) -> None:
    """Entries moved from page to page while others wrote: samply/blaze #1509."""
    client = writing.hub.client()
    for number in range(1, 6):
        writing.put(named(number, f"Huis {number}"))
    first = get(client, "Organization/_history?_count=2")
    before = told(get(client, link(first, "next") or ""))
    writing.put(named(9, "Huis 9"), named(5, "Huis vijf"))
    writing.withdraw("org-4")
    after = get(client, link(first, "next") or "")
    assert [entry[:2] for entry in told(after)] == [entry[:2] for entry in before]
    newer = get(client, f"Organization/_history?_since={first['meta']['lastUpdated']}")
    assert {entry[0] for entry in told(newer)} == {"PUT", "DELETE"}


@pytest.mark.parametrize("tag", ['W/"{}"', '"{}"', "{}", "W/{}", 'W/"0", W/"{}"', '"0","{}"', "0, {}", "*"])
def test_a_known_version_is_304_however_its_tag_is_written(client: FlaskClient, tag: str) -> None:
    """If-None-Match with meta.versionId gave the whole resource again, or several or unquoted tags an error: hapi-fhir #1387; LinuxForHealth PR 556; highmed-dsf PR 319."""
    [found] = resources([get(client, "Organization?name=weda")])
    path, version = f"/fhir/Organization/{found['id']}", found["meta"]["versionId"]
    for address in (path, f"{path}/_history/{version}"):
        same = client.get(address, headers={"If-None-Match": tag.format(version)})
        assert (same.status_code, same.data) == (304, b"")
        assert same.headers["ETag"] == f'W/"{version}"'
    assert client.get(path, headers={"If-None-Match": 'W/"0", "00"'}).status_code == 200
    seen = client.get(path).headers["Last-Modified"]
    assert client.get(path, headers={"If-Modified-Since": seen}).status_code == 304
    # The tag wins: a resource may change twice in a second.
    both = {"If-Modified-Since": seen, "If-None-Match": 'W/"0"'}
    assert client.get(path, headers=both).status_code == 200
