"""Proposals from the command line."""

from __future__ import annotations

import pytest

from hub import World
from hub.model.claims import Claim
from hub.outbound import ALLOW_PRIVATE
from hub.store import Store
from plugins.progezondheid.simulator import ProGezondheidSimulator
from tests.cli.conftest import CommandLine


def follow(fichehub: CommandLine, register: ProGezondheidSimulator) -> None:
    """Connect to the register, as one to which languages may be proposed, and take in what it has."""
    told = [f"--set={name}={value}" for name, value in register.config().items()]
    fichehub.ok("connections", "add", "register", "progezondheid", *told, '--set=proposals=["languages"]')
    fichehub.ok("connections", "enable", "register")
    fichehub.ok("run", "register")


def propose_swedish(fichehub: CommandLine, number: str) -> None:
    """Let another source say of the caregiver with this RIZIV number that he or she speaks it, and tell the register."""
    store = Store.open(f"sqlite:///{fichehub.home / 'fichehub.sqlite'}", fichehub.home)
    content = {"kind": "zorgverlener", "identifiers": [{"system": "riziv", "value": number}], "languages": ["sv"]}
    said = Claim("sociale-kaart", "z", 1, "zorgverlener", content)
    store.write(lambda writer: writer.put([said], origin="sociale-kaart"))
    store.close()
    fichehub.ok("run", "register")


def test_what_was_proposed_is_shown_with_the_reason_of_its_rejection(fichehub: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW_PRIVATE, "1")
    with ProGezondheidSimulator(World(), count=3, faults=("reject-proposals",)) as register:
        number = register.register.after(register.register.start(0), 1).items[0]["nihdi8"]
        follow(fichehub, register)
        assert fichehub.ok("proposals", "list") == "Nothing was proposed.\n"
        propose_swedish(fichehub, number)
    (found,) = fichehub.json("proposals", "list", "--state", "rejected")
    assert (found["field"], found["state"], found["reason"]) == ("languages", "rejected", "The caregiver does not confirm this (fictional).")
    assert found["new"] == [*found["old"], "sv"]
    assert fichehub.json("proposals", "list", "--connection", "register", "--state", "pending") == []
    assert found["evidence"]["sources"] == ["sociale-kaart"]
    assert "sv" in fichehub.ok("proposals", "list")
    assert fichehub.json("proposals", "show", "register", found["entity"]) == [found]
    shown = fichehub.ok("proposals", "show", "register", found["entity"], "languages")
    assert found["reason"] in shown
    assert found["evidence"]["fiche"] in shown
    assert "contacts" in fichehub.refused("proposals", "show", "register", found["entity"], "contacts")
    assert "nothing" in fichehub.refused("proposals", "list", "--connection", "nothing")


def test_what_its_owner_put_there_instead_is_shown(fichehub: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW_PRIVATE, "1")
    with ProGezondheidSimulator(World(), count=1) as register:
        number = register.register.after(register.register.start(0), 1).items[0]["nihdi8"]
        register.edit(number, languages=["nl"])
        follow(fichehub, register)
        propose_swedish(fichehub, number)
        (waiting,) = register.desk.proposals
        register.decide(waiting, accept=True, value=["nl", "da"])
        fichehub.ok("run", "register")
    (found,) = fichehub.json("proposals", "list")
    assert (found["state"], found["new"], found["value"]) == ("accepted", ["nl", "sv"], ["nl", "da"])
    assert '  to: ["nl","sv"]\n  taken over as: ["nl","da"]\n' in fichehub.ok("proposals", "show", "register", found["entity"])
