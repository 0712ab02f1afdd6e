"""One run of one connection: pull, push or export, with cursors, rows and counts in one transaction."""

from hub.sync.records import RunReport
from hub.sync.run import run

__all__ = ["RunReport", "run"]
