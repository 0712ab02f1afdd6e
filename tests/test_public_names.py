"""`hub.__all__` is a promise to plugins: sorted, complete, and changed only on purpose."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import hub

PINNED = """
BELGIUM FIELD_OF_PART LANGUAGES PARTS QUERY_LIMITS Aanbodfiche Access Activity Address Area AuthFailed Capacity Caregiver Change
ChangePage Claim Code Concept ConceptBook ConceptScheme Connector Contact Context Criterion CursorExpired CursorGone Decision
Desk Directory Document ElectronicAddress Endpoint Entity EntityType Export Feed Fiche FichehubError FieldError Finished
Forbidden Gone GovInfo Grant Hit Hours Http Identifier Incoming Invalid InvalidIdentifier Kind Known Language Linked Locked
Mapping MatchCandidate Membership Misconfigured Moved Municipality Name Near NoConfig NotFound Notification Organisatiefiche
Outranked Page PartRef Partly Period PersonName Places Position Proposal Query Recognition Ref Rejected RequestError
ResolvedContact Response Said Sent Simulator Sink Source StoreBusy Subscription SubscriptionEvent SubscriptionWish Subscriptions
Tag Text UnknownPlace Unreachable Unsent Vestiging Visibility Volatile WaitingList World Zorgverlenersfiche address_of any_of
authorization_metadata cancel directory display_identifier distance_km feed fold general_contacts has_ended hookimpl
house_number is_cancelled is_uuid let_stand main_name name_in narrowed nearest_contact normalise_email normalise_identifier
normalise_phone normalise_website number_and_box open_to_all person_name phone_kind query_of read_json record_access refusals require_partner
resolve_contacts rubriek_from_label said_in served_when_closed source_title store_is_away street_in subscriptions to_millisecond
to_second town_in while_away words write_json
"""


def test_the_public_names_are_those_that_were_promised() -> None:
    """A name that is new goes here and into docs/plugins.md; one that is gone breaks somebody's plugin."""
    assert hub.__all__ == PINNED.split()


def test_they_are_sorted_and_there() -> None:
    in_order = sorted(set(hub.__all__), key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert hub.__all__ == in_order, "constants, classes, functions"
    assert [name for name in hub.__all__ if not hasattr(hub, name)] == []


def test_nothing_else_looks_public() -> None:
    names = {name for name, value in vars(hub).items() if not name.startswith("_") and not isinstance(value, ModuleType)}
    assert names - set(hub.__all__) == set()


def test_importing_it_leaves_out_what_only_some_need() -> None:
    """The command line waits for every import; these are for tests, servers, workers and PostgreSQL alone."""
    heavy = {"fhir", "granian", "apscheduler", "psycopg", "xlsxwriter", "hypothesis", "pytest", "flask_smorest", "hub.testing.contracts"}
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, hub; print(sorted({heavy!r} & set(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
