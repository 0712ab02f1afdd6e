"""Exporting: the selection of a connection, as its partner may see it, written as one whole file or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from hub.connector import Export
from hub.model.entity import Entity
from hub.sync.push import open_directory
from hub.sync.session import Session

FOLDER = "exports"
_EVERY = 500


def export(session: Session, file: Path | None) -> None:
    """Write the export; `file` or else `exports/<connection>.<extension>` in FICHEHUB_HOME. A reader sees the old file or the new, never half of one."""
    connector = cast(Export, session.built.connector)
    target = file or session.store.home / FOLDER / f"{session.known.name}.{connector.extension}"
    directory = open_directory(session.store, session.known.partner)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as written:
            rows = connector.write(
                _counted(session, directory.walk(connector.query()), connector.title), written
            )
            written.flush()
            os.fsync(written.fileno())
        if session.dry:
            os.unlink(name)
        else:
            os.chmod(name, 0o640)
            os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    session.note(tally=session.report.tally.plus(pushed=rows), file=None if session.dry else str(target))


def _counted(session: Session, entities: Iterator[Entity], title: str) -> Iterator[Entity]:
    for count, entity in enumerate(entities, start=1):
        yield entity
        if count % _EVERY == 0:
            session.progress(count, None, title)
