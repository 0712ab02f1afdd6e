"""The hook `match_fiche`: the same organisation in another language, or with its legal form behind the name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub import Claim, Document, MatchCandidate, World, plugins
from hub.store import Store
from hub.store.tables import review
from plugins import sociaal_brussels
from plugins.sociaal_brussels import match_fiche


def organisation(site: str | None = "12", **names: str) -> Document:
    found: Document = {"kind": "organisatie", "names": [{"text": names, "use": "official"}]}
    if site:
        address = {"postcode": "1080", "house_number": site, "street": {"nl": "Wilgenlaan", "fr": "Avenue des Saules"}}
        found["vestigingen"] = [{"addresses": [address]}]
    return found


def told(content: Document, source: str = "sociaal-brussels") -> Claim:
    return Claim(source, "100", 1, "organisatie", content)


def asked(mine: Document, *theirs: Document, reasons: tuple[str, ...] = ("kbo",)) -> list[MatchCandidate]:
    candidates = [MatchCandidate({"id": str(place), **one}, 0.5, reasons) for place, one in enumerate(theirs)]
    answer = match_fiche(incoming=told(mine), candidates=candidates)
    assert answer is not None
    return list(answer)


@pytest.mark.parametrize(
    ("mine", "theirs", "reason"),
    [
        ({"nl": "Buurthuis de Wilg vzw"}, {"nl": "Buurthuis De Wilg"}, "name"),
        ({"fr": "Maison Le Saule ASBL"}, {"fr": "Maison Le Saule"}, "name"),
        ({"fr": "Maison Le Saule asbl"}, {"fr": "A.S.B.L. Maison le Saule"}, "name"),
        ({"fr": "L'Hêtre"}, {"fr": "L'HETRE"}, "name"),
        ({"fr": "Free Clinic"}, {"nl": "Free Clinic vzw"}, "name in another language"),
        ({"nl": "Wijkcentrum De Blauwe Wilg"}, {"nl": "Wijkcentrum De Wilg"}, "similar name"),
    ],
)
def test_hook_match_fiche_sees_through_spelling(mine: Any, theirs: Any, reason: str) -> None:
    (found,) = asked(organisation(**mine), organisation(**theirs))
    assert reason in found.reasons
    assert "address" in found.reasons and "kbo" in found.reasons
    assert found.score > 0.8


def test_hook_match_fiche_puts_the_right_service_of_an_enterprise_first() -> None:
    mine = organisation(nl="Woonzorgcentrum De Wilg vzw")
    other = organisation("88", nl="Dienst Gezinszorg")
    same = organisation(nl="Woonzorgcentrum de Wilg")
    first, second = asked(mine, other, same)
    assert (first.fiche["id"], second.fiche["id"]) == ("1", "0")
    assert second.reasons == ("kbo",) and second.score < 0.5 < first.score


def test_hook_match_fiche_is_no_surer_of_a_name_of_nothing_but_a_legal_form() -> None:
    (found,) = asked(organisation(None, nl="vzw"), organisation(None, nl="asbl"), reasons=("phone",))
    assert found.reasons == ("phone",)


def test_hook_match_fiche_leaves_others_to_the_next_plugin() -> None:
    candidate = MatchCandidate({"id": "1", **organisation(nl="x")}, 0.5, ("kbo",))
    assert match_fiche(incoming=told(organisation(nl="x"), "elders"), candidates=[candidate]) is None
    person = Claim("sociaal-brussels", "1", 1, "zorgverlener", {"kind": "zorgverlener"})
    assert match_fiche(incoming=person, candidates=[candidate]) is None


@pytest.fixture
def store(tmp_path: Path, sqlite_database_url: str) -> Iterator[Store]:
    opened = Store.open(sqlite_database_url, tmp_path / "home")
    yield opened
    opened.close()


def test_hook_match_fiche_scores_what_the_directory_knows_too(store: Store) -> None:
    world = World()
    loaded = plugins.load([("sociaal_brussels", sociaal_brussels)], installed=False)
    assert loaded.implements("match_fiche")
    store.use_hooks(match=loaded.match_fiche)
    listings = [one for one in world.brussels_organisations() if one.in_sociale_kaart is not None][:10]
    respelled = [one for one in listings if one.org.name_fr and one.org.name_fr.endswith("ASBL")]
    assert respelled
    known = {world.source_id("organisatie", one.in_sociale_kaart or 0) for one in listings}
    theirs = [claim for claim in world.to_claims() if claim.external_id in known]
    ours = [claim for claim in world.brussels_claims() if claim.external_id in {str(one.id) for one in listings}]
    store.write(lambda writer: writer.put(theirs, origin="directory"))
    store.write(lambda writer: writer.put(ours, origin="brussels"))
    with store.read() as connection:
        rows = connection.execute(review.select()).all()
    assert len(rows) == len(listings)
    assert all(row.score > 0.8 for row in rows)
