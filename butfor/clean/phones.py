"""Phone numbers: one form (E.164) for all ways to write a number, by country; numbers that nobody has are none."""

from __future__ import annotations

import re

import phonenumbers

from butfor.clean.verdict import Verdict

_E164 = re.compile(r"\+[1-9][0-9]{7,14}")
_COUNTING = "01234567890123456789"


def clean_phone(text: str, country: str | None = None) -> Verdict:
    """Return a number in E.164; without a country a national number stays digits and is flagged ``unchecked``.

    >>> clean_phone("+49 (0)171 2345678").value, clean_phone("0171/2345678", "DE").value, clean_phone("0000000").flags
    ('+491712345678', '+491712345678', ('junk',))
    >>> clean_phone("0171 2345678")
    Verdict(value='01712345678', flags=('unchecked',), suggestion=None, confidence=None, place=None)
    """
    plain = re.sub(r"[\s().\-/]", "", text.replace("(0)", ""))
    if plain.startswith("00") and len(plain) > 8:
        plain = "+" + plain[2:]
    digits = re.sub(r"[^0-9]", "", plain)
    if is_junk(digits):
        return Verdict(None, ("junk",) if digits else ("syntax",))
    # Most deliveries of systems hold this form already; the library takes 20 times as long to say the same.
    if _E164.fullmatch(plain):
        return Verdict(plain)
    return _parsed(text.replace("(0)", ""), digits, country)


def is_junk(digits: str) -> bool:
    """Say whether these are digits that somebody typed to get past a form: too few, all alike, or counted up.

    >>> is_junk("1234567"), is_junk("5555555"), is_junk("1712345678")
    (True, True, False)
    """
    tail = digits.lstrip("0") or digits
    if len(tail) < 5 or len(set(tail)) == 1:
        return True
    if re.search(r"(\d)\1{6,}$", digits):
        return True
    return digits in _COUNTING or tail in _COUNTING or tail in _COUNTING[::-1]


def _parsed(text: str, digits: str, country: str | None) -> Verdict:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return Verdict(digits, ("unchecked",)) if country is None else Verdict(None, ("syntax",))
    if not phonenumbers.is_possible_number(number):
        return Verdict(None, ("syntax",))
    found = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return Verdict(found) if phonenumbers.is_valid_number(number) else Verdict(found, ("unassigned",))
