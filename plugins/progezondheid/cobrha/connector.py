"""The connection to CoBRHA: XML messages from an address, page by page, or from the files of a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final

import marshmallow as ma

from hub import Claim, Finished, Incoming, Misconfigured, Rejected, Simulator, Source, Unreachable
from plugins.progezondheid.client import LEAST_BYTES, ROW_BYTES
from plugins.progezondheid.cobrha.reading import PERSON, SOURCE, claim_of, marks_of, persons_in
from plugins.progezondheid.cobrha.several import Several
from plugins.progezondheid.cobrha.simulator import CobrhaSimulator
from plugins.progezondheid.cobrha.twice import Twice
from plugins.progezondheid.walk import Walk

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a message in a file."""
_AT_ONCE: Final = 500


class CobrhaConfig(ma.Schema):
    """Where the messages come from: an address or a folder."""

    base_url = ma.fields.Url(
        load_default="",
        schemes={"http", "https"},
        require_tld=False,
        metadata={"description": "Address that answers ?offset=&max= with a message in XML."},
    )
    token = ma.fields.String(load_default="", validate=ma.validate.Length(0, 4000), metadata={"secret": True, "description": "Bearer token for it."})
    folder = ma.fields.String(load_default="", metadata={"description": "Or a folder on this machine with messages: *.xml."})
    page_size = ma.fields.Integer(
        load_default=100, validate=ma.validate.Range(1, 1000), metadata={"description": "Persons per message (of an address)."}
    )
    practice_types = ma.fields.List(
        ma.fields.String(validate=ma.validate.Length(1, 100)),
        load_default=list,
        metadata={"description": "Types of address that are practices; every other one is administrative."},
    )

    @ma.validates_schema
    def one_of_both(self, data: dict[str, Any], **given: Any) -> None:
        """An address or a folder."""
        if bool(data.get("base_url")) == bool(data.get("folder")):
            raise ma.ValidationError("give either an address or a folder", "base_url")


_NOBODY: Final = f"CoBRHA gave nobody at all: no {PERSON} in what it answered. Either this is no answer of the AddressBook, or its shape has changed."


class Cobrha(Source):
    """Everything in each pull, since the message knows neither versions nor changes. Absence says nothing, so nobody is ever removed."""

    name: ClassVar[str] = SOURCE
    title: ClassVar[str] = "CoBRHA: zorgverleners volgens het AddressBook van eHealth"
    titles: ClassVar[Mapping[str, str]] = {
        "fr": "CoBRHA : prestataires de soins selon l’AddressBook d’eHealth",
        "de": "CoBRHA: Leistungserbringer laut AddressBook von eHealth",
        "en": "CoBRHA: caregivers by the eHealth AddressBook",
    }
    config_schema: ClassVar[type[ma.Schema]] = CobrhaConfig
    simulator: ClassVar[type[Simulator] | None] = CobrhaSimulator
    # Only caregivers whom some authority knows are in it: that somebody is not must not delete a fiche here.
    absence_tells: ClassVar[bool] = False

    def check(self) -> None:
        """There must be a first message, and somebody in it."""
        if not any(self._messages()):
            raise Unreachable(_NOBODY)

    def pull(self, cursor: str | None) -> Iterator[Incoming | Rejected | Finished]:
        """Everybody, whatever the cursor; who is as before comes as before. Of whoever is given more than once the first row counts: of the messages
        themselves none is newer, and whichever stood last would be a change in every run."""
        total, twice, several = 0, Twice(), Several(self.context.held)
        for persons in self._messages():
            total += len(persons)
            read: list[Claim] = []
            for person in persons:
                try:
                    read.append(claim_of(person, self.config["practice_types"]))
                except Rejected as rejected:
                    yield rejected
            claims = {claim.external_id: claim for claim in several.known_as(read) if twice.is_first(claim.external_id)}
            yield from map(Incoming, self._numbered(claims))
        if not total:
            raise Unreachable(_NOBODY)
        yield Finished(complete=True, warnings=twice.warnings())

    def _numbered(self, claims: dict[str, Claim]) -> Iterator[Claim]:
        """The messages have no versions: whoever says something else than before has the next one."""
        names = list(claims)
        for start in range(0, len(names), _AT_ONCE):
            part = names[start : start + _AT_ONCE]
            held = self.context.held(part)
            for name in part:
                before, now = held.get(name), claims[name]
                if before is None:
                    yield now
                else:
                    yield before if before.content == now.content else replace(now, revision=before.revision + 1)

    def _messages(self) -> Iterator[list[Any]]:
        return self._files() if self.config["folder"] else self._pages()

    def _pages(self) -> Iterator[list[Any]]:
        url, most = self.config["base_url"], self.config["page_size"]
        headers = {"Accept": "application/xml"}
        if self.config["token"]:
            headers["Authorization"] = f"Bearer {self.config['token']}"
        offset, walk = 0, Walk(url, "gives the same persons for another offset")
        while True:
            params, cap = {"offset": str(offset), "max": str(most)}, max(LEAST_BYTES, most * ROW_BYTES)
            answer = self.context.http.get(url, params=params, headers=headers, byte_cap=cap)
            if answer.status in (400, 404):
                raise Misconfigured(f"{url} answered {answer.status}: there are no messages at this address. Correct base_url.")
            if answer.status != 200:
                raise Unreachable(f"{url} answered {answer.status} in the place of a message.")
            persons = persons_in(answer.content, url)
            if len(persons) > most:
                raise Unreachable(f"{url} answered {len(persons):,} persons where at most {most:,} were asked for.")
            if not persons:  # a short message is not the last one: they may give fewer than we ask for
                return
            walk.goes_on(marks_of(persons))
            yield persons
            offset += len(persons)

    def _files(self) -> Iterator[list[Any]]:
        folder = Path(self.config["folder"])
        if not folder.is_dir():
            raise Misconfigured(f"{folder} is no folder on this machine. Correct folder.")
        files = sorted(one for one in folder.glob("*.xml") if one.is_file())
        if not files:
            raise Unreachable(f"There is no *.xml in {folder}.")
        for file in files:
            if file.stat().st_size > LARGEST:
                raise Unreachable(f"{file} holds more than {LARGEST:,} bytes. Cut it into smaller messages.")
            yield persons_in(file.read_bytes(), str(file))
