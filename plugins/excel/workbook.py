"""The workbook itself, written row by row in constant memory (XlsxWriter)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import IO, TYPE_CHECKING

from plugins.excel.columns import COLUMNS, Column

if TYPE_CHECKING:
    import xlsxwriter

MAX_ROWS = 1_048_575
"""Rows of data that a sheet can hold beside its header (ECMA-376, Excel's limit)."""


class WorkbookFull(ValueError):
    """The selection has more rows than a sheet can hold."""


def write_workbook(
    rows: Iterable[tuple[str, ...]],
    file: IO[bytes],
    *,
    title: str,
    made_at: datetime,
    explanation: Sequence[str],
    columns: Sequence[Column] = COLUMNS,
) -> int:
    """Write the sheets `Aanbod` (header in row 1, nothing above it) and `Toelichting`, and return the number of rows of data.

    Every cell is a text: nothing that a source wrote can become a formula or a link (OWASP, CSV injection). Raises `WorkbookFull`.
    """
    import xlsxwriter  # only who writes a workbook pays for loading it

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(file, options) as book:
        book.set_properties({"title": title, "created": made_at.replace(tzinfo=None), "comments": " ".join(explanation)})
        header = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        # quotePrefix keeps a text that begins with = + - @ a text, also when somebody edits the cell.
        text = book.add_format({"valign": "top", "quote_prefix": True})
        sheet = book.add_worksheet("Aanbod")
        sheet.freeze_panes(1, 1)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        for place, column in enumerate(columns):
            sheet.set_column(place, place, column.width, text)
            sheet.write_string(0, place, column.header, header)
        written = 0
        for values in rows:
            written += 1
            if written > MAX_ROWS:
                raise WorkbookFull(f"Een werkblad telt hoogstens {MAX_ROWS} rijen. Maak de selectie kleiner.")
            for place, value in enumerate(values):
                if value:
                    sheet.write_string(written, place, value, text)
        sheet.autofilter(0, 0, max(written, 1), len(columns) - 1)
        _explain(book.add_worksheet("Toelichting"), explanation, columns, header)
    return written


def _explain(sheet: xlsxwriter.worksheet.Worksheet, lines: Sequence[str], columns: Sequence[Column], header: xlsxwriter.format.Format) -> None:
    sheet.set_column(0, 0, 20)
    sheet.set_column(1, 1, 110)
    sheet.write_string(0, 0, "Kolom", header)
    sheet.write_string(0, 1, "Betekenis", header)
    for place, column in enumerate(columns, start=1):
        sheet.write_string(place, 0, column.header)
        sheet.write_string(place, 1, column.meaning)
    for place, line in enumerate(lines, start=len(columns) + 2):
        sheet.write_string(place, 1, line)
