"""De Sociale Kaart beside the register, and what became of what was proposed: for all tests of proposals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from hub import Claim, Unreachable, plugins
from hub.access import Agreement, save_agreement
from hub.outbound import Answer
from hub.store import Store, reading
from hub.sync import decisions
from plugins import progezondheid
from plugins.progezondheid import proposing
from plugins.progezondheid.client import Client
from plugins.progezondheid.simulator import ProGezondheidSimulator

COUNT = 12
PHONE, OTHER = "+3216000001", "+3216000002"
EVERYTHING = list(proposing.FIELDS)


class Soka:
    """De Sociale Kaart, as far as it speaks of the caregivers of this register."""

    def __init__(self, store: Store, register: ProGezondheidSimulator) -> None:
        self._store = store
        self._register = register
        self._revision = 0

    def number(self, index: int = 0) -> str:
        return str(self._register.register.after(self._register.register.start(0), COUNT).items[index]["nihdi8"])

    def says(self, index: int = 0, *, gone: bool = False, **content: Any) -> str:
        """A claim about a caregiver; the answer is the id of the fiche."""
        self._revision += 1
        number = self.number(index)
        identified = {"identifiers": [{"system": "riziv", "value": number}]}
        whole = {} if gone else {"kind": "zorgverlener", **identified, **content}
        self._put(Claim("sociale-kaart", f"z{index}", self._revision, "zorgverlener", whole, gone=gone))
        return self.fiche(f"sociale-kaart|z{index}")

    def hears(self, source: str, index: int = 0, **content: Any) -> None:
        """A claim of another source about a caregiver."""
        self._revision += 1
        number = self.number(index)
        whole = {"kind": "zorgverlener", "identifiers": [{"system": "riziv", "value": number}], **content}
        self._put(Claim(source, number, self._revision, "zorgverlener", whole))

    def works(self, index: int, **aanbod: Any) -> str:
        """An aanbod in which this caregiver works; the answer is the id of the caregiver in it."""
        self._revision += 1
        site = {"keys": ["site:1"], "addresses": [{"type": "visit", "postcode": "9000", "street": {"nl": "Praktijkstraat"}, "house_number": "7"}]}
        practice = {
            "kind": "organisatie", "form": "praktijk", "names": [{"text": {"nl": "Praktijk Astrid"}}],
            "vestigingen": [site],
        }  # fmt: skip
        whole = {
            "kind": "aanbod", "names": [{"text": {"nl": "Kine"}}],
            "organisatie": {"source": "sociale-kaart", "external_id": "p"},
            "vestigingen": [{"key": "site:1"}],
            "caregivers": [{"keys": ["c:1"], "zorgverlener": {"system": "riziv", "value": self.number(index)}}],
            **aanbod,
        }  # fmt: skip
        self._put(
            Claim("sociale-kaart", "p", 1, "organisatie", practice),
            Claim("sociale-kaart", "a", self._revision, "aanbod", whole),
        )
        return str(self.document("sociale-kaart|a")["caregivers"][0]["id"])

    def fiche(self, key: str) -> str:
        with self._store.read() as connection:
            row = connection.exec_driver_sql(f"SELECT e.uuid FROM identity i JOIN entity e ON e.id = i.fiche_id WHERE i.key = '{key}'").one()
        return str(row[0])

    def document(self, key: str = "sociale-kaart|z0") -> dict[str, Any]:
        """The fiche as the hub has merged it."""
        with self._store.read() as connection:
            (found,) = reading.documents_by_uuid(connection, [self.fiche(key)]).values()
        return dict(found)

    def shown(self) -> dict[str, str]:
        """Number -> who may see it, as the hub has it of the first caregiver."""
        return {one["value"]: one.get("visibility", "public") for one in self.document().get("contacts", ())}

    def _put(self, *claims: Claim) -> None:
        counts = self._store.write(lambda writer: writer.put(list(claims), origin="sociale-kaart"))
        assert counts.rejected == []


def phone(value: str, **more: Any) -> dict[str, Any]:
    return {"kind": "phone", "value": value, **more}


def for_all(value: str) -> dict[str, str]:
    """A telephone number in the register that everybody may see."""
    return {"kind": "phone", "value": value, "audience": "public"}


def national(value: str) -> str:
    """As the register spells it."""
    return value.replace("+32", "0")


def asked(register: ProGezondheidSimulator) -> list[dict[str, Any]]:
    return list(register.desk.proposals.values())


def standing(register: ProGezondheidSimulator, number: str) -> dict[str, Any]:
    found = register.register.find(number)
    assert found is not None
    return found


def loaded() -> plugins.Plugins:
    return plugins.load([("progezondheid", progezondheid)], installed=False)


def known(store: Store) -> list[decisions.Proposed]:
    return list(decisions.proposals(store, loaded(), "register"))


@contextmanager
def unheard(request: str, error: type[BaseException] = Unreachable) -> Iterator[None]:
    """The register does what `propose` or `withdraw` asks, and the answer is lost."""
    whole = getattr(Client, request)

    def lost(client: Client, *args: Any, **how: Any) -> Any:
        whole(client, *args, **how)
        raise error("The line broke.")

    with patch.object(Client, request, lost):
        yield


def said_instead(patch: pytest.MonkeyPatch, path: str, change: Callable[[Any], Any], status: int = 200) -> None:
    """What the register answers at this path reads as `change` makes of it: also what its simulator could not write as JSON."""
    whole = Answer.json

    def json(answer: Answer) -> Any:
        said = whole(answer)
        return change(said) if answer.address.endswith(path) and answer.status in (200, 202, status) else said

    patch.setattr(Answer, "json", json)


def agreed_at(store: Store, level: Any) -> None:
    agreement = Agreement(
        name="fod", title="Register", purpose="Onderling juist houden", legal_basis="Fictief", contact="a@example.org",
        our_contact="b@example.org", level=level,
    )  # fmt: skip
    store.write(lambda writer: save_agreement(writer.connection, agreement, "2026-11-22T09:00:00Z"))
