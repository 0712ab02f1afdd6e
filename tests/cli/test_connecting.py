"""Connections, partners and keys from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.demo import World
from hub.plugins import load
from tests.cli.conftest import CommandLine


def test_plugins_names_connectors_and_secrets(fichehub: CommandLine) -> None:
    told = fichehub.json("plugins")
    known = {one["connector"]: one for one in told["connectors"]}
    assert known["excel"]["roles"] == ["export"]
    assert {field["name"] for field in known["progezondheid"]["config"] if field["secret"]} == {"token"}
    table = fichehub.ok("plugins")
    assert all(name in table for name in known)


def test_a_wrong_configuration_names_every_field(fichehub: CommandLine) -> None:
    said = fichehub.refused("connections", "add", "book", "excel", "--set", 'postcodes=["12"]', "--set", "colour=red", "--schedule", "sometimes")
    for words in ("config.postcodes.0", "config.colour: Unknown field.", "schedule"):
        assert words in said
    assert "There is no connection yet" in fichehub.ok("connections", "list")


def test_a_secret_is_never_shown(fichehub: CommandLine) -> None:
    wrong = fichehub.refused("connections", "add", "pg", "progezondheid", "--set", "token=hunter22", "--set", "base_url=nowhere")
    assert "config.base_url" in wrong
    fichehub.ok("connections", "add", "pg", "progezondheid", "--set", "token=hunter22", "--set", "base_url=http://127.0.0.1:9")
    refused = fichehub.refused("connections", "enable", "pg")
    told = fichehub.json("connections", "list")
    assert told[0]["config"]["token"] == "********"
    assert told[0]["state"] == "disabled"
    assert "hunter22" not in wrong + refused + str(told) + fichehub.ok("connections", "list")
    assert b"hunter22" not in b"".join(path.read_bytes() for path in fichehub.home.iterdir() if path.is_file())


def test_an_export_of_what_there_is_not_is_refused_when_it_is_checked(filled: CommandLine) -> None:
    filled.ok("connections", "add", "book", "excel", "--set", 'municipalities=["99999"]', "--set", 'zones=["any"]')
    for command in ("check", "enable"):
        said = filled.refused("connections", command, "book")
        assert "finds nothing, ever" in said
        assert "99999" in said
        assert "No primary-care zones are known here" in said


def test_an_export_takes_any_criterion_and_refuses_one_that_cannot_be_understood(filled: CommandLine, tmp_path: Path) -> None:
    filled.ok("connections", "add", "book", "excel", "--set", 'where=["delivery=home,online", "language=fr"]')
    filled.ok("connections", "enable", "book")
    assert filled.json("run", "book", "--output", str(tmp_path / "book.xlsx"))["counts"]["pushed"] == 0
    filled.ok("connections", "configure", "book", "--set", 'where=["postcode=9000"]')
    filled.ok("connections", "enable", "book")
    assert "1 pushed" in filled.ok("run", "book", "--output", str(tmp_path / "book.xlsx"))
    filled.ok("connections", "configure", "book", "--set", 'where=["delivery=boat"]')
    assert "Choose from blended" in filled.refused("connections", "check", "book")
    assert "key=value" in filled.refused("connections", "configure", "book", "--set", 'where=["delivery"]')


def test_an_export_from_add_to_remove(filled: CommandLine, tmp_path: Path) -> None:
    assert "fichehub connections enable book" in filled.ok("connections", "add", "book", "excel", "--set", "text=wonen")
    assert "Enable it first" in filled.refused("run", "book")
    assert filled.ok("connections", "check", "book") == "book works.\n"
    filled.ok("connections", "enable", "book")
    dry = filled.json("run", "book", "--dry-run", "--output", str(tmp_path / "dry.xlsx"))
    assert (dry["state"], dry["dry_run"], dry["counts"]["pushed"]) == ("done", True, 1)
    assert not (tmp_path / "dry.xlsx").exists()
    assert "book: done. 1 pushed.\n" in filled.ok("run", "book", "--output", str(tmp_path / "book.xlsx"))
    assert "1 pushed" in filled.ok("connections", "list"), "and nothing of what an export never reads"
    assert "0 read" not in filled.ok("connections", "list")
    assert (tmp_path / "book.xlsx").exists()
    assert [report["connection"] for report in filled.json("runs")] == ["book", "book"]
    assert filled.ok("runs").count(", dry") == 1
    assert "nobody" in filled.refused("runs", "nobody")
    assert "There are more than these 1; --limit N" in filled.ok("runs", "--limit", "1")
    assert "There are more" not in filled.ok("runs", "--limit", "2")
    assert "Warning" not in filled.ok("runs")
    told = filled.ok("run", "book", "--dry-run", "--output", str(tmp_path / "dry.xlsx"))
    assert "book: done (dry run: nothing was kept or sent). 1 to push.\n" in told
    assert filled.json("connections", "pause", "book", "--reason", "on holiday")["reason"] == "on holiday"
    assert "on holiday" in filled.ok("connections", "list")
    changed = filled.json("connections", "configure", "book", "--set", "title=Nieuw", "--schedule", "every 2 hours")
    assert (changed["config"]["title"], changed["config"]["text"], changed["schedule"]) == ("Nieuw", "wonen", "every 2 hours")
    assert filled.refused("connections", "remove", "nobody").startswith("Error: There is no connection 'nobody'")
    asked = filled("connections", "remove", "book")
    assert asked.exit_code == 1 and "  3 run records\n" in asked.output and "dead letter" not in asked.output
    filled.ok("connections", "remove", "book", "--yes")
    assert filled.json("connections", "list") == []


def test_a_source_is_run_and_its_rejections_are_named(fichehub: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FICHEHUB_ALLOW_PRIVATE", "1")
    kind = load().connector("sociaal-brussels").simulator
    assert kind is not None
    with kind(World(size="S")) as running:
        pairs = [word for key, value in running.config().items() for word in ("--set", f"{key}={value}")]
        fichehub.ok("connections", "add", "brussel", "sociaal-brussels", *pairs)
        fichehub.ok("connections", "enable", "brussel")
        report = fichehub.json("run", "brussel")
        assert report["state"] == "done"
        assert report["counts"]["changed"] > 0
        assert len(report["rejections"]) == min(report["counts"]["rejected"], len(report["rejections"]))
        again = fichehub.json("run", "brussel")
        assert again["counts"]["changed"] == 0
    gone = fichehub("run", "brussel")
    assert gone.exit_code == 1
    assert "brussel: failed" in gone.output


def agreement(level: str = "professional") -> tuple[str, ...]:
    words = ("--title", "Kring", "--purpose", "gids", "--legal-basis", "toestemming", "--contact", "a@example.org", "--our-contact", "b@example.org")
    return ("partners", "add", "kring", *words, "--level", level)


def test_an_agreement_and_its_keys(filled: CommandLine) -> None:
    assert "revision 1" in filled.ok(*agreement())
    assert [(one["name"], one["level"]) for one in filled.json("partners", "list")] == [("kring", "professional")]
    key = filled.ok("keys", "issue", "kring").splitlines()[0]
    shown = filled.ok("keys", "list", "kring")
    prefix = shown.splitlines()[2].split()[0]
    assert key.startswith(prefix)
    assert key not in shown
    filled.ok("keys", "issue", "kring")
    assert "already has 2 live keys" in filled.refused("keys", "issue", "kring")
    asked = filled("keys", "revoke", "kring", prefix)
    assert asked.exit_code == 1 and f"The key {prefix} of kring" in asked.output and "kring is left with 1 live API key." in asked.output
    assert "already has 2 live keys" in filled.refused("keys", "issue", "kring"), "nobody agreed, so nothing was revoked"
    assert filled.ok("keys", "revoke", "kring", prefix, "--yes").endswith("Revoked.\n")
    assert "no live key" in filled.refused("keys", "revoke", "kring", prefix)
    assert key not in filled.refused("keys", "revoke", "kring", key)
    leaked = filled.ok("keys", "issue", "kring").splitlines()[0]
    asked = filled("keys", "revoke", "kring", leaked)
    assert f"The key {leaked[:8]} of kring" in asked.output and leaked not in asked.output
    assert filled.json("keys", "revoke", "kring", leaked, "--yes") == {"partner": "kring", "prefix": leaked[:8], "revoked": True}
    assert not (filled.home / "fichehub.log").exists() or leaked not in (filled.home / "fichehub.log").read_text()
    filled.ok("keys", "issue", "kring")
    mail = "collega@example.org"
    assert mail in filled.ok("query", "--partner", "kring", "--kind", "organisatie", "--json")
    assert "revision 2" in filled.ok(*agreement("public"))
    assert mail not in filled.ok("query", "--partner", "kring", "--kind", "organisatie", "--json")


def test_what_a_run_warned_of_is_shown_below_the_runs(fichehub: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    file.write_text('{"content": [{"id": {"id": "a1"}}], "page": {"totalElements": 3}}', encoding="utf-8")
    fichehub.ok("connections", "add", "kaart", "sociale-kaart", "--set", f"file={file}")
    fichehub.ok("connections", "enable", "kaart")
    fichehub("run", "kaart")
    assert "Warning, run 1 of kaart" in fichehub.ok("runs")
    assert "holds 3 rows, but there are 1" in fichehub.ok("runs")


def test_an_end_that_is_past_is_refused_as_what_was_given_wrong_and_changes_nothing(filled: CommandLine) -> None:
    filled.ok(*agreement("professional"))
    before = filled.json("partners", "list")
    told = filled.refused(*agreement(), "--expires-on", "2001-01-01")
    assert "Nothing was changed" in told and "expires_on: is past" in told and "2001-01-01" in told
    assert "ended on" not in told, "the agreement that stands has not"
    assert filled.json("partners", "list") == before
    assert "1 January" in filled.refused(*agreement(), "--expires-on", "1 January")


def test_the_agreement_of_a_paused_partner_can_be_changed_and_stays_paused(filled: CommandLine) -> None:
    filled.ok(*agreement())
    filled.ok("partners", "pause", "kring", "--reason", "een lek")
    assert filled.json(*agreement("professional"))["paused"] == "een lek"


def test_a_right_is_given_by_name_and_taken_back_by_none(filled: CommandLine) -> None:
    def rights() -> list[list[str]]:
        return [one["rights"] for one in filled.json("partners", "list")]

    filled.ok(*agreement(), "--right", "operate", "--right", "feed")
    assert rights() == [["feed", "operate"]]
    filled.ok(*agreement())
    assert rights() == [["feed", "operate"]]
    filled.ok(*agreement(), "--right", "none")
    assert rights() == [[]]
    assert "none goes with no other" in filled.refused(*agreement(), "--right", "none", "--right", "feed")
    assert filled(*agreement(), "--right", "everything").exit_code == 2


def test_what_is_left_out_of_an_agreement_stays_as_it_was(filled: CommandLine) -> None:
    def granted() -> tuple[object, ...]:
        told = filled.json("partners", "show", "kring")
        return told["level"], told["fields"], told["rights"], told["expires_on"]

    add = ("partners", "add", "kring")
    told = filled.misunderstood(*add, "--level", "public", "--title", "Kring")
    assert "purpose: is required of a new agreement; give --purpose" in told and "our_contact" in told and "title: " not in told
    filled.ok(*agreement("public"), "--field", "names", "--expires-on", "2099-01-01")
    filled.ok(*add, "--purpose", "kaart")
    assert granted() == ("public", ["names"], [], "2099-01-01")
    assert filled.json("partners", "show", "kring")["purpose"] == "kaart"
    asked = filled(*add, "--level", "internal", "--right", "operate")
    assert asked.exit_code == 1 and "level: public -> internal" in asked.output and "rights: none -> operate" in asked.output
    assert "fields" not in asked.output and granted()[0] == "public", "only what becomes wider is shown, and nothing was changed"
    filled.ok(*add, "--level", "internal", "--yes")
    assert granted() == ("internal", ["names"], [], "2099-01-01")
    asked = filled(*add, "--field", "all", "--expires-on", "none")
    assert asked.exit_code == 1 and "fields: names -> all" in asked.output and "expires on: 2099-01-01 -> none" in asked.output
    filled.ok(*add, "--field", "all", "--expires-on", "none", "--yes")
    assert granted() == ("internal", None, [], None)
    assert "all goes with no other" in filled.refused(*add, "--field", "all", "--field", "names")
    filled.ok(*add, "--level", "public", "--field", "names", "--expires-on", "2099-01-01")
    assert granted() == ("public", ["names"], [], "2099-01-01"), "who gets less is asked nothing"
    assert "names" in filled.ok("partners", "show", "kring") and "no agreement" in filled.refused("partners", "show", "nobody")


@pytest.mark.parametrize("given", ["gisteren", "2026-13-01", "31/12/2025", "20261231", "2026-12-31T00:00"])
def test_an_end_that_is_none_is_refused_with_its_field(filled: CommandLine, given: str) -> None:
    told = filled.refused(*agreement("public"), "--expires-on", given)
    assert "expires_on: must be a day, YYYY-MM-DD" in told and given in told
    filled.ok(*agreement("public"))
    told = filled.refused("keys", "issue", "kring", "--expires-at", given)
    assert "expires_at: must be a moment" in told and given in told
    assert "expires_at: must lie ahead" in filled.refused("keys", "issue", "kring", "--expires-at", "2020-01-01")
    assert filled.json("keys", "list", "kring") == []


def test_an_agreement_covers_only_fields_that_there_are(filled: CommandLine) -> None:
    told = filled.refused(*agreement("public"), "--field", "names", "--field", "foo")
    assert "fields: no fiche has such a field; there are addresses, " in told and "given: foo" in told


def test_programs_are_told_of_agreements_and_keys(filled: CommandLine) -> None:
    made = filled.json(*agreement("professional"), "--expires-on", "2999-12-31", "--field", "names")
    assert (made["name"], made["fields"], made["expires_on"], made["revision"]) == ("kring", ["names"], "2999-12-31", 1)
    key = filled.json("keys", "issue", "kring", "--expires-at", "2999-12-31T18:00:00+02:00")
    assert key["key"].startswith(key["prefix"])
    assert key["expires_at"] == "2999-12-31T16:00:00Z"
    [listed] = filled.json("keys", "list", "kring")
    assert (listed["prefix"], listed["expires_at"], listed["revoked_at"]) == (key["prefix"], key["expires_at"], None)


def test_who_sets_a_schedule_is_told_of_whole_runs(fichehub: CommandLine) -> None:
    for command in ("add", "configure"):
        assert "full cron 0 3 * * sun" in " ".join(fichehub.ok("connections", command, "--help").split())
    said = fichehub.ok("connections", "add", "kaart", "sociale-kaart", "--schedule", "every 15 minutes")
    assert "it is read whole once a week ('cron " in said
    assert "* * sun')" in said
    assert "once a week" not in fichehub.ok("connections", "configure", "kaart", "--schedule", "every 15 minutes; full cron 0 3 * * sun")
    assert "once a week" in fichehub.ok("connections", "configure", "kaart", "--schedule", "every 1 day")
    assert "once a week" not in fichehub.ok("connections", "configure", "kaart", "--schedule", "every 15 minutes; full never")
    assert "once a week" in fichehub.ok(
        "connections", "add", "register", "progezondheid", "--set", "base_url=https://example.org", "--set", "token=x", "--schedule", "every 1 day"
    )
