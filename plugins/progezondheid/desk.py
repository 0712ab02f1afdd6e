"""The desk of the simulated register: proposals come in, wait, and are decided; each change of state is an event for whoever made them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from plugins.progezondheid.contract import judge
from plugins.progezondheid.entries import text_of
from plugins.progezondheid.register import Register

Proposal = dict[str, Any]
Verdict = Literal["accepted", "rejected", "withdrawn"]
OF_PRACTICE: Final = ("consultation_hours", "patient_stop")
SHAPES: Final = {
    "practice_addresses": "PracticeAddresses",
    "contacts": "Contacts",
    "languages": "Languages",
    "consultation_hours": "ConsultationHours",
    "patient_stop": "PatientStop",
}
"""What can be proposed, and the shape of its values in the contract."""
NEEDED: Final = ("reference", "nihdi8", "field", "old", "new", "evidence")


class Refused(Exception):
    """The desk does not take this: an HTTP status with its phrase, and why."""

    def __init__(self, status: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass
class Desk:
    """Proposals to one register. Safe for threads."""

    register: Register
    proposals: dict[str, Proposal] = field(default_factory=dict)
    events: list[Proposal] = field(default_factory=list)
    _keys: dict[str, tuple[Any, str]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def find_again(self, key: str, asked: Any) -> Proposal | None:
        """The proposal that was made under this idempotency key. Raises `Refused` when it was another one."""
        with self._lock:
            if key not in self._keys:
                return None
            before, number = self._keys[key]
            if before != asked:
                raise Refused("409 Conflict", "This Idempotency-Key was used for another proposal.")
            return self.proposals[number]

    def take(self, key: str, asked: Any, at: datetime) -> Proposal:
        """A new proposal, pending; an older one of the same reference and field gives way. Raises `Refused` for one that cannot be."""
        _judge(asked)
        with self._lock:
            self.withdraw(asked["reference"], asked["field"], at)
            number = f"p{len(self.proposals) + 1:08d}"
            proposal = {"id": number, **asked, "state": "pending", "reason": None, "created_at": text_of(at), "decided_at": None}
            self.proposals[number] = proposal
            self._keys[key] = (asked, number)
            self.events.append(proposal)
            return proposal

    def decide(self, number: str, verdict: Verdict, at: datetime, reason: str | None = None, value: Any = None) -> Proposal:
        """Accept, reject or withdraw what is pending; the answer is how the proposal stands then. Raises KeyError for an unknown one.

        `value`: what the owner writes there as he accepts, instead of just what was asked. What changed in the register since it was proposed cannot be accepted any more: that is a conflict, and rejected as such.
        """
        with self._lock:
            before = self.proposals[number]
            if before["state"] != "pending":
                return before
            after = {**before, "state": verdict, "reason": reason, "decided_at": text_of(at)}
            if verdict == "accepted":
                if self._standing(before) != before["old"]:
                    after |= {"state": "rejected", "conflict": True, "reason": "The value changed in the register since this was proposed."}
                else:
                    after["value"] = self._write(before if value is None else {**before, "new": value}, at)
            self.proposals[number] = after
            self.events.append(after)
            return after

    def decide_all(self, verdict: Verdict, at: datetime, reason: str | None = None) -> None:
        """Decide everything that is pending."""
        with self._lock:
            for number in [one["id"] for one in self.proposals.values() if one["state"] == "pending"]:
                self.decide(number, verdict, at, reason)

    def withdraw(self, reference: str, field: str | None, at: datetime) -> int:
        """Withdraw what is pending under a reference; the answer is how many there were."""
        with self._lock:
            found = [
                one["id"]
                for one in self.proposals.values()
                if one["state"] == "pending" and one["reference"] == reference and field in (None, one["field"])
            ]
            for number in found:
                self.decide(number, "withdrawn", at)
            return len(found)

    def earlier(self, proposal: Proposal) -> Proposal | None:
        """The state before this one, if there was another."""
        with self._lock:
            return next((one for one in self.events if one["id"] == proposal["id"] and one is not proposal), None)

    def _standing(self, proposal: Proposal) -> Any:
        provider = self.register.find(proposal["nihdi8"]) or {}
        name = proposal["field"]
        if name == "practice_addresses":
            return [address for address in provider.get("addresses", ()) if address["type"] == "practice"]
        if name in OF_PRACTICE:
            return next((one.get(name) for one in provider.get("practices", ()) if one["key"] == proposal["reference"]), None)
        return provider.get(name)

    def _write(self, proposal: Proposal, at: datetime) -> Any:
        """Take the value over, in the register's own spelling; the answer is what stands there now."""
        provider = self.register.find(proposal["nihdi8"]) or {}
        name, new = proposal["field"], proposal["new"]
        if name == "practice_addresses":
            others = [address for address in provider["addresses"] if address["type"] != "practice"]
            written = {"addresses": [*new, *others]}
        elif name in OF_PRACTICE:
            key = proposal["reference"]
            others = [one for one in provider["practices"] if one["key"] != key]
            mine = next((one for one in provider["practices"] if one["key"] == key), {**dict.fromkeys(OF_PRACTICE), "key": key})
            told = {part: (proposal.get("practice") or {}).get(part) for part in ("name", "address")}
            written = {"practices": [*others, {**mine, **told, name: new}]}
        elif name == "contacts":
            new = [{**contact, "value": _spelt(contact)} for contact in new]
            written = {"contacts": new}
        else:
            written = {name: new}
        self.register.edit(proposal["nihdi8"], at, **written)
        return new


def _judge(asked: Any) -> None:
    """Whether this can be a proposal at all."""
    if not isinstance(asked, dict):
        raise Refused("400 Bad Request", "A proposal is a JSON object.")
    missing = [name for name in NEEDED if name not in asked]
    if missing:
        raise Refused("400 Bad Request", f"A proposal needs {', '.join(missing)}.")
    unknown = sorted(set(asked) - {*NEEDED, "practice"})
    if unknown:
        raise Refused("400 Bad Request", f"A proposal has no {unknown[0][:40]!r}.")
    name = asked["field"]
    if not isinstance(name, str) or name not in SHAPES:
        raise Refused("422 Unprocessable Content", f"{str(name)[:40]!r} is the register's own; it cannot be proposed.")
    for value in (asked["old"], asked["new"]):
        if not (judge(SHAPES[name]).is_valid(value) or (value is None and name in OF_PRACTICE)):
            raise Refused("422 Unprocessable Content", f"This is no value of {name} ({SHAPES[name]} in the contract).")
    if not judge("NewProposal").is_valid(asked):  # of which the values have been looked at
        raise Refused("400 Bad Request", "The proposal is not as the contract says: its reference, nihdi8, practice or evidence.")


def _spelt(contact: dict[str, Any]) -> str:
    """A telephone number as the register writes it."""
    value = str(contact["value"])
    return f"0{value[3:]}" if contact["kind"] in ("phone", "mobile", "fax") and value.startswith("+32") else value
