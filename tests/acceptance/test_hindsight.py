"""What was public once and is hidden now, why two fiches may be one, and a number that cannot be: told as they should be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from hub import Claim, World
from tests.acceptance.conftest import Loaded
from tests.acceptance.installation import Clock, fiche_of, installation, rows

PHONE = "+3290000001"


def test_the_reasons_of_match_fiche_stand_in_the_review_queue(tmp_path: Path, world: World) -> None:
    with installation(f"sqlite:///{tmp_path / 'hub.sqlite'}", tmp_path, Clock()) as hub:
        hub.store.use_hooks(match=hub.plugins.match_fiche)
        listing = next(one for one in world.brussels_organisations() if one.in_sociale_kaart is not None)
        known = world.source_id("organisatie", listing.in_sociale_kaart or 0)
        theirs = [claim for claim in world.to_claims() if claim.external_id == known]
        ours = [claim for claim in world.brussels_claims() if claim.external_id == str(listing.id)]
        for claims in (theirs, ours):
            hub.store.write(lambda writer, some=claims: writer.put(some, origin="test"))  # type: ignore[misc]
        ((detail,),) = rows(hub.store, "SELECT detail FROM review")
    assert {"address", "name"} <= set(orjson.loads(bytes(detail))["reasons"])


@pytest.mark.parametrize(
    "later",
    [
        {"contacts": [{"kind": "phone", "value": PHONE, "visibility": "internal"}]},
        {"contacts": [{"kind": "phone", "value": PHONE}], "visibility": "internal"},
    ],
    ids=["a value", "the whole fiche"],
)
def test_what_is_hidden_now_cannot_be_read_in_the_past(tmp_path: Path, later: dict[str, Any]) -> None:

    def said(revision: int, **fields: Any) -> Claim:
        names = [{"text": {"nl": "Zichtbaar"}}]
        return Claim("elders", "1", revision, "organisatie", {"kind": "organisatie", "names": names, **fields})

    with installation(f"sqlite:///{tmp_path / 'hub.sqlite'}", tmp_path, Clock()) as hub:
        for claim in (said(1, contacts=[{"kind": "phone", "value": PHONE}]), said(2, **later)):
            hub.store.write(lambda writer, one=claim: writer.put([one], origin="test"))  # type: ignore[misc]
        answer = hub.client().get(f"/api/v1/fiches/{fiche_of(hub.store, 'elders', '1')}?asAt=1")
    assert PHONE not in answer.text


def test_fhir_names_an_identifier_that_cannot_be(loaded: Loaded) -> None:
    cbe = "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/cbe"
    answer = loaded.hub.client().get(f"/fhir/Organization?identifier={cbe}|0403019262", headers={"Prefer": "handling=strict"})
    assert answer.status_code == 400
    assert answer.get_json()["resourceType"] == "OperationOutcome"
    assert "identifier" in answer.text
