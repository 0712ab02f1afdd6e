"""The connector `excel`: a workbook of a selection, on a schedule or on demand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import IO, ClassVar
from zoneinfo import ZoneInfo

import marshmallow as ma

from hub import Criterion, Entity, Export, Linked, Misconfigured, Query, fold, narrowed
from plugins.excel.columns import COLUMNS, EVERY, ON_REQUEST, STATUS, Column, row
from plugins.excel.placing import SelectedPlaces, brought_to
from plugins.excel.wording import WORDS
from plugins.excel.workbook import WorkbookFull, write_workbook

_PAGE = 200
"""Offers in memory at a time; more take more of it and are no faster."""
_LABELS = 10_000
_BELGIUM = ZoneInfo("Europe/Brussels")
_READ = sum(column.printed for column in COLUMNS)
_HEADERS = tuple(column.header for column in EVERY)


def _all_different(headers: Sequence[str]) -> None:
    twice = sorted({header for header in headers if headers.count(header) > 1})
    if twice:
        raise ma.ValidationError(f"Name each column once; these came more often: {', '.join(twice)}.")


class ExcelConfig(ma.Schema):
    """Which offers, and which columns of them."""

    language = ma.fields.String(
        load_default="nl",
        validate=ma.validate.OneOf(tuple(WORDS)),
        metadata={"description": "language of headers and words, and of the texts of fiches that have it: nl, fr, de or en"},
    )
    title = ma.fields.String(load_default="", metadata={"description": "title of the workbook; empty: Zorg- en welzijnsaanbod, in the language"})
    text = ma.fields.String(load_default="", metadata={"description": "words that must occur"})
    rubrieken = ma.fields.List(ma.fields.String(), load_default=list, metadata={"description": "rubriek numbers, narrower ones included"})
    postcodes = ma.fields.List(
        ma.fields.String(
            validate=ma.validate.Regexp(r"^[1-9]\d{3}$", error="{input!r} is no Belgian postcode: it has four digits, of which the first is not 0.")
        ),
        load_default=list,
        metadata={"description": "postcodes of the places where it is offered"},
    )
    municipalities = ma.fields.List(ma.fields.String(), load_default=list, metadata={"description": "REFNIS codes"})
    zones = ma.fields.List(ma.fields.String(), load_default=list, metadata={"description": "codes of primary-care zones"})
    where = ma.fields.List(
        ma.fields.String(validate=ma.validate.Regexp(r"^[A-Za-z_]+=.+$", error="{input!r} is no criterion; write it as key=value.")),
        load_default=list,
        metadata={
            "description": "further criteria as key=value, those of `fichehub query --where`: language=fr, delivery=home,online, near=51.05,3.72,10, organisatie=<id>"
        },
    )
    stopped = ma.fields.Boolean(
        load_default=False,
        metadata={
            "description": "also offers that have stopped or whose organisation has, told in a column Status; a criterion of the status in `where` shows that column too"
        },
    )
    columns = ma.fields.List(
        ma.fields.String(validate=ma.validate.OneOf(_HEADERS)),
        load_default=list,
        validate=_all_different,
        metadata={
            "description": f"columns by their Dutch headers, in their order; empty: all but {', '.join(column.header for column in ON_REQUEST)}"
        },
    )
    allowed_use = ma.fields.String(
        load_default="",
        metadata={"description": "what the receiver may do with it; stands in the workbook; empty: only within the agreement, nothing passed on"},
    )


class ExcelFeed(Export):
    """One row per offer; what an offer does not say itself comes from its vestiging or organisation."""

    name: ClassVar[str] = "excel"
    title: ClassVar[str] = "Excel: werkboek van een selectie"
    titles: ClassVar[Mapping[str, str]] = {
        "fr": "Excel : classeur d’une sélection",
        "de": "Excel: Arbeitsmappe einer Auswahl",
        "en": "Excel: workbook of a selection",
    }
    config_schema: ClassVar[type[ma.Schema]] = ExcelConfig
    media_type: ClassVar[str] = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    extension: ClassVar[str] = "xlsx"

    def query(self) -> Query:
        """Offers, in the order that never changes: whatever is written meanwhile, each comes exactly once. `write` sorts them by name."""
        wanted: dict[str, Sequence[str]] = {
            "code": [f"rubriek|{code}" for code in self.config["rubrieken"]],
            "postcode": self.config["postcodes"],
            "municipality": self.config["municipalities"],
            "zone": self.config["zones"],
        }
        where = [Criterion(key, tuple(values)) for key, values in wanted.items() if values]
        linked: tuple[Linked, ...] = ()
        if not self._tells_the_status():
            stopped = Criterion("status", ("inactive",))
            where.append(replace(stopped, negate=True))
            linked = (Linked("organisatie", Query(types=("organisatie",), where=(stopped,)), negate=True),)
        query = Query(types=("aanbod",), text=self.config["text"], where=tuple(where), linked=linked, limit=_PAGE)
        return narrowed(query, self.config["where"])

    def check(self) -> None:
        """Raises `Misconfigured` when the agreement shows none of the columns."""
        self._columns()

    def _tells_the_status(self) -> bool:
        """Whether what has stopped may be there, and is marked."""
        return self.config["stopped"] or any(text.partition("=")[0] == "status" for text in self.config["where"])

    def _columns(self) -> tuple[list[Column], list[Column]]:
        """Those of the workbook, and those that the agreement withholds as a whole: an empty column would say that nobody knows."""
        chosen = [EVERY[_HEADERS.index(header)] for header in self.config["columns"]]
        if not chosen:
            chosen = [*COLUMNS[:_READ], *([STATUS] if self._tells_the_status() else []), *COLUMNS[_READ:]]
        withheld = [column for column in chosen if column.is_withheld(self.context.fields)]
        columns = [column for column in chosen if column not in withheld]
        if not columns:
            raise Misconfigured(f"The agreement shows none of these columns: {', '.join(column.header for column in withheld)}.")
        return columns, withheld

    def _about_what_stopped(self, columns: Sequence[Column]) -> str:
        words, fields = WORDS[self.config["language"]], self.context.fields
        if self._tells_the_status():
            see = words["stopped_see"].format(status=STATUS.in_language(self.config["language"]).header)
            return f"{words['stopped_in']} {see}" if STATUS in columns else words["stopped_in"]
        return words["stopped_out" if fields is None or {"organisatie", "status"} <= fields else "stopped_hidden"]

    def _about_the_selection(self) -> str:
        words, language = WORDS[self.config["language"]], self.config["language"]
        named = [(code, self.context.label("rubriek", code, language)) for code in self.config["rubrieken"]]
        chosen: dict[str, list[str]] = {
            "text": [self.config["text"]] if self.config["text"] else [],
            "rubrieken": [code if name == code else f"{code} {name}" for code, name in named],
            **{name: self.config[name] for name in ("postcodes", "municipalities", "zones", "where")},
        }
        told = [f"{words[name]}: {', '.join(values)}" for name, values in chosen.items() if values]
        return words["selection"].format(what="; ".join(told) or words["everything"])

    def write(self, entities: Iterable[Entity], file: IO[bytes]) -> int:
        """Write the workbook, its offers by name, and return how many there are. Memory does not grow with them."""
        columns, withheld = self._columns()
        places = [EVERY.index(column) for column in columns]
        language: str = self.config["language"]
        words = WORDS[language]
        label = lru_cache(_LABELS)(self.context.label)
        made_at = self.context.now()
        selected = SelectedPlaces.of(self.query(), self.context.areas)
        today = made_at.astimezone(_BELGIUM).date().isoformat()
        explanation = [
            words["made"].format(day=f"{made_at:%d/%m/%Y}", time=f"{made_at:%H:%M}"),
            words["anew"],
            words["use"].format(use=self.config["allowed_use"] or words["allowed_use"]),
            self._about_the_selection(),
            words["empty"],
            self._about_what_stopped(columns),
        ]
        if withheld:
            explanation.append(words["withheld"].format(columns=", ".join(column.in_language(language).header for column in withheld)))
        offers = (row(brought_to(entity, selected), label, today, language) for entity in entities)
        rows = ((fold(values[0]), tuple([values[place] for place in places])) for values in offers)
        shown = [column.in_language(language) for column in columns]
        title = self.config["title"] or words["title"]
        try:
            return write_workbook(rows, file, title=title, made_at=made_at, explanation=explanation, columns=shown, language=language)
        except WorkbookFull as error:
            raise Misconfigured(str(error)) from error
