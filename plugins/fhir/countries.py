"""Countries of addresses: in two letters, as BeAddress asks, and how else they are written. https://www.iso.org/iso-3166-country-codes.html"""

from __future__ import annotations

from typing import Final

from hub import fold

_CODES: Final = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM
CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY
HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF
MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE
RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ
VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
ALPHA_2: Final = frozenset(_CODES.split())
"""Every country of ISO 3166-1, in two letters."""
_ALSO: Final = {
    "BE": ("BEL", "België", "Belgique", "Belgien", "Belgium"),
    "NL": ("NLD", "Nederland", "Pays-Bas", "Niederlande", "Netherlands", "The Netherlands"),
    "FR": ("FRA", "Frankrijk", "France", "Frankreich"),
    "DE": ("DEU", "Duitsland", "Allemagne", "Deutschland", "Germany"),
    "LU": ("LUX", "Luxemburg", "Luxembourg"),
    "GB": ("GBR", "UK", "Verenigd Koninkrijk", "Royaume-Uni", "Vereinigtes Königreich", "United Kingdom", "Groot-Brittannië", "Grande-Bretagne", "Großbritannien", "Great Britain"),
}  # fmt: skip
_WRITTEN: Final = {fold(each): code for code, names in _ALSO.items() for each in names}


def country_of(written: str) -> str | None:
    """The country in two letters: `BE` for `be`, `BEL`, `Belgium`, `België `; None for what is none, or is written in a way that is not known here."""
    code = written.strip().upper()
    return code if code in ALPHA_2 else _WRITTEN.get(fold(written))
