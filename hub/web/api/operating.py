"""`/connections`, `/runs`, `/conflicts`, `/decisions`, `/deadLetters` and `/proposals`: how the house fares, for programs of administrators.

The same as `fichehub connections status`, `runs`, `conflicts`, `decisions`, `deadletters` and `proposals` say. Needs an agreement with the right `operate`.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any, Final
from urllib.parse import quote

import flask
import marshmallow as ma
from marshmallow import fields, validate

from hub.errors import Forbidden, NotFound
from hub.store import editing, reading
from hub.sync import connections, decisions, outbox, records, status
from hub.sync.decisions import Proposed
from hub.sync.outbox import Letter
from hub.sync.records import RunReport
from hub.sync.status import Status
from hub.web.api.operations import PREFIX, json, make_blueprint, operation, page_address
from hub.web.api.shapes.operating import (
    PROPOSAL_STATES,
    ConflictCollection,
    ConnectionCollection,
    DeadLetterCollection,
    Decided,
    DecisionCollection,
    OneConnection,
    OneProposal,
    ProposalCollection,
    Replayed,
    RunCollection,
)
from hub.web.asking import directory, require_partner, serving

MOST: Final = 1000
RIGHT: Final = "operate"
blueprint: Final = make_blueprint("operating", "How connections fare, and what needs somebody. Needs the right `operate`.", needs_key=True)

# Published as they are, so in the regular expressions that JSON Schema shares with everybody: those of ECMA-262.
_ENTITY: Final = re.compile("^([a-z0-9-]{1,63}):([0-9]{1,18})$")
_CHANGE: Final = re.compile("^([a-z0-9-]{1,63}):([0-9]{1,18}):([0-9]{1,18})$")
_NAME: Final = {"name": "The name of a connection."}


class Page(ma.Schema):
    """How much at once."""

    pageSize = fields.Integer(load_default=50, validate=validate.Range(1, MOST), metadata={"description": "Items on a page."})


class RunsPage(Page):
    """Parameters of the runs."""

    connection = fields.String(metadata={"description": "Only those of this connection."})
    before = fields.Integer(validate=validate.Range(1, 2**63 - 1), metadata={"description": "Only runs with a lower number."})


def _place(where: str, shape: re.Pattern[str], example: str) -> fields.String:
    def must_fit(given: str) -> None:
        if shape.fullmatch(given) is None:
            raise ma.ValidationError(f"This comes from `next`, and looks like {example}.")

    return fields.String(validate=must_fit, metadata={"description": f"From `next`: go on behind {where}.", "pattern": shape.pattern})


def _behind(given: dict[str, Any], shape: re.Pattern[str]) -> tuple[str, ...] | None:
    """The parts of the place behind which to go on; None: begin at the beginning."""
    found = shape.fullmatch(given.get("after", ""))
    return None if found is None else found.groups()


class ConflictsPage(Page):
    """Parameters of the conflicts."""

    after = fields.Integer(
        load_default=0,
        validate=validate.Range(0, 2**63 - 1),
        metadata={"description": "From `next`: go on behind this fiche."},
    )


class Which(Page):
    """Parameters of the dead letters: which ones."""

    connection = fields.String(metadata={"description": "Only those of this connection."})
    entity = fields.String(metadata={"description": "Only the one about this entity."})
    reason = fields.String(load_default="", metadata={"description": "Only those whose reason contains this."})


class Replay(Which):
    """Parameters of what is delivered again: at least one says which, so that it is never all of them by mistake."""

    @ma.validates_schema
    def _names_some(self, given: dict[str, Any], **context: Any) -> None:
        some = ("connection", "entity", "reason")
        if not any(given.get(name) for name in some):
            raise ma.ValidationError({name: ["Say which are to be delivered again: name at least one of the three."] for name in some})


class DeadLettersPage(Which):
    """Parameters of the dead letters: which ones, and from where on."""

    after = _place("this connection, change and entity", _CHANGE, "register:7:3")


class ProposalsPage(Page):
    """Parameters of the proposals: which ones, and from where on."""

    connection = fields.String(metadata={"description": "Only what this connection proposed."})
    entity = fields.String(metadata={"description": "Only what was proposed about this entity."})
    state = fields.String(validate=validate.OneOf(PROPOSAL_STATES), metadata={"description": "Only those that stand like this over there."})
    after = _place("this connection and entity", _ENTITY, "register:7")


class Decision(ma.Schema):
    """Which value is right."""

    value = fields.Raw(
        required=True,
        allow_none=True,
        metadata={
            "description": "One of those in conflict, also of a conflict that was settled by a decision. `null` takes back what was decided: the sources speak again."
        },
    )
    by = fields.String(
        required=True,
        validate=validate.Length(1, 200),
        metadata={"description": "Who decides; kept in the change log."},
    )


def must_operate() -> None:
    """Raise `Forbidden`, or ask for a key, unless the asker may read and decide what administrators do."""
    require_partner("Only partners with the right to operate read this")
    grant = directory().grant
    if RIGHT not in grant.rights:
        raise Forbidden(f"This needs an agreement with the right {RIGHT!r}: fichehub partners add NAME ... --right {RIGHT}, and its API key.")


# --- connections and runs -------------------------------------------------------------------------------------------------------


@operation(blueprint, "listConnections", "/connections", ConnectionCollection)
def connections_(given: dict[str, Any]) -> flask.Response:
    """How every connection fares

    Its last and next run, how many changes it is behind, and the reason in plain words.
    """
    must_operate()
    hub = serving()
    found = status.of_all(hub.store, hub.plugins)
    return json({"items": [_connection(one) for one in found], "self": page_address("operating.connections_")})


@operation(blueprint, "getConnection", "/connections/<name>", OneConnection, path=_NAME)
def connection_(given: dict[str, Any], name: str) -> flask.Response:
    """How one connection fares"""
    must_operate()
    hub = serving()
    connections.get(hub.store, hub.plugins, name)  # says which there are when there is none of this name
    (found,) = (one for one in status.of_all(hub.store, hub.plugins) if one.name == name)
    return json({**_connection(found), "self": page_address("operating.connection_", path={"name": name})})


@operation(blueprint, "listRuns", "/runs", RunCollection, parameters=RunsPage)
def runs(given: dict[str, Any]) -> flask.Response:
    """The last runs, newest first"""
    must_operate()
    hub = serving()
    name = given.get("connection")
    if name is not None:
        connections.get(hub.store, hub.plugins, name)
    size = given["pageSize"]
    with hub.store.read() as connection:
        kept = records.reports(connection, name, limit=size + 1, before=given.get("before"))
        found = [records.as_it_stands(connection, one, hub.store.now()) for one in kept]
    answer: dict[str, Any] = {
        "items": [_run(report) for report in found[:size]],
        "self": page_address("operating.runs"),
        "pageSize": size,
    }
    if len(found) > size:
        answer["next"] = page_address("operating.runs", before=str(found[size - 1].id))
    return json(answer)


def _connection(one: Status) -> dict[str, Any]:
    told = {
        "href": f"{PREFIX}/connections/{one.name}",
        "name": one.name,
        "state": one.state,
        "lastState": one.last_state,
        "lastAt": one.last_at,
        "nextAt": one.next_at,
        "overdueSince": one.overdue_since,
        "behind": one.behind,
        "waiting": one.waiting,
        "dead": one.dead,
        "reason": one.reason,
        "runs": f"{PREFIX}/runs?connection={one.name}",
    }
    return {name: value for name, value in told.items() if value is not None}


def _run(report: RunReport) -> dict[str, Any]:
    told = {
        "number": report.id,
        "connection": report.connection,
        "mode": report.mode,
        "state": report.state,
        "dryRun": report.dry_run,
        "resumed": report.resumed,
        "startedAt": report.started_at,
        "endedAt": report.ended_at,
        "counts": asdict(report.tally),
        "reason": report.reason,
        "warnings": list(report.warnings),
    }
    return {name: value for name, value in told.items() if value is not None}


# --- what needs somebody ----------------------------------------------------------------------------------------------------------


@operation(blueprint, "listConflicts", "/conflicts", ConflictCollection, parameters=ConflictsPage)
def conflicts(given: dict[str, Any]) -> flask.Response:
    """Fields on which equal sources disagree

    The first value stands until somebody decides.
    """
    must_operate()
    size = given["pageSize"]
    with serving().store.read() as connection:
        found = reading.conflicts(connection, size + 1, given["after"])
    answer: dict[str, Any] = {
        "items": [
            {
                "href": f"{PREFIX}/conflicts/{one.fiche}/{quote(conflict.field, safe='')}",
                "fiche": one.fiche,
                "kind": one.type,
                "field": conflict.field,
                "values": [
                    _stated(source, external_id, value, one.since.get((source, external_id))) for source, external_id, value in conflict.values
                ],
            }
            for one in found[:size]
            for conflict in one.conflicts
        ],
        "self": page_address("operating.conflicts"),
        "pageSize": size,
    }
    if len(found) > size:
        answer["next"] = page_address("operating.conflicts", after=str(found[size - 1].number))
    return json(answer)


def _stated(source: str, external_id: str, value: Any, since: str | None) -> dict[str, Any]:
    told = {"source": source, "externalId": external_id, "value": value}
    return told if since is None else {**told, "receivedAt": since}


@operation(
    blueprint,
    "decideConflict",
    "/conflicts/<fiche>/<path:field>",
    Decided,
    method="POST",
    body=Decision,
    path={"fiche": "The fiche.", "field": "The field in conflict, as `field` gives it."},
    also=(409, 410),
)
def decide(given: dict[str, Any], body: dict[str, Any], fiche: str, field: str) -> flask.Response:
    """Settle a conflict for good, decide it anew, or take that back

    The value becomes an editor's claim, which `null` takes back; no other field is touched.
    """
    must_operate()
    store, value = serving().store, body["value"]
    if value is None:
        editing.edit(store, fiche, field, None, body["by"])
    else:
        editing.decide_conflict(store, fiche, field, value, body["by"])
    return json({"fiche": f"{PREFIX}/fiches/{fiche}", "field": field, "value": body["value"]})


@operation(blueprint, "listDecisions", "/decisions/<fiche>", DecisionCollection, path={"fiche": "The fiche."}, also=(410,))
def decisions_(given: dict[str, Any], fiche: str) -> flask.Response:
    """What was decided of a fiche, field by field

    It holds until somebody decides anew, or takes it back. Also what sleeps, because the sources let go of what it is about.
    """
    must_operate()
    with serving().store.read() as connection:
        found = editing.decisions(connection, fiche)
    items = [
        {"href": f"{PREFIX}/conflicts/{fiche}/{quote(one.field, safe='')}", "fiche": fiche, "field": one.field, "value": one.value} for one in found
    ]
    return json({"items": items, "self": page_address("operating.decisions_", path={"fiche": fiche})})


@operation(blueprint, "listDeadLetters", "/deadLetters", DeadLetterCollection, parameters=DeadLettersPage)
def dead_letters(given: dict[str, Any]) -> flask.Response:
    """Deliveries that were given up

    By connection, there oldest first.
    """
    must_operate()
    size = given["pageSize"]
    name, seq, number = _behind(given, _CHANGE) or ("", 0, 0)
    found = _letters(given, size + 1, (name, int(seq), int(number)))
    answer: dict[str, Any] = {
        "items": [_letter(one) for one in found[:size]],
        "self": page_address("operating.dead_letters"),
        "pageSize": size,
    }
    if len(found) > size:
        last = found[size - 1]
        after = f"{last.connection}:{last.change.seq}:{last.entity_id}"
        answer["next"] = page_address("operating.dead_letters", after=after)
    return json(answer)


@operation(blueprint, "replayDeadLetters", "/deadLetters/replay", Replayed, method="POST", parameters=Replay)
def replay(given: dict[str, Any]) -> flask.Response:
    """Deliver these again

    With all their attempts, at the next run of their connection; at most `pageSize` of them. Name at least one of `connection`, `entity` and `reason`.
    """
    must_operate()
    return json({"replayed": outbox.replay(serving().store, _letters(given, given["pageSize"]))})


def _letters(given: dict[str, Any], limit: int, after: tuple[str, int, int] = ("", 0, 0)) -> list[Letter]:
    hub, name = serving(), given.get("connection")
    if name is not None:
        connections.get(hub.store, hub.plugins, name)  # says which there are when there is none of this name
    with hub.store.read() as connection:
        return outbox.dead_letters(connection, name=name, entity=given.get("entity"), reason=given["reason"], after=after, limit=limit)


def _letter(one: Letter) -> dict[str, Any]:
    return {
        "connection": one.connection,
        "entity": one.change.id,
        "type": one.change.type,
        "attempts": one.attempts,
        "since": one.at,
        "reason": one.reason,
    }


# --- what was proposed to partners -------------------------------------------------------------------------------------------------


@operation(blueprint, "listProposals", "/proposals", ProposalCollection, parameters=ProposalsPage)
def proposals(given: dict[str, Any]) -> flask.Response:
    """What was proposed to partners, and what became of it there

    Value by value: what stood there, what was proposed with which evidence, and whether it is pending, accepted, rejected (with the reason) or withdrawn.
    """
    must_operate()
    hub, size = serving(), given["pageSize"]
    behind, number = _behind(given, _ENTITY) or ("", 0)
    found = decisions.page(
        hub.store,
        hub.plugins,
        name=given.get("connection"),
        entity=given.get("entity"),
        state=given.get("state"),
        after=(behind, int(number)),
        limit=size,
    )
    answer: dict[str, Any] = {
        "items": [_proposal(one) for one in found.items],
        "self": page_address("operating.proposals"),
        "pageSize": size,
    }
    if found.following is not None:
        name, number = found.following
        answer["next"] = page_address("operating.proposals", after=f"{name}:{number}")
    return json(answer)


@operation(
    blueprint,
    "getProposal",
    "/proposals/<connection>/<entity>/<path:field>",
    OneProposal,
    path={"connection": "The connection.", "entity": "The entity.", "field": "The field, as `field` gives it."},
)
def proposal(given: dict[str, Any], connection: str, entity: str, field: str) -> flask.Response:
    """What was last proposed about one value"""
    must_operate()
    hub = serving()
    for one in decisions.proposals(hub.store, hub.plugins, connection, entity):
        if one.proposal.field == field:
            return json({**_proposal(one), "self": _proposal_address(one)})
    raise NotFound(f"Nothing is known that {connection} proposed about {field!r} of {entity}.")


def _proposal(one: Proposed) -> dict[str, Any]:
    said = one.proposal
    told: dict[str, Any] = {
        "href": _proposal_address(one),
        "connection": one.connection,
        "entity": one.entity,
        "type": one.type,
        "field": said.field,
        "state": said.state,
        "old": said.old,
        "new": said.new,
        "evidence": dict(said.evidence),
    }
    more = {"number": said.id, "since": said.at, "reason": said.reason}
    told |= {name: value for name, value in more.items() if value}
    return told if said.value is None else told | {"value": said.value}


def _proposal_address(one: Proposed) -> str:
    return f"{PREFIX}/proposals/{one.connection}/{one.entity}/{quote(one.proposal.field, safe='')}"
