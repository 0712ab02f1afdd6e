"""Tables and the only writers: claims in, merged fiches, their index and the change log out."""

from hub.store.store import Snapshot, Store
from hub.store.writer import Counts, Writer

__all__ = ["Counts", "Snapshot", "Store", "Writer"]
