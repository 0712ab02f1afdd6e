"""Connections and their runs, conflicts, deliveries that wait, and proposals of partners."""

from __future__ import annotations

from typing import Final, get_args

from marshmallow import fields

from hub.connector import ProposalState
from hub.model.fiche import ENTITY_TYPES, KINDS
from hub.web.api.shapes.forms import Collection, Shape, address, number, text

PROPOSAL_STATES: Final = get_args(ProposalState)


class ConnectionItem(Shape):
    """How a connection fares."""

    href = address("The connection.")
    name = text("Its name.")
    state = text("", enum=["disabled", "enabled", "paused", "stopped"])
    lastState = text("How its last run ended.", required=False)
    lastAt = text("When that began.", required=False, format="date-time")
    nextAt = text("When it runs again.", required=False, format="date-time")
    overdueSince = text("When it should have run, if no run began since.", required=False, format="date-time")
    behind = number("Changes that its partner does not have yet; not there when it only pulls.", required=False)
    waiting = number("Deliveries that wait.")
    dead = number("Deliveries that were given up.")
    reason = text("How it is, in plain words.")
    runs = address("Its runs.")


class ConnectionCollection(Collection):
    """Every connection."""

    items = fields.List(fields.Nested(ConnectionItem), required=True)


class OneConnection(ConnectionItem):
    """One connection."""

    self = address("This address.")


class RunItem(Shape):
    """What a run did."""

    number = number("Its number.")
    connection = text("Whose run it was.")
    mode = text("", enum=["full", "incremental", "push", "export"])
    state = text("", enum=["running", "done", "failed", "stopped"])
    dryRun = fields.Boolean(required=True, metadata={"description": "Everything was undone."})
    resumed = fields.Boolean(required=True, metadata={"description": "It went on with a load that was cut off."})
    startedAt = text("When it began.", format="date-time")
    endedAt = text("When it ended.", required=False, format="date-time")
    counts = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "Rows, by what became of them."},
    )
    reason = text("Why it ended so, in plain words.")
    warnings = fields.List(fields.String(), required=True)


class RunCollection(Collection):
    """Runs, newest first."""

    items = fields.List(fields.Nested(RunItem), required=True)


class StatedValue(Shape):
    """What one source says."""

    source = text("The source.")
    externalId = text("What the source calls the fiche.")
    value = fields.Raw(required=True, allow_none=True)
    receivedAt = text(
        "When the hub took in what this source says now of the fiche; not there when that was before it kept such moments.",
        required=False,
        format="date-time",
    )


class ConflictItem(Shape):
    """A field on which equal sources disagree."""

    href = address("Where it is decided, by POST.")
    fiche = text("The fiche.", format="uuid")
    kind = text("The kind of fiche.", enum=list(KINDS))
    field = text("The field.")
    values = fields.List(fields.Nested(StatedValue), required=True, metadata={"description": "The first one stands."})


class ConflictCollection(Collection):
    """Conflicts, by fiche; `pageSize` counts fiches."""

    items = fields.List(fields.Nested(ConflictItem), required=True)


class Decided(Shape):
    """What was decided of a field, or taken back."""

    fiche = address("The fiche.")
    field = text("The field.")
    value = fields.Raw(required=True, allow_none=True, metadata={"description": "`null`: the decision was taken back."})


class DecisionItem(Shape):
    """What was decided of a field."""

    href = address("Where it is decided anew or taken back, by POST.")
    fiche = text("The fiche.", format="uuid")
    field = text("The field.")
    value = fields.Raw(required=True, metadata={"description": "What holds, whatever the sources say."})


class DecisionCollection(Collection):
    """What was decided of a fiche, by field."""

    items = fields.List(fields.Nested(DecisionItem), required=True)


class DeadLetterItem(Shape):
    """A delivery that was given up."""

    connection = text("Whose delivery.")
    entity = text("What it was about.", format="uuid")
    type = text("What that is.", enum=list(ENTITY_TYPES))
    attempts = number("How often it was tried.")
    since = text("Since when.", format="date-time")
    reason = text("Why, in plain words.")


class DeadLetterCollection(Collection):
    """Dead letters, by connection and there oldest first."""

    items = fields.List(fields.Nested(DeadLetterItem), required=True)


class ProposalItem(Shape):
    """A value that a partner was asked to take over."""

    href = address("This proposal.")
    connection = text("Through which connection.")
    entity = text("What it is about.", format="uuid")
    type = text("What that is.", enum=list(ENTITY_TYPES))
    field = text("The partner's field.")
    state = text("What became of it there.", enum=list(PROPOSAL_STATES))
    old = fields.Raw(
        required=True,
        allow_none=True,
        metadata={"description": "What stood there, in the partner's language."},
    )
    new = fields.Raw(
        required=True,
        allow_none=True,
        metadata={"description": "What was proposed, in the partner's language."},
    )
    value = fields.Raw(metadata={"description": "What was put there when it was accepted, where that is something else than `new`."})
    evidence = fields.Dict(
        required=True,
        metadata={"description": "What the partner was told of where it comes from: fiche, moment, sources."},
    )
    number = text("The partner's number of it.", required=False)
    since = text("Since when it stands like that.", required=False, format="date-time")
    reason = text("Why it was rejected.", required=False)


class OneProposal(ProposalItem):
    """One proposal."""

    self = address("This page.")


class ProposalCollection(Collection):
    """Proposals, by connection and entity; `pageSize` counts entities. While there is a `next` there can be more, also behind a short page."""

    items = fields.List(fields.Nested(ProposalItem), required=True)


class Replayed(Shape):
    """How many will be delivered again."""

    replayed = number("So many.")
