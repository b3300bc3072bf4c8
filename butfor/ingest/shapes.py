"""What a text looks like: a number, an e-mail address, a phone number, a time in one of many forms.

Date forms are those of DuckDB's ``try_strptime``, or ``iso`` for ISO-8601 with or without an offset.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

EMAIL = re.compile(r"[^@\s;,]+@[^@\s;,]+\.[^@\s;,.]{2,}")
PHONE = re.compile(r"\+?[0-9(][0-9 ()/.-]{6,}")
_POINT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}([. ]\d{3})+)(,\d+)?")
_SURE_COMMA = re.compile(r"[+-]?(\d+,(\d{1,2}|\d{4,})|\d{1,3}([. ]\d{3})+,\d+)")
_SURE_POINT = re.compile(r"[+-]?(\d+\.(\d{1,2}|\d{4,})|\d{1,3}(,\d{3})+\.\d+)")

_ISO = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}((?P<gap>[T ])\d{1,2}:\d{2}(?P<second>:\d{2}(?P<part>[.]\d+)?)?"
    r"(?P<zone>Z| ?UTC| ?[+-]\d{2}(:?\d{2})?)?)?"
)
_CLOCK = r"(?P<gap>,? |T)(?P<hour>\d{1,2}:\d{2})(?P<second>:\d{2})?(?P<part>\.\d+)?(?P<half> ?[AaPp][Mm])?(?P<zone> ?[+-]\d{4})?"
_TAIL = rf"({_CLOCK})?"
_NUMERIC = re.compile(r"(?P<a>\d{1,2})(?P<sep>[./-])(?P<b>\d{1,2})(?P=sep)(?P<year>\d{4}|\d{2})" + _TAIL)
_YEAR_FIRST = re.compile(r"\d{4}(?P<sep>/|\.|\. )\d{1,2}(?P=sep)\d{1,2}(?P<end>\.?)" + _TAIL)
_KOREAN = re.compile(r"\d{4}년(?P<sep> ?)\d{1,2}월 ?\d{1,2}일" + _TAIL)
_DIGITS = re.compile(r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_MONTH = r"(?P<month>[A-Za-z]{3,9})"
_DAY_WORD = re.compile(rf"\d{{1,2}}(?P<s>[ -]){_MONTH}(?P=s)(?P<year>\d{{4}}|\d{{2}})" + _TAIL)
_WORD_DAY = re.compile(rf"{_MONTH} \d{{1,2}}(?P<comma>,?) (?P<year>\d{{4}})" + _TAIL)


class Dates(Struct, frozen=True):
    """How a column writes times: its forms, and what is known about them.

    ``share`` of the filled values fit; ``unclear`` when no value tells day from month; ``zoned`` when each
    says its own offset; ``timed`` when some have a time of day.
    """

    forms: list[str]
    share: float
    unclear: bool = False
    zoned: bool = False
    timed: bool = False


def number(value: str, decimal: str) -> float | None:
    """Return the number that a text is read as at loading, or None."""
    if not (_COMMA if decimal == "," else _POINT).fullmatch(value):
        return None
    if decimal == ",":
        value = value.replace(".", "").replace(" ", "").replace(",", ".")
    return float(value)


def decimal_mark(values: Iterable[str]) -> str:
    """Return ``,`` or ``.``, whichever more numbers surely use; 1,234 and 1.234 prove nothing."""
    seen: Counter[str] = Counter()
    for value in values:
        if _SURE_COMMA.fullmatch(value):
            seen[","] += 1
        elif _SURE_POINT.fullmatch(value):
            seen["."] += 1
    return "," if seen[","] > seen["."] else "."


def is_phone(value: str) -> bool:
    """Say whether a text is written like a phone number (a bare count of digits is not enough)."""
    digits = sum(c.isdigit() for c in value)
    return bool(PHONE.fullmatch(value)) and 7 <= digits <= 15 and value[0] in "+0("


def find_dates(counts: Counter[str], prefer_month_first: bool = False) -> Dates | None:
    """Return the date forms of a column's values (with how often each occurs), or None when it has none."""
    forms: Counter[str] = Counter()
    zoned = timed = 0
    first: Counter[bool] = Counter()
    for value, n in counts.items():
        form, order = _form(value)
        if not form:
            continue
        forms[form] += n
        zoned += n if "%z" in form or (form == "iso" and _zone(value)) else 0
        timed += ":" in value
        if order is not None:
            first[order] += n
    fit = sum(forms.values())
    if not fit:
        return None
    listed = [f for form, _ in forms.most_common() for f in _resolved(form, first, prefer_month_first)]
    unclear = any("{a}" in form and "." not in form[:6] for form in forms) and not first
    # A four-digit year would take 26 for the year 26, so two-digit years are tried before.
    listed = sorted(dict.fromkeys(listed), key=lambda f: "%y" not in f)
    return Dates(listed, fit / counts.total(), unclear, zoned == fit, timed > 0)


def _form(value: str) -> tuple[str, bool | None]:
    """Return a form, with {a} and {b} where day and month are still to be told apart, and what this value proves."""
    if found := _ISO.fullmatch(value):
        return _iso_form(found), None
    if found := _NUMERIC.fullmatch(value):
        a, b = int(found["a"]), int(found["b"])
        if max(a, b) > 31 or min(a, b) > 12 or min(a, b) < 1:
            return "", None
        proof = None if max(a, b) <= 12 else b > 12
        year = "%Y" if len(found["year"]) == 4 else "%y"
        return found["sep"].join(("{a}", "{b}", year)) + _clock(found), proof
    return _other(value), None


def _iso_form(found: re.Match[str]) -> str:
    """Return ``iso``, or a spelt-out form for the two offsets that a cast does not read: `` +0200`` and ``+02``."""
    zone = found["zone"] or "Z"
    if zone.endswith(("Z", "UTC")) or (zone[0] != " " and len(zone) > 3):
        return "iso"
    clock = "%H:%M" + (":%S" if found["second"] else "") + (".%f" if found["part"] else "")
    return f"%Y-%m-%d{found['gap']}{clock}" + (" %z" if zone[0] == " " else "%z")


def _other(value: str) -> str:
    if _DIGITS.fullmatch(value):
        return "%Y%m%d"
    if found := _YEAR_FIRST.fullmatch(value):
        return found["sep"].join(("%Y", "%m", "%d")) + found["end"] + _clock(found)
    if found := _KOREAN.fullmatch(value):
        return found["sep"].join(("%Y년", "%m월", "%d일")) + _clock(found)
    if found := _DAY_WORD.fullmatch(value):
        year = "%Y" if len(found["year"]) == 4 else "%y"
        return found["s"].join(("%d", _month(found["month"]), year)) + _clock(found)
    if found := _WORD_DAY.fullmatch(value):
        return f"{_month(found['month'])} %d{found['comma']} %Y" + _clock(found)
    return ""


def _month(word: str) -> str:
    return "%b" if len(word) == 3 else "%B"


def _clock(found: re.Match[str]) -> str:
    if not found["hour"]:
        return ""
    half = found["half"]
    out = found["gap"] + ("%I:%M" if half else "%H:%M") + (":%S" if found["second"] else "")
    out += ".%f" if found["part"] else ""
    out += (" %p" if half.startswith(" ") else "%p") if half else ""
    return out + ((" %z" if found["zone"].startswith(" ") else "%z") if found["zone"] else "")


def _resolved(form: str, first: Counter[bool], prefer_month_first: bool) -> list[str]:
    """Fill in day and month; where both orders are proven, both are forms and the commoner comes first."""
    if "{a}" not in form:
        return [form]
    day, month = form.format(a="%d", b="%m"), form.format(a="%m", b="%d")
    if not first:
        return [month] if prefer_month_first and form[3] != "." else [day]
    order = [which for which, _ in first.most_common()]
    return [month if which else day for which in order]


def _zone(value: str) -> str:
    found = _ISO.fullmatch(value)
    return (found["zone"] or "") if found else ""


def read_time(value: str, forms: Sequence[str], zone: str) -> datetime | None:
    """Return the UTC time that a text means in one of ``forms``, text without an offset in ``zone``; None if none."""
    for form in forms:
        try:
            found = _iso(value) if form == "iso" else _by_form(value, form)
        except ValueError:
            continue
        return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    return None


def _by_form(value: str, form: str) -> datetime:
    # Python reads +0200 as an offset and does not read +02.
    short = form.endswith("%z") and value[-3] in "+-"
    return datetime.strptime(value + "00" if short else value, form)


def _iso(value: str) -> datetime:
    # Python wants two digits of each part and no word for the zone; exports do not always write so.
    plain, zone = value.removesuffix("UTC").rstrip(), "Z" if value.endswith("UTC") else ""
    day, gap, clock = plain.partition("T" if "T" in plain else " ")
    day = "-".join(part.zfill(2) for part in day.split("-"))
    return datetime.fromisoformat(day + gap + ("0" if clock[1:2] == ":" else "") + clock + zone)


def written(form: str) -> str:
    """Return how the last day of 2026 looks in a form, for people to read.

    >>> written("%d.%m.%Y %H:%M")
    '31.12.2026 14:05'
    """
    day = datetime(2026, 12, 31, 14, 5, 59, tzinfo=UTC)
    return "2026-12-31" if form == "iso" else day.strftime(form)
