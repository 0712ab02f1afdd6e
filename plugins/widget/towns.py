"""The name of a municipality as it stands in a sentence: French runs it together with what comes before. Pure."""

from __future__ import annotations

import re
from typing import Final

_VOWEL: Final = re.compile(r"[aeiouœàâäéèêëîïôöûü]|y[^aeiou]", re.IGNORECASE)
"""A beginning before which `de` loses its vowel."""
_MUTE: Final = frozenset({"Hastière", "Herbeumont", "Hélécine"})
"""Whose h is mute; that of the other names, most of them Germanic, is not."""
_ARTICLES: Final = {"Le ": ("du ", "au "), "Les ": ("des ", "aux ")}
"""Articles that run together with `de` and `à`; `La` and `L’` stay as they are."""


def in_sentence(name: str, language: str) -> dict[str, str]:
    """What the sentences of `wording` fill in: `town`, the name by itself; `of_town` and `at_town`, in French with `de` and `à` before it."""
    if language != "fr":
        return {"town": name}
    for article, (of, at) in _ARTICLES.items():
        if name.startswith(article):
            rest = name.removeprefix(article)
            return {"town": name, "of_town": of + rest, "at_town": at + rest}
    of = "d’" if _VOWEL.match(name) or name in _MUTE else "de "
    return {"town": name, "of_town": of + name, "at_town": f"à {name}"}


def sentence(text: str, name: str, language: str, **values: str) -> str:
    """A sentence of `wording` about the municipality of this name."""
    said = text.format(**in_sentence(name, language), **values)
    return said[:1].upper() + said[1:]
