"""Schemes of codes at the command line."""

from __future__ import annotations

from hub.model.concepts import Concept, Mapping
from hub.store import Store
from tests.cli.conftest import CommandLine


def test_coverage_says_how_many_fiches_can_be_said_in_another_scheme(filled: CommandLine) -> None:
    store = Store.open(f"sqlite:///{filled.home / 'fichehub.sqlite'}", filled.home)
    home, offered = Concept("rubriek", "14.04.01", {"nl": "Woonzorgcentra"}), Concept("sociaal-brussels", "9401", {"nl": "Rusthuizen"})
    store.write(lambda writer: writer.put_concepts([home, offered]))
    none = {"exact": 0, "close": 0, "broader": 0, "approximate": 0, "unmapped": 0}
    told = filled.json("concepts", "coverage", "rubriek", "sociaal-brussels")
    missing = [{"code": "14.04.01", "label": "Woonzorgcentra", "fiches": 1}]
    assert told == {"scheme": "rubriek", "target": "sociaal-brussels", "fiches": 1, **none, "unmapped": 1, "missing": missing}
    said = filled.ok("concepts", "coverage", "rubriek", "sociaal-brussels")
    assert "1 fiche carries a code of rubriek" in said and "Woonzorgcentra" in said
    store.write(lambda writer: writer.put_concepts([Mapping("sociaal-brussels|9401", "close", "rubriek|14.04.01")]))
    store.close()
    told = filled.json("concepts", "coverage", "rubriek", "sociaal-brussels")
    assert told == {"scheme": "rubriek", "target": "sociaal-brussels", "fiches": 1, **none, "close": 1, "missing": []}
    assert filled.json("concepts", "coverage", "sociaal-brussels", "rubriek")["fiches"] == 0
    assert "There is no concept scheme 'nowhere'. There are: rubriek, sociaal-brussels." in filled.refused(
        "concepts", "coverage", "rubriek", "nowhere"
    )
