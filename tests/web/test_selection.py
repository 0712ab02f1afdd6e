"""What an agreement's selection leaves out is not pointed to by what it holds."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from hub import plugins
from hub.access import Agreement, issue_key, save_agreement
from hub.directory import Directory
from hub.model.audience import INTERNAL, Grant
from hub.model.claims import Claim
from hub.model.entity import Entity
from hub.model.fiche import EntityType
from hub.model.query import Criterion, Query
from hub.store import Store
from hub.web import Settings, create_app
from hub.web.api.fiches import _etag
from tests.store.saying import SK, aanbod, head, organisatie, person, uuid_of
from tests.web.conftest import NOW

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
PHONE = "+3290000001"


def _house(**more: Any) -> Claim:
    member = [{"organisatie": {"source": SK, "external_id": "net"}}]
    return organisatie("o", "Huis De Wilg", phone=PHONE, memberships=member, **more)


@pytest.fixture
def filled(empty_store: Store) -> Store:
    """An offer of an organisatie, at one of its sites, by a caregiver; the organisatie is a member of a network."""
    empty_store.write(
        lambda writer: writer.put(
            [
                organisatie("net", "Netwerk"),
                _house(),
                aanbod("a", "o", "Dagopvang", sites=("1",), people=(1,)),
                person("p", "Peeters", number=1),
            ],
            origin="test",
        )
    )
    return empty_store


def _client(store: Store, *types: EntityType, where: tuple[Criterion, ...] = ()) -> tuple[FlaskClient, dict[str, str]]:
    def agree(writer: object) -> str:
        connection = writer.connection  # type: ignore[attr-defined]
        agreement = Agreement(
            name="deel", title="Deel", purpose="test", legal_basis="test", contact="deel@example.org", our_contact="wij@example.org",
            level="professional", scope=Query(types=types, where=where),
        )  # fmt: skip
        save_agreement(connection, agreement, NOW)
        return issue_key(connection, "deel", NOW)

    key = store.write(agree)
    return create_app(store, plugins.load([], installed=False), Settings()).test_client(), {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    ("types", "name", "left_out"),
    [
        (("aanbod",), "a", ("o", "net", "p")),
        (("organisatie", "membership", "vestiging"), "o", ()),
        (("zorgverlener", "aanbod"), "a", ("o", "net")),
    ],
)
def test_a_link_leads_to_what_can_be_read(filled: Store, types: tuple[EntityType, ...], name: str, left_out: tuple[str, ...]) -> None:
    client, headers = _client(filled, *types)
    id = uuid_of(filled, f"{SK}|{name}")
    answers = [
        client.get(f"/api/v1/fiches/{id}", headers=headers),
        client.get(f"/api/v1/fiches/{id}?asAt={head(filled)}", headers=headers),
        client.get("/api/v1/fiches", headers=headers),
    ]
    for answer in answers:
        assert answer.status_code == 200
        for external_id in left_out:
            source = "progezondheid" if external_id == "p" else SK
            assert uuid_of(filled, f"{source}|{external_id}") not in answer.text
    whole = answers[0].json
    assert whole is not None
    for other in set(_UUID.findall(str(whole["fiche"]))) - {part["id"] for part in _parts(whole["fiche"])}:
        assert client.get(f"/api/v1/fiches/{other}", headers=headers).status_code == 200
    if name == "a":
        assert [each["contact"]["value"] for each in whole["contacts"]] == [PHONE]
        assert "originId" not in whole["contacts"][0]
        assert "organisatie" not in whole["fiche"] and "vestigingen" not in whole["fiche"]


def _parts(fiche: dict[str, object]) -> list[dict[str, str]]:
    return [item for value in fiche.values() if isinstance(value, list) for item in value if isinstance(item, dict) and "id" in item]


def test_the_tag_moves_when_the_selection_comes_to_hold_the_other_end(filled: Store) -> None:
    tagged = [{"scheme": "tag", "code": "proef"}]
    filled.write(lambda writer: writer.put([aanbod("a", "o", "Dagopvang", revision=2, tags=tagged)], origin="test"))
    client, headers = _client(filled, "aanbod", "organisatie", where=(Criterion("code", ("tag|proef",)),))
    path = f"/api/v1/fiches/{uuid_of(filled, f'{SK}|a')}"
    before = client.get(path, headers=headers)
    assert before.json is not None and "organisatie" not in before.json["fiche"]
    headers["If-None-Match"] = before.headers["ETag"]
    assert client.get(path, headers=headers).status_code == 304
    filled.write(lambda writer: writer.put([_house(revision=2, tags=tagged)], origin="test"))
    after = client.get(path, headers=headers)
    assert after.status_code == 200
    assert after.json is not None and "organisatie" in after.json["fiche"]


def test_the_tag_tells_what_lies_outside(filled: Store) -> None:
    entity = Directory(filled, INTERNAL).get(uuid_of(filled, f"{SK}|a"))
    outside = [frozenset[str](), frozenset({"a"}), frozenset({"a", "b"})]
    assert len({_etag(replace(entity, outside=ids), INTERNAL) for ids in outside}) == 3


def test_the_tag_moves_with_the_agreement() -> None:
    entity = Entity(id="1", type="aanbod", number=1, seq=5, updated_at="2026-11-22T09:00:00Z", fiche={"id": "1", "kind": "aanbod"})
    tag = _etag(entity, Grant("professional", name="proef", revision=3))
    assert _etag(entity, Grant("professional", name="proef", revision=3)) == tag
    assert tag not in (_etag(entity, Grant("professional", name="proef", revision=4)), _etag(entity, Grant("professional", name="ander", revision=3)))
