"""Membership in full = for the people touched = after time has passed = what plain Python says, on every engine (invariant 5)."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import Happening, Human, World, fact, holds, operator_of
from worlds import Maker, Shop

from butfor.app.members import compute_everybody
from butfor.app.people import look_again, refresh
from butfor.audiences import parse_rule, rule_text
from butfor.plan.kinds import Rule, Term

PEOPLE, RULES = 12, 30
# Each is one rule on one random history, at three times: in full, after events came in, after time has passed.
CASES: Counter[str] = Counter()
USED: Counter[str] = Counter()


def traits(who: Human, shop: Shop, world: World) -> Human:
    computed = {
        t: fact(shop.plan.get(Term, t).compute or Rule(), who, world)
        for t in ("bought_pieces", "skus", "quiet_days")
    }
    return Human(
        who.id, who.traits | computed, who.events, who.sources, who.consent, who.channels, who.contacts
    )


def agree(
    shop: Shop, known: list[tuple[Human, Happening]], rules: dict[str, Rule], now: datetime, said: str
) -> None:
    """Compare the members of every audience with what plain Python says of the events that came in."""
    world = World(now, shop.made.zone, rules)
    mine: dict[str, list[Happening]] = {p.id: [] for p in shop.people}
    for p, e in known:
        mine[p.id].append(e)
    people = [
        traits(Human(p.id, p.traits, mine[p.id], p.sources, p.consent, p.channels, p.contacts), shop, world) for p in shop.people
    ]  # fmt: skip
    for name, rule in rules.items():
        wanted = sorted(p.id for p in people if holds(rule, p, world))
        found = [str(p) for p in shop.ws.members(name)["person_id"].to_pylist()]
        assert found == wanted, f"{said}, {now}, {shop.made.zone}: {rule_text(rule)}"
        CASES[shop.ws.lake.engine] += len(people)


def everybody(shop: Shop, now: datetime) -> None:
    shop.ws.traits(now)
    compute_everybody(shop.plan, shop.ws.hub, shop.ws.lake, now)


def play(seed: int, lake: str, folder: Path, rules_: int = RULES) -> None:
    """Some events come in, then the others, late and out of order; then time passes and nothing happens."""
    made = Maker(seed)
    people = made.people(PEOPLE)
    rules = {
        "first": made.event(),
        "second": made.rule(1),
        **{f"rule_{i}": made.rule() for i in range(rules_)},
    }
    rules["first"], rules["second"] = (
        Rule(all=[]) if _asks(r) else r for r in (rules["first"], rules["second"])
    )
    for rule in rules.values():
        USED.update(_operators(rule))
    shop = Shop(folder, lake, made, people, rules)
    try:
        for rule in rules.values():
            assert parse_rule(shop.plan, rule_text(rule)) == plain(rule)
        events = [(p, e) for p in people for e in p.events]
        made.random.shuffle(events)
        half = len(events) // 2
        shop.happen(events[:half])
        everybody(shop, made.now)
        agree(shop, events[:half], rules, made.now, "in full")
        shop.happen(events[half:])
        refresh(shop.ws, {p.id for p, _ in events[half:]})
        agree(shop, events, rules, made.now, "after events")
        now = made.now
        for hours in (made.random.choice([1, 3, 9]), made.random.choice([20, 24, 47])):
            now += timedelta(hours=hours)
            shop.ws._now = now
            look_again(shop.ws)
            agree(shop, events, rules, now, "after time")
        kept = {n: shop.ws.members(n).to_pylist() for n in rules}
        everybody(shop, now)
        assert {n: shop.ws.members(n).to_pylist() for n in rules} == kept
    finally:
        shop.close()


def plain(rule: Rule) -> Rule:
    """A list of one condition is that condition."""
    for parts in (rule.all, rule.any):
        if parts is not None and len(parts) == 1:
            return plain(parts[0])
    fields: dict[str, Any] = {
        w: [plain(r) for r in parts] for w, parts in (("all", rule.all), ("any", rule.any)) if parts
    }
    fields |= {w: plain(r) for w in ("not_", "where", "then", "then_not") if (r := getattr(rule, w))}
    return msgspec.structs.replace(rule, **fields)


def _asks(rule: Rule) -> bool:
    return "audience='" in str(rule)


def _operators(rule: Rule) -> list[str]:
    inner = [*(rule.all or []), *(rule.any or []), *([rule.not_] if rule.not_ else [])]
    if inner or rule.all is not None or rule.any is not None:
        return [o for r in inner for o in _operators(r)]
    where = _operators(rule.where) if rule.where else []
    whole = rule.audience or rule.reachable or rule.near or rule.share is not None or rule.source
    return [*where, *([] if whole else [operator_of(rule)[0]]), *([f"take {rule.take}"] if rule.take else [])]


def _worlds(lake_url: str, examples: int, rules: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=not os.environ.get("BUTFOR_WORLDS"),
    )
    @given(st.integers(0, 2**32 - 1))
    def worlds(seed: int) -> None:
        # Each world has a lake of its own: on a server it is a database in a folder.
        mark = f"{seed}_{uuid.uuid4().hex[:4]}"
        own = (
            f"{lake_url}x{mark}".replace("/warehouse", f"/warehouse{mark}")
            if "database=" in lake_url
            else lake_url
        )
        try:
            with tempfile.TemporaryDirectory() as folder:
                play(seed, own, Path(folder), rules)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise

    worlds()


# How many worlds a run of all tests plays, and with how many rules; BUTFOR_WORLDS=60 plays more, others each time.
WORLDS = {"duckdb": (14, RULES), "sail": (1, RULES), "spark": (1, 8)}


class TestConformance:
    @pytest.mark.requirement("R-091", "R-120")
    @pytest.mark.slow
    def test_every_rule_means_what_plain_python_says(
        self, lake_url: str, request: pytest.FixtureRequest
    ) -> None:
        engine = next(e for e in WORLDS if f"[{e}" in request.node.name)
        worlds, rules = WORLDS[engine]
        _worlds(lake_url, int(os.environ.get("BUTFOR_WORLDS", worlds)), rules)
        if engine == "duckdb":
            assert CASES["duckdb"] >= 20_000 or os.environ.get("BUTFOR_WORLDS")
