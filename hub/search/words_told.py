"""What words and codes there are in the index, whoever may see where: so that what is asked loosely can be asked exactly."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from hub.model.folding import MAX_WORD
from hub.model.sounds import sound_of
from hub.search.lens import Lens
from hub.store.index_tokens import NAME_WORDS, TYPE_MARKS


def heads(lens: Lens, key: str) -> list[str]:
    """What stands before the bar in the values of a key: every scheme of codes, every system of identifiers."""
    return [row[0] for row in lens.bulk.rows("SELECT head FROM fulltext_head WHERE key = ? ORDER BY head", key)]


def texts_holding(lens: Lens, letters: Collection[str], held: Collection[str], most: int) -> list[tuple[str, str]] | None:
    """Every text under these letters of keys that holds one of `held`, or may be a part of a word that does; None when they are more than `most`."""
    holding = ["strpos(value, ?) > 0" if lens.bulk.postgres else "instr(value, ?) > 0"] * len(held)
    marks = ", ".join("?" * len(letters))
    sql = (
        f"SELECT key, value FROM vocabulary WHERE type = ? AND key IN ({marks})"  # noqa: S608
        f" AND ({' OR '.join(holding)} OR length(value) >= {MAX_WORD}) LIMIT ?"
    )
    found = lens.bulk.rows(sql, TYPE_MARKS[lens.type], *letters, *held, most + 1)
    return [(row[0], row[1]) for row in found] if len(found) <= most else None


def words_sounding(lens: Lens, words: Iterable[str]) -> list[tuple[str, str]]:
    """Every word of a name of this type that sounds like one of these; the letter that it stands under before it."""
    # Without the last condition neither engine could take the index, which holds only what has a sound.
    marks = ", ".join("?" * len(NAME_WORDS))
    sql = f"SELECT key, value FROM vocabulary WHERE type = ? AND key IN ({marks}) AND {lens.bulk.listed('sound', 'text')} AND sound <> ''"  # noqa: S608
    asked = lens.bulk.many(sorted({sound_of(word[:MAX_WORD]) for word in words}))
    return [(row[0], row[1]) for row in lens.bulk.rows(sql, TYPE_MARKS[lens.type], *NAME_WORDS, asked)]
