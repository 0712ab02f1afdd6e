"""Searches by the id of what turned out to be another: they find what it is now, and say so."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from flask.testing import FlaskClient

from hub import Directory
from hub.model.claims import Claim
from hub.store import Store, Writer
from tests.plugins.fhir.answers import get, link, matches, walk
from tests.plugins.fhir.conftest import Hub, hub_over, organisation, site

REF = "sociale-kaart"


def offer(number: int, organisation: str, *, visibility: str = "public") -> Claim:
    """An offer of an organisation."""
    content = {"kind": "aanbod", "names": [{"text": {"nl": f"Aanbod {number}"}}], "organisatie": {"source": REF, "external_id": organisation}}
    return Claim(REF, f"aanbod-{number}", 1, "aanbod", content | {"visibility": visibility})


CLAIMS = [
    organisation(1, names=[{"text": {"nl": "Huis Een"}}], vestigingen=[site(1, "9000", {"nl": "Gent"})]),
    organisation(2, names=[{"text": {"nl": "Huis Twee"}}], vestigingen=[site(2, "9050", {"nl": "Gent"})]),
    organisation(3, names=[{"text": {"nl": "Huis Drie"}}]),
    organisation(4, names=[{"text": {"nl": "Dochter"}}], parent={"source": REF, "external_id": "org-3"}),
    organisation(5, names=[{"text": {"nl": "Dicht Een"}}], visibility="internal"),
    organisation(6, names=[{"text": {"nl": "Dicht Twee"}}], visibility="internal"),
    *(offer(number, f"org-{number}") for number in (1, 2, 3)),
    offer(6, "org-6", visibility="internal"),
]


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """Of three organisations first the last two are joined and then what is left of them with the first; of two hidden ones one is left."""
    home: Path = tmp_path_factory.mktemp("joined")
    store = Store.open(f"sqlite:///{home / 'fichehub.sqlite'}", home)
    assert store.write(lambda writer: writer.put(CLAIMS, origin="test")).rejected == []
    with store.read() as reading:
        sql = "SELECT c.external_id, e.uuid FROM claim c JOIN entity e ON e.id = c.fiche_id"
        ids: dict[str, str] = dict(reading.exec_driver_sql(sql).fetchall())

    def join(writer: Writer) -> None:
        assert writer.join(ids["org-2"], ids["org-3"]) == ids["org-2"]
        assert writer.join(ids["org-1"], ids["org-2"]) == ids["org-1"]
        assert writer.join(ids["org-5"], ids["org-6"]) == ids["org-5"]

    store.write(join)
    app, key = hub_over(store)
    yield Hub(app, store, ids, key)
    store.close()
    shutil.rmtree(home)


@pytest.fixture
def client(joined: Hub) -> FlaskClient:
    return joined.client()


def remarks(bundle: dict[str, Any]) -> list[str]:
    return [issue["details"]["text"] for outcome in matches(bundle, "outcome") for issue in outcome["issue"]]


def self_link(bundle: dict[str, Any]) -> str:
    return unquote(link(bundle, "self") or "").partition("?")[2]


@pytest.mark.parametrize("old", ["org-2", "org-3"])
@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("HealthcareService?organization=Organization/{}", 3),
        ("HealthcareService?organization:Organization={}", 3),
        ("HealthcareService?organization=http://localhost/fhir/Organization/{}", 3),
        ("HealthcareService?organization._id={}", 3),
        ("Location?organization={}", 2),
        ("Organization?partof=Organization/{}", 1),
        ("Organization?_id={}", 1),
        ("Organization?_has:Organization:partof:partof={}", 1),
        ("Organization?_has:HealthcareService:organization:organization={}", 1),
    ],
)
def test_a_search_by_an_id_that_moved_finds_what_it_is_now_and_says_so(client: FlaskClient, joined: Hub, path: str, found: int, old: str) -> None:
    now, was = joined.ids["org-1"], joined.ids[old]
    bundle = get(client, "/" + path.format(was), Prefer="handling=strict")
    assert len(matches(bundle)) == found
    assert self_link(bundle) == path.format(now).partition("?")[2]
    name = path.partition("?")[2].partition("=")[0]
    assert remarks(bundle) == [f"{name}: Organization/{was} is Organization/{now} now, and that was searched."]
    same = get(client, "/" + path.format(now))
    assert matches(same) == matches(bundle)
    assert remarks(same) == []


def test_alternatives_capitals_and_not(client: FlaskClient, joined: Hub) -> None:
    now, older, oldest = (joined.ids[f"org-{number}"] for number in (1, 2, 3))
    bundle = get(client, f"/Organization?_id={older.upper()},{now},{oldest}")
    assert [each["id"] for each in matches(bundle)] == [now]
    assert self_link(bundle) == f"_id={now}"
    assert len(remarks(bundle)) == 2
    assert now not in {each["id"] for each in matches(get(client, f"/Organization?_id:not={older}"))}


def test_every_page_says_so(client: FlaskClient, joined: Hub) -> None:
    pages = walk(client, f"/HealthcareService?organization={joined.ids['org-3']}&_count=1&_total=accurate")
    assert [page.get("total") for page in pages] == [3, 3, 3]
    assert sum(len(matches(page)) for page in pages) == 3
    assert [page["entry"][-1]["resource"]["issue"][0]["expression"] for page in pages] == [["http.organization"]] * 3


def test_of_what_the_asker_may_not_see_nothing_is_said(client: FlaskClient, joined: Hub) -> None:
    for path in ("Organization?_id={}", "HealthcareService?organization={}", "Provenance?target=Organization/{}", "Provenance?target={}"):
        bundle = get(client, "/" + path.format(joined.ids["org-6"]))
        assert "entry" not in bundle
        assert joined.ids["org-5"] not in str(bundle)


def test_the_id_of_another_type_is_nobodys(client: FlaskClient, joined: Hub) -> None:
    assert "entry" not in get(client, f"/HealthcareService?_id={joined.ids['org-2']}")
    assert "entry" not in get(client, f"/Provenance?target=Location/{joined.ids['org-2']}")


@pytest.mark.parametrize("target", ["Organization/{}", "{}"])
def test_a_provenance_is_found_by_it(client: FlaskClient, joined: Hub, target: str) -> None:
    now, was = joined.ids["org-1"], joined.ids["org-3"]
    bundle = get(client, f"/Provenance?target={target.format(was)}", Prefer="handling=strict")
    assert [each["target"][0]["reference"] for each in matches(bundle)] == [f"Organization/{now}"]
    assert self_link(bundle) == f"target={target.format(now)}"
    assert remarks(bundle) == [f"target: Organization/{was} is Organization/{now} now, and that was searched."]


def test_a_search_without_old_ids_looks_no_further(joined: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that names no id looks for none that moved."""
    asked: list[list[str]] = []
    before = Directory.moved_to

    def noted(self: Directory, ids: Any) -> Any:
        asked.append(sorted(ids))
        return before(self, asked[-1])

    monkeypatch.setattr(Directory, "moved_to", noted)
    client, one, two = joined.client(), joined.ids["org-1"], joined.ids["org-2"]
    for path in ("Organization?name=huis&_sort=name", "Organization?_tag=x", "Organization?partof:missing=true", "Organization?_id=nobody"):
        get(client, f"/{path}&_count=17")
    assert asked == []
    get(client, f"/HealthcareService?organization={one},{two}&organization._id={two}&_count=17")
    assert asked == [sorted((one, two))]
