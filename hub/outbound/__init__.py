"""Calls to partners over HTTP: the `client`, what it may connect to (`guard`), how long it waits (`deadline`) and how often it tries (`retrying`); the
`installation` says how strict they are."""

from hub.outbound.client import MEGABYTE, Answer, Outbound
from hub.outbound.guard import check_address, is_global
from hub.outbound.installation import ALLOW_PRIVATE, allows_private, open_outbound

__all__ = ["ALLOW_PRIVATE", "MEGABYTE", "Answer", "Outbound", "allows_private", "check_address", "is_global", "open_outbound"]
