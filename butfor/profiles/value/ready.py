"""Whether the data can carry a prediction of value, checked before anything is fitted (R-103, R-104)."""

from __future__ import annotations

import msgspec

from butfor.plan.kinds import Readiness
from butfor.profiles.value.buyers import Array
from butfor.profiles.value.spend import Spend

# A season is seen to come back only in its second year.
SEASON_DAYS = 730


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the data hold as of a day: buyers and how many bought on three days or more, days since the first
    and the last purchase, orders with and without a person, and accounts that may be one person with another.
    """

    buyers: int
    regulars: int
    history_days: int
    quiet_days: int
    orders: int
    known_orders: int
    undecided: int


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One condition: what was found, what is needed (``at least`` or ``at most``), and the sentence that says so."""

    name: str
    figure: float
    need: float
    at_most: bool
    ok: bool
    sentence: str
    next_step: str


def facts(
    repeats: Array, recency: Array, age: Array, *, orders: int, known_orders: int, undecided: int
) -> Facts:
    """Return the facts from the purchase summary (days, one entry per buyer) and the counts of the lake."""
    return Facts(
        buyers=int(repeats.size), regulars=int((repeats >= 2).sum()), history_days=int(age.max(initial=0)),
        quiet_days=int((age - recency).min()) if repeats.size else 0,
        orders=orders, known_orders=known_orders, undecided=undecided,
    )  # fmt: skip


def readiness(found: Facts, need: Readiness) -> list[Check]:
    """Return every condition with its verdict, in a fixed order.

    >>> from butfor.plan.kinds import Readiness
    >>> few = Facts(buyers=300, regulars=40, history_days=400, quiet_days=2, orders=900, known_orders=890, undecided=0)
    >>> [c.name for c in readiness(few, Readiness()) if not c.ok]
    ['buyers']
    """
    covered = found.known_orders / found.orders if found.orders else 0.0
    doubled = found.undecided / found.buyers if found.buyers else 0.0
    return [
        _check("buyers", found.buyers, need.buyers, "{:,.0f} people have bought", "load more history or more shops"),
        _check("history", found.history_days, need.history_days, "{:,.0f} days from the first purchase",
               "load older purchases, or wait"),
        _check("freshness", found.quiet_days, need.quiet_days, "{:,.0f} days since the last purchase",
               "load the newest delivery, or say --as-of a day the data reach", at_most=True),
        _check("regulars", found.regulars, need.regulars, "{:,.0f} people bought on three days or more",
               "load more history: a rate is learnt from people who came back"),
        _check("coverage", covered, need.covered, "{:.1%} of purchases are known by customer",
               "deliver the customer's number with purchases"),
        _check("duplicates", doubled, need.undecided, "{:.1%} as many accounts as buyers wait to be judged one person or two",
               "decide them: butfor review list", at_most=True),
    ]  # fmt: skip


def limits(checks: list[Check], spend: Spend | None) -> list[str]:
    """Return what the data and the models cannot tell although predictions are made (R-104)."""
    days = next(c.figure for c in checks if c.name == "history")
    found = []
    if days < SEASON_DAYS:
        found.append(
            f"No season is known: {days:,.0f} days of history hold none twice ({SEASON_DAYS} would). A prediction "
            "into a season like Christmas is too low, one out of it too high."
        )
    if spend is None:
        found.append("No value is predicted: fewer than 10 people have a repeat purchase above zero.")
    return found + (spend.notes() if spend else [])


def _check(
    name: str, figure: float, need: float, words: str, next_step: str, *, at_most: bool = False
) -> Check:
    ok = figure <= need if at_most else figure >= need
    shown = words[words.index("{") : words.index("}") + 1].format(need)
    limit = f"at {'most' if at_most else 'least'} {shown}"
    return Check(
        name=name, figure=figure, need=need, at_most=at_most, ok=ok, next_step=next_step,
        sentence=f"{words.format(figure)}; {limit} are needed.",
    )  # fmt: skip
