"""Where a file comes from, guessed from countries, cities, currencies, phone numbers and addresses in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from butfor.ingest.roles import Look, Part, words

# zone | currency | phone prefix | top-level domain | names and ISO codes of the country | large cities
_TABLE = """
Europe/London     | GBP | +44 | uk | united kingdom, uk, gb, gbr, great britain, england, großbritannien | london, manchester, birmingham, leeds, glasgow
Europe/Berlin     | EUR | +49 | de | germany, deutschland, de, deu, allemagne, alemania | berlin, hamburg, münchen, munich, köln, frankfurt, stuttgart, düsseldorf, leipzig, dresden, hannover, nürnberg
Europe/Vienna     | EUR | +43 | at | austria, österreich, at, aut | wien, vienna, graz, linz, salzburg, innsbruck
Europe/Zurich     | CHF | +41 | ch | switzerland, schweiz, suisse, ch, che | zürich, zurich, genf, genève, basel, bern, lausanne
Europe/Paris      | EUR | +33 | fr | france, frankreich, fr, fra, francia | paris, lyon, marseille, toulouse, nice, nantes, bordeaux, lille
Europe/Madrid     | EUR | +34 | es | spain, españa, spanien, es, esp, espagne | madrid, barcelona, valencia, sevilla, zaragoza, málaga, bilbao
Europe/Rome       | EUR | +39 | it | italy, italia, italien, it, ita, italie | roma, rome, milano, milan, napoli, torino, bologna, firenze
Europe/Amsterdam  | EUR | +31 | nl | netherlands, nederland, niederlande, nl, nld, holland | amsterdam, rotterdam, utrecht, eindhoven
Europe/Brussels   | EUR | +32 | be | belgium, belgique, belgië, belgien, be, bel | brussels, bruxelles, antwerpen, gent
Europe/Dublin     | EUR | +353 | ie | ireland, eire, ie, irl | dublin, cork, galway
Europe/Lisbon     | EUR | +351 | pt | portugal, pt, prt | lisboa, lisbon, porto
Europe/Warsaw     | PLN | +48 | pl | poland, polska, polen, pl, pol | warszawa, kraków, łódź, wrocław, poznań, gdańsk
Europe/Prague     | CZK | +420 | cz | czechia, czech republic, česko, cz, cze | praha, prague, brno
Europe/Stockholm  | SEK | +46 | se | sweden, sverige, schweden, se, swe | stockholm, göteborg, malmö
Europe/Copenhagen | DKK | +45 | dk | denmark, danmark, dänemark, dk, dnk | københavn, copenhagen, aarhus
Europe/Oslo       | NOK | +47 | no | norway, norge, norwegen, nor | oslo, bergen, trondheim
Europe/Moscow     | RUB | +7 | ru | russia, россия, рф, ru, rus, russland | москва, санкт-петербург, казань, moscow
Europe/Kyiv       | UAH | +380 | ua | ukraine, україна, украина, ua, ukr | київ, киев, kyiv, львів, одеса
Europe/Istanbul   | TRY | +90 | tr | turkey, türkiye, türkei, tr, tur | istanbul, ankara, izmir
Asia/Seoul        | KRW | +82 | kr | korea, south korea, 대한민국, 한국, kr, kor | 서울, 부산, 인천, 대구, seoul, busan
Asia/Tokyo        | JPY | +81 | jp | japan, 日本, jp, jpn | tokyo, osaka, 東京, 大阪
Asia/Kolkata      | INR | +91 | in | india, indien, ind | mumbai, delhi, bangalore, bengaluru
America/New_York  | USD | +1 | us | united states, usa, us, united states of america, vereinigte staaten | new york, boston, miami, chicago, los angeles
America/Sao_Paulo | BRL | +55 | br | brazil, brasil, brasilien, br, bra | são paulo, rio de janeiro
Australia/Sydney  | AUD | +61 | au | australia, australien, au, aus | sydney, melbourne, brisbane
"""
_CURRENCY_WORDS = {"euro": "EUR", "eur": "EUR", "gbp": "GBP", "pound": "GBP", "usd": "USD", "dollar": "USD", "chf": "CHF", "rub": "RUB", "krw": "KRW", "pln": "PLN", "won": "KRW"}  # fmt: skip
CURRENCIES = sorted({line.split("|")[1].strip() for line in _TABLE.strip().splitlines()})


class Place(Struct, frozen=True):
    """A country as files show it."""

    zone: str
    currency: str
    phone: str
    domain: str
    names: frozenset[str]
    cities: frozenset[str]


class Guess(Struct, frozen=True):
    """Time zone and currency of a file; ``because`` says what hints at them, ``stated`` that a column does."""

    zone: str | None = None
    currency: str | None = None
    because: str = ""
    stated: bool = False


def _places() -> Iterator[Place]:
    for line in _TABLE.strip().splitlines():
        zone, currency, phone, domain, names, cities = (cell.strip() for cell in line.split("|"))
        yield Place(zone, currency, phone, domain, _set(names), _set(cities))


def _set(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(","))


PLACES = tuple(_places())


def guess_place(looks: Mapping[str, Look], parts: Mapping[str, Part]) -> Guess:
    """Return the zone and currency that the values of a file hint at."""
    by_role = {part.role: looks[column] for column, part in parts.items() if "[]." not in column}
    place, because = _where(by_role)
    stated = _currency_of_column(by_role.get("currency"))
    currency = stated or _currency_of_names(looks) or (place.currency if place else None)
    if place is None and stated:
        place, because = _only(stated), f"the currency is {stated}"
    return Guess(place.zone if place else None, currency, because, stated is not None)


def _where(by_role: Mapping[str, Look]) -> tuple[Place | None, str]:
    for role, read, kind in (
        ("country", _by_country, "most rows are of"),
        ("phone", _by_phone, "most phone numbers begin with"),
        ("city", _by_city, "most known cities are in the zone of"),
        ("store", _by_city, "the shops' names hint at the zone of"),
        ("email", _by_domain, "national e-mail addresses end in"),
    ):
        votes = Counter(dict(read(by_role[role].texts))) if role in by_role else Counter[str]()
        if not votes:
            continue
        word, n = votes.most_common(1)[0]
        if n * 2 > votes.total():
            place = next(p for p in PLACES if word in (p.phone, "." + p.domain, p.zone) or word in p.names)
            return place, f"{kind} {word.title() if role == 'country' else word}"
    return None, ""


def _by_country(seen: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    known = frozenset().union(*(p.names for p in PLACES))
    for value, n in seen.items():
        yield value.casefold() if value.casefold() in known else "elsewhere", n


def _by_phone(seen: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    votes: Counter[str] = Counter()
    for value, n in seen.items():
        plain = "+" + value[2:] if value.startswith("00") else value
        if plain.startswith("+"):
            fits = [p.phone for p in PLACES if plain.startswith(p.phone)]
            votes[max(fits, key=len, default="elsewhere")] += n
    return votes.items()


def _by_city(seen: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    votes: Counter[str] = Counter()
    for value, n in seen.items():
        for place in PLACES:
            if any(f" {city} " in f" {value.casefold()} " for city in place.cities):
                votes[place.zone] += n
    return votes.items()


def _by_domain(seen: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    votes: Counter[str] = Counter()
    known = {p.domain for p in PLACES}
    for value, n in seen.items():
        ending = value.rpartition(".")[2].lower()
        if ending in known:
            votes["." + ending] += n
    return votes.items()


def _currency_of_column(seen: Look | None) -> str | None:
    if seen is None or not seen.common:
        return None
    first = seen.common[0].upper()
    return first if len(first) == 3 and first.isalpha() else None


def _currency_of_names(looks: Mapping[str, Look]) -> str | None:
    for column in looks:
        for symbol, code in (("€", "EUR"), ("£", "GBP"), ("$", "USD"), ("₽", "RUB"), ("₩", "KRW")):
            if symbol in column:
                return code
        for word in words(column):
            if word in _CURRENCY_WORDS:
                return _CURRENCY_WORDS[word]
    return None


def _only(currency: str) -> Place | None:
    """Return the place of a currency that one country uses."""
    having = [p for p in PLACES if p.currency == currency]
    return having[0] if len(having) == 1 else None
