"""How a word sounds to a Dutch ear, so that a name is found by who only heard it: Janssens as Jansens, De Clercq as De Klerk, Claeys as Claes.

No library knows Dutch: Soundex, Metaphone and their kin hear English, and the Cologne phonetics hear German.

A sound is written as the plain Dutch spelling of it (`vandenbroucke` -> `vandenbroeke`), with one exception: what Flemish names write as i, y, ij, ei and ey
without telling them apart (Simons and Symons, Thys, Tijs and Theys) is y. Vowels stay, each as its class: without them too much would sound alike. For the same
reason v and f, short and long i, a final e and none stay apart, though some say them alike.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from hub.model.folding import words

__all__ = ["RULES", "sound_of"]

RULES: Final[tuple[tuple[str, str], ...]] = (
    # French endings, of which less is heard than is written
    (r"ic?ques?$", "iek"),  # Dominique, Dominiek
    (r"ques?$", "k"),  # Jacques, Jak
    (r"eau(?:x$)?", "o"),  # Beaumont, Bomont
    (r"au(?:lt|[dtx])$", "o"),  # Thibault, Thibaud, Thibaut
    (r"h$(?<=[aeiouy]h)", ""),  # Sarah, Sara
    # consonants
    (r"<dh(?=[aeiouy])", "<h"),  # Dhondt, because D'Hondt is the words d and hondt
    (r"<lh(?=[aeiouy])", "<h"),  # Lhoest, because L'Hoest is the words l and hoest
    (r"<ch(?=[aeiou])", "<sj"),  # Charlotte, Sjarlotte
    (r"<ch(?=[lr])", "<k"),  # Christel, Kristel
    (r"<qu", "<kw"),  # Quinten, Kwinten
    (r"<rh", "<r"),  # Rhijn, Rijn
    (r"<y(?=[aeou])", "<j"),  # Yannick, Jannick
    (r"ssch", "s"),  # Vandenbossche, Vandenbosse
    (r"sch(?=[lmnrw]|$)", "s"),  # Bosch, Bos; Schmits, Smits
    (r"sh", "sj"),  # Natasha, Natasja
    (r"qu(?=[aeiouy])", "k"),  # Jacquet, Jaket
    (r"gu(?=[eiy])", "g"),  # Guislain, Gislain
    (r"bv", "v"),  # Lefebvre, Lefevre
    (r"ph", "f"),  # Philips, Filips
    (r"gh", "g"),  # Verhaeghe, Verhage
    (r"ch", "g"),  # Lambrechts, Lambregts
    (r"th", "t"),  # Thys, Tijs
    (r"d(?<!dd)d*(?:t|(?=s?$))", "t"),  # Smedt, Smet; Bogaerds, Bogaerts
    (r"b(?<!bb)b*(?=s?$)", "p"),  # Jacob, Jacop
    (r"c(?=[iy]|e(?!u))", "s"),  # Cecile, Sesile; but Ceulemans, Keulemans
    (r"c", "k"),  # Marc, Mark
    (r"q", "k"),  # De Clercq, De Klerk
    (r"x", "ks"),  # Dierckx, Dierks
    (r"z", "s"),  # Zegers, Segers
    # vowels
    (r"a(?:e(?:ij|[iy])(?=s)|y(?=s$))", "a"),  # Claeys, Clays, Claes
    (r"<w[ao]u(?!w)", "<woe"),  # Wauters, Wouters
    (r"ouw", "ow"),  # Pouwels, Pauwels
    (r"au", "o"),  # Laurent, Lorent
    (r"a[ae]", "a"),  # Aerts, Aarts, Arts
    (r"oeu", "eu"),  # Lecoeur, Lekeur
    (r"ue", "eu"),  # Brueghel, Breughel
    (r"o[eu]", "oe"),  # Vandenbroucke, Vandenbroeke
    (r"ie(?!$)", "ie"),  # Miers, not Meyers
    (r"ie$", "y"),  # Kathie, Kathy
    (r"e(?:ij|[iy])", "y"),  # Meyer, Meijer, Meier
    (r"ij?", "y"),  # Symons, Simons; Huysmans, Huijsmans
)
"""Letters (a regular expression) -> their sound, the first that fits where a word is read; `<` stands before its first letter. Letters without a rule sound as they
are written, double ones as one. Each rule begins with one letter, or with `<`: then places where no rule begins are passed over at once.

Who changes a rule lets a migration fill `vocabulary.sound` anew, as 0016 does.
"""

_SPELLED: Final = re.compile("|".join(f"(?:{letters})()" for letters, _ in RULES))
_SOUNDS: Final = ("", *(sound for _, sound in RULES))
_DOUBLE: Final = re.compile(r"(.)\1+")
_is_latin: Final = re.compile(r"[a-z]+").fullmatch


@lru_cache(maxsize=1 << 16)
def sound_of(word: str) -> str:
    """How a folded word (`hub.model.folding`) sounds, as a key: words that sound alike have the same. It has no blanks, and is "" only for what has no letter or digit.

    Words with other than Latin letters, and with digits, sound as they are written. A sound sounds as itself.
    """
    if not _is_latin(word):
        word = "".join(words(word))
        if not _is_latin(word):
            return word
    while (heard := _heard(word)) != word:
        word = heard
    return word


def _heard(word: str) -> str:
    """The word read once; what is left may be spelled anew, as the ae in what was baaert."""
    return _DOUBLE.sub(r"\1", _SPELLED.sub(lambda letters: _SOUNDS[letters.lastindex or 0], "<" + word)[1:])
