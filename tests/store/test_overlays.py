"""What one partner says for himself: he sees it, nobody else does, and no update of the shared fiche takes it away."""

from dataclasses import replace
from typing import Any

from hub.model.claims import Claim
from hub.store import Store, reading
from tests.store.conftest import put
from tests.store.saying import SK, count, fiche, gone, head, log, number_of, organisatie

MINE = "zorgraad-proef"


def overlay(external_id: str = "m1", *, revision: int = 1, same_as: tuple[tuple[str, str], ...] = ((SK, "o1"),), **content: Any) -> Claim:
    said = {"kind": "organisatie", **content}
    return Claim("kaart-proef", external_id, revision, "organisatie", said, same_as=same_as, partner=MINE)


OWN_PHONE: list[Any] = [{"kind": "phone", "value": "+3216000077"}]


def numbers(document: dict[str, Any] | None) -> list[str]:
    return [contact["value"] for contact in (document or {}).get("contacts", ())]


def test_only_the_partner_sees_it(store: Store) -> None:
    put(store, organisatie("o1"))
    before = head(store)
    put(store, overlay(contacts=OWN_PHONE))
    assert numbers(fiche(store, f"{SK}|o1")) == []
    assert numbers(fiche(store, f"{SK}|o1", MINE)) == ["+3216000077"]
    assert numbers(fiche(store, f"{SK}|o1", "somebody-else")) == []
    assert log(store, before) == log(store, before, partner="somebody-else") == []
    assert [change.operation for change in log(store, before, partner=MINE) if change.type == "organisatie"] == ["update"]


def test_it_survives_every_update_of_the_shared_fiche(store: Store) -> None:
    put(store, organisatie("o1", "Oud"))
    put(store, overlay(contacts=OWN_PHONE))
    put(store, organisatie("o1", "Nieuw", revision=2))
    mine = fiche(store, f"{SK}|o1", MINE)
    assert mine and mine["names"][0]["text"]["nl"] == "Nieuw"
    assert numbers(mine) == ["+3216000077"]


def test_the_index_has_a_row_for_the_partner_and_hides_the_shared_one_from_him(store: Store) -> None:
    put(store, organisatie("o1"))
    put(store, overlay(contacts=OWN_PHONE))
    with store.read() as connection:
        known = reading.resolve(connection, [fiche(store, f"{SK}|o1")["id"]])  # type: ignore[index]
        (entity,) = known.values()
        mine = reading.entry_for(connection, entity.id, MINE)
        assert mine != entity.id
        assert reading.entry_for(connection, entity.id, "somebody-else") == entity.id
    assert count(store, "entry", f"id = {mine} AND partner = '{MINE}'") == 1
    assert count(store, "entry_mask", f"partner = '{MINE}'") == 2  # the organisatie and its vestiging
    assert count(store, "entry", f"partner = '{MINE}'") == 2


def test_a_fiche_of_the_partner_alone_exists_for_nobody_else(store: Store) -> None:
    own = overlay(same_as=(), names=[{"text": {"nl": "Geheim Huis"}}])
    put(store, own)
    assert fiche(store, "kaart-proef|m1") is None
    assert fiche(store, "kaart-proef|m1", MINE)
    assert log(store) == []
    assert [change.operation for change in log(store, partner=MINE)] == ["create"]
    assert count(store, "entry", "partner = ''") == 0
    assert count(store, "entry", f"partner = '{MINE}'") == 1
    put(store, gone(own, 2))
    assert [change.operation for change in log(store, partner=MINE)] == ["create", "delete"]
    assert count(store, "entry") == 0


def test_when_it_ends_the_partner_sees_the_shared_fiche_again(store: Store) -> None:
    put(store, organisatie("o1"))
    put(store, overlay(contacts=OWN_PHONE))
    put(store, gone(overlay(), 2))
    assert fiche(store, f"{SK}|o1", MINE) == fiche(store, f"{SK}|o1")
    assert count(store, "entry_mask") == 0
    assert count(store, "entry", f"partner = '{MINE}'") == 0


def test_when_the_shared_fiche_goes_the_partner_keeps_his(store: Store) -> None:
    put(store, organisatie("o1"))
    put(store, overlay(names=[{"text": {"nl": "Mijn Huis"}}]))
    before = head(store)
    put(store, gone(organisatie("o1"), 2))
    assert fiche(store, f"{SK}|o1") is None
    assert fiche(store, f"{SK}|o1", MINE)
    mine = [change.operation for change in log(store, before, partner=MINE) if change.type == "organisatie"]
    assert mine == ["delete", "create"]  # whoever follows both ends with it there


def test_its_past_can_be_read_by_the_partner_alone(store: Store) -> None:
    put(store, organisatie("o1"))
    put(store, overlay(contacts=OWN_PHONE))
    then = head(store)
    put(store, replace(overlay(revision=2), content={"kind": "organisatie", "contacts": [{"kind": "phone", "value": "+3216000078"}]}))
    number = number_of(store, f"{SK}|o1")
    with store.read() as connection:
        assert numbers(reading.as_at(connection, number, then, MINE)) == ["+3216000077"]
        assert numbers(reading.as_at(connection, number, then)) == []
