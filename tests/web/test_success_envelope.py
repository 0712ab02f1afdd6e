"""The shape of what is found.

A collection is {"items": [...], "self": <address>, "next": <address, not on the last page>, "total"?, "pageSize"?}; the top level is never a list.
An item has an "href" that leads to it. One thing is an object with "self". Addresses begin with /api/v1/.
"""

from __future__ import annotations

import gzip
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select
from structlog.testing import capture_logs

from hub.store import Store
from hub.store.tables import api_key
from hub.web.outgoing import Zipped
from tests.web.conftest import Ids

API = "/api/v1"


def get(client: FlaskClient, address: str, **headers: str) -> dict[str, Any]:
    response = client.get(address, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert response.status_code == 200, response.get_data(as_text=True)
    assert response.content_type == "application/json"
    document: dict[str, Any] = response.get_json()
    assert document["self"].startswith(API)
    return document


def walk(client: FlaskClient, address: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    while address:
        page = get(client, address)
        items += page["items"]
        assert len(page["items"]) <= page["pageSize"]
        address = page.get("next", "")
    return items


def names(item: dict[str, Any]) -> list[str]:
    return [name["text"]["nl"] for name in item["fiche"]["names"]]


# --- fiches ----------------------------------------------------------------------------------------------------------------------------


def test_a_search_gives_fiches_with_where_they_are_and_why(client: FlaskClient, ids: Ids) -> None:
    page = get(client, f"{API}/fiches?text=linde&kind=organisatie&local=1980&total=accurate")
    (item,) = page["items"]
    assert item["href"] == f"{API}/fiches/{ids.organisatie}"
    assert (item["id"], item["kind"]) == (ids.organisatie, "organisatie")
    assert item["sources"] == ["sociale-kaart"]
    assert item["why"] and all(reason.keys() == {"reason", "value"} for reason in item["why"])
    assert page["total"] == 1
    assert "next" not in page


def test_a_distance_is_given_in_kilometres(client: FlaskClient) -> None:
    (item,) = get(client, f"{API}/fiches?near=50.98,4.46,5&kind=organisatie")["items"]
    assert item["distance"] == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize(
    "selection",
    [
        "rubriek=14.04.01",
        "rubriek=14",
        "code=rubriek|14.04",
        "code=rubriek|&code=|nobody",
        "language=nl",
        "municipality=Zemst",
        "municipality=23096",
        "postcode=1980&kind=aanbod",
        "organisatie={organisatie}",
        "name=woonzorg",
        "name=linde%20woonz",
        "name=nergens&name=woonzorg%20de",
    ],
)
def test_each_of_these_selects_the_offer(client: FlaskClient, ids: Ids, selection: str) -> None:
    address = f"{API}/fiches?kind=aanbod&{selection.format(organisatie=ids.organisatie)}".replace("&kind=aanbod&", "&")
    assert ids.aanbod in {item["id"] for item in get(client, address)["items"]}


def test_any_number_of_a_system_can_be_asked_for(client: FlaskClient) -> None:
    assert get(client, f"{API}/fiches?identifier=kbo|")["items"] == [], "no fiche of this world has one"


@pytest.mark.parametrize("selection", ["name=woonzorg%20wijkteam", "name=inde", "name=nergens&name=woonzorg%20niet"])
def test_a_name_is_asked_for_by_the_beginnings_of_all_its_words(client: FlaskClient, selection: str) -> None:
    assert get(client, f"{API}/fiches?{selection}")["items"] == []


def test_following_next_gives_every_fiche_once(client: FlaskClient) -> None:
    items = walk(client, f"{API}/fiches?pageSize=7")
    assert len({item["id"] for item in items}) == len(items) == 32


def test_a_cursor_knows_its_selection_and_may_come_alone(client: FlaskClient) -> None:
    page = get(client, f"{API}/fiches?name=wijkteam&sort=name&pageSize=4")
    cursor = page["next"].partition("after=")[2].partition("&")[0]
    assert get(client, f"{API}/fiches?after={cursor}")["items"] == get(client, page["next"])["items"]
    assert client.get(f"{API}/fiches?name=linde&after={cursor}").status_code == 400


def test_the_other_way_round(client: FlaskClient) -> None:
    forth = walk(client, f"{API}/fiches?kind=organisatie&sort=name&pageSize=200")
    back = walk(client, f"{API}/fiches?kind=organisatie&sort=-name&pageSize=200")
    assert [names(item)[0] for item in back] == [names(item)[0] for item in forth][::-1]


def test_one_fiche_has_contacts_that_say_whose_they_are(client: FlaskClient, ids: Ids) -> None:
    document = get(client, f"{API}/fiches/{ids.aanbod}")
    assert document["fiche"]["kind"] == document["kind"] == "aanbod"
    (contact,) = document["contacts"]
    assert contact == {
        "contact": {"kind": "phone", "value": "+3215999901"},
        "origin": "organisatie",
        "originId": ids.organisatie,
    }


def test_each_fiche_of_a_page_has_the_contacts_that_it_has_alone(client: FlaskClient, ids: Ids) -> None:
    items = walk(client, f"{API}/fiches?pageSize=20")
    for item in items:
        assert item["contacts"] == get(client, item["href"])["contacts"]
    (offer,) = (item for item in items if item["id"] == ids.aanbod)
    assert [each["origin"] for each in offer["contacts"]] == ["organisatie"]


def test_the_contacts_of_a_page_cost_no_look_for_each_of_its_fiches(client: FlaskClient, hub_store: Store) -> None:
    looks: list[str] = []

    def note(*given: Any) -> None:
        looks.append(given[2])

    def cost(size: int) -> int:
        looks.clear()
        assert len(get(client, f"{API}/fiches?pageSize={size}&text=wijkteam")["items"]) == size
        return len(looks)

    event.listen(hub_store.engine, "before_cursor_execute", note)
    try:
        assert 0 < cost(2) + 3 > cost(20)
    finally:
        event.remove(hub_store.engine, "before_cursor_execute", note)


def test_a_part_is_found_by_its_own_id(client: FlaskClient, ids: Ids) -> None:
    organisatie = get(client, f"{API}/fiches/{ids.organisatie}")
    (vestiging,) = organisatie["fiche"]["vestigingen"]
    document = get(client, f"{API}/fiches/{vestiging['id']}")
    assert (document["type"], document["part"]["id"]) == ("vestiging", vestiging["id"])
    assert document["fiche"]["id"] == ids.organisatie


def test_an_id_is_the_same_in_capitals(client: FlaskClient, ids: Ids) -> None:
    for below in ("", "/history", "/provenance"):
        address = f"{API}/fiches/{ids.aanbod}{below}"
        assert get(client, f"{API}/fiches/{ids.aanbod.upper()}{below}") == get(client, address)


def test_an_etag_spares_what_did_not_change_and_differs_per_grant(client: FlaskClient, ids: Ids) -> None:
    address = f"{API}/fiches/{ids.organisatie}"
    etag = client.get(address).headers["ETag"]
    unchanged = client.get(address, headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.get_data()) == (304, b"")
    colleague = {"If-None-Match": etag, "Authorization": f"Bearer {ids.keys['collega']}"}
    assert client.get(address, headers=colleague).status_code == 200


def test_history_leads_to_the_fiche_as_it_was(client: FlaskClient, ids: Ids) -> None:
    first = walk(client, f"{API}/fiches/{ids.organisatie}/history?pageSize=1")[-1]
    assert (first["operation"], first["origin"], first["id"]) == ("create", "test", ids.organisatie)
    then = get(client, first["href"])
    assert (then["id"], then["seq"]) == (ids.organisatie, first["seq"])


def test_provenance_names_the_source_of_each_field_that_can_be_seen(client: FlaskClient, ids: Ids) -> None:
    fiche = get(client, f"{API}/fiches/{ids.organisatie}")["fiche"]
    items = get(client, f"{API}/fiches/{ids.organisatie}/provenance")["items"]
    assert {item["field"] for item in items} <= fiche.keys()
    assert not [item for item in items if "[" in item["field"]]
    (named,) = [item for item in items if item["field"] == "names"]
    assert named["sources"] == [{"source": "sociale-kaart", "externalId": "org-1", "revision": 1}]


# --- changes ---------------------------------------------------------------------------------------------------------------------------


def test_changes_can_be_followed_to_the_head_and_from_there(client: FlaskClient, ids: Ids) -> None:
    address, seen, page = f"{API}/changes?pageSize=10", [], {}
    while address:
        page = get(client, address)
        seen += page["items"]
        address = page.get("next", "")
    assert page["since"] == page["head"]
    assert [item["seq"] for item in seen] == sorted({item["seq"] for item in seen})
    assert {ids.organisatie, ids.aanbod} <= {item["id"] for item in seen}
    assert ids.hidden not in {item["id"] for item in seen}
    assert get(client, f"{API}/changes?since={page['head']}")["items"] == []


# --- concepts and places ---------------------------------------------------------------------------------------------------------------


def test_concepts(client: FlaskClient) -> None:
    schemes = get(client, f"{API}/concepts")["items"]
    (rubriek,) = [scheme for scheme in schemes if scheme["code"] == "rubriek"]
    assert [item["code"] for item in get(client, rubriek["href"])["items"]] == ["14", "14.04", "14.04.01"]
    assert [item["code"] for item in walk(client, f"{API}/concepts/rubriek?pageSize=1")] == [
        "14",
        "14.04",
        "14.04.01",
    ]
    assert [item["code"] for item in get(client, f"{API}/concepts/rubriek?text=rusthuis")["items"]] == ["14.04.01"]
    one = get(client, f"{API}/concepts/rubriek/14.04")
    assert (one["narrower"], one["ancestors"], one["labels"]) == (["14.04.01"], ["14"], {"nl": "Wonen"})
    assert one["official"] is False
    assert one["mappings"] == []


def test_a_concept_tells_what_it_is_mapped_to(client: FlaskClient) -> None:
    exact, narrow = get(client, f"{API}/concepts/sociaal-brussels/9401")["mappings"]
    assert exact == {
        "href": f"{API}/concepts/rubriek/14.04.01", "scheme": "rubriek", "code": "14.04.01", "labels": {"nl": "Woonzorgcentra"},
        "relation": "exact", "approximate": False, "confidence": 1.0,
    }  # fmt: skip
    assert narrow == {"scheme": "rubriek", "code": "14.04.02", "labels": {}, "relation": "narrow", "approximate": True, "confidence": 0.7}
    (back,) = get(client, f"{API}/concepts/rubriek/14.04.01")["mappings"]
    assert (back["scheme"], back["code"], back["relation"]) == ("sociaal-brussels", "9401", "exact")


def test_places(client: FlaskClient) -> None:
    best = get(client, f"{API}/places?text=gent")["items"][0]
    assert (best["refnis"], best["name"]["nl"], best["label"]) == ("44021", "Gent", "Gent")
    one = get(client, best["href"])
    assert "9000" in one["postcodes"]
    assert get(client, f"{API}/places?pageSize=2")["total"] > 500
    assert client.get(f"{API}/places?after=gent").status_code == 400


def test_every_place_comes_page_by_page_and_each_once(client: FlaskClient) -> None:
    read, total, address = [], 0, f"{API}/places?pageSize=100"
    while address:
        page = get(client, address)
        read += [item["refnis"] for item in page["items"]]
        total, address = page["total"], page.get("next", "")
    assert read == sorted(set(read)) and len(read) == total > 500


# --- what every answer has -------------------------------------------------------------------------------------------------------------


def test_health(client: FlaskClient) -> None:
    for address in ("/health", f"{API}/health"):
        response = client.get(address)
        # An endpoint of this hub is broken on purpose.
        assert (response.status_code, response.get_json()) == (200, {"status": "DEGRADED"})
        assert response.headers["Cache-Control"] == "no-store"


def test_a_hub_without_its_database_is_down(app: flask.Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        from sqlalchemy.exc import OperationalError

        raise OperationalError("SELECT 1", {}, Exception("kanarie: no such host db.internal"))

    monkeypatch.setattr(Store, "read", away)
    response = app.test_client().get("/health")
    assert (response.status_code, response.get_json()) == (503, {"status": "DOWN"})
    assert app.test_client().get(f"{API}/places").status_code == 200
    failed = app.test_client().get(f"{API}/fiches")
    assert failed.status_code == 503 and "kanarie" not in failed.get_data(as_text=True)


def test_long_answers_are_compressed_and_short_ones_are_not(client: FlaskClient) -> None:
    asked = {"Accept-Encoding": "gzip"}
    long = client.get(f"{API}/openapi.json", headers=asked)
    assert long.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(long.get_data()) == client.get(f"{API}/openapi.json").get_data()
    assert "Accept-Encoding" in long.vary
    assert "Content-Encoding" not in client.get("/health", headers=asked).headers
    with client.get("/static/hub.css", headers=asked) as file:
        assert file.headers["Content-Encoding"] == "gzip"


def test_head_gives_the_headers_of_get(client: FlaskClient, ids: Ids) -> None:
    for address in (
        "/",
        "/health",
        f"{API}/fiches",
        f"{API}/fiches/{ids.organisatie}",
        f"{API}/openapi.json",
    ):
        head, whole = client.head(address), client.get(address)
        assert head.status_code == 200
        assert head.get_data() == b""
        assert head.headers["Content-Type"] == whole.headers["Content-Type"]
        assert head.headers["Content-Length"] == whole.headers["Content-Length"]


@pytest.mark.parametrize("address", ["/", "/health", "/nowhere", f"{API}/fiches", f"{API}/docs", "/parrot/say/x"])
def test_every_answer_protects_its_reader(client: FlaskClient, address: str) -> None:
    headers = client.get(address).headers
    policy = headers["Content-Security-Policy"]
    assert "unsafe-inline" not in policy and "frame-ancestors 'none'" in policy and "default-src 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"]


def test_what_depends_on_the_key_says_so(client: FlaskClient) -> None:
    response = client.get(f"{API}/fiches")
    assert {"Authorization", "X-API-Key"} <= set(response.vary)
    assert response.headers["Cache-Control"] == "private, no-cache"


def test_any_page_may_read_the_public_part(client: FlaskClient) -> None:
    assert client.get(f"{API}/fiches").headers["Access-Control-Allow-Origin"] == "*"
    preflight = client.options(f"{API}/fiches", headers={"Origin": "https://site.example.org"})
    assert preflight.status_code == 200
    assert "Authorization" not in preflight.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Origin" not in client.get("/parrot/say/x").headers


def test_the_log_has_the_route_and_the_partner_but_nothing_that_was_asked(client: FlaskClient, ids: Ids) -> None:
    with capture_logs() as lines:
        client.get(f"{API}/fiches?text=geheim", headers={"X-API-Key": ids.keys["collega"]})
        client.get(f"{API}/fiches/{ids.organisatie}")
    first, second = lines
    assert (first["route"], first["status"], first["partner"]) == (f"{API}/fiches", 200, "collega")
    assert (second["route"], second["partner"]) == (f"{API}/fiches/<id>", "anonymous")
    assert first["ms"] > 0
    assert "geheim" not in str(lines) and ids.organisatie not in str(lines) and ids.keys["collega"] not in str(lines)


def test_metrics_count_routes_and_name_nobody(client: FlaskClient, ids: Ids) -> None:
    client.get(f"{API}/fiches?text=geheim", headers={"X-API-Key": ids.keys["collega"]})
    text = client.get("/metrics").get_data(as_text=True)
    assert f'fichehub_requests_total{{method="GET",route="{API}/fiches",status="200"}}' in text
    assert "geheim" not in text and "collega" not in text


def test_the_use_of_a_key_is_noted_once_a_day(client: FlaskClient, ids: Ids, hub_store: Store) -> None:
    key = {"X-API-Key": ids.keys["wijzelf"]}
    client.get(f"{API}/places", headers=key)
    with hub_store.read() as reading:
        used = reading.execute(select(api_key.c.last_used_on).where(api_key.c.partner == "wijzelf")).scalar_one()
    assert used == hub_store.today()


def test_the_documentation_is_a_page_of_our_own(client: FlaskClient) -> None:
    text = client.get(f"{API}/docs").get_data(as_text=True)
    assert "<script" not in text and "style=" not in text and "http://" not in text and "https://" not in text
    for path, methods in client.get(f"{API}/openapi.json").get_json()["paths"].items():
        described = methods.keys() & {"get", "post"}
        assert described
        assert [method for method in described if f"{method.upper()} {path}" not in text] == []


def test_no_compressed_form_outlives_an_erasure(empty_store: Store) -> None:
    zipped = Zipped(empty_store)
    cached = zipped._remembered.cache_info
    body, later = b"Jan Peeters" * 200, b"Huis" * 500
    assert gzip.decompress(zipped.of(body, 0)) == gzip.decompress(zipped.of(body, 0)) == body
    assert (cached().hits, cached().currsize) == (1, 1)
    empty_store.write(lambda writer: writer.connection.exec_driver_sql("INSERT INTO counter (name, n) VALUES ('erasures', 1)"))
    with empty_store.read() as connection:
        empty_store.state(connection)
    assert cached().currsize == 0
    zipped.of(body, 0)  # made before, and only now on its way out
    assert cached().currsize == 0
    zipped.of(later, 1)
    assert cached().currsize == 1
