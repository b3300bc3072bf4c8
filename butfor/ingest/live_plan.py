"""What the plan says about live events: which name is which term, and where in a call each property stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from butfor.ingest.cells import NULL_LIKE, cleaned, ident, text, typed
from butfor.ingest.fields import Field
from butfor.ingest.judge import judges
from butfor.ingest.stage import Check, Staging, length_checks, product_checks, time_checks
from butfor.plan import Plan
from butfor.plan.kinds import Column, Property, Returns, Source, Term

# Names of Segment's e-commerce spec that say what another of its names says, where that one is missing.
_ALSO = {"total": ("revenue", "value"), "product_id": ("sku",)}
_LONGEST = max(map(len, NULL_LIKE))
_NOTHING = text("|".join(re.escape(word) for word in NULL_LIKE))
_CLEAN: dict[str, Literal["none", "email", "phone"]] = {"email": "email", "phone": "phone"}


class Reading(msgspec.Struct, frozen=True):
    """How the calls of one kind become ``raw``: the staging that types it, the SQL that makes it of ``live``, and
    per event term (or kind of call) the names that the plan knows."""

    staging: Staging
    raw: str
    known: dict[str, list[str]]
    device: str | None


class _Paths:
    """Collects the paths that are read from each JSON part of a call, so that each part is parsed once."""

    def __init__(self) -> None:
        self.parts: dict[str, list[str]] = {}

    def first(self, places: list[tuple[str, str]], condition: str = "") -> str:
        """Return SQL of the first of some (part, name) that says something, as text."""
        values = [_filled(self._one(part, name)) for part, name in places]
        value = f"coalesce({', '.join(values)})" if len(values) > 1 else values[0]
        return f"CASE WHEN {condition} THEN {value} END" if condition else value

    def _one(self, part: str, name: str) -> str:
        paths = self.parts.setdefault(part, [])
        path = "$." + ".".join(f'"{s}"' for s in name.split("."))
        if path not in paths:
            paths.append(path)
        return f"_{part}[{paths.index(path) + 1}]"

    def raw(self, columns: dict[str, str], condition: str) -> str:
        """Return SQL of the table ``raw``: the events of ``live`` that meet a condition, and these columns."""
        parts = [
            f"json_extract_string({part}, [{', '.join(map(text, paths))}]) AS _{part}"
            for part, paths in self.parts.items()
        ]
        named = [f"{value} AS {ident(name)}" for name, value in columns.items()]
        hidden = f" EXCLUDE ({', '.join(f'_{p}' for p in self.parts)})" if self.parts else ""
        read = f"SELECT {', '.join(['*', *parts])} FROM live WHERE {condition}"
        return f"SELECT {', '.join([f'*{hidden}', *named])} FROM ({read})"


def words(plan: Plan) -> dict[str, str]:
    """Return the term of each event name: its system's name, its id and its aliases, as written and in lower case."""
    found: dict[str, str] = {}
    terms = [t for t in plan.all(Term) if t.what == "event"]
    for names in (
        [(t.system, t) for t in terms],
        [(t.id, t) for t in terms],
        [(a, t) for t in terms for a in t.aliases],
    ):
        for name, term in names:
            for form in (name, name.strip().lower()):
                found.setdefault(form, term.id)
    if "Screen Viewed" not in found and "Page Viewed" in found:
        found["Screen Viewed"] = found["Page Viewed"]
    return found


def people_reading(plan: Plan, source: Source) -> Reading:
    """Return how identify, alias and group calls are read: traits become attributes and identifiers."""
    made, paths = _source(source, "person"), _Paths()
    terms = [t for t in plan.all(Term) if t.what == "attribute"]
    fields, columns = _common(made), dict[str, str]()
    for field, value in _identifiers(plan, paths):
        fields.append(field)
        columns[field.column] = value
    for t in terms:
        fields.append(_field(made, f"traits.{t.system}", f"person.{t.id}", t.type or "text"))
        columns[fields[-1].column] = _trait(t, paths)
    checks = [*time_checks(fields[0], _LATEST), *_type_checks(fields)]
    about = [t for t in plan.all(Term) if t.what in ("attribute", "identifier")]
    known = sorted({n.split(".")[0] for t in about for n in (t.system, t.id)})
    raw = paths.raw(columns, "term IS NULL")
    return Reading(
        Staging(made, fields, checks, [], judges(plan, source, fields)),
        raw,
        {"identify": known, "alias": known},
        _device(plan),
    )


def event_readings(plan: Plan, source: Source) -> list[Reading]:
    """Return how track, page and screen calls are read; terms whose properties share a name but no type are apart."""
    return [_events(plan, source, group) for group in _groups(plan)]


def _events(plan: Plan, source: Source, terms: list[Term]) -> Reading:
    props = {n: p for t in terms for n, p in t.properties.items()}
    products = {n: p for t in terms for n, p in t.products.items()}
    made = _source(source, "event", {f"products[].{n}": f"product.{n}" for n in products})
    fields, columns, paths = _common(made), dict[str, str](), _Paths()
    fields.append(Field("term", "event", "event", "text", True, '"term"', '"text_event"'))
    for field, value in _identifiers(plan, paths):
        fields.append(field)
        columns[field.column] = value
    for n, p in props.items():
        fields.append(_field(made, f"properties.{n}", f"event.{n}", p.type))
        columns[f"properties.{n}"] = paths.first([("properties", form) for form in _forms(n)])
    if products:
        columns["products"] = "json_extract(properties, '$.products')"
    checks = [
        *time_checks(fields[0], _LATEST),
        *_required(terms),
        *_type_checks(fields),
        *product_checks(made, terms),
    ]
    known = {
        t.id: [f for n in t.properties for f in _forms(n)] + ["products"] * bool(t.products) for t in terms
    }
    mine = f"term IN ({', '.join(text(t.id) for t in terms)})"
    staging = Staging(made, fields, checks, terms, judges(plan, source, fields))
    return Reading(staging, paths.raw(columns, mine), known, _device(plan))


# An event may be a day ahead of the moment that it came in: what it says again later must not let it pass.
_LATEST = "CAST(received AS TIMESTAMP) + INTERVAL 1 DAY"


def _groups(plan: Plan) -> list[list[Term]]:
    groups: list[tuple[dict[str, str], list[Term]]] = []
    for term in [t for t in plan.all(Term) if t.what == "event"]:
        own: dict[str, str] = {f"event.{n}": p.type for n, p in term.properties.items()}
        own |= {f"product.{n}": p.type for n, p in term.products.items()}
        for types, terms in groups:
            if all(types.get(n, kind) == kind for n, kind in own.items()):
                types |= own
                terms.append(term)
                break
        else:
            groups.append((own, [term]))
    return [terms for _, terms in groups]


def _source(source: Source, grain: str, columns: dict[str, str] | None = None) -> Source:
    return msgspec.structs.replace(
        source, grain=grain, columns=columns or {}, account="account", key=["message_id"], event=None, time_zone="UTC",
        returns=Returns(when="never"),
    )  # fmt: skip


def _common(source: Source) -> list[Field]:
    cell = ident("text_time")
    account = Field("account", "account", "account", "text", False, '"account"', '"text_account"')
    return [
        Field("time", "time", "time", "timestamp", False, ident("time"), typed(cell, "timestamp", source)),
        account,
    ]


def _field(source: Source, column: str, target: str, kind: str) -> Field:
    name = target.replace(".", "_", 1)
    cell = ident(f"text_{name}")
    return Field(column, target, name, kind, False, ident(column), typed(cell, kind, source))


def _identifiers(plan: Plan, paths: _Paths) -> Iterator[tuple[Field, str]]:
    """Yield a field for each identifier term, and the SQL that finds its value in a call."""
    own = {"userId": "user_id", "anonymousId": "anonymous_id", "groupId": "group_id"}
    for t in [t for t in plan.all(Term) if t.what == "identifier"]:
        column = own.get(t.system, f"traits.{t.system}")
        name, clean = f"id.{t.id}", _CLEAN.get(t.id, "none")
        raw = cleaned(ident(name), Column(to=name, clean=clean))
        field = Field(name, name, f"id_{t.id}", "text", False, raw, ident(f"text_id_{t.id}"), clean)
        yield field, own[t.system] if column in own.values() else _trait(t, paths, "properties")


def _device(plan: Plan) -> str | None:
    return next((t.id for t in plan.all(Term) if t.what == "identifier" and t.system == "anonymousId"), None)


def _trait(term: Term, paths: _Paths, *more: str) -> str:
    names = list(dict.fromkeys([term.system, term.id]))
    # The traits of a group are not those of a person in it.
    return paths.first(
        [(part, n) for part in ("traits", "context_traits", *more) for n in names], "kind <> 'group'"
    )


def _forms(name: str) -> list[str]:
    camel = re.sub(r"_([a-z])", lambda m: m[1].upper(), name)
    return list(dict.fromkeys([name, camel, *_ALSO.get(name, ())]))


def _filled(value: str) -> str:
    # Words that mean nothing are short. A pattern is planned faster than a list of them, which counts in small batches.
    plain = f"length({value}) > {_LONGEST} AND NOT starts_with({value}, ' ') AND NOT ends_with({value}, ' ')"
    return f"CASE WHEN {plain} THEN {value} WHEN NOT regexp_full_match(trim({value}), {_NOTHING}) THEN trim({value}) END"


def _required(terms: list[Term]) -> Iterator[Check]:
    names = dict.fromkeys(n for t in terms for n, p in t.properties.items() if p.required)
    for name in names:
        needing = [t.id for t in terms if t.properties.get(name, Property(type="text")).required]
        cell = ident(f"text_event_{name}")
        yield Check(
            f"missing {name}",
            f"properties.{name}",
            f"term IN ({', '.join(map(text, needing))}) AND {cell} IS NULL",
        )


def _type_checks(fields: list[Field]) -> Iterator[Check]:
    for f in fields:
        if f.kind != "text" and f.target != "time":
            name = f.target.split(".", 1)[-1]
            condition = f"{ident(f.text)} IS NOT NULL AND ({f.value}) IS NULL"
            yield Check(f"bad type: {name} is no {f.kind}", f.column, condition)
    yield from length_checks(fields)
