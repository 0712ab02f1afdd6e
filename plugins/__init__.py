"""The first-party plugins, each in its own package and each built on the public names of `hub` alone.

The package exists in its own right: without it `plugins/fhir` would stand in the way of the namespace package `fhir` that `fhir.resources` lives in.
"""
