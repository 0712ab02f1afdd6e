"""De Sociale Kaart keeps the contract that the hub relies on in every source."""

from __future__ import annotations

from typing import Any

from hub.demo import World
from hub.testing.contracts import SourceContract
from plugins.sociale_kaart.connector import SocialeKaart
from plugins.sociale_kaart.simulator import SocialeKaartSimulator


class TestSocialeKaart(SourceContract):
    connector = SocialeKaart

    def simulator(self) -> SocialeKaartSimulator:
        return SocialeKaartSimulator(World(size="S"), organisations=12)

    def config(self, url: str) -> dict[str, Any]:
        return {"base_url": f"{url}/api", "pace": 0, "page_size": 10}
