"""Rules as conditions: every operator means what plain Python says, on every engine, with values missing too."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shops import GRID, changed, plan_of
from sqlglot import exp

from butfor.audiences import Compiler, compile_audiences, condition, rule_sentence
from butfor.facts import clock_at
from butfor.model import BadDefinition, ButforError, Refused
from butfor.plan.kinds import Audience, Rule, Term, Uses
from butfor.store import Lake, Query, Table, open_lake

PLAN = plan_of(Path())
TRAITS = Table(
    "traits",
    {
        "person_id": "uuid", "orders": "integer", "spend": "money", "average_order": "number",
        "last_order_at": "timestamp", "birth_date": "date", "newsletter": "boolean", "city": "text",
    },
)  # fmt: skip
MOMENT = datetime(2026, 3, 29, 1, 30)
CLOCK = clock_at(MOMENT, "UTC")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "orders": st.integers(-1, 4),
    "spend": st.integers(-20_000, 20_000).map(lambda n: n / 10_000),
    "average_order": st.integers(-4, 8).map(lambda n: n / 4),
    "last_order_at": st.integers(-3, 3).map(lambda h: (MOMENT + timedelta(hours=h)).isoformat()),
    "birth_date": st.integers(-3, 3).map(lambda d: (date(2000, 2, 29) + timedelta(days=d)).isoformat()),
    "newsletter": st.booleans(),
    "city": st.text("aAéÉ'%_\\ \"", max_size=2),
}
READ: dict[str, Callable[[Any], Any]] = {
    "spend": lambda v: Decimal(str(v)),
    "last_order_at": datetime.fromisoformat,
    "birth_date": date.fromisoformat,
}


def typed(trait: str, value: Any) -> Any:
    return READ.get(trait, lambda v: v)(value)


def rows() -> st.SearchStrategy[list[dict[str, Any]]]:
    cells = {t: st.one_of(st.none(), s.map(lambda v, t=t: typed(t, v))) for t, s in VALUES.items()}
    row = st.fixed_dictionaries({"person_id": st.uuids().map(str), **cells})
    return st.lists(row, min_size=4, max_size=12, unique_by=lambda r: r["person_id"])


@st.composite
def leaf(draw: Any) -> Rule:
    trait = draw(st.sampled_from(sorted(VALUES)))
    value = VALUES[trait]
    ordered = ["at_least", "at_most", "above", "below", "between"] if trait != "newsletter" else []
    texts = ["contains"] if trait == "city" else []
    operator = draw(st.sampled_from(["equals", "not_equals", "one_of", "exists", *ordered, *texts]))
    many = {
        "between": st.lists(value, min_size=2, max_size=2),
        "one_of": st.lists(value, max_size=3),
        "exists": st.booleans(),
    }
    return Rule(trait=trait, **{operator: draw(many.get(operator, value))})


RULES = st.recursive(
    leaf(),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda r: Rule(all=r)),
        st.lists(inner, max_size=3).map(lambda r: Rule(any=r)),
        inner.map(lambda r: Rule(not_=r)),
    ),
    max_leaves=5,
)
PLAIN: dict[str, Callable[[Any, Any], bool]] = {
    "equals": lambda v, w: v == w,
    "not_equals": lambda v, w: v != w,
    "at_least": lambda v, w: v >= w,
    "at_most": lambda v, w: v <= w,
    "above": lambda v, w: v > w,
    "below": lambda v, w: v < w,
    "between": lambda v, w: w[0] <= v <= w[1],
    "one_of": lambda v, w: v in w,
    "contains": lambda v, w: w.lower() in v.lower(),
}


def holds(rule: Rule, row: dict[str, Any]) -> bool:
    """The meaning of a rule in plain Python, written without a look at the compiler."""
    if rule.all is not None:
        return all(holds(r, row) for r in rule.all)
    if rule.any is not None:
        return any(holds(r, row) for r in rule.any)
    if rule.not_ is not None:
        return not holds(rule.not_, row)
    known = row[str(rule.trait)]
    if rule.exists is not None:
        return (known is not None) is rule.exists
    operator, wanted = next((o, w) for o in PLAIN if (w := getattr(rule, o)) is not None)
    if known is None:
        return operator == "not_equals"
    many = operator in ("between", "one_of")
    value = [typed(str(rule.trait), w) for w in wanted] if many else typed(str(rule.trait), wanted)
    return PLAIN[operator](known, value)


@pytest.fixture
def lake(lake_url: str, tmp_path: Path) -> Iterator[Lake]:
    with closing(open_lake(lake_url, tmp_path)) as opened:
        yield opened


def test_a_compiled_rule_means_what_plain_python_says(lake: Lake) -> None:
    @settings(
        max_examples=40 if lake.engine == "duckdb" else 6,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(rows(), st.lists(RULES, min_size=8, max_size=12))
    def agree(people: list[dict[str, Any]], rules: list[Rule]) -> None:
        lake.stage("people", pa.Table.from_pylist(people, schema=TRAITS.arrow_schema()))
        columns = [condition(PLAN, rule, CLOCK).as_(f"r{i}") for i, rule in enumerate(rules)]
        query = exp.select("person_id", *columns).from_("people")
        found = {str(r["person_id"]): r for r in lake.fetch(Query("q", query)).to_pylist()}
        for row in people:
            answers = [found[row["person_id"]][f"r{i}"] for i in range(len(rules))]
            assert answers == [holds(rule, row) for rule in rules], row

    agree()


def test_a_text_may_hold_what_sql_means_something_by(lake: Lake) -> None:
    words = ["'", "\\", "\\'", "%", "a_b", "--", "\n", "\t", '"', "ß", "😀", "\\n"]
    people = [{"person_id": str(uuid.UUID(int=i)), "city": w} for i, w in enumerate(words)]
    lake.stage("people", pa.Table.from_pylist(people, schema=TRAITS.arrow_schema()))
    for row in people:
        query = (
            exp.select("city")
            .from_("people")
            .where(condition(PLAN, Rule(trait="city", equals=row["city"]), CLOCK))
        )
        assert lake.fetch(Query("q", query)).to_pylist() == [{"city": row["city"]}]


BAD: list[tuple[Rule, type[ButforError], str]] = [
    (Rule(trait="orders", at_least="2"), BadDefinition, "is compared with an integer"),
    (Rule(trait="orders", equals=True), BadDefinition, "is compared with an integer"),
    (Rule(trait="spend", above=float("inf")), BadDefinition, "is compared with a money"),
    (Rule(trait="spend", above=1e15), BadDefinition, "is compared with a money"),
    (Rule(trait="average_order", above=float("nan")), BadDefinition, "is compared with a number"),
    (Rule(trait="city", equals=3), BadDefinition, "is compared with a text"),
    (Rule(trait="newsletter", equals="yes"), BadDefinition, "is compared with a boolean"),
    (Rule(trait="birth_date", above="1.1.2000"), BadDefinition, "2026-01-31"),
    (Rule(trait="last_order_at", above="soon"), BadDefinition, "2026-01-31T12"),
    (Rule(trait="orders", contains="1"), BadDefinition, "contains compares text"),
    (Rule(trait="order", at_least=1), BadDefinition, "did you mean orders"),
    (Rule(trait="order_completed", exists=True), BadDefinition, "people are chosen by"),
    (Rule(trait="orders"), BadDefinition, "exactly one operator"),
    (Rule(trait="orders", at_least=1, at_most=2), BadDefinition, "exactly one operator"),
    (Rule(audience="everbody"), BadDefinition, "did you mean everybody"),
    (Rule(audience="everybody.x"), BadDefinition, "only a grid has cells"),
    (Rule(audience="rfm.bets"), BadDefinition, "did you mean best"),
]


@pytest.mark.parametrize(("rule", "kind", "words"), BAD, ids=lambda v: getattr(v, "trait", None))
def test_a_rule_that_cannot_be_read_says_why(rule: Rule, kind: type[ButforError], words: str) -> None:
    with pytest.raises(kind, match=words):
        Compiler(plan_of(Path(), GRID), CLOCK).condition(rule)


@pytest.mark.requirement("R-193")
@pytest.mark.parametrize("trait", ["first_name", "email", "genre"])
def test_a_trait_that_may_not_choose_people_is_refused_anywhere_in_a_rule(trait: str) -> None:
    uses = Uses(target="deny", content="allow", insight="allow")
    genre = Term(
        id="genre", what="attribute", type="text", label="Genre", system="genre", means="A genre.", uses=uses
    )
    rule = Rule(any=[Rule(trait="orders", at_least=1), Rule(not_=Rule(trait=trait, equals="x"))])
    with pytest.raises(Refused, match="R-193"):
        condition(plan_of(Path(), genre), rule, CLOCK)


def test_a_time_with_an_offset_is_compared_in_utc() -> None:
    with_offset = condition(PLAN, Rule(trait="last_order_at", above="2026-03-29T03:30:00+02:00"), CLOCK)
    assert with_offset == condition(PLAN, Rule(trait="last_order_at", above="2026-03-29T01:30:00"), CLOCK)
    assert datetime(2026, 3, 29, 1, 30, tzinfo=UTC).isoformat()[:19].replace("T", " ") in with_offset.sql()


def of_audience(name: str, inner: str) -> Audience:
    return Audience(id=name, label=name, why="a test", rule=Rule(all=[Rule(not_=Rule(audience=inner))]))


@pytest.mark.parametrize("names", ["aa", "aba", "abca"])
def test_audiences_that_contain_themselves_are_refused(names: str) -> None:
    plan = plan_of(Path(), *(of_audience(a, b) for a, b in pairwise(names)))
    with pytest.raises(BadDefinition, match="do not contain themselves") as caught:
        Compiler(plan, CLOCK).audience(names[0])
    assert caught.value.value == " -> ".join(names)


def test_an_audience_used_twice_is_no_cycle() -> None:
    both = Audience(
        id="both", label="Both", rule=Rule(all=[Rule(audience="everybody"), Rule(audience="everybody")])
    )
    assert set(compile_audiences(plan_of(Path(), both, GRID), CLOCK).names) == {
        "both", "everybody", "rfm.best", "rfm.rest", "rfm.no_purchase",
    }  # fmt: skip


def test_retired_audiences_are_not_computed() -> None:
    everybody = PLAN.get(Audience, "everybody")
    assert compile_audiences(plan_of(Path(), changed(everybody, status="retired")), CLOCK).names == []


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule(all=[Rule(trait="orders", at_least=2), Rule(trait="city", one_of=["Rome", "Bari"])]), "Purchases is at least 2 and City is one of Rome, Bari"),
        (Rule(not_=Rule(any=[Rule(trait="city", exists=True), Rule(audience="everybody")])), "not (City is known or in audience Everybody)"),
        (Rule(trait="recency_days", between=[90, 365]), "Days since last purchase is from 90 to 365 days"),
        (Rule(trait="city", one_of=["Rome"]), "City is one of Rome"), (Rule(all=[]), "everybody"), (Rule(any=[]), "nobody"),
    ],
)  # fmt: skip
def test_rule_sentence_says_a_rule_in_the_words_of_a_marketer(rule: Rule, words: str) -> None:
    assert rule_sentence(PLAN, rule) == words
