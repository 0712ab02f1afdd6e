"""An editor's decisions: above the sources, except where one of them owns the field."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hub.errors import Gone, Invalid, Locked, NotFound
from hub.model.claims import Claim
from hub.store import Store, reading
from hub.store.editing import decide_conflict, decisions, edit
from tests.store.conftest import Clock, put
from tests.store.saying import PG, SB, SK, aanbod, count, fiche, gone, head, log, organisatie, person, uuid_of


def test_an_edit_stands_above_the_source_and_survives_it(store: Store) -> None:
    put(store, organisatie("o1", description={"nl": "Van de bron"}))
    uuid = uuid_of(store, f"{SK}|o1")
    edit(store, uuid, "description", {"nl": "Van de redactie"}, "redactie-an")
    put(store, organisatie("o1", revision=2, description={"nl": "Weer van de bron"}))
    document = fiche(store, f"{SK}|o1")
    assert document and document["description"]["nl"] == "Van de redactie"


def test_an_edit_names_who_and_can_be_taken_back(store: Store) -> None:
    put(store, organisatie("o1", description={"nl": "Van de bron"}))
    uuid = uuid_of(store, f"{SK}|o1")
    before = head(store)
    edit(store, uuid, "description", {"nl": "Beter"}, "redactie-an")
    edit(store, uuid, "description", None, "redactie-bo")
    assert [change.origin for change in log(store, before)] == ["redactie-an", "redactie-bo"]
    document = fiche(store, f"{SK}|o1")
    assert document and document["description"]["nl"] == "Van de bron"


def test_an_edited_list_is_exactly_that_list(store: Store) -> None:
    put(store, organisatie("o1", phone="+3216000005"))
    uuid = uuid_of(store, f"{SK}|o1")
    edit(store, uuid, "contacts", [{"kind": "email", "value": "hallo@example.org"}], "redactie")
    document = fiche(store, f"{SK}|o1")
    assert document and [contact["value"] for contact in document["contacts"]] == ["hallo@example.org"]


@pytest.mark.parametrize("said", [[["tr"], ["es"], ["tr"], ["nl", "es"], ["fr"]], [["nl"], ["es"], ["fr"]], [["nl", "fr", "tr"], ["de"], ["de"]]])
def test_a_list_that_is_edited_again_is_exactly_that_list_too(store: Store, said: list[list[str]]) -> None:
    put(store, organisatie("o1", languages=["nl", "fr"]), replace(organisatie("b1", source=SB, languages=["de"]), same_as=((SK, "o1"),)))
    uuid = uuid_of(store, f"{SK}|o1")
    for turn, languages in enumerate(said):
        edit(store, uuid, "languages", languages, "redactie")
        put(store, organisatie("o1", revision=2 + turn, languages=["nl", "fr"], description={"nl": f"Beurt {turn}"}))
        document = fiche(store, f"{SK}|o1")
        assert document and sorted(document.get("languages", [])) == sorted(languages)
    edit(store, uuid, "languages", None, "redactie")
    document = fiche(store, f"{SK}|o1")
    assert document and sorted(document["languages"]) == ["de", "fr", "nl"]


def test_the_name_that_an_editor_chose_stands_also_when_another_one_is_the_same_in_french(store: Store) -> None:
    old, new = {"text": {"nl": "Huis voor Gezondheid", "fr": "Maison"}}, {"text": {"nl": "Gezondheidshuis", "fr": "Maison"}}
    other = replace(organisatie("b1", source=SB, names=[new]), same_as=((SK, "o1"),))
    put(store, organisatie("o1", names=[old]), other)
    document = fiche(store, f"{SK}|o1")
    assert document and [name["text"] for name in document["names"]] == [new["text"], old["text"]]
    edit(store, uuid_of(store, f"{SK}|o1"), "names", [new], "an")
    document = fiche(store, f"{SK}|o1")
    assert document and [name["text"] for name in document["names"]] == [new["text"]]


def test_an_edit_that_ran_out_gives_way_to_what_a_source_says_later_and_one_that_did_not_stands(store: Store, clock: Clock) -> None:
    later = {"value": "no", "asserted_at": "2027-01-20T00:00:00Z", "valid_until": "2027-06-01"}
    put(store, organisatie("o1"), aanbod("a1", "o1", patientenstop={"value": "no"}))
    uuid = uuid_of(store, f"{SK}|a1")

    def stop() -> object:
        document = fiche(store, f"{SK}|a1")
        assert document
        with store.read() as connection:
            assert not reading.conflicts(connection, 10)
        return {name: said for name, said in document["patientenstop"].items() if name != "visibility"}

    edit(store, uuid, "patientenstop", {"value": "yes", "valid_until": "2026-11-30"}, "an")
    clock.pass_by(days=60)
    store.write(lambda writer: writer.expire(store.today()))
    put(store, aanbod("a1", "o1", revision=2, patientenstop=later))
    assert stop() == later
    with pytest.raises(Invalid, match="Give it a later valid_until"):
        edit(store, uuid, "patientenstop", {"value": "yes", "valid_until": "2026-12-31"}, "an")
    assert stop() == later
    for decided in ({"value": "yes", "valid_until": "2027-01-20"}, {"value": "yes"}):
        edit(store, uuid, "patientenstop", decided, "an")
        assert stop() == decided


def test_a_field_of_an_authentic_source_is_locked(store: Store) -> None:
    put(store, person("p1", number=1))
    with pytest.raises(Locked) as refusal:
        edit(store, uuid_of(store, f"{PG}|p1"), "identifiers", [], "redactie")
    assert refusal.value.owner == PG
    assert refusal.value.route


def test_an_edit_that_makes_no_sense_is_refused(store: Store) -> None:
    put(store, organisatie("o1"))
    uuid = uuid_of(store, f"{SK}|o1")
    with pytest.raises(Invalid):
        edit(store, uuid, "nonsense", 1, "redactie")
    with pytest.raises(Invalid):
        edit(store, uuid, "umbrella", "yes", "redactie")
    with pytest.raises(NotFound):
        edit(store, "00000000-0000-7000-8000-000000000000", "umbrella", True, "redactie")


def test_a_conflict_says_since_when_each_source_says_so(open_store: Callable[..., Store]) -> None:
    clock = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    store = open_store(now=lambda: clock)
    put(store, organisatie("o1", status={"status": "active"}))
    clock += timedelta(days=1)
    said = organisatie("b1", source=SB, status={"status": "inactive"})
    put(store, replace(said, same_as=((SK, "o1"),)))
    assert _since(store) == {(SK, "o1"): "2026-03-29T01:30:00Z", (SB, "b1"): "2026-03-30T01:30:00Z"}
    clock += timedelta(days=1)
    put(store, organisatie("o1", status={"status": "active"}))  # nothing new
    assert _since(store)[SK, "o1"] == "2026-03-29T01:30:00Z"
    put(store, organisatie("o1", revision=2, status={"status": "unknown"}))
    assert _since(store) == {(SK, "o1"): "2026-03-31T01:30:00Z", (SB, "b1"): "2026-03-30T01:30:00Z"}


def _since(store: Store) -> dict[tuple[str, str], str]:
    with store.read() as connection:
        (found,) = reading.conflicts(connection)
    return dict(found.since)


def test_deciding_one_conflict_touches_no_other_field(store: Store) -> None:
    shared = ((SK, "o1"),)
    put(store, organisatie("o1", status={"status": "active"}, legal_form={"scheme": "legal-form", "code": "vzw"}))
    other = organisatie("b1", source=SB, status={"status": "inactive"}, legal_form={"scheme": "legal-form", "code": "nv"})
    put(store, type(other)(other.source, other.external_id, 1, other.kind, other.content, same_as=shared))
    uuid = uuid_of(store, f"{SK}|o1")
    with store.read() as connection:
        (found,) = reading.conflicts(connection)
    fields = {conflict.field: conflict for conflict in found.conflicts}
    assert {"status", "legal_form"} <= fields.keys()
    before = fiche(store, f"{SK}|o1")
    loser = fields["status"].values[1][2]
    decide_conflict(store, uuid, "status", loser)
    after = fiche(store, f"{SK}|o1")
    assert before and after
    assert after["status"] == loser
    assert {name for name in after if after[name] != before.get(name)} == {"status"}
    with store.read() as connection:
        (left,) = reading.conflicts(connection)
    assert "status" not in {conflict.field for conflict in left.conflicts}
    assert "legal_form" in {conflict.field for conflict in left.conflicts}
    with pytest.raises(Invalid):
        decide_conflict(store, uuid, "status", {"status": "unknown"})
    with pytest.raises(Invalid):
        decide_conflict(store, uuid, "legal_form", {"scheme": "legal-form", "code": "bv"})


def _both_decided(store: Store) -> str:
    """A house of two sources that disagree, where an editor says that the second is right."""
    put(store, organisatie("o1", description={"nl": "A"}), replace(organisatie("b1", source=SB, description={"nl": "B"}), same_as=((SK, "o1"),)))
    uuid = uuid_of(store, f"{SK}|o1")
    decide_conflict(store, uuid, "description", {"nl": "B"}, "redactie")
    return uuid


@pytest.mark.parametrize("withdrawn", [False, True])
def test_a_fiche_goes_with_its_sources_though_an_editor_decided_something_of_it(store: Store, withdrawn: bool) -> None:
    uuid = _both_decided(store)
    put(store, organisatie("o1", revision=2, description={"nl": "A"}))
    before, entries = head(store), count(store, "entry")
    for source, external_id in ((SK, "o1"), (SB, "b1")):
        assert fiche(store, f"{SK}|o1"), "one source still gives it"
        if withdrawn:
            store.write(lambda writer, source=source, id=external_id: writer.withdraw(source, [id], origin="test"))  # type: ignore[misc]
        else:
            put(store, gone(organisatie(external_id, source=source), 3))
    assert fiche(store, f"{SK}|o1") is None
    deletions = [(change.id, change.operation) for change in log(store, before, rank=0) if change.type == "organisatie"]
    assert deletions[-1] == (uuid, "delete")
    assert count(store, "entry") == 0
    put(store, organisatie("o1", revision=4, description={"nl": "A"}))
    document = fiche(store, f"{SK}|o1")
    assert document and (document["id"], document["description"]) == (uuid, {"nl": "B"})
    assert log(store, before)[-1].operation in ("create", "update")
    assert count(store, "entry") == entries


def test_what_a_partner_says_for_himself_stays_his_alone_when_the_sources_let_go(store: Store) -> None:
    uuid = _both_decided(store)
    own = Claim("eigen", "e1", 1, "organisatie", {"kind": "organisatie", "form": "praktijk"}, same_as=((SK, "o1"),), partner="gent")
    put(store, own)
    for source, external_id in ((SK, "o1"), (SB, "b1")):
        put(store, gone(organisatie(external_id, source=source), 2))
    assert fiche(store, f"{SK}|o1") is None
    seen = fiche(store, f"{SK}|o1", "gent")
    assert seen and (seen["id"], seen["form"]) == (uuid, "praktijk")
    put(store, gone(own, 2))
    assert fiche(store, f"{SK}|o1", "gent") is None


def test_what_was_decided_of_two_that_became_one_keeps_neither_alone(store: Store) -> None:
    put(store, organisatie("o1", description={"nl": "A"}), organisatie("b1", "Elders", source=SB, sites=(), description={"nl": "B"}))
    one, other = (uuid_of(store, key) for key in (f"{SK}|o1", f"{SB}|b1"))
    for uuid in (one, other):
        edit(store, uuid, "description", {"nl": "Beslist"}, "redactie")
    stays = store.write(lambda writer: writer.join(one, other))
    put(store, gone(organisatie("o1"), 2))
    assert fiche(store, f"{SK}|o1")
    put(store, gone(organisatie("b1", source=SB), 2))
    assert fiche(store, f"{SK}|o1") is None
    put(store, organisatie("b1", "Elders", source=SB, sites=(), revision=3))
    document = fiche(store, f"{SB}|b1")
    assert document and (document["id"], document["description"]) == (stays, {"nl": "Beslist"})


def test_what_a_split_leaves_to_an_editor_alone_is_gone(store: Store) -> None:
    uuid = _both_decided(store)
    put(store, gone(organisatie("o1"), 2))
    left = store.write(lambda writer: writer.split(uuid, [(SB, "b1")]))
    assert fiche(store, f"{SK}|o1") is None
    document = fiche(store, f"{SB}|b1")
    assert document and (document["id"], document["description"]) == (left, {"nl": "B"})
    put(store, organisatie("o1", revision=3, description={"nl": "A"}))
    again = fiche(store, f"{SK}|o1")
    assert again and (again["id"], again["description"]) == (uuid, {"nl": "B"})


def _decided(store: Store, uuid: str) -> dict[str, object]:
    with store.read() as connection:
        return {one.field: one.value for one in decisions(connection, uuid)}


def test_what_was_decided_can_be_decided_anew_until_it_is_taken_back(store: Store) -> None:
    uuid = _both_decided(store)
    before, version = head(store), _versions(store)
    assert decide_conflict(store, uuid, "description", source=SK) == {"nl": "A"}
    assert [change.origin for change in log(store, before)] == ["editor"]
    assert _versions(store) == version + 1, "nothing stood in between"
    assert _decided(store, uuid) == {"description": {"nl": "A"}}
    for wrong in ({"chosen": {"nl": "C"}}, {"source": "kbo"}, {"chosen": None}):
        with pytest.raises(Invalid):
            decide_conflict(store, uuid, "description", **wrong)
    put(store, replace(organisatie("b1", source=SB, revision=2, description={"nl": "C"}), same_as=((SK, "o1"),)))
    assert decide_conflict(store, uuid, "description", {"nl": "C"}) == {"nl": "C"}
    edit(store, uuid, "description", None, "redactie")
    assert _decided(store, uuid) == {}
    with store.read() as connection:
        (found,) = reading.conflicts(connection)
    assert {(source, value["nl"]) for conflict in found.conflicts if conflict.field == "description" for source, _, value in conflict.values} == {
        (SK, "A"),
        (SB, "C"),
    }
    with pytest.raises(Invalid, match="no decision about description"):
        edit(store, uuid, "description", None, "redactie")


def _versions(store: Store) -> int:
    return count(store, "version", "partner = ''")


def test_what_was_decided_of_either_of_two_that_became_one_is_taken_back_from_both(store: Store) -> None:
    put(store, organisatie("o1", description={"nl": "A"}), organisatie("b1", "Elders", source=SB, sites=(), description={"nl": "B"}))
    one, other = (uuid_of(store, key) for key in (f"{SK}|o1", f"{SB}|b1"))
    for uuid, text in ((one, "Beslist"), (other, "Anders beslist")):
        edit(store, uuid, "description", {"nl": text}, "redactie")
    store.write(lambda writer: writer.join(one, other))
    assert _decided(store, other).keys() == _decided(store, one).keys() == {"description"}
    assert decide_conflict(store, one, "description", source=SB) == {"nl": "B"}
    edit(store, one, "description", None, "redactie")
    assert _decided(store, one) == {}
    document = fiche(store, f"{SK}|o1")
    assert document and document["description"] in ({"nl": "A"}, {"nl": "B"})


def test_what_sleeps_is_listed_and_taken_back(store: Store) -> None:
    uuid = _both_decided(store)
    for source, external_id in ((SK, "o1"), (SB, "b1")):
        put(store, gone(organisatie(external_id, source=source), 2))
    assert _decided(store, uuid) == {"description": {"nl": "B"}}
    with pytest.raises(Gone):
        edit(store, uuid, "description", {"nl": "C"}, "redactie")
    edit(store, uuid, "description", None, "redactie")
    put(store, organisatie("o1", revision=3, description={"nl": "A"}))
    document = fiche(store, f"{SK}|o1")
    assert document and document["description"] == {"nl": "A"}
    with store.read() as connection, pytest.raises(NotFound):
        decisions(connection, "00000000-0000-7000-8000-000000000000")


def test_a_decision_is_taken_back_also_where_a_source_has_come_to_own_the_field(store: Store) -> None:
    put(store, organisatie("o1"))
    uuid = uuid_of(store, f"{SK}|o1")
    edit(store, uuid, "identifiers", [{"system": "kbo", "value": "0403170701"}], "redactie")
    put(store, replace(organisatie("k1", source="kbo", sites=()), same_as=((SK, "o1"),)))
    assert _decided(store, uuid).keys() == {"identifiers"}
    edit(store, uuid, "identifiers", None, "redactie")
    assert _decided(store, uuid) == {}


def test_an_edited_list_may_spell_what_stands_in_it_differently(store: Store) -> None:
    put(store, organisatie("o1", phone="+3216000005"))
    uuid = uuid_of(store, f"{SK}|o1")
    edit(store, uuid, "contacts", [{"kind": "phone", "value": "016 00 00 05"}], "redactie")
    document = fiche(store, f"{SK}|o1")
    assert document and [contact["value"] for contact in document["contacts"]] == ["+3216000005"]


def _hidden(store: Store) -> str:
    """A fiche of two sources, of which one hides it, a number and a vestiging."""
    one = organisatie("o1", visibility="internal", field_visibility={"description": "internal"}, description={"nl": "Voor ons"})
    one.content["contacts"] = [{"kind": "phone", "value": "+3216000001", "visibility": "internal", "purpose": "general"}]
    one.content["vestigingen"][0] |= {"visibility": "internal", "contacts": [{"kind": "phone", "value": "+3216000002", "visibility": "internal"}]}
    put(store, one, replace(organisatie("b1", source=SB, phone="+3216000001", visibility="public"), same_as=((SK, "o1"),)))
    return uuid_of(store, f"{SK}|o1")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("visibility", "public"),
        ("field_visibility", {"description": "public"}),
        ("contacts", [{"kind": "phone", "value": "016 00 00 01", "visibility": "public"}]),
        ("contacts[phone|+3216000001].visibility", "professional"),
        ("vestigingen[KEY].visibility", "public"),
        ("vestigingen[KEY].contacts[phone|+3216000002].visibility", "public"),
    ],
)
def test_nothing_is_shown_to_more_than_a_source_says_and_the_editor_hears_which(store: Store, field: str, value: object) -> None:
    uuid = _hidden(store)
    before, seq = fiche(store, f"{SK}|o1"), head(store)
    assert before
    field = field.replace("KEY", before["vestigingen"][0]["keys"][0])
    with pytest.raises(Invalid, match="here: sociale-kaart says internal, and of two the stricter stands") as refusal:
        edit(store, uuid, field, value, "redactie")
    assert refusal.value.errors[0].value == field
    assert (fiche(store, f"{SK}|o1"), head(store)) == (before, seq)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("visibility", "internal"),
        ("field_visibility", {"names": "internal"}),
        (
            "contacts",
            [{"kind": "phone", "value": "+3216000001", "visibility": "internal"}, {"kind": "phone", "value": "+3216000003", "visibility": "public"}],
        ),
        ("contacts[phone|+3216000001].purpose", "colleagues"),
        ("vestigingen[KEY].visibility", "internal"),
    ],
)
def test_what_is_shown_to_no_more_than_the_sources_say_can_be_decided(store: Store, field: str, value: object) -> None:
    uuid = _hidden(store)
    document = fiche(store, f"{SK}|o1")
    assert document
    edit(store, uuid, field.replace("KEY", document["vestigingen"][0]["keys"][0]), value, "redactie")
    document = fiche(store, f"{SK}|o1")
    assert document
    if field == "contacts":
        assert {contact["value"]: contact.get("visibility", "public") for contact in document["contacts"]} == {
            "+3216000001": "internal",
            "+3216000003": "public",
        }
    elif field == "field_visibility":
        assert document[field] == {"description": "internal", "names": "internal"}


def test_an_editor_may_show_again_what_only_an_editor_hid(store: Store) -> None:
    put(store, organisatie("o1", phone="+3216000001"))
    uuid = uuid_of(store, f"{SK}|o1")
    for visibility in ("internal", "public"):
        edit(store, uuid, "visibility", visibility, "redactie")
        edit(store, uuid, "contacts[phone|+3216000001].visibility", visibility, "redactie")
        document = fiche(store, f"{SK}|o1")
        assert document and document["visibility"] == document["contacts"][0].get("visibility", "public") == visibility
