"""Pairs of fiches that may be one."""

from __future__ import annotations

from marshmallow import fields

from hub.model.fiche import KINDS
from hub.web.api.shapes.forms import Collection, Shape, address, text


class ReviewedFiche(Shape):
    """One fiche of a pair."""

    href = address("The fiche.")
    id = text("The hub's own id: a UUID.", format="uuid")
    kind = text("", enum=list(KINDS))
    name = text("What it is called; empty when it has been removed since.")
    sources = fields.List(fields.String(), required=True, metadata={"description": "The sources that contribute."})


class ReviewItem(Shape):
    """Two fiches that may be one."""

    href = address("The pair: read what a join would do, and decide, there.")
    fiche = fields.Nested(ReviewedFiche, required=True, metadata={"description": "The newer one, which goes when they are joined."})
    other = fields.Nested(ReviewedFiche, required=True, metadata={"description": "The older one, which stays."})
    reason = text("How it came here; `candidate`: they look alike.", enum=["candidate", "key-clash", "decision"])
    why = fields.List(fields.String(), required=True, metadata={"description": "The reasons in plain words."})
    score = fields.Float(required=True, metadata={"description": "How strong the reasons are, from 0 to 1."})
    state = text("", enum=["open", "same", "different"])
    since = text("When it came here.", format="date-time")
    by = text("Who decided.", required=False)
    decidedAt = text("When.", required=False, format="date-time")


class ReviewCollection(Collection):
    """Pairs of fiches, oldest first."""

    items = fields.List(fields.Nested(ReviewItem), required=True)


class OneReview(Shape):
    """What a join of two fiches would do."""

    self = address("This pair.")
    stays = fields.Nested(ReviewedFiche, required=True, metadata={"description": "The older one."})
    goes = fields.Nested(ReviewedFiche, required=True, metadata={"description": "The newer one, whose id leads to the older one afterwards."})
    heldApartBy = fields.List(fields.String(), required=True, metadata={"description": "The sources that have a claim in both."})
    review = fields.Nested(ReviewItem, metadata={"description": "What the queue holds about them; not there when nobody ever asked."})


class ReviewDecided(Shape):
    """What was decided about two fiches."""

    fiche = address("The fiche that stays; of two that are kept apart the older one.")
    other = address("The other one. After a join it leads to the first.")
    decision = text("", enum=["same", "different"])


class ClaimThatLeft(Shape):
    """What one source, editor or partner says about a fiche."""

    source = text("Who says it; an editor's decisions are those of `editor`.")
    externalId = text("What the source calls the fiche.")


class SplitOff(Shape):
    """A fiche that was split."""

    fiche = address("The fiche that was split.")
    split = address("The fiche that stands beside it now.")
    claims = fields.List(
        fields.Nested(ClaimThatLeft),
        required=True,
        metadata={
            "description": "What left: what was named, and what is said about it: an editor's decisions, and what partners say for themselves."
        },
    )
