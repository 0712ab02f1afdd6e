"""The tokens of the full-text index: the same on both engines, which only store them and find them again.

A token says whose it is, who may see it, and what it is, so that one look-up answers all three:

    ahuisarts              a word of an aanbod, public                (words: [a-z0-9]+, or letters of other scripts)
    a+huisarts             the same, professional; `a=` internal
    a-huisarts             a word that stands in the description only; `a.` professional, `a:` internal
    a@cnace|86.10          a facet of an aanbod: code `nace|86.10`, public
    a#cnace|86.10          the same, professional; `a$` internal

The type stands first, as in every index of the hub: a search for an aanbod never walks through the words of organisations. Neither engine
needs positions, columns or weights for this, which halves the index on SQLite and spares PostgreSQL a look at every row.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final
from urllib.parse import unquote

from hub.model.fiche import EntityType
from hub.model.selection import PARTS_OF

FORM: Final = 11
"""The form of what the index holds. One more when the same fiche comes to have other tokens, terms or levels, so that what stands there is
made anew (`hub.store.index_anew`); not for new fields of a fiche, which no earlier version stored. 11: a code is found under what it
is mapped to in every scheme."""
FORM_COUNTER: Final = "index"
"""Where a database notes the form of its index."""
PLACE_COUNTER: Final = "index anew"
"""Where it notes up to which fiche the index was made anew, while that goes on."""
TYPE_MARKS: Final[dict[EntityType, str]] = {
    "organisatie": "o",
    "aanbod": "a",
    "zorgverlener": "z",
    "vestiging": "v",
    "membership": "m",
    "electronic_address": "e",
    "caregiver": "c",
}
FACETS: Final[dict[str, str]] = {
    "name": "n",
    "family": "y",
    "given": "g",
    "gender": "e",
    "street": "w",
    "city": "x",
    "identifier": "i",
    "postcode": "p",
    "municipality": "m",
    "zone": "z",
    "province": "b",
    "region": "r",
    "serves": "s",
    "type": "v",
    "code": "c",
    "form": "f",
    "country": "2",
    "period": "3",
    "language": "l",
    "delivery": "d",
    "status": "t",
    "availability": "a",
    "umbrella": "u",
    "source": "o",
    "contact": "k",
}
"""Keys of a query that are tokens of the full-text index, and the letter that stands for them there."""
FIRST_WORD, LATER_WORD, ALIAS_WORD, SORT_NAME, OTHER_NAME = FACETS["name"], "q", "4", "h", "j"
"""The letters of names: the first word of the name that lists are sorted by; its later words; words that only other names have; whole names, that one and
others. Words and whole names stand apart, because many begin with the same word and few are wholly alike."""
NAME_WORDS: Final = (FIRST_WORD, LATER_WORD, ALIAS_WORD)
WORD_MARKS: Final = ("", "+", "=")
DESCRIBED_MARKS: Final = ("-", ".", ":")
FACET_MARKS: Final = ("@", "#", "$")
TOKEN_CHARACTERS: Final = "@#$+=|.-_%:/~"  # noqa: S105, not a password
"""What a token may hold besides letters and digits."""
LONGEST: Final = 120
SHORTENED: Final = "~"
"""Stands in every token that does not tell all of its value, and in no other facet."""

_ESCAPED: Final = re.compile(r"[^a-z0-9|.\-_:/+@]")
_escapes = _ESCAPED.search
_only_blanks = re.compile(r"[a-z0-9|.\-_:/+@ ]*\Z").match
plain = re.compile(r"[a-z0-9|.\-_:/+@]{0,120}\Z").match
"""Truthy for a value that `shortened` would leave as it is, which nearly all are."""


def escape(value: str) -> str:
    """The value with nothing in it that an engine would fold or split at; different values stay different."""
    if not _escapes(value):
        return value
    if _only_blanks(value):  # most names and streets
        return value.replace(" ", "%20")
    return _ESCAPED.sub(lambda match: "".join(f"%{byte:02x}" for byte in match[0].encode()), value)


def unescape(token: str) -> str:
    """What `escape` was given."""
    return unquote(token) if "%" in token else token


def shortened(value: str) -> str:
    """The value escaped; past `LONGEST` characters the rest is replaced by its hash."""
    escaped = escape(value)
    if len(escaped) > LONGEST:
        escaped = escaped[:LONGEST] + SHORTENED + hashlib.blake2b(escaped.encode(), digest_size=8).hexdigest()
    return escaped


def is_whole(value: str) -> bool:
    """Whether a token holds all of this value; of a very long one it holds a beginning and a hash."""
    return shortened(value) == escape(value)


class Facet(str):
    """A term as it stands in tokens, without what says whose it is and who may see it: `crubriek|14.04`.

    What comes again is made once, and then costs a row no more than a look at the hash that every string keeps.
    """

    __slots__ = ("key", "value")
    key: str
    value: str

    def __new__(cls, key: str, value: str) -> Facet:
        made = str.__new__(cls, FACETS[key] + (value if plain(value) else shortened(value)))
        made.key = key
        made.value = value
        return made


def facet(kind: EntityType, level: int, key: str, value: str) -> str:
    """The token of a facet."""
    return f"{TYPE_MARKS[kind]}{FACET_MARKS[level]}{FACETS[key]}{shortened(value)}"


def facets(kind: EntityType, level: int, key: str, value: str) -> tuple[str, ...]:
    """The tokens of which something that has this value of a key has at least one; for a name first those of the name that lists are sorted by."""
    if key in PARTS_OF:
        return tuple(facet(kind, level, part, value) for part in PARTS_OF[key])
    token = facet(kind, level, key, value)
    if key != "name":
        return (token,)
    letters = (SORT_NAME, OTHER_NAME) if " " in value else NAME_WORDS
    return tuple(token[:2] + letter + token[3:] for letter in letters)


def lettered(kind: EntityType, level: int, letter: str, text: str) -> str:
    """The token of a text that stands under a letter, as the vocabulary has it."""
    return TYPE_MARKS[kind] + FACET_MARKS[level] + letter + shortened(text)


def is_word_of_name(token: str) -> bool:
    """Whether this is the token of a word of a name, or a beginning of one that says at least that."""
    return token[1:2] in FACET_MARKS and token[2:3] in NAME_WORDS


def whole_names(kind: EntityType, level: int, name: str) -> tuple[str, ...]:
    """The tokens of which something that is wholly called so has at least one."""
    letters = (SORT_NAME, OTHER_NAME, FACETS["family"], FACETS["given"])
    return tuple(lettered(kind, level, letter, name) for letter in letters)


def word(kind: EntityType, level: int, text: str) -> str:
    """The token of a word, as `hub.model.folding.words` gives it, of what something is called, is, or where it is."""
    return TYPE_MARKS[kind] + WORD_MARKS[level] + text


def described(kind: EntityType, level: int, text: str) -> str:
    """The token of a word that nothing but the description says."""
    return TYPE_MARKS[kind] + DESCRIBED_MARKS[level] + text
