"""Exporting: the selection of a connection, as its partner may see it, written as one whole file or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, cast

from hub.connector import Export
from hub.directory import Directory
from hub.model.entity import Entity
from hub.sync import faults
from hub.sync.partner_view import open_directory
from hub.sync.session import Session
from hub.sync.watch import Watch
from hub.sync.whole import whole_file

FOLDER = "exports"
_EVERY = 500


def export(session: Session, watch: Watch, file: Path | None) -> None:
    """Write the export; `file` or else `exports/<connection>.<extension>` in FICHEHUB_HOME. A reader sees the old file or the new, never half of one."""
    connector = cast(Export, session.built.connector)
    target = file or session.store.home / FOLDER / f"{session.known.name}.{connector.extension}"
    directory = open_directory(session.store, session.known.partner)
    with faults.of_export():
        if file is None:
            target.parent.mkdir(parents=True, exist_ok=True)
        rows = _write(session, watch, connector, directory, target)
    session.note(tally=session.report.tally.plus(pushed=rows), file=None if session.dry else str(target))


def _write(session: Session, watch: Watch, connector: Export, directory: Directory, target: Path) -> int:
    with whole_file(target, keep=not session.dry, mode=0o640) as written:
        return write_rows(connector, _counted(session, watch, directory.walk(connector.query()), connector.title), written)


def write_rows(connector: Export, entities: Iterable[Entity], file: IO[bytes]) -> int:
    """Let the connector write them; the answer is how many rows it wrote. Raises `TypeError` when it cannot say: such a file must not take the old one's place."""
    rows: object = connector.write(entities, file)
    if type(rows) is not int or rows < 0:
        raise TypeError(f"{type(connector).__name__}.write returned {rows!r} instead of the number of rows.")
    return rows


def _counted(session: Session, watch: Watch, entities: Iterator[Entity], title: str) -> Iterator[Entity]:
    for count, entity in enumerate(entities, start=1):
        yield entity
        if count % _EVERY == 0:
            session.progress(count, None, title)
            watch.look()
