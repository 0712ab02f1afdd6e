"""The suite that tells of any address whether it keeps the contract: `python -m plugins.progezondheid.conformance --help`."""

from __future__ import annotations

from plugins.progezondheid.conformance import proposing, reading
from plugins.progezondheid.conformance.asking import REQUIREMENTS, Asking, Exchange, Unreached, Verdict, run

__all__ = ["REQUIREMENTS", "Asking", "Exchange", "Unreached", "Verdict", "proposing", "reading", "run"]
