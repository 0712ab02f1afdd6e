"""Standing questions of partners: who asked to be told of what, the numbered events of each, and telling them.

The source of events is the change log, read from a cursor of each subscription; the cursor and the events commit together. Telling goes on from the
number that the subscriber took last, so a crash repeats at most one notification, under the same idempotency key. There is one row per event and
not, as in the outbox of `hub.sync`, one per entity: the numbers have no gap, and what was told can be asked for again.
"""

from hub.subscribing.generating import generate
from hub.subscribing.notifying import Notifier, purge
from hub.subscribing.of_partner import PartnerSubscriptions
from hub.subscribing.rows import LIMIT, list_all, request_again, switch_off

__all__ = ["LIMIT", "Notifier", "PartnerSubscriptions", "generate", "list_all", "purge", "request_again", "switch_off"]
