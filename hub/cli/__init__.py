"""The command `fichehub`: everything that can be done to an installation, for people and for programs."""

from hub.cli.main import main

__all__ = ["main"]
