"""What is asked of the full text: tokens that must be there and tokens that must not, without regard to the engine."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from hub.model.fiche import EntityType
from hub.model.query import CODED_KEYS, PARTS_OF, TEXT_KEYS
from hub.store import index_tokens as tokens


@dataclass(frozen=True, slots=True)
class Token:
    """One token, or with `prefix` every token that begins so."""

    text: str
    prefix: bool = False


Alternatives = tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """At least one of each of `every`, none of `none`, and for one of `lacking` none. Without `every` it cannot lead a search, only filter one."""

    every: tuple[Alternatives, ...] = ()
    none: Alternatives = ()
    lacking: tuple[Alternatives, ...] = ()
    """Not all of these are met."""

    def __bool__(self) -> bool:
        return bool(self.every or self.none or self.lacking)

    def __and__(self, other: Match) -> Match:
        """Both; at most one of them lacks something."""
        return Match(
            tuple(dict.fromkeys(self.every + other.every)),
            tuple(dict.fromkeys(self.none + other.none)),
            self.lacking or other.lacking,
        )


def word(kind: EntityType, rank: int, text: str, *, described: bool = True) -> Alternatives:
    """A word, or a longer one that begins so, as anybody of this rank sees it; without `described` not where nothing but the description says it.

    A single letter stands for itself only: as a beginning it would find nearly everything.
    """
    made = (tokens.word, tokens.described) if described else (tokens.word,)
    return tuple(Token(one(kind, level, text), len(text) > 1) for one in made for level in range(rank + 1))


def facets(kind: EntityType, rank: int, key: str, values: Iterable[str], *, prefix: bool = False) -> Alternatives:
    """Any of these values of a key, as anybody of this rank sees it; with `prefix`, or where only a system is named, any value that begins so."""
    return tuple(
        Token(token, prefix or (key in CODED_KEYS and value.endswith("|") and value.count("|") == 1))
        for value in values
        for level in range(rank + 1)
        for token in tokens.facets(kind, level, key, value)
    )


def has_one(asked: Alternatives, has: Collection[str]) -> bool:
    """Whether one of these tokens is among those that something has."""
    return any(any(one.startswith(token.text) for one in has) if token.prefix else token.text in has for token in asked)


def called(kind: EntityType, rank: int, names: Iterable[str]) -> Alternatives:
    """Wholly one of these names, or of these family or given names, as anybody of this rank sees it."""
    return tuple(Token(token) for name in names for level in range(rank + 1) for token in tokens.whole_names(kind, level, name))


def lettered(kind: EntityType, rank: int, texts: Iterable[tuple[str, str]]) -> Alternatives:
    """Any of these texts, each under its letter, as anybody of this rank sees it."""
    return tuple(Token(tokens.lettered(kind, level, letter, text)) for letter, text in texts for level in range(rank + 1))


def letters_of(key: str) -> tuple[str, ...]:
    """The letters of the tokens that hold what somebody looks for letters in."""
    if key == "name":
        return (*tokens.NAME_WORDS, tokens.SORT_NAME, tokens.OTHER_NAME)
    return tuple(tokens.FACETS[part] for part in PARTS_OF.get(key, (key,)) if part in TEXT_KEYS)


def postcodes_holding(kind: EntityType, rank: int, key: str, held: Iterable[str]) -> Alternatives:
    """The Belgian postcodes that hold one of these, for a key that looks at postcodes too; no list of texts knows them, and from abroad they are no numbers."""
    return _postcodes_holding(kind, rank, frozenset(filter(str.isdecimal, held))) if "postcode" in PARTS_OF.get(key, ()) else ()


@lru_cache(64)
def _postcodes_holding(kind: EntityType, rank: int, asked: frozenset[str]) -> Alternatives:
    """Asked again for every row that is looked at."""
    return facets(kind, rank, "postcode", [each for each in _BELGIAN if any(one in each for one in asked)] if asked else [])


_BELGIAN: Final = tuple(str(number) for number in range(1000, 10_000))


def starts_of(kind: EntityType, rank: int, letters: Iterable[str]) -> frozenset[str]:
    """How the tokens with these letters begin, as anybody of this rank sees them; all of one length."""
    heads = [tokens.facet(kind, level, "name", "")[:2] for level in range(rank + 1)]
    return frozenset(head + letter for head in heads for letter in letters)


def holds(token: str, asked: Iterable[str]) -> bool:
    """Whether a token of a facet says that its value holds one of these; one that does not tell all of its value says no."""
    if tokens.SHORTENED in token:
        return False
    text = tokens.unescape(token[3:])
    return any(one in text for one in asked)


def named_so(names: Alternatives) -> Match:
    """Of these names, those that lists are sorted by."""
    return _lettered(names, tokens.FIRST_WORD, tokens.SORT_NAME)


def named_later(names: Alternatives) -> Match:
    """Of these words, those that stand behind the first in the name that lists are sorted by."""
    return _lettered(names, tokens.LATER_WORD)


def named_otherwise(names: Alternatives) -> Match:
    """Of these names, those that only other names have."""
    return _lettered(names, tokens.ALIAS_WORD, tokens.OTHER_NAME)


def _lettered(names: Alternatives, *letters: str) -> Match:
    return Match((tuple(token for token in names if token.text[2] in letters),))


def initial(kind: EntityType, rank: int, letters: str) -> Match:
    """The name that lists are sorted by begins with one of these letters ("%" for any that is not ASCII); for "", there is no such name."""
    heads = [tokens.facet(kind, level, "name", "") for level in range(rank + 1)]
    if not letters:
        return Match(none=tuple(Token(head, prefix=True) for head in heads))
    return Match((tuple(Token(head + letter, prefix=True) for head in heads for letter in letters),))


def initials(kind: EntityType, rank: int, beginnings: Iterable[str]) -> Match:
    """The name that lists are sorted by begins with one of these; what stands behind a blank in them does not count."""
    heads = [tokens.facet(kind, level, "name", "") for level in range(rank + 1)]
    parted = [beginning.partition(" ") for beginning in beginnings]
    return Match((tuple(Token(head + tokens.escape(word), prefix=not blank) for head in heads for word, blank, _ in parted),))


def not_beginning(kind: EntityType, rank: int, words: Iterable[str]) -> Match:
    """The name that lists are sorted by begins with none of these words."""
    return Match(none=tuple(Token(tokens.facet(kind, level, "name", each)) for each in words for level in range(rank + 1)))


def present(kind: EntityType, rank: int, key: str) -> Alternatives:
    """Any value of a key at all."""
    return facets(kind, rank, key, ("",), prefix=True)
