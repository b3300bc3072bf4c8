"""Names as people type them: one key for all ways to write a name, and whether two names can be one person's."""

from __future__ import annotations

import re
import unicodedata

from anyascii import anyascii
from rapidfuzz.distance import JaroWinkler

# Below this two words are different names: John - Jon is 0.93, Smith - Smyth 0.89, Anna - Hanna 0.78.
ALIKE = 0.88


def name_key(*parts: str | None) -> str:
    """Return the words of a name in Latin letters, lower case, sorted: ``("Müller,", "ANNA")`` gives ``anna muller``."""
    text = " ".join(p for p in parts if p)
    latin = anyascii(unicodedata.normalize("NFKC", text)).casefold()
    return " ".join(sorted(re.findall(r"[a-z0-9]+", latin.replace("'", ""))))


def names_agree(left: str, right: str) -> bool:
    """Say whether two keys can be one person's name: each word of the shorter has a like one, or its initial, in the longer."""
    short, long = sorted((left.split(), right.split()), key=len)
    rest = list(long)
    for word in sorted(short, key=len, reverse=True):
        found = max(rest, key=lambda other: _alike(word, other), default=None)
        if found is None or _alike(word, found) < ALIKE:
            return False
        rest.remove(found)
    # One initial alone says nothing.
    return any(len(w) > 1 for w in short)


def _alike(left: str, right: str) -> float:
    if min(len(left), len(right)) == 1:
        return 1.0 if left[0] == right[0] else 0.0
    return JaroWinkler.similarity(left, right)
