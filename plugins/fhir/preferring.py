"""What a client says in the header Prefer about how it wants to be answered. https://hl7.org/fhir/R4/search.html#errors"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import flask

from hub import FieldError, Invalid

FORM: Final = ("_format", "_pretty")
"""The parameters that every address takes."""
PARTS: Final = (*FORM, "_summary", "_elements")
"""Those of a read that can show a part."""
ONCE: Final = "this can be given once only."
_HANDLING: Final = re.compile(r"""(?:^|[,;])\s*handling\s*=\s*"?(\w+)"?""", re.IGNORECASE)
"""The preference in a header, of which the first counts. https://www.rfc-editor.org/rfc/rfc7240"""
_RETURN: Final = re.compile(r"""(?:^|[,;])\s*return\s*=\s*"?(\w+)"?""", re.IGNORECASE)


def is_strict() -> bool:
    """Whether the current request wants an error for what is not understood, and not a warning."""
    preferred = flask.request.headers.get("Prefer", "")
    return bool(preferred) and "strict" in map(str.lower, _HANDLING.findall(preferred)[:1])


def wanted_in_return() -> str:
    """What the current request wants back of what it writes, in lower case: `minimal`, `operationoutcome`, or anything else for the resource as it stands."""
    said = _RETURN.search(flask.request.headers.get("Prefer", ""))
    return said[1].lower() if said else "representation"


def refuse_unknown(takes: Sequence[str]) -> None:
    """Raise `Invalid` for every parameter of the current request that is not among these, and for a second form, if it wants that; the answer has no room for
    a warning."""
    if not is_strict():
        return
    for name in FORM:
        if len(given := flask.request.args.getlist(name)) > 1:
            raise Invalid(f"{name}: {ONCE}", (FieldError(name, ONCE, given[1][:100]),))
    reason = f"this address does not take it; it takes {', '.join(takes)}."
    unknown = [(name, value) for name, value in flask.request.args.items(multi=True) if name not in takes]
    if unknown:
        errors = tuple(FieldError(name[:80], reason, value[:100]) for name, value in unknown[:20])
        raise Invalid(f"{errors[0].path}: {reason}", errors)
