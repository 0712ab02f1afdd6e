"""Calls to partners over HTTP: the `client`, what it may connect to (`guard`), how long it waits (`watch`) and how often it tries (`again`)."""

from hub.outbound.client import MEGABYTE, Answer, Outbound
from hub.outbound.guard import check_address, is_global

__all__ = ["MEGABYTE", "Answer", "Outbound", "check_address", "is_global"]
