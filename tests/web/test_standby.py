"""From a standby of PostgreSQL one may read, with a key as well, though nothing can be noted there."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from sqlalchemy import insert
from structlog.testing import capture_logs

from hub import plugins
from hub.access import Agreement, issue_key, save_agreement
from hub.access.audit import Access, Trail
from hub.store import Store
from hub.store.tables import connection
from hub.store.writer import Writer
from hub.web import Settings, create_app

NOW = "2026-11-22T09:00:00Z"


def test_a_reader_with_a_key_is_let_in(postgres_database_url: str, tmp_path: Path) -> None:
    primary = Store.open(postgres_database_url, tmp_path)

    def sign(writer: Writer) -> str:
        told = Agreement(
            name="epd", title="EPD", purpose="test", legal_basis="test", contact="epd@example.org", our_contact="wij@example.org", level="public"
        )
        save_agreement(writer.connection, told, NOW)
        row = {"name": "fhir", "connector": "fhir", "partner": "", "state": "enabled", "config": b"{}", "created_at": NOW}
        writer.connection.execute(insert(connection).values(**row))
        return issue_key(writer.connection, "epd", NOW)

    key = primary.write(sign)
    primary.close()
    # As a standby answers: https://www.postgresql.org/docs/current/hot-standby.html
    standby = Store.open(f"{postgres_database_url}&options=-c%20default_transaction_read_only%3Don", tmp_path)
    try:
        client = create_app(standby, plugins.load(), Settings()).test_client()
        for path in ("/api/v1/fiches", "/fhir/Organization?_count=1", "/api/v1/changes"):
            assert client.get(path, headers={"X-API-Key": key}).status_code == 200, path
    finally:
        standby.close()


def test_what_is_read_there_is_told_by_the_log(postgres_database_url: str, tmp_path: Path) -> None:
    Store.open(postgres_database_url, tmp_path).close()
    standby = Store.open(f"{postgres_database_url}&options=-c%20default_transaction_read_only%3Don", tmp_path)
    first, second = (
        Access("2026-11-22T09:00:00.000Z", "epd", "key fh_1a2b3", "192.0.2.0", "read", "fiche", target, f"/api/v1/fiches/{target}", 200)
        for target in ("een", "twee")
    )
    try:
        trail = Trail(standby)
        with capture_logs() as lines:
            for access in (first, second):
                trail.note(access)
                trail.flush()
            trail.close()
        told = [line for line in lines if line["event"] == "access"]
        assert [{name: line[name] for name in asdict(first) if name != "n"} for line in told] == [
            {name: value for name, value in asdict(access).items() if name != "n"} for access in (first, second)
        ]
        (warning,) = [line for line in lines if line not in told]
        assert (warning["log_level"], "standby" in warning["event"]) == ("warning", True)
    finally:
        standby.close()
