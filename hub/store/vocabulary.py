"""Every text in which somebody may look for letters, once for each type of entity: streets, cities, family and given names, and the words of names.

Who looks for letters looks here, and then asks the full text for what has one of the texts found (`hub.search.demands`). The level of a text, and whose it is, the
tokens tell; so a text that nothing has any more does no harm, and is left where it is until a `sweep`: an erasure must not leave a name behind.

Beside each word of a name stands how it sounds (`hub.model.sounds`), so that who only heard a name looks here as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import Engine

from hub.model.fiche import EntityType
from hub.model.sounds import sound_of
from hub.store.bulk import Bulk
from hub.store.database import writing
from hub.store.index_forms import Text
from hub.store.index_tokens import FACET_MARKS, NAME_WORDS, TYPE_MARKS, lettered

_COLUMNS: Final = ("type", "key", "value", "sound")
_GATE: Final = "SELECT n FROM counter WHERE name = 'vocabulary' FOR "
"""Who takes in texts, and finds one there already, must not have it swept away before his commit says who has it: he shares this row, who sweeps has it alone."""
_AT_ONCE: Final = 500
_TYPES: Final[dict[str, EntityType]] = {mark: kind for kind, mark in TYPE_MARKS.items()}


def take_in(bulk: Bulk, texts: Iterable[Text]) -> None:
    """Add those that are not there yet. On PostgreSQL this waits for a writer that is adding the same one, and for a sweep."""
    rows = [
        (kind, key, value, sound_of(value) if key in NAME_WORDS else "")
        for kind, key, value in sorted(texts)  # so that two writers never wait for each other
    ]
    if rows and bulk.postgres:
        bulk.later(len(rows), _GATE + "SHARE")
    bulk.insert_new("vocabulary", _COLUMNS, rows)


def sweep(engine: Engine) -> int:
    """Remove the texts that no entry has any more, some at a time, so that nobody waits long; the answer is how many. Takes seconds per 100,000 texts."""
    swept = 0
    after: Text = ("", "", "")
    while True:
        with writing(engine) as connection:
            bulk = Bulk(connection)
            if bulk.postgres:
                bulk.rows(_GATE + "UPDATE")
            here = [
                (row[0], row[1], row[2])
                for row in bulk.rows(
                    "SELECT type, key, value FROM vocabulary WHERE (type, key, value) > (?, ?, ?) ORDER BY type, key, value LIMIT ?",
                    *after,
                    _AT_ONCE,
                )
            ]
            had = _had(bulk, here)
            left = [text for text in here if text not in had]
            bulk.run_many("DELETE FROM vocabulary WHERE type = ? AND key = ? AND value = ?", left)
        swept += len(left)
        if len(here) < _AT_ONCE:
            return swept
        after = here[-1]


def _had(bulk: Bulk, texts: Sequence[Text]) -> set[Text]:
    """Those of the texts that some entry has, whoever may see it."""
    tokens = [
        (lettered(_TYPES[kind], level, letter, value), (kind, letter, value)) for kind, letter, value in texts for level in range(len(FACET_MARKS))
    ]
    if not tokens:
        return set()
    asked = bulk.many(dict.fromkeys(token for token, _ in tokens))
    if bulk.postgres:
        sql = (
            "SELECT t.token FROM unnest(?::text[]) t (token)"
            " WHERE EXISTS (SELECT 1 FROM fulltext f WHERE f.tokens @@ CAST('''' || t.token || '''' AS tsquery))"
        )
    else:
        sql = "SELECT v.term FROM json_each(?) t CROSS JOIN fulltext_vocabulary v ON v.term = t.value"
    found = {row[0] for row in bulk.rows(sql, asked)}
    return {text for token, text in tokens if token in found}
