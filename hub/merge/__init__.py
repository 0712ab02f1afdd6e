"""Claims in, one fiche out: `merge`, the pure function that everything else rests on, and the plans that it follows."""

from typing import Final

from hub.merge.items import item_label
from hub.merge.merging import merge, sole
from hub.merge.voices import voices

__all__ = ["FORM", "FORM_COUNTER", "item_label", "merge", "sole", "voices"]

FORM: Final = 2
"""The form of what claims come to. One more when the same claims come to give other content: by `merge`, by the one form of numbers and contacts
(`hub.model.canonical`), or by the municipalities of today. Databases then merge all that they hold anew (`hub.store.index_anew`)."""
FORM_COUNTER: Final = "merge"
"""Where a database notes the form of its fiches. Those of before there were forms note nothing."""
