"""What a fiche was before it became one with another: read under its old id, and no more of it than may be shown now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.directory import Directory
from hub.errors import Gone, Moved, NotFound
from hub.model.audience import INTERNAL, PUBLIC, Grant
from hub.model.claims import Claim
from hub.model.query import Criterion, Query
from hub.store import Store
from tests.store.saying import SB, SK, aanbod, organisatie, uuid_of

PHONE = "+3290000001"


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(database_url, tmp_path / "home", now=lambda: datetime(2026, 11, 22, 9, tzinfo=UTC))
    yield opened
    opened.close()


def put(store: Store, *claims: Claim) -> None:
    store.write(lambda writer: writer.put(claims, origin="test"))


def door(store: Store, grant: Grant = PUBLIC) -> Directory:
    return Directory(store, grant)


def names(fiche: dict[str, Any]) -> list[str]:
    return [text for name in fiche["names"] for text in name["text"].values()]


def house(name: str, *, revision: int = 1, **content: Any) -> Claim:
    """What SB says: a house with the site that SK's has (by its address), and one of its own."""
    said = organisatie("b", name, source=SB, sites=("1", "9"), revision=revision)
    return Claim(SB, "b", revision, "organisatie", {**said.content, "contacts": [{"kind": "phone", "value": PHONE}], **content})


class Joined:
    """Two houses that became one, and where the log stood before, between and after."""

    def __init__(self, store: Store) -> None:
        self.store = store
        put(store, organisatie("o", "Huis"))
        self.first = door(store).head()
        put(store, house("Maison"), aanbod("a", "b", source=SB))
        self.stays, self.goes = uuid_of(store, f"{SK}|o"), uuid_of(store, f"{SB}|b")
        self.before = door(store).head()
        self.was = door(store).get(self.goes)
        self.offer = uuid_of(store, f"{SB}|a")
        store.write(lambda writer: writer.join(self.stays, self.goes))
        self.after = door(store).head()


@pytest.fixture
def joined(store: Store) -> Joined:
    return Joined(store)


def test_before_the_join_the_old_id_answers_with_what_it_was(joined: Joined) -> None:
    then = door(joined.store).as_at(joined.goes, joined.before)
    assert (then.id, then.fiche, then.seq, then.sources) == (joined.goes, joined.was.fiche, joined.was.seq, (SB,))
    assert names(door(joined.store).as_at(joined.stays, joined.before).fiche) == ["Huis"]
    for late in (joined.after, joined.after - 1):
        with pytest.raises(Moved) as caught:
            door(joined.store).as_at(joined.goes, late)
        assert caught.value.id == joined.stays
    with pytest.raises(NotFound):
        door(joined.store).as_at(joined.goes, joined.first)


def test_its_history_ends_where_it_went(joined: Joined) -> None:
    told = door(joined.store).history(joined.goes)
    assert [change.operation for change in told] == ["delete", "create"]
    assert door(joined.store).history(joined.goes, before=told[-1].seq) == ()
    with pytest.raises(Moved):
        door(joined.store).get(joined.goes)


def test_so_do_its_sites_whether_they_went_along_or_became_one(joined: Joined) -> None:
    for site in joined.was.fiche["vestigingen"]:
        then = door(joined.store).as_at(site["id"], joined.before)
        assert then.part == site
        assert then.fiche["id"] == joined.goes
    by_number = {site["addresses"][0]["house_number"]: site["id"] for site in joined.was.fiche["vestigingen"]}
    with pytest.raises(Moved):
        door(joined.store).as_at(by_number["1"], joined.after)
    along = door(joined.store).as_at(by_number["9"], joined.after)
    assert along.fiche["id"] == joined.stays
    (newest, *_) = door(joined.store).history(by_number["9"])
    assert newest.fiche == joined.stays


def test_what_named_it_then_leads_to_what_it_was(joined: Joined) -> None:
    offer = door(joined.store).as_at(joined.offer, joined.before)
    assert offer.fiche["organisatie"] == {"id": joined.goes}
    assert names(dict(offer.related[joined.goes])) == ["Maison"]
    assert door(joined.store).get(joined.offer).fiche["organisatie"] == {"id": joined.stays}


def test_what_is_hidden_now_stays_hidden_in_its_past(joined: Joined) -> None:
    hidden = [{"kind": "phone", "value": PHONE, "visibility": "internal"}]
    sites = house("Maison").content["vestigingen"]
    sites[0]["visibility"] = "internal"  # which became one with a site of the other house
    put(joined.store, house("Maison", revision=2, contacts=hidden, vestigingen=sites))
    then = door(joined.store).as_at(joined.goes, joined.before).fiche
    assert "contacts" not in then or then["contacts"] == []
    assert [site["addresses"][0]["house_number"] for site in then["vestigingen"]] == ["9"]
    offer = door(joined.store).as_at(joined.offer, joined.before)
    assert PHONE not in str(offer.related)
    assert PHONE in str(door(joined.store, INTERNAL).as_at(joined.goes, joined.before).fiche)
    put(joined.store, house("Maison", revision=3, visibility="internal"))
    with pytest.raises(Gone):
        door(joined.store).as_at(joined.goes, joined.before)


def test_a_selection_holds_its_past_where_it_holds_what_it_became(joined: Joined) -> None:
    scope = Query(types=("organisatie",), where=(Criterion("postcode", ("3000",)),))
    grant = Grant(scope=scope, partner="zorgraad", revision=1)
    assert names(door(joined.store, grant).as_at(joined.goes, joined.before).fiche) == ["Maison"]
    assert door(joined.store, grant).history(joined.goes)
    elsewhere = Grant(scope=Query(types=("organisatie",), where=(Criterion("postcode", ("9000",)),)), partner="zorgraad", revision=1)
    for ask in (lambda: door(joined.store, elsewhere).as_at(joined.goes, joined.before), lambda: door(joined.store, elsewhere).history(joined.goes)):
        with pytest.raises(NotFound):
            ask()


def test_split_again_it_has_its_past_and_a_gap(joined: Joined) -> None:
    joined.store.write(lambda writer: writer.split(joined.stays, [(SB, "b")]))
    now = door(joined.store).head()
    assert names(door(joined.store).as_at(joined.goes, joined.before).fiche) == ["Maison"]
    with pytest.raises(Gone):
        door(joined.store).as_at(joined.goes, joined.after)
    assert names(door(joined.store).as_at(joined.goes, now).fiche) == ["Maison"]
    for site in joined.was.fiche["vestigingen"]:
        assert door(joined.store).as_at(site["id"], now).fiche["id"] == joined.goes


def test_where_a_site_of_a_partners_own_stood_is_told_to_him_and_to_nobody_else(store: Store) -> None:
    put(store, organisatie("o", "Huis"))
    put(store, house("Maison"))
    first = door(store).head()
    put(store, replace(organisatie("m", source="kaart", sites=("7",)), same_as=((SB, "b"),), partner="gent"))
    stays, goes = uuid_of(store, f"{SK}|o"), uuid_of(store, f"{SB}|b")
    gent, leuven = (door(store, Grant(partner=partner)) for partner in ("gent", "leuven"))
    (own,) = (site for site in gent.get(goes).fiche["vestigingen"] if site["addresses"][0]["house_number"] == "7")
    before = door(store).head()
    store.write(lambda writer: writer.join(stays, goes))
    after = door(store).head()
    for seq, fiche in ((before, goes), (after, stays)):
        then = gent.as_at(own["id"], seq)
        assert (then.part, then.fiche["id"]) == (own, fiche)
        for other in (leuven, door(store)):
            with pytest.raises(NotFound):
                other.as_at(own["id"], seq)
    with pytest.raises(NotFound):
        gent.as_at(own["id"], first)


def test_what_never_had_a_document_leads_on_at_once(store: Store) -> None:
    put(store, organisatie("o", "Huis"))
    before = door(store).head()
    put(store, aanbod("a", "b", organisatie={"source": SB, "external_id": "b"}))
    stub = uuid_of(store, f"{SB}|b")
    put(store, Claim("excel", "e", 1, "organisatie", {"kind": "organisatie"}, same_as=((SK, "o"), (SB, "b"))))
    for ask in (lambda: door(store).as_at(stub, before), lambda: door(store).history(stub)):
        with pytest.raises(Moved) as caught:
            ask()
        assert caught.value.id == uuid_of(store, f"{SK}|o")
