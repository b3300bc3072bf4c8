"""Cities as people type them, found in a gazetteer with a confidence; the text typed is kept beside what was found."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache

import msgspec
from anyascii import anyascii
from rapidfuzz.distance import OSA

from butfor.clean.verdict import Verdict, is_test_word, lines

# A name this likely is taken for the one meant; below it is only a suggestion.
SURE = 0.8
# One slip in a shorter name makes another city: Bonn - Brno, Köln - Kiel.
_SHORTEST = 5
# After the slash and the comma stand districts, states and postcodes.
_AROUND = re.compile(r"^(?:[a-z]{1,3}[- ])?\d[\d ]{3,9}[a-z]{0,2}\s+|\s*[,/(].*$|\s+\d+$", re.IGNORECASE)
_SAINT = re.compile(r"\b(?:saint|sankt|sanct|st)e?\b")


class City(msgspec.Struct, frozen=True):
    """A city: an id that stays, its usual name, ISO country, inhabitants, other names."""

    id: str
    name: str
    country: str
    population: int
    also: tuple[str, ...] = ()


class Gazetteer:
    """Finds cities by name with at most one slip, by looking up what is left when one letter is deleted."""

    def __init__(self, cities: Iterable[City]) -> None:
        self._names: dict[str, dict[str, tuple[City, str]]] = {}
        self._less: dict[str, set[str]] = {}
        for city in cities:
            for name in (city.name, *city.also):
                key = fold(name)
                if key:
                    self._names.setdefault(key, {}).setdefault(city.id, (city, name))
        for key in self._names:
            for short in _shorter(key):
                self._less.setdefault(short, set()).add(key)

    def clean(self, text: str, country: str | None = None) -> Verdict:
        """Return the city meant, in the country given if there is one: its name, id and how sure that is.

        A name without a slip stays as it was typed, in its own language; the id is what two ways to write it share.
        """
        plain = " ".join(text.split())
        if is_test_word(plain) or not any(c.isalpha() for c in plain):
            return Verdict(None, ("junk",))
        key = fold(_AROUND.sub("", plain) or plain)
        slips, found = self._nearest(key, country)
        if not found:
            return Verdict(plain, ("unknown city",))
        city, name = max(found, key=lambda f: (f[0].population, f[0].id))
        share = max(city.population, 1) / sum(max(c.population, 1) for c, _ in found)
        sure = round(share * (1 - slips / max(len(key), 1)), 3)
        if sure < SURE:
            return Verdict(plain, ("unsure city",), name, sure, city.id)
        return (
            Verdict(name, ("corrected",), None, sure, city.id)
            if slips
            else Verdict(plain, (), None, sure, city.id)
        )

    def _nearest(self, key: str, country: str | None) -> tuple[int, list[tuple[City, str]]]:
        exact = self._within(key, country)
        if exact or len(key) < _SHORTEST:
            return 0, exact
        near = {name for short in _shorter(key) for name in self._less.get(short, ())}
        meant = sorted(n for n in near if OSA.distance(n, key) == 1)
        found = {city.id: (city, name) for n in meant for city, name in self._within(n, country)}
        return 1, list(found.values())

    def _within(self, key: str, country: str | None) -> list[tuple[City, str]]:
        cities = self._names.get(key, {}).values()
        return [c for c in cities if country is None or c[0].country == country.upper()]


def fold(name: str) -> str:
    """Return what all ways to write a city's name have in common.

    >>> fold("Sankt-Peterburg"), fold("St. Petersburg"), fold("Köln")
    ('stpeterburg', 'stpetersburg', 'koln')
    """
    latin = anyascii(unicodedata.normalize("NFKC", name)).casefold().replace("'", "")
    words = re.sub(r"[^a-z0-9]+", " ", latin)
    return _SAINT.sub("st", words).replace(" ", "")


def clean_city(text: str, country: str | None = None) -> Verdict:
    """Judge a city with the gazetteer that comes with butfor.

    >>> clean_city("St Petersbrg", "RU")
    Verdict(value='Saint Petersburg', flags=('corrected',), suggestion=None, confidence=0.909, place='ru-saint-petersburg')
    >>> clean_city("Muenchen").place, clean_city("Springfield", "US").flags, clean_city("Hintertupfing").flags
    ('de-munich', ('unsure city',), ('unknown city',))
    """
    return own_gazetteer().clean(text, country)


@cache
def own_gazetteer() -> Gazetteer:
    """Return the gazetteer that comes with butfor: the larger cities of Europe and America, and few of elsewhere."""
    return Gazetteer(city for line in lines("cities.txt") for city in _own(line))


def _own(line: str) -> Iterator[City]:
    country, _, cities = line.partition("|")
    for entry in cities.split(";"):
        names, _, thousands = entry.rpartition("=")
        names, _, region = names.partition("@")
        name, *also = names.split("/")
        words = re.findall(r"[a-z0-9]+", anyascii(f"{country} {name} {region}").casefold())
        yield City("-".join(words), name, country, int(thousands) * 1000, tuple(also))


def geonames(rows: Iterable[str]) -> Gazetteer:
    """Return the gazetteer of a dump of GeoNames (CC BY 4.0, geonames.org), such as the lines of cities15000.txt."""
    return Gazetteer(_geonames_city(row.split("\t")) for row in rows if row.count("\t") > 14)


def _geonames_city(cells: list[str]) -> City:
    also = tuple(dict.fromkeys([cells[2], *cells[3].split(",")]))
    return City(f"geonames-{cells[0]}", cells[1], cells[8], int(cells[14] or 0), also)


def _shorter(key: str) -> set[str]:
    return {key, *(key[:i] + key[i + 1 :] for i in range(len(key)))}
