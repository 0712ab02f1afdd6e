"""CoBRHA by the XML of the AddressBook: what is read of it, what is not, and what a hostile message gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from hub import Rejected, Simulator, Unreachable, World, plugins
from hub.errors import Misconfigured
from hub.outbound import Outbound
from hub.store import Store, tables
from hub.sync import RunReport, connections, run
from hub.testing.contracts import SourceContract
from plugins import progezondheid
from plugins.progezondheid import proposing
from plugins.progezondheid.cobrha import connector
from plugins.progezondheid.cobrha.connector import Cobrha
from plugins.progezondheid.cobrha.reading import claim_of, persons_in
from plugins.progezondheid.cobrha.simulator import TOKEN, CobrhaSimulator
from plugins.progezondheid.simulator import ProGezondheidSimulator
from tests.plugins.progezondheid.test_runs import fiches

COUNT = 30
Go = Callable[..., RunReport]


class TestSource(SourceContract):
    connector = Cobrha

    def simulator(self) -> Simulator:
        return CobrhaSimulator(World(), count=COUNT)

    def config(self, url: str) -> dict[str, Any]:
        return {"base_url": f"{url}/addressbook", "token": TOKEN, "page_size": 7}


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture
def book(world: World) -> Iterator[CobrhaSimulator]:
    with CobrhaSimulator(world, count=COUNT) as simulator:
        yield simulator


@pytest.fixture
def go(store: Store) -> Iterator[Go]:
    """Runs a connection, made the first time that its name is given."""
    loaded = plugins.load([("progezondheid", progezondheid)], installed=False)
    with Outbound(allow_private=True, deadline=5, attempts=2, sleep=lambda seconds: None) as http:

        def of(name: str, config: dict[str, Any] | None = None, **how: Any) -> RunReport:
            if config is not None:
                connections.add(store, loaded, f"own-{name}", name, config)
                connections.enable(store, loaded, f"own-{name}", http=http)
            return run(store, loaded, f"own-{name}", http=http, **how)

        yield of


def message(inner: str, before: str = "") -> bytes:
    return f'{before}<R xmlns="urn:x"><IndividualContactInformation>{inner}</IndividualContactInformation></R>'.encode()


def person(number: str, inner: str = "", addresses: str = "") -> bytes:
    return message(
        f"<LastName>Peeters</LastName>{inner}<ProfessionalInformation><Profession><NIHII>{number}</NIHII></Profession>"
        f"{addresses}</ProfessionalInformation>"
    )


def riziv(world: World, index: int = 0) -> str:
    return str(next(world.register_persons(index, 1)).riziv)


@pytest.mark.parametrize("most", [1, 4, 7])
def test_who_gives_fewer_than_asked_for_is_read_to_the_end(
    store: Store, go: Go, book: CobrhaSimulator, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    whole = CobrhaSimulator.message
    monkeypatch.setattr(CobrhaSimulator, "message", lambda self, offset, asked: whole(self, offset, min(asked, most)))
    report = go("cobrha", {**book.config(), "page_size": 7})
    assert (report.state, report.changed) == ("done", COUNT)


def test_who_gives_more_than_asked_for_is_not_taken_in(store: Store, go: Go, book: CobrhaSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    go("cobrha", {**book.config(), "page_size": 7})
    whole = CobrhaSimulator.message
    monkeypatch.setattr(CobrhaSimulator, "message", lambda self, offset, asked: whole(self, offset, 3 * asked))
    report = go("cobrha")
    assert (report.state, report.read) == ("failed", 0)
    assert "answered 21 persons where at most 7 were asked for" in report.reason
    monkeypatch.setattr(connector, "LEAST_BYTES", 100)
    monkeypatch.setattr(connector, "ROW_BYTES", 100)
    assert "sends more than 700 bytes" in go("cobrha").reason


def test_everybody_comes_and_the_next_run_brings_nothing(store: Store, go: Go, book: CobrhaSimulator) -> None:
    report = go("cobrha", {**book.config(), "page_size": 7})
    assert (report.state, report.read, report.changed, report.rejected) == ("done", COUNT, COUNT, 0)
    again = go("cobrha")
    assert (again.state, again.changed, again.deleted) == ("done", 0, 0)
    book.switch("moved")
    moved = go("cobrha")
    assert (moved.changed, moved.rejected) == (1, 0)
    book.count = 3
    fewer = go("cobrha", full=True)
    assert (fewer.state, fewer.deleted, fewer.withheld) == ("done", 0, 0)
    assert len(fiches(store)) == COUNT


def test_an_administrative_address_never_replaces_a_practice_address(store: Store, go: Go, world: World, book: CobrhaSimulator) -> None:
    with ProGezondheidSimulator(world, count=COUNT) as register:
        go("progezondheid", {**register.config(), "proposals": list(proposing.FIELDS)})
        before = fiches(store)
        go("cobrha", book.config())
        register.requests.clear()
        assert go("progezondheid").pushed == 0
        assert not any("/providers/" in request for request in register.requests), "what only registers say is nothing to ask about"
    for number, fiche in fiches(store).items():
        practices = [one for one in fiche["addresses"] if one["type"] == "practice"]
        assert practices == [one for one in before[number]["addresses"] if one["type"] == "practice"]
        assert fiche.get("status") == before[number].get("status")
        assert all(one["visibility"] != "public" for one in fiche["addresses"] if one["type"] == "administrative")
    assert len(fiches(store)) == COUNT, "the same person by RIZIV number"


def test_files_of_a_folder_are_read_too(store: Store, go: Go, book: CobrhaSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "messages"
    folder.mkdir()
    for start in (0, 10, 20):
        (folder / f"{start}.xml").write_text(book.message(start, 10), encoding="utf-8")
    (folder / "notes.txt").write_text("no message", encoding="utf-8")
    report = go("cobrha", {"folder": str(folder)})
    assert (report.state, report.changed) == ("done", COUNT)
    (folder / "10.xml").write_text("<half", encoding="utf-8")
    broken = go("cobrha")
    assert (broken.state, "10.xml" in broken.reason) == ("failed", True)
    monkeypatch.setattr(connector, "LARGEST", 100)
    assert "100 bytes" in go("cobrha").reason
    for file in folder.glob("*.xml"):
        file.unlink()
    assert "no *.xml" in go("cobrha").reason
    folder.joinpath("notes.txt").unlink()
    folder.rmdir()
    assert go("cobrha").state == "failed"


@pytest.mark.parametrize(
    ("fault", "said"),
    [("doctype", "document type"), ("no-xml", "no XML"), ("soap-fault", "Fictional fault"), ("same-page", "never end")],
)
def test_a_message_that_is_none_ends_the_run_with_the_reason(store: Store, go: Go, book: CobrhaSimulator, fault: str, said: str) -> None:
    go("cobrha", {**book.config(), "page_size": 7})
    before = fiches(store)
    book.switch(fault)
    report = go("cobrha")
    assert (report.state, said in report.reason) == ("failed", True), report.reason
    assert fiches(store) == before


def test_an_address_or_a_folder_but_not_both(go: Go) -> None:
    for config in ({}, {"base_url": "http://127.0.0.1:9", "folder": "/tmp"}):
        with pytest.raises(Misconfigured, match="either an address or a folder"):
            go("cobrha", config)


def test_entities_are_never_opened(world: World) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY f SYSTEM "file:///etc/hostname">]>'
    for inner in ("<LastName>&a;</LastName>", "<LastName>&f;</LastName>", "<LastName>x</LastName>"):
        with pytest.raises(Unreachable, match="document type"):
            persons_in(message(inner, bomb), "here")


def test_what_nobody_needs_is_not_read(world: World) -> None:
    inner = (
        "<SSIN>85073003328</SSIN><BirthDate>1985-07-30</BirthDate><Language>fr</Language><FirstName>An</FirstName><MiddleNames>Bea Cé</MiddleNames>"
    )
    (found,) = persons_in(person(riziv(world), inner), "here")
    claim = claim_of(found)
    assert claim.content == {
        "kind": "zorgverlener",
        "name": {"family": "Peeters", "given": ["An", "Bea", "Cé"]},
        "identifiers": [{"system": "riziv", "value": riziv(world)}],
        "in_scope_of": ["cobrha"],
    }


def test_only_a_type_that_was_named_is_a_practice(world: World) -> None:
    addresses = "".join(
        f'<Address Type="{kind}"><Street><Description lang="nl">Straat {kind}</Description></Street>'
        "<Municipality><ZipCode>9000</ZipCode></Municipality></Address>"
        for kind in ("WORK", "HOME", "")
    )
    (found,) = persons_in(person(riziv(world), addresses=addresses), "here")
    assert [one["type"] for one in claim_of(found).content["addresses"]] == ["administrative"] * 3
    assert [one["type"] for one in claim_of(found, ["WORK"]).content["addresses"]] == ["practice", "administrative", "administrative"]


def test_who_cannot_be_recognised_is_rejected_by_field(world: World) -> None:
    cases = {
        message("<LastName>Peeters</LastName>"): "Profession.NIHII",
        person("12345678901"): "Profession.NIHII",
        message(f"<Profession><NIHII>{riziv(world)}</NIHII></Profession>"): "LastName",
    }
    for body, field in cases.items():
        (found,) = persons_in(body, "here")
        with pytest.raises(Rejected) as caught:
            claim_of(found)
        assert (caught.value.field, bool(caught.value.message)) == (field, True)


@pytest.mark.parametrize(
    ("instead", "reason"),
    [
        (lambda message: '<html xmlns="http://www.w3.org/1999/xhtml"><body><form>Log in</form></body></html>', "no answer of the AddressBook"),
        (lambda message: message.replace("IndividualContactInformation", "Individual"), "its shape has changed"),
    ],
)
@pytest.mark.parametrize("before", [0, 2])
def test_an_answer_that_names_nobody_is_no_end(
    go: Go, book: CobrhaSimulator, monkeypatch: pytest.MonkeyPatch, instead: Callable[[str], str], reason: str, before: int
) -> None:
    go("cobrha", {**book.config(), "page_size": 7})
    whole = CobrhaSimulator.message
    monkeypatch.setattr(
        CobrhaSimulator,
        "message",
        lambda self, offset, most: (whole if offset < 7 * before else lambda *asked: instead(whole(*asked)))(self, offset, most),
    )
    report = go("cobrha")
    assert (report.state, report.read) == ("failed", 7 * before)
    assert reason in report.reason


def test_a_register_that_gives_nobody_at_all_fails(go: Go, book: CobrhaSimulator) -> None:
    go("cobrha", {**book.config(), "page_size": 7})
    book.count = 0
    report = go("cobrha")
    assert report.state == "failed"
    assert "gave nobody at all" in report.reason


def test_a_register_that_gives_nobody_does_not_pass_its_check(go: Go, book: CobrhaSimulator) -> None:
    book.count = 0
    with pytest.raises(Unreachable, match="gave nobody at all"):
        go("cobrha", book.config())


def entry(number: str, house: str = "1") -> str:
    return (
        f"<IndividualContactInformation><LastName>Peeters</LastName><ProfessionalInformation><Profession><NIHII>{number}</NIHII></Profession>"
        f"<Address><HouseNumber>{house}</HouseNumber></Address></ProfessionalInformation></IndividualContactInformation>"
    )


@pytest.mark.parametrize("each", [1, 2, 3])
@pytest.mark.parametrize("circle", [1, 2, 3, 5])
def test_a_list_that_goes_in_a_circle_ends_the_run(
    go: Go, book: CobrhaSimulator, world: World, monkeypatch: pytest.MonkeyPatch, circle: int, each: int
) -> None:
    """Whatever the offset; and each message has another Id, so that no two are alike."""
    asked = iter(range(60))

    def message(self: CobrhaSimulator, offset: int, most: int) -> str:
        place = next(asked)
        persons = "".join(entry(riziv(world, place % circle * each + one)) for one in range(each))
        return f'<SearchProfessionalsResponse Id="{place}">{persons}</SearchProfessionalsResponse>'

    monkeypatch.setattr(CobrhaSimulator, "message", message)
    report = go("cobrha", {**book.config(), "page_size": 7})
    assert (report.state, "never end" in report.reason) == ("failed", True), report.reason


@pytest.mark.parametrize("most", [1, 2, 3, 7])
def test_who_is_given_twice_changes_nothing_in_the_next_run(
    store: Store, go: Go, book: CobrhaSimulator, world: World, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    first, other = riziv(world), riziv(world, 1)
    given = [entry(first, "1"), entry(first, "1"), entry(other), entry(first, "2"), entry(other)]
    monkeypatch.setattr(
        CobrhaSimulator,
        "message",
        lambda self, offset, asked: (
            f"<SearchProfessionalsResponse>{''.join(given[offset : offset + min(asked, most)])}</SearchProfessionalsResponse>"
        ),
    )
    if most == 1:
        del given[1]  # of one person alone that comes twice in a row nobody can tell whether the list goes on
    report = go("cobrha", {**book.config(), "page_size": 7})
    assert (report.state, report.changed) == ("done", 2)
    assert any(first[:8] in warning and "given already" in warning for warning in report.warnings), report.warnings
    before = fiches(store)
    again = go("cobrha")
    assert (again.state, again.changed, again.warnings) == ("done", 0, report.warnings)
    assert fiches(store) == before
    assert before[first[:8]]["addresses"][0]["house_number"] == "1", "of each person the first row counts"


TWO = ("15555137000", "35555349000")


def of_two(numbers: tuple[str, ...], family: str = "Peeters") -> bytes:
    professions = "".join(f"<Profession><NIHII>{number}</NIHII></Profession>" for number in numbers)
    return message(f"<LastName>{family}</LastName><ProfessionalInformation>{professions}</ProfessionalInformation>")


@pytest.mark.parametrize("turned_first", [False, True])
def test_a_person_with_two_numbers_is_one_in_whatever_order_they_come(store: Store, go: Go, tmp_path: Path, turned_first: bool) -> None:
    there, back = (TWO, TWO[::-1]) if not turned_first else (TWO[::-1], TWO)
    file = tmp_path / "all.xml"
    file.write_bytes(of_two(there))
    go("cobrha", {"folder": str(tmp_path)})
    for numbers, family in ((back, "Peeters"), (back, "Peeters-Maes"), (there, "Maes"), (back, "Maes")):
        file.write_bytes(of_two(numbers, family))
        assert go("cobrha").state == "done"
        with store.read() as db:
            documents = [
                orjson.loads(each) for each in db.execute(select(tables.fiche.c.document).where(tables.fiche.c.document.is_not(None))).scalars()
            ]
        assert [one["name"]["family"] for one in documents] == [family]
        assert sorted(item["value"] for item in documents[0]["identifiers"]) == sorted(TWO)
    with store.read() as db:
        assert list(db.execute(select(tables.claim.c.external_id)).scalars()) == [there[0][:8]]


def test_a_person_with_two_numbers_who_comes_twice_in_another_order_is_one(store: Store, go: Go, tmp_path: Path) -> None:
    (tmp_path / "1.xml").write_bytes(of_two(TWO))
    (tmp_path / "2.xml").write_bytes(of_two(TWO[::-1]))
    report = go("cobrha", {"folder": str(tmp_path)})
    assert (report.changed, len({one["id"] for one in fiches(store).values()})) == (1, 1)
    assert "1 row was about a person who had been given already (15555137)" in report.warnings[0]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "at line 1, column 1 no element begins"),
        (b"<a><b></a>", "at line 1, column 11 an element ends that is not the one that is open"),
        (b"<a>\n<b>", "at line 2, column 4 it breaks off: an element that is open does not end"),
        (b"<a>" * 300, "its elements lie deeper in one another than is read"),
        (b"<a>" + b"x" * 10_100_000 + b"</a>", "a text, a name or a remark is longer than is read"),
        (b"<" + b"x" * 60_000 + b"/>", "a text, a name or a remark is longer than is read"),
        (b"<!--" + b"x" * 10_100_000 + b"--><a/>", "a text, a name or a remark is longer than is read"),
        (b"<a>&x;</a>", "at line 1, column 7 it names an entity that there is not"),
        (b"<a>\xff</a>", "there are bytes that its encoding does not have"),
        (b"<a/><b/>", "more follows behind the end of its outermost element"),
        (b"<?xml version='1.0' encoding='x-nope'?><a/>", "it says to be in an encoding that is not known"),
        (b"<a b=1/>", "at line 1, column 6 it does not follow the rules of XML"),
    ],
)
def test_what_is_broken_or_too_large_is_told_in_our_words(body: bytes, told: str) -> None:
    with pytest.raises(Unreachable) as refused:
        persons_in(body, "all.xml")
    assert refused.value.message.startswith("all.xml is no XML that can be read: at line ")
    assert told in refused.value.message
    assert "XML_PARSE" not in refused.value.message
