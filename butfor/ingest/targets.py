"""Which term each column of a file goes to, given the roles of its columns and what a row is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from butfor.ingest.roles import Look, Part, described, words
from butfor.ingest.rows import Known, Shape, retail_terms
from butfor.plan.kinds import Column, Term, Type, Uses
from butfor.plan.rules.naming import suggest

Clean = Literal["none", "whole_number", "email", "phone"]
_IDS = {
    "customer": "customer_id", "card": "loyalty_card", "email": "email", "phone": "phone", "device": "device_id",
}  # fmt: skip
_PERSON = {
    "first": "first_name", "last": "last_name", "city": "city", "country": "country", "birth": "birth_date",
    "newsletter": "newsletter",
}  # fmt: skip
_EVENT = {
    "order": "order_id", "total": "total", "currency": "currency", "store": "store", "country": "country",
    "sku": "product_id", "category": "category", "message": "message_id", "campaign": "campaign",
}  # fmt: skip
_PRODUCT = {
    "sku": "product_id", "product": "name", "category": "category", "quantity": "quantity", "price": "price",
}  # fmt: skip
_NUMBERED = {"order", "sku", "customer", "card", "message", "store", "device"}
_MONEY = {"spend", "spent", "amount", "revenue", "value", "sales", "total"}
_BROWSING = {"page_viewed", "product_viewed", "product_added"}
_USEFUL = {"points": ("loyalty_points", "integer"), "postcode": ("postcode", "text")}


class Mapped(Struct, frozen=True):
    """Where each column goes, how sure that is and why; the account, the key, and terms that must be new.

    ``dated`` are the columns read as times or dates; ``own_properties`` those of an event of the file's own.
    """

    columns: dict[str, str | Column]
    confidence: dict[str, float]
    because: dict[str, str]
    account: str | None
    key: list[str]
    terms: list[Term]
    dated: list[str]
    own_properties: list[str]


def map_columns(known: Known, form: Shape, name: str, account: str | None = None) -> Mapped:
    """Map every column of a file; ``account`` is what a person said about the customer's key."""
    chosen = account or account_column(known, form)
    time = _time_column(known, form)
    made = {c: _target(known, form, c, time, chosen, name) for c in known.sample.columns}
    made = _once(known, _told_apart(made))
    terms = [term for _, _, term in made.values() if term]
    columns, why = _grouped(made, form)
    used = {c: _to(columns[c]) for c in columns}
    dated = [c for c in ([time] if time else []) if c in used]
    dated += [c for c, to in used.items() if to == "person.birth_date" or _is_date(to, terms)]
    own = [to.removeprefix("event.") for to in used.values() if form.own and to.startswith("event.")]
    sure = {c: _sure(known, form, c, used[c]) for c in columns}
    return Mapped(columns, sure, why, chosen, _key(known, form, time), terms, dated, own)


def _to(to: str | Column) -> str:
    return to.to if isinstance(to, Column) else to


def _is_date(to: str, terms: list[Term]) -> bool:
    return any(to == f"person.{t.id}" and t.type in ("date", "timestamp") for t in terms)


def account_column(known: Known, form: Shape) -> str | None:
    """Return the column that is this system's key of a customer: the best kind of number that is well filled."""
    # Households share phones and people share browsers; only on a website is a browser all there is.
    weak = {known.column("phone"), None if browses(form) else known.column("device")}
    found = [(c, known.looks[c].filled) for role in _IDS if (c := known.column(role))]
    if form.grain == "person":
        return _person_key(known)
    if not found:
        return None
    best, filled = found[0]
    for column, share in found[1:]:
        if share > filled + 0.05 and filled < 0.95 and column not in weak:
            best, filled = column, share
    return best


def _person_key(known: Known) -> str:
    """Return the key of a list of people; a row without it could not be loaded, so it has to be filled."""
    full = [
        c
        for role in ("customer", "card", "email", "row")
        if (c := known.column(role)) and known.looks[c].filled > 0.99
    ]
    return full[0] if full else "row_number"


def browses(form: Shape) -> bool:
    """Say whether the rows are of a website, where people are often known by their browser only."""
    return bool({form.event, *form.values.values()} & _BROWSING)


def _time_column(known: Known, form: Shape) -> str | None:
    if form.grain != "person":
        found = [c for role in ("time", "registered", "joined") if (c := known.column(role))]
        full = [c for c in found if known.looks[c].filled > 0.99]
        return next(iter(full or found), None)
    if form.event == "loyalty_joined":
        return known.column("joined")
    time = known.column("registered") if form.event else known.column("time")
    return time if time and known.parts[time].confidence > 0.9 else None


Made = tuple[str | Column, str, Term | None]


def _target(known: Known, form: Shape, column: str, time: str | None, account: str | None, name: str) -> Made:
    """Return where one column goes, why, and the term to make for it."""
    part = known.parts.get(column)
    if column == time and part:
        return "time", part.because, None
    if column == form.kind and part:
        return Column(to="event", values=form.values), part.because, None
    if column == account and part and part.role == "row":
        return "id.customer_id", part.because, None
    if part and part.role == "sensitive":
        return "ignore", f"{part.because}; not loaded until a term says what it is needed for", None
    if part and part.role == "row" and known.column("order") is None and _has_order(form):
        return "event.order_id", part.because, None
    if part and (to := _by_role(form, part, column)):
        return _cleaned(known, part, column, to), part.because, None
    return _left_over(known, form, column, part, account, name)


def _by_role(form: Shape, part: Part, column: str) -> str | None:
    role = part.role
    if "[]." in column:
        mine = form.lines == column.partition("[].")[0]
        return f"product.{_PRODUCT[role]}" if mine and role in _PRODUCT else None
    if role in _IDS:
        return f"id.{_IDS[role]}"
    if form.grain == "order_line" and role in _PRODUCT:
        return f"product.{_PRODUCT[role]}"
    if form.grain == "person":
        return f"person.{_PERSON[role]}" if role in _PERSON else None
    if role in ("total", "price") and form.grain == "order_line":
        return None
    return _event_property(form, role)


def _has_order(form: Shape) -> bool:
    return not form.own and form.grain == "event" and "order_completed" in {form.event, *form.values.values()}


def _event_property(form: Shape, role: str) -> str | None:
    named = "total" if role == "price" and form.whole else _EVENT.get(role)
    if form.own:
        return f"event.{named}" if named and role not in ("total", "currency") else None
    events = [retail_terms()[e] for e in (form.event, *form.values.values()) if e]
    if named and any(named in e.properties for e in events):
        return f"event.{named}"
    # A person's name on each order line would be the same record many times over.
    whole_orders = form.lines is not None
    return f"person.{_PERSON[role]}" if role in _PERSON and whole_orders else None


def _cleaned(known: Known, part: Part, column: str, to: str) -> str | Column:
    seen = known.looks[column]
    clean: Clean = "none"
    if part.role in ("email", "phone"):
        clean = "email" if part.role == "email" else "phone"
    elif part.role in _NUMBERED and seen.float_text > 0.5:
        clean = "whole_number"
    return to if clean == "none" else Column(to=to, clean=clean)


def _left_over(
    known: Known, form: Shape, column: str, part: Part | None, account: str | None, name: str
) -> Made:
    seen = known.looks[column]
    if not seen.values:
        return "ignore", "empty in the sample", None
    useful = part is not None and part.role in _USEFUL
    # Where no row says whose it is, attributes are all there is to load; a list of products is about nobody.
    only = account == "row_number" and known.column("sku") is None
    if form.grain == "person" and (useful or only) and "[]." not in column:
        term = _attribute(seen, part, name)
        return f"person.{term.id}", f"kept as an attribute of the person ({described(seen)})", term
    if part:
        return "ignore", f"{part.because}; rows of this kind have no place for it", None
    return "ignore", f"nothing known goes by this name ({described(seen)})", None


def _attribute(seen: Look, part: Part | None, name: str) -> Term:
    """Return a new attribute term, unusable for choosing or addressing people until somebody decides (R-193)."""
    term_id, kind = _USEFUL.get(part.role if part else "", (_plain_name(seen.column, name), _type(seen)))
    label = term_id.replace("_", " ").capitalize()
    return Term(
        id=term_id, what="attribute", type=kind, label=label, system=term_id,  # type: ignore[arg-type]
        means=f"Column {seen.column} of {name}, as delivered.", personal=True, status="draft",
        uses=Uses(target="deny", content="deny", insight="allow"), purposes=["analytics.reporting"],
    )  # fmt: skip


def _plain_name(column: str, name: str) -> str:
    """Return a term's name for a column that no term of the plan goes by already."""
    plain = suggest(column)
    taken = {
        word.casefold()
        for t in retail_terms().values()
        for word in (t.id, t.label, t.system, t.id.replace("_", " "), *t.aliases)
    }
    if plain == "name_me" or {plain, plain.replace("_", " ")} & taken:
        return f"{name}_{plain}"
    return plain


def _type(seen: Look) -> Type:
    if seen.whole == 1:
        return "money" if set(words(seen.column)) & _MONEY else "integer"
    if seen.numbers == 1:
        return "money" if set(words(seen.column)) & _MONEY else "number"
    if seen.yes_no == 1:
        return "boolean"
    return "date" if seen.dates and seen.dates.share == 1 else "text"


def _told_apart(made: Mapping[str, Made]) -> dict[str, Made]:
    """Number new terms that came out with the same name, such as two lines of an address."""
    out: dict[str, Made] = {}
    used: Counter[str] = Counter()
    for column, (to, why, term) in made.items():
        used[term.id if term else ""] += 1
        if term and used[term.id] > 1:
            again = f"{term.id}_{used[term.id]}"
            label = again.replace("_", " ").capitalize()
            term = replace(term, id=again, label=label, system=again)
            to = f"person.{again}"
        out[column] = (to, why, term)
    return out


def _once(known: Known, made: Mapping[str, Made]) -> dict[str, Made]:
    """Keep the surest of the columns that go to one place, and ignore the others."""
    best: dict[str, str] = {}
    for column in sorted(made, key=lambda c: -_confidence(known, c)):
        best.setdefault(_to(made[column][0]), column)
    out = dict(made)
    for column, (to, _, _) in made.items():
        kept = best[_to(to)]
        if _to(to) != "ignore" and kept != column:
            out[column] = ("ignore", f"{kept} says the same more surely", None)
    return out


def _confidence(known: Known, column: str) -> float:
    part = known.parts.get(column)
    return part.confidence if part else 0.0


def _grouped(made: Mapping[str, Made], form: Shape) -> tuple[dict[str, str | Column], dict[str, str]]:
    """Leave out the fields of lists that hold no products: the list is ignored as a whole."""
    columns: dict[str, str | Column] = {}
    why: dict[str, str] = {}
    for column, (to, because, _) in made.items():
        top = column.partition("[].")[0]
        if "[]." in column and top != form.lines:
            columns[top.split(".")[0]], why[top.split(".")[0]] = (
                "ignore",
                "a list that holds no products with prices",
            )
        else:
            columns[column], why[column] = to, because
    return columns, why


def _sure(known: Known, form: Shape, column: str, to: str) -> float:
    part = known.parts.get(column)
    if column not in known.looks or not known.looks[column].values:
        return 0.9
    if to == "ignore":
        return part.confidence if part and part.role == "sensitive" else 0.5
    if part is None:
        return 0.5
    doubtful = form.whole and to == "event.total"
    return min(part.confidence, 0.4) if doubtful else part.confidence


def _key(known: Known, form: Shape, time: str | None) -> list[str]:
    """Return the fewest columns that tell events apart: a number of the row, then with kind, then with time."""
    if form.grain != "event" or form.whole:
        return []
    base = known.column("row", "message") or known.column("order")
    if base is None or known.looks[base].filled < 1:
        return []
    tried = [c for c in (base, form.kind, time) if c]
    for size in range(1, len(tried) + 1):
        rows = [tuple(row[c] for c in tried[:size]) for row in known.sample.rows]
        if len(set(rows)) == len(rows):
            return tried[:size]
    return []
