"""Names that nobody has: streets, houses and families are put together from invented pieces. Given names are common ones."""

from __future__ import annotations

from typing import Final

from hub.model.fiche import Text

# (Dutch, French) of what a street is called after, and of its kind.
_STREET_STEMS: Final = (
    ("Fabeldier", "du Griffon"), ("Eenhoorn", "de la Licorne"), ("Draken", "des Dragons"), ("Kabouter", "des Lutins"),
    ("Toverfluit", "de la Flûte Enchantée"), ("Sterrenstof", "de la Poudre d'Étoiles"), ("Wolkenschip", "du Vaisseau des Nuages"),
    ("Maanvis", "du Poisson-Lune"), ("Nevelbeer", "de l'Ours de Brume"), ("Suikerberg", "du Mont de Sucre"),
    ("Reuzenhoed", "du Chapeau de Géant"), ("Spiegelhaas", "du Lièvre au Miroir"), ("Zevenmijl", "des Sept Lieues"),
    ("Glazenmuil", "de la Pantoufle de Verre"), ("Feniks", "du Phénix"), ("Luchtkasteel", "du Château en l'Air"),
    ("Zandman", "du Marchand de Sable"), ("Inktvogel", "de l'Oiseau d'Encre"), ("Papierboot", "du Bateau de Papier"),
    ("Klokkendief", "du Voleur de Cloches"), ("Droomvanger", "de l'Attrape-Rêves"), ("Zonnewagen", "du Char du Soleil"),
    ("Honingdraak", "du Dragon de Miel"), ("Fluisterboom", "de l'Arbre qui Murmure"), ("Kopervos", "du Renard de Cuivre"),
    ("Windmaker", "du Faiseur de Vent"), ("Vuurvlieg", "de la Luciole"), ("Tovenaars", "des Magiciens"),
    ("Zilverdauw", "de la Rosée d'Argent"), ("Raadsel", "de l'Énigme"), ("Sprookjes", "des Contes"), ("Marmerkat", "du Chat de Marbre"),
)  # fmt: skip
_STREET_KINDS: Final = (
    ("straat", "Rue"), ("laan", "Avenue"), ("plein", "Place"), ("dreef", "Drève"), ("weg", "Chemin"), ("kaai", "Quai"),
    ("steeg", "Ruelle"), ("hof", "Clos"),
)  # fmt: skip
STREETS: Final[tuple[Text, ...]] = tuple(
    Text(nl=stem + kind, fr=f"{genre} {complement}") for stem, complement in _STREET_STEMS for kind, genre in _STREET_KINDS
)
STREETS_NL: Final[tuple[Text, ...]] = tuple(Text(nl=street["nl"]) for street in STREETS)
STREETS_FR: Final[tuple[Text, ...]] = tuple(Text(fr=street["fr"]) for street in STREETS)

_HOUSE_THINGS: Final = (
    ("lantaarn", "La Lanterne"), ("brug", "Le Pont"), ("sleutel", "La Clé"), ("toren", "La Tour"), ("ketel", "Le Chaudron"),
    ("vogel", "L'Oiseau"), ("anker", "L'Ancre"), ("wilg", "Le Saule"), ("poort", "La Porte"), ("spiegel", "Le Miroir"),
    ("vlieger", "Le Cerf-Volant"), ("molen", "Le Moulin"), ("wieken", "Les Ailes"), ("kroon", "La Couronne"), ("hoorn", "La Corne"),
    ("mantel", "Le Manteau"), ("oever", "La Rive"), ("schelp", "La Coquille"), ("linde", "Le Tilleul"), ("akker", "Le Champ"),
    ("bron", "La Source"), ("duif", "La Colombe"), ("wagen", "Le Chariot"), ("haven", "Le Port"), ("gaard", "Le Verger"),
    ("klok", "La Cloche"), ("vijver", "L'Étang"), ("trap", "L'Escalier"),
)  # fmt: skip
_HOUSE_QUALITIES: Final = (
    ("Zilver", "d'Argent"), ("Koper", "de Cuivre"), ("Nevel", "de Brume"), ("Sterren", "des Étoiles"), ("Morgen", "du Matin"),
    ("Avond", "du Soir"), ("Maan", "de Lune"), ("Zonne", "du Soleil"), ("Honing", "de Miel"), ("Wolken", "des Nuages"),
    ("Glazen", "de Verre"), ("Wolven", "des Loups"), ("Fluister", "du Murmure"), ("Winter", "d'Hiver"), ("Zomer", "d'Été"),
    ("Tover", "de Magie"), ("Droom", "de Rêve"), ("Vlinder", "des Papillons"), ("Rozen", "des Roses"), ("Kristal", "de Cristal"),
    ("Barnsteen", "d'Ambre"), ("Uilen", "des Hiboux"), ("Sneeuw", "de Neige"), ("Regen", "de Pluie"),
)  # fmt: skip
HOUSES: Final[tuple[tuple[str, str], ...]] = tuple(
    (f"De {quality}{thing}", f"{la_chose} {qualite}") for thing, la_chose in _HOUSE_THINGS for quality, qualite in _HOUSE_QUALITIES
)
"""(Dutch, French) names of houses."""

_FAMILY_PREFIXES: Final = ("", "Van ", "De ", "Van den ", "Ver", "Van der ", "", "Op de ")
_FAMILY_STARTS: Final = (
    "Blom", "Drom", "Fluis", "Glin", "Hazel", "Kwin", "Lamme", "Mork", "Nevel", "Ooster", "Plim", "Quas", "Ravel", "Smaal",
    "Tover", "Uyl", "Vlam", "Wolk", "Zilver", "Zwirl", "Brem", "Crun", "Dolm", "Elst", "Frim", "Grol", "Humm", "Jork",
    "Krim", "Lorm", "Mirt", "Norf",
)  # fmt: skip
_FAMILY_ENDS: Final = (
    "aert", "beke", "borg", "dael", "eels", "fonteyn", "gaarde", "hout", "inckx", "kens", "laere", "maeker", "nest", "oorden",
    "poel", "quist", "roode", "schoen", "stam", "tijn", "uys", "veldt", "wijck", "zand", "erinck", "ooghe", "akker", "immel",
    "ynck", "orst", "ebrand", "aaghe",
)  # fmt: skip
FAMILIES: Final[tuple[str, ...]] = tuple(
    prefix + (start.lower() if prefix == "Ver" else start) + end for start in _FAMILY_STARTS for end in _FAMILY_ENDS for prefix in _FAMILY_PREFIXES
)
"""8,192 family names."""

WOMEN: Final = (
    "Emma", "Noor", "Louise", "Lotte", "Ella", "Marie", "Anna", "Julie", "Fien", "Hanne", "Sofie", "Katrien", "An", "Els", "Leen",
    "Fatima", "Aïcha", "Yasmina", "Camille", "Élise", "Chloé", "Inès", "Ingrid", "Greet", "Renée", "Zoë", "Nele", "Sarah", "Ines",
    "Hilde", "Mieke", "Amina",
)  # fmt: skip
MEN: Final = (
    "Noah", "Arthur", "Louis", "Lucas", "Adam", "Jules", "Victor", "Mathis", "Jan", "Pieter", "Bram", "Wout", "Koen", "Dirk", "Luc",
    "Marc", "Mohamed", "Youssef", "Karim", "Étienne", "François", "Benoît", "Joris", "Stijn", "Tom", "Kobe", "Senne", "Geert", "Björn",
    "Rik", "Ilyas", "Wim",
)  # fmt: skip

DESCRIPTIONS: Final[tuple[tuple[str, str], ...]] = (
    (
        (
            "{name} biedt hulp en ondersteuning op maat. Een vast team bespreekt met u wat nodig is, maakt een plan en volgt dat samen met u "
            "op. U kunt zelf contact opnemen; een verwijzing is niet nodig. De eerste gesprekken zijn kosteloos."
        ),
        (
            "{name} propose une aide et un soutien sur mesure. Une équipe fixe discute avec vous de vos besoins, établit un plan et le suit "
            "avec vous. Vous pouvez prendre contact vous-même, sans être envoyé par un professionnel."
        ),
    ),
    (
        (
            "Bij {name} staat de vraag van de gebruiker voorop. Wij werken samen met huisartsen, thuiszorg en het lokale bestuur uit de buurt. "
            "Bezoekers zijn welkom tijdens de openingsuren, voor een langer gesprek maakt u een afspraak."
        ),
        (
            "Chez {name}, la demande de l'usager passe en premier. Nous travaillons avec les médecins, l'aide à domicile et la commune. Les "
            "visiteurs sont bienvenus aux heures d'ouverture; pour un entretien, prenez rendez-vous."
        ),
    ),
    (
        (
            "{name} richt zich op wie tijdelijk of langer zorg nodig heeft, en op de mensen errond. Naast persoonlijke begeleiding zijn er "
            "groepsmomenten, vorming en een rustige ontmoetingsruimte. Het gebouw is toegankelijk met een rolstoel."
        ),
        (
            "{name} s'adresse à qui a besoin de soins, pour un temps ou plus longtemps, et à son entourage. Outre un accompagnement "
            "personnel, il y a des moments de groupe, des formations et un lieu de rencontre. Accessible en fauteuil roulant."
        ),
    ),
    (
        (
            "Het aanbod van {name} omvat een kennismaking, een grondige bevraging, begeleiding thuis of ter plaatse en nazorg. Na elke stap "
            "kijkt u samen met een medewerker terug. Tolken zijn op aanvraag beschikbaar."
        ),
        (
            "L'offre de {name} comprend une prise de contact, un bilan approfondi, un accompagnement à domicile ou sur place et un suivi. "
            "Après chaque étape, vous faites le point avec un collaborateur. Interprètes sur demande."
        ),
    ),
)
"""(Dutch, French) texts about an organisation or offer, with room for its name."""
