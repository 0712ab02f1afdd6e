"""A small world under Koepel De Linde, for all tests of the directory."""

from __future__ import annotations

from hub.directory import Directory
from hub.model.audience import PUBLIC
from hub.model.claims import Claim
from hub.store import Store
from tests.store.saying import SK, aanbod, organisatie, person

PHONE = "+3290000001"


def put(store: Store, *claims: Claim) -> None:
    store.write(lambda writer: writer.put(claims, origin="test"))


def fill(store: Store) -> None:
    put(
        store,
        organisatie("koepel", "Koepel De Linde", phone=PHONE),
        organisatie("o", "Huis De Wilg", parent={"source": SK, "external_id": "koepel"}),
        aanbod("a", "o", "Dagopvang", sites=("1",), people=(1, 2)),
        person("p1", "Peeters", number=1),
        person("p2", "Verborgen", number=2, visibility="internal"),
    )


def public(store: Store) -> Directory:
    return Directory(store, PUBLIC)
