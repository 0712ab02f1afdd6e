"""Hidden values are in no answer, header or error of those who may not see them, whatever they ask."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import INTERNAL, OVERLAY, PROFESSIONAL, Ids

API = "/api/v1"
ASKED = [
    "/",
    "/health",
    "/metrics",
    f"{API}/fiches?pageSize=200",
    f"{API}/fiches?text={{canary}}",
    f"{API}/fiches?name={{canary}}",
    f"{API}/fiches?text=linde&local=1980",
    f"{API}/fiches?sort=name&pageSize=3",
    f"{API}/fiches/{{organisatie}}",
    f"{API}/fiches/{{aanbod}}",
    f"{API}/fiches/{{hidden}}",
    f"{API}/fiches/{{organisatie}}/history",
    f"{API}/fiches/{{organisatie}}/provenance",
    f"{API}/fiches/{{hidden}}/provenance",
    f"{API}/changes?pageSize=1000",
    f"{API}/concepts/rubriek",
    "/parrot/say/crash",
    "/parrot/say/bye",
    "/throw/bug/x",
]
HIDDEN = {
    None: (PROFESSIONAL, INTERNAL, OVERLAY),
    "collega": (INTERNAL, OVERLAY),
    "buur": (PROFESSIONAL, INTERNAL),
}


@pytest.mark.parametrize("partner", HIDDEN, ids=lambda partner: partner or "public")
def test_what_is_hidden_is_nowhere(client: FlaskClient, ids: Ids, partner: str | None) -> None:
    key = {"X-API-Key": ids.keys[partner]} if partner else {}
    for canary in HIDDEN[partner]:
        for asked in ASKED:
            address = asked.format(canary=canary, organisatie=ids.organisatie, aanbod=ids.aanbod, hidden=ids.hidden)
            response = client.get(address, headers=key)
            # What the asker typed comes back in `self`; that is his own.
            said = response.get_data(as_text=True).replace(f'"self":"{address}"', "")
            assert canary not in said, address
            assert canary not in str(response.headers), address
            if f"={canary}" in address:
                assert response.get_json()["items"] == []


def test_those_who_may_see_them_do(client: FlaskClient, ids: Ids) -> None:
    def said(partner: str) -> str:
        return client.get(f"{API}/fiches/{ids.organisatie}", headers={"X-API-Key": ids.keys[partner]}).get_data(as_text=True)

    assert PROFESSIONAL in said("collega")
    assert INTERNAL in said("wijzelf") and PROFESSIONAL in said("wijzelf")
    assert OVERLAY in said("buur")
