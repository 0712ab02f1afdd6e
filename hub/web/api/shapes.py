"""What the answers of the API look like: the schemas that describe them in OpenAPI. They describe and check; views build the answers."""

from __future__ import annotations

from typing import Any, Final, get_args

import marshmallow as ma
from marshmallow import fields

from hub.connector import ProposalState
from hub.model.fiche import ENTITY_TYPES, KINDS

FICHE_NAMES: Final = {
    "organisatie": "Organisatiefiche",
    "aanbod": "Aanbodfiche",
    "zorgverlener": "Zorgverlenersfiche",
}
PART_NAMES: Final = {
    "vestigingen": "Vestiging",
    "memberships": "Membership",
    "electronic_addresses": "ElectronicAddress",
    "caregivers": "Caregiver",
}

PROPOSAL_STATES: Final = get_args(ProposalState)


def _one_of(names: dict[str, str]) -> dict[str, Any]:
    return {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in names.values()]}


def _text(description: str = "", *, required: bool = True, **more: Any) -> fields.Field[Any]:
    return fields.String(required=required, metadata={"description": description, **more})


def _address(description: str, *, required: bool = True) -> fields.Field[Any]:
    return _text(description, required=required, format="uri-reference")


def _number(description: str, *, required: bool = True) -> fields.Field[Any]:
    return fields.Integer(required=required, metadata={"description": description})


class _Shape(ma.Schema):
    class Meta:
        unknown = ma.RAISE  # what is not described is not given


class Reason(_Shape):
    """Why a fiche was found."""

    reason = _text("What matched: tier, name, text, distance ...")
    value = _text("With what.")


class _Collection(_Shape):
    self = _address("This page.")
    next = _address("The next page; not there on the last.", required=False)
    total = _number("How many there are in all.", required=False)
    pageSize = _number("The most items on a page.", required=False)


class _Entity(_Shape):
    href = _address("Where it can be found.")
    id = _text("The hub's own id: a UUID.", format="uuid")
    kind = _text("The kind of fiche.", enum=list(KINDS))
    type = _text("Which kind of part it is; only there for a part.", required=False, enum=list(ENTITY_TYPES))
    seq = _number("The last change of it that you can see.")
    updatedAt = _text("When that was.", format="date-time")
    fiche = fields.Raw(required=True, metadata=_one_of(FICHE_NAMES))
    part = fields.Raw(metadata=_one_of(PART_NAMES))
    sources = fields.List(
        fields.String(), required=True, metadata={"description": "The sources that contribute."}
    )


class ResolvedContact(_Shape):
    """A contact, and whose it is."""

    contact = fields.Raw(required=True, metadata={"type": "object"})
    origin = _text("self, caregiver, zorgverlener, aanbod, vestiging, organisatie or parent.")
    originId = _text(
        "The id of that fiche or part; left out where your selection does not hold it.",
        required=False,
        format="uuid",
    )


class _Reached(_Entity):
    contacts = fields.List(
        fields.Nested(ResolvedContact),
        required=True,
        metadata={
            "description": "Under which it can be reached; where it has none of its own, those of who carries it. Of each kind those of the nearest that has one."
        },
    )


class FoundFiche(_Reached):
    """A fiche that was found."""

    why = fields.List(fields.Nested(Reason), required=True)
    distance = fields.Float(metadata={"description": "Kilometres from the place that was named."})


class FicheCollection(_Collection):
    """A page of fiches."""

    items = fields.List(fields.Nested(FoundFiche), required=True)
    seq = _number("Where the change log stood when paging began: /changes?since= tells what came after.")


class OneFiche(_Reached):
    """One fiche."""

    self = _address("This address.")


class ChangeItem(_Shape):
    """One change of one fiche or part, as you can see it."""

    seq = _number("Its place in the change log.")
    at = _text("When.", format="date-time")
    href = _address("The fiche or part.")
    id = _text("The fiche or part that changed.", format="uuid")
    type = _text("What it is.", enum=list(ENTITY_TYPES))
    fiche = _text("The fiche that it is, or is a part of.", format="uuid")
    operation = _text(
        "What it means to you; `context`: something it points to changed.",
        enum=["create", "update", "delete", "context"],
    )
    origin = _text("The source or connection that caused it.")

    class Meta(_Shape.Meta):
        # `fields` is an attribute of every schema
        include = {  # noqa: RUF012 - marshmallow's own way
            "fields": fields.List(
                fields.String(), required=True, metadata={"description": "The fields that changed."}
            )
        }


class ChangeCollection(_Collection):
    """Changes, in order."""

    items = fields.List(fields.Nested(ChangeItem), required=True)
    since = _number("Ask on from here: /changes?since=", required=False)
    head = _number("The newest seq; when `since` equals it you have them all.", required=False)


class ClaimSource(_Shape):
    """A claim that contributed."""

    source = _text("Name of the source.")
    externalId = _text("What the source calls the fiche.")
    revision = _number("Which revision of the source's.")


class ProvenanceItem(_Shape):
    """Where a field comes from."""

    field = _text("The field.")
    sources = fields.List(fields.Nested(ClaimSource), required=True)


class ProvenanceCollection(_Collection):
    """Where each field comes from."""

    items = fields.List(fields.Nested(ProvenanceItem), required=True)


class Labels(_Shape):
    """A text per language."""

    nl = _text(required=False)
    fr = _text(required=False)
    de = _text(required=False)
    en = _text(required=False)


class SchemeItem(_Shape):
    """A concept scheme."""

    href = _address("Its concepts.")
    code = _text("Its name.")
    title = fields.Nested(Labels, required=True)
    source = _text("Where it comes from.")
    total = _number("How many concepts it has.")


class SchemeCollection(_Collection):
    """All concept schemes."""

    items = fields.List(fields.Nested(SchemeItem), required=True)


class ConceptItem(_Shape):
    """A concept of a scheme."""

    href = _address("The concept.")
    scheme = _text("Its scheme.")
    code = _text("Its code.")
    labels = fields.Nested(Labels, required=True)
    synonyms = fields.List(fields.String())
    broader = _text("The code above it.", required=False)
    regions = fields.List(fields.String())
    validFrom = _text("First day.", required=False, format="date")
    validUntil = _text("Last day.", required=False, format="date")
    official = fields.Boolean(
        required=True, metadata={"description": "False: the label was made up for a demonstration."}
    )


class ConceptCollection(_Collection):
    """Concepts of one scheme."""

    items = fields.List(fields.Nested(ConceptItem), required=True)


class OneConcept(ConceptItem):
    """A concept with its neighbours."""

    self = _address("This address.")
    narrower = fields.List(
        fields.String(), required=True, metadata={"description": "The codes right below it."}
    )
    ancestors = fields.List(
        fields.String(), required=True, metadata={"description": "The codes above it, nearest first."}
    )


class PlaceItem(_Shape):
    """A municipality."""

    href = _address("The municipality.")
    refnis = _text("REFNIS code in use today.")
    name = fields.Nested(Labels, required=True)
    label = _text("How to show it to who typed the text.", required=False)
    postcode = _text("When one postcode was meant.", required=False)
    province = _text("Dutch name; not there for Brussels.", required=False)
    region = _text("", enum=["vlaanderen", "brussel", "wallonie"])
    lat = fields.Float(required=True, metadata={"description": "WGS84 degrees, of its main place."})
    lon = fields.Float(required=True)


class PlaceCollection(_Collection):
    """Municipalities."""

    items = fields.List(fields.Nested(PlaceItem), required=True)


class OnePlace(PlaceItem):
    """A municipality with its postcodes and former codes."""

    self = _address("This address.")
    postcodes = fields.List(fields.String(), required=True)
    predecessors = fields.List(
        fields.String(), required=True, metadata={"description": "Former REFNIS codes that went into it."}
    )


class ConnectionItem(_Shape):
    """How a connection fares."""

    href = _address("The connection.")
    name = _text("Its name.")
    state = _text("", enum=["disabled", "enabled", "paused", "stopped"])
    lastState = _text("How its last run ended.", required=False)
    lastAt = _text("When that began.", required=False, format="date-time")
    nextAt = _text("When it runs again.", required=False, format="date-time")
    behind = _number(
        "Changes that its partner does not have yet; not there when it only pulls.", required=False
    )
    waiting = _number("Deliveries that wait.")
    dead = _number("Deliveries that were given up.")
    reason = _text("How it is, in plain words.")
    runs = _address("Its runs.")


class ConnectionCollection(_Collection):
    """Every connection."""

    items = fields.List(fields.Nested(ConnectionItem), required=True)


class OneConnection(ConnectionItem):
    """One connection."""

    self = _address("This address.")


class RunItem(_Shape):
    """What a run did."""

    number = _number("Its number.")
    connection = _text("Whose run it was.")
    mode = _text("", enum=["full", "incremental", "push", "export"])
    state = _text("", enum=["running", "done", "failed", "stopped"])
    dryRun = fields.Boolean(required=True, metadata={"description": "Everything was undone."})
    resumed = fields.Boolean(
        required=True, metadata={"description": "It went on with a load that was cut off."}
    )
    startedAt = _text("When it began.", format="date-time")
    endedAt = _text("When it ended.", required=False, format="date-time")
    counts = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "Rows, by what became of them."},
    )
    reason = _text("Why it ended so, in plain words.")
    warnings = fields.List(fields.String(), required=True)


class RunCollection(_Collection):
    """Runs, newest first."""

    items = fields.List(fields.Nested(RunItem), required=True)


class StatedValue(_Shape):
    """What one source says."""

    source = _text("The source.")
    externalId = _text("What the source calls the fiche.")
    value = fields.Raw(required=True, allow_none=True)
    receivedAt = _text(
        "When the hub took in what this source says now of the fiche; not there when that was before it kept such moments.",
        required=False,
        format="date-time",
    )


class ConflictItem(_Shape):
    """A field on which equal sources disagree."""

    href = _address("Where it is decided, by POST.")
    fiche = _text("The fiche.", format="uuid")
    kind = _text("The kind of fiche.", enum=list(KINDS))
    field = _text("The field.")
    values = fields.List(
        fields.Nested(StatedValue), required=True, metadata={"description": "The first one stands."}
    )


class ConflictCollection(_Collection):
    """Conflicts, by fiche; `pageSize` counts fiches."""

    items = fields.List(fields.Nested(ConflictItem), required=True)


class Decided(_Shape):
    """A conflict that was settled."""

    fiche = _address("The fiche.")
    field = _text("The field.")
    value = fields.Raw(required=True, allow_none=True)


class DeadLetterItem(_Shape):
    """A delivery that was given up."""

    connection = _text("Whose delivery.")
    entity = _text("What it was about.", format="uuid")
    type = _text("What that is.", enum=list(ENTITY_TYPES))
    attempts = _number("How often it was tried.")
    since = _text("Since when.", format="date-time")
    reason = _text("Why, in plain words.")


class DeadLetterCollection(_Collection):
    """Dead letters, by connection and there oldest first."""

    items = fields.List(fields.Nested(DeadLetterItem), required=True)


class ProposalItem(_Shape):
    """A value that a partner was asked to take over."""

    href = _address("This proposal.")
    connection = _text("Through which connection.")
    entity = _text("What it is about.", format="uuid")
    type = _text("What that is.", enum=list(ENTITY_TYPES))
    field = _text("The partner's field.")
    state = _text("What became of it there.", enum=list(PROPOSAL_STATES))
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
    evidence = fields.Dict(
        required=True,
        metadata={"description": "What the partner was told of where it comes from: fiche, moment, sources."},
    )
    number = _text("The partner's number of it.", required=False)
    since = _text("Since when it stands like that.", required=False, format="date-time")
    reason = _text("Why it was rejected.", required=False)


class OneProposal(ProposalItem):
    """One proposal."""

    self = _address("This page.")


class ProposalCollection(_Collection):
    """Proposals, by connection and entity; `pageSize` counts entities. While there is a `next` there can be more, also behind a short page."""

    items = fields.List(fields.Nested(ProposalItem), required=True)


class Replayed(_Shape):
    """How many will be delivered again."""

    replayed = _number("So many.")


class ReviewedFiche(_Shape):
    """One fiche of a pair."""

    href = _address("The fiche.")
    id = _text("The hub's own id: a UUID.", format="uuid")
    kind = _text("", enum=list(KINDS))
    name = _text("What it is called; empty when it has been removed since.")
    sources = fields.List(fields.String(), required=True, metadata={"description": "The sources that contribute."})


class ReviewItem(_Shape):
    """Two fiches that may be one."""

    href = _address("The pair: read what a join would do, and decide, there.")
    fiche = fields.Nested(ReviewedFiche, required=True, metadata={"description": "The newer one, which goes when they are joined."})
    other = fields.Nested(ReviewedFiche, required=True, metadata={"description": "The older one, which stays."})
    reason = _text("How it came here; `candidate`: they look alike.", enum=["candidate", "key-clash", "decision"])
    why = fields.List(fields.String(), required=True, metadata={"description": "The reasons in plain words."})
    score = fields.Float(required=True, metadata={"description": "How strong the reasons are, from 0 to 1."})
    state = _text("", enum=["open", "same", "different"])
    since = _text("When it came here.", format="date-time")
    by = _text("Who decided.", required=False)
    decidedAt = _text("When.", required=False, format="date-time")


class ReviewCollection(_Collection):
    """Pairs of fiches, oldest first."""

    items = fields.List(fields.Nested(ReviewItem), required=True)


class OneReview(_Shape):
    """What a join of two fiches would do."""

    self = _address("This pair.")
    stays = fields.Nested(ReviewedFiche, required=True, metadata={"description": "The older one."})
    goes = fields.Nested(ReviewedFiche, required=True, metadata={"description": "The newer one, whose id leads to the older one afterwards."})
    heldApartBy = fields.List(fields.String(), required=True, metadata={"description": "The sources that have a claim in both."})
    review = fields.Nested(ReviewItem, metadata={"description": "What the queue holds about them; not there when nobody ever asked."})


class ReviewDecided(_Shape):
    """What was decided about two fiches."""

    fiche = _address("The fiche that stays; of two that are kept apart the older one.")
    other = _address("The other one. After a join it leads to the first.")
    decision = _text("", enum=["same", "different"])


class SplitOff(_Shape):
    """A fiche that was split."""

    fiche = _address("The fiche that was split.")
    split = _address("The fiche that stands beside it now.")


class Health(_Shape):
    """How the hub is."""

    status = _text("", enum=["UP", "DEGRADED", "DOWN"])
