"""An export calls concepts by their names, and pays for the names only when it asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from openpyxl import load_workbook

from hub import ConceptBook, plugins
from hub.model.claims import Claim
from hub.model.concepts import Concept, ConceptScheme
from hub.outbound import Outbound
from hub.store import Store
from hub.sync import building, connections, run


def test_a_workbook_of_a_connection_shows_the_labels_of_rubrieken(store: Store, tmp_path: Path) -> None:
    named = Concept("rubriek", "14.04.01", {"nl": "Fictief woonzorgcentrum"})
    content = {
        "kind": "aanbod",
        "names": [{"text": {"nl": "Wonen"}}],
        "rubrieken": [{"scheme": "rubriek", "code": "14.04.01"}, {"scheme": "rubriek", "code": "99.99"}],
    }
    store.write(lambda writer: writer.put_concepts([ConceptScheme("rubriek", {"nl": "Rubrieken"}, (named,))]))
    store.write(lambda writer: writer.put([Claim("kbo", "1", 1, "aanbod", content)], origin="kbo"))
    loaded = plugins.load()
    connections.add(store, loaded, "book", "excel", {"columns": ["Aanbod", "Rubriek"]})
    connections.enable(store, loaded, "book")
    report = run(store, loaded, "book", file=tmp_path / "book.xlsx")
    assert (report.state, report.pushed) == ("done", 1), report.reason
    book = load_workbook(tmp_path / "book.xlsx", read_only=True)
    cells = [tuple(cell.value for cell in row) for row in book.worksheets[0].iter_rows()]
    book.close()
    assert ("Wonen", "14.04.01 Fictief woonzorgcentrum; 99.99") in cells


def test_the_book_of_concepts_is_opened_once_and_only_when_asked(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    real = store.concepts

    def concepts() -> ConceptBook:
        opened.append(1)
        return real()

    monkeypatch.setattr(store, "concepts", concepts)
    loaded = plugins.load()
    connections.add(store, loaded, "book", "excel", {})
    with Outbound() as http:
        built = building.build(store, loaded, connections.stored(store, "book"), http)
    assert opened == []
    assert [built.connector.context.label("rubriek", code, "nl") for code in ("1", "2")] == ["1", "2"]
    assert opened == [1]
