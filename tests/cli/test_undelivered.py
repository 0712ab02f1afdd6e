"""Dead letters and rejected rows from the command line."""

from __future__ import annotations

from datetime import UTC, datetime

from hub.model.entity import Change
from hub.store import Store
from hub.sync import outbox
from tests.cli.conftest import CommandLine


def test_dead_letters_and_rejected_rows_of_a_quiet_hub(filled: CommandLine) -> None:
    filled.ok("connections", "add", "book", "excel", "--set", "text=wonen", "--schedule", "every 2 hours")
    filled.ok("connections", "enable", "book")
    assert filled.ok("deadletters", "list") == "There are no dead letters.\n"
    assert filled.ok("deadletters", "replay", "--connection", "book") == "0 will be delivered again.\n"
    assert filled.ok("deadletters", "drop") == "0 dropped.\n"
    for command in ("list", "replay", "drop"):
        assert "nobody" in filled.refused("deadletters", command, "--connection", "nobody")
    assert filled.json("rejected", "book") == []


def test_who_gives_no_filter_is_told_how_many_it_means_and_asked(filled: CommandLine) -> None:
    filled.ok("connections", "add", "book", "excel")
    filled.ok("connections", "add", "guide", "excel")
    now = datetime(2026, 11, 22, 9, tzinfo=UTC)
    letters = [(number, Change(number, "2026-11-22T09:00:00Z", f"e{number}", "organisatie", f"e{number}", "update", "bron")) for number in (1, 2, 3)]
    store = Store.open(f"sqlite:///{filled.home / 'fichehub.sqlite'}", filled.home)
    store.write(lambda writer: outbox.enqueue(writer.connection, "book", letters[:2], now))
    store.write(lambda writer: outbox.enqueue(writer.connection, "guide", letters[2:], now))
    with store.read() as opened:
        due = [each for name in ("book", "guide") for each in outbox.due(opened, name, now, (0, 0), 9)]
    store.write(lambda writer: [outbox.failed(writer.connection, each, "refused", now, final=True) for each in due])
    store.close()
    for command in ("replay", "drop"):
        asked = filled("deadletters", command)
        assert asked.exit_code == 1 and "  book: 2 dead letters\n  guide: 1 dead letter\n" in asked.output
        assert len(filled.json("deadletters", "list")) == 3, "nobody agreed, so nothing was done"
    asked = filled("connections", "remove", "book")
    assert "  2 dead letters\n" in asked.output and "deliver" not in asked.output
    assert filled.ok("deadletters", "replay", "--connection", "book").endswith("2 will be delivered again.\n")
    assert "  2 deliveries that wait: the partner is not told\n" in filled("connections", "remove", "book").output
    assert filled.ok("deadletters", "drop", "--yes").endswith("1 dropped.\n")
