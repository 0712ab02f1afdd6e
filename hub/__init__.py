"""What a plugin may import from the hub, and nothing below it."""

__version__ = "0.1.0"
