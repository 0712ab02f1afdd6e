"""Reasons as a reader of the start page meets them: the hub's own sentences in the reader's language, all others as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from flask_babel import get_locale
from flask_babel import lazy_gettext as _

from hub.errors import Sentence
from hub.outbound import sentences as calls
from hub.sync import connections, faults, overdue, records, stops

_IN_DUTCH: Final[tuple[tuple[Sentence, str], ...]] = (
    (connections.PAUSED, _("gepauzeerd door een beheerder")),
    (stops.REASON, _("Gestopt: {why}")),
    (stops.BY_SOMEBODY, _("door een beheerder")),
    (stops.UNSAID, _("zonder opgave van reden")),
    (stops.PROCESS_ENDED, _("Het proces waarin hij liep, is gestopt; de volgende run gaat voort waar deze gebleven was.")),
    (stops.CUT_SHORT, _("De run werd vroegtijdig beëindigd ({why}); de volgende gaat voort waar deze gebleven was.")),
    (stops.CONFIGURED, _("de configuratie werd intussen gewijzigd")),
    (records.CUT_OFF, _("De run werd afgebroken; de volgende gaat voort waar deze gebleven was.")),
    (overdue.NO_WORKER, _("Er is geen worker aan het werk, dus loopt deze verbinding niet vanzelf. Een beheerder start er een met: fichehub work")),
    (
        overdue.OVERDUE,
        _("Een run had moeten beginnen op {due} en is niet begonnen, hoewel er een worker aan het werk is; het logboek van de worker zegt waarom."),
    ),
    (
        overdue.OVERDUE_ALONE,
        _("Een run had moeten beginnen op {due}, maar er is geen worker aan het werk. Een beheerder start er een met: fichehub work"),
    ),
    (
        faults.EXPORT_DISK_FULL,
        _("De schijf is vol; de export kon niet geschreven worden, en wat er eerder stond, staat er nog. Maak plaats; het wordt opnieuw geprobeerd."),
    ),
    (
        faults.AWAY,
        _(
            "De database antwoordde niet, of brak de sessie midden in het werk af. Wat eerder geschreven is, staat er. Blijft dit zo: ga na of de databaseserver draait en schrijven toelaat."
        ),
    ),
    (
        faults.BUSY,
        _(
            "De database had het te druk: iets anders hield haar te lang bezet. Wat eerder geschreven is, staat er. Komt dit terug: zoek wat er nog naar schrijft, zoals een back-up."
        ),
    ),
    (
        faults.CLOSED,
        _(
            "De database kan niet meer gelezen of geschreven worden ({why}). Wat eerder geschreven is, staat er. Geef deze gebruiker het recht op haar bestand en map, en ga na of haar schijf gezond is en plaats heeft."
        ),
    ),
    (
        faults.DISK_FULL,
        _("Een schijf is vol: die van de database of die van tijdelijke bestanden. Wat eerder geschreven is, staat er. Maak er plaats."),
    ),
    (faults.NOT_WRITTEN, _("De export kon niet geschreven worden, en wat er eerder stond, staat er nog ({why}). Het wordt opnieuw geprobeerd.")),
    (calls.NOT_JSON, _("{address} antwoordde {status} met {size} bytes ({why}) die geen JSON zijn.")),
    (
        calls.REDIRECTED,
        _("{address} antwoordde {status} en verwijst door; dat volgen we niet. Vraag de partner het juiste adres en stel dat in."),
    ),
    (calls.REFUSED, _("{address} weigert onze toegangsgegevens ({status}).")),
    (calls.ANSWERED, _("{address} antwoordde {status}.")),
    (calls.ASKS_TO_WAIT, _("{address} antwoordde {status} en vraagt om {seconds} seconden te wachten.")),
    (calls.ASKS_TO_WAIT_UNTIL, _("{address} antwoordde {status} en vraagt om te wachten tot {moment}.")),
    (calls.TOO_LARGE, _("{address} stuurt meer dan {size} bytes in één antwoord, meer dan we aannemen.")),
    (calls.BROKE_OFF_BEFORE, _("{address} brak af voor het antwoord begon.")),
    (calls.NOT_IN_FULL, _("{address} antwoordde niet volledig binnen {seconds} seconden.")),
    (calls.UNKNOWN_HOST, _("{address}: de naam van deze server is hier niet bekend ({why}).")),
    (calls.NO_CONNECTION, _("Met {address} kan geen verbinding gemaakt worden.")),
    (calls.NO_TRUST, _("{address} heeft geen certificaat dat we kunnen vertrouwen, of spreekt TLS op een andere manier dan wij.")),
    (calls.NOT_UNPACKED, _("{address} stuurde een antwoord dat niet uitgepakt kan worden.")),
    (calls.NO_ANSWER, _("{address} antwoordde niet binnen {seconds} seconden.")),
    (calls.BROKE_OFF, _("{address} brak af midden in het antwoord.")),
    (calls.CLOSED, _("{address} sloot de verbinding zonder een volledig antwoord.")),
)


_ADDRESS: Final = re.compile(r"(?:\b\w+://|\b[a-z][\w.-]*:(?=\d{2,5}\b)|\b\d+(?:\.\d+){3}\b)(?:\S*[^\s.,:;)'\"])?", re.IGNORECASE)
"""Of a page, of a host with its port, or of a machine by its number."""


@dataclass(frozen=True, slots=True)
class Told:
    """A reason, and the language that it is in where that is not the page's; "" where it is, or where somebody wrote it in a language of his own."""

    text: str
    language: str


def told(reason: str, *, by_the_hub: bool, addresses: bool) -> Told:
    """The reason for the reader of this page. `by_the_hub`: it was not written by an administrator, so what cannot be translated is English.

    `addresses`: the reader may know where partners live, which is often within a network of their own; all others read that one was called.
    """
    if not addresses:
        reason = _ADDRESS.sub(str(_("[adres]")), reason)
    found = _translated(reason)
    if found is not None:
        return Told(found, "")
    return Told(reason, "en" if reason and by_the_hub and str(get_locale()) != "en" else "")


def sentences() -> Iterator[Sentence]:
    """Those that are told in the reader's language."""
    for sentence, _dutch in _IN_DUTCH:
        yield sentence


def _translated(reason: str) -> str | None:
    for sentence, dutch in _IN_DUTCH:
        places = sentence.places_in(reason)
        if places is not None:
            return str(dutch).format(**{name: _translated(value) or value for name, value in places.items()})
    return None
