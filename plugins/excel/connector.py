"""The connector `excel`: a workbook of a selection, on a schedule or on demand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import IO, ClassVar
from zoneinfo import ZoneInfo

import marshmallow as ma

from hub import Criterion, Entity, Export, Linked, Misconfigured, Query, fold, narrowed
from plugins.excel.columns import COLUMNS, EVERY, ON_REQUEST, Column, row
from plugins.excel.placing import SelectedPlaces, brought_to
from plugins.excel.workbook import WorkbookFull, write_workbook

_PAGE = 200
"""Offers in memory at a time; more take more of it and are no faster."""
_LABELS = 10_000
_BELGIUM = ZoneInfo("Europe/Brussels")
_HEADERS = tuple(column.header for column in EVERY)


def _all_different(headers: Sequence[str]) -> None:
    twice = sorted({header for header in headers if headers.count(header) > 1})
    if twice:
        raise ma.ValidationError(f"Name each column once; these came more often: {', '.join(twice)}.")


class ExcelConfig(ma.Schema):
    """Which offers, and which columns of them."""

    title = ma.fields.String(load_default="Zorg- en welzijnsaanbod", metadata={"description": "title of the workbook"})
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
        metadata={"description": f"headers, in their order; empty: all but {', '.join(column.header for column in ON_REQUEST)}"},
    )
    allowed_use = ma.fields.String(
        load_default="Enkel voor gebruik binnen de overeenkomst met de ontvanger; verdere verspreiding is niet toegestaan.",
        metadata={"description": "what the receiver may do with it (need 41); stands in the workbook"},
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
            chosen = list(EVERY if self._tells_the_status() else COLUMNS)
        withheld = [column for column in chosen if column.is_withheld(self.context.fields)]
        columns = [column for column in chosen if column not in withheld]
        if not columns:
            raise Misconfigured(f"The agreement shows none of these columns: {', '.join(column.header for column in withheld)}.")
        return columns, withheld

    def _about_what_stopped(self) -> str:
        fields = self.context.fields
        if self._tells_the_status():
            return "Een aanbod dat gestopt is of waarvan de organisatie gestopt is, kan er ook in staan: zie de kolom Status."
        if fields is not None and not {"organisatie", "status"} <= fields:
            return "Of een aanbod of zijn organisatie gestopt is, zegt de overeenkomst u niet: wat gestopt is, kan er dus in staan."
        return "Een aanbod dat gestopt is of waarvan de organisatie gestopt is, staat er niet in."

    def write(self, entities: Iterable[Entity], file: IO[bytes]) -> int:
        """Write the workbook, its offers by name, and return how many there are. Memory does not grow with them."""
        columns, withheld = self._columns()
        places = [EVERY.index(column) for column in columns]
        label = lru_cache(_LABELS)(self.context.label)
        made_at = self.context.now()
        selected = SelectedPlaces.of(self.query(), self.context.areas)
        today = made_at.astimezone(_BELGIUM).date().isoformat()
        explanation = [
            f"Gemaakt op {made_at:%d/%m/%Y om %H:%M} UTC.",
            f"Toegelaten gebruik: {self.config['allowed_use']}",
            "Een lege cel betekent dat de hub het niet weet of het u niet mag tonen, niet dat het er niet is.",
            self._about_what_stopped(),
        ]
        if withheld:
            explanation.append(f"De overeenkomst geeft niet vrij, en daarom staan er niet in: {', '.join(column.header for column in withheld)}.")
        rows = (
            (fold(values[0]), tuple([values[place] for place in places]))
            for values in (row(brought_to(entity, selected), label, today) for entity in entities)
        )
        try:
            return write_workbook(rows, file, title=self.config["title"], made_at=made_at, explanation=explanation, columns=columns)
        except WorkbookFull as error:
            raise Misconfigured(str(error)) from error
