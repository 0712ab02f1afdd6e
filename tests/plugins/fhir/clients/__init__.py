"""A scripted client for each EPD package and hub: it speaks HTTP to a base address, knows nothing of what is behind it, and says requirement by requirement what it met.

    python -m tests.plugins.fhir.clients.hix --base-url https://hub.example.org/fhir [--key fh_...]

Each follows the trial profile of docs/fhir-conformance/, which is our assumption of how that package reads a directory until its supplier tells.
"""
