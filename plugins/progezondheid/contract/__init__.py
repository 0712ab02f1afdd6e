"""The contract of the interface, as files that a partner can read: `openapi.yaml`."""
