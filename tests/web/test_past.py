"""What was hidden where it last stood comes back through no address of the API, whoever asks for whatever moment."""

from __future__ import annotations

from typing import Any

import pytest

from hub import plugins
from hub.model.claims import Claim
from hub.store import Store
from hub.web import Settings, create_app
from tests.store.saying import PG, SK, aanbod, gone, head, organisatie, person, uuid_of

CANARY = "kanarie"
MAIL = {"kind": "email", "value": f"{CANARY}@example.org"}
HIDDEN = {"visibility": "internal"}


def _organisation(revision: int, **content: Any) -> Claim:
    return organisatie("o", "Huis", sites=(), revision=revision, **content)


def _site(**content: Any) -> list[dict[str, Any]]:
    return [{"keys": ["sk:1"], "addresses": [{"postcode": "3000", "street": {"nl": f"{CANARY}straat"}}], **content}]


@pytest.mark.parametrize(
    "story",
    [
        (_organisation(1, contacts=[MAIL]), _organisation(2, contacts=[MAIL | HIDDEN]), _organisation(3)),
        (_organisation(1, contacts=[MAIL]), _organisation(2, contacts=[MAIL | HIDDEN]), gone(_organisation(1), 3)),
        (_organisation(1, vestigingen=_site()), _organisation(2, vestigingen=_site(**HIDDEN)), _organisation(3)),
        (_organisation(1, description={"nl": CANARY}), _organisation(2, description={"nl": CANARY}, **HIDDEN), gone(_organisation(1), 3)),
        (person("o", CANARY, number=1), person("o", CANARY, number=1, revision=2, **HIDDEN), gone(person("o"), 3)),
    ],
    ids=["value", "value of a fiche", "site", "fiche", "person"],
)
def test_what_was_hidden_does_not_come_back_when_it_is_gone(empty_store: Store, story: tuple[Claim, Claim, Claim]) -> None:
    client = create_app(empty_store, plugins.load(installed=False), Settings()).test_client()

    def put(*claims: Claim) -> None:
        empty_store.write(lambda writer: writer.put(claims, origin="test"))

    def told() -> str:
        found = []
        for id in (uuid_of(empty_store, f"{story[0].source}|o"), uuid_of(empty_store, f"{SK}|a")):
            found += [client.get(f"/api/v1/fiches/{id}{more}").text for more in ("", "/history", "/provenance")]
            found += [client.get(f"/api/v1/fiches/{id}?asAt={seq}").text for seq in range(1, head(empty_store) + 1)]
        found.append(client.get("/api/v1/changes").text)
        return "".join(found)

    put(story[0], aanbod("a", "o", people=(1,) if story[0].source == PG else ()))
    assert CANARY in told()
    for claim in story[1:]:
        put(claim)
        assert CANARY not in told()
