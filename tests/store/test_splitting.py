"""A fiche that turns out to be two: each has what was said and decided of it, and whatever is decided later stands where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count as counting
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.errors import Invalid
from hub.model.claims import EDITOR, Claim
from hub.store import Store, Writer, reading
from hub.store.editing import decide_conflict, edit
from hub.store.erasure import erase
from hub.store.splitting import proposed_split
from tests.store.conftest import put
from tests.store.saying import SB, SK, aanbod, fiche, log, organisatie, uuid_of
from tests.store.test_concurrency import Beside, beside

__all__ = ["beside"]

PARTNER: Final = "proefpartner"
_serial = counting()


def _two(store: Store) -> tuple[str, str]:
    """Een is the older one."""
    put(store, organisatie("o1", "Een", sites=("1",)))
    put(store, organisatie("o2", "Twee", sites=("2",)))
    return uuid_of(store, f"{SK}|o1"), uuid_of(store, f"{SK}|o2")


def _join(store: Store, one: str, other: str) -> None:
    store.write(lambda writer: writer.join(one, other))


def _split(store: Store, one: str, *external_ids: str, source: str = SK) -> str:
    return store.write(lambda writer: writer.split(one, [(source, external_id) for external_id in external_ids]))


def _document(store: Store, uuid: str, partner: str | None = None) -> dict[str, Any]:
    with store.read() as connection:
        found = reading.documents_by_uuid(connection, [uuid], partner)
    return found.get(uuid, {})


def _described(store: Store, uuid: str, partner: str | None = None) -> str | None:
    text: str | None = _document(store, uuid, partner).get("description", {}).get("nl")
    return text


def _nl(text: str) -> dict[str, str]:
    return {"nl": text}


def _overlay(text: str, *, revision: int = 1, of: str = "o2", external_id: str = "k2", source: str = SK) -> Claim:
    said = {"kind": "organisatie", "description": _nl(text)}
    return Claim("kaart", external_id, revision, "organisatie", said, same_as=((source, of),), partner=PARTNER)


@pytest.mark.parametrize("both", [False, True])
def test_what_was_decided_of_a_fiche_comes_back_with_it_and_later_decisions_stand_there(store: Store, both: bool) -> None:
    een, twee = _two(store)
    edit(store, twee, "description", _nl("Twee is gesloten."), "an")
    if both:
        edit(store, een, "description", _nl("Een is open."), "an")
    own = "Een is open." if both else None
    _join(store, een, twee)
    assert _described(store, een) == own or "Twee is gesloten."
    assert _split(store, een, "o2") == twee
    assert (_described(store, een), _described(store, twee)) == (own, "Twee is gesloten.")
    edit(store, twee, "description", _nl("Twee is verhuisd."), "an")
    edit(store, twee, "languages", ["fr"], "an")
    assert (_described(store, een), _described(store, twee)) == (own, "Twee is verhuisd.")
    assert (_document(store, een).get("languages"), _document(store, twee)["languages"]) == (None, ["fr"])
    if both:
        edit(store, een, "description", None, "an")
    assert (_described(store, een), _described(store, twee)) == (None, "Twee is verhuisd.")


def test_what_was_decided_while_they_were_one_stays_with_the_one_that_stays(store: Store) -> None:
    een, twee = _two(store)
    edit(store, twee, "description", _nl("Van Twee."), "an")
    _join(store, een, twee)
    edit(store, twee, "languages", ["fr"], "an")
    _split(store, een, "o2")
    assert (_document(store, een)["languages"], _described(store, een)) == (["fr"], None)
    assert ("languages" in _document(store, twee), _described(store, twee)) == (False, "Van Twee.")


def test_a_decision_about_what_was_decided_of_both_settles_it(store: Store) -> None:
    een, twee = _two(store)
    for uuid, text, languages in ((een, "Een", ["nl", "de"]), (twee, "Twee", ["fr"])):
        edit(store, uuid, "description", _nl(text), "an")
        edit(store, uuid, "languages", languages, "an")
        edit(store, uuid, "languages", languages[:1], "an")  # and the rest is excluded
    _join(store, een, twee)
    decide_conflict(store, een, "description", _nl("Twee"))
    edit(store, een, "languages", ["de"], "an")
    document = _document(store, een)
    assert (document["description"], document["languages"]) == (_nl("Twee"), ["de"])
    with store.read() as connection:
        assert reading.conflicts(connection) == []
    edit(store, een, "languages", None, "an")
    assert "languages" not in _document(store, een), "taken back as a whole"


def test_a_list_that_is_decided_anew_is_exactly_that_list_whatever_was_left_out_before(store: Store) -> None:
    put(store, organisatie("o1", sites=("1",)), organisatie("o2", sites=("2",), languages=["nl", "fr"]))
    een, twee = uuid_of(store, f"{SK}|o1"), uuid_of(store, f"{SK}|o2")
    edit(store, twee, "languages", ["fr"], "an")
    _join(store, een, twee)
    edit(store, een, "languages", ["de"], "an")
    assert _document(store, een)["languages"] == ["de"]
    _split(store, een, "o2")
    assert [_document(store, uuid)["languages"] for uuid in (een, twee)] == [["de"], ["nl", "fr"]]


def test_a_decision_about_a_part_goes_where_the_part_goes(store: Store) -> None:
    een, twee = _two(store)
    hours = [{"days": ["mon"], "opens": "08:00", "closes": "12:00"}]
    _join(store, een, twee)
    for site in ("1", "2"):
        edit(store, een, f"vestigingen[sociale-kaart:o{site}-{site}].hours", hours, "an")
    _split(store, een, "o2")
    for uuid, key in ((een, f"{SK}:o1-1"), (twee, f"{SK}:o2-2")):
        (site,) = _document(store, uuid)["vestigingen"]
        assert (site["keys"][0], site["hours"]) == (key, hours)
    assert len(_claims(store, een)) == len(_claims(store, twee)) == 2
    edit(store, twee, f"vestigingen[{SK}:o2-2].hours", None, "an")
    assert ["hours" in _document(store, uuid)["vestigingen"][0] for uuid in (een, twee)] == [True, False]


def _claims(store: Store, uuid: str) -> list[tuple[str, str]]:
    with store.read() as connection:
        return [(one.source, one.external_id) for one in reading.claims_of(connection, reading.resolve(connection, [uuid])[uuid].id) if not one.gone]


@pytest.mark.parametrize(
    ("second", "at_both", "also_named", "leaves"),
    [
        ("live", False, False, False),
        ("gone", False, False, True),
        ("live", True, False, True),
        ("gone", True, False, True),
        ("live", True, True, False),
    ],
    ids=["says something", "says nothing any more", "its source told them apart", "both", "somebody chose among its claims"],
)
def test_a_claim_that_nobody_named_goes_back_where_it_says_nothing_or_its_source_told_the_two_apart(
    store: Store, second: str, at_both: bool, also_named: bool, leaves: bool
) -> None:
    een, twee = _two(store)
    put(store, _register("s2", of="o2"))
    if at_both:
        put(store, _register("s1", of="o1"))
    if second == "gone":
        put(store, replace(_register("s2", of="o2", revision=2), content={}, gone=True))
    _join(store, een, twee)
    names = [(SK, "o2"), *([(SB, "s1")] if also_named else [])]
    store.write(lambda writer: writer.split(een, names))
    with store.read() as connection:
        at_twee = {(one.source, one.external_id) for one in reading.claims_of(connection, reading.resolve(connection, [twee])[twee].id)}
        (key,) = connection.exec_driver_sql(
            "SELECT e.uuid FROM identity i JOIN entity e ON e.id = i.fiche_id WHERE i.key = 'sociaal-brussels|s2'"
        ).scalars()
    assert ((SB, "s2") in at_twee, key) == (leaves, twee if leaves else een)


def _register(external_id: str, *, of: str, revision: int = 1) -> Claim:
    return replace(organisatie(external_id, "Bij hen", source=SB, revision=revision, sites=()), same_as=((SK, of),))


def test_what_a_partner_says_for_himself_comes_back_too_and_does_not_hold_back_the_name_of_its_fiche(store: Store) -> None:
    een, twee = _two(store)
    put(store, _overlay("Eigen tekst"))
    _join(store, een, twee)
    put(store, _overlay("Later gezegd", external_id="k3", of="o1"), _overlay("Ook van Twee", external_id="k1"))
    _split(store, een, "o2")
    assert [_described(store, uuid, PARTNER) for uuid in (een, twee)] == ["Later gezegd", "Ook van Twee"]
    assert put(store, _overlay("Nieuwe tekst", revision=2, external_id="k1")).rejected == []
    assert [_described(store, uuid, PARTNER) for uuid in (een, twee)] == ["Later gezegd", "Nieuwe tekst"]
    put(store, aanbod("a2", "o2"))
    offered = fiche(store, f"{SK}|a2")
    assert offered and offered["organisatie"] == {"id": twee}
    erase(store, een, "asked")
    put(store, organisatie("o2", "Twee van nu", revision=2, sites=("2",)))
    edit(store, twee, "languages", ["fr"], "an")
    assert (_document(store, twee)["names"][0]["text"], _document(store, twee)["languages"]) == (_nl("Twee van nu"), ["fr"])


def test_what_leaves_goes_by_its_own_name_also_when_a_source_that_stays_names_it(store: Store) -> None:
    put(store, organisatie("o1", "Een"))
    put(store, Claim(SB, "b1", 1, "organisatie", {"kind": "organisatie", "names": [{"text": _nl("Derde")}]}, same_as=((SK, "o1"),)))
    een = uuid_of(store, f"{SB}|b1")
    own = _split(store, een, "o1")
    assert (uuid_of(store, f"{SK}|o1"), uuid_of(store, f"{SB}|b1")) == (own, een)


def test_a_fiche_made_by_a_split_takes_what_partners_say_of_it_and_no_decisions(store: Store) -> None:
    een, _ = _two(store)
    put(store, Claim(SB, "b1", 1, "organisatie", {"kind": "organisatie", "names": [{"text": _nl("Derde")}]}, same_as=((SK, "o1"),)))
    put(store, _overlay("Van de derde", of="b1", source=SB))
    edit(store, een, "description", _nl("Van Een"), "an")
    derde = _split(store, een, "b1", source=SB)
    assert (_described(store, een), _described(store, derde)) == ("Van Een", None)
    assert (_described(store, een, PARTNER), _described(store, derde, PARTNER)) == ("Van Een", "Van de derde")
    edit(store, derde, "description", _nl("Van Derde"), "an")
    assert (_described(store, een), _described(store, derde)) == ("Van Een", "Van Derde")
    assert _document(store, een)["names"][0]["text"] == _nl("Een")


def test_two_that_leave_together_are_the_older_of_them_and_can_be_split_again(store: Store) -> None:
    een, twee = _two(store)
    put(store, organisatie("o3", "Drie", sites=("3",)))
    drie = uuid_of(store, f"{SK}|o3")
    for uuid, text in ((twee, "Twee"), (drie, "Drie")):
        edit(store, uuid, "description", _nl(text), "an")
    sites = {uuid: _document(store, uuid)["vestigingen"][0]["id"] for uuid in (een, twee, drie)}
    _join(store, een, twee)
    _join(store, een, drie)
    assert _split(store, een, "o2", "o3") == twee
    assert (_described(store, een), _described(store, twee)) == (None, "Twee")
    with store.read() as connection:
        assert reading.resolve(connection, [drie])[drie].moved_to == twee
    edit(store, drie, "languages", ["fr"], "an")
    assert _split(store, twee, "o3") == drie
    assert [_described(store, uuid) for uuid in (een, twee, drie)] == [None, "Twee", "Drie"]
    assert [_document(store, uuid).get("languages") for uuid in (een, twee, drie)] == [None, ["fr"], None]
    assert {uuid: _document(store, uuid)["vestigingen"][0]["id"] for uuid in (een, twee, drie)} == sites


def test_decisions_cannot_be_split_off_alone_and_are_not_all_that_stays(store: Store) -> None:
    een, twee = _two(store)
    for uuid in (een, twee):
        edit(store, uuid, "description", _nl(uuid), "an")
    _join(store, een, twee)
    with pytest.raises(Invalid, match="An editor's decisions stay"):
        _split(store, een, een, source=EDITOR)
    with pytest.raises(Invalid, match="An editor's decisions stay"):
        _split(store, een, twee, source=EDITOR)
    with pytest.raises(Invalid, match="One claim at least"):
        _split(store, een, "o1", "o2")
    keys = [(SK, "o2"), (EDITOR, twee)]
    with store.read() as connection:
        found = proposed_split(connection, reading.resolve(connection, [een])[een].id, keys)
    assert ([one.key for one in found.leave], [one.key for one in found.stay]) == ([(EDITOR, twee), (SK, "o2")], [(EDITOR, een), (SK, "o1")])
    assert store.write(lambda writer: writer.split(een, keys)) == twee
    assert (_described(store, een), _described(store, twee)) == (een, twee)


def _leave_behind(store: Store, elsewhere: str, uuid: str) -> None:
    """What is decided of the fiche `uuid` stands elsewhere, as splits of earlier versions left it."""

    def work(writer: Writer) -> None:
        bulk, numbers = writer.space.bulk, [state.id for state in writer.hold(elsewhere, uuid)]
        bulk.run("UPDATE claim SET fiche_id = ? WHERE external_id = ?", numbers[0], uuid)
        bulk.run("UPDATE identity SET fiche_id = ? WHERE key = ?", numbers[0], f"{EDITOR}|{uuid}")
        writer.remake({*numbers})

    store.write(work)


def test_what_an_earlier_version_left_behind_comes_home_with_the_next_decision(store: Store) -> None:
    een, twee = _two(store)
    edit(store, twee, "description", _nl("Twee is gesloten."), "an")
    _leave_behind(store, een, twee)
    assert (_described(store, een), _described(store, twee)) == ("Twee is gesloten.", None)
    edit(store, twee, "languages", ["fr"], "an")
    assert (_described(store, een), _described(store, twee), _document(store, twee)["languages"]) == (None, "Twee is gesloten.", ["fr"])


def test_a_decision_that_cannot_stand_is_refused_in_plain_words(store: Store) -> None:
    een, twee = _two(store)
    edit(store, twee, "description", _nl("Twee is gesloten."), "an")
    _leave_behind(store, een, twee)
    erase(store, een, "asked")
    with pytest.raises(Invalid, match="erased together with another fiche"):
        edit(store, twee, "description", _nl("Twee is verhuisd."), "an")
    assert _described(store, twee) != "Twee is verhuisd."


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_decision_beside_a_split_is_about_the_fiche_that_stands_again(open_store: Callable[..., Store], beside: Beside) -> None:
    store, rival = open_store(), open_store()
    een, twee = _two(store)
    _join(store, een, twee)
    beside(lambda: _split(rival, een, "o2"))
    edit(store, twee, "description", _nl("Twee is verhuisd."), "an")
    assert (_described(store, een), _described(store, twee)) == (None, "Twee is verhuisd.")


# --- parts -----------------------------------------------------------------------------------------------------------------------


def test_the_log_tells_of_a_membership_in_the_one_that_leaves_as_long_as_it_stands(store: Store) -> None:
    put(store, organisatie("o1", "Een", sites=(), memberships=[{"organisatie": {"source": SK, "external_id": "o2"}}]))
    put(store, organisatie("o2", "Twee", sites=()))
    een, twee = uuid_of(store, f"{SK}|o1"), uuid_of(store, f"{SK}|o2")
    _join(store, een, twee)
    _split(store, een, "o2")
    assert _document(store, een)["memberships"][0]["organisatie"] == {"id": twee}
    (*_, last) = [change.operation for change in log(store) if change.type == "membership"]
    assert last != "delete"


def test_a_partner_is_told_of_a_site_that_leaves_what_stands(store: Store) -> None:
    een, twee = _two(store)
    put(store, _overlay("Eigen tekst", of="o1"))
    _join(store, een, twee)
    _split(store, een, "o2")
    (site,) = _document(store, twee, PARTNER)["vestigingen"]
    (*_, last) = [change.operation for change in log(store, partner=PARTNER) if change.id == site["id"]]
    assert last != "delete"


@pytest.mark.parametrize("named", [True, False])
def test_a_site_of_the_one_that_stays_has_its_id_again(store: Store, named: bool) -> None:
    def site(claim: Claim) -> Claim:
        for site in claim.content["vestigingen"] if not named else ():
            del site["keys"]
        return claim

    put(store, organisatie("o1", "Een", sites=()))
    put(store, site(organisatie("b1", "Twee", source=SB)))
    put(store, site(organisatie("o1", "Een", revision=2)))  # the younger site, in the older fiche
    put(store, aanbod("a1", "o1", vestigingen=[{"key": f"{SK}:o1-1" if named else "adr|3000|proefstraat|1"}]))
    een, twee = uuid_of(store, f"{SK}|o1"), uuid_of(store, f"{SB}|b1")

    def sites() -> list[str]:
        found = [site["id"] for uuid in (een, twee) for site in _document(store, uuid).get("vestigingen", ())]
        offered = fiche(store, f"{SK}|a1")
        assert offered is not None
        return [*found, *(site["id"] for site in offered["vestigingen"])]

    before = sites()
    assert before[0] == before[2] != before[1]
    _join(store, een, twee)
    assert sites() == [before[1 if named else 0]] * 2
    _split(store, een, "b1", source=SB)
    assert sites() == before
    with store.read() as connection:
        assert {found.moved_to for found in reading.resolve(connection, before).values()} == {None}
    put(
        store, organisatie("b1", "Twee", source=SB, revision=2, languages=["nl"]) if named else site(organisatie("b1", "Twee", source=SB, revision=2))
    )
    assert sites() == before


def test_an_aanbod_of_another_organisatie_follows_a_site_that_leaves(store: Store) -> None:
    put(store, organisatie("o1", "Een", sites=("1", "2")), organisatie("o3", "Drie", sites=()))
    put(store, Claim(SB, "b1", 1, "organisatie", {"kind": "organisatie", "names": [{"text": _nl("Twee")}]}, same_as=((SK, "o1"),)))
    put(store, aanbod("a1", "o3"), aanbod("a2", "o1", sites=("2",)))
    _join(store, uuid_of(store, f"{SK}|a1"), uuid_of(store, f"{SK}|a2"))
    een = _split(store, uuid_of(store, f"{SK}|o1"), "o1")
    offered = fiche(store, f"{SK}|a2")
    assert offered is not None
    assert [site["id"] for site in offered["vestigingen"]] == [
        site["id"] for site in _document(store, een)["vestigingen"] if site["keys"] == [f"{SK}:o1-2"]
    ]


# --- in any order ----------------------------------------------------------------------------------------------------------------


@dataclass
class _Expected:
    """What was decided and said of three fiches, the oldest first, each of which stands for itself or for the one that it was joined to."""

    leads: list[int] = field(default_factory=lambda: [0, 1, 2])
    decided: list[str | None] = field(default_factory=lambda: [None] * 3)
    said: list[str | None] = field(default_factory=lambda: [None] * 3)

    def members(self, stands: int) -> list[int]:
        return [one for one in range(3) if self.leads[one] == stands]

    def shown(self, stands: int) -> str | None:
        return next((self.decided[one] for one in self.members(stands) if self.decided[one]), None)

    def shown_to_partner(self, stands: int) -> str | None:
        return next((self.said[one] for one in self.members(stands) if self.said[one]), None) or self.shown(stands)


_PLACE = st.integers(0, 2)
_STEP = st.one_of(
    st.tuples(st.just("edit"), _PLACE, st.booleans()),
    st.tuples(st.just("join"), _PLACE, _PLACE),
    st.tuples(st.just("split"), _PLACE, st.just(0)),
    st.tuples(st.just("say"), _PLACE, st.just(0)),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(_STEP, min_size=3, max_size=10))
def test_a_decision_shows_on_its_fiche_and_on_no_other_in_any_order(store: Store, steps: list[tuple[str, int, int]]) -> None:
    run = next(_serial)
    names = [f"p{run}-{place}" for place in range(3)]
    for name in names:
        put(store, organisatie(name, name, sites=()))
    uuids = [uuid_of(store, f"{SK}|{name}") for name in names]
    expected = _Expected()
    for turn, (what, place, more) in enumerate(steps, start=1):
        stands, text = expected.leads[place], f"{what} {place} {turn}"
        if what == "edit":
            if more or any(expected.decided[one] for one in expected.members(stands)):
                edit(store, uuids[place], "description", _nl(text) if more else None, "an")
            for one in expected.members(stands):
                expected.decided[one] = text if more and one == stands else None
        elif what == "join" and stands != expected.leads[more]:
            _join(store, uuids[place], uuids[more])
            low, high = sorted((stands, expected.leads[more]))
            expected.leads = [low if leads == high else leads for leads in expected.leads]
        elif what == "split" and stands != place:
            assert _split(store, uuids[stands], names[place]) == uuids[place]
            expected.leads[place] = place
        elif what == "say":
            put(store, _overlay(text, revision=turn, of=names[place], external_id=f"k{run}-{place}"))
            expected.said[place] = text
        for one in {*expected.leads}:
            assert _described(store, uuids[one]) == expected.shown(one)
            assert _described(store, uuids[one], PARTNER) == expected.shown_to_partner(one)
