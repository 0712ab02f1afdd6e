"""How the hub is."""

from __future__ import annotations

from hub.web.api.shapes.forms import Shape, text


class Health(Shape):
    """How the hub is."""

    status = text("", enum=["UP", "DEGRADED", "DOWN"])
