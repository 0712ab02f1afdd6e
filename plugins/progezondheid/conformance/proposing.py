"""The requirements of proposing: each makes proposals about one caregiver, which are withdrawn afterwards."""

from __future__ import annotations

from typing import Any

from plugins.progezondheid.conformance.asking import Asking, Unseen, keeps, must, refuses, requirement


@requirement("P1", "A proposal is taken in with 202 and a number, in the shape of the contract.", writes=True)
def _taken_in(asking: Asking) -> None:
    body, _, made = asking.made()
    differing = [name for name in ("reference", "nihdi8", "field", "old", "new") if made[name] != body[name]]
    must(not differing, f"It came back with another {', '.join(differing)}.")


@requirement("P2", "Under the same Idempotency-Key the same proposal is made once.", writes=True)
def _once(asking: Asking) -> None:
    body, headers, made = asking.made()
    again = keeps(asking.post("/proposals", body, headers), 202, "Proposal")
    must(again["id"] == made["id"], f"First {made['id']}, then {again['id']}.")


@requirement("P3", "An Idempotency-Key that was used for another proposal is refused with 409.", writes=True)
def _other_body(asking: Asking) -> None:
    body, headers, _ = asking.made()
    refuses(asking.post("/proposals", {**body, "new": []}, headers), 409)


@requirement("P4", "A proposal without Idempotency-Key is refused with 400, one without If-Match with 428.", writes=True)
def _headers(asking: Asking) -> None:
    body, headers = asking.proposal()
    refuses(asking.post("/proposals", body, {"If-Match": headers["If-Match"]}), 400)
    refuses(asking.post("/proposals", body, {"Idempotency-Key": headers["Idempotency-Key"]}), 428)


@requirement("P5", "A proposal about a state that no longer stands is refused with 412.", writes=True)
def _stale(asking: Asking) -> None:
    body, headers = asking.proposal()
    refuses(asking.post("/proposals", body, {**headers, "If-Match": '"no-such-state"'}), 412)


@requirement("P6", "What is the register's own cannot be proposed: 422.", writes=True)
def _own(asking: Asking) -> None:
    for name in ("name", "nihdi", "professions", "visa", "addresses"):
        body, headers = asking.proposal(field=name)
        refuses(asking.post("/proposals", body, headers), 422)


@requirement("P7", "Only practice addresses can be proposed: no administrative or emergency address takes their place.", writes=True)
def _practice_only(asking: Asking) -> None:
    for kind in ("administrative", "emergency"):
        body, headers = asking.proposal(field="practice_addresses")
        body |= {"old": [], "new": [{"type": kind, "postcode": "9000"}]}
        refuses(asking.post("/proposals", body, headers), 422)


@requirement("P8", "A proposal about nobody is refused with 404, one without its fields with 400.", writes=True)
def _about_nobody(asking: Asking) -> None:
    body, headers = asking.proposal(number="00000000")
    refuses(asking.post("/proposals", body, headers), 404)
    body, headers = asking.proposal()
    del body["evidence"]
    refuses(asking.post("/proposals", body, headers), 400)


@requirement("P9", "A proposal can be asked for by its number; one that does not exist is answered with 404.", writes=True)
def _one(asking: Asking) -> None:
    _, _, made = asking.made()
    found = keeps(asking.get(f"/proposals/{made['id']}"), 200, "Proposal")
    must(found["id"] == made["id"], f"{made['id']} was asked for, and {found['id']} came.")
    refuses(asking.get("/proposals/no-such-proposal"), 404)


@requirement("P10", "The list tells every change of state behind its cursor, once.", writes=True)
def _followed(asking: Asking) -> None:
    cursor = _end(asking)
    _, _, made = asking.made()
    page = keeps(asking.get("/proposals", {"cursor": cursor}), 200, "ProposalPage")
    must(any(one["id"] == made["id"] for one in page["items"]), "The new proposal does not come behind the cursor.")
    rest = keeps(asking.get("/proposals", {"cursor": page["next_cursor"]}), 200, "ProposalPage")
    must(not any(one["id"] == made["id"] and one["state"] == "pending" for one in rest["items"]), "It comes again behind the next one.")
    refuses(asking.get("/proposals", {"cursor": "no such cursor"}), 400)
    count = len(keeps(asking.get("/proposals", {"limit": "1"}), 200, "ProposalPage")["items"])
    must(count <= 1, f"{count} came for limit=1.")


@requirement("P11", "A second proposal about the same field, under the same reference, takes the place of the one that waits.", writes=True)
def _superseded(asking: Asking) -> None:
    body, _, first = asking.made()
    if first["state"] != "pending":
        raise Unseen(f"Proposals are decided at once here ({first['state']}), so none ever waits.")
    asking.made(body["reference"])
    found = keeps(asking.get(f"/proposals/{first['id']}"), 200, "Proposal")
    must(found["state"] == "withdrawn", f"The first one is {found['state']}.")


@requirement("P12", "What waits can be withdrawn, and is told in the list; withdrawing twice is withdrawing once.", writes=True)
def _withdrawn(asking: Asking) -> None:
    body, _, made = asking.made()
    if made["state"] != "pending":
        raise Unseen(f"Proposals are decided at once here ({made['state']}), so none ever waits.")
    counts = [asking.post("/withdrawals", {"reference": body["reference"]}).json().get("withdrawn") for _ in range(2)]
    must(counts == [1, 0], f"[1, 0] was expected, and {counts} came.")
    found = keeps(asking.get(f"/proposals/{made['id']}"), 200, "Proposal")
    must(found["state"] == "withdrawn", f"It is {found['state']}.")


@requirement("P13", "A proposal that waits changes nothing of the caregiver.", writes=True)
def _only_proposed(asking: Asking) -> None:
    body, headers, made = asking.made()
    if made["state"] != "pending":
        raise Unseen(f"Proposals are decided at once here ({made['state']}), so none ever waits.")
    answer = asking.get(f"/providers/{asking.propose}")
    must(answer.json()["languages"] == body["old"], "The value has changed already.")
    must(answer.headers.get("ETag") == headers["If-Match"], "The caregiver has another ETag already.")


@requirement("P14", "A proposal that is not of the contract's shape is refused: with 400 what is around the value, with 422 the value.", writes=True)
def _shaped(asking: Asking) -> None:
    around: tuple[tuple[str, Any], ...] = (("reference", 5), ("reference", ""), ("evidence", {}), ("nihdi8", 5))
    for name, value in around:
        body, headers = asking.proposal()
        answer = asking.post("/proposals", {**body, name: value}, headers)
        refuses(answer, 404 if name == "nihdi8" and answer.status_code == 404 else 400)  # nobody has such a number
    values: tuple[tuple[str, Any], ...] = (
        ("contacts", [1]), ("languages", ["Nederlands"]), ("patient_stop", "yes"), ("consultation_hours", [{"opens": "09:00"}]),
    )  # fmt: skip
    for field, value in values:
        body, headers = asking.proposal(field=field)
        refuses(asking.post("/proposals", {**body, "old": None if "_" in field else [], "new": value}, headers), 422)


def _end(asking: Asking) -> str:
    """The cursor behind all proposals made so far."""
    page = keeps(asking.get("/proposals", {"limit": "1000"}), 200, "ProposalPage")
    while not page["complete"]:
        page = keeps(asking.get("/proposals", {"limit": "1000", "cursor": page["next_cursor"]}), 200, "ProposalPage")
    return str(page["next_cursor"])
