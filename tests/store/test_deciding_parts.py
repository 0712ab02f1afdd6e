"""Conflicts inside a part: an editor decides about one field of one part, and nothing else of the fiche moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub.authority import Authority
from hub.errors import Invalid, Locked
from hub.model.claims import Claim
from hub.store import Store, reading
from hub.store.editing import apply_rules, decide_conflict, decisions, edit
from tests.store.conftest import put
from tests.store.saying import PG, SB, SK, aanbod, fiche, organisatie, person, uuid_of

MORNING = [{"days": ["mon"], "opens": "08:00", "closes": "12:00"}]
EVENING = [{"days": ["mon"], "opens": "18:00", "closes": "20:00"}]


def _house(source: str, external_id: str, hours: list[dict[str, Any]], *, box: str = "24062", purpose: str = "general", revision: int = 1) -> Claim:
    """A house at two numbers of a street, with opening hours, and a telephone number."""
    said = organisatie(external_id, source=source, sites=("1", "2"), phone="+3216000001", revision=revision)
    said.content["contacts"][0]["purpose"] = purpose
    for site in said.content["vestigingen"]:
        site["hours"] = hours
        site["addresses"][0]["municipality"] = box
    return said if source == SK else replace(said, same_as=((SK, "o1"),))


@pytest.fixture
def uuid(store: Store) -> str:
    put(store, _house(SK, "o1", MORNING))
    put(store, _house(SB, "b1", EVENING, box="21004", purpose="appointments"))
    return uuid_of(store, f"{SK}|o1")


def _conflicts(store: Store) -> dict[str, Any]:
    with store.read() as connection:
        return {one.field: one.values for found in reading.conflicts(connection) for one in found.conflicts}


def _document(store: Store) -> dict[str, Any]:
    document = fiche(store, f"{SK}|o1")
    assert document is not None
    return document


def _only(before: Any, after: Any, path: str = "") -> list[str]:
    """Where two documents differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [place for name in sorted({*before, *after}) for place in _only(before.get(name), after.get(name), f"{path}.{name}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after) and path.rpartition(".")[2] != "hours":
        return [place for number, pair in enumerate(zip(before, after, strict=True)) for place in _only(*pair, f"{path}[{number}]")]
    return [] if before == after else [path]


def test_opening_hours_of_one_site(store: Store, uuid: str) -> None:
    before, told = _document(store), _conflicts(store)
    ours, other = sorted(name for name in told if name.endswith(".hours"))
    standing, losing = (value for _, _, value in told[ours])
    decide_conflict(store, uuid, ours, losing, "redactie-an")
    assert _only(before, _document(store)) == [".vestigingen[0].hours"]
    assert _conflicts(store).keys() == told.keys() - {ours}
    assert other in _conflicts(store)
    put(store, _house(SK, "o1", standing, revision=2), _house(SB, "b1", [], box="21004", purpose="appointments", revision=2))
    assert _document(store)["vestigingen"][0]["hours"] == losing, "sources do not undo it"
    edit(store, uuid, ours, None, "redactie-bo")
    assert _document(store)["vestigingen"][0]["hours"] == standing


def test_an_address_in_a_list_of_a_site_and_a_contact_of_the_fiche(store: Store, uuid: str) -> None:
    for ending, path in ((".municipality", ".vestigingen[0].addresses[0].municipality"), (".purpose", ".contacts[0].purpose")):
        before, told = _document(store), _conflicts(store)
        field = next(name for name in sorted(told) if name.endswith(ending))
        losing = told[field][1][2]
        decide_conflict(store, uuid, field, losing)
        after = _document(store)
        assert _only(before, after) == [path]
        assert losing == (after["contacts"][0]["purpose"] if ending == ".purpose" else after["vestigingen"][0]["addresses"][0]["municipality"])
        assert _conflicts(store).keys() == told.keys() - {field}


def test_who_decides_about_an_item_does_not_hide_or_show_it(store: Store) -> None:
    for number, visibility in enumerate(("public", "internal", "public"), 1):
        said = [_house(SK, "o1", MORNING, revision=number), _house(SB, "b1", EVENING, purpose="colleagues", revision=number)]
        for claim in said:
            claim.content["contacts"][0]["visibility"] = visibility
        put(store, *said)
        if number == 1:
            field = next(name for name in _conflicts(store) if name.endswith(".purpose"))
            decide_conflict(store, uuid_of(store, f"{SK}|o1"), field, "colleagues")  # for colleagues only, unless somebody says otherwise
        (contact,) = _document(store)["contacts"]
        assert (contact.get("visibility", "public"), contact["purpose"]) == (visibility, "colleagues")


def test_a_part_goes_with_its_sources_though_an_editor_spoke_of_it(store: Store, uuid: str) -> None:
    ours = min(name for name in _conflicts(store) if name.endswith(".hours"))
    decide_conflict(store, uuid, ours, EVENING)
    for source, external_id in ((SK, "o1"), (SB, "b1")):
        said = _house(source, external_id, MORNING, revision=2)
        del said.content["vestigingen"][0]
        put(store, said)
    (left,) = _document(store)["vestigingen"]
    assert left["addresses"][0]["house_number"] == "2"


@pytest.mark.parametrize("decided", ["name", "municipality"])
def test_a_part_whose_name_or_address_an_editor_decided_goes_and_comes_with_its_sources(store: Store, decided: str) -> None:
    def say(revision: int, *, both: bool = True) -> None:
        said = [_house(SK, "o1", MORNING, revision=revision), _house(SB, "b1", MORNING, box="21004", revision=revision)]
        for claim, name in zip(said, ("Noord", "Zuid"), strict=True):
            claim.content["vestigingen"][0]["name"] = {"nl": name}
            claim.content["vestigingen"] = claim.content["vestigingen"][0 if both else 1 :]
        put(store, *said)

    say(1)
    uuid, (first, _) = uuid_of(store, f"{SK}|o1"), _document(store)["vestigingen"]
    field = next(name for name in sorted(_conflicts(store)) if name.startswith(f"vestigingen[{first['keys'][0]}]") and name.endswith(f".{decided}"))
    decide_conflict(store, uuid, field, _conflicts(store)[field][1][2])
    settled = _document(store)["vestigingen"][0]
    say(2, both=False)
    (left,) = _document(store)["vestigingen"]
    assert left["addresses"][0]["house_number"] == "2"
    say(3)
    back = next(site for site in _document(store)["vestigingen"] if site["addresses"][0]["house_number"] == "1")
    assert (back["id"], back["name"], back["addresses"]) == (settled["id"], settled["name"], settled["addresses"])


def test_every_decision_is_listed_by_the_name_by_which_it_is_decided_anew_and_taken_back(store: Store, uuid: str) -> None:
    before, told = _document(store), _conflicts(store)
    for field, values in told.items():
        decide_conflict(store, uuid, field, values[1][2])
    with store.read() as connection:
        assert {one.field: one.value for one in decisions(connection, uuid)} == {field: values[1][2] for field, values in told.items()}
    assert _conflicts(store) == {}
    for field, values in told.items():
        assert decide_conflict(store, uuid, field, source=values[0][0]) == values[0][2]
    put(
        store,
        *(replace(_house(source, id, MORNING, revision=2), content=organisatie(id, sites=()).content) for source, id in ((SK, "o1"), (SB, "b1"))),
    )
    with store.read() as connection:
        asleep = [one.field for one in decisions(connection, uuid)]
    assert sorted(asleep) == sorted(told)
    for field in told:
        edit(store, uuid, field, None, "redactie")
    put(store, _house(SK, "o1", MORNING, revision=3), _house(SB, "b1", EVENING, box="21004", purpose="appointments", revision=3))
    assert (_document(store), _conflicts(store)) == (before, told)
    with store.read() as connection:
        assert decisions(connection, uuid) == []


def test_a_caregiver_in_an_offer(store: Store) -> None:
    put(store, organisatie("o1"), person("p1", number=1), person("p2", number=2))
    first, second = aanbod("a1", "o1", people=(1, 2)), aanbod("b2", "o1", source=SB, people=(1, 2))
    for said, hours in ((first, MORNING), (second, EVENING)):
        for caregiver in said.content["caregivers"]:
            caregiver["hours"] = hours
    second.content["organisatie"] = {"source": SK, "external_id": "o1"}
    put(store, first, replace(second, same_as=((SK, "a1"),)))
    before, told = fiche(store, f"{SK}|a1"), _conflicts(store)
    ours = next(name for name in sorted(told) if name.startswith("caregivers["))
    losing = told[ours][1][2]
    decide_conflict(store, uuid_of(store, f"{SK}|a1"), ours, losing)
    after = fiche(store, f"{SK}|a1")
    assert before and after
    assert [place.rpartition(".")[2] for place in _only(before, after)] == ["hours"]
    assert _conflicts(store).keys() == told.keys() - {ours}
    stays = 1 if uuid_of(store, f"{PG}|p1") in ours else 0
    for said in (first, replace(second, same_as=((SK, "a1"),))):
        put(store, replace(said, revision=2, content={**said.content, "caregivers": said.content["caregivers"][stays : stays + 1]}))
    alone = fiche(store, f"{SK}|a1")
    assert alone and len(alone["caregivers"]) == 1


def test_what_cannot_be_decided_says_so(store: Store, uuid: str) -> None:
    for field in ("vestigingen[nobody].hours", "vestigingen[nobody]", "contacts[phone|1].purpose", "kind"):
        with pytest.raises(Invalid):
            edit(store, uuid, field, MORNING, "redactie")
    ours = min(name for name in _conflicts(store) if name.endswith(".hours"))
    with pytest.raises(Invalid):
        decide_conflict(store, uuid, ours, [{"days": ["mon"], "opens": "09:00", "closes": "10:00"}])


def test_what_an_authentic_source_says_of_a_part_is_locked_in_that_part_alone(store: Store, uuid: str) -> None:
    said = organisatie("k1", source="kbo", sites=("1",))
    put(store, replace(said, same_as=((SK, "o1"),)))
    here, there = sorted(name for name in _conflicts(store) | {_path(store, 0): ()} if name.endswith(".municipality"))
    if "|1|" not in here:
        here, there = there, here
    with pytest.raises(Locked) as refusal:
        edit(store, uuid, here, "24062", "redactie")
    assert refusal.value.owner == "kbo"
    edit(store, uuid, there, "21004", "redactie")


def test_a_conflict_is_settled_by_a_rule(open_store: Callable[..., Store], store: Store, uuid: str, tmp_path: Path) -> None:
    told = _conflicts(store)
    assert apply_rules(store) == 0
    assert _conflicts(store) == told
    rule = tmp_path / "authority.toml"
    rule.write_text('[groups.operation]\norder = ["sociale-kaart", "sociaal-brussels"]\n', encoding="utf-8")
    ruled = open_store(authority=Authority.load(rule))
    before = _document(ruled)
    assert apply_rules(ruled, dry_run=True) == 2
    assert _document(ruled) == before and _conflicts(ruled) == told
    assert apply_rules(ruled) == 2
    assert all(site["hours"] == MORNING for site in _document(ruled)["vestigingen"])
    assert _only(before, _document(ruled)) == [".vestigingen[0].hours", ".vestigingen[1].hours"]
    assert _conflicts(ruled).keys() == {name for name in told if not name.endswith(".hours")}
    assert apply_rules(ruled) == 0


def test_a_conflict_ends_when_the_other_side_takes_the_value_over(store: Store, uuid: str) -> None:
    put(store, _house(SB, "b1", MORNING, box="21004", purpose="appointments", revision=2))
    assert not [name for name in _conflicts(store) if name.endswith(".hours")]
    assert [name for name in _conflicts(store) if name.endswith(".purpose")]


def _path(store: Store, place: int) -> str:
    site = _document(store)["vestigingen"][place]
    return f"vestigingen[{site['keys'][0]}].addresses[|3000|Proefstraat|{site['addresses'][0]['house_number']}|].municipality"
