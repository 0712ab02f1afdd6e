"""CoBRHA as a simulator: messages in the known shape of the AddressBook over HTTP, about the persons of the same world."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import parse_qs
from xml.sax.saxutils import escape, quoteattr

from hub import Simulator, World

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

TOKEN: Final = "fictional-token"  # noqa: S105  opens a simulator, nothing else
MOST: Final = 1000
_CORE: Final = "urn:be:fgov:ehealth:addressbook:core:v1"
_PROTOCOL: Final = "urn:be:fgov:ehealth:addressbook:protocol:v1"
_AA: Final = "urn:be:fgov:ehealth:aa:complextype:v1"
_BOMB: Final = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/hostname">]>'


class CobrhaSimulator(Simulator):
    """Shows the register persons of a world; `count`: only the first so many. It knows administrative addresses and no practices, as CoBRHA does."""

    name = "cobrha"
    faults: ClassVar[dict[str, str]] = {
        "doctype": "Every message begins with a document type that names entities and a file.",
        "no-xml": "Every message breaks off in the middle of an element.",
        "soap-fault": "Every message is a SOAP fault.",
        "same-page": "Whatever the offset, the first message comes.",
        "moved": "The first person has moved.",
    }

    def __init__(self, world: World, *, size: str = "S", faults: Iterable[str] = (), seed: int = 0, count: int | None = None) -> None:
        super().__init__(world, size=size, faults=faults, seed=seed)
        self.count = world.register_count if count is None else min(count, world.register_count)

    def config(self) -> dict[str, Any]:
        """See `Simulator.config`."""
        return {"base_url": f"{self.url}/addressbook", "token": TOKEN}

    def app(self) -> WSGIApplication:
        """`GET /addressbook?offset=&max=`."""

        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            status, body = "200 OK", b""
            asked = parse_qs(environ["QUERY_STRING"])
            offset, most = (asked.get(name, [default])[0] for name, default in (("offset", "0"), ("max", "100")))
            if environ.get("HTTP_AUTHORIZATION") != f"Bearer {TOKEN}":
                status = "401 Unauthorized"
            elif environ["PATH_INFO"] != "/addressbook":
                status = "404 Not Found"
            elif not (offset.isascii() and offset.isdigit() and most.isascii() and most.isdigit() and 1 <= int(most) <= MOST):
                status = "400 Bad Request"
            else:
                body = self.message(0 if self.fault("same-page") else int(offset), int(most)).encode()
            start_response(status, [("Content-Type", "application/xml; charset=utf-8")])
            return [body]

        return answer

    def message(self, offset: int, most: int) -> str:
        """One message: at most so many persons from that place on."""
        if self.fault("soap-fault"):
            inner = "<soap:Fault><faultcode>soap:Server</faultcode><faultstring>Fictional fault.</faultstring></soap:Fault>"
        else:
            count = max(0, min(most, self.count - offset))
            persons = "".join(map(self._person, self.world.register_persons(offset, count)))
            inner = (
                f'<p:SearchProfessionalsResponse xmlns:p="{_PROTOCOL}" xmlns:c="{_CORE}" xmlns:aa="{_AA}" Id="fictional">{persons}'
                "</p:SearchProfessionalsResponse>"
            )
        whole = f'<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>{inner}</soap:Body></soap:Envelope>'
        if self.fault("no-xml"):
            whole = whole[: len(whole) // 2]
        document_type = _BOMB if self.fault("doctype") else ""
        return f'<?xml version="1.0" encoding="UTF-8"?>{document_type}{whole}'

    def _person(self, person: Any) -> str:
        moved = self.fault("moved") and person.index == 0
        addresses = "".join(
            f'<c:Address Type="{"ADMINISTRATIVE" if address.type == "administrative" else "UNKNOWN"}">'
            f"<aa:Street>{_described(address.street)}</aa:Street>"
            f"<aa:HouseNumber>{'999' if moved else escape(address.house_number)}</aa:HouseNumber>"
            f"<aa:Municipality><aa:ZipCode>{address.postcode}</aa:ZipCode>{_described(address.city)}</aa:Municipality>"
            "<aa:Country><aa:ISOCode>BE</aa:ISOCode></aa:Country></c:Address>"
            for address in person.addresses
            if address.type == "administrative"
        )
        return (
            f"<c:IndividualContactInformation><c:LastName>{escape(person.family)}</c:LastName>"
            f"<c:FirstName>{escape(person.given)}</c:FirstName><c:Language>nl</c:Language>"
            f"<c:Gender>{'M' if person.gender == 'male' else 'F'}</c:Gender><c:BirthDate>1970-01-01</c:BirthDate>"
            "<c:ProfessionalInformation><c:Profession>"
            f'<c:ProfessionCode authenticSource="fictional" type="CD-HCPARTY">{person.profession}</c:ProfessionCode>'
            f'<c:ProfessionFriendlyName lang="nl">{person.profession}</c:ProfessionFriendlyName><c:NIHII>{person.riziv}</c:NIHII>'
            f"</c:Profession>{addresses}</c:ProfessionalInformation></c:IndividualContactInformation>"
        )


def _described(texts: Any) -> str:
    return "".join(f"<aa:Description lang={quoteattr(language)}>{escape(text)}</aa:Description>" for language, text in texts.items())
