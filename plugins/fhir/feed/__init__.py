"""ITI-130 of IHE mCSD: what partners that may send in themselves. https://profiles.ihe.net/ITI/mCSD/ITI-130.html

Judged first (`plugins.fhir.judge`), then translated (pure, the way back of `plugins.fhir.resources`), then said as claims of a source of that
partner's own, with the same authority, locks and checks as any other.
"""
