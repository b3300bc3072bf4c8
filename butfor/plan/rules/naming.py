"""Names are lower_snake_case, and hold no dates or values."""

import re
import unicodedata
from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Definition, Term

CODE = "NAME"
LEVEL = "error"
WHY = "a name outlives the campaign it was made for; one convention keeps the plan searchable (R-188)"

_GOOD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_DATE = re.compile(
    r"(?<!\d)(19|20)\d\d([_-]?(0[1-9]|1[0-2])([_-]?\d\d)?)?(?!\d)|(?<![a-z])q[1-4](?![a-z0-9])"
)
_VALUE = re.compile(r"\d+(eur|usd|gbp|pct|percent)(?![a-z])|(?<![a-z0-9])\d{3,}(?!\d)")


def check(plan: Plan) -> Iterator[Finding]:
    """Yield ids and names of properties that break the convention, with a suggestion."""
    for definition in plan.definitions.values():
        yield from _named(definition, "id", definition.id)
        if isinstance(definition, Term):
            for field in ("properties", "products"):
                for name in getattr(definition, field):
                    yield from _named(definition, f"{field}.{name}", name)


def _named(definition: Definition, path: str, name: str) -> Iterator[Finding]:
    better = suggest(name)
    if _DATE.search(name.lower()):
        yield Finding(
            definition, path, f"date in name {name!r}", f"call it {better!r} and keep the date in a field"
        )
    elif _VALUE.search(name.lower()):
        yield Finding(
            definition, path, f"value in name {name!r}", f"call it {better!r} and keep the value in a field"
        )
    elif not _GOOD.fullmatch(name):
        yield Finding(definition, path, f"{name!r} is not lower_snake_case", f"call it {better!r}")


def suggest(name: str) -> str:
    """Return the name in lower_snake_case without dates and values.

    >>> suggest("Loyalty-Join2024")
    'loyalty_join'
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    letters = unicodedata.normalize("NFKD", spaced.casefold()).encode("ascii", "ignore").decode()
    plain = _VALUE.sub("", _DATE.sub("", letters))
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_0123456789") or "name_me"
