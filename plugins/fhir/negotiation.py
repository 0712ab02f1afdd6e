"""In which form an answer goes out: JSON or XML, by `_format` or by Accept. https://hl7.org/fhir/R4/http.html#mime-type"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal

from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import NotAcceptable
from werkzeug.http import parse_accept_header

Form = Literal["json", "xml"]

MEDIA_TYPES: Final[dict[Form, str]] = {
    "json": "application/fhir+json; charset=utf-8",
    "xml": "application/fhir+xml; charset=utf-8",
}
_KNOWN: Final[dict[str, Form]] = {
    "application/fhir+json": "json",
    "application/json": "json",
    "text/json": "json",
    "json": "json",
    "application/fhir+xml": "xml",
    "application/xml": "xml",
    "text/xml": "xml",
    "xml": "xml",
}
_HTML: Final = ("text/html",)
_RANGES: Final[dict[Form, tuple[tuple[str, ...], ...]]] = {
    form: (
        (f"application/fhir+{form}",),
        tuple(name for name, known in _KNOWN.items() if known == form),
        *((_HTML,) if form == "json" else ()),
        ("application/*",),
        ("*/*",),
    )
    for form in MEDIA_TYPES
}
"""What a header may call a form, the nearest first; a browser, which asks for pages, gets JSON."""
_VERSIONS: Final = ("4.0", "4.0.1")


@lru_cache(256)
def form_for(accept: str, wanted: str = "") -> Form:
    """The form of the answer; `wanted` is the value of `_format` and wins. Raises `NotAcceptable` when we have none of what is asked.

    A `+` that was not encoded in a URL arrives as a blank and is understood. A browser, which accepts anything, gets JSON.
    """
    if wanted:
        media, _, version = wanted.partition(";")
        form = _KNOWN.get(media.strip().lower().replace(" ", "+"))
        if form is None or not _version_fits(version):
            raise NoSuchForm("_format", wanted)
        return form
    if not accept:
        return "json"
    asked: dict[str, tuple[float, int]] = {}
    for place, (media, quality) in enumerate(parse_accept_header(accept, MIMEAccept)):
        name, _, parameters = media.lower().partition(";")
        if _version_fits(parameters):
            asked.setdefault(name.strip(), (quality, place))
    weights = {form: _weight(form, asked) for form in MEDIA_TYPES}
    best = max(quality for quality, _ in weights.values())
    if best > 0:
        return min((place, form) for form, (quality, place) in weights.items() if quality == best)[1]
    raise NoSuchForm("Accept", accept)


def _weight(form: Form, asked: Mapping[str, tuple[float, int]]) -> tuple[float, int]:
    """How much a form is wanted, and where that stands: the range that says most of it counts, whatever a wider one says. RFC 9110, 12.5.1"""
    for names in _RANGES[form]:
        if found := [asked[name] for name in names if name in asked]:
            quality, place = max(found, key=lambda each: each[0])
            # A browser puts XML before anything, and means no FHIR.
            return quality, -1 if names == _HTML else place
    return 0.0, len(asked)


class NoSuchForm(NotAcceptable):
    """406, with where it was asked (`_format` or `Accept`) and what was asked for."""

    def __init__(self, place: str, value: str) -> None:
        super().__init__(f"{place}: this server answers in application/fhir+json (json) and application/fhir+xml (xml), FHIR version 4.0.")
        self.place = place
        self.value = value


def _version_fits(parameters: str) -> bool:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "fhirversion" and value.strip().strip('"') not in _VERSIONS:
            return False
    return True
