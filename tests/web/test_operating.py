"""What programs of administrators see and do: only with the right to, and the same as the command line says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import flask
import orjson
import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, insert

from hub import hookspecs, plugins
from hub.access import Agreement, issue_key, save_agreement
from hub.connector import Connector, Proposal, Sink
from hub.model.claims import Claim
from hub.model.entity import Change, Entity
from hub.store import Store, Writer, reading
from hub.store.tables import agreed as agreed_table
from hub.store.tables import connection, entity, outbox
from hub.sync import agreed, records
from hub.sync.agreed import Agreed
from hub.sync.outbox import dead_letters
from hub.sync.records import RunReport, Tally
from hub.web import Settings, create_app
from tests.web.conftest import NOW, Brought

API = "/api/v1"
ROUTES = ("/connections", "/connections/parrot", "/runs", "/conflicts", "/decisions/x", "/deadLetters", "/proposals", "/proposals/register/x/name")


class Asking(Sink):
    """Asks for what its states say."""

    name, title = "asking", "Somebody to ask"

    def shape(self, entity: Entity) -> dict[str, Any] | None:
        return None

    def push(self, change: Change, desired: dict[str, Any] | None, agreed: dict[str, Any] | None) -> dict[str, Any] | None:
        return agreed

    def proposals(self, state: dict[str, Any]) -> Iterable[Proposal]:
        return [Proposal(**one) for one in state["asked"]]


class Asks:
    """The plugin that brings it."""

    @hookspecs.hookimpl
    def register_connectors(self) -> list[type[Connector]]:
        return [Asking]


def _organisatie(source: str, form: str) -> Claim:
    content: dict[str, Any] = {"kind": "organisatie", "names": [{"text": {"nl": "De Linde"}}], "form": form}
    same_as = () if source == "one" else (("one", "1"),)
    return Claim(source, "1", 1, "organisatie", content, same_as=same_as)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    home: Path = tmp_path_factory.mktemp("operating")
    store = Store.open(f"sqlite:///{home / 'fichehub.sqlite'}", home)
    store.write(
        lambda writer: writer.put(
            [_organisatie("one", "praktijk"), _organisatie("other", "organisatie")],
            origin="test",
        )
    )

    def fill(writer: Writer) -> None:
        writer.connection.execute(
            insert(connection).values(name="parrot", connector="parrot", config=b"{}", state="enabled", created_at=NOW, partner="")
        )
        for number in range(3):
            report = RunReport(
                id=0,
                connection="parrot",
                mode="full",
                state="done",
                tally=Tally(read=number),
                started_at=NOW,
                ended_at=NOW,
            )
            records.begin(writer.connection, report)

    store.write(fill)
    yield store
    store.close()


@pytest.fixture(scope="module")
def keys(store: Store) -> dict[str, str]:
    made: dict[str, str] = {}

    def give(writer: Writer) -> None:
        for name, rights in (("wacht", frozenset({"operate"})), ("intern", frozenset({"audit", "feed"}))):
            agreement = Agreement(
                name=name,
                title=name,
                purpose="test",
                legal_basis="test",
                contact="a@example.org",
                our_contact="b@example.org",
                level="internal",
                rights=rights,
            )
            save_agreement(writer.connection, agreement, NOW)
            made[name] = issue_key(writer.connection, name, NOW)

    store.write(give)
    return made


@pytest.fixture(scope="module")
def app(store: Store) -> flask.Flask:
    return create_app(store, plugins.load([("brought", Brought()), ("asks", Asks())], installed=False), Settings())


@pytest.fixture
def operator(app: flask.Flask, keys: dict[str, str]) -> FlaskClient:
    """Somebody whose agreement says that he may."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {keys['wacht']}"
    return client


@pytest.mark.parametrize("route", ROUTES)
def test_without_the_right_nothing_is_told(app: flask.Flask, keys: dict[str, str], route: str) -> None:
    everybody, insider = (
        app.test_client().get(API + route),
        app.test_client().get(API + route, headers={"X-API-Key": keys["intern"]}),
    )
    assert everybody.headers["WWW-Authenticate"].startswith("Bearer")
    for answer, status in ((everybody, 401), (insider, 403)):
        assert answer.status_code == status
        assert "operate" in answer.get_json()["detail"]


def test_without_the_right_nothing_is_done(app: flask.Flask, keys: dict[str, str], store: Store) -> None:
    client = app.test_client()
    headers = {"X-API-Key": keys["intern"]}
    decision = {"value": "praktijk", "by": "somebody"}
    fiche = _conflict(store).fiche
    assert client.post(f"{API}/conflicts/{fiche}/names", json=decision, headers=headers).status_code == 403
    assert client.post(f"{API}/deadLetters/replay?reason=x", headers=headers).status_code == 403
    assert _conflict(store).fiche == fiche


def test_how_the_connections_fare(operator: FlaskClient) -> None:
    (one,) = operator.get(f"{API}/connections").get_json()["items"]
    assert (one["name"], one["state"], one["lastState"]) == ("parrot", "enabled", "done")
    alone = operator.get(one["href"]).get_json()
    assert {**one, "self": one["href"]} == alone
    wrong = operator.get(f"{API}/connections/papegaai")
    assert wrong.status_code == 404
    assert operator.get(f"{API}/runs?connection=papegaai").status_code == 404


def test_runs_come_newest_first_and_each_once(operator: FlaskClient) -> None:
    read, address = [], f"{API}/runs?pageSize=2&connection=parrot"
    while address:
        page = operator.get(address).get_json()
        read += [item["counts"]["read"] for item in page["items"]]
        address = page.get("next", "")
    assert read == [2, 1, 0]


def test_a_conflict_is_listed_and_decided_and_the_decision_made_anew_and_taken_back(operator: FlaskClient, store: Store) -> None:
    (one,) = operator.get(f"{API}/conflicts").get_json()["items"]
    assert [value["source"] for value in one["values"]] == ["one", "other"]
    moments = [datetime.fromisoformat(value["receivedAt"]) for value in one["values"]]
    assert all(timedelta() <= datetime.now(UTC) - moment < timedelta(hours=1) for moment in moments)
    chosen = one["values"][1]["value"]
    refused = operator.post(one["href"], json={"value": "something else", "by": "An"})
    assert refused.status_code == 400
    assert operator.post(one["href"], json={"by": "An"}).status_code == 400
    plain = operator.post(one["href"], data="x", content_type="text/plain")
    assert (plain.status_code, "application/json" in plain.get_json()["detail"]) == (400, True)
    assert operator.post(one["href"], json={"value": chosen, "by": "An"}).get_json()["value"] == chosen
    assert operator.get(f"{API}/conflicts").get_json()["items"] == []
    assert operator.get(f"{API}/fiches/{one['fiche']}").get_json()["fiche"]["form"] == chosen
    decisions, item = f"{API}/decisions/{one['fiche']}", {name: one[name] for name in ("href", "fiche", "field")}
    assert operator.get(decisions).get_json() == {"items": [{**item, "value": chosen}], "self": decisions}
    other = one["values"][0]["value"]
    assert operator.post(one["href"], json={"value": other, "by": "An"}).status_code == 200
    assert operator.get(decisions).get_json()["items"] == [{**item, "value": other}]
    taken = operator.post(one["href"], json={"value": None, "by": "Bo"})
    assert (taken.status_code, taken.get_json()["value"]) == (200, None)
    assert operator.get(decisions).get_json()["items"] == []
    assert operator.get(f"{API}/conflicts").get_json()["items"] == [one]
    again = operator.post(one["href"], json={"value": None, "by": "Bo"})
    assert (again.status_code, "no decision about form" in again.get_json()["detail"]) == (400, True)
    assert operator.get(f"{API}/decisions/nobody").status_code == 404


def test_what_was_given_up_is_listed_and_delivered_again(operator: FlaskClient, store: Store) -> None:
    fiche = "0190b0a0-0000-7000-8000-000000000001"
    change = Change(
        seq=1,
        at=NOW,
        id=fiche,
        type="organisatie",
        fiche=fiche,
        operation="update",
        origin="test",
        fields=("names",),
    )
    _give_up(store, 1, change)
    (letter,) = operator.get(f"{API}/deadLetters?connection=parrot").get_json()["items"]
    assert (letter["entity"], letter["reason"]) == (fiche, "refused: no such street")
    assert operator.get(f"{API}/deadLetters?reason=thunder").get_json()["items"] == []
    refused = operator.post(f"{API}/deadLetters/replay")
    assert refused.status_code == 400, "never all of them by mistake"
    assert [(issue["in"], issue["name"]) for issue in refused.get_json()["issues"]] == [
        ("query", name) for name in ("connection", "entity", "reason")
    ]
    assert "at least one" in refused.get_json()["issues"][0]["detail"]
    assert operator.post(f"{API}/deadLetters/replay?reason=thunder").get_json() == {"replayed": 0}
    assert operator.post(f"{API}/deadLetters/replay?reason=STREET").get_json() == {"replayed": 1}
    with store.read() as opened:
        assert dead_letters(opened) == []


def test_what_was_given_up_comes_page_by_page_and_each_once(operator: FlaskClient, store: Store) -> None:
    """Also of one pull: all that it notes has the same seq."""
    ids = [f"0190b0a0-0000-7000-8000-{number:012}" for number in range(1, 8)]
    for number, fiche in enumerate(ids, start=11):
        seq = 11 if number < 16 else 20
        _give_up(
            store, number, Change(seq=seq, at=NOW, id=fiche, type="organisatie", fiche=fiche, operation="update", origin="test", fields=("names",))
        )
    read, address = [], f"{API}/deadLetters?pageSize=2"
    while address:
        page = operator.get(address).get_json()
        read += [item["entity"] for item in page["items"]]
        address = page.get("next", "")
    assert read == ids
    for wrong in ("", "nowhere", "parrot:11", "parrot:99999999999999999999:1", "parrot:11:11%0A"):
        assert operator.get(f"{API}/deadLetters?after={wrong}").status_code == 400
    assert operator.get(f"{API}/deadLetters?connection=papegaai").status_code == 404


def test_a_conflict_inside_a_part_is_decided_too(operator: FlaskClient, store: Store) -> None:
    claims = []
    for source, opens in (("one", "08:00"), ("other", "09:00")):
        hours = [{"days": ["mon"], "opens": opens, "closes": "12:00"}]
        said = replace(_organisatie(source, "praktijk"), revision=7)
        site = {"keys": ["site:a/b [1] #2"], "hours": hours, "name": {"nl": "Noord"}}
        claims.append(replace(said, content={**said.content, "vestigingen": [site]}))
    store.write(lambda writer: writer.put(claims, origin="test"))
    (one,) = [one for one in operator.get(f"{API}/conflicts").get_json()["items"] if one["field"].endswith(".hours")]
    chosen = one["values"][1]["value"]
    answer = operator.post(one["href"], json={"value": chosen, "by": "An"})
    assert (answer.status_code, answer.get_json()["field"]) == (200, one["field"])
    assert all(not item["field"].endswith(".hours") for item in operator.get(f"{API}/conflicts").get_json()["items"])


@pytest.fixture
def asked(store: Store) -> Iterator[list[str]]:
    """Two fiches about which somebody was asked."""

    def ask(writer: Writer) -> list[str]:
        for name, connector in (("register", "asking"), ("gone", "not-installed")):
            writer.connection.execute(
                insert(connection).values(name=name, connector=connector, config=b"{}", state="enabled", created_at=NOW, partner="")
            )
        rows: list[dict[str, Any]] = [
            {"id": n, "fiche_id": n, "uuid": f"0190b0a0-0000-7000-8000-000000000{n}", "type": "zorgverlener"} for n in (998, 999)
        ]
        writer.connection.execute(insert(entity), rows)
        for row, states in zip(rows, (("pending", "rejected"), ("accepted",)), strict=True):
            told = [
                {
                    "field": f"name/{n}", "old": None, "new": ["é"], "state": state, "id": f"p{n}", "at": NOW,
                    "reason": "unknown here" if state == "rejected" else "", "evidence": {"sources": ["sociale-kaart"]},
                    "value": "d" if state == "accepted" else None,
                }
                for n, state in enumerate(states)
            ]  # fmt: skip
            agreed.save(writer.connection, "register", row["id"], Agreed({}, {"asked": told}), NOW)
        return [str(row["uuid"]) for row in rows]

    def forget(writer: Writer) -> None:
        writer.connection.execute(delete(entity).where(entity.c.id.in_((998, 999))))
        writer.connection.execute(delete(agreed_table))
        writer.connection.execute(delete(connection).where(connection.c.name.in_(("register", "gone"))))

    yield store.write(ask)
    store.write(forget)


def test_what_was_proposed_is_listed_and_shown(operator: FlaskClient, asked: list[str]) -> None:
    first, second = asked
    pages, address = [], f"{API}/proposals?pageSize=1"
    while address:
        page = operator.get(address).get_json()
        pages.append([(one["entity"], one["state"]) for one in page["items"]])
        address = page.get("next", "")
    assert pages == [[(first, "pending"), (first, "rejected")], [(second, "accepted")]]
    (one,) = operator.get(f"{API}/proposals?connection=register&state=rejected&entity={first}").get_json()["items"]
    assert one == {
        "href": f"{API}/proposals/register/{first}/name%2F1", "connection": "register", "entity": first, "type": "zorgverlener",
        "field": "name/1", "state": "rejected", "old": None, "new": ["é"], "evidence": {"sources": ["sociale-kaart"]},
        "number": "p1", "since": NOW, "reason": "unknown here",
    }  # fmt: skip
    assert operator.get(one["href"]).get_json() == {**one, "self": one["href"]}
    (other,) = operator.get(f"{API}/proposals?entity={second}&state=accepted").get_json()["items"]
    assert other["value"] == "d", "what was put there instead"
    assert operator.get(f"{API}/proposals?entity={second}&state=pending").get_json()["items"] == []


@pytest.mark.parametrize(
    ("address", "status", "told"),
    [
        ("/proposals?state=refused", 400, "rejected"),
        ("/proposals?after=register", 400, "next"),
        ("/proposals?after=register:99999999999999999999", 400, "next"),
        ("/proposals?connection=nobody", 404, "register"),
        ("/proposals?connection=gone", 404, "not-installed"),
        ("/proposals?connection=parrot", 404, "proposes nothing"),
        ("/proposals/nobody/x/name", 404, "register"),
        ("/proposals/register/x/name", 404, "name"),
    ],
)
def test_a_wrong_question_about_proposals_is_told_what_is_wrong(
    operator: FlaskClient, asked: list[str], address: str, status: int, told: str
) -> None:
    answer = operator.get(API + address)
    assert (answer.status_code, told in answer.get_data(as_text=True)) == (status, True)


def _conflict(store: Store) -> reading.ConflictingFiche:
    with store.read() as opened:
        (found,) = reading.conflicts(opened)
    return found


def _give_up(store: Store, number: int, change: Change) -> None:
    row = {
        "connection": "parrot", "entity_id": number, "seq": change.seq, "change": orjson.dumps(change), "state": "dead", "attempts": 12, "next_at": NOW,
        "reason": "refused: no such street", "at": NOW,
    }  # fmt: skip
    store.write(lambda writer: writer.connection.execute(insert(outbox).values(row)))
