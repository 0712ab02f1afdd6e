"""Brings the catalogues up to date with the templates and compiles them; exits with 1 when a text has no translation."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

FOLDER: Final = Path(__file__).parent
TRANSLATED: Final = ("fr", "de", "en")
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)  # so that the same texts give the same file
_METHODS: Final = [("**.py", "python"), ("templates/**.html", "jinja2.ext.babel_extract")]


class Text(NamedTuple):
    """A text of the screens, in Dutch; with a `context` where other languages have another word for it elsewhere, and with how it reads beside another number
    than 1 where that hangs on a number."""

    text: str
    context: str = ""
    plural: str = ""


def texts() -> Iterator[Text]:
    """Every text of the screens, as the templates and the code have them."""
    for _, _, message, _, context in extract_from_dir(FOLDER.parent, method_map=_METHODS):
        singular, *plural = (message,) if isinstance(message, str) else message
        yield Text(singular, context or "", *plural)


def catalogue(language: str) -> Catalog:
    """The translations into this language as they are now."""
    with (FOLDER / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


def main() -> int:
    """Update and compile; the exit code."""
    wanted = sorted(set(texts()))
    missing = 0
    for language in TRANSLATED:
        known = catalogue(language)
        fresh = Catalog(locale=language, project="fichehub", fuzzy=False, creation_date=_NEVER, revision_date=_NEVER)
        for text, context, plural in wanted:
            found = known.get(text, context or None)
            told = found.string if found is not None and bool(found.pluralizable) == bool(plural) else ""
            fresh.add((text, plural) if plural else text, told, context=context or None)
            if not told or not all(told):
                missing += 1
                print(f"{language}: {text}" + (f" ({context})" if context else ""))
        folder = FOLDER / language / "LC_MESSAGES"
        with (folder / "messages.po").open("wb") as file:
            write_po(file, fresh, width=0, omit_header=True)
        with (folder / "messages.mo").open("wb") as file:
            write_mo(file, fresh)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
