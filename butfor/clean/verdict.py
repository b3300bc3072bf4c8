"""What cleaning says of one value: what to use, what is odd about it, and what was perhaps meant."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import msgspec

# What people and systems type where they will not or cannot say.
TEST_WORDS = frozenset(
    [
        "test",
        "tester",
        "testing",
        "test1",
        "test123",
        "demo",
        "dummy",
        "example",
        "sample",
        "none",
        "null",
        "nan",
        "unknown",
        "unbekannt",
        "anonymous",
        "anonym",
        "guest",
        "gast",
        "nobody",
        "noname",
        "nomail",
        "noemail",
        "no-email",
        "no_email",
        "nothing",
        "asdf",
        "asdfg",
        "asdfgh",
        "qwerty",
        "qwertz",
        "abc",
        "aaa",
        "xxx",
        "xyz",
        "foo",
        "bar",
        "foobar",
        "blah",
        "fake",
        "spam",
        "undefined",
        "n/a",
        "na",
        "nil",
        "kunde",
        "customer",
        "privat",
        "ohne",
        "keine",
        "fehlt",
        "inconnu",
        "anonyme",
        "prueba",
    ]
)


class Verdict(msgspec.Struct, frozen=True):
    """A cleaned value. ``value`` is None where nothing usable was said; ``flags`` say why, or what to be careful about.

    ``sure`` is False where the value may be a typing error, so that its source cannot have verified it.
    """

    value: str | None
    flags: tuple[str, ...] = ()
    suggestion: str | None = None
    confidence: float | None = None
    place: str | None = None

    @property
    def sure(self) -> bool:
        """Say whether nothing suggests a typing error."""
        return self.value is not None and "typo" not in self.flags and "unchecked" not in self.flags


@cache
def lines(name: str) -> tuple[str, ...]:
    """Return the lines of a data file of this package, without its comments."""
    text = files("butfor.clean").joinpath("data", name).read_text(encoding="utf-8")
    return tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))


def is_test_word(text: str) -> bool:
    """Say whether a text is one that people type to get past a form.

    >>> is_test_word("Test"), is_test_word("xxxxx"), is_test_word("Tess")
    (True, True, False)
    """
    plain = text.strip().casefold()
    return plain in TEST_WORDS or re.fullmatch(r"(.)\1{2,}", plain) is not None
