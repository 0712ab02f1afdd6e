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
    assert "--value or --source" in fichehub.misunderstood("decide", fiche, field)
    assert "no conflict" in fichehub.refused("decide", fiche, "languages", "--source", "one")
    assert "0 conflicts" in fichehub.ok("settle")
    assert "Decided" in fichehub.ok("decide", fiche, field, "--source", "other")
    assert field not in {one["field"] for one in fichehub.json("conflicts")}
    assert fichehub.json("decisions", fiche) == [{"fiche": fiche, "field": field, "value": "organisatie"}]
    assert field in fichehub.ok("decisions", fiche)
    assert "praktijk" in fichehub.ok("decide", fiche, field, "--source", "one"), "also the other way, now that it is decided"
    assert "one of one, other" in fichehub.refused("decide", fiche, field, "--source", "third")
    assert "Choose one" in fichehub.refused("decide", fiche, field, "--value", "null")
    assert "one of the three" in fichehub.misunderstood("decide", fiche, field, "--value", "praktijk", "--take-back")
    assert "Taken back" in fichehub.ok("decide", fiche, field, "--take-back")
    assert field in {one["field"] for one in fichehub.json("conflicts")}
    assert "Nothing was decided" in fichehub.ok("decisions", fiche)
    assert "no decision about" in fichehub.refused("decide", fiche, field, "--take-back")
    assert "no fiche with id" in fichehub.refused("decisions", "nobody")


def test_what_a_rule_settles_is_counted_first(fichehub: CommandLine) -> None:
    store = Store.open(f"sqlite:///{fichehub.home / 'fichehub.sqlite'}", fichehub.home)
    for source, form in (("one", "praktijk"), ("other", "organisatie")):
        content = {"kind": "organisatie", "names": [{"text": {"nl": "Huis"}}], "form": form}
        said = Claim(source, "1", 1, "organisatie", content, same_as=(("one", "1"),) if source == "other" else ())
        store.write(lambda writer, said=said: writer.put([said], origin=said.source))  # type: ignore[misc]
    store.close()
    (conflict,) = fichehub.json("conflicts")
    assert conflict["field"] == "form"
    sources = "".join(f'[sources.{name}]\ntitle = "{name}"\nroute = "Ask {name}."\n' for name in ("one", "other"))
    (fichehub.home / "authority.toml").write_text(f'{sources}[groups.classification]\norder = ["one", "other"]\n', encoding="utf-8")
    assert "1 conflict would be settled by rule" in fichehub.ok("settle", "--dry-run")
    assert len(fichehub.json("conflicts")) == 1
    assert "1 conflict is settled by rule" in fichehub.ok("settle")
    assert fichehub.json("conflicts") == []
