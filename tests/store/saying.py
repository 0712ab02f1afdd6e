"""Short claims for the tests of the store; every name and number is made up."""

from typing import Any

from sqlalchemy import text

from hub.model.claims import Claim
from hub.model.fiche import EntityType
from hub.model.identifiers import riziv_check_digits
from hub.store import Store, log_reading, reading
from hub.store.index_forms import read_tokens
from hub.store.index_tokens import whole_names

SK, PG, SB = "sociale-kaart", "progezondheid", "sociaal-brussels"


def riziv(number: int) -> str:
    """A RIZIV number with right check digits."""
    first6 = f"1{number:05d}"
    return first6 + riziv_check_digits(first6, 97)


def person(external_id: str, family: str = "Voorbeeld", *, source: str = PG, revision: int = 1, number: int | None = None, **content: Any) -> Claim:
    """A zorgverlener; `number` gives a RIZIV number."""
    said: dict[str, Any] = {"kind": "zorgverlener", "name": {"family": family, "given": ["An"]}, **content}
    if number is not None:
        said["identifiers"] = [{"system": "riziv", "value": riziv(number)}]
    return Claim(source, external_id, revision, "zorgverlener", said)


def organisatie(
    external_id: str, name: str = "De Proef", *, source: str = SK, revision: int = 1, sites: tuple[str, ...] = ("1",), phone: str = "", **content: Any
) -> Claim:
    """An organisatie with a vestiging per house number in `sites`."""
    said: dict[str, Any] = {"kind": "organisatie", "names": [{"text": {"nl": name}}], **content}
    if sites:
        said["vestigingen"] = [
            {
                "keys": [f"{source}:{external_id}-{number}"],
                "addresses": [{"street": {"nl": "Proefstraat"}, "house_number": number, "postcode": "3000", "municipality": "24062"}],
            }
            for number in sites
        ]
    if phone:
        said["contacts"] = [{"kind": "phone", "value": phone}]
    return Claim(source, external_id, revision, "organisatie", said)


def aanbod(
    external_id: str,
    of: str,
    name: str = "Proefzorg",
    *,
    source: str = SK,
    revision: int = 1,
    sites: tuple[str, ...] = (),
    people: tuple[int, ...] = (),
    **content: Any,
) -> Claim:
    """An aanbod of the organisatie `of`, at its sites, with caregivers by RIZIV number."""
    said: dict[str, Any] = {
        "kind": "aanbod",
        "names": [{"text": {"nl": name}}],
        "organisatie": {"source": source, "external_id": of},
        "rubrieken": [{"scheme": "rubriek", "code": "14.04.01"}],
        **content,
    }
    if sites:
        said["vestigingen"] = [{"key": f"{source}:{of}-{number}"} for number in sites]
    if people:
        said["caregivers"] = [{"zorgverlener": {"system": "riziv", "value": riziv(number)}} for number in people]
    return Claim(source, external_id, revision, "aanbod", said)


def gone(claim: Claim, revision: int) -> Claim:
    """The same thing, removed at its source."""
    return Claim(claim.source, claim.external_id, revision, claim.kind, {}, gone=True, partner=claim.partner)


def number_of(store: Store, key: str) -> int:
    """The fiche that an identity key means."""
    with store.read() as connection:
        return int(connection.exec_driver_sql(f"SELECT fiche_id FROM identity WHERE key = '{key}'").scalar_one())


def uuid_of(store: Store, key: str) -> str:
    """Its UUID."""
    with store.read() as connection:
        return str(connection.exec_driver_sql(f"SELECT e.uuid FROM identity i JOIN entity e ON e.id = i.fiche_id WHERE i.key = '{key}'").scalar_one())


def fiche(store: Store, key: str, partner: str | None = None) -> dict[str, Any] | None:
    """The merged document behind an identity key."""
    with store.read() as connection:
        uuid = uuid_of(store, key)
        return reading.documents_by_uuid(connection, [uuid], partner).get(uuid)


def head(store: Store) -> int:
    with store.read() as connection:
        return log_reading.head(connection)


def log(store: Store, since: int = 0, rank: int = 2, partner: str | None = None) -> list[Any]:
    """The changes after `since` as somebody of this rank gets them."""
    with store.read() as connection:
        return list(log_reading.changes(connection, since, 100_000, rank, partner).changes)


def told(store: Store, since: int = 0, rank: int = 2, partner: str | None = None) -> set[tuple[str, str]]:
    """The same, as (operation, type)."""
    return {(change.operation, change.type) for change in log(store, since, rank, partner)}


def called(store: Store, kind: EntityType, name: str) -> int:
    """How many entries of a type are wholly called so, for whoever may see everything."""
    token = {token for level in range(3) for token in whole_names(kind, level, name)}
    with store.read() as connection:
        if connection.dialect.name == "postgresql":
            rows = [set(row[0]) for row in connection.execute(text("SELECT tsvector_to_array(tokens) FROM fulltext"))]
        else:
            rows = [set(read_tokens(row[0]).split()) for row in connection.execute(text("SELECT tokens FROM fulltext_tokens"))]
    return sum(not token.isdisjoint(row) for row in rows)


def count(store: Store, table: str, where: str = "1 = 1") -> int:
    with store.read() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table} WHERE {where}")).scalar_one())
