"""Names as people type them: one key for all ways to write a name, and whether two names can be one person's."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import msgspec
from anyascii import anyascii
from rapidfuzz.distance import JaroWinkler

from butfor.clean.verdict import Verdict, is_test_word, lines

# Below this two words are different names: John - Jon is 0.93, Smith - Smyth 0.89, Seong - Sung 0.80.
ALIKE = 0.88
TITLES = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "miss",
        "mx",
        "dr",
        "prof",
        "professor",
        "sir",
        "dame",
        "lord",
        "lady",
        "rev",
        "herr",
        "frau",
        "fraulein",
        "fr",
        "hr",
        "dipl",
        "ing",
        "mag",
        "med",
        "phd",
        "md",
        "mba",
        "esq",
        "monsieur",
        "madame",
        "mme",
        "mlle",
        "signor",
        "signora",
        "sig",
        "sra",
        "srta",
        "dott",
        "dhr",
        "mevr",
        "pan",
        "pani",
        "gospodin",
        "gospozha",
    ]
)
# Father and son share all the rest of a name.
SUFFIXES = {"jr": "jr", "junior": "jr", "sr": "sr", "senior": "sr", "ii": "ii", "iii": "iii", "iv": "iv"}
_HANGUL = re.compile(r"[\uac00-\ud7a3]")
# Surnames of which transliteration leaves one letter, which would read as an initial.
_SHORT_SURNAMES = {"이": "lee", "오": "oh", "우": "woo"}


class Name(msgspec.Struct, frozen=True):
    """A name taken apart: the key of its words, the same in its own script, its title, and Jr or Sr."""

    key: str
    native: str | None = None
    titles: tuple[str, ...] = ()
    suffix: str | None = None


def name_key(*parts: str | None) -> str:
    """Return the words of a name in Latin letters, lower case, sorted, without titles; Jr and Sr stay.

    >>> name_key("Müller,", "Dr. ANNA"), name_key("Smith, John Junior"), name_key("김민수")
    ('anna muller', 'john jr smith', 'gim min su')
    """
    return parse_name(*parts).key


def parse_name(*parts: str | None) -> Name:
    """Take a name apart; what was typed is never changed, this stands beside it."""
    text = unicodedata.normalize("NFKC", " ".join(p for p in parts if p))
    words = _words(text)
    titles = [w for i, w in enumerate(words) if w in TITLES or (w == "sr" and i == 0 and len(words) > 1)]
    kept = list(words)
    # A name of titles alone is a name: Frau Herr exists.
    if len(titles) < len(words):
        for title in titles:
            kept.remove(title)
    named = [SUFFIXES.get(w, w) if i else w for i, w in enumerate(kept)]
    suffix = next((w for w in named[1:] if w in SUFFIXES), None)
    native = None if text.isascii() or _is_latin(text) else " ".join(sorted(text.casefold().split()))
    return Name(" ".join(sorted(named)), native, tuple(titles), suffix)


def names_agree(left: str, right: str) -> bool:
    """Say whether two keys can be one person's name: each word of the shorter has a like one, or its initial, in the longer.

    >>> names_agree("bob smith", "robert smith"), names_agree("john jr smith", "john smith sr"), names_agree("kim su", "gim su")
    (True, False, True)
    """
    mine, yours = set(left.split()) & _GENERATIONS, set(right.split()) & _GENERATIONS
    if mine and yours and mine != yours:
        return False
    words = [[w for w in k.split() if w not in _GENERATIONS] for k in (left, right)]
    # One order for both, so that whoever comes first the answer is the same.
    short, long = sorted(words, key=lambda ws: (len(ws), ws))
    rest, told = list(long), False
    for word in sorted(short, key=len, reverse=True):
        found = max(rest, key=lambda other: _alike(word, other), default=None)
        if found is None or _alike(word, found) < ALIKE:
            return False
        rest.remove(found)
        told |= min(len(word), len(found)) > 1
    # Initials alone say nothing.
    return told


def clean_name(text: str) -> Verdict:
    """Return a name as typed, without blanks around it; words such as ``test`` name nobody.

    >>> clean_name(" Anna  Müller ").value, clean_name("asdf").flags
    ('Anna Müller', ('junk',))
    """
    plain = " ".join(text.split())
    if not any(c.isalpha() for c in plain) or all(is_test_word(w) for w in plain.split()):
        return Verdict(None, ("junk",))
    return Verdict(plain)


_GENERATIONS = frozenset(SUFFIXES.values())


def _words(text: str) -> list[str]:
    # Hangul has no blank between family and given name; each syllable is a word of its own.
    named = re.sub(r"(?<![\uac00-\ud7a3])[이오우]", lambda m: f"{_SHORT_SURNAMES[m[0]]} ", text)
    spaced = _HANGUL.sub(lambda m: f" {m[0]} ", named)
    latin = anyascii(spaced).casefold()
    return re.findall(r"[a-z0-9]+", latin.replace("'", ""))


def _is_latin(text: str) -> bool:
    return all("LATIN" in unicodedata.name(c, "") for c in text if c.isalpha())


@cache
def _groups() -> dict[str, frozenset[str]]:
    """Return, for each word, the formal names it may stand for."""
    found: dict[str, set[str]] = {}
    for line in lines("nicknames.txt"):
        formal, _, short = line.partition(":")
        for word in (formal, *short.split()):
            found.setdefault(word, set()).add(formal)
    return {word: frozenset(formals) for word, formals in found.items()}


def _alike(left: str, right: str) -> float:
    groups = _groups()
    if left == right or groups.get(left, _NONE) & groups.get(right, _NONE):
        return 1.0
    if min(len(left), len(right)) == 1:
        return 1.0 if left[0] == right[0] else 0.0
    return JaroWinkler.similarity(left, right)


_NONE: frozenset[str] = frozenset()
