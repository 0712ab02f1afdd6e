"""Topic-based subscriptions: the R5 backport in its R4 form, by rest-hook. http://hl7.org/fhir/uv/subscriptions-backport

The hub keeps the subscriptions, reads its change log for them and calls the receivers; this room speaks FHIR: it reads a Subscription into
queries, and writes what is told as Bundles.
"""
