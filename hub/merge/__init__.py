"""Claims in, one fiche out: `merge`, the pure function that everything else rests on, and the plans that it follows."""

from hub.merge.items import item_label
from hub.merge.merging import merge, sole

__all__ = ["item_label", "merge", "sole"]
