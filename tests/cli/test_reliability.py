"""Status, switches, previews, conflicts and dead letters from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub import World
from hub.model.claims import Claim
from hub.store import Store
from hub.sync.connections import ALLOW_PRIVATE
from plugins.progezondheid.simulator import ProGezondheidSimulator
from tests.cli.conftest import CommandLine


def connect(filled: CommandLine) -> None:
    filled.ok("connections", "add", "book", "excel", "--set", "text=wonen", "--schedule", "every 2 hours")
    filled.ok("connections", "enable", "book")


def test_status_and_the_switches(filled: CommandLine, tmp_path: Path) -> None:
    connect(filled)
    (one,) = filled.json("connections", "status")
    assert (one["state"], one["reason"], one["behind"]) == ("enabled", "It has not run yet.", None)
    for name, connector in (("door", "fhir"), ("guide", "excel")):
        filled.ok("connections", "add", name, connector)
        filled.ok("connections", "enable", name)
        (asked,) = filled.json("connections", "status", name)
        assert ("Partners call it" if name == "door" else "fichehub export guide OUTPUT") in asked["reason"]
        if name == "door":
            assert "fichehub connections disable door" in filled.refused("connections", "stop", name)
            assert "goes on answering (door)" in filled.ok("connections", "stop", "--all")
            assert [one["state"] for one in filled.json("connections", "list")] == ["stopped", "enabled"]
            filled.ok("connections", "go", "--all")
        filled.ok("connections", "remove", name, "--yes")
    filled.ok("connections", "stop", "--all", "--reason", "Holidays.")
    refused = filled.refused("run", "book", "--output", str(tmp_path / "book.xlsx"))
    assert "All connections are stopped: Holidays. To let it run again: fichehub connections go --all" in refused
    (one,) = filled.json("connections", "status", "book")
    assert (one["state"], one["next_at"]) == ("stopped", None)
    (listed,) = filled.json("connections", "list")
    assert (listed["state"], listed["next_at"], listed["reason"]) == ("stopped", None, one["reason"])
    still = "all connections are: Holidays. To let them run again: fichehub connections go --all"
    assert f"book had not been stopped by itself, but {still}" in filled.ok("connections", "go", "book")
    filled.ok("connections", "stop", "book")
    assert f"book is no longer stopped by itself, but {still}" in filled.ok("connections", "go", "book")
    assert filled.json("connections", "go", "book") == {"connection": "book", "stopped": True, "was_stopped": False}
    assert "may run again" in filled.ok("connections", "go", "--all")
    assert filled.ok("connections", "go", "book") == "book had not been stopped.\n"
    filled.ok("run", "book", "--output", str(tmp_path / "book.xlsx"))
    assert "Everything is as it should be." in filled.ok("connections", "status")
    assert "--all" in filled.refused("connections", "stop")
    assert "book" in filled.refused("connections", "stop", "nothing")


def test_a_release_says_so_where_there_is_no_guard(filled: CommandLine, tmp_path: Path) -> None:
    connect(filled)
    assert "There is no guard to release" in filled.ok("run", "book", "--release-guard", "--output", str(tmp_path / "book.xlsx"))
    assert "no guard" not in filled.ok("run", "book", "--output", str(tmp_path / "book.xlsx"))


def test_what_cannot_be_previewed_is_said_so(filled: CommandLine) -> None:
    connect(filled)
    result = filled("preview", "book")
    assert result.exit_code == 1
    assert result.output.startswith("Cannot preview: ")


def test_a_conflict_is_decided_by_its_source(fichehub: CommandLine) -> None:
    fichehub.ok("db", "upgrade")
    store = Store.open(f"sqlite:///{fichehub.home / 'fichehub.sqlite'}", fichehub.home)
    for source, name in (("one", "Huis"), ("other", "Thuis")):
        said = Claim(
            source,
            "1",
            1,
            "organisatie",
            {"kind": "organisatie", "names": [{"text": {"nl": name}}], "form": "praktijk" if source == "one" else "organisatie"},
            same_as=(("one", "1"),) if source == "other" else (),
        )
        store.write(lambda writer, said=said: writer.put([said], origin=said.source))  # type: ignore[misc]
    store.close()
    found = fichehub.json("conflicts")
    assert found, "the two disagree"
    fiche, field = found[0]["fiche"], found[0]["field"]
    assert "one of one, other" in fichehub.refused("decide", fiche, field, "--source", "third")
    assert "--value or --source" in fichehub.refused("decide", fiche, field)
    assert "no conflict" in fichehub.refused("decide", fiche, "languages", "--source", "one")
    assert "0 conflicts" in fichehub.ok("settle")
    assert "Decided" in fichehub.ok("decide", fiche, field, "--source", "other")
    assert field not in {one["field"] for one in fichehub.json("conflicts")}


def test_dead_letters_and_rejected_rows_of_a_quiet_hub(filled: CommandLine) -> None:
    connect(filled)
    assert filled.ok("deadletters", "list") == "There are no dead letters.\n"
    assert filled.ok("deadletters", "replay", "--connection", "book") == "0 will be delivered again.\n"
    assert filled.ok("deadletters", "drop") == "0 dropped.\n"
    for command in ("list", "replay", "drop"):
        assert "nobody" in filled.refused("deadletters", command, "--connection", "nobody")
    assert filled.json("rejected", "book") == []
    assert filled.ok("connections", "keep-raw", "book", "7") == "What book brings is kept for 7 days.\n"
    assert "0 to 90" in filled.refused("connections", "keep-raw", "book", "365")


def test_what_was_proposed_is_shown_with_the_reason_of_its_rejection(
    fichehub: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOW_PRIVATE, "1")
    with ProGezondheidSimulator(World(), count=3, faults=("reject-proposals",)) as register:
        number = register.register.after(register.register.start(0), 1).items[0]["nihdi8"]
        told = [f"--set={name}={value}" for name, value in register.config().items()]
        fichehub.ok("connections", "add", "register", "progezondheid", *told, '--set=proposals=["languages"]')
        fichehub.ok("connections", "enable", "register")
        fichehub.ok("run", "register")
        assert fichehub.ok("proposals", "list") == "Nothing was proposed.\n"
        store = Store.open(f"sqlite:///{fichehub.home / 'fichehub.sqlite'}", fichehub.home)
        content = {"kind": "zorgverlener", "identifiers": [{"system": "riziv", "value": number}], "languages": ["sv"]}
        said = Claim("sociale-kaart", "z", 1, "zorgverlener", content)
        store.write(lambda writer: writer.put([said], origin="sociale-kaart"))
        store.close()
        fichehub.ok("run", "register")
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
