"""The audit trail at the command line."""

from __future__ import annotations

from hub.access import audit
from hub.access.audit import Access
from hub.store import Store
from tests.cli.conftest import CommandLine


def test_it_is_checked_listed_and_kept(fichehub: CommandLine) -> None:
    store = Store.open(f"sqlite:///{fichehub.home / 'fichehub.sqlite'}", fichehub.home)
    rows = [
        Access("2026-11-22T09:00:00.000Z", "epd", "key fh_1", "192.0.2.0", "read", "Organization", f"id-{n}", "Organization", 200) for n in range(3)
    ]
    store.write(lambda writer: audit.append(writer.connection, audit.chain_key(store.secret), rows))
    assert "The trail holds: 3 rows" in fichehub.ok("audit", "verify")
    head = fichehub.json("audit", "verify")["head"]
    assert fichehub.json("audit", "verify", "--expect", head)["whole"] is True
    assert "put back" in fichehub.refused("audit", "verify", "--expect", f"3:{'0' * 64}")
    assert [row["target"] for row in fichehub.json("audit", "list", "--limit", "2")] == ["id-2", "id-1"]
    assert fichehub.json("audit", "list", "--partner", "nobody") == []
    assert "id-0" in fichehub.ok("audit", "list")
    assert "10 days" in fichehub.ok("audit", "keep", "10")
    store.write(lambda writer: writer.connection.exec_driver_sql("UPDATE audit SET target = 'x' WHERE n = 2"))
    store.close()
    assert "does not hold at row 2" in fichehub.refused("audit", "verify")
