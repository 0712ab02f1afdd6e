"""The workbook: what a second reader finds in it, and what a source can never make of it."""

from __future__ import annotations

import errno
import gc
import io
import sqlite3
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import openpyxl
import pytest

from hub.connector import Context
from hub.errors import Misconfigured
from hub.model.entity import Entity
from hub.model.fiche import Document
from hub.model.query import Criterion, Near, normalise
from plugins.excel import workbook
from plugins.excel.columns import COLUMNS, EVERY, row
from plugins.excel.connector import ExcelConfig, ExcelFeed
from plugins.excel.wording import COLUMNS_IN, WORDS

TODAY = "2026-11-22"
HEADERS = [column.header for column in COLUMNS]
ORGANISATION: Document = {
    "id": "7a0b5f2e-8f0e-4d5e-9a57-3a6f3f1f0a01",
    "kind": "organisatie",
    "names": [{"text": {"nl": "Huis De Wilg"}}],
    "contacts": [{"kind": "phone", "value": "+3290000001"}],
    "vestigingen": [
        {
            "id": "7a0b5f2e-8f0e-4d5e-9a57-3a6f3f1f0a02",
            "addresses": [{"type": "visit", "street": {"nl": "Elders"}, "house_number": "1", "postcode": "9000", "city": {"nl": "Gent"}}],
        },
        {
            "id": "7a0b5f2e-8f0e-4d5e-9a57-3a6f3f1f0a03",
            "addresses": [
                {"type": "administrative", "street": {"nl": "Kantoorstraat"}, "postcode": "1000"},
                {
                    "type": "visit",
                    "street": {"nl": "Wilgenlaan"},
                    "house_number": "12",
                    "box": "3",
                    "postcode": "9100",
                    "city": {"nl": "Sint-Niklaas"},
                },
            ],
        },
    ],
}


def offer(**fields: object) -> Entity:
    fiche: Document = {
        "id": "7a0b5f2e-8f0e-4d5e-9a57-3a6f3f1f0a04",
        "kind": "aanbod",
        "names": [{"text": {"nl": "Dagopvang"}}],
        "organisatie": {"id": ORGANISATION["id"]},
        "vestigingen": [{"id": ORGANISATION["vestigingen"][1]["id"]}],
        "rubrieken": [{"scheme": "rubriek", "code": "13.08"}],
        **fields,
    }
    related = {ORGANISATION["id"]: ORGANISATION}
    return Entity(fiche["id"], "aanbod", 1, 1, "2026-11-22T09:00:00Z", fiche, related=related)


def label(scheme: str, code: str, language: str) -> str:
    return {"13.08": "Dagopvang personen met een handicap"}.get(code, code)


def feed(fields: str | None = None, **config: object) -> ExcelFeed:
    """A feed to somebody whose agreement names these fields; None: all."""
    named = None if fields is None else frozenset(fields.split())
    context = Context(http=None, now=lambda: datetime(2026, 11, 22, 9, tzinfo=UTC), label=label, fields=named)  # type: ignore[arg-type]
    return ExcelFeed(ExcelConfig().load(config), context)


def read(file: io.BytesIO) -> dict[str, list[list[object]]]:
    book = openpyxl.load_workbook(file)
    return {sheet.title: [[cell.value for cell in line] for line in sheet.iter_rows()] for sheet in book}


def test_an_offer_is_one_row_with_the_address_of_its_own_site_and_inherited_contacts() -> None:
    values = dict(zip(HEADERS, row(offer(), label, TODAY), strict=False))
    assert values["Aanbod"] == "Dagopvang"
    assert values["Organisatie"] == "Huis De Wilg"
    assert values["Rubriek"] == "13.08 Dagopvang personen met een handicap"
    assert (values["Straat"], values["Nummer"], values["Postcode"]) == ("Wilgenlaan", "12 bus 3", "9100")
    assert values["Telefoon"] == "+3290000001"


def test_the_offers_own_telephone_comes_before_that_of_the_organisation() -> None:
    own = offer(contacts=[{"kind": "phone", "value": "+3290000002"}])
    assert row(own, label, TODAY)[HEADERS.index("Telefoon")] == "+3290000002"


def test_a_number_for_complaints_or_emergencies_is_in_no_column() -> None:
    special = [
        {"kind": "phone", "value": "+3278150000", "purpose": "complaints"},
        {"kind": "mobile", "value": "+32470000009", "purpose": "emergency"},
        {"kind": "email", "value": "klacht@example.org", "purpose": "complaints"},
    ]
    values = dict(zip(HEADERS, row(offer(contacts=special), label, TODAY), strict=False))
    assert (values["Telefoon"], values["E-mail"]) == ("+3290000001", "")


def test_the_offers_own_mobile_comes_before_the_telephone_of_the_organisation() -> None:
    own = offer(contacts=[{"kind": "mobile", "value": "+32470000001"}])
    assert row(own, label, TODAY)[HEADERS.index("Telefoon")] == "+32470000001"


def test_an_offer_at_a_site_that_the_asker_may_not_see_has_no_address() -> None:
    for hidden in (offer(vestigingen=[{"id": "7a0b5f2e-8f0e-4d5e-9a57-3a6f3f1f0a09"}]), replace(offer(vestigingen=[]), place_withheld=True)):
        values = dict(zip(HEADERS, row(hidden, label, TODAY), strict=False))
        assert values["Straat"] == values["Nummer"] == values["Postcode"] == values["Gemeente"] == ""


def test_the_name_of_today_comes_before_a_former_one() -> None:
    names = [{"text": {"nl": "Oude naam"}, "use": "former"}, {"text": {"nl": "Officiële naam"}, "use": "official"}]
    assert row(offer(names=names), label, TODAY)[0] == "Officiële naam"


def at(days: str, **more: object) -> Document:
    return {"days": days.split(), **more}


MORNING, NOON = {"opens": "09:00", "closes": "12:00"}, {"opens": "13:00", "closes": "17:00"}


@pytest.mark.parametrize(
    ("hours", "text", "said"),
    [
        ([at("tue mon", **MORNING)], {}, "ma di 09:00-12:00"),
        ([at("mon", **MORNING, by_appointment=True)], {}, "ma 09:00-12:00 op afspraak"),
        ([at("mon", opens="09:00")], {}, "ma vanaf 09:00"),
        ([at("mon", closes="17:00")], {}, "ma tot 17:00"),
        ([at("mon", by_appointment=True)], {}, "ma op afspraak"),
        ([at("mon")], {}, "ma"),
        ([at("mon", **MORNING), at("tue", **NOON), at("mon", **NOON), at("mon", **NOON)], {}, "ma 09:00-12:00 en 13:00-17:00; di 13:00-17:00"),
        ([at("mon", **MORNING, valid_until="2026-11-21")], {}, ""),
        ([at("mon", **MORNING, valid_until="2026-11-22")], {}, "ma 09:00-12:00 (tot 22/11/2026)"),
        ([at("mon", **MORNING, valid_from="2026-11-22")], {}, "ma 09:00-12:00"),
        ([at("mon", **MORNING, valid_from="2026-12-01", valid_until="2026-12-31")], {}, "ma 09:00-12:00 (vanaf 01/12/2026 tot 31/12/2026)"),
        ([at("mon", **MORNING)], {"nl": "Bel eerst."}, "ma 09:00-12:00; Bel eerst."),
        ([], {"nl": "Bel eerst."}, "Bel eerst."),
    ],
)
def test_opening_hours_say_all_that_is_known_of_today_and_later(hours: list[Document], text: Document, said: str) -> None:
    assert row(offer(hours=hours, hours_text=text), label, TODAY)[HEADERS.index("Openingsuren")] == said


def test_the_day_is_that_of_belgium() -> None:
    file = io.BytesIO()
    late = Context(http=None, now=lambda: datetime(2026, 11, 22, 23, 30, tzinfo=UTC), label=label)  # type: ignore[arg-type]
    over = offer(hours=[at("mon", **MORNING, valid_until=TODAY)])
    ExcelFeed(ExcelConfig().load({"columns": ["Openingsuren", "Aanbod"]}), late).write([over], file)
    assert read(file)["Aanbod"][1] == [None, "Dagopvang"]


def test_an_organisation_that_the_asker_may_not_see_leaves_empty_cells() -> None:
    alone = Entity("x", "aanbod", 1, 1, "2026-11-22T09:00:00Z", offer().fiche)
    values = dict(zip(HEADERS, row(alone, label, TODAY), strict=False))
    assert values["Organisatie"] == values["Straat"] == values["Telefoon"] == ""


def test_header_in_the_first_row_and_an_explanation_of_every_column() -> None:
    file = io.BytesIO()
    assert feed().write([offer(), offer()], file) == 2
    sheets = read(file)
    assert sheets["Aanbod"][0] == HEADERS
    assert len(sheets["Aanbod"]) == 3
    explained = [line[0] for line in sheets["Toelichting"]]
    assert explained[1 : len(HEADERS) + 1] == HEADERS
    assert any("Toegelaten gebruik" in str(cell) for line in sheets["Toelichting"] for cell in line)


RICH = '<r><t>Dagcentrum</t></r></is></c><c r="P2"><f>HYPERLINK("http://x")</f><v>x</v></c><c r="Q2" t="inlineStr"><is><r><t>x</t></r>'


@pytest.mark.parametrize(
    "hostile",
    [
        "=1+1",
        '=HYPERLINK("http://x")',
        "+cmd|' /C calc'!A0",
        "@SUM(A1)",
        "-1",
        "http://example.org",
        RICH,
        "<r>Rood & Co</r>",
        "a < b > c & d",
        " \u00e9\u00e9n\nregel ",
    ],
)
def test_nothing_that_a_source_writes_becomes_a_formula_or_a_link(hostile: str) -> None:
    file = io.BytesIO()
    feed().write([offer(names=[{"text": {"nl": hostile}}])], file)
    sheet = openpyxl.load_workbook(file)["Aanbod"]
    cell = sheet["A2"]
    assert (cell.value, cell.data_type, cell.hyperlink, cell.quotePrefix) == (hostile, "s", None, True)
    assert sheet.max_column == len(HEADERS), "nothing came beside it"


def test_a_text_that_looks_like_a_character_by_its_number_stays_as_it_is() -> None:
    sheet = io.BytesIO()
    feed(columns=["Aanbod"]).write([offer(names=[{"text": {"nl": "_x0041_x0042_ met _x_"}}])], sheet)
    assert b"<t>_x005F_x0041_x005F_x0042_ met _x_</t>" in zipfile.ZipFile(sheet).read("xl/worksheets/sheet1.xml")


def test_what_no_cell_can_hold_is_a_blank_there() -> None:
    file = io.BytesIO()
    feed(columns=["Aanbod", "Postcode"]).write([offer(names=[{"text": {"nl": "a\tb\x00c\x1fd\ufffe\r\ne"}}])], file)
    assert read(file)["Aanbod"][1] == ["a b c d \ne", "9100"]


def test_a_text_that_is_too_long_for_a_cell_is_cut_and_the_workbook_says_so() -> None:
    file = io.BytesIO()
    feed().write([offer(names=[{"text": {"nl": "\U0001f3e0" * 20_000}}]), offer(names=[{"text": {"nl": "z" * 32_767}}])], file)
    sheets = read(file)
    longest, fits = sorted((str(line[0]) for line in sheets["Aanbod"][1:]), reverse=True)
    assert longest == "\U0001f3e0" * 16_383 + "\u2026" and fits == "z" * 32_767
    assert any("afgebroken" in str(cell) and ": 1 cel." in str(cell) for line in sheets["Toelichting"] for cell in line)


def test_offers_stand_by_name_whatever_the_order_in_which_they_come() -> None:
    file = io.BytesIO()
    names = ["Zorg", "de Wilg", "\u00c9\u00e9n", "De wilg"]
    feed(columns=["Aanbod"]).write([offer(names=[{"text": {"nl": name}}]) for name in names], file)
    assert [line[0] for line in read(file)["Aanbod"][1:]] == ["de Wilg", "De wilg", "\u00c9\u00e9n", "Zorg"]
    assert feed().query().sort == "number", "an order in which nothing is doubled or missed, whatever is renamed meanwhile"


def test_an_empty_selection_is_a_workbook_too() -> None:
    file = io.BytesIO()
    assert feed().write([], file) == 0
    assert read(file)["Aanbod"] == [HEADERS]


def test_the_sheet_says_how_large_it_is_and_what_is_filtered() -> None:
    file = io.BytesIO()
    feed().write([offer()] * 1_001, file)
    sheet = openpyxl.load_workbook(file)["Aanbod"]
    assert (sheet.dimensions, sheet.auto_filter.ref) == ("A1:O1002", "A1:O1002")
    assert b'<dimension ref="A1:O1002"/>' in zipfile.ZipFile(file).read("xl/worksheets/sheet1.xml")


def test_a_partner_chooses_columns() -> None:
    file = io.BytesIO()
    feed(columns=["Postcode", "Aanbod"]).write([offer()], file)
    assert read(file)["Aanbod"] == [["Postcode", "Aanbod"], ["9100", "Dagopvang"]]


def test_an_unknown_column_is_named() -> None:
    assert "columns" in ExcelConfig().validate({"columns": ["Telefoonnr"]})


def test_a_column_that_is_named_twice_is_refused() -> None:
    assert "Postcode" in str(ExcelConfig().validate({"columns": ["Postcode", "Aanbod", "Postcode"]})["columns"])


def test_the_configuration_becomes_one_query() -> None:
    query = feed(rubrieken=["13.08", "14"], postcodes=["9100"]).query()
    assert {(criterion.key, criterion.values, criterion.negate) for criterion in query.where} == {
        ("code", ("rubriek|13.08", "rubriek|14"), False),
        ("postcode", ("9100",), False),
        ("status", ("inactive",), True),
    }


def test_further_criteria_are_those_that_the_api_takes() -> None:
    query = normalise(feed(where=["near=51.05,3.72,10", "changedSince=7", f"organisatie={ORGANISATION['id']}", "language=fr,nl"]).query())
    assert (query.near, query.changed_since) == (Near(51.05, 3.72, 10.0), 7)
    assert [(linked.link, linked.query.where[0].values) for linked in query.linked if not linked.negate] == [("organisatie", (ORGANISATION["id"],))]
    assert Criterion("language", ("fr", "nl")) in query.where


def test_what_has_stopped_is_there_only_when_asked_for_and_then_marked() -> None:
    stopped = offer(status={"status": "inactive"})
    for config, header in (({}, None), ({"where": ["status=active,inactive"]}, "Status"), ({"stopped": True}, "Status")):
        file = io.BytesIO()
        connector = feed(**config)
        connector.write([stopped], file)
        sheets = read(file)
        assert (Criterion("status", ("inactive",), negate=True) in connector.query().where) == (header is None)
        head, line = sheets["Aanbod"]
        assert head == ([*HEADERS[:12], header, *HEADERS[12:]] if header else HEADERS)
        assert ("gestopt" in line) == (header is not None)
        assert any(("staat er niet in" if header is None else "kan er ook in staan") in str(cell) for line in sheets["Toelichting"] for cell in line)


def test_an_agreement_that_hides_what_stopped_is_told_to_hide_it() -> None:
    for fields in ("names organisatie", "names status"):
        file = io.BytesIO()
        feed(fields).write([offer()], file)
        said = [str(line[1]) for line in read(file)["Toelichting"]]
        assert any("zegt de overeenkomst u niet" in line for line in said)
        assert not any("staat er niet in." in line for line in said)


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ("names rubrieken", ["Aanbod", "Rubriek", "Fichenummer"]),
        ("names organisatie hours_text", ["Aanbod", "Organisatie", "Openingsuren", "Fichenummer"]),
        ("organisatie vestigingen", ["Straat", "Nummer", "Postcode", "Gemeente", "Telefoon", "E-mail", "Website", "Fichenummer"]),
    ],
)
def test_a_column_that_the_agreement_withholds_is_left_out_and_the_workbook_says_so(fields: str, left: list[str]) -> None:
    file = io.BytesIO()
    feed(fields).write([offer()], file)
    sheets = read(file)
    assert sheets["Aanbod"][0] == left
    (said,) = (str(line[1]) for line in sheets["Toelichting"] if "overeenkomst geeft niet vrij" in str(line[1]))
    assert [header for header in HEADERS if header in said.partition(":")[2].strip(" .").split(", ")] == [
        header for header in HEADERS if header not in left
    ]


def test_an_agreement_that_shows_none_of_the_columns_is_told_before_the_run() -> None:
    with pytest.raises(Misconfigured, match="Telefoon"):
        feed("names", columns=["Telefoon"]).check()


def test_more_rows_than_a_sheet_can_hold_are_refused_and_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MAX_ROWS", 2)
    with pytest.raises(Misconfigured, match="smaller"):
        feed().write([offer()] * 3, io.BytesIO())


class FullDisk(io.BytesIO):
    """A disk with room for so many bytes."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, data: Any, /) -> int:
        if self.tell() + memoryview(data).nbytes > self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


@pytest.mark.parametrize("room", [0, 2_000, 20_000])
def test_a_full_disk_is_told_as_such_and_once(room: int) -> None:
    many = (offer(names=[{"text": {"nl": f"{number * 7919 % 100_003}"}}]) for number in range(3_000))
    with pytest.raises(OSError) as told:
        feed().write(many, FullDisk(room))  # what a zip file says when it is thrown away would be a warning, and so a failure
    assert told.value.errno == errno.ENOSPC
    gc.collect()


def test_no_room_for_the_rows_on_their_way_is_a_full_disk_too(monkeypatch: pytest.MonkeyPatch) -> None:
    real = sqlite3.connect

    def small(*given: Any, **more: Any) -> sqlite3.Connection:
        database: sqlite3.Connection = real(*given, **more)
        database.execute("PRAGMA max_page_count = 10")
        return database

    monkeypatch.setattr("plugins.excel.ordering.sqlite3.connect", small)
    with pytest.raises(OSError, match="temporary files") as told:
        feed().write([offer()] * 3_000, io.BytesIO())
    assert told.value.errno == errno.ENOSPC


def test_answers_that_go_stale_say_since_when_and_until_when() -> None:
    since, until = {"asserted_at": "2026-10-12T08:00:00Z"}, {"valid_until": "2026-12-31"}
    said = offer(
        patientenstop={"value": "yes", **since, **until},
        waiting_list={"value": "yes", "weeks": 6, **until},
        capacity=[{"unit": "bed", "maximum": 12, "available": 3, **since}, {"unit": "stoel", "maximum": 4, "valid_until": "2026-11-21"}],
        on_call={"value": "no"},
    )
    file = io.BytesIO()
    feed(columns=["Patiëntenstop", "Wachtlijst", "Capaciteit", "Wachtdienst"]).write([said], file)
    assert read(file)["Aanbod"][1] == [
        "ja (gemeld op 12/10/2026, geldig tot 31/12/2026)",
        "ja, 6 weken (geldig tot 31/12/2026)",
        "12 bedden, 3 vrij (gemeld op 12/10/2026); 4 stoel",
        "nee",
    ]
    run_out = offer(patientenstop={"value": "unknown", "valid_until": "2026-11-01"})
    assert row(run_out, label, TODAY)[HEADERS.index("Patiëntenstop")] == "onbekend"


def person(number: int, family: str) -> Document:
    return {"id": f"7a0b5f2e-8f0e-4d5e-9a57-3a6f3f1f0b{number:02}", "kind": "zorgverlener", "name": {"given": ["An"], "family": family}}


def test_a_row_says_who_works_there_as_far_as_the_asker_sees_them() -> None:
    wilg, linde, hidden = person(1, "Wilg"), person(2, "Linde"), person(3, "Onzichtbaar")
    ties: list[Document] = [{"zorgverlener": {"id": each["id"]}} for each in (wilg, wilg, linde, hidden)]
    ties[2]["status"] = {"status": "inactive"}
    entity = offer(caregivers=[*ties, {}])
    seen = replace(entity, related={**entity.related, wilg["id"]: wilg, linde["id"]: linde})
    assert row(seen, label, TODAY)[[column.header for column in EVERY].index("Zorgverleners")] == "An Wilg"


@pytest.mark.parametrize("language", ["nl", "fr", "de", "en"])
def test_a_workbook_speaks_one_language(language: str) -> None:
    assert [set(words) for words in WORDS.values()] == [set(WORDS["nl"])] * 4
    assert all(set(told) == {column.header for column in EVERY} for told in COLUMNS_IN.values())
    file = io.BytesIO()
    both = offer(names=[{"text": {"nl": "Dagopvang", "fr": "Accueil de jour"}}], hours=[at("mon", **MORNING, by_appointment=True)])
    feed(language=language, stopped=True, postcodes=["9100"]).write([both], file)
    sheets = read(file)
    (first, offers), (second, about) = sheets.items()
    said = WORDS[language]
    assert (first, second) == (said["sheet"], said["about"])
    assert offers[0][0] == {"nl": "Aanbod", "fr": "Offre", "de": "Angebot", "en": "Offer"}[language]
    assert offers[1][0] == ("Accueil de jour" if language == "fr" else "Dagopvang")
    assert {said["unknown"], f"{said['days'].split()[0]} 09:00-12:00 {said['by_appointment']}"} <= set(map(str, offers[1]))
    told = " ".join(str(line[1]) for line in about)
    assert f"{said['postcodes']}: 9100" in told
    assert said["anew"] in told
    assert said["allowed_use"] in told
    if language != "nl":
        assert not {header for header, (theirs, _) in COLUMNS_IN[language].items() if header != theirs} & set(map(str, offers[0]))


def test_a_language_that_the_workbook_does_not_speak_is_refused() -> None:
    assert "language" in ExcelConfig().validate({"language": "es"})


def test_the_column_of_the_status_is_named_only_where_it_stands() -> None:
    for columns in ([], ["Aanbod"]):
        file = io.BytesIO()
        feed(stopped=True, columns=columns).write([], file)
        assert any("kolom Status" in str(line[1]) for line in read(file)["Toelichting"]) == (not columns)


def test_the_workbook_says_what_was_selected_and_that_it_is_made_anew() -> None:
    chosen: dict[str, Any] = {"rubrieken": ["13.08"], "postcodes": ["9100", "9200"], "text": "zorg", "where": ["language=fr"]}
    told = "Selectie: woorden: zorg; rubrieken: 13.08 Dagopvang personen met een handicap; postcodes: 9100, 9200; voorwaarden: language=fr."
    for connector, said in ((feed(), "Selectie: alle aanbod."), (feed(**chosen), told)):
        file = io.BytesIO()
        connector.write([], file)
        lines = [str(line[1]) for line in read(file)["Toelichting"]]
        assert said in lines
        assert any("bij elke export opnieuw gemaakt" in line for line in lines)


def test_the_sheet_prints_lying_on_a4_what_people_read_with_the_header_on_every_page() -> None:
    file = io.BytesIO()
    feed(title="Zorg & welzijn").write([offer()] * 3, file)
    book = openpyxl.load_workbook(file)
    sheet = book["Aanbod"]
    assert (sheet.page_setup.paperSize, sheet.page_setup.orientation, sheet.page_setup.fitToHeight) == (9, "landscape", 0)
    assert (sheet.print_title_rows, sheet.print_area) == ("$1:$1", "'Aanbod'!$A$1:$L$4")
    assert b"&amp;LZorg &amp;&amp; welzijn&amp;R&amp;P / &amp;N" in zipfile.ZipFile(file).read("xl/worksheets/sheet1.xml")
    assert sheet["A2"].alignment.wrap_text
    assert book["Toelichting"]["B2"].alignment.wrap_text
    assert sum(column.width for column in COLUMNS if column.printed) <= 215, "of 11 points at least 7.5 are left on A4"
