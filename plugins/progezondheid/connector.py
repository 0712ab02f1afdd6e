"""The connection to ProGezondheid, both ways: pages by cursor, the next ones fetched while the last one is stored; and proposals to the owner."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any, ClassVar, Final

import marshmallow as ma

from hub import (
    Change,
    Claim,
    Context,
    Decision,
    Document,
    Entity,
    EntityType,
    Finished,
    Incoming,
    Misconfigured,
    Partly,
    Proposal,
    Rejected,
    Simulator,
    Sink,
    Source,
    Unreachable,
    Unsent,
    is_uuid,
)
from plugins.progezondheid import proposing
from plugins.progezondheid.client import Client, Foreseeing, Overtaken, ProviderPage
from plugins.progezondheid.drift import drift_in
from plugins.progezondheid.paging import pages_from
from plugins.progezondheid.shaping import State, shape
from plugins.progezondheid.simulator import ProGezondheidSimulator
from plugins.progezondheid.translate import claim_of

SKEW: Final = timedelta(minutes=5)
"""A clock that differs by more than this is worth a warning; nothing hangs on it."""
_NUMBER: Final = re.compile(r"[0-9]{8}")
_MOST_LOOKED_AT: Final = 100
"""So many caregivers are looked at again in one run because something about them was not taken over; of more, the next run from the start brings what stands there."""
_READ_AGAIN: Final = 3
"""So many times a caregiver is read again who changes while we propose."""


class ProGezondheidConfig(ma.Schema):
    """Where the register is and who we are to it."""

    base_url = ma.fields.Url(
        required=True,
        schemes={"http", "https"},
        require_tld=False,
        metadata={"description": "Address above /providers, as the register gave it."},
    )
    token = ma.fields.String(
        required=True,
        validate=ma.validate.Length(1, 4000),
        metadata={"secret": True, "description": "Bearer token."},
    )
    page_size = ma.fields.Integer(
        load_default=250,
        validate=ma.validate.Range(1, 1000),
        metadata={"description": "Caregivers per page; some 1,000 caregivers, or two pages, are in memory at a time."},
    )
    proposals = ma.fields.List(
        ma.fields.String(validate=ma.validate.OneOf(proposing.FIELDS)),
        load_default=list,
        metadata={"description": f"What may be proposed to the register: {', '.join(proposing.FIELDS)}. Empty: only read."},
    )


class ProGezondheid(Source, Sink):
    """Pulls caregivers. The cursor is the register's own: after a page is stored, a later pull goes on from there, also after a kill.

    With `proposals` configured, what other sources know better is proposed to the register, and its decisions are followed up.
    """

    name: ClassVar[str] = "progezondheid"
    title: ClassVar[str] = "ProGezondheid: federaal register van zorgverleners"
    titles: ClassVar[Mapping[str, str]] = {
        "fr": "ProGezondheid : registre fédéral des prestataires de soins",
        "de": "ProGezondheid: föderales Register der Leistungserbringer",
        "en": "ProGezondheid: federal register of caregivers",
    }
    config_schema: ClassVar[type[ma.Schema]] = ProGezondheidConfig
    simulator: ClassVar[type[Simulator] | None] = ProGezondheidSimulator
    entity_types: ClassVar[tuple[EntityType, ...]] = ("zorgverlener", "caregiver")
    # Only caregivers with a visum are in this register, so that somebody is not in it (any more) must not delete a fiche here.
    absence_tells: ClassVar[bool] = False

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        super().__init__(config, context)
        self._not_taken_over: dict[str, None] = {}
        """About whom this run heard that a proposal was rejected, withdrawn or accepted otherwise than it was asked, in that order."""

        self._head = sys.maxsize
        """The hub's newest change when the register was last asked for decisions."""

    @classmethod
    def may_push(cls, config: Mapping[str, Any]) -> bool:
        """See `Sink.may_push`."""
        return bool(config.get("proposals"))

    def check(self) -> None:
        """One caregiver must come, in the shape of the contract; and our proposals, if we make any."""
        self._demand_the_contract(self._client().page(None, 1).items, set())
        if self.may_push(self.config):
            if self.context.level == "internal":
                raise Misconfigured(
                    "This connection's agreement opens internal values, which nobody may propose to others. "
                    "Give the register an agreement at level public or professional, or leave `proposals` empty."
                )
            self._client().proposals(None, 1)

    def pull(self, cursor: str | None) -> Iterator[Incoming | Rejected | Finished]:
        """All caregivers, or those changed since `cursor`. Deleted ones come as `gone`; absence says nothing.

        Also those about whom something was just not taken over, or not as it was asked: their rows did not change, but what of them was ours can be their own by now.
        """
        client, limit = self._client(), self.config["page_size"]
        warnings: set[str] = set()
        last = ""
        with closing(pages_from(client, cursor, limit)) as pages:
            for page in pages:
                self._look_at_clock(page, warnings)
                self._demand_the_contract(page.items, warnings)
                yield from _incoming(page)
                last = page.next_cursor
        if cursor is not None:
            yield from self._look_again(client)
        # Nobody is removed by a complete pull, as `absence_tells` says: whoever really goes comes with the state `deleted`, a claim like any other.
        yield Finished(complete=cursor is None, cursor=last, warnings=tuple(sorted(warnings)))

    def _look_again(self, client: Client) -> Iterator[Incoming | Rejected]:
        for number in list(self._not_taken_over)[:_MOST_LOOKED_AT]:
            found = client.provider(number)
            if found is not None:
                try:
                    yield Incoming(claim_of(found[0]))
                except Rejected as rejected:
                    yield rejected

    # --- out ---------------------------------------------------------------------------------------------------------------------

    def shape(self, entity: Entity) -> State | None:
        """See `Sink.shape`. What a partner above `public` sees may be for colleagues only, so the register is told not to publish it."""
        audience = "public" if self.context.level == "public" else "professionals"
        return shape(entity, self.config["proposals"], audience)

    def push(self, change: Change, desired: State | None, agreed: State | None) -> State | Unsent | Partly | None:
        """Propose what changed; nothing is written over there but by its owner. A caregiver who is not there is left alone.

        A field that the register refuses keeps none of the others from being proposed.
        """
        client, refused = self._client(), list[Rejected]()
        state = self._bring(client, change, desired, agreed, refused)
        if not refused:
            return _outcome(client, state)
        whole = proposing.refusal(refused)
        if state is None or state.get("fields", {}) == (agreed or {}).get("fields", {}):
            raise whole
        return Partly(state, whole)

    def foresee(self, change: Change, desired: State | None, agreed: State | None) -> Mapping[str, tuple[Any, Any]] | Unsent:
        """See `Sink.foresee`. A field goes from what stands in the register to what would be proposed; what would be withdrawn, from what waits to nothing."""
        client = Foreseeing(self.context.http, self.config["base_url"], self.config["token"])
        outcome = _outcome(client, self._bring(client, change, desired, agreed, []))
        if isinstance(outcome, Unsent):
            return outcome
        withdrawn = {
            field: (value, None)
            for field, value in proposing.waiting(agreed or {}).items()
            if None in client.taken_back or field in client.taken_back
        }
        return {**withdrawn, **client.proposed}

    def _bring(self, client: Client, change: Change, desired: State | None, agreed: State | None, refused: list[Rejected]) -> State | None:
        """The state once the register has been told what changed; of whoever is not there it says `absent`, and what had been agreed before.

        What it would not take is put into `refused`; of such a field the state is as it was.
        """
        state = agreed or {}
        if "erased" in state or (desired is not None and state and state["nihdi8"] != desired["nihdi8"]):
            client.withdraw(change.id)  # we no longer know whom it was about, or it is about somebody else now
            state = {}
        number = state["nihdi8"] if desired is None and state else (desired or {}).get("nihdi8")
        if number is None:
            return None
        taken_back: set[str] = set()
        if desired is None and proposing.pending(state):
            client.withdraw(change.id)
            taken_back.update(proposing.waiting(state))
        for field in proposing.pending_outside(state, self.config["proposals"]):
            client.withdraw(change.id, field)
            state = proposing.withdrawn(state, field)
        overtaken: dict[str, int] = {}
        for _ in range(_READ_AGAIN):
            refused.clear()
            found = client.provider(number)
            if found is None:
                return _absent(state, number, desired)
            provider, tag = found
            if provider.get("state") == "withdrawn":  # without a visum nothing is proposed, but what waits must still be said by somebody
                for field in proposing.unsaid(state, desired) if desired is not None else ():
                    client.withdraw(change.id, field)
                    state = proposing.withdrawn(state, field)
                return _absent(state, number, desired)
            practice = (desired or {}).get("practice") or state.get("practice")
            state = {**state, "nihdi8": number, "practice": practice}
            state.pop("absent", None)
            asks = list(proposing.asks(state, desired, provider, change.id, self.config["proposals"]))
            moot = {ask.field for ask in asks if ask.old == ask.new} & proposing.waiting(state).keys() - taken_back
            taken_back |= moot
            if 0 in [client.withdraw(change.id, field) for field in sorted(moot)]:
                continue  # it was decided after we read: what its owner took over stands there by now
            try:
                for ask in asks:
                    try:
                        state = self._propose(client, change, state, desired, ask, tag)
                    except Rejected as refusal:
                        refused.append(refusal)
            except Overtaken as error:
                overtaken[tag] = error.status
                continue
            return state if desired is not None or state.get("fields") else None
        if len(overtaken) == 1:  # nothing changed there: it is the tag that does not come back as it was given, or means nothing to them
            (status,) = overtaken.values()
            raise Unreachable(
                f"The register gives provider {number} with the same ETag each time, and answers {status} to a proposal that names it (If-Match)."
            )
        raise Unreachable(f"Provider {number} changes in the register faster than it can be read.")

    def _propose(self, client: Client, change: Change, state: State, desired: State | None, ask: proposing.Ask, tag: str) -> State:
        """The state once this was asked, where there is anything to ask. Raises what `Client.propose` raises."""
        sources = proposing.sources_of(desired, ask)
        evidence = {"fiche": change.fiche, "changed_at": change.at, "seq": change.seq, "sources": sources}
        answer: Mapping[str, Any] = {}
        if ask.old != ask.new and not ask.asked:
            proposal = proposing.proposed(state, change.id, ask, evidence)
            answer = client.propose(proposal, tag=tag, key=proposing.idempotency_key(state, proposal))
        return proposing.noted(state, ask, answer, evidence)

    def own_word(self, said: Document, stood: Document, state: State) -> Document:
        """See `Sink.own_word`."""
        return proposing.own_word(said, stood, state)

    def read_back(self, state: State) -> Document:
        """Of somebody who was not there we expect nothing, and of one without a visum no more; whoever turns up there has moved, and is proposed to anew."""
        return {"in_scope_of": None} if "absent" in state else {}

    def decisions(self, cursor: str | None) -> Iterator[Decision]:
        """See `Sink.decisions`."""
        if not self.may_push(self.config):
            return
        client, complete = self._client(), False
        while not complete:
            items, following, complete = client.proposals(cursor, self.config["page_size"])
            self._head = self.context.head()
            # What has another reference is no proposal of ours, and no row of theirs may stop the others.
            known = [item for item in items if isinstance(item, dict) and is_uuid(item.get("reference"))]
            for item in known:
                if (item.get("state") in ("rejected", "withdrawn") or proposing.keeps_more(item)) and _NUMBER.fullmatch(str(item.get("nihdi8"))):
                    self._not_taken_over[str(item["nihdi8"])] = None
            for item in known[:-1]:
                yield Decision(item["reference"], item)
            if known:
                yield Decision(known[-1]["reference"], known[-1], following)
            cursor = following

    def decided(self, state: State, said: Mapping[str, Any]) -> State:
        """See `Sink.decided`. Raises `Rejected` for what names a change that the hub had not made when the register was asked: it is no proposal of ours."""
        if proposing.is_ahead(state, said, self._head):
            raise Rejected(
                "The register gives a proposal under our reference that names a change which the hub has not made, so it is not ours.",
                field="evidence.seq",
            )
        return proposing.decided(state, said)

    def unsettled(self, state: State) -> bool:
        """See `Sink.unsettled`."""
        return proposing.unsettled(state)

    def proposals(self, state: State) -> Iterable[Proposal]:
        """See `Sink.proposals`."""
        return proposing.proposals(state)

    def _client(self) -> Client:
        return Client(self.context.http, self.config["base_url"], self.config["token"])

    def _look_at_clock(self, page: ProviderPage, warnings: set[str]) -> None:
        if abs(page.server_time - self.context.now()) > SKEW:
            warnings.add(
                f"The clock of ProGezondheid differs from ours by more than {SKEW.seconds // 60} minutes. "
                "Nothing hangs on it: what is newest is decided by their version numbers."
            )

    def _demand_the_contract(self, items: Sequence[Any], warnings: set[str]) -> None:
        found = drift_in(items)
        if found.missing:
            new = f" New there: {', '.join(found.new)}." if found.new else ""
            raise Misconfigured(
                f"ProGezondheid changed its interface: no caregiver has {', '.join(found.missing)} any more.{new} "
                "Nothing of that page was taken in. Compare with the contract (docs/progezondheid.md), then enable the connection again."
            )
        if found.new:
            warnings.add(f"ProGezondheid sends fields that the contract does not know: {', '.join(found.new)}. They are left aside.")


def _outcome(client: Client, state: State | None) -> State | Unsent | None:
    """The state, as a push answers it: whether anything went out is what the client knows."""
    return state if client.told else Unsent(state, undeliverable=state is not None and "absent" in state)


def _absent(state: State, number: str, desired: State | None) -> State | None:
    """The state about a caregiver who is not there, or has no visum. What was agreed is kept: when the answer was wrong, or he comes back, what stands there of ours is still ours."""
    if desired is None and not state.get("fields"):
        return None
    return {**state, "nihdi8": number, "absent": True}


def _incoming(page: ProviderPage) -> Iterator[Incoming | Rejected]:
    """The page's claims, the last with the cursor; rejected rows first, so that they are recorded before the cursor passes them."""
    claims: list[Claim] = []
    for item in page.items:
        try:
            claims.append(claim_of(item))
        except Rejected as rejected:
            yield rejected
    for claim in claims[:-1]:
        yield Incoming(claim)
    if claims:
        yield Incoming(claims[-1], page.next_cursor)
