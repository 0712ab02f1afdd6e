"""What is wrong with the fictional world on purpose, and how often.

Real registers are full of these; a world without them would prove nothing. Each constant is the exact chance that its defect is drawn with
(1/65,536 precise), so tests can assert the rates and benchmarks can say what they carry.
"""

from __future__ import annotations

from typing import Final

# Zorgverleners of the directory
NO_CONTACT: Final = 0.35
"""The zorgverlener has no contact at all, while the practice has one: the fallback has to find it."""
HIDDEN_MOBILE: Final = 0.30
"""Of the zorgverleners who have contacts: the mobile number is for colleagues only."""
NOT_PUBLIC: Final = 0.03
"""The zorgverlener does not want to be shown to the public at all."""
NO_RIZIV: Final = 0.08
"""The directory does not know the RIZIV number (the register does)."""
MODULUS_89: Final = 0.10
"""The RIZIV number has check digits by modulus 89 (nurses, midwives and physicians only)."""
INACTIVE_WITH_RIZIV: Final = 0.05
"""The number is still there, the zorgverlener has stopped."""
SECOND_PRACTICE: Final = 0.20
"""Works in a second practice as well, so has at least two practice addresses."""
EMERGENCY_ADDRESS: Final = 0.10
"""Gave an address for emergencies, which is internal."""

# Organisaties and their vestigingen
SCHEMELESS_WEBSITE: Final = 0.20
"""The website was typed without `https://`."""
MISSING_COORDINATES: Final = 0.04
"""Per vestiging: no position."""
OLD_NIS: Final = 0.02
"""Per vestiging outside Brussels: REFNIS code and name of a municipality that has merged since."""
CEASED_KBO: Final = 0.02
"""The enterprise has ceased, its fiche is still there."""
FRENCH_ONLY_NAME: Final = 0.20
"""Per organisatie in Brussels: only a French name is known."""
TWINS_EVERY: Final = 99
"""One organisatie in so many shares enterprise number, establishment number and address with the one before it, and yet is another service.
They must stay two."""
TWIN_OFFSET: Final = 52

# Aanbod
PATIENTENSTOP: Final = 0.20
"""Per aanbod of a practice: something is said about a patientenstop."""
EXPIRED_PATIENTENSTOP: Final = 0.30
"""Of those: what is said has run out."""
WAITING_LIST: Final = 0.15
"""Per aanbod of an organisatie: something is said about a waiting list."""
ONLINE_ONLY: Final = 0.03
"""Per aanbod of an organisatie: online only, at no vestiging."""
SUPERVISED: Final = 0.01
"""Per aanbod of an organisatie: under heightened supervision by government."""
OUTSOURCED: Final = 0.02
"""Per aanbod of an organisatie: another organisation carries it out."""
HEADINGS_OF_CARE: Final = ("10", "13", "14")
SHARE_OF_CARE: Final = 0.275
"""Share of all aanbod under the headings children, handicap and elderly."""

# Across sources
BRUSSELS_EVERY: Final = 13
"""One organisatie of the directory in so many is in Brussels."""
BRUSSELS_OFFSET: Final = 4
ALSO_IN_SOCIAAL_BRUSSELS: Final = 0.30
"""Per Brussels organisatie that is no practice: sociaal.brussels holds it too. As large a part of what sociaal.brussels holds is in the directory."""
RESPELLED_NAME: Final = 0.40
"""Of those: sociaal.brussels spells the name differently."""
OVERLAY_EVERY: Final = 100
"""One overlay item of a local map per so many organisaties (ten at least)."""
OUT_OF_SCOPE: Final = 0.50
"""Of the overlay items: about something that no register would hold, a fiche of the map's own."""
