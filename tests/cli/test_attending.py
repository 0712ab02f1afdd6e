"""Status, switches and previews from the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub.model.moments import to_millisecond
from hub.store import Store
from hub.sync import overdue
from tests.cli.conftest import CommandLine
from tests.store.conftest import put
from tests.store.saying import organisatie


def connect(filled: CommandLine) -> None:
    filled.ok("connections", "add", "book", "excel", "--set", "text=wonen", "--schedule", "every 2 hours")
    filled.ok("connections", "enable", "book")


def test_status_and_the_switches(filled: CommandLine, tmp_path: Path) -> None:
    connect(filled)
    (one,) = filled.json("connections", "status")
    assert (one["state"], one["reason"], one["behind"]) == ("enabled", f"It has not run yet. {overdue.NO_WORKER()}", None)
    for name, connector in (("door", "fhir"), ("guide", "excel")):
        filled.ok("connections", "add", name, connector)
        filled.ok("connections", "enable", name)
        (asked,) = filled.json("connections", "status", name)
        assert ("Partners call it" if name == "door" else "fichehub export guide OUTPUT") in asked["reason"]
        if name == "door":
            assert "fichehub connections pause door" in filled.refused("connections", "stop", name)
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
    assert (listed["state"], listed["next_at"]) == ("stopped", None)
    assert one["reason"] == f"{listed['reason'].rstrip('.')}. To let it run again: fichehub connections go --all"
    still = "all connections are: Holidays. To let them run again: fichehub connections go --all"
    assert f"book had not been stopped by itself, but {still}" in filled.ok("connections", "go", "book")
    filled.ok("connections", "stop", "book")
    assert f"book is no longer stopped by itself, but {still}" in filled.ok("connections", "go", "book")
    assert filled.json("connections", "go", "book") == {"connection": "book", "stopped": True, "was_stopped": False}
    assert "may run again" in filled.ok("connections", "go", "--all")
    assert filled.ok("connections", "go", "book") == "book had not been stopped.\n"
    filled.ok("run", "book", "--output", str(tmp_path / "book.xlsx"))
    (one,) = filled.json("connections", "status")
    assert one["reason"] == overdue.NO_WORKER(), "it has run, and will not do so again by itself"
    assert one["overdue_since"] is None
    assert "--all" in filled.misunderstood("connections", "stop")
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


def test_status_says_until_when_changes_have_a_moment_that_is_still_to_come(filled: CommandLine) -> None:
    assert "A clock was ahead" not in filled("connections", "status").stderr
    ahead = datetime.now(UTC) + timedelta(days=1)
    store = Store.open(f"sqlite:///{filled.home / 'fichehub.sqlite'}", filled.home, now=lambda: ahead)
    put(store, organisatie("later"))
    store.close()
    told = filled("connections", "status").stderr
    assert f"until {to_millisecond(ahead)} every change is noted at that moment" in told
