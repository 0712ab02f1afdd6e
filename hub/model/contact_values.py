"""Websites, e-mail addresses and telephone numbers: from what people typed to one comparable form.

None means "there is no such form"; it never means "throw it away". The fiche keeps the value as it came beside the
normalised one. What is no text (a source gives null, or a number) has no such form either.
"""

from __future__ import annotations

import re
from typing import Final, Literal
from urllib.parse import quote

__all__ = ["normalise_email", "normalise_phone", "normalise_website", "phone_kind"]

# "http://", and what hands make of it: http//:, htpp:/, hhttps:\\, http;//. Something must part it from the host,
# so that a host which begins with these letters (http.example.org) is left alone.
_HTTP: Final = re.compile(r"h*t+p+(s*)(?:[:;.,]*\s*[/\\]+[:;]*[/\\]*|[:;]+)\s*", re.IGNORECASE)
_OTHER_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:(?!\d)", re.IGNORECASE)
_HOST_END: Final = re.compile(r"[/?#]")
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_TOP_LABEL: Final = re.compile(r"[a-z]{2,63}|xn--[a-z0-9-]{1,59}(?<!-)")
_LONGEST_HOST: Final = 253
_WRAPPING: Final = " \t\r\n\u00a0\u200b\ufeff<>\"'()[]{}"
_URL_SAFE: Final = "!#$%&'()*+,/:;=?@[]~-._"

_LOCAL_PART: Final = re.compile(r"[^\s@<>()\[\]\\,;:\"]{1,64}")
# The blanks before it are the local part's, and go with its own: a pattern that began with them would look at a long row of them once for each.
_AT: Final = re.compile(r"[(\[{]\s*(?:at|apenstaartje|arobase)\s*[)\]}]\s*", re.IGNORECASE)


def normalise_website(raw: str | None) -> str | None:
    """The address with scheme, lower-case ASCII host, and path and query as they came; None if it names no host.

    Without a scheme it becomes https; http stays http. Typing errors in the scheme and between the labels of the host
    are mended. Other schemes (mailto:, javascript:) and e-mail addresses are no websites.
    """
    if not isinstance(raw, str):
        return None
    text = raw.strip(_WRAPPING)
    scheme = "https"
    begin = 0
    while match := _HTTP.match(text, begin):  # "http://https://..." happens: the last one counts
        scheme = "https" if match[1] else "http"
        begin = match.end()
    text = text[begin:]
    end = _HOST_END.search(text.replace("\\", "/"))
    authority, rest = (text[: end.start()], text[end.start() :].replace("\\", "/")) if end else (text, "")
    if _OTHER_SCHEME.match(authority) or "@" in authority:
        return None
    found = _host_and_port(authority)
    if found is None:
        return None
    host, port = found
    if port in ("", {"http": "80", "https": "443"}[scheme]):
        return scheme + "://" + host + _path(rest)
    return f"{scheme}://{host}:{port}{_path(rest)}"


def _host_and_port(authority: str) -> tuple[str, str] | None:
    """The first host in this text; people put two sites, or a remark, into one field."""
    joined = ".".join(label.strip() for label in re.split(r"[.,]", authority))
    for candidate in (joined, *re.split(r"[\s;|,]+", authority)):
        name, _, port = candidate.strip().partition(":")
        host = _ascii_host(name.replace(",", "."))
        if host is not None and (not port or (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
            return host, port.lstrip("0")
    return None


def _ascii_host(name: str) -> str | None:
    host = name.strip().strip(".").lower()
    if len(host) > _LONGEST_HOST:
        return None
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    labels = host.split(".")
    if len(host) > _LONGEST_HOST or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    if _TOP_LABEL.fullmatch(labels[-1]):
        return host
    is_ipv4 = len(labels) == 4 and all(part.isdigit() and str(int(part)) == part and int(part) < 256 for part in labels)
    return host if is_ipv4 else None


def _path(rest: str) -> str:
    rest = quote(rest.strip(), safe=_URL_SAFE, errors="replace")
    return "" if rest == "/" else rest


def normalise_email(raw: str | None) -> str | None:
    """The address in lower case with an ASCII domain, or None if this is not one address.

    Mends "mailto:", angle brackets, a written "(at)" and stray punctuation at the end.
    """
    if not isinstance(raw, str):
        return None
    text = _AT.sub("@", raw.strip(_WRAPPING + ".,;"))
    if text[:7].lower() == "mailto:":
        text = text[7:].partition("?")[0].strip()
    local, at, domain = text.partition("@")
    local = local.strip().lower()
    if not at or not _LOCAL_PART.fullmatch(local) or local[0] == "." or local[-1] == "." or ".." in local:
        return None
    if domain.startswith("."):
        return None
    host = _ascii_host(domain)
    return f"{local}@{host}" if host is not None else None


# A telephone number: what may stand before it, the characters it is made of, what parts two of them.
_PHONE_LEAD: Final = re.compile(r"[^\d+(]*")
_PHONE_RUN: Final = re.compile(r"[\d+()\s./\u00a0\u2010-\u2015-]+")
_PHONE_PARTS: Final = re.compile(r"[;,|]|\s[-/\u2013]\s|[^\d+()\s./\u00a0\u2010-\u2015-]+")
_NOT_DIGIT: Final = re.compile(r"[^0-9]")
_MOBILE: Final = re.compile(
    r"\+(?:324[5-9]\d{7}|316\d{8}|33[67]\d{8}|3526\d{8}|491[567]\d{8,9})"  # Belgium and its neighbours
)


def normalise_phone(raw: str | None) -> str | None:
    """The number as E.164 (+3216332211), read as Belgian when it names no country; None if it is not a number.

    Of several numbers in one field the first counts. Short numbers (112, 1712) have no E.164 form and give None.
    Only length and leading digits are checked: whether a number is in use cannot be known here.
    """
    if not isinstance(raw, str):
        return None
    text = raw.strip()
    lead = _PHONE_LEAD.match(text)
    text = text[lead.end() :] if lead else text
    run = _PHONE_RUN.match(text)
    if run is None:
        return None
    whole = _e164(run[0])
    if whole is not None:
        return whole
    # Only now: "016 / 33 22 11" is one number, "016 33 22 11 / 016 33 22 12" is two.
    first = next((part for part in _PHONE_PARTS.split(run[0]) if part.strip()), "")
    return _e164(first)


def _e164(text: str) -> str | None:
    digits = _NOT_DIGIT.sub("", text.replace("(0)", "") if _names_country(text) else text)
    if text.lstrip(" (").startswith("+"):
        international = digits.removeprefix("00")
    elif digits.startswith("00"):
        international = digits[2:]
    elif digits.startswith("0"):
        return _belgian(digits[1:])
    elif digits.startswith("32") and len(digits) in (10, 11):
        international = digits  # the plus got lost, as spreadsheets do
    else:
        return None
    if international.startswith("32"):
        return _belgian(international[2:].removeprefix("0"))
    if not 8 <= len(international) <= 15 or international[0] == "0":
        return None
    return "+" + international


def _names_country(text: str) -> bool:
    return text.lstrip(" (").startswith(("+", "00"))


def _belgian(national: str) -> str | None:
    """A national significant number (no leading zero): nine digits for a mobile 45x-49x, else eight."""
    if not national or national[0] == "0":
        return None
    mobile = national[0] == "4" and national[1:2] in ("5", "6", "7", "8", "9")
    return "+32" + national if len(national) == (9 if mobile else 8) else None


def phone_kind(e164: str) -> Literal["mobile", "phone"]:
    """Whether a normalised number is a mobile one; known for Belgium and its neighbours, elsewhere "phone"."""
    return "mobile" if _MOBILE.fullmatch(e164) else "phone"
