"""What to ask about a proposed source: only what cannot be seen in the file, and what would cost most if wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from butfor.ingest.places import CURRENCIES, PLACES, Guess
from butfor.ingest.roles import candidates, described, name_score
from butfor.ingest.rows import UNIT, WHOLE, Known, Shape
from butfor.ingest.shapes import number, written
from butfor.ingest.targets import Mapped
from butfor.plan.kinds import Column, Source

_UNSURE = 0.8
_SINCE_1970 = re.compile(r"1[0-9]{9}([0-9]{3}){0,2}(\.\d+)?")
_MONEY_TEXT = re.compile(
    r"[^\w]{0,3}[A-Z]{0,3}[ \xa0]?-?\d[\d., '\xa0]*([^\w]{0,3}|[ \xa0]?[A-Za-z]{1,4}\.?)"
)
_WHEN = ["negative_either", "negative_quantity", "negative_amount", "never"]


class Question(Struct, frozen=True):
    """An open question: a stable key, the question, what the proposal takes, and what else could be."""

    key: str
    text: str
    answer: str
    choices: list[str]


def ask(
    known: Known, form: Shape, mapped: Mapped, source: Source, place: Guess, said: Mapping[str, str]
) -> list[Question]:
    """Return the questions that nobody has answered yet, the costliest to get wrong first."""
    every = (
        _customer(known, form, mapped),
        _order(known, form, mapped),
        _time(known, form, mapped),
        _money(known, form) or _unread_money(known, mapped),
        _dates(known, mapped),
        _returns(known, form, source),
        _zone(known, mapped, source, place),
        _currency(known, form, place),
        _events(known, form),
        _rows(known, form, mapped),
    )
    return [q for q in every if q and q.key not in said]


def _customer(known: Known, form: Shape, mapped: Mapped) -> Question | None:
    if mapped.account is None:
        return None
    choices = [c for c, to in mapped.columns.items() if _to(to).startswith("id.")]
    choices += [c for c in _keys(known, "customer") if c not in choices]
    choices = choices or [c for c, seen in known.looks.items() if seen.variety > 0.5 and "[]." not in c]
    if mapped.account == "row_number":
        text = "No column is a customer's own number, so each row counts as one person. Which column is it, if any?"
    else:
        text = (
            f"Which column is this system's own number of a customer? {mapped.account} is "
            f"{described(known.looks[mapped.account])}."
        )
    choices += ["row_number"] if form.grain == "person" else []
    return Question("customer_key", text, mapped.account, choices)


def _keys(known: Known, role: str) -> list[str]:
    return [
        c
        for c, seen in known.looks.items()
        if "[]." not in c and any(p.role == role for p in candidates(seen))
    ]


def _order(known: Known, form: Shape, mapped: Mapped) -> Question | None:
    if form.grain == "person" or not {form.event, *form.values.values()} & {"order_completed"}:
        return None
    column = next((c for c, to in mapped.columns.items() if _to(to) == "event.order_id"), None)
    others = [c for c in _keys(known, "order") if c != column]
    if column is None:
        text = "No column looks like the number of the order or receipt, so each row counts as one purchase. Is there one?"
        return Question("order_key", text, "none", ["none", *_varied(known)])
    if known.parts[column].confidence >= _UNSURE and not others:
        return None
    text = (
        f"Which column is the number of the order or receipt? {column} is {described(known.looks[column])}."
    )
    return Question("order_key", text, column, [column, *others])


def _varied(known: Known) -> list[str]:
    """Return the columns that could be a number of something: varied, whole, no time."""
    plain = {c: seen for c, seen in known.looks.items() if "[]." not in c and c not in known.parts}
    return [
        c for c, seen in plain.items() if seen.variety > 0.2 and seen.numbers == seen.whole and not seen.dates
    ]


def _money(known: Known, form: Shape) -> Question | None:
    price, total = known.column("price"), known.column("total")
    column = price or total
    if column is None or form.lines or not (known.column("quantity") and known.column("order")):
        return None
    if price and known.parts[price].confidence >= _UNSURE and not form.whole:
        return None
    answer = WHOLE if form.whole else UNIT
    note = (
        " Each row then counts as one purchase, because an amount cannot be split into pieces."
        if form.whole
        else ""
    )
    return Question("money", f"Is {column} {UNIT} or {WHOLE}?{note}", answer, [UNIT, WHOLE])


def _time(known: Known, form: Shape, mapped: Mapped) -> Question | None:
    if form.grain == "person" or any(_times(mapped)):
        return None
    since = [
        c for c, seen in known.looks.items() if seen.texts and all(map(_SINCE_1970.fullmatch, seen.texts))
    ]
    hint = (
        f" {since[0]} counts from 1970, which cannot be read; export it as 2026-12-31T14:05:00Z."
        if since
        else ""
    )
    return Question(
        "time",
        f"Which column says when it happened? Without one nothing can be loaded.{hint}",
        "none",
        ["none"],
    )


def _unread_money(known: Known, mapped: Mapped) -> Question | None:
    """Ask about a column that is money by its name and holds digits with signs that are read as no number."""
    for column, seen in known.looks.items():
        named = max(name_score(column, "price"), name_score(column, "total")) > 0.9
        if (
            named
            and mapped.columns.get(column) == "ignore"
            and seen.texts
            and all(map(_like_money, seen.texts))
        ):
            text = f"{column} is written like {next(iter(seen.texts))!r}, which cannot be read as a number. Can it be exported as 1234.50?"
            return Question("money", text, "leave it out", ["leave it out"])
    return None


def _like_money(text: str) -> bool:
    return bool(_MONEY_TEXT.fullmatch(text))


def _dates(known: Known, mapped: Mapped) -> Question | None:
    unclear = [c for c in mapped.dated if (d := known.looks[c].dates) and d.unclear]
    if not unclear:
        return None
    forms = known.looks[unclear[0]].dates
    first = forms.forms[0] if forms else ""
    answer = "day first" if first.find("%d") < first.find("%m") else "month first"
    text = f"Does the day or the month come first in {', '.join(unclear)}? No date of the sample tells; {answer} reads {written(first)} as the last day of 2026."
    return Question("dates", text, answer, ["day first", "month first"])


def _returns(known: Known, form: Shape, source: Source) -> Question | None:
    if source.returns.when == "never":
        return None
    columns = [c for c in (known.column("quantity"), known.column("price", "total")) if c]
    negative = [row for row in known.sample.rows if any(_negative(known, row[c]) for c in columns)]
    if not negative:
        return None
    share = len(negative) / len(known.sample.rows)
    text = (
        f"{share:.1%} of the rows have a negative {' or '.join(columns)}{_marked(known)}. Are they returns?"
    )
    choices = _WHEN if form.grain == "order_line" else ["negative_amount", "never"]
    return Question("returns", text, source.returns.when, choices)


def _negative(known: Known, cell: str | None) -> bool:
    found = number(cell or "", known.sample.reading.decimal)
    return found is not None and found < 0


def _marked(known: Known) -> str:
    """Say whether the numbers of such orders begin with a letter of their own."""
    order, amount = known.column("order"), known.column("quantity") or known.column("total")
    if order is None or amount is None:
        return ""
    back = [row[order] or "" for row in known.sample.rows if _negative(known, row[amount])]
    sold = [row[order] or "" for row in known.sample.rows if not _negative(known, row[amount])]
    first = max({n[:1] for n in back}, key=lambda c: sum(n.startswith(c) for n in back), default="")
    if not first.isalpha() or sum(n.startswith(first) for n in sold) * 10 > len(sold):
        return ""
    share = sum(n.startswith(first) for n in back) / len(back)
    return (
        f", and {share * 100:.3g} % of these have a number that starts with {first!r}" if share > 0.5 else ""
    )


def zone_matters(known: Known, mapped: Mapped) -> bool:
    """Say whether some time of the file does not state its own offset."""
    return any((d := known.looks[c].dates) and not d.zoned for c in _times(mapped))


def _times(mapped: Mapped) -> Iterator[str]:
    return (c for c in mapped.dated if _to(mapped.columns[c]) == "time")


def _zone(known: Known, mapped: Mapped, source: Source, place: Guess) -> Question | None:
    if not zone_matters(known, mapped):
        return None
    hint = (
        f" {place.because[:1].upper()}{place.because[1:]}." if place.zone else " Nothing in the file tells."
    )
    column = next(_times(mapped))
    zones = list(dict.fromkeys([source.time_zone, "UTC", *(p.zone for p in PLACES)]))
    return Question(
        "time_zone", f"In which time zone are the times of {column}?{hint}", source.time_zone, zones
    )


def _currency(known: Known, form: Shape, place: Guess) -> Question | None:
    paid = known.column("price", "total") or form.lines
    if not paid or place.stated or form.grain == "person":
        return None
    hint = "" if place.currency else " Nothing in the file tells."
    return Question("currency", f"In which currency is the money?{hint}", place.currency or "", CURRENCIES)


def _events(known: Known, form: Shape) -> Question | None:
    if form.own:
        return Question("events", "What happened when a row was written? No event of the plan fits, so it gets one of its own.", "a new event", ["a new event"])  # fmt: skip
    seen = known.look("kind") if form.kind else None
    unknown = [v for v in seen.common if v not in form.values] if seen else []
    if not seen or not unknown:
        return None
    share = sum(seen.texts[v] for v in unknown) / seen.values
    text = f"What do these values of {seen.column} mean: {', '.join(unknown[:8])}? Until an event term is named, {share * 100:.2g} % of the rows go to quarantine."
    return Question("events", text, "quarantine", ["quarantine"])


def _rows(known: Known, form: Shape, mapped: Mapped) -> Question | None:
    if (
        form.grain != "person"
        or mapped.account != "row_number"
        or known.column("time", "registered", "joined")
    ):
        return None
    text = "No column says who or when. Is a row one person, as proposed? A list of products or of campaigns is not loaded this way."
    return Question("rows", text, "one person", ["one person"])


def _to(to: str | Column) -> str:
    return to.to if isinstance(to, Column) else to
