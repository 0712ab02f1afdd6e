"""Pairs of fiches that may be one, from the command line: who they are, what a decision would do, and that nothing happens unasked."""

from __future__ import annotations

import pytest

from hub.model.claims import Claim
from hub.store import Store
from hub.store.editing import edit
from tests.cli.conftest import ORGANISATIE, CommandLine

PHONE = {"kind": "phone", "value": "+3290000001"}


@pytest.fixture
def twins(filled: CommandLine) -> CommandLine:
    """The command line on a home with two organisaties of one telephone number, of two sources."""
    store = Store.open(f"sqlite:///{filled.home / 'fichehub.sqlite'}", filled.home)
    for source, name in (("een", "De Beuk"), ("twee", "Huis De Beuk")):
        said = Claim(source, "b", 1, "organisatie", {"kind": "organisatie", "names": [{"text": {"nl": name}}], "contacts": [PHONE]})
        store.write(lambda writer, said=said: writer.put([said], origin=said.source))  # type: ignore[misc]
    store.close()
    return filled


def test_an_empty_queue_says_so(filled: CommandLine) -> None:
    assert filled.ok("reviews") == "No pair of fiches waits for somebody.\n"
    assert filled.ok("conflicts") == "No conflicts.\n"
    assert filled.json("reviews") == []


def test_who_waits_and_why(twins: CommandLine) -> None:
    (one,) = twins.json("reviews")
    assert (one["fiche"]["name"], one["other"]["name"]) == ("Huis De Beuk", "De Beuk")
    assert (one["fiche"]["kind"], one["fiche"]["sources"], one["why"]) == ("organisatie", ["twee"], ["the same telephone number"])
    text = twins.ok("reviews")
    for said in ("Huis De Beuk (organisatie; twee)", "De Beuk (organisatie; een)", "the same telephone number (score 0.40)", one["fiche"]["id"]):
        assert said in text
    for command in (("conflicts",), ("connections", "status")):
        assert "1 pair of fiches waits for somebody to say whether they are one: fichehub reviews" in twins.ok(*command)


def test_a_list_that_is_cut_says_so(twins: CommandLine) -> None:
    store = Store.open(f"sqlite:///{twins.home / 'fichehub.sqlite'}", twins.home)
    store.write(lambda writer: writer.put([Claim("drie", "b", 1, "organisatie", {**ORGANISATIE, "contacts": [PHONE]})], origin="drie"))
    store.close()
    assert "There are more than these 1; --limit N shows more" in twins.ok("reviews", "--limit", "1")
    assert "more than these" not in twins.ok("reviews", "list")


def test_a_join_is_shown_asked_and_undone(twins: CommandLine) -> None:
    (one,) = twins.json("reviews")
    goes, stays = one["fiche"]["id"], one["other"]["id"]
    refused = twins("reviews", "join", goes, stays, input="n\n")
    assert refused.exit_code == 1
    assert f"stays: {stays}  De Beuk" in refused.output and "why:   the same telephone number" in refused.output
    assert f"fichehub reviews split {stays} SOURCE EXTERNAL_ID" in refused.output
    assert len(twins.json("reviews")) == 1, "nobody said yes"
    assert twins.json("reviews", "join", goes, stays, "--yes", "--by", "An") == {"fiche": stays, "joined": goes, "by": "An"}
    assert twins.json("reviews") == []
    (decided,) = twins.json("reviews", "--state", "same")
    assert decided["detail"]["by"] == "An"
    assert "joined by An" in twins.ok("reviews", "--state", "same")
    assert '"origin":"An"' in twins.ok("changes", "--level", "internal", "--json")
    assert "Only claims that the fiche has" in twins.refused("reviews", "split", stays, "twee", "x", "--yes")
    undone = twins.ok("reviews", "split", stays, "twee", "b", "--by", "An", input="y\n")
    assert "leaves: twee b" in undone and "stays : een b" in undone
    assert twins.ok("query", "--where", f"id={goes}").startswith("id"), "it stands again under its old id"
    assert twins.json("reviews") == [], "and nobody is asked again"


def test_a_split_shows_what_goes_along_unasked(twins: CommandLine) -> None:
    (one,) = twins.json("reviews")
    goes, stays = one["fiche"]["id"], one["other"]["id"]
    store = Store.open(f"sqlite:///{twins.home / 'fichehub.sqlite'}", twins.home)
    for uuid in (goes, stays):
        edit(store, uuid, "languages", ["fr"], "an")
    said = Claim("kaart", "k", 1, "organisatie", {"kind": "organisatie", "languages": ["nl"]}, same_as=(("twee", "b"),), partner="kring")
    store.write(lambda writer: writer.put([said], origin="kaart"))
    store.close()
    twins.ok("reviews", "join", goes, stays, "--yes")
    asked = twins("reviews", "split", stays, "twee", "b", input="n\n").output
    for line in (
        f"  leaves: editor {goes} (an editor's decisions)",
        "  leaves: kaart k (what kring says for himself)",
        "  leaves: twee b",
        f"  stays : editor {stays} (an editor's decisions)",
        "  stays : een b",
        "What an editor decided while they were one stays; what he decided of a part goes where the part goes.",
    ):
        assert f"{line}\n" in asked
    left = twins.json("reviews", "split", stays, "twee", "b", "--yes")["claims"]
    assert left == [{"source": source, "external_id": id} for source, id in (("editor", goes), ("kaart", "k"), ("twee", "b"))]


def test_kept_apart_is_not_asked_again(twins: CommandLine) -> None:
    (one,) = twins.json("reviews")
    pair = (one["fiche"]["id"], one["other"]["id"])
    assert twins("reviews", "apart", *pair, input="n\n").exit_code == 1
    assert len(twins.json("reviews")) == 1
    twins.ok("reviews", "apart", *pair, "--yes", "--by", "An")
    assert twins.json("reviews") == []
    assert "kept apart by An" in twins.ok("reviews", "list", "--state", "different")


def test_what_cannot_be_one_is_refused_before_anybody_is_asked(twins: CommandLine) -> None:
    (person,) = twins.json("query", "--kind", "zorgverlener")["items"]
    (one,) = twins.json("reviews")
    assert "cannot be one fiche" in twins.refused("reviews", "join", one["fiche"]["id"], person["id"])
    assert "one fiche already" in twins.refused("reviews", "apart", person["id"], person["id"])
    assert "There is no fiche with id x." in twins.refused("reviews", "join", "x", person["id"])
    assert "There is no fiche with id x." in twins.refused("reviews", "split", "x", "een", "b")


def test_who_holds_them_apart_is_told(twins: CommandLine) -> None:
    store = Store.open(f"sqlite:///{twins.home / 'fichehub.sqlite'}", twins.home)
    store.write(lambda writer: writer.put([Claim("een", "c", 1, "organisatie", ORGANISATIE)], origin="een"))
    store.close()
    ours = [item["id"] for item in twins.json("query", "--kind", "organisatie")["items"]]
    told = twins("reviews", "join", ours[1], ours[3], input="n\n")
    assert "Beware: een holds them apart" in told.output
