"""docs/architecture.md names the rooms that write each table: drawn from the code, and compared."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from hub.store.tables import metadata

ROOT = Path(__file__).resolve().parent.parent
TABLES = frozenset(metadata.tables)
IN_SQL = re.compile(r"\b(?:INSERT (?:OR \w+ )?INTO|UPDATE|DELETE FROM)\s+(\w+)")
WRITING = re.compile(r"insert|update|delete|upsert")
ANYWHERE = ("store/joining.py", "store/splitting.py", "store/erasure.py")
"""They move and remove rows of whatever tells of a fiche; the page says so below the table."""


def written(path: Path) -> Iterator[str]:
    """The tables that a module writes: named in SQL, or the argument of a call that inserts, updates or deletes."""
    tree = ast.parse(path.read_bytes())
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hub.store.tables")]
    known = {alias.asname or alias.name: alias.name for node in imports for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from IN_SQL.findall(node.value)
        elif isinstance(node, ast.Call) and WRITING.search(ast.unparse(node.func)):
            for given in node.args[:2]:
                yield str(given.value) if isinstance(given, ast.Constant) else known.get(ast.unparse(given), "")


def writers() -> dict[str, set[str]]:
    """Table -> the modules of the hub that write it."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "hub").rglob("*.py")):
        room = path.relative_to(ROOT / "hub").as_posix()
        if not room.startswith(("store/migrations/", "store/tables/")) and room not in ANYWHERE:
            for table in TABLES.intersection(written(path)):
                found[table].add(room)
    return found


def told() -> Iterator[tuple[list[str], list[str]]]:
    """The rows of the page: tables, and the rooms that it says write them; a room that ends in a stroke is a folder."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for line in page.partition("## The tables")[2].partition("\n## ")[0].splitlines():
        if line.startswith("| `"):
            tables, _, by = line.strip("| ").split(" | ")
            yield re.findall(r"`(\w+)`", tables), re.findall(r"`([\w/.]+/|[\w/]+\.py)`", by)


def test_the_page_names_who_writes_each_table() -> None:
    found = writers()
    assert len(found) > 40
    for tables, rooms in told():
        for table in tables:
            assert [each for each in sorted(found[table]) if not each.startswith(tuple(rooms))] == [], table
        for room in rooms:
            assert any(each.startswith(room) for table in tables for each in found[table]), f"{room} writes none of {tables}"
