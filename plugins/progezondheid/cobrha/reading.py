"""From the XML of the AddressBook (version 1) to claims. Pure.

Only the shape of the message is public, not its code lists: what a word may say is not known, so nothing is read into it. Elements are told
apart by their local names, since the namespaces of their types are not public either. An address is administrative unless its type is one that the
administrator named as a practice: no administrative address ever takes the place of a practice address, and none is public.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any, Final

from hub import LANGUAGES, Claim, Document, InvalidIdentifier, Rejected, Unreachable, normalise_identifier
from plugins.progezondheid.words import PROFESSIONS

SOURCE: Final = "cobrha"
PERSON: Final = "IndividualContactInformation"
_ANSWER: Final = "Response"
"""How the name of the element ends that holds the persons."""
_GENDERS: Final = {"M": "male", "MALE": "male", "F": "female", "FEMALE": "female"}
_COUNTRY: Final = re.compile(r"[A-Z]{2}").fullmatch
_POSTCODE: Final = re.compile(r"[0-9A-Z -]{3,10}").fullmatch


_DEFECTS: Final[dict[int, str]] = {
    4: "no element begins",
    5: "more follows behind the end of its outermost element",
    26: "it names an entity that there is not",
    32: "it says to be in an encoding that is not known",
    76: "an element ends that is not the one that is open",
    77: "it breaks off: an element that is open does not end",
    81: "there are bytes that its encoding does not have",
}
"""By the code of the parser (`xmlerror.h`)."""


def persons_in(body: bytes, where: str) -> list[Any]:
    """The persons in one message. Raises `Unreachable` for what is no XML, is no answer, names persons in another way, or has a document type: those can name
    files and grow without end."""
    from lxml import etree  # only who reads XML pays for loading it

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise Unreachable(f"{where} is no XML that can be read: at line {line}, column {column} {_defect(error)}.") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Unreachable(f"{where} has a document type (<!DOCTYPE>), which no message of the AddressBook has. Nothing of it was read.")
    fault = _first(root, "Fault")
    if fault is not None:
        raise Unreachable(f"{where} holds a fault in the place of an answer: {' '.join(fault.itertext()).strip()[:200]}")
    persons = [node for node in root.iter() if _local(node) == PERSON]
    if not persons:
        if not any(_local(node).endswith(_ANSWER) for node in root.iter()):
            raise Unreachable(f"{where} is XML, but no answer of the AddressBook: nothing in it is called {PERSON} or …{_ANSWER}.")
        if _first(root, "NIHII") is not None or _first(root, "LastName") is not None:
            raise Unreachable(f"{where} names people, but not in {PERSON}: its shape has changed. Nothing of it was read.")
    return persons


def _defect(error: Any) -> str:
    """What is wrong there, in our words: the parser's own speak of its options to whoever programs it."""
    from lxml import etree

    told, kinds = str(error.msg).lower(), etree.ErrorTypes
    if "depth" in told:
        return "its elements lie deeper in one another than is read"
    if error.code in (kinds.ERR_RESOURCE_LIMIT, kinds.ERR_NAME_TOO_LONG) or "huge" in told or "too big" in told:
        return "a text, a name or a remark is longer than is read"
    return _DEFECTS.get(error.code, "it does not follow the rules of XML")


def marks_of(persons: list[Any]) -> tuple[str, ...]:
    """What a message is known by among others: the numbers of its persons, since whatever else is in it may differ each time it is given.

    Of persons without any, and of one alone, who may stand in the list twice in a row, it is all that is said of them.
    """
    numbers = tuple("".join(node.itertext()).strip() for one in persons for node in _all(one, "NIHII"))
    return numbers if numbers and len(persons) > 1 else tuple("".join(one.itertext()) for one in persons)


def claim_of(person: Any, practice_types: Collection[str] = ()) -> Claim:
    """What CoBRHA says about one person, known by the first eight digits of the first RIZIV number (see `Several` for more than one). Raises `Rejected` with the field and the reason.

    Birth date, national number and the language of the person himself are not read: nobody here needs them. That somebody has a number says
    nothing about whether he or she works, so no status is claimed.
    """
    numbers = list(_numbers(person))
    if not numbers:
        raise Rejected("A person without a RIZIV number cannot be recognised.", external_id="", field="Profession.NIHII", raw=_told(person))
    number = numbers[0][:8]
    family = _text(person, "LastName")
    if family is None:
        raise Rejected(f"Person {number} has no LastName.", external_id=number, field="LastName", raw=_told(person))
    given = " ".join(filter(None, (_text(person, "FirstName"), _text(person, "MiddleNames")))).split()
    content: Document = {
        "kind": "zorgverlener",
        "name": {"family": family, "given": given} if given else {"family": family},
        "identifiers": [{"system": "riziv", "value": value} for value in numbers],
        "professions": list(_professions(person)),
        "addresses": list(_addresses(person, practice_types)),
        "in_scope_of": [SOURCE],
    }
    if gender := _GENDERS.get((_text(person, "Gender") or "").upper()):
        content["gender"] = gender
    return Claim(SOURCE, number, 1, "zorgverlener", {name: value for name, value in content.items() if value})


def _numbers(person: Any) -> Iterator[str]:
    """The RIZIV numbers, one per person and competence."""
    seen = set()
    for node in _all(person, "NIHII"):
        given = "".join(node.itertext()).strip()
        try:
            number = normalise_identifier("riziv", given)
        except InvalidIdentifier as error:
            raise Rejected(
                f"A person has the RIZIV number {given[:20]!r}: {error.reason}",
                external_id=given[:8] if given[:8].isdigit() else "",
                field="Profession.NIHII",
                raw=given[:80],
            ) from error
        if number not in seen:
            seen.add(number)
            yield number


def _professions(person: Any) -> Iterator[Document]:
    seen = set()
    for node in _all(person, "ProfessionCode"):
        code = "".join(node.itertext()).strip()
        # Codes of other lists are their own affair: their meaning is not public.
        if _attribute(node, "type").upper() == "CD-HCPARTY" and code and code not in seen:
            seen.add(code)
            yield {"scheme": PROFESSIONS, "code": code}


def _addresses(person: Any, practice_types: Collection[str]) -> Iterator[Document]:
    for node in _all(person, "Address"):
        kind = _attribute(node, "Type")
        address: Document = {"type": "practice" if kind and kind in practice_types else "administrative"}
        if street := _texts(_first(node, "Street")):
            address["street"] = street
        if number := _text(node, "HouseNumber"):
            address["house_number"] = number
        if box := _text(node, "PostBox"):
            address["box"] = box
        if (zip_code := _text(node, "ZipCode")) and _POSTCODE(zip_code):
            address["postcode"] = zip_code
        if city := _texts(_first(node, "Municipality")):
            address["city"] = city
        if (country := _text(node, "ISOCode")) and _COUNTRY(country):
            address["country"] = country
        if len(address) > 1:
            yield address


def _texts(node: Any) -> dict[str, str]:
    """The descriptions of a street or municipality by language; one without a language is Dutch or French, which is not known: it counts as Dutch."""
    if node is None:
        return {}
    found: dict[str, str] = {}
    for inner in _all(node, "Description"):
        language = (_attribute(inner, "lang") or "nl").lower()[:2]
        text = "".join(inner.itertext()).strip()
        if text and language in LANGUAGES:
            found.setdefault(language, text)
    return found


def _local(node: Any) -> str:
    tag = node.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _all(node: Any, name: str) -> Iterator[Any]:
    return (inner for inner in node.iter() if _local(inner) == name)


def _first(node: Any, name: str) -> Any:
    return next(_all(node, name), None)


def _text(node: Any, name: str) -> str | None:
    found = _first(node, name)
    return None if found is None else " ".join("".join(found.itertext()).split()) or None


def _attribute(node: Any, name: str) -> str:
    """An attribute by its local name, in whatever case it is written."""
    for key, value in node.attrib.items():
        if str(key).rpartition("}")[2].lower() == name.lower():
            return str(value).strip()
    return ""


def _told(person: Any) -> str:
    """Who it is, without what nobody needs to see."""
    return f"{_text(person, 'LastName') or '?'}, {_text(person, 'FirstName') or '?'}"[:200]
