"""An index row in the forms that the tables keep: rows of `term`, and the tokens of the full text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hub import schemas
from hub.model.folding import MAX_WORD
from hub.store.index_entries import IndexRow, Levels
from hub.store.index_tokens import (
    ALIAS_WORD,
    DESCRIBED_MARKS,
    FACET_MARKS,
    FACETS,
    FIRST_WORD,
    LATER_WORD,
    OTHER_NAME,
    SHORTENED,
    SORT_NAME,
    TYPE_MARKS,
    WORD_MARKS,
    is_whole,
    plain,
    shortened,
)

POINT: Final = "1"
"""The key of `term` under which positions stand."""
PERIOD: Final = FACETS["period"]
"""The key of `term` under which periods stand. Any other one there is that of a text, as in tokens."""

Term = tuple[str, str, str, int, int]
"""A row of `term`; all but the level are its key."""
Text = tuple[str, str, str]
"""A row of `vocabulary`: the mark of a type, the letter of a key as in tokens, and a folded text."""


def terms_of(row: IndexRow) -> list[Term]:
    """The rows of `term`, each once, in no order: positions, periods, and the few texts of which a token does not tell all letters."""
    kind, number = TYPE_MARKS[row.type], row.entry_id
    found: list[Term] = [
        (kind, FACETS[facet.key], facet.value, number, _level_of(facet, row.facets))
        for facet in row.compared
        if facet.key == "period" or SHORTENED in facet
    ]
    found += [(kind, FACETS["name"], name, number, _level_of(name, row.names)) for name in row.wholes if not tells_all(name)]
    if len(row.points) == 1:
        lat, lon, level = row.points[0]
        found.append((kind, POINT, point_value(lat, lon), number, level))
    elif row.points:
        points: dict[str, int] = {}
        for lat, lon, level in row.points:
            value = point_value(lat, lon)
            points[value] = min(level, points.get(value, level))
        found += [(kind, POINT, value, number, level) for value, level in points.items()]
    return found


def _level_of(value: str, levels: Levels) -> int:
    return next(level for level, values in enumerate(levels) if value in values)


def tells_all(name: str) -> bool:
    """Whether the tokens of a folded name tell all of its letters; of very long ones they do not."""
    return len(name) < MAX_WORD or (is_whole(name) and max(map(len, name.split(" "))) < MAX_WORD)


def texts_of(row: IndexRow) -> list[Text]:
    """The rows of `vocabulary`, in no order: streets, cities, family and given names as they are, and the words of names."""
    kind = TYPE_MARKS[row.type]
    found = [(kind, FACETS[facet.key], facet.value) for facet in row.compared if facet.key != "period"]
    sorted_by = _sorted_by(row)
    for names in row.names:
        if names:
            found += [(kind, _letter_of(name, sorted_by), name) for name in names if " " not in name]
    return found


def packed_tokens(tokens: str) -> bytes:
    """Tokens, parted by blanks, as SQLite's index keeps what it told the full text."""
    return schemas.pack(tokens.encode(), "tokens")


def read_tokens(stored: str | bytes) -> str:
    """What `packed_tokens` was given. Rows of before tokens were packed hold them as they are."""
    return stored if isinstance(stored, str) else schemas.unpack(stored).decode()


def point_value(lat: float, lon: float) -> str:
    """A position as the value of a term, exact to 1e-5 degree (a metre): 5 digits of the latitude, 8 of the longitude, 3 more of the latitude.

    Latitudes count from the south pole in steps of 1e-5, longitudes from the date line. So all points in one row of 0.01 degree of latitude
    stand together, by longitude: a box on the map is a few ranges.
    """
    south = f"{round((lat + 90) * 100_000):08d}"
    return f"{south[:5]}{round((lon + 180) * 100_000):08d}{south[5:]}"


def point_of(value: str) -> tuple[float, float]:
    """The latitude and longitude in a term that `point_value` made."""
    return int(value[:5] + value[13:]) / 100_000 - 90, int(value[5:13]) / 100_000 - 180


_WORD_HEADS: Final = {kind: tuple(mark + level for level in WORD_MARKS) for kind, mark in TYPE_MARKS.items()}
_DESCRIBED_HEADS: Final = {kind: tuple(mark + level for level in DESCRIBED_MARKS) for kind, mark in TYPE_MARKS.items()}
_FACET_HEADS: Final = {kind: tuple(mark + level for level in FACET_MARKS) for kind, mark in TYPE_MARKS.items()}


def tokens_of(row: IndexRow) -> str:
    """The tokens of the full text, each once, in no order, with blanks between them."""
    found: list[str] = []
    heads = zip(_FACET_HEADS[row.type], _WORD_HEADS[row.type], strict=True)
    for (facet, word), facets, names, words in zip(heads, row.facets, row.names, row.words, strict=True):
        if facets:
            found.append(facet + f" {facet}".join(facets))
        if names:
            found += _names(facet, names, row)
        if words:
            found.append(word + f" {word}".join(words))
    for word, words in zip(_DESCRIBED_HEADS[row.type], row.described, strict=True):
        if words:
            found.append(word + f" {word}".join(words))
    return " ".join(found)


def _names(head: str, names: Iterable[str], row: IndexRow) -> list[str]:
    """The tokens of whole names and their words; those of the name that lists are sorted by have letters of their own."""
    found = []
    sorted_by = _sorted_by(row)
    for name in names:
        blanks = " " in name
        if blanks or name in row.wholes:
            found.append(head + (SORT_NAME if name == row.name else OTHER_NAME) + shortened(name))
        if not blanks:
            found.append(head + _letter_of(name, sorted_by) + (name if plain(name) else shortened(name)))
    return found


def _sorted_by(row: IndexRow) -> list[str]:
    """The words of the name that lists are sorted by, as far as an index holds them."""
    words = row.name.split(" ")
    return [word[:MAX_WORD] for word in words] if len(row.name) > MAX_WORD else words


def _letter_of(word: str, sorted_by: list[str]) -> str:
    return FIRST_WORD if word == sorted_by[0] else LATER_WORD if word in sorted_by else ALIAS_WORD
