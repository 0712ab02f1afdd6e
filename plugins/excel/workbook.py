"""The workbook itself: XlsxWriter makes everything around the rows, and they go straight into the compressed file, as texts and nothing else.

XlsxWriter would keep them in files of its own, which a writer that is killed leaves behind, take a text for markup that looks like its own
(`<r>...</r>`), and need twice the time.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import IO, TYPE_CHECKING, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from plugins.excel.columns import COLUMNS, Column
from plugins.excel.ordering import Ordered
from plugins.excel.wording import WORDS

if TYPE_CHECKING:
    import xlsxwriter

MAX_ROWS = 1_048_575
"""Rows of data that a sheet can hold beside its header (ECMA-376, Excel's limit)."""
MAX_TEXT: Final = 32_767
"""UTF-16 units that Excel takes in one cell."""
CUT: Final = "…"
"""How a text ends that had to be cut."""

_SHEET: Final = "xl/worksheets/sheet1.xml"
_FIRST_ROW: Final = re.compile(r'<row r="2"[^>]*><c r="A2" s="(\d+)"\s*/></row>')
_SIZE: Final = re.compile(r'<dimension ref="[^"]*"\s*/>')
_NOT_TEXT: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")  # XML 1.0 has no place for most of them, and a cell none
_APART: Final = "\t"
"""Between the cells of a row while it is kept; a cell has a blank in its place."""
_UNFIT: Final = re.compile(f"{_APART}|{_NOT_TEXT.pattern}")
_SPECIAL: Final = re.compile(r"[&<>]|_(?=x[0-9A-Fa-f]{4}_)")
_WRITTEN: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "_": "_x005F_"}
"""How signs are written that XML, or Excel before a number between underscores, would not take for themselves."""
_A4: Final = 9
_MOST_IN_A_FOOTER: Final = 200
"""Of 255 signs that Excel takes."""
_MOST_IN_A_LINE: Final = 8_000
"""What Excel can still show of a cell that wraps; a selection may name thousands of postcodes."""
_AT_ONCE: Final = 500
_LARGE: Final = 250_000_000  # characters in the cells, from which the XML may come to the 2 GB that a zip file holds in its older form


class WorkbookFull(ValueError):
    """The selection has more rows than a sheet can hold."""


def write_workbook(
    rows: Iterable[tuple[str, tuple[str, ...]]],
    file: IO[bytes],
    *,
    title: str,
    made_at: datetime,
    explanation: Sequence[str],
    columns: Sequence[Column] = COLUMNS,
    language: str = "nl",
) -> int:
    """Write the sheets `Aanbod` (header in row 1, nothing above it) and `Toelichting`, named in this language, and return the number of rows of data.

    `rows`: the cells of each, under the key by which it is sorted. Every cell is a text: nothing that a source wrote can become a formula, a link or markup
    (OWASP, CSV injection). One longer than Excel takes is cut, ends in `CUT`, and is counted on `Toelichting`. Raises `WorkbookFull`, and `OSError` on a full disk.
    """
    words = WORDS[language]
    cut = 0
    with Ordered() as ordered:
        for key, cells in rows:
            if ordered.count == MAX_ROWS:
                raise WorkbookFull(f"A sheet holds at most {MAX_ROWS:,} rows of offers. Make the selection smaller.")
            text = _APART.join(cells)
            if len(text) > MAX_TEXT // 2 or text.count(_APART) >= len(columns) or _NOT_TEXT.search(text) is not None:
                fitting, long = zip(*map(_fitting, cells), strict=True)
                cut += sum(long)
                text = _APART.join(fitting)
            ordered.add(key, text)
        if cut:
            count = f"{cut} {words['cell' if cut == 1 else 'cells']}"
            explanation = (*explanation, words["cut"].format(sign=CUT, count=count))
        _pack(ordered, file, _frame(ordered.count, title, made_at, explanation, columns, words), len(columns))
        return ordered.count


def _fitting(text: str) -> tuple[str, bool]:
    """The text without what no cell can hold, and whether it had to be cut."""
    text = _UNFIT.sub(" ", text.replace("\r\n", "\n"))
    units = text.encode("utf-16-le")
    if len(units) <= 2 * MAX_TEXT:
        return text, False
    return units[: 2 * (MAX_TEXT - 1)].decode("utf-16-le", "ignore") + CUT, True  # a pair that is cut in two goes as a whole


def _pack(ordered: Ordered, file: IO[bytes], frame: ZipFile, width: int) -> None:
    """The frame with the rows in their place."""
    around = _SIZE.sub(f'<dimension ref="A1:{chr(ord("A") + width - 1)}{ordered.count + 1}"/>', frame.read(_SHEET).decode(), count=1)
    first = _FIRST_ROW.search(around)
    if first is None:
        raise RuntimeError("XlsxWriter writes an empty row in another way than it did.")
    with ZipFile(file, "w", ZIP_DEFLATED) as packed:
        for name in frame.namelist():
            info = ZipInfo(name)  # of the year 1980, so that the same rows give the same bytes
            info.compress_type = ZIP_DEFLATED
            if name != _SHEET:
                packed.writestr(info, frame.read(name))
                continue
            with packed.open(info, "w", force_zip64=ordered.size > _LARGE) as sheet:
                sheet.write(around[: first.start()].encode())
                lines = _lines(ordered, first[1], width)
                while some := "".join(islice(lines, _AT_ONCE)):
                    sheet.write(some.encode())
                sheet.write(around[first.end() :].encode())


def _lines(ordered: Iterable[str], style: str, width: int) -> Iterator[str]:
    """Rows of a sheet with inline strings (ECMA-376, 18.3.1.53), from the second on."""
    letters = [chr(ord("A") + place) for place in range(width)]
    for number, text in enumerate(ordered, start=2):
        if _SPECIAL.search(text) is not None:
            text = _SPECIAL.sub(lambda found: _WRITTEN[found[0]], text)
        yield f'<row r="{number}">' + "".join([
            f'<c r="{letter}{number}" s="{style}" t="inlineStr"><is><t{_kept(cell)}>{cell}</t></is></c>'
            for letter, cell in zip(letters, text.split(_APART), strict=True) if cell
        ]) + "</row>"  # fmt: skip


def _kept(cell: str) -> str:
    """What keeps spaces at the ends, where there are."""
    return ' xml:space="preserve"' if cell[0].isspace() or cell[-1].isspace() else ""


def _frame(rows: int, title: str, made_at: datetime, explanation: Sequence[str], columns: Sequence[Column], words: Mapping[str, str]) -> ZipFile:
    """The workbook of so many rows without them: its second row is empty, and has the format of all."""
    import xlsxwriter  # only who writes a workbook pays for loading it

    made = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(made, options) as book:
        book.set_properties({"title": title, "created": made_at.replace(tzinfo=None), "comments": " ".join(explanation)})
        header = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        # quotePrefix keeps a text that begins with = + - @ a text, also when somebody edits the cell.
        text = book.add_format({"valign": "top", "text_wrap": True, "quote_prefix": True})
        sheet = book.add_worksheet(words["sheet"])
        sheet.freeze_panes(1, 1)
        _on_paper(sheet, title)
        sheet.repeat_rows(0)
        read = [place for place, column in enumerate(columns) if column.printed]
        if read:
            sheet.print_area(0, 0, max(rows, 1), read[-1])
        for place, column in enumerate(columns):
            sheet.set_column(place, place, column.width, text)
            sheet.write_string(0, place, column.header, header)
        sheet.write_blank(1, 0, None, text)
        sheet.autofilter(0, 0, max(rows, 1), len(columns) - 1)
        about = book.add_worksheet(words["about"])
        _on_paper(about, title)
        _explain(about, explanation, columns, words, header, book.add_format({"valign": "top", "text_wrap": True}))
    return ZipFile(made)


def _on_paper(sheet: xlsxwriter.worksheet.Worksheet, title: str) -> None:
    """A4, lying, as wide as the page, with numbered pages."""
    sheet.set_paper(_A4)
    sheet.set_landscape()
    sheet.set_margins(left=0.25, right=0.25, top=0.5, bottom=0.6)
    sheet.fit_to_pages(1, 0)
    title = title.replace("&", "&&")[:_MOST_IN_A_FOOTER]
    sheet.set_footer(f"&L{title}&R&P / &N")


def _explain(
    sheet: xlsxwriter.worksheet.Worksheet,
    lines: Sequence[str],
    columns: Sequence[Column],
    words: Mapping[str, str],
    header: xlsxwriter.format.Format,
    text: xlsxwriter.format.Format,
) -> None:
    sheet.set_column(0, 0, 20)
    sheet.set_column(1, 1, 110)
    sheet.write_string(0, 0, words["column"], header)
    sheet.write_string(0, 1, words["meaning"], header)
    for place, column in enumerate(columns, start=1):
        sheet.write_string(place, 0, column.header, text)
        sheet.write_string(place, 1, column.meaning, text)
    for place, line in enumerate(lines, start=len(columns) + 2):
        sheet.write_string(place, 1, line[:_MOST_IN_A_LINE], text)
