"""Names of municipalities in sentences."""

from __future__ import annotations

import pytest

from hub.places import places
from plugins.widget.towns import in_sentence, sentence
from plugins.widget.wording import WORDING


@pytest.mark.parametrize(
    ("name", "of", "at"),
    [
        ("Gand", "de Gand", "à Gand"),
        ("Ypres", "d’Ypres", "à Ypres"),
        ("Yvoir", "d’Yvoir", "à Yvoir"),
        ("Écaussinnes", "d’Écaussinnes", "à Écaussinnes"),
        ("Ottignies-Louvain-la-Neuve", "d’Ottignies-Louvain-la-Neuve", "à Ottignies-Louvain-la-Neuve"),
        ("Hastière", "d’Hastière", "à Hastière"),
        ("Huy", "de Huy", "à Huy"),
        ("Hal", "de Hal", "à Hal"),
        ("Le Roeulx", "du Roeulx", "au Roeulx"),
        ("Les Bons Villers", "des Bons Villers", "aux Bons Villers"),
        ("La Louvière", "de La Louvière", "à La Louvière"),
        ("De Haan", "de De Haan", "à De Haan"),
        ("Lessines", "de Lessines", "à Lessines"),
    ],
)
def test_french_runs_a_name_together_with_what_comes_before(name: str, of: str, at: str) -> None:
    assert in_sentence(name, "fr") == {"town": name, "of_town": of, "at_town": at}


def test_every_french_name_stands_in_a_sentence_as_french_has_it() -> None:
    names = {place.name.get("fr", place.name_nl) for place in places()}
    said = {name: in_sentence(name, "fr") for name in names}
    assert {name for name in names if said[name]["of_town"].startswith(("du ", "des "))} == {"Le Roeulx", "Les Bons Villers"}
    assert {name for name in names if said[name]["of_town"].startswith("d’") and name[0] in "HY"} == {
        "Hastière",
        "Herbeumont",
        "Hélécine",
        "Ypres",
        "Yvoir",
    }
    for name in names - {"Le Roeulx", "Les Bons Villers"}:
        assert said[name]["of_town"] == (
            f"d’{name}" if name[0] in "AEIOUÀÂÉÈÊÎÔY" or name in ("Hastière", "Herbeumont", "Hélécine") else f"de {name}"
        )
        assert said[name]["at_town"] == f"à {name}"


@pytest.mark.parametrize(
    ("language", "key", "name", "said"),
    [
        ("fr", "tier_local", "Le Roeulx", "Au Roeulx"),
        ("fr", "tier_near", "Ypres", "Près d’Ypres"),
        ("fr", "why_distance", "Le Roeulx", "À 24,7 km du Roeulx"),
        ("fr", "why_rest", "Anvers", "En dehors d’Anvers"),
        ("nl", "why_distance", "Ieper", "Op 24,7 km van Ieper"),
        ("de", "why_distance", "Ypern", "24,7 km von Ypern entfernt"),
        ("en", "tier_near", "Ypres", "Near Ypres"),
    ],
)
def test_a_sentence_about_a_town(language: str, key: str, name: str, said: str) -> None:
    values = {"km": "24,7"} if "{km}" in WORDING[language][key] else {}
    assert sentence(WORDING[language][key], name, language, **values) == said
