"""Values that run out, are withdrawn or begin: from that day on they read otherwise, and that is a change like any other."""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from hub import schemas
from hub.model.audience import level_of, visible_levels_differ
from hub.model.turning import last_days
from hub.store.workspace import PendingChange, Workspace

_BATCH = 500


def expire(space: Workspace, today: str) -> int:
    """Note a change of every value whose last day lies before `today`, once."""
    bulk = space.bulk
    told = 0
    while rows := bulk.rows(
        "SELECT fiche_id, field, valid_until FROM expiry WHERE valid_until < ? ORDER BY fiche_id, field LIMIT ?",
        today,
        _BATCH,
    ):
        ids = {row[0] for row in rows}
        space.load(ids, lock=True)
        overlays = bulk.rows(
            f"SELECT fiche_id, partner, version, document FROM overlay WHERE document IS NOT NULL AND {bulk.listed('fiche_id')}",
            bulk.many(ids),
        )
        for fiche_id, field, until in rows:
            state = space.fiches[fiche_id]
            document = state.document
            told += 1
            bulk.run("DELETE FROM expiry WHERE fiche_id = ? AND field = ?", fiche_id, field)
            if document is None or field not in document:
                continue
            later = [day for day in last_days(document, field) if day >= today]
            if later:
                bulk.insert("expiry", ("fiche_id", "field", "valid_until"), [(fiche_id, field, min(later))])
            without = {name: value for name, value in document.items() if name != field}
            seen = dict(visible_levels_differ(without, document)).get(field, 2)
            level = state.level
            space.note(
                PendingChange(
                    fiche_id,
                    fiche_id,
                    state.kind,
                    "",
                    "update",
                    space.origin,
                    {field: seen},
                    max(seen, level),
                    level,
                    level,
                    state.version,
                )
            )
            space.changed_outwardly(fiche_id, max(seen, level))
            space.reindex.add(fiche_id)
            for number, partner, version, raw in overlays:
                own = schemas.decode(raw)
                if number == fiche_id and any(until <= day < today for day in last_days(own, field)):
                    mine = level_of(own)
                    space.note(
                        PendingChange(
                            fiche_id,
                            fiche_id,
                            state.kind,
                            partner,
                            "update",
                            space.origin,
                            {field: seen},
                            mine,
                            mine,
                            mine,
                            version,
                        )
                    )
    return told
