"""In which form an answer goes out: JSON or XML, by `_format` or by Accept. https://hl7.org/fhir/R4/http.html#mime-type"""

from __future__ import annotations

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
    offers = parse_accept_header(accept, MIMEAccept)
    for media, quality in offers:
        if not quality > 0:
            continue
        name, _, parameters = media.lower().partition(";")
        name = name.strip()
        if name in _KNOWN:
            if _version_fits(parameters):
                # A browser puts XML before anything, and means no FHIR.
                browser = any(each.lower().startswith("text/html") and asked >= quality for each, asked in offers)
                return "json" if browser else _KNOWN[name]
        elif name in ("*/*", "application/*", "text/html"):
            return "json"
    raise NoSuchForm("Accept", accept)


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
