"""Dead letters and rejected rows from the command line."""

from __future__ import annotations

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
    assert filled.ok("connections", "keep-raw", "book", "7") == "What book brings is kept for 7 days.\n"
    assert "0 to 90" in filled.refused("connections", "keep-raw", "book", "365")
