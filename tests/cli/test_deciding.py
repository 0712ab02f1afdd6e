"""Conflicts from the command line."""

from __future__ import annotations

from hub.model.claims import Claim
from hub.store import Store
from tests.cli.conftest import CommandLine


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
