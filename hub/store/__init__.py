"""Tables and the only writers: claims in, merged fiches, their index and the change log out."""

from hub.store.pace import Pace, loads_from_here
from hub.store.ready import ReadyClaims, prepare
from hub.store.store import Snapshot, Store
from hub.store.writer import Counts, Writer

__all__ = ["Counts", "Pace", "ReadyClaims", "Snapshot", "Store", "Writer", "loads_from_here", "prepare"]
