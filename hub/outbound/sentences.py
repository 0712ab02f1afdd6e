"""What a call to a partner may end in, in words; `hub.web.reasons` has the same in other languages."""

from __future__ import annotations

from typing import Final

from hub.errors import Sentence

NOT_JSON: Final = Sentence("{address} answered {status} with {size} bytes ({why}) that are not JSON.")
REDIRECTED: Final = Sentence(
    "{address} answered {status}, a redirect; redirects are not followed. Ask the partner for the right address and configure that."
)
REFUSED: Final = Sentence("{address} refused our credentials ({status}).")
ANSWERED: Final = Sentence("{address} answered {status}.")
ASKS_TO_WAIT: Final = Sentence("{address} answered {status} and asks to wait {seconds} seconds.")
ASKS_TO_WAIT_UNTIL: Final = Sentence("{address} answered {status} and asks to wait until {moment}.")
TOO_LARGE: Final = Sentence("{address} sends more than {size} bytes in one answer, which is more than we take in.")
BROKE_OFF_BEFORE: Final = Sentence("{address} broke off before its answer began.")
NOT_IN_FULL: Final = Sentence("{address} did not answer in full within {seconds} seconds.")
UNKNOWN_HOST: Final = Sentence("{address}: the name of the host is not known here ({why}).")
NO_CONNECTION: Final = Sentence("{address} cannot be connected to.")
NO_TRUST: Final = Sentence("{address} has no certificate that we can trust, or speaks TLS in a way that we do not.")
NOT_UNPACKED: Final = Sentence("{address} sent a body that cannot be unpacked.")
NO_ANSWER: Final = Sentence("{address} did not answer within {seconds} seconds.")
BROKE_OFF: Final = Sentence("{address} broke off in the middle of its answer.")
CLOSED: Final = Sentence("{address} closed the connection without a full answer.")
